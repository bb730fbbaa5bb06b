"""The calibration ladder: from the teacher against itself up to the base student, through every adversary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bbi_utils.errors import BadInput
from bbi_utils.report.figures.style import (
    ARMS,
    CHANCE,
    canvas,
    chance_handle,
    counted,
    legend_below,
    name_rows,
    pair_title,
    pairs_in,
    point,
    use_style,
    width_of,
    words,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RUNGS = ("teacher_resample", "teacher_4bit", "distilled", "base", "student")
FLOOR = RUNGS[:2]
FLOOR_COLOUR = "#e3ece6"
CAPTION = (
    "Calibration ladder in the {game} game: the advantage of each adversary against, from top to bottom, "
    "{rungs}. {n} held-out prompts. Lines are {level:.0%} intervals over prompts, simultaneous over all "
    "adversaries and games of a pair and contrast. Shaded: the floor, from the smallest lower to the "
    "largest upper bound of the teacher against {floor}, over all adversaries. A student inside it is not "
    "shown to differ from the teacher by more than that. Dashed: chance."
)


def ladder_figure(advantage: pd.DataFrame, *, game: str = "pairwise", confidence: float = 0.95) -> Figure:
    """The rungs of each adversary, one panel a pair, with intervals, the floor and the chance line.

    advantage: `games.advantage`. Contrasts that are no rung are not drawn; rungs that it lacks are left out.
    Raises BadInput where it has no rung in this game.
    """
    table = advantage[(advantage["game"] == game) & advantage["contrast"].isin(RUNGS)]
    rungs = [rung for rung in RUNGS if rung in set(table["contrast"])]
    if not rungs:
        raise BadInput(
            f"ladder: no row of game {game!r} for any of {list(RUNGS)}; play these contrasts first"
        )
    pairs, rows = pairs_in(table["pair"]), _weakest_first(table, rungs[-1])
    size = (width_of(len(pairs)), 0.95 + (0.13 + 0.12 * len(rungs)) * len(rows))
    with use_style():
        fig, axes = canvas(1, len(pairs), size=size, sharey=True, sharex=True)
        for ax, pair in zip(axes[0], pairs, strict=True):
            _panel(ax, table[table["pair"] == pair], rows, rungs)
            ax.set_title(pair_title(pair))
        legend_below(fig, [ARMS[rung] for rung in rungs], extra=[_floor_handle(), chance_handle("chance")])
    fig.set_label(_caption(table, rungs, game, confidence))
    return fig


def _caption(table: pd.DataFrame, rungs: list[str], game: str, confidence: float) -> str:
    names = {"teacher_resample": "itself", "teacher_4bit": "its own 4-bit form"}
    floor = " and ".join(names[rung] for rung in FLOOR if rung in rungs) or "itself (not in this table)"
    said = ", ".join(ARMS[rung].name for rung in rungs)
    return CAPTION.format(game=game, rungs=said, floor=floor, n=counted(table["n"]), level=confidence)


def _weakest_first(table: pd.DataFrame, rung: str) -> list[str]:
    """Adversaries by their mean advantage over the pairs on the highest rung."""
    best = table[table["contrast"] == rung].groupby("adversary")["advantage"].mean()
    return sorted(set(table["adversary"]), key=lambda name: (best.get(name, 0.0), name))


def floor_band(table: pd.DataFrame) -> tuple[float, float] | None:
    """Smallest lower and largest upper bound of the floor's rungs; None where the table has none of them."""
    floor = table[table["contrast"].isin(FLOOR)]
    return None if floor.empty else (float(floor["lower"].min()), float(floor["upper"].max()))


def _panel(ax: Axes, table: pd.DataFrame, rows: list[str], rungs: list[str]) -> None:
    ax.axvline(0, **CHANCE)
    if (band := floor_band(table)) is not None:
        ax.axvspan(*band, color=FLOOR_COLOUR, linewidth=0, zorder=0)
    for row in range(1, len(rows)):
        ax.axhline(row - 0.5, color="#dddddd", linewidth=0.6, zorder=1)
    step = 0.8 / len(rungs)
    for found in table.itertuples():
        y = rows.index(str(found.adversary)) + step * (
            rungs.index(str(found.contrast)) - (len(rungs) - 1) / 2
        )
        point(ax, found.advantage, y, (found.lower, found.upper), mark=ARMS[str(found.contrast)])
    name_rows(ax, [words(row) for row in rows])
    ax.set_xlabel("distinguishing advantage")


def _floor_handle() -> object:
    from matplotlib.patches import Patch

    return Patch(color=FLOOR_COLOUR, label="the teacher's own floor")
