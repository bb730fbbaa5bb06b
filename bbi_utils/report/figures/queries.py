"""What more queries reveal: advantage against the number of prompts answered by the same oracle."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bbi_utils.report.figures.panels import along_steps, name_steps
from bbi_utils.report.figures.style import ARMS, CHANCE, chance_handle, legend_below, pair_columns, use_style
from bbi_utils.report.labels import GAMES, heading, how_many, in_order, pairs_in, words
from bbi_utils.responses.answers import NULL

BOUND: dict[str, Any] = {
    "linewidth": 1.0, "linestyle": "--", "markersize": 3, "markerfacecolor": "white", "zorder": 2
}  # fmt: skip
CAPTION = (
    "Advantage with {game} when one oracle is asked q prompts, each of another of {n} questions, and its "
    "scores are summed, for the adversary above each panel{chosen}. Bars and bands are {level:.0%} "
    "intervals, each by itself."
)
CHOSEN = " (the strongest on the base student at q = {}, which flatters it a little)"


@use_style()
def queries_figure(
    queries: pd.DataFrame,
    *,
    limit: pd.DataFrame | None = None,
    game: str = "pairwise",
    adversary: str | None = None,
    confidence: float = 0.95,
) -> Figure:
    """Curves of one adversary a pair, one line a contrast, with intervals, the limit and the chance line.

    queries: `queries.advantage_of_queries`. limit: `limit.of_queries`. adversary: the one to draw; without
    it, each pair's strongest at the first q on the base student.
    """
    table = queries[queries["game"] == game]
    pairs, arms = pairs_in(table["pair"]), in_order(table["contrast"], ARMS)
    sizes = sorted(int(q) for q in table["q"].unique())
    drawn = {pair: adversary or strongest(table[table["pair"] == pair]) for pair in pairs}
    table = table[table["adversary"] == table["pair"].map(drawn)]
    fig, axes = pair_columns(pairs, height=3.0, sharey=True)
    top = table.iloc[:0] if limit is None else limit[(limit["game"] == game) & limit["q"].isin(sizes)]
    for ax, pair in zip(axes[0], pairs, strict=True):
        _limits(ax, top[top["pair"] == pair], sizes)
        _panel(ax, table[table["pair"] == pair], sizes)
        ax.set_title(heading(pair, words(drawn[pair])))
    lowest = min(-0.1, float(table["lower"].min())) - 0.04
    axes[0, 0].set(ylabel="distinguishing advantage", ylim=(lowest, 1.04))
    dashed = [ARMS[arm] for arm in in_order(top["contrast"], ARMS) if arm != NULL]
    named: list[dict[str, Any]] = [
        {"color": m.colour, "marker": m.marker, "label": f"the limit, {m.name}"} for m in dashed
    ]
    limits = [Line2D([], [], **BOUND, **look) for look in named]
    legend_below(fig, [ARMS[arm] for arm in arms], *limits, chance_handle())
    n = how_many(table.loc[table["q"] == sizes[0], "n"] * sizes[0])
    chosen = "" if adversary else CHOSEN.format(sizes[0])
    fig.set_label(CAPTION.format(game=GAMES[game], n=n, level=confidence, chosen=chosen))
    return fig


def strongest(table: pd.DataFrame) -> str:
    """The adversary of one pair and game with the largest advantage on the base student at the first q."""
    first = table[(table["q"] == table["q"].min()) & (table["contrast"] == "base")]
    first = first[first["n"] == first["n"].max()]  # a judge of a few prompts would end the curves early
    return str(first.sort_values(["advantage", "adversary"], ascending=[False, True])["adversary"].iloc[0])


def _limits(ax: Axes, limit: pd.DataFrame, sizes: list[int]) -> None:
    """The limit's curves, but for the null control, of which it is chance."""
    for arm, part in limit[limit["contrast"] != NULL].groupby("contrast"):
        x, mark = [sizes.index(q) for q in part["q"]], ARMS[str(arm)]
        ax.plot(x, part["advantage"], color=mark.colour, marker=mark.marker, **BOUND)
        ax.fill_between(x, part["lower"], part["upper"], color=mark.colour, alpha=0.13, linewidth=0, zorder=1)


def _panel(ax: Axes, table: pd.DataFrame, sizes: list[int]) -> None:
    ax.axhline(0, **CHANCE)
    for _, mark, part, x in along_steps(table, ARMS, by="contrast", across="q", levels=sizes, step=0.13):
        ax.vlines(x, part["lower"], part["upper"], color=mark.colour, linewidth=1.6, zorder=3)
        ax.plot(x, part["advantage"], color=mark.colour, marker=mark.marker, linewidth=0.9, zorder=4)
    name_steps(ax, sizes, "queries q")
