"""Who can tell: each adversary's advantage on base student, distilled student and the teacher itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bbi_utils.report.figures.style import (
    ARMS,
    CHANCE,
    canvas,
    chance_handle,
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
    from matplotlib.figure import Figure

GAMES = {"single": "one answer", "pairwise": "two answers"}
CAPTION = (
    "Distinguishing advantage, 2 Pr[correct] - 1, of each adversary in both games: it sees one answer, or "
    "two in random order. Lines are {level:.0%} intervals over held-out prompts, simultaneous over all "
    "adversaries and games of a pair and contrast. Dashed: chance. 'Teacher again' is the null control, "
    "the teacher against a fresh sample of itself: every interval there should cover 0."
)


def advantage_figure(advantage: pd.DataFrame, *, confidence: float = 0.95) -> Figure:
    """Advantage by adversary and game, one panel a pair, with intervals and the chance line.

    advantage: `games.advantage`, columns pair, contrast, adversary, game, advantage, lower, upper.
    """
    pairs = pairs_in(advantage["pair"])
    arms = in_order(advantage["contrast"], ARMS)
    rows = _rows(advantage)
    size = (width_of(len(pairs)), 0.9 + 0.34 * len(rows))
    with use_style():
        fig, axes = canvas(1, len(pairs), size=size, sharey=True, sharex=True)
        for ax, pair in zip(axes[0], pairs, strict=True):
            _panel(ax, advantage[advantage["pair"] == pair], rows, arms)
            ax.set_title(pair_title(pair))
        legend_below(fig, [ARMS[a] for a in arms], extra=[chance_handle("chance")])
    fig.set_label(CAPTION.format(level=confidence))
    return fig


def _rows(advantage: pd.DataFrame) -> list[tuple[str, str]]:
    """(adversary, game), the weakest adversary on the base student first, its games together."""
    best = advantage[advantage["contrast"] == "base"].groupby("adversary")["advantage"].max()
    names = sorted(set(advantage["adversary"]), key=lambda a: (best.get(a, 0.0), a))
    found = set(zip(advantage["adversary"], advantage["game"], strict=True))
    return [(a, g) for a in names for g in in_order((g for n, g in found if n == a), GAMES)]


def _row_name(row: tuple[str, str]) -> str:
    return f"{words(row[0])}\n{GAMES.get(row[1], words(row[1]))}"


def _panel(ax: Axes, advantage: pd.DataFrame, rows: list[tuple[str, str]], arms: list[str]) -> None:
    ax.axvline(0, **CHANCE)
    for odd in range(1, len(rows), 2):
        ax.axhspan(odd - 0.5, odd + 0.5, color="#f5f5f5", zorder=0)
    for found in advantage.itertuples():
        y = rows.index((found.adversary, found.game)) + 0.24 * (
            arms.index(found.contrast) - (len(arms) - 1) / 2
        )
        point(ax, found.advantage, y, (found.lower, found.upper), mark=ARMS[found.contrast])
    name_rows(ax, [_row_name(row) for row in rows])
    ax.set_xlabel("distinguishing advantage")
