"""A certificate as a picture: what each adversary reached, between its bounds, beside epsilon."""

from dataclasses import asdict
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from bbi_utils.games.certificate import Certificate
from bbi_utils.report.figures.panels import forest_figure, over_all
from bbi_utils.report.figures.style import ARMS, chance_handle, legend_below, limit_handles, use_style
from bbi_utils.report.labels import GAMES, LIKELIHOOD, game_of, heading, how_many, in_order, pair_title

ASKED: dict[str, Any] = {"color": "#333333", "linewidth": 1.1, "linestyle": ":", "zorder": 1}
CAPTION = (
    "{title}, {arm}: {0.verdict} at ε = {0.epsilon:.3g}, by the advantage of each adversary on "
    "{n} prompts that it was not trained on. Lines are exact {0.confidence:.0%} bounds that hold "
    "together over the rows of one colour{null}."
)
NULL = "; 'teacher again' is the null control, the teacher against its own second answer on {n} prompts"


@use_style()
def verdict_figure(
    certificate: Certificate, null: Certificate | None = None, *, limit: pd.DataFrame | None = None
) -> Figure:
    """Estimate and bounds of each adversary and game. null: the same for the teacher's second answers.

    limit: `summaries.limits`, drawn where the certificate asks one prompt a game, as the limit does.
    """
    shown = [certificate] if null is None else [certificate, null]
    arms = [one.contrast for one in shown]
    best = sorted(certificate.rows, key=lambda row: -row.advantage)
    rows = [{"contrast": one.contrast, **asdict(row)} for one in shown for row in one.rows]
    table = pd.DataFrame(rows).assign(pair=certificate.pair)
    top = over_all(limit if certificate.q == 1 else None, table)
    played = [(LIKELIHOOD, game) for game in in_order(set(top["game"]), GAMES)]
    names = {row: game_of(*row) for row in [*((row.adversary, row.game) for row in best), *played]}
    height = 1.1 + 0.36 * len(names)
    fig, (ax,) = forest_figure(table, names, arms=arms, limit=top, shaded=False, height=height)
    asked = ax.axvline(certificate.epsilon, label=f"ε = {certificate.epsilon:.3g}", **ASKED)
    ax.set_title(heading(certificate.pair, f"{certificate.verdict} at {asked.get_label()}", ":"))
    legend_below(fig, [ARMS[arm] for arm in arms], *limit_handles(top), chance_handle(), asked)
    floor = "" if null is None else NULL.format(n=_prompts(null))
    said = {"title": pair_title(certificate.pair), "arm": ARMS[certificate.contrast].name, "null": floor}
    said["n"] = _prompts(certificate)
    fig.set_label(CAPTION.format(certificate, **said))
    return fig


def _prompts(certificate: Certificate) -> str:
    """On how many prompts the rows rest: a judge may have read fewer than the others."""
    return how_many(certificate.q * row.n for row in certificate.rows)
