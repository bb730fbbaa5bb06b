"""How alike the answers are: the whole distribution of each arm, and its mean."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bbi_utils.report.figures.panels import name_rows, point
from bbi_utils.report.figures.style import ARMS, COLUMN, SMALLEST, legend_below, pair_columns, use_style
from bbi_utils.report.labels import decimals, ends, how_many, in_order, pairs_in

CAPTION = (
    "Semantic similarity with the teacher's answers: the share of {n} held-out prompts at or below each "
    "value (top) and means with {level:.0%} intervals over prompts (bottom). Further right is more alike; "
    "'teacher again' is where a perfect copy would lie."
)


@use_style()
def similarity_figure(similarity: pd.DataFrame, summary: pd.DataFrame, *, confidence: float = 0.95) -> Figure:
    """ECDF per arm over means with intervals, one column of panels a pair.

    similarity: pair, contrast, prompt_id, similarity. summary: `similarity.mean_similarity` of it (pair,
    quantity, n, mean, lower, upper), of which the arms are drawn.
    """
    pairs, arms = pairs_in(similarity["pair"]), in_order(similarity["contrast"], ARMS)
    fig, axes = pair_columns(
        pairs, rows=2, height=3.3, narrow=COLUMN, sharex=True, sharey="row", height_ratios=[3, 1]
    )
    low = float(similarity["similarity"].quantile(0.005))
    axes[0, 0].set(xlim=(min(low, 0.5), 1.02), ylabel="share of prompts at or below")
    for (above, below), pair in zip(axes.T, pairs, strict=True):
        _ecdf(above, similarity[similarity["pair"] == pair], arms)
        _means(below, summary[summary["pair"] == pair], arms)
    legend_below(fig, [ARMS[arm] for arm in arms])
    n = how_many(similarity.groupby(["pair", "contrast"]).size())
    fig.set_label(CAPTION.format(n=n, level=confidence))
    return fig


def _ecdf(ax: Axes, similarity: pd.DataFrame, arms: list[str]) -> None:
    for arm in arms:
        values = np.sort(similarity.loc[similarity["contrast"] == arm, "similarity"].to_numpy(float))
        share = np.arange(1, len(values) + 1) / len(values)
        # Markers at even heights, a different offset an arm, so that they do not hide one another.
        at = [int(q * (len(values) - 1)) for q in np.linspace(0.08, 0.92, 8) + 0.02 * arms.index(arm)]
        mark = ARMS[arm]
        ax.plot(values, share, color=mark.colour, marker=mark.marker, markevery=at, markersize=4)
    ax.set_ylim(0, 1.02)


def _means(ax: Axes, summary: pd.DataFrame, arms: list[str]) -> None:
    for row in summary[summary["quantity"].isin(arms)].itertuples():
        y, mark = arms.index(row.quantity), ARMS[row.quantity]
        point(ax, row.mean, y, (row.lower, row.upper), mark=mark, size=3.5)
        side = -1 if row.mean > sum(ax.get_xlim()) / 2 else 1  # towards the wider half, so that it fits
        text = f"{decimals(row.mean)} {ends(row.lower, row.upper)}"
        place: dict[str, Any] = {"xytext": (6 * side, 0), "textcoords": "offset points", "va": "center"}
        place |= {"ha": "right" if side < 0 else "left", "fontsize": SMALLEST}
        ax.annotate(text, (row.lower if side < 0 else row.upper, y), **place)
    name_rows(ax, [""] * len(arms))
    ax.set(xlabel="cosine similarity with the teacher's answer", ylim=(len(arms) - 0.4, -0.6))
