"""Checks of an answer's content that scripted answers share, beyond `contains_all` and `contains_any`."""

from __future__ import annotations

import re
from collections.abc import Callable

from pocket.content import normalise


def says_yes_or_no(yes: bool, *spans: str) -> Callable[[str], bool]:
    """A check: the answer says yes (or no, and not yes) and contains every span; "no problem" is no "no"."""
    wanted = [normalise(span) for span in spans]

    def check(answer: str) -> bool:
        text = normalise(answer).replace(" no problem ", " ")
        verdict = " yes " in text if yes else " no " in text and " yes " not in text
        return verdict and all(span in text for span in wanted)

    return check


def names_first(right: str, *others: str) -> Callable[[str], bool]:
    """A check: of the choices on offer, the right one is named, and named before any other."""
    chosen, rest = normalise(right), [normalise(other) for other in others]

    def check(answer: str) -> bool:
        text = normalise(answer)
        at = text.find(chosen)
        return at >= 0 and all(text.find(other) < 0 or text.find(other) > at for other in rest)

    return check


def gives_number(number: int, *given: int) -> Callable[[str], bool]:
    """A check: the answer has the right number and no other, the given ones aside if all are repeated."""

    def check(answer: str) -> bool:
        found = numbers_in(answer)
        rest = list(found)
        for value in given:
            if value in rest:
                rest.remove(value)
        all_repeated = len(found) - len(rest) == len(given)
        return set(rest if all_repeated and rest else found) == {number}

    return check


def numbers_in(answer: str) -> list[int]:
    """The whole numbers of an answer, bold marks aside."""
    return [int(digits) for digits in re.findall(r"\d+", answer.replace("*", ""))]
