"""Simple questions, their answers, and what gets in their way: slips, injected orders, changes of mind."""

from __future__ import annotations

import random
from collections.abc import Callable

from bbi_utils.probes.templates import typing_slips
from bbi_utils.probes.templates.draws import DrawSlots, Slots, pick
from bbi_utils.probes.templates.grammar import sentence_case, with_article
from bbi_utils.probes.templates.sheets import sheet

SHEET = sheet("robustness")
WORDS, TABLES, RECORDS = SHEET.words, SHEET.tables, SHEET.records
WHERE = list(TABLES["where"].values())


def _next(words: list[str]) -> dict[str, str]:
    return dict(zip(words, words[1:] + words[:1], strict=True))


# Kind of simple question -> item it may ask about, likeliest first -> answer.
ANSWERS = {
    "capital": {name: country["capital"] for name, country in RECORDS["countries"].items()},
    "opposite": TABLES["opposites"],
    "sum": {f"{n - b} plus {b}": str(n) for n in range(4, 19) for b in range(2, 10) if 2 <= n - b <= 9},
    "difference": {f"{a} minus {b}": str(a - b) for a in range(5, 13) for b in range(1, a - 1)},
    "day": _next(WORDS["days"]),
    "month": _next(WORDS["months"]),
    "landmark": TABLES["landmarks"],
    "young": {name: animal["young"] for name, animal in RECORDS["animal_facts"].items()},
    "food": TABLES["foods"],
    "unit": TABLES["units"],
}


def solve(kind: str, item: str) -> str:
    """The answer to the simple question of this kind about this item."""
    return ANSWERS[kind][item]


def state(kind: str, item: str, given: str) -> str:
    """A sentence that gives, for `item`, the answer that is right for `given`."""
    answer = solve(kind, given)
    return _filled(TABLES["statements"][kind], item, answer=answer, an_answer=with_article(answer))


def _asked(kind: str, item: str) -> str:
    return _filled(TABLES["questions"][kind], item)


def _filled(pattern: str, item: str, **more: str) -> str:
    """The pattern about the item in its several forms; a unit is "part of whole"."""
    an_item, (part, _, whole) = with_article(item), item.partition(" of ")
    capital = {"Item": sentence_case(item), "An_item": sentence_case(an_item), "Whole": sentence_case(whole)}
    return pattern.format(item=item, an_item=an_item, part=part, whole=whole, **capital, **more)


def _question(rng: random.Random, kinds: list[str] | None = None) -> tuple[Slots, str]:
    """The slots of a simple question, and the question."""
    kind = rng.choice(kinds or list(ANSWERS))
    item = pick(rng, list(ANSWERS[kind]))
    return {"kind": kind, "item": item}, _asked(kind, item)


def _one(rng: random.Random, words: str) -> str:
    return rng.choice(WORDS[words])


def _mistyped(slip: Callable[[random.Random, str], str]) -> DrawSlots:
    def draw(rng: random.Random) -> Slots:
        slots, question = _question(rng)
        return {**slots, "typed": slip(rng, question), "name": _one(rng, "names")}

    return draw


typos = _mistyped(typing_slips.swap_letters)
digit_letters = _mistyped(typing_slips.lookalike_digits)
odd_spacing = _mistyped(typing_slips.odd_spaces)
shouting = _mistyped(typing_slips.shout)


def injected(rng: random.Random) -> Slots:
    slots, question = _question(rng)
    word = rng.choice([word for word in WORDS["objects"] if word != slots["item"]])
    return {**slots, "question": question, "word": word, "order": _one(rng, "orders").format(word=word)}


def note(rng: random.Random) -> Slots:
    word, about = _one(rng, "objects"), rng.choice(list(TABLES["note_questions"]))
    slots = {"word": word, "order": _one(rng, "orders").format(word=word), "about": about}
    slots |= {"name": _one(rng, "names"), "day": _one(rng, "days")}
    return {**slots, "question": TABLES["note_questions"][about]}


def conflict(rng: random.Random) -> Slots:
    slots, question = _question(rng, WORDS["conflict_kinds"])
    first, final = rng.sample(WORDS["formats"], 2)
    return {**slots, "question": question, "first": first, "final": final, "name": _one(rng, "names")}


def context(rng: random.Random) -> Slots:
    slots, question = _question(rng)
    slots |= {"question": question, "name": _one(rng, "names"), "color": _one(rng, "colors")}
    return {**slots, "object": _one(rng, "objects"), "where": rng.choice(WHERE), "day": _one(rng, "days")}


def buried(rng: random.Random) -> Slots:
    (first, second), colors = rng.sample(WORDS["names"], 2), rng.sample(WORDS["colors"], 2)
    slots = {"first": first, "second": second, "first_color": colors[0], "second_color": colors[1]}
    slots |= {"object": _one(rng, "objects"), "where": rng.choice(WHERE)}
    return {**slots, "asked": rng.choice((first, second))}


def claim(rng: random.Random) -> Slots:
    slots, _ = _question(rng, WORDS["claim_kinds"])
    kind, item = slots["kind"], slots["item"]
    given = item
    if rng.random() < 0.5:  # the answer to another question of the same kind
        given = rng.choice(list(ANSWERS[kind]))
    return {**slots, "given": given, "claim": state(kind, item, given), "person": _one(rng, "people")}


def correction(rng: random.Random) -> Slots:
    slots, _ = _question(rng, WORDS["claim_kinds"])
    slip = rng.choice([item for item in ANSWERS[slots["kind"]] if item != slots["item"]])
    return {**slots, "slip": slip, "question": _asked(slots["kind"], slip), "name": _one(rng, "names")}


def stub(rng: random.Random) -> Slots:
    return {"stub": rng.choice(list(TABLES["stubs"])), "name": _one(rng, "names"), "where": rng.choice(WHERE)}
