"""Answers: asked for once, kept in the store, and set side by side. Importing this loads no pandas."""

from bbi_utils.responses.answers import NULL, answers_table, contrasts_of, read_answers_table, side_by_side
from bbi_utils.responses.likelihoods import likelihood_table
from bbi_utils.responses.sampling import sample
from bbi_utils.responses.store import ResponseStore

__all__ = [
    "NULL",
    "ResponseStore",
    "answers_table",
    "contrasts_of",
    "likelihood_table",
    "read_answers_table",
    "sample",
    "side_by_side",
]
