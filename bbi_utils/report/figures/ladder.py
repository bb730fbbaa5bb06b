"""The calibration ladder: from the teacher against itself up to the base student, through every adversary."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bbi_utils.report.figures.panels import forest_figure, over_all
from bbi_utils.report.figures.style import ARMS, chance_handle, legend_below, limit_handles, use_style
from bbi_utils.report.labels import LIKELIHOOD, how_many, listed, pairs_in, words

RUNGS = ("teacher_resample", "teacher_4bit", "distilled", "base")
FLOOR = RUNGS[:2]
FLOOR_COLOUR = "#e3ece6"
CAPTION = (
    "Calibration ladder: the advantage of each adversary that sees two answers against, from the top down, "
    "{rungs}, on {n} held-out prompts. Lines are {level:.0%} intervals that hold together over the rows of "
    "one colour; the floor is as far as those of the teacher against {floor} reach."
)


@use_style()
def ladder_figure(
    advantage: pd.DataFrame, *, limit: pd.DataFrame | None = None, confidence: float = 0.95
) -> Figure:
    """The rungs of each adversary, one panel a pair, with intervals, the floor and the chance line.

    advantage: `games.advantage`. Contrasts that are no rung are not drawn; rungs that it lacks are left out.
    limit: as `advantage_figure`.
    """
    table = advantage[(advantage["game"] == "pairwise") & advantage["contrast"].isin(RUNGS)]
    rungs = [rung for rung in RUNGS if rung in set(table["contrast"])]
    top = over_all(limit, table)
    played = [*_weakest_first(table, rungs[-1]), *([LIKELIHOOD] if len(top) else [])]
    names = {(name,): words(name) for name in played}
    height, step = 0.95 + (0.13 + 0.12 * len(rungs)) * len(names), 0.8 / len(rungs)
    drawn: dict[str, Any] = {"by": ["adversary"], "arms": rungs, "shaded": False, "step": step}
    fig, axes = forest_figure(table, names, limit=top, height=height, **drawn)
    for ax, pair in zip(axes, pairs_in(table["pair"]), strict=True):
        if (band := floor_band(table[table["pair"] == pair])) is not None:
            ax.axvspan(*band, color=FLOOR_COLOUR, linewidth=0, zorder=0)
        for row in range(1, len(names)):
            ax.axhline(row - 0.5, color="#dddddd", linewidth=0.6, zorder=1)
    floor = Patch(color=FLOOR_COLOUR, label="the teacher's own floor")
    legend_below(fig, [ARMS[rung] for rung in rungs], floor, *limit_handles(top), chance_handle())
    fig.set_label(_caption(table, rungs, confidence))
    return fig


def _caption(table: pd.DataFrame, rungs: list[str], confidence: float) -> str:
    names = {"teacher_resample": "itself", "teacher_4bit": "its own 4-bit form"}
    floor = " and ".join(names[rung] for rung in FLOOR if rung in rungs) or "itself (not in this table)"
    said = {"rungs": listed(ARMS[rung].name for rung in rungs), "floor": floor}
    return CAPTION.format(n=how_many(table["n"]), level=confidence, **said)


def _weakest_first(table: pd.DataFrame, rung: str) -> list[str]:
    """Adversaries by their mean advantage over the pairs on the highest rung."""
    best = table[table["contrast"] == rung].groupby("adversary")["advantage"].mean()
    return sorted(set(table["adversary"]), key=lambda name: (best.get(name, 0.0), name))


def floor_band(table: pd.DataFrame) -> tuple[float, float] | None:
    """Smallest lower and largest upper bound of the floor's rungs; None where the table has none of them."""
    floor = table[table["contrast"].isin(FLOOR)]
    return None if floor.empty else (float(floor["lower"].min()), float(floor["upper"].max()))
