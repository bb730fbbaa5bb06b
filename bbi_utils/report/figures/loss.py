"""How distillation went: the loss on answer tokens, step by step."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bbi_utils.report.figures.style import ARMS, COLUMN, pair_columns, use_style
from bbi_utils.report.labels import pairs_in

CAPTION = (
    "Distillation loss (cross-entropy in nats a token, on the answer's tokens only) by optimiser step. "
    "Thin: each step. Thick: median of the {window} steps around it. One run, so no interval: the spread "
    "of the thin line is from batch to batch."
)


@use_style()
def loss_figure(losses: dict[str, pd.DataFrame]) -> Figure:
    """Loss curves, one panel a pair. losses: pair -> loss.parquet (step, loss, learning_rate, tokens)."""
    pairs = pairs_in(losses)
    window = max(3, min(len(losses[p]) for p in pairs) // 15) | 1  # odd, so that the window has a middle
    fig, axes = pair_columns(pairs, height=2.2, narrow=COLUMN, sharey=True)
    for ax, pair in zip(axes[0], pairs, strict=True):
        _panel(ax, losses[pair], window)
        ax.set_xlabel("step")
    axes[0, 0].set_ylabel("loss, nats a token")
    fig.set_label(CAPTION.format(window=window))
    return fig


def _panel(ax: Axes, loss: pd.DataFrame, window: int) -> None:
    mark = ARMS["distilled"]
    smooth = loss["loss"].rolling(window, center=True, min_periods=1).median()
    ax.plot(loss["step"], loss["loss"], color=mark.colour, linewidth=0.6, alpha=0.35)
    ends = [0, len(loss) - 1]
    ax.plot(loss["step"], smooth, color=mark.colour, marker=mark.marker, markevery=ends)
    # Below the curve, where a loss that falls leaves room.
    for at, shift, side in zip(ends, ((4, -14), (0, -14)), ("left", "right"), strict=True):
        xy = (float(loss["step"].iloc[at]), float(smooth.iloc[at]))
        ax.annotate(f"{xy[1]:.2f}", xy, xytext=shift, textcoords="offset points", ha=side, color=mark.colour)
    ax.set_ylim(bottom=0)
