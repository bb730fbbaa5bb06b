"""Watched after every prompt: the wealth of a gambler who bets that the adversary will be right."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bbi_utils.report.figures.style import ARMS, CHANCE, chance_handle, legend_below, pair_columns, use_style
from bbi_utils.report.labels import how_many, in_order, pairs_in

START: dict[str, Any] = {"color": "#999999", "linewidth": 0.7, "zorder": 1}
CAPTION = (
    "Wealth of a gambler who starts with 1 and bets before each of {n} prompts that the adversary will be "
    "right. If two models answer alike it ever reaches {threshold:.3g} with probability at most "
    "{error:.3g}, so there is no interval: that crossing, {crossed}, is the test{cut}."
)
CUT = "; curves go on beyond the axis"
LOWEST = 1e-3


@use_style()
def wealth_figure(wealth: pd.DataFrame, *, error: float = 0.05) -> Figure:
    """Wealth against queries on a log axis, one panel a pair, one line a contrast.

    wealth: columns pair, contrast, query (1, 2, ...) and wealth after it; error: of the test, in (0, 1).
    """
    threshold = 1.0 / error
    pairs, arms = pairs_in(wealth["pair"]), in_order(wealth["contrast"], ARMS)
    most, least = float(wealth["wealth"].max()), float(wealth["wealth"].min())
    low, top = max(0.7 * least, LOWEST), min(max(2 * most, 3 * threshold), threshold**3)
    fig, axes = pair_columns(pairs, height=2.8, sharey=True)
    for ax, pair in zip(axes[0], pairs, strict=True):
        _panel(ax, wealth[wealth["pair"] == pair], arms, threshold)
    axes[0, 0].set(yscale="log", ylabel="wealth", ylim=(low, top))
    axes[0, 0].yaxis.set_major_formatter(lambda value, _: f"{value:,g}")  # the default writes formulas
    axes[0, 0].yaxis.set_minor_formatter("")
    dashed = chance_handle(f"{threshold:.3g} = 1 / {error:.3g}")
    legend_below(
        fig, [ARMS[arm] for arm in arms], dashed, Line2D([], [], label="wealth at the start", **START)
    )
    cut = CUT if most > top or least < low else ""
    n = how_many(wealth.groupby(["pair", "contrast"])["query"].max())
    crossed = "marked with its number" if most >= threshold else "which no curve has here"
    fig.set_label(CAPTION.format(n=n, threshold=threshold, error=error, cut=cut, crossed=crossed))
    return fig


def _panel(ax: Axes, wealth: pd.DataFrame, arms: list[str], threshold: float) -> None:
    ax.axhline(threshold, **CHANCE)
    ax.axhline(1.0, **START)
    crossings = {}
    for arm in (arm for arm in arms if arm in set(wealth["contrast"])):
        part = wealth[wealth["contrast"] == arm].sort_values("query")
        # The log axis has no place for a gambler who has lost all.
        query, now = part["query"].to_numpy(), np.maximum(part["wealth"].to_numpy(float), 1e-12)
        look: dict[str, Any] = {"color": ARMS[arm].colour, "marker": ARMS[arm].marker, "markersize": 3.5}
        every = (max(1, len(query) // 10), max(1, len(query) // 5))
        ax.plot(query, now, markevery=every, linewidth=1.1, **look)
        if (over := np.flatnonzero(now >= threshold)).size:
            crossings[arm] = int(query[over[0]])
    _mark_crossings(ax, crossings, threshold)
    ax.set_xlabel("queries")
    ax.set_xlim(left=0)


def _mark_crossings(ax: Axes, crossings: dict[str, int], threshold: float) -> None:
    """A large mark where each curve crosses, its number below on the right.

    Where several cross close together the first has it above on the left, the others one below another: a
    curve that crosses comes from below on the left and goes up on the right.
    """
    plate = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
    found = sorted(crossings.items(), key=lambda item: item[1])
    near, row, last = 0.12 * ax.get_xlim()[1], 0, float("-inf")
    for (arm, query), (_, following) in pairwise([*found, ("", float("inf"))]):
        mark, at = ARMS[arm], (query, threshold)
        row = row + 1 if query - last < near else 0
        above = row == 0 and following - query < near < query  # else it would lie on the axis
        place = (-7, 7) if above else (7, -13 - 13 * max(row - 1, 0))
        last = query
        look: dict[str, Any] = {"color": mark.colour, "marker": mark.marker, "linestyle": "none", "zorder": 5}
        ax.plot(*at, markersize=7, markeredgecolor="black", markeredgewidth=0.8, **look)
        where: dict[str, Any] = {"xytext": place, "textcoords": "offset points", "zorder": 6}
        where["ha"] = "right" if above else "left"
        ax.annotate(f"{query:,}", at, color=mark.colour, weight="bold", bbox=plate, **where)
