"""What the judge says: how often it agrees with itself, and how well it then names the teacher."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bbi_utils.report.figures.panels import forest
from bbi_utils.report.figures.style import ARMS, CHANCE, chance_handle, legend_below, pair_columns, use_style
from bbi_utils.report.labels import in_order, pairs_in

ADVANTAGES = {
    "teacher_first_advantage": "teacher shown as A",
    "teacher_second_advantage": "teacher shown as B",
    "all_pairs_advantage": "all pairs, inconsistent = ½",
    "consistent_advantage": "consistent verdicts only",
}
SHARES = {"kept_fraction": "agree in both orders", "first_position_rate": 'say "A"'}
CAPTION = (
    "How the judge names the teacher's answer of two, asked in both orders: its "
    'advantage (top) and the share of its verdicts that agree in both orders or say "A" (bottom). Lines '
    "are {level:.0%} intervals over prompts; dashed is a judge that tosses a coin."
)


@use_style()
def judge_figure(judge: pd.DataFrame, *, confidence: float = 0.95) -> Figure:
    """Advantages above, shares below, one column of panels a pair.

    judge: rows of `adversaries.judge.judge_quantities` and, under them, of `summaries.judge_by_order`.
    """
    pairs, arms = pairs_in(judge["pair"]), in_order(judge["contrast"], ARMS)
    fig, axes = pair_columns(pairs, rows=2, height=3.6, sharey="row", sharex="row", height_ratios=[2, 1])
    for (above, below), pair in zip(axes.T, pairs, strict=True):
        for ax, quantities in ((above, ADVANTAGES), (below, SHARES)):
            _panel(ax, judge[judge["pair"] == pair], quantities, arms)
        above.set_xlabel("advantage of the judge")
        below.set(xlabel="share", xlim=(0, 1.02))
    legend_below(fig, [ARMS[arm] for arm in arms], chance_handle())
    fig.set_label(CAPTION.format(level=confidence))
    return fig


def _panel(ax: Axes, judge: pd.DataFrame, quantities: dict[str, str], arms: list[str]) -> None:
    for y, key in enumerate(quantities):
        # A kept share has no chance level: half would be kept by a judge that tosses a coin each time.
        if key != "kept_fraction":
            ax.plot([0.5 if key == "first_position_rate" else 0] * 2, [y - 0.5, y + 0.5], **CHANCE)
    shown, names = judge[judge["quantity"].isin(quantities)], {(key,): q for key, q in quantities.items()}
    forest(ax, shown, names, by=["quantity"], value="estimate", arms=arms)
