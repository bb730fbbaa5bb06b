"""What more queries reveal: advantage against the number of prompts answered by the same oracle."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bbi_utils.report.figures.panels import along_steps, name_steps
from bbi_utils.report.figures.style import ARMS, CHANCE, chance_handle, legend_below, pair_columns, use_style
from bbi_utils.report.labels import as_drawn, counted, in_order, pair_title, pairs_in, words
from bbi_utils.responses.answers import NULL

BOUND: dict[str, Any] = {"linewidth": 1.0, "linestyle": "--", "alpha": 0.75, "zorder": 2}
CAPTION = (
    "Advantage in the {game} game when q prompts are answered by the same oracle and their scores are "
    "summed, by the adversary named above each panel{chosen}. {n} prompts in disjoint groups of q within a "
    "fold, averaged over random divisions into groups. Bars are {level:.0%} intervals, valid at any number "
    "of prompts, each by itself; they widen with q, as fewer groups are left, and leave 0 only by more than "
    "cross-fitting may cause. Dashed lines in an arm's "
    "colour: min(1, q e), e being its estimate at q = 1; no adversary exceeds this for e = total variation "
    "distance, but one that ignores the size of a single score may, for its own e. Not drawn for the null "
    "control. Dashed in black: chance."
)
CHOSEN = (
    ", of those on all prompts the one with the largest estimate on the base student at q = 1, which "
    "flatters that curve a little"
)


@use_style()
def queries_figure(
    queries: pd.DataFrame, *, game: str = "pairwise", adversary: str | None = None, confidence: float = 0.95
) -> Figure:
    """Curves of one adversary a pair, one line a contrast, with intervals, bounds and the chance line.

    queries: `queries.advantage_of_queries`. adversary: the one to draw; without it, each pair's strongest at
    q = 1 on the base student.
    """
    table = queries[queries["game"] == game]
    pairs, arms = pairs_in(table["pair"]), in_order(table["contrast"], ARMS)
    sizes = sorted(int(q) for q in table["q"].unique())
    drawn = {pair: adversary or _strongest(table[table["pair"] == pair]) for pair in pairs}
    table = table[table["adversary"] == table["pair"].map(drawn)]
    fig, axes = pair_columns(pairs, height=3.0, sharey=True)
    for ax, pair in zip(axes[0], pairs, strict=True):
        _panel(ax, table[table["pair"] == pair], sizes)
        ax.set_title(f"{as_drawn(pair_title(pair))}, {words(drawn[pair])}")
    lowest = min(-0.1, float(table["lower"].min())) - 0.04
    axes[0, 0].set(ylabel="distinguishing advantage", ylim=(lowest, 1.04))
    bound = Line2D([], [], color=ARMS["base"].colour, label="min(1, q × advantage at 1)", **BOUND)
    legend_below(fig, [ARMS[arm] for arm in arms], bound, chance_handle())
    n = counted(table.loc[table["q"] == sizes[0], "n"] * sizes[0])
    fig.set_label(CAPTION.format(game=game, chosen="" if adversary else CHOSEN, n=n, level=confidence))
    return fig


def _strongest(table: pd.DataFrame) -> str:
    first = table[(table["q"] == table["q"].min()) & (table["contrast"] == "base")]
    first = first[first["n"] == first["n"].max()]  # a judge of a few prompts would end the curves early
    return str(first.sort_values(["advantage", "adversary"], ascending=[False, True])["adversary"].iloc[0])


def _panel(ax: Axes, table: pd.DataFrame, sizes: list[int]) -> None:
    ax.axhline(0, **CHANCE)
    for arm, mark, part, x in along_steps(table, ARMS, by="contrast", across="q", levels=sizes, step=0.13):
        if arm != NULL:
            ax.plot([sizes.index(q) for q in part["q"]], part["bound"], color=mark.colour, **BOUND)
        ax.vlines(x, part["lower"], part["upper"], color=mark.colour, linewidth=1.6, zorder=3)
        ax.plot(x, part["advantage"], color=mark.colour, marker=mark.marker, linewidth=0.9, zorder=4)
    name_steps(ax, sizes, "queries q")
