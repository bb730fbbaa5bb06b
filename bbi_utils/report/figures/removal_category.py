"""Where the artifact sits, by category: what each removal costs one adversary."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from bbi_utils.report.figures.panels import daggers, heat_maps
from bbi_utils.report.figures.removal import REMOVED, kind_of
from bbi_utils.report.figures.style import use_style
from bbi_utils.report.labels import how_many, in_order, pair_title, words

CAPTION = (
    "{title}, {adversary}: advantage lost when one kind of difference is taken out of all answers, by "
    "category of {n} prompts each{papers}. Darker is a larger loss; below each estimate stands its "
    "{level:.0%} interval, which holds together over a map, framed where it excludes 0."
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
    what: dict[str, Any] = {"across": "removed", "value": "cost", "label": "advantage lost without"}
    fig = heat_maps(part, columns, framed=True, **what)
    named = {"title": pair_title(pair), "adversary": words(adversary)}
    said = {**named, "n": how_many(part["n"]), "papers": daggers(part)}
    fig.set_label(CAPTION.format(level=confidence, **said))
    return fig
