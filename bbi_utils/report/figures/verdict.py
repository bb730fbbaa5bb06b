"""A certificate as a picture: what each adversary reached, between its bounds, beside epsilon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bbi_utils.report.figures.advantage import GAMES
from bbi_utils.report.figures.style import (
    ARMS,
    CHANCE,
    as_drawn,
    canvas,
    chance_handle,
    legend_below,
    name_rows,
    pair_title,
    point,
    use_style,
    width_of,
    words,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bbi_utils.games.certificate import Certificate

ASKED: dict[str, Any] = {"color": "#333333", "linewidth": 1.1, "linestyle": ":", "zorder": 1}
CAPTION = (
    "{verdict} at epsilon = {epsilon:g}: distinguishing advantage, 2 Pr[correct] - 1, of each adversary on "
    "{n} prompts it was not trained on, the strongest first. Lines are exact {level:.0%} bounds, "
    "simultaneous over all rows of one colour. Dashed: chance. Dotted: epsilon.{null}"
)
NULL = " 'Teacher again', the floor to compare with: the teacher against its own second answer, {n} prompts."


def verdict_figure(certificate: Certificate, null: Certificate | None = None) -> Figure:
    """Estimate and bounds of each adversary and game. null: the same for the teacher's second answers."""
    shown = [certificate] if null is None else [certificate, null]
    best = sorted(certificate.rows, key=lambda row: -row.advantage)
    names = [(row.adversary, row.game) for row in best]
    with use_style():
        fig, axes = canvas(1, 1, size=(width_of(1), 1.1 + 0.36 * len(names)))
        ax = axes[0, 0]
        ax.axvline(0, **CHANCE)
        asked = ax.axvline(certificate.epsilon, label=f"ε = {certificate.epsilon:g}", **ASKED)
        for place, one in enumerate(shown):
            _points(ax, one, names, shift=0.24 * (place - (len(shown) - 1) / 2))
        name_rows(ax, [f"{words(a)}\n{GAMES.get(g, words(g))}" for a, g in names])
        ax.set_xlabel("distinguishing advantage")
        heading = as_drawn(pair_title(certificate.pair))
        ax.set_title(f"{heading}: {certificate.verdict} at ε = {certificate.epsilon:g}")
        legend_below(fig, [ARMS[one.contrast] for one in shown], extra=[chance_handle("chance"), asked])
    fig.set_label(_caption(certificate, null))
    return fig


def _points(ax: Axes, certificate: Certificate, names: list[tuple[str, str]], *, shift: float) -> None:
    for row in certificate.rows:
        y = names.index((row.adversary, row.game)) + shift
        point(ax, row.advantage, y, (row.lower, row.upper), mark=ARMS[certificate.contrast])


def _caption(certificate: Certificate, null: Certificate | None) -> str:
    return CAPTION.format(
        verdict=certificate.verdict.capitalize(),
        epsilon=certificate.epsilon,
        n=f"{certificate.prompts:,}",
        level=certificate.confidence,
        null="" if null is None else NULL.format(n=f"{null.prompts:,}"),
    )
