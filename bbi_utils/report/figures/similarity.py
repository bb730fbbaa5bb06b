"""How alike the answers are: the whole distribution of each arm, and its mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bbi_utils.report.figures.style import (
    ARMS,
    COLUMN,
    PAGE,
    canvas,
    in_order,
    legend_below,
    pair_title,
    pairs_in,
    point,
    use_style,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CAPTION = (
    "Semantic similarity of each arm's answers with the teacher's, {n} held-out prompts a pair. Top: "
    "empirical distribution, the share of prompts at or below each similarity; further right is more "
    "alike. Bottom: means with {level:.0%} intervals over prompts. 'Teacher again' compares two samples "
    "of the teacher itself, the ceiling for any student."
)


def similarity_figure(similarity: pd.DataFrame, summary: pd.DataFrame, *, confidence: float = 0.95) -> Figure:
    """ECDF per arm over means with intervals, one column of panels a pair.

    similarity: pair, contrast, prompt_id, similarity. summary: `similarity.summarise` of it (pair,
    quantity, n, mean, lower, upper), of which the arms are drawn.
    """
    pairs = pairs_in(similarity["pair"])
    arms = in_order(similarity["contrast"], ARMS)
    size = (PAGE if len(pairs) > 1 else COLUMN, 3.3)
    with use_style():
        fig, axes = canvas(2, len(pairs), size=size, sharex=True, height_ratios=[3, 1], sharey="row")
        low = float(similarity["similarity"].quantile(0.005))
        axes[0, 0].set_xlim(min(low, 0.5), 1.02)
        for column, pair in enumerate(pairs):
            _ecdf(axes[0, column], similarity[similarity["pair"] == pair], arms)
            axes[0, column].set_title(pair_title(pair))
            _means(axes[1, column], summary[summary["pair"] == pair], arms)
        axes[0, 0].set_ylabel("share of prompts at or below")
        legend_below(fig, [ARMS[a] for a in arms])
    n = int(similarity.groupby("pair")["prompt_id"].nunique().min())
    fig.set_label(CAPTION.format(n=n, level=confidence))
    return fig


def _ecdf(ax: Axes, similarity: pd.DataFrame, arms: list[str]) -> None:
    for arm in arms:
        values = np.sort(similarity.loc[similarity["contrast"] == arm, "similarity"].to_numpy(float))
        if len(values):
            share = np.arange(1, len(values) + 1) / len(values)
            # Markers at even heights, a different offset an arm, so that they do not hide one another.
            at = [int(q * (len(values) - 1)) for q in np.linspace(0.08, 0.92, 8) + 0.02 * arms.index(arm)]
            mark = ARMS[arm]
            ax.plot(values, share, color=mark.colour, marker=mark.marker, markevery=at, markersize=4)
    ax.set_ylim(0, 1.02)


def _means(ax: Axes, summary: pd.DataFrame, arms: list[str]) -> None:
    for y, arm in enumerate(arms):
        for row in summary[summary["quantity"] == arm].itertuples():
            point(ax, row.mean, y, (row.lower, row.upper), mark=ARMS[arm], size=3.5)
            side = -1 if row.mean > sum(ax.get_xlim()) / 2 else 1  # towards the wider half, so that it fits
            text, at = (
                f"{row.mean:.3f} [{row.lower:.3f}, {row.upper:.3f}]",
                row.lower if side < 0 else row.upper,
            )
            place: dict[str, Any] = {"xytext": (6 * side, 0), "textcoords": "offset points", "va": "center"}
            ink: dict[str, Any] = {"fontsize": 7, "color": ARMS[arm].colour}
            ax.annotate(text, (at, y), ha="right" if side < 0 else "left", **place, **ink)
    ax.set(yticks=range(len(arms)), yticklabels=[""] * len(arms), ylim=(len(arms) - 0.4, -0.6))
    ax.set_xlabel("cosine similarity with the teacher's answer")
    ax.grid(axis="y", visible=False)
    ax.tick_params(axis="y", length=0)
