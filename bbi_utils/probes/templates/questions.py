"""Simple questions that robustness probes disturb: what they are about, how they are asked, the answers."""

from __future__ import annotations

import random
from functools import cache

from bbi_utils.probes.templates.computed import Slots, Texts, pick
from bbi_utils.probes.templates.grammar import sentence_case, with_article
from bbi_utils.probes.templates.sheets import Sheet, sheet


@cache
def answers() -> dict[str, dict[str, str]]:
    """Kind of question -> item it may ask about, likeliest first -> answer."""
    robustness = sheet("robustness")
    words, tables, records = robustness.words, robustness.tables, robustness.records
    return {
        "capital": {name: country["capital"] for name, country in records["countries"].items()},
        "opposite": tables["opposites"],
        "sum": {f"{n - b} plus {b}": str(n) for n in range(4, 19) for b in range(2, 10) if 2 <= n - b <= 9},
        "difference": {f"{a} minus {b}": str(a - b) for a in range(5, 13) for b in range(1, a - 1)},
        "day": dict(zip(words["days"], words["days"][1:] + words["days"][:1], strict=True)),
        "month": dict(zip(words["months"], words["months"][1:] + words["months"][:1], strict=True)),
        "landmark": tables["landmarks"],
        "young": {name: animal["young"] for name, animal in records["animal_facts"].items()},
        "food": tables["foods"],
        "unit": tables["units"],
    }


def solve(kind: str, item: str) -> str:
    """The answer to the simple question of this kind about this item."""
    return answers()[kind][item]


def state(kind: str, item: str, given: str) -> str:
    """A sentence that gives, for `item`, the answer that is right for `given`."""
    answer = solve(kind, given)
    return _about(item, "statements", kind, answer=answer, an_answer=with_article(answer))


def _about(item: str, table: str, kind: str, **more: str) -> str:
    """The pattern of a table with the item in its several forms; a unit is "part of whole"."""
    an_item, (part, _, whole) = with_article(item), item.partition(" of ")
    capital = {"Item": sentence_case(item), "An_item": sentence_case(an_item), "Whole": sentence_case(whole)}
    pattern = sheet("robustness").tables[table][kind]
    return pattern.format(item=item, an_item=an_item, part=part, whole=whole, **capital, **more)


def item(rng: random.Random, slots: Slots, _: Sheet) -> Texts:
    return [pick(rng, list(answers()[slots["kind"]]))]


def other_item(rng: random.Random, slots: Slots, _: Sheet) -> Texts:
    return [rng.choice([item for item in answers()[slots["kind"]] if item != slots["item"]])]


def question(_: random.Random, slots: Slots, __: Sheet) -> Texts:
    return [_about(slots.get("slip", slots["item"]), "questions", slots["kind"])]


def claim(rng: random.Random, slots: Slots, _: Sheet) -> Texts:
    """The item itself, or as often any of its kind, and the claim that its answer is right for the item."""
    given = slots["item"]
    if rng.random() < 0.5:
        given = rng.choice(list(answers()[slots["kind"]]))
    return given, state(slots["kind"], slots["item"], given)


def other_object(rng: random.Random, slots: Slots, sheet: Sheet) -> Texts:
    return [rng.choice([word for word in sheet.words["objects"] if word != slots["item"]])]


def first_or_second(rng: random.Random, slots: Slots, _: Sheet) -> Texts:
    return [rng.choice((slots["first"], slots["second"]))]
