"""What a query budget buys: similarity by strategy, and each strategy against stratified random."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bbi_utils.report.figures.style import (
    CHANCE,
    COLUMN,
    PAGE,
    STRATEGIES,
    canvas,
    chance_handle,
    in_order,
    legend_below,
    pair_title,
    pairs_in,
    use_style,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CAPTION = (
    "Similarity with the teacher after distilling on the prompts that each strategy bought. Top: mean "
    "over {seeds} seeds. Bottom: each strategy minus stratified random, paired by seed; dashed: no "
    "difference. Bands and bars are {level:.0%} t intervals over seeds. 'Disagreement, all known' knows all "
    "teacher answers before it buys: an upper reference, not a strategy a buyer could follow."
)
LARGE: dict[str, Any] = {"markersize": 6.5, "markeredgewidth": 0}


def budget_figure(summary: pd.DataFrame, gain: pd.DataFrame, *, confidence: float = 0.95) -> Figure:
    """Curves above, differences from stratified random below, one column of panels a pair.

    summary: `summaries.budget_summary`; gain: `summaries.budget_gain` (its overall rows are not drawn).
    """
    pairs = pairs_in(summary["pair"])
    strategies = in_order(summary["strategy"], STRATEGIES)
    budgets = sorted(int(b) for b in summary["budget"].unique())
    size = (PAGE if len(pairs) > 1 else COLUMN, 4.0)
    with use_style():
        fig, axes = canvas(2, len(pairs), size=size, sharex=True, sharey="row", height_ratios=[3, 2])
        for column, pair in enumerate(pairs):
            _curves(axes[0, column], summary[summary["pair"] == pair], strategies, budgets)
            axes[0, column].set_title(pair_title(pair))
            _gains(axes[1, column], gain[gain["pair"] == pair], strategies, budgets)
        axes[0, 0].set_ylabel("similarity with teacher")
        axes[1, 0].set_ylabel("minus random")
        same = chance_handle("no difference")
        legend_below(fig, [STRATEGIES[s] for s in strategies], extra=[same])
    fig.set_label(CAPTION.format(seeds=int(summary["seeds"].min()), level=confidence))
    return fig


def _curves(ax: Axes, summary: pd.DataFrame, strategies: list[str], budgets: list[int]) -> None:
    for i, strategy in enumerate(strategies):
        part = summary[summary["strategy"] == strategy].sort_values("budget")
        mark, shift = STRATEGIES[strategy], 0.05 * (i - (len(strategies) - 1) / 2)
        x = [budgets.index(int(b)) + shift for b in part["budget"]]
        ax.fill_between(x, part["lower"], part["upper"], color=mark.colour, alpha=0.12, linewidth=0)
        ax.plot(x, part["similarity"], color=mark.colour, marker=mark.marker, linestyle=mark.line, **LARGE)


def _gains(ax: Axes, gain: pd.DataFrame, strategies: list[str], budgets: list[int]) -> None:
    drawn = [s for s in strategies if s in set(gain["strategy"])]
    ax.axhline(0, **CHANCE)
    for i, strategy in enumerate(drawn):
        part = gain[(gain["strategy"] == strategy) & (gain["budget"] > 0)].sort_values("budget")
        mark = STRATEGIES[strategy]
        x = [budgets.index(int(b)) + 0.14 * (i - (len(drawn) - 1) / 2) for b in part["budget"]]
        ax.vlines(x, part["lower"], part["upper"], color=mark.colour, linewidth=1.6)
        ax.plot(x, part["gain"], color=mark.colour, marker=mark.marker, linestyle="none", **LARGE)
    # Budgets often double: even steps keep the small ones apart.
    ax.set(
        xticks=range(len(budgets)), xticklabels=[f"{b:,}" for b in budgets], xlabel="teacher queries bought"
    )
    ax.grid(axis="x", visible=False)
