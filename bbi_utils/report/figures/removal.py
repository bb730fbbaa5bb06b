"""Where the artifact sits: what an adversary loses when one kind of difference is taken out."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from bbi_utils.report.figures.panels import forest_figure
from bbi_utils.report.figures.style import ARMS, chance_handle, legend_below, use_style
from bbi_utils.report.labels import heading, how_many, in_order, pairs_in, words

REMOVED = {
    "length": "length", "markup": "markup and\npunctuation", "case": "letter case", "order": "word order"
}  # fmt: skip
CAPTION = (
    "Advantage with two answers that is lost when one kind of difference is taken out of all answers and "
    "the adversary is trained anew; {n} prompts. Lines are {level:.0%} intervals over paired prompts that "
    "hold together over the rows of one colour; removals overlap, so losses do not add up."
)


@use_style()
def removal_figure(costs: pd.DataFrame, *, confidence: float = 0.95) -> Figure:
    """Cost over all prompts by adversary and removal, one panel a pair.

    costs: `games.ablation.costs_of_removal`.
    """
    table = costs[costs["category"] == "all"]
    arms, rows = in_order(table["contrast"], ARMS), _rows(table)
    alone = len({adversary for adversary, _ in rows}) == 1
    names = {row: kind_of(row[1]) if alone else _without(*row) for row in rows}
    what: dict[str, Any] = {"by": ("adversary", "removed"), "value": "cost", "label": "advantage lost"}
    fig, axes = forest_figure(table, names, arms=arms, height=0.95 + 0.36 * len(names), step=0.2, **what)
    if alone:
        for ax, pair in zip(axes, pairs_in(table["pair"]), strict=True):
            ax.set_title(heading(pair, words(rows[0][0])))
    legend_below(fig, [ARMS[arm] for arm in arms], chance_handle("no loss"))
    fig.set_label(CAPTION.format(n=how_many(table["n"]), level=confidence))
    return fig


def kind_of(removed: str) -> str:
    """What was taken out, as a label of a row or column."""
    return REMOVED.get(removed, words(removed))


def _without(adversary: str, removed: str) -> str:
    return f"{words(adversary)}\nwithout {kind_of(removed)}".replace("and\n", "and ")


def _rows(table: pd.DataFrame) -> list[tuple[str, str]]:
    """(adversary, removal), the removals of an adversary together."""
    found = set(zip(table["adversary"], table["removed"], strict=True))
    adversaries = sorted({adversary for adversary, _ in found})
    return [(a, r) for a in adversaries for r in in_order((r for b, r in found if b == a), REMOVED)]
