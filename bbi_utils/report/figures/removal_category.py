"""Where the artifact sits, by category: what each removal costs one adversary."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from bbi_utils.report.figures.panels import heat_maps, students_in
from bbi_utils.report.figures.removal import OVERLAP, REMOVED, kind_of
from bbi_utils.report.figures.style import COLUMN, PAGE, use_style
from bbi_utils.report.labels import counted, in_order, pair_title, words

CAPTION = (
    "{title}, {adversary}: what each removal costs in the pairwise game, by category of prompt ({n} prompts "
    "in the smallest). In each cell the cost in advantage, below it its {level:.0%} interval over paired "
    "prompts, simultaneous over the removals and categories of one contrast; framed and bold where it "
    "excludes 0. Darker costs more; costs below 0 are white. Categories are sorted by their mean cost in "
    "the first panel. " + OVERLAP
)


@use_style()
def removal_category_figure(
    costs: pd.DataFrame, *, pair: str, adversary: str, confidence: float = 0.95
) -> Figure:
    """Heat maps category x removal of one adversary on one pair, its students side by side.

    costs: `games.ablation.costs_of_removal`.
    """
    part = costs[(costs["pair"] == pair) & (costs["adversary"] == adversary) & (costs["category"] != "all")]
    columns = {name: kind_of(name).replace(" ", "\n", 1) for name in in_order(part["removed"], REMOVED)}
    size = (PAGE if len(students_in(part)) > 1 else COLUMN + 1.2, 0.95 + 0.31 * part["category"].nunique())
    what: dict[str, Any] = {"across": "removed", "value": "cost", "label": "advantage lost"}
    fig = heat_maps(part, columns, size=size, framed=True, **what)
    said = {"title": pair_title(pair), "adversary": words(adversary), "n": counted(part["n"])}
    fig.set_label(CAPTION.format(level=confidence, **said))
    return fig
