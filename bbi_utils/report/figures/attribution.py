"""Where the artifact sits: what an adversary loses when one kind of difference is taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bbi_utils.errors import BadInput
from bbi_utils.report.figures.categories import STUDENTS, TOP, _centres, _signed
from bbi_utils.report.figures.style import (
    ARMS,
    CHANCE,
    COLUMN,
    PAGE,
    canvas,
    chance_handle,
    counted,
    in_order,
    legend_below,
    name_rows,
    pair_title,
    pairs_in,
    point,
    use_style,
    width_of,
    words,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.collections import Collection
    from matplotlib.figure import Figure

ALL = "all"
REMOVED = {
    "length": "length",
    "markup": "markup and\npunctuation",
    "case": "letter case",
    "order": "word order",
}
OVERLAP = "Removals overlap and may destroy content, so costs do not add up."
CAPTION = (
    "What a removal costs an adversary in the pairwise game: its advantage on the answers as they are minus "
    "that of the same adversary trained and tested on answers without the named kind of difference, {n} "
    "prompts. Lines are {level:.0%} intervals over paired prompts, simultaneous over all adversaries and "
    "removals of a pair and contrast. Dashed: no cost. " + OVERLAP
)
BY_CATEGORY = (
    "{title}, {adversary}: what each removal costs in the pairwise game, by category of prompt ({n} prompts "
    "in the smallest). In each cell the cost in advantage, below it its {level:.0%} interval over paired "
    "prompts, simultaneous over the removals and categories of one contrast; framed and bold where it "
    "excludes 0. Darker costs more; costs below 0 are white. Categories are sorted by their mean cost in "
    "the first panel. " + OVERLAP
)


def removal_figure(costs: pd.DataFrame, *, confidence: float = 0.95) -> Figure:
    """Cost over all prompts by adversary and removal, one panel a pair.

    costs: `attribution.costs_of_removal`.
    """
    table = costs[costs["category"] == ALL]
    if table.empty:
        raise BadInput("removal figure: no row of category 'all'; give the table of costs_of_removal")
    pairs, arms = pairs_in(table["pair"]), in_order(table["contrast"], ARMS)
    found = set(zip(table["adversary"], table["removed"], strict=True))
    rows = [
        (a, r)
        for a in sorted({a for a, _ in found})
        for r in in_order((r for b, r in found if b == a), REMOVED)
    ]
    alone = len({adversary for adversary, _ in rows}) == 1
    labels = [
        _kind(kind) if alone else f"{words(name)}\nwithout {_kind(kind, one_line=True)}"
        for name, kind in rows
    ]
    with use_style():
        size = (width_of(len(pairs)), 0.95 + 0.36 * len(rows))
        fig, axes = canvas(1, len(pairs), size=size, sharey=True, sharex=True)
        for ax, pair in zip(axes[0], pairs, strict=True):
            name_rows(ax, labels)
            _costs(ax, table[table["pair"] == pair], rows, arms)
            ax.set_title(pair_title(pair) + (f", {words(rows[0][0])}" if alone else ""))
        legend_below(fig, [ARMS[arm] for arm in arms], extra=[chance_handle("no cost")])
    fig.set_label(CAPTION.format(n=counted(table["n"]), level=confidence))
    return fig


def _kind(removed: str, *, one_line: bool = False) -> str:
    name = REMOVED.get(removed, words(removed))
    return name.replace("\n", " ") if one_line else name


def _costs(ax: Axes, table: pd.DataFrame, rows: list[tuple[str, str]], arms: list[str]) -> None:
    ax.axvline(0, **CHANCE)
    for odd in range(1, len(rows), 2):
        ax.axhspan(odd - 0.5, odd + 0.5, color="#f5f5f5", zorder=0)
    for found in table.itertuples():
        shift = 0.2 * (arms.index(str(found.contrast)) - (len(arms) - 1) / 2)
        at = rows.index((str(found.adversary), str(found.removed))) + shift
        point(ax, found.cost, at, (found.lower, found.upper), mark=ARMS[str(found.contrast)])
    ax.set_xlabel("advantage lost")


def removal_category_figure(
    costs: pd.DataFrame, *, pair: str, adversary: str, confidence: float = 0.95
) -> Figure:
    """Heat maps category x removal of one adversary on one pair, its students side by side.

    costs: `attribution.costs_of_removal`. Raises BadInput where it has no category of theirs.
    """
    part = costs[(costs["pair"] == pair) & (costs["adversary"] == adversary) & (costs["category"] != ALL)]
    arms = [arm for arm in STUDENTS if arm in set(part["contrast"])]
    if not arms:
        raise BadInput(
            f"removal figure: no categories of {adversary!r} for pair {pair!r} and any of {STUDENTS}"
        )
    first = part[part["contrast"] == arms[0]].groupby("category")["cost"].mean()
    order = list(first.sort_values(ascending=False, kind="stable").index)
    removed = in_order(part["removed"], REMOVED)
    with use_style():
        size = (PAGE if len(arms) > 1 else COLUMN + 1.2, 0.95 + 0.31 * len(order))
        fig, axes = canvas(1, len(arms), size=size, sharey=True)
        for ax, arm in zip(axes[0], arms, strict=True):
            image = _heat(
                ax, part[part["contrast"] == arm], order, removed, top=max(0.2, float(part["cost"].max()))
            )
            ax.set_title(f"{pair_title(pair)}, {ARMS[arm].name}", color=ARMS[arm].colour)
        bar = fig.colorbar(image, ax=axes, label="advantage lost", fraction=0.025, pad=0.015)
        bar.outline.set_visible(False)
    said = {"title": pair_title(pair), "adversary": words(adversary), "n": counted(part["n"])}
    fig.set_label(BY_CATEGORY.format(level=confidence, **said))
    return fig


def _heat(
    ax: Axes, part: pd.DataFrame, categories: list[str], removed: list[str], *, top: float
) -> Collection:
    import seaborn
    from matplotlib.patches import Rectangle

    grid = part.pivot(index="category", columns="removed", values="cost").reindex(categories)[removed]
    bare = {"cbar": False, "xticklabels": False, "yticklabels": False}  # names are written below, as words
    seaborn.heatmap(grid.astype(float), ax=ax, cmap="Purples", vmin=0, vmax=TOP, **bare)
    for cell in part.itertuples():
        x, y = removed.index(str(cell.removed)), categories.index(str(cell.category))
        ink = "white" if cell.cost > 0.55 * TOP else "black"
        marked = cell.lower > 0 or cell.upper < 0
        style: dict[str, Any] = {"ha": "center", "va": "center", "color": ink}
        ax.text(x + 0.5, y + 0.34, _signed(cell.cost), weight="bold" if marked else "normal", **style)
        ax.text(x + 0.5, y + 0.74, f"{_signed(cell.lower)} to {_signed(cell.upper)}", fontsize=5.6, **style)
        if marked:
            ax.add_patch(
                Rectangle((x + 0.03, y + 0.04), 0.94, 0.92, fill=False, edgecolor="black", linewidth=1.1)
            )
    ax.set_xticks(*_centres([_kind(name).replace(" ", "\n", 1) for name in removed]), rotation=0)
    ax.set_yticks(*_centres([words(category) for category in categories]), rotation=0)
    ax.set(xlabel="", ylabel="")
    ax.grid(visible=False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax.collections[0]
