"""What a reader would notice of an answer: how it opens and ends, lists, bold, length, words, white space."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import islice

import pandas as pd

from bbi_utils.adversaries.missing import SIDES, ends
from bbi_utils.adversaries.ridge import WORD
from bbi_utils.adversaries.stylometric import count

Habit = tuple[str, str]  # its kind, and which one of the kind
LONGEST = 3  # words of an opening or ending
LETTERS = 200  # that say in which script an answer is written
FORMS = {
    name: re.compile(pattern, re.MULTILINE)
    for name, pattern in {
        "says nothing": r"\A\s*\Z",
        "begins with white space": r"\A\s+\S",
        "has a trailing space": r"\S[ \t]+\Z",
        "ends with a line break": r"\n\Z",
        "has a space before a line break": r"\S[ \t]+\n",
        "has two spaces in a row": r"\S  +\S",
        "has a blank line": r"\S[ \t]*\n[ \t]*\n[ \t]*\S",
        "has two blank lines in a row": r"\n[ \t]*\n[ \t]*\n",
        "has a heading (#)": r"^#{1,6} ",
        "has a bulleted list": r"^[ \t]*[-*•+][ \t]",
        "has a numbered list": r"^[ \t]*\d+[.)][ \t]",
        "has bold text (**)": r"\*\*\S",
        "has code (`)": "`",
        "has a table": r"^[ \t]*\|.*\|",
        "has an emoji": "[\U0001f300-\U0001faff\u2600-\u27bf]",
        "has an exclamation mark": "!",
        "ends with a question": r"\?\W*\Z",
        "ends without a closing mark": r"[^\W_]\s*\Z",
        "hedges (may, perhaps, I think)": r"\b(?:may|might|perhaps|possibly|probably|it depends|I think)\b",
        "refuses or apologises": r"\b(?:(?:I'm|I am) (?:sorry|unable|not able)|I can(?:not|['’]t))\b",
        "speaks of itself as an AI": r"\b[Aa]s an? (?:AI|language model)\b",
    }.items()
}
LISTED = set("!#*`|")  # marks that the forms speak of
MEASURES: dict[str, Callable[[str], float]] = {
    "more words": lambda answer: len(answer.split()),
    "more lines": lambda answer: answer.count("\n") + 1,
    "longer words": lambda answer: count(answer)[0][4],
}
# Kinds whose habits come from the answers, and how each is said; the others say what they are themselves.
LEARNED = {"opening": "opens with", "ending": "ends with", "word": "says", "mark": "uses"}


def habits_of(pairs: pd.DataFrame) -> tuple[list[set[Habit]], list[set[Habit]]]:
    """The habits of the teacher's answers and of the student's, a set a prompt.

    Who of the two has more words, more lines or longer words is a habit of that side.
    """
    found = {side: [set(_habits(text)) for text in pairs[side]] for side in SIDES}
    for side in SIDES:
        for habits, end in zip(found[side], ends(pairs, side), strict=True):
            habits.update([("form", "is cut off")] if end == "cut" else [])
    for name, measure in MEASURES.items():
        for row, sizes in enumerate(zip(*(map(measure, pairs[side]) for side in SIDES), strict=True)):
            if sizes[0] != sizes[1]:
                found[SIDES[sizes[1] > sizes[0]]][row].add(("size", name))
    return found["teacher"], found["student"]


def _habits(answer: str) -> Iterator[Habit]:
    yield from (("form", name) for name, pattern in FORMS.items() if pattern.search(answer))
    words = [word.span() for word in WORD.finditer(answer)]
    for k in range(1, min(LONGEST, len(words)) + 1):
        yield "opening", _spaced(answer[words[0][0] : words[k - 1][1]])
        yield "ending", _spaced(answer[words[-k][0] : words[-1][1]])
    for token in count(answer)[1]:
        if not token.isspace() and token not in LISTED:
            yield "word" if token[0].isalnum() else "mark", token
    if script := script_of(answer):
        yield "script", f"is written mostly in {script} letters"


def _spaced(text: str) -> str:
    return " ".join(text.split())


def script_of(answer: str) -> str:
    """The script of most of its first letters, such as Latin, Cyrillic or Cjk; "" where it has none."""
    scripts = Counter(map(_script, islice(filter(str.isalpha, answer), LETTERS)))
    return max(scripts, key=scripts.__getitem__).capitalize() if scripts else ""


@cache
def _script(letter: str) -> str:
    return unicodedata.name(letter, "other").split(" ")[0]


def told(habit: Habit) -> str:
    """The habit as a predicate: opens with "Certainly"."""
    kind, which = habit
    return f'{LEARNED[kind]} "{which}"' if kind in LEARNED else f"has {which}" if kind == "size" else which


def overlap(one: Habit, others: Iterable[Habit]) -> bool:
    """Whether one of the others says the same: words of it, or words that it is part of."""

    def words(which: str) -> str:
        return f" {' '.join(WORD.findall(which.casefold()))} "

    text, same = words(one[1]), [words(which) for kind, which in others if kind in LEARNED]
    return one[0] in LEARNED and any(text in other or other in text for other in same)
