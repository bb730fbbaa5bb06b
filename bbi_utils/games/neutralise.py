"""Take one kind of difference out of all answers: what an adversary then loses is what that kind was worth.

Each transform is applied to the answers of both sides, before training and before testing, so that the
adversary may look for anything that is left. This is an intervention on the texts and not a look at weights:
an adversary that still succeeds did not need what was removed. The other direction holds with less. An
adversary that loses needed something that went with the removal. Removals overlap (line breaks go with word
order and with markup, closing words with length) and may destroy content (cut answers, signs of operations).
So the costs of several removals do not add up to the advantage, and a cost of zero does not say that the kind
differs in nothing: another kind may have told the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import pandas as pd

from bbi_utils.errors import BadInput

Transform = Callable[[pd.DataFrame], pd.DataFrame]
EMPTY = "empty"  # stands for a text of which nothing is left, on both sides alike
LIST_NUMBER = re.compile(r"(?m)^[ \t]*\d{1,2}[.)][ \t]+(?=\S)")
NUMBER = re.compile(r"((?:(?<!\w)-)?\d+(?:[.,:/-]\d+)*)")


def without_markup(text: str) -> str:
    """Words and numbers with single spaces: no punctuation, symbol, line break or number of a list item.

    Unicode says what is punctuation or a symbol. Marks within a number, and its minus, are content and stay.
    """
    pieces = NUMBER.split(LIST_NUMBER.sub("", text))
    pieces[::2] = ["".join(map(_plain, piece)) for piece in pieces[::2]]
    return " ".join("".join(pieces).split())


def _plain(character: str) -> str:
    return " " if unicodedata.category(character)[0] in "PS" else character


def without_order(text: str) -> str:
    """The same words, as often, in the order of their characters' codes, with single spaces."""
    return " ".join(sorted(text.split()))


def same_length(pairs: pd.DataFrame) -> pd.DataFrame:
    """Both answers of a prompt cut to as many words as the shorter has; line breaks in between stay.

    A word has a letter or a digit. Closing punctuation goes from both: a full stop at the end would say which
    one was not cut. Number of words is not number of characters: longer words remain longer.
    """
    ends = [[_word_ends(text) for text in pairs[side]] for side in ("teacher", "student")]
    counts = [min(len(one), len(other)) for one, other in zip(*ends, strict=True)]
    cut = {
        side: [_cut(*row) for row in zip(pairs[side], found, counts, strict=True)]
        for side, found in zip(("teacher", "student"), ends, strict=True)
    }
    return pairs.assign(**cut)


def _word_ends(text: str) -> list[int]:
    return [word.end() for word in re.finditer(r"\S+", text) if any(map(str.isalnum, word.group()))]


def _cut(text: str, ends: list[int], count: int) -> str:
    end = ends[count - 1] if count else 0
    while end and not text[end - 1].isalnum():
        end -= 1
    return text[:end]


def each_answer(change: Callable[[str], str]) -> Transform:
    """A transform that changes every answer by itself."""

    def transform(pairs: pd.DataFrame) -> pd.DataFrame:
        return pairs.assign(teacher=pairs["teacher"].map(change), student=pairs["student"].map(change))

    return transform


TRANSFORMS: dict[str, Transform] = {
    "length": same_length,
    "markup": each_answer(without_markup),
    "case": each_answer(str.lower),
    "order": each_answer(without_order),
}


def neutralised(pairs: pd.DataFrame, transform: Transform) -> pd.DataFrame:
    """The pairs after the transform, with `EMPTY` for an answer of which nothing is left.

    Equal answers stay in: they are ties. Raises BadInput where the transform changed more than the answers,
    since costs compare the same prompts in the same folds.
    """
    changed = transform(pairs)
    about = [name for name in pairs if name not in ("teacher", "student")]
    if not set(pairs) <= set(changed) or not changed[about].equals(pairs[about]):
        raise BadInput(f"a removal changed more than the answers; expected {about} as they were, row by row")
    sides = {
        side: changed[side].where(changed[side].str.strip() != "", EMPTY) for side in ("teacher", "student")
    }
    return changed.assign(**sides)
