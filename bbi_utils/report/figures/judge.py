"""What the judge says: how often it agrees with itself, and how well it then names the teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bbi_utils.report.figures.style import (
    ARMS,
    CHANCE,
    canvas,
    chance_handle,
    in_order,
    legend_below,
    name_rows,
    pair_title,
    pairs_in,
    point,
    use_style,
    width_of,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ADVANTAGES = {
    "teacher_first_advantage": "teacher shown as A",
    "teacher_second_advantage": "teacher shown as B",
    "all_pairs_advantage": "all pairs, inconsistent = ½",
    "consistent_advantage": "consistent verdicts only",
}
SHARES = {"kept_fraction": "kept (consistent)", "first_position_rate": 'verdicts "A"'}
CAPTION = (
    "A judge of another model family sees both answers and names the teacher's, asked in both orders. "
    "Top: its advantage, 2 Pr[correct] - 1, in each order, over all pairs with an inconsistent verdict "
    "counted one half, and on consistent verdicts only; dashed: chance. Bottom: the share of pairs with "
    'one verdict in both orders, and of verdicts "A" (dashed: one half, a judge without position bias). '
    "{level:.0%} intervals over prompts."
)


def judge_figure(judge: pd.DataFrame, *, confidence: float = 0.95) -> Figure:
    """Advantages above, shares below, one column of panels a pair.

    judge: rows of `adversaries.judge.summarise` and, under them, of `summaries.judge_by_order`.
    """
    pairs = pairs_in(judge["pair"])
    arms = in_order(judge["contrast"], ARMS)
    size = (width_of(len(pairs)), 3.6)
    with use_style():
        fig, axes = canvas(2, len(pairs), size=size, sharey="row", sharex="row", height_ratios=[2, 1])
        for column, pair in enumerate(pairs):
            part = judge[judge["pair"] == pair]
            _panel(axes[0, column], part, ADVANTAGES, arms)
            _panel(axes[1, column], part, SHARES, arms)
            axes[0, column].set(title=pair_title(pair), xlabel="advantage of the judge")
            axes[1, column].set(xlabel="share", xlim=(0, 1.02))
        legend_below(fig, [ARMS[a] for a in arms], extra=[chance_handle("chance")])
    fig.set_label(CAPTION.format(level=confidence))
    return fig


def _panel(ax: Axes, judge: pd.DataFrame, quantities: dict[str, str], arms: list[str]) -> None:
    keys = list(quantities)
    for y, key in enumerate(keys):
        # A kept share has no chance level: half would be kept by a judge that tosses a coin each time.
        if key != "kept_fraction":
            ax.plot([0.5 if key == "first_position_rate" else 0] * 2, [y - 0.5, y + 0.5], **CHANCE)
    for odd in range(1, len(keys), 2):
        ax.axhspan(odd - 0.5, odd + 0.5, color="#f5f5f5", zorder=0)
    for row in judge[judge["quantity"].isin(keys)].itertuples():
        height = keys.index(row.quantity) + 0.24 * (arms.index(row.contrast) - (len(arms) - 1) / 2)
        point(ax, row.estimate, height, (row.lower, row.upper), mark=ARMS[row.contrast])
    name_rows(ax, list(quantities.values()))
