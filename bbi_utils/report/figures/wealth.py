"""Watched after every prompt: the wealth of a gambler who bets that the adversary will be right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bbi_utils.errors import BadInput
from bbi_utils.report.figures.style import (
    ARMS,
    CHANCE,
    as_drawn,
    canvas,
    chance_handle,
    in_order,
    legend_below,
    pair_title,
    pairs_in,
    use_style,
    width_of,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = ("pair", "contrast", "query", "wealth")
START: dict[str, Any] = {"color": "#999999", "linewidth": 0.7, "zorder": 1}
CAPTION = (
    "Wealth of a gambler who starts with 1 and before each prompt stakes on the adversary being right, {n} "
    "prompts, in one random order. If teacher and student answer alike, it ever reaches {threshold:g} "
    "(dashed) with probability at most {error:g}, however often one looks, so there is no interval to draw: "
    "the crossing is the test. Marked with its number: the query at which a difference was established. "
    "Grey: the 1 it starts with. {cut}"
)
CUT = "Curves go on beyond the axis, which ends at {low:g} and {top:,.0f}."
LOWEST = 1e-3


def wealth_figure(wealth: pd.DataFrame, *, error: float = 0.05) -> Figure:
    """Wealth against queries on a log axis, one panel a pair, one line a contrast.

    wealth: columns pair, contrast, query (1, 2, ...) and wealth after it. Raises BadInput on missing columns,
    negative or missing wealth, or an error outside (0, 1).
    """
    threshold = 1.0 / _checked(wealth, error)
    pairs, arms = pairs_in(wealth["pair"]), in_order(wealth["contrast"], ARMS)
    most, least = float(wealth["wealth"].max()), float(wealth["wealth"].min())
    low, top = max(0.7 * least, LOWEST), min(max(2 * most, 3 * threshold), threshold**3)
    with use_style():
        fig, axes = canvas(1, len(pairs), size=(width_of(len(pairs)), 2.8), sharey=True)
        for ax, pair in zip(axes[0], pairs, strict=True):
            _panel(ax, wealth[wealth["pair"] == pair], arms, threshold)
            ax.set_title(as_drawn(pair_title(pair)))
        axes[0, 0].set(yscale="log", ylabel="wealth", ylim=(low, top))
        axes[0, 0].yaxis.set_major_formatter(lambda value, _: f"{value:,g}")  # the default writes formulas
        axes[0, 0].yaxis.set_minor_formatter("")
        dashed = chance_handle(f"{threshold:g} = 1 / {error:g}")
        legend_below(fig, [ARMS[arm] for arm in arms], extra=[dashed])
    cut = CUT.format(low=low, top=top) if most > top or least < low else ""
    n = int(wealth.groupby(["pair", "contrast"])["query"].max().min())
    fig.set_label(CAPTION.format(n=n, threshold=threshold, error=error, cut=cut).strip())
    return fig


def _checked(wealth: pd.DataFrame, error: float) -> float:
    if missing := [name for name in COLUMNS if name not in wealth]:
        raise BadInput(f"wealth lacks the columns {missing}; expected {list(COLUMNS)}")
    if wealth.empty or not (wealth["wealth"] >= 0).all():
        raise BadInput("wealth must be a number from 0 on after every query, none missing")
    if not 0 < error < 1:
        raise BadInput(f"error {error}; expected a number between 0 and 1, such as 0.05")
    return error


def _panel(ax: Axes, wealth: pd.DataFrame, arms: list[str], threshold: float) -> None:
    ax.axhline(threshold, **CHANCE)
    ax.axhline(1.0, **START)
    crossings = {}
    for arm in arms:
        part = wealth[wealth["contrast"] == arm].sort_values("query")
        if part.empty:
            continue
        mark = ARMS[arm]
        # The log axis has no place for a gambler who has lost all.
        query, now = part["query"].to_numpy(), np.maximum(part["wealth"].to_numpy(float), 1e-12)
        every = (max(1, len(query) // 10), max(1, len(query) // 5))
        ax.plot(
            query, now, color=mark.colour, marker=mark.marker, markevery=every, markersize=3.5, linewidth=1.1
        )
        if (over := np.flatnonzero(now >= threshold)).size:
            crossings[arm] = int(query[over[0]])
    _mark_crossings(ax, crossings, threshold)
    ax.set_xlabel("queries")
    ax.set_xlim(left=0)


def _mark_crossings(ax: Axes, crossings: dict[str, int], threshold: float) -> None:
    """A large mark where each curve crosses; its number below it, lower where it would overlap the last."""
    plate = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
    row, last = 0, float("-inf")
    for arm, query in sorted(crossings.items(), key=lambda item: item[1]):
        mark, at = ARMS[arm], (query, threshold)
        row = row + 1 if query - last < 0.12 * ax.get_xlim()[1] else 0
        last = query
        look: dict[str, Any] = {"color": mark.colour, "marker": mark.marker, "linestyle": "none", "zorder": 5}
        ax.plot(*at, markersize=7, markeredgecolor="black", markeredgewidth=0.8, **look)
        where: dict[str, Any] = {"xytext": (7, -13 - 11 * row), "textcoords": "offset points", "zorder": 6}
        ax.annotate(f"{query:,}", at, color=mark.colour, weight="bold", bbox=plate, **where)
