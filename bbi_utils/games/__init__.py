"""The games: who plays, on which folds, with what advantage, and what may be said of it."""

from bbi_utils.games.playing import (
    PAIR_COLUMNS,
    SCORE_COLUMNS,
    advantage,
    assign_folds,
    by_category,
    drop_failed,
    paired_difference,
    play,
)

__all__ = [
    "PAIR_COLUMNS",
    "SCORE_COLUMNS",
    "advantage",
    "assign_folds",
    "by_category",
    "drop_failed",
    "paired_difference",
    "play",
]
