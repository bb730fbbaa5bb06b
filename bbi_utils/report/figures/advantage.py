"""Who can tell: each adversary's advantage on base student, distilled student and the teacher itself."""

import pandas as pd
from matplotlib.figure import Figure

from bbi_utils.report.figures.panels import forest_figure, over_all
from bbi_utils.report.figures.style import ARMS, chance_handle, legend_below, limit_handles, use_style
from bbi_utils.report.labels import GAMES, LIKELIHOOD, game_of, in_order, listed

CAPTION = (
    "Advantage of each adversary, which sees one answer or two side by side, against {arms}. Lines are "
    "{level:.0%} intervals over prompts that hold together over the rows of one colour."
)


@use_style()
def advantage_figure(
    advantage: pd.DataFrame, *, limit: pd.DataFrame | None = None, confidence: float = 0.95
) -> Figure:
    """Advantage by adversary and game, one panel a pair, with intervals and the chance line.

    advantage: `games.advantage`, columns pair, contrast, adversary, game, advantage, lower, upper. limit:
    `summaries.limits`, of which the rows over all prompts are drawn.
    """
    arms = in_order(advantage["contrast"], ARMS)
    top = over_all(limit, advantage)
    played = [*_rows(advantage), *((LIKELIHOOD, game) for game in in_order(set(top["game"]), GAMES))]
    names = {(name, game): game_of(name, game) for name, game in played}
    fig, _ = forest_figure(advantage, names, arms=arms, limit=top, height=0.9 + 0.34 * len(names))
    legend_below(fig, [ARMS[arm] for arm in arms], *limit_handles(top), chance_handle())
    fig.set_label(CAPTION.format(level=confidence, arms=listed(ARMS[arm].name for arm in arms)))
    return fig


def _rows(advantage: pd.DataFrame) -> list[tuple[str, str]]:
    """(adversary, game), the weakest adversary on the base student first, its games together."""
    best = advantage[advantage["contrast"] == "base"].groupby("adversary")["advantage"].max()
    names = sorted(set(advantage["adversary"]), key=lambda a: (best.get(a, 0.0), a))
    found = set(zip(advantage["adversary"], advantage["game"], strict=True))
    return [(a, g) for a in names for g in in_order((g for n, g in found if n == a), GAMES)]
