"""Where the differences sit: advantage by category and adversary, with the interval in every cell."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from bbi_utils.report.figures.panels import daggers, heat_maps, limit_rows, students_in, with_limit
from bbi_utils.report.figures.style import use_style
from bbi_utils.report.labels import GAMES, in_order, pair_title, words

CAPTION = (
    "{title}: advantage of each adversary that sees {game}, by category of prompt{papers}. Darker is "
    "easier to tell from the teacher, and bold lies above chance (0); below each estimate stands {ends}."
)
JOINT = "its {level:.0%} interval over prompts, which holds together over a column"
EXACT = (
    "its pair of exact one-sided {level:.0%} bounds, the lower ones together over all categories, "
    "adversaries and games, and so the upper ones"
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
    alike = categories[(categories["contrast"] == arms[0]) & (categories["game"] == game)]  # of all pairs
    strength = alike.groupby("adversary")["advantage"].mean().sort_values(kind="stable")
    weakest_first = in_order(part["adversary"], strength.index)
    names = {name: words(name) for name in [*weakest_first, *top["adversary"].unique()]}
    part = with_limit(part, top)
    if len(names) <= 6:
        names = {key: name.replace(" ", "\n", 1) for key, name in names.items()}
    what: dict[str, Any] = {
        "across": "adversary",
        "value": "advantage",
        "label": "advantage of each adversary",
    }
    fig = heat_maps(part, names, stacked=len(names) > 4, **what)
    ends = (EXACT if exact else JOINT).format(level=confidence)
    said = {"title": pair_title(pair), "game": GAMES[game]}
    fig.set_label(CAPTION.format(ends=ends, papers=daggers(part), **said))
    return fig
