"""Who is like whom: the advantage between every two models as a heat map, in the order of a tree."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bbi_utils.report.figures.style import PAGE, SMALLEST, canvas, use_style
from bbi_utils.report.labels import as_drawn, plain_zero

CAPTION = (
    "Advantage between every two of {models} models, two answers side by side, on {n} prompts{tree}. White "
    "is where nobody tells two models apart, dark where nearly everybody does; intervals are in "
    "advantages.csv."
)
TREE = ", with the tree that joins them by it (average linkage)"
MOST_WRITTEN = 24  # models; with more the numbers in the cells cannot be read
MOST_NAMED = 60  # models; with more every second, third, ... has its name


def tree_of(distances: pd.DataFrame) -> np.ndarray:
    """Average linkage of a square of distances, as SciPy has it, the nearest leaves side by side."""
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    return linkage(squareform(distances.to_numpy()), method="average", optimal_ordering=True)


@use_style()
def matrix_figure(distances: pd.DataFrame, *, n: int) -> Figure:
    """distances: as `Matrix.distances`; with the tree where every two models were compared. n: prompts."""
    whole = bool(distances.notna().all(axis=None)) and len(distances) > 2
    side = min(PAGE, 1.6 + 0.21 * len(distances))
    size, widths = (side + 1.5, side), {"width_ratios": [1, 3.2] if whole else [0.01, 3.2]}
    fig, axes = canvas(1, 2, size=size, gridspec_kw=widths)
    if whole:
        order = _tree(axes[0, 0], distances)
    else:
        order = list(distances)
        axes[0, 0].set_axis_off()
    drawn = _cells(axes[0, 1], distances.loc[order, order])
    bar = fig.colorbar(drawn, ax=axes[0, 1], label="advantage", fraction=0.035, pad=0.04)
    bar.outline.set_visible(False)  # type: ignore[operator]
    fig.set_label(CAPTION.format(models=len(distances), n=f"{n:,}", tree=TREE if whole else ""))
    return fig


def _tree(ax: Axes, distances: pd.DataFrame) -> list[str]:
    """Draws the tree and returns the models in its order, from the top down."""
    from scipy.cluster.hierarchy import dendrogram

    look: dict[str, Any] = {"orientation": "left", "no_labels": True, "color_threshold": 0}
    found = dendrogram(tree_of(distances), ax=ax, above_threshold_color="#333333", **look)
    for line in ax.collections:
        line.set_linewidth(0.8)
    ax.invert_yaxis()
    ax.spines[["left", "right", "bottom"]].set_visible(False)
    ax.xaxis.tick_top()
    ax.grid(visible=False)
    return [distances.index[place] for place in found["leaves"]]


def _cells(ax: Axes, square: pd.DataFrame) -> Any:
    """The heat map; the numbers are written where there is room."""
    values = square.to_numpy(float)
    drawn = ax.imshow(values, cmap="Purples", vmin=0, vmax=1, aspect="auto")
    names = [as_drawn(name) for name in square]
    every = slice(None, None, 1 + len(names) // MOST_NAMED)
    at = range(len(names))[every]
    ax.set_xticks(at, names[every], rotation=60, ha="right", rotation_mode="anchor", fontsize=SMALLEST)
    ax.set_yticks(at, names[every], fontsize=SMALLEST)
    ax.yaxis.tick_right()
    ax.grid(visible=False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    if len(names) <= MOST_WRITTEN:
        for (y, x), value in np.ndenumerate(values):
            if x != y and value == value:
                written = plain_zero(f"{value:.2f}").removeprefix("0")
                ink = "white" if value > 0.55 else "black"
                ax.text(x, y, written, ha="center", va="center", color=ink, fontsize=SMALLEST)
    return drawn
