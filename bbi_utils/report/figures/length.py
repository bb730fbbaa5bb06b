"""How long the answers are: the simplest thing that could give an arm away."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bbi_utils.games.inference.simultaneous import draws_of, half_width
from bbi_utils.report.figures.style import ARMS, COLUMN, canvas, use_style
from bbi_utils.report.labels import how_many, in_order

CAPTION = (
    "Share of answers with at most so many words, {n} prompts per arm. Each band is a {level:.0%} interval "
    "at all lengths together (Dvoretzky, Kiefer and Wolfowitz){grouped}."
)


@use_style()
def length_figure(answers: dict[str, pd.DataFrame], *, confidence: float = 0.95) -> Figure:
    """Cumulative answer lengths in words. answers: arm -> its answers (column answer; group, if it has one).

    With prompts in groups bands are those of n^2 / sum(size^2) prompts.
    """
    counts = {arm: sorted(len(text.split()) for text in answers[arm]["answer"]) for arm in answers}
    longest = max(lengths[-1] for lengths in counts.values())
    fig, axes = canvas(1, 1, size=(COLUMN, 2.3))
    ax = axes[0, 0]
    for arm in in_order(counts, ARMS):
        _curve(ax, counts[arm], arm, longest=longest, half=half_width(answers[arm], confidence=confidence))
    ax.set(xlabel="answer length, words", ylabel="share of answers", xlim=(0, None), ylim=(0, 1.03))
    ax.legend(loc="lower right")
    some = any(draws_of(one) < len(one) for one in answers.values())
    grouped = ", a group of prompts counting as one draw" if some else ""
    fig.set_label(CAPTION.format(n=how_many(map(len, counts.values())), level=confidence, grouped=grouped))
    return fig


def _curve(ax: Axes, lengths: list[int], arm: str, *, longest: int, half: float) -> None:
    mark, count = ARMS[arm], len(lengths)
    at = [0, *lengths, longest]
    shares = [place / count for place in range(count + 1)] + [1.0]
    lower, upper = [max(share - half, 0) for share in shares], [min(share + half, 1) for share in shares]
    ax.fill_between(at, lower, upper, step="post", color=mark.colour, alpha=0.15, linewidth=0)
    every = max(1, count // 6)  # a few markers a curve, so that arms differ in more than colour
    look: dict[str, Any] = {"color": mark.colour, "marker": mark.marker, "label": mark.name}
    ax.step(at, shares, where="post", markevery=every, **look)
