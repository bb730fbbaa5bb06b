"""Where the differences sit: advantage by category and adversary, with the interval in every cell."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from bbi_utils.report.figures.panels import heat_maps, limit_rows, means_first, students_in, with_limit
from bbi_utils.report.figures.style import ARMS, PAGE, use_style
from bbi_utils.report.labels import pair_title, words

CAPTION = (
    "{title}: advantage, 2 Pr[correct] - 1, of each adversary in the {game} game, by category of prompt. "
    "In each cell the estimate, below it its {ends}; bold where it lies above chance (0). Darker is easier "
    "to tell from the teacher; estimates below 0 are white. Categories are sorted by mean advantage on the "
    "{first}."
)
JOINT = "{level:.0%} interval over prompts, simultaneous over the categories of one adversary"
EXACT = (
    "exact one-sided {level:.0%} bounds, the lower ones together over all categories, adversaries and games, "
    "as in the verdict, and so the upper ones"
)
LIMIT = (
    " Last column: the limit, what the best possible adversary has in that category; its intervals hold "
    "together over the categories."
)


@use_style()
def category_figure(
    categories: pd.DataFrame,
    *,
    pair: str,
    game: str = "pairwise",
    limit: pd.DataFrame | None = None,
    confidence: float = 0.95,
    exact: bool = False,
) -> Figure:
    """Heat maps category x adversary for each student of one pair, side by side.

    categories: `games.by_category`, columns pair, contrast, adversary, game, category, advantage, lower,
    upper, or, with exact, `certificate.bounds_by_category`; limit: as `advantage_figure`. More than four
    adversaries need the width of the page: then the panels stand one above the other.
    """
    part = categories[(categories["pair"] == pair) & (categories["game"] == game)]
    arms = students_in(part)
    top = limit_rows(limit, part).query("category != 'all'")
    weakest_last = means_first(part[part["contrast"] == arms[0]], "adversary", "advantage")
    names = {name: words(name) for name in [*reversed(weakest_last), *top["adversary"].unique()]}
    part = with_limit(part, top)
    if len(names) <= 6:
        names = {key: name.replace(" ", "\n", 1) for key, name in names.items()}
    stacked, tall = len(names) > 4, 0.35 + 0.31 * part["category"].nunique()
    size = (PAGE, 0.6 + len(arms) * tall if stacked else 0.6 * len(arms) + tall)
    what: dict[str, Any] = {"across": "adversary", "value": "advantage", "label": "advantage"}
    fig = heat_maps(part, names, size=size, stacked=stacked, **what)
    said = {"title": pair_title(pair), "first": ARMS[arms[0]].name}
    ends = (EXACT if exact else JOINT).format(level=confidence)
    fig.set_label(CAPTION.format(game=game, ends=ends, **said) + (LIMIT if len(top) else ""))
    return fig
