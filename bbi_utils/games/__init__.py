"""The games: who plays, on which folds, with what advantage, and what may be said of it."""

from bbi_utils.games.crossfit import play
from bbi_utils.games.estimates import advantage, by_category, paired_difference
from bbi_utils.games.folds import PAIR_COLUMNS, assign_folds
from bbi_utils.games.scores import SCORE_COLUMNS, with_templates

__all__ = [
    "PAIR_COLUMNS",
    "SCORE_COLUMNS",
    "advantage",
    "assign_folds",
    "by_category",
    "paired_difference",
    "play",
    "with_templates",
]
