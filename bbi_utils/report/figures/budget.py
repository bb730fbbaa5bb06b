"""What a query budget buys: similarity by strategy, and each strategy against stratified random."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bbi_utils.report.figures.panels import along_steps, name_steps
from bbi_utils.report.figures.style import (
    CHANCE,
    COLUMN,
    STRATEGIES,
    chance_handle,
    legend_below,
    pair_columns,
    use_style,
)
from bbi_utils.report.labels import how_many, in_order, pairs_in

CAPTION = (
    "Similarity with the teacher after distilling on what each strategy bought (top) and how much more "
    "that is than with stratified random buying (bottom), mean of {seeds} seeds. Bands and bars are "
    "{level:.0%} t intervals over seeds{known}."
)
KNOWN = "; 'all known' has seen every answer before it buys, as no buyer could"
WHERE = {"by": "strategy", "across": "budget"}
LARGE: dict[str, Any] = {"markersize": 6.5, "markeredgewidth": 0}


@use_style()
def budget_figure(summary: pd.DataFrame, gain: pd.DataFrame, *, confidence: float = 0.95) -> Figure:
    """Curves above, differences from stratified random below, one column of panels a pair.

    summary: `summaries.budget_summary`; gain: `summaries.budget_gain` (its overall rows are not drawn).
    """
    pairs, strategies = pairs_in(summary["pair"]), in_order(summary["strategy"], STRATEGIES)
    budgets = sorted(int(b) for b in summary["budget"].unique())
    fig, axes = pair_columns(
        pairs, rows=2, height=4.0, narrow=COLUMN, sharex=True, sharey="row", height_ratios=[3, 2]
    )
    for (above, below), pair in zip(axes.T, pairs, strict=True):
        _curves(above, summary[summary["pair"] == pair], budgets)
        _gains(below, gain[(gain["pair"] == pair) & (gain["budget"] > 0)], budgets)
    axes[0, 0].set_ylabel("similarity with teacher")
    axes[1, 0].set_ylabel("minus random")
    legend_below(fig, [STRATEGIES[name] for name in strategies], chance_handle("no difference"))
    known = KNOWN if "disagreement_known" in strategies else ""
    fig.set_label(CAPTION.format(seeds=how_many(summary["seeds"]), level=confidence, known=known))
    return fig


def _curves(ax: Axes, summary: pd.DataFrame, budgets: list[int]) -> None:
    for _, mark, part, x in along_steps(summary, STRATEGIES, **WHERE, levels=budgets, step=0.05):
        ax.fill_between(x, part["lower"], part["upper"], color=mark.colour, alpha=0.12, linewidth=0)
        ax.plot(x, part["similarity"], color=mark.colour, marker=mark.marker, linestyle=mark.line, **LARGE)


def _gains(ax: Axes, gain: pd.DataFrame, budgets: list[int]) -> None:
    ax.axhline(0, **CHANCE)
    for _, mark, part, x in along_steps(gain, STRATEGIES, **WHERE, levels=budgets, step=0.14):
        ax.vlines(x, part["lower"], part["upper"], color=mark.colour, linewidth=1.6)
        ax.plot(x, part["gain"], color=mark.colour, marker=mark.marker, linestyle="none", **LARGE)
    name_steps(ax, budgets, "teacher queries bought")
