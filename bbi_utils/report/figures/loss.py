"""How distillation went: the loss on answer tokens, step by step."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bbi_utils.report.figures.style import ARMS, COLUMN, pair_columns, use_style
from bbi_utils.report.labels import pairs_in

CAPTION = (
    "Distillation loss by optimiser step, cross-entropy in nats per answer token. Thin is each step, thick "
    "the median of the {window} around it{held_out}; one run, so no interval."
)
HELD_OUT = ", dashed the loss on prompts that are neither lessons nor ever scored"


@use_style()
def loss_figure(losses: dict[str, pd.DataFrame]) -> Figure:
    """Loss curves, one panel a pair. losses: pair -> loss.parquet (as `train_adapter` has it)."""
    pairs = pairs_in(losses)
    window = max(3, min(len(losses[p]) for p in pairs) // 15) | 1  # odd, so that the window has a middle
    fig, axes = pair_columns(pairs, height=2.2, narrow=COLUMN, sharey=True)
    for ax, pair in zip(axes[0], pairs, strict=True):
        _panel(ax, losses[pair], window)
        ax.set_xlabel("step")
    axes[0, 0].set_ylabel("loss, nats a token")
    watched = any(_validation(losses[pair]) is not None for pair in pairs)
    fig.set_label(CAPTION.format(window=window, held_out=HELD_OUT if watched else ""))
    return fig


def _validation(loss: pd.DataFrame) -> pd.Series | None:
    """The validation loss by step, where it was measured; None where it never was."""
    if "validation" not in loss or loss["validation"].isna().all():
        return None
    return loss.set_index("step")["validation"].dropna()


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
    if (held_out := _validation(loss)) is not None:
        look: dict[str, Any] = {"linestyle": "--", "marker": mark.marker, "markerfacecolor": "white"}
        ax.plot(held_out.index, held_out, color=mark.colour, label="validation", **look)
        ax.legend(loc="upper right")
    ax.set_ylim(bottom=0)
