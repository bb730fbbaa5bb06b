"""Where the artifact sits, by category: what each removal costs one adversary."""

import pandas as pd
from matplotlib.figure import Figure

from bbi_utils.report.figures.panels import STUDENTS, colour_bar, heat_map, means_first
from bbi_utils.report.figures.removal import OVERLAP, REMOVED, kind_of
from bbi_utils.report.figures.style import ARMS, COLUMN, PAGE, canvas, use_style
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
    arms = [arm for arm in STUDENTS if arm in set(part["contrast"])]
    order = means_first(part[part["contrast"] == arms[0]], "category", "cost")
    columns = {name: kind_of(name).replace(" ", "\n", 1) for name in in_order(part["removed"], REMOVED)}
    size = (PAGE if len(arms) > 1 else COLUMN + 1.2, 0.95 + 0.31 * len(order))
    fig, axes = canvas(1, len(arms), size=size, sharey=True)
    for ax, arm in zip(axes[0], arms, strict=True):
        cells = part[part["contrast"] == arm]
        drawn = heat_map(
            ax, cells, categories=order, columns=columns, across="removed", value="cost", framed=True
        )
        ax.set_title(f"{pair_title(pair)}, {ARMS[arm].name}", color=ARMS[arm].colour)
    colour_bar(fig, drawn, axes, "advantage lost")
    said = {"title": pair_title(pair), "adversary": words(adversary), "n": counted(part["n"])}
    fig.set_label(CAPTION.format(level=confidence, **said))
    return fig
