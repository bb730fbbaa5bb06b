"""How long the answers are: the simplest thing that could give an arm away."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bbi_utils.figures.look import ARMS, COLUMN, canvas, in_order, use_style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CAPTION = (
    "Share of answers with at most so many tokens, the end of turn not counted; {n} prompts an arm. Bands: "
    "{level:.0%} interval at all lengths together (Dvoretzky, Kiefer and Wolfowitz), each arm by itself. "
    "Dotted: max_new_tokens; an answer that reaches it was cut off."
)


def length_figure(answers: dict[str, pd.DataFrame], *, limit: int, confidence: float = 0.95) -> Figure:
    """Cumulative answer lengths. answers: arm -> answers (column answer_tokens); limit: max_new_tokens."""
    arms = in_order(answers, ARMS)
    with use_style():
        fig, axes = canvas(1, 1, size=(COLUMN, 2.3))
        ax = axes[0, 0]
        for arm in arms:
            _curve(ax, sorted(answers[arm]["answer_tokens"]), arm, limit=limit, confidence=confidence)
        ax.axvline(limit, color="#777777", linewidth=0.9, linestyle=":")
        ax.set(xlabel="answer length, tokens", ylabel="share of answers", xlim=(0, None), ylim=(0, 1.03))
        ax.legend(loc="lower right")
    fig.set_label(CAPTION.format(n=min(len(answers[arm]) for arm in arms), level=confidence))
    return fig


def _curve(ax: Axes, lengths: list[int], arm: str, *, limit: int, confidence: float) -> None:
    mark, count = ARMS[arm], len(lengths)
    at = [0, *lengths, limit]
    shares = [place / count for place in range(count + 1)] + [1.0]
    half = math.sqrt(math.log(2 / (1 - confidence)) / (2 * count))
    lower, upper = [max(share - half, 0) for share in shares], [min(share + half, 1) for share in shares]
    ax.fill_between(at, lower, upper, step="post", color=mark.colour, alpha=0.15, linewidth=0)
    every = max(1, count // 6)  # a few markers a curve, so that arms differ in more than colour
    look: dict[str, Any] = {"color": mark.colour, "marker": mark.marker, "label": mark.name}
    ax.step(at, shares, where="post", markevery=every, **look)
