"""Where the differences sit: advantage by category and adversary, with the interval in every cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bbi_utils.errors import BadInput
from bbi_utils.report.figures.style import ARMS, PAGE, as_drawn, canvas, pair_title, use_style, words

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.collections import Collection
    from matplotlib.figure import Figure

CAPTION = (
    "{title}: advantage, 2 Pr[correct] - 1, of each adversary in the {game} game, by category of prompt. "
    "In each cell the estimate, below it its {level:.0%} interval over prompts, simultaneous over the "
    "categories of one adversary; bold where it lies above chance (0). Darker is easier to tell from the "
    "teacher; estimates below 0 are white. Categories are sorted by mean advantage on the {first}."
)
STUDENTS = ("base", "distilled", "student")
TOP = 1.0  # the colour scale ends at perfect distinction in every figure, so that figures compare


def category_figure(
    categories: pd.DataFrame, *, pair: str, game: str = "pairwise", confidence: float = 0.95
) -> Figure:
    """Heat maps category x adversary for each student of one pair, side by side.

    categories: `games.by_category`, columns pair, contrast, adversary, game, category, advantage, lower,
    upper. More than four adversaries need the width of the page: then the panels stand one above the other.
    """
    part = categories[(categories["pair"] == pair) & (categories["game"] == game)]
    arms = [a for a in STUDENTS if a in set(part["contrast"])]
    if not arms:
        raise BadInput(f"category figure: no rows for pair {pair!r} and game {game!r} in the table")
    order = _by_mean(part[part["contrast"] == arms[0]], "category")
    adversaries = _by_mean(part[part["contrast"] == arms[0]], "adversary")[::-1]
    with use_style():
        rows, columns = (len(arms), 1) if len(adversaries) > 4 else (1, len(arms))
        size = (PAGE, 0.6 * columns + rows * (0.35 + 0.31 * len(order)))
        fig, axes = canvas(rows, columns, size=size, sharey=True, sharex=True)
        for ax, arm in zip(axes.flat, arms, strict=True):
            image = _panel(ax, part[part["contrast"] == arm], order, adversaries)
            ax.set_title(f"{as_drawn(pair_title(pair))}, {ARMS[arm].name}", color=ARMS[arm].colour)
        bar = fig.colorbar(image, ax=axes, label="advantage", fraction=0.025, pad=0.015)
        bar.outline.set_visible(False)
    first = ARMS[arms[0]].name
    fig.set_label(CAPTION.format(title=pair_title(pair), game=game, level=confidence, first=first))
    return fig


def _by_mean(part: pd.DataFrame, column: str) -> list[str]:
    """Values of the column, the largest mean advantage first."""
    return list(part.groupby(column)["advantage"].mean().sort_values(ascending=False, kind="stable").index)


def _panel(ax: Axes, part: pd.DataFrame, categories: list[str], adversaries: list[str]) -> Collection:
    grid = part.pivot(index="category", columns="adversary", values="advantage").reindex(categories)[
        adversaries
    ]
    import seaborn

    bare: dict[str, Any] = {"cbar": False, "xticklabels": False, "yticklabels": False}
    seaborn.heatmap(grid.astype(float), ax=ax, cmap="Purples", vmin=0, vmax=TOP, **bare)
    for cell in part.itertuples():
        at = (adversaries.index(cell.adversary) + 0.5, categories.index(cell.category) + 0.5)
        ink = "white" if cell.advantage > 0.55 * TOP else "black"
        weight = "bold" if cell.lower > 0 else "normal"
        ax.text(
            at[0], at[1] - 0.16, _signed(cell.advantage), ha="center", va="center", color=ink, weight=weight
        )
        ends = f"{_signed(cell.lower)} to {_signed(cell.upper)}"
        ax.text(at[0], at[1] + 0.24, ends, ha="center", va="center", color=ink, fontsize=5.6)
    slanted: dict[str, Any] = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
    labels = [words(a) if len(adversaries) > 6 else words(a).replace(" ", "\n", 1) for a in adversaries]
    ax.set_xticks(*_centres(labels), **(slanted if len(adversaries) > 6 else {"rotation": 0}))
    ax.set_yticks(*_centres([as_drawn(words(c)) for c in categories]), rotation=0)
    ax.set(xlabel="", ylabel="")
    ax.grid(visible=False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax.collections[0]


def _centres(labels: list[str]) -> tuple[list[float], list[str]]:
    """Where the middle of each cell is, with its label."""
    return [i + 0.5 for i in range(len(labels))], labels


def _signed(value: float) -> str:
    """Two decimals with a true minus sign, and no negative zero."""
    return f"{value + 0.0:.2f}".replace("-0.00", "0.00").replace("-", "\N{MINUS SIGN}")
