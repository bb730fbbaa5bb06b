"""Where the differences sit: advantage by category and adversary, with the interval in every cell."""

import pandas as pd
from matplotlib.figure import Figure

from bbi_utils.report.figures.panels import STUDENTS, colour_bar, heat_map, means_first
from bbi_utils.report.figures.style import ARMS, PAGE, canvas, use_style
from bbi_utils.report.labels import as_drawn, pair_title, words

CAPTION = (
    "{title}: advantage, 2 Pr[correct] - 1, of each adversary in the {game} game, by category of prompt. "
    "In each cell the estimate, below it its {level:.0%} interval over prompts, simultaneous over the "
    "categories of one adversary; bold where it lies above chance (0). Darker is easier to tell from the "
    "teacher; estimates below 0 are white. Categories are sorted by mean advantage on the {first}."
)


@use_style()
def category_figure(
    categories: pd.DataFrame, *, pair: str, game: str = "pairwise", confidence: float = 0.95
) -> Figure:
    """Heat maps category x adversary for each student of one pair, side by side.

    categories: `games.by_category`, columns pair, contrast, adversary, game, category, advantage, lower,
    upper. More than four adversaries need the width of the page: then the panels stand one above the other.
    """
    part = categories[(categories["pair"] == pair) & (categories["game"] == game)]
    arms = [arm for arm in STUDENTS if arm in set(part["contrast"])]
    first = part[part["contrast"] == arms[0]]
    order = means_first(first, "category", "advantage")
    names = {name: words(name) for name in reversed(means_first(first, "adversary", "advantage"))}
    if len(names) <= 6:
        names = {key: name.replace(" ", "\n", 1) for key, name in names.items()}
    rows, columns = (len(arms), 1) if len(names) > 4 else (1, len(arms))
    size = (PAGE, 0.6 * columns + rows * (0.35 + 0.31 * len(order)))
    fig, axes = canvas(rows, columns, size=size, sharey=True, sharex=True)
    for ax, arm in zip(axes.flat, arms, strict=True):
        cells = part[part["contrast"] == arm]
        drawn = heat_map(ax, cells, categories=order, columns=names, across="adversary", value="advantage")
        ax.set_title(f"{as_drawn(pair_title(pair))}, {ARMS[arm].name}", color=ARMS[arm].colour)
    colour_bar(fig, drawn, axes, "advantage")
    said = {"title": pair_title(pair), "first": ARMS[arms[0]].name}
    fig.set_label(CAPTION.format(game=game, level=confidence, **said))
    return fig
