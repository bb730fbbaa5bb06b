"""A certificate as a picture: what each adversary reached, between its bounds, beside epsilon."""

from dataclasses import asdict
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from bbi_utils.games.certificate import Certificate
from bbi_utils.report.figures.panels import forest_figure
from bbi_utils.report.figures.style import ARMS, chance_handle, legend_below, use_style
from bbi_utils.report.labels import as_drawn, game_of, pair_title

ASKED: dict[str, Any] = {"color": "#333333", "linewidth": 1.1, "linestyle": ":", "zorder": 1}
CAPTION = (
    "{verdict} at epsilon = {0.epsilon:g}: distinguishing advantage, 2 Pr[correct] - 1, of each adversary on "
    "{0.prompts:,} prompts it was not trained on, the strongest first. Lines are exact {0.confidence:.0%} "
    "bounds, simultaneous over all rows of one colour. Dashed: chance. Dotted: epsilon.{null}"
)
NULL = " 'Teacher again', the floor to compare with: the teacher against its own second answer, {n} prompts."


@use_style()
def verdict_figure(certificate: Certificate, null: Certificate | None = None) -> Figure:
    """Estimate and bounds of each adversary and game. null: the same for the teacher's second answers."""
    shown = [certificate] if null is None else [certificate, null]
    arms = [one.contrast for one in shown]
    best = sorted(certificate.rows, key=lambda row: -row.advantage)
    names = {(row.adversary, row.game): game_of(row.adversary, row.game) for row in best}
    rows = [{"contrast": one.contrast, **asdict(row)} for one in shown for row in one.rows]
    table, height = pd.DataFrame(rows).assign(pair=certificate.pair), 1.1 + 0.36 * len(names)
    fig, (ax,) = forest_figure(table, names, arms=arms, shaded=False, height=height)
    asked = ax.axvline(certificate.epsilon, label=f"ε = {certificate.epsilon:g}", **ASKED)
    heading = as_drawn(pair_title(certificate.pair))
    ax.set_title(f"{heading}: {certificate.verdict} at {asked.get_label()}")
    legend_below(fig, [ARMS[arm] for arm in arms], chance_handle(), asked)
    floor = "" if null is None else NULL.format(n=f"{null.prompts:,}")
    fig.set_label(CAPTION.format(certificate, verdict=certificate.verdict.capitalize(), null=floor))
    return fig
