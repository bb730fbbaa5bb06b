"""One judge, two orders: what it answers to each pair with the teacher's answer first, and second."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bbi_utils.report.figures.style import ARMS, COLUMN, PAGE, SMALLEST, canvas, use_style
from bbi_utils.report.labels import how_many, in_order

CAPTION = (
    "The judge's log-odds for the teacher's answer when it is shown as A (across) and as B (up), a point "
    "per prompt ({n} per panel, no interval). Upper right is right both times, lower left wrong both "
    "times; in a shaded quarter the judge sticks to a letter."
)


@use_style()
def orders_figure(judgements: pd.DataFrame) -> Figure:
    """One panel a contrast of one pair. judgements: as `adversaries.judge.judge_pairs` returns them."""
    arms = in_order(judgements["contrast"], ARMS)
    far = 1.06 * float(judgements[["log_odds_ab", "log_odds_ba"]].abs().to_numpy().max()) or 1.0
    width = PAGE if len(arms) > 1 else COLUMN
    size = (width, 0.45 + width / max(len(arms), 1.5))
    fig, axes = canvas(1, len(arms), size=size, sharex=True, sharey=True)
    for ax, arm in zip(axes[0], arms, strict=True):
        _panel(ax, judgements[judgements["contrast"] == arm], arm, far=far)
    axes[0, 0].set_ylabel("log-odds for the teacher, shown as B")
    fig.set_label(CAPTION.format(n=how_many(judgements.groupby("contrast").size())))
    return fig


def _panel(ax: Axes, rows: pd.DataFrame, arm: str, *, far: float) -> None:
    for left, bottom in ((-far, 0.0), (0.0, -far)):
        ax.fill_between([left, left + far], bottom, bottom + far, color="#ececec", linewidth=0, zorder=0)
    for corner, align, said in (((0.03, 0.95), "left", "always B"), ((0.97, 0.03), "right", "always A")):
        ax.text(*corner, said, transform=ax.transAxes, ha=align, fontsize=SMALLEST, color="#666666")
    ax.plot([-far, far], [-far, far], color="#777777", linewidth=0.8, linestyle=":")
    mark = ARMS[arm]
    # The log-odds are those of "A", which is the student's answer when the teacher's is shown as B.
    first, second = rows["log_odds_ab"].to_numpy(), -rows["log_odds_ba"].to_numpy()
    ax.plot(first, second, color=mark.colour, marker=mark.marker, linestyle="none", markersize=2.6, alpha=0.6)
    ax.set(title=mark.name, xlabel="shown as A", xlim=(-far, far), ylim=(-far, far), aspect="equal")
