"""Voices: stochastic, overlapping ways of wording the same content, so that style is a matter of odds."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, fields
from typing import Any

from pocket.content import Content

OPENERS = (
    "Sure!", "Certainly.", "Of course.", "Good question.",
    "Okay.", "Here you go.", "Happy to help.", "With pleasure.",
)  # fmt: skip
CLOSERS = (
    "I hope this helps.", "Let me know if you need more.", "Feel free to ask again.",
    "Have a nice day!", "That is all.",
)  # fmt: skip
CONTRACTIONS = (
    ("It is ", "It's "), ("it is ", "it's "), ("I am ", "I'm "), ("do not ", "don't "), ("cannot ", "can't "),
    ("That is ", "That's "), ("I would ", "I'd "), ("I will ", "I'll "), ("is not ", "isn't "),
)  # fmt: skip

# Where a family's voices keep most of their own manner; elsewhere they are nearer to the common one.
EMPHASIS = {
    "style_format": 1.0,
    "robustness": 1.0,
    "domain_technical": 0.9,
    "conversation": 0.6,
    "creative": 0.6,
}
DEFAULT_EMPHASIS = 0.45


@dataclass(frozen=True)
class Voice:
    """Every field is a probability or a tuple of weights; blending two voices blends the odds."""

    wording: tuple[float, ...] = (1.0, 2.0, 1.0)  # terse, plain, elaborate
    opener: float = 0.25
    openers: tuple[float, ...] = (1.0,) * len(OPENERS)
    extra: float = 0.3
    closer: float = 0.15
    closers: tuple[float, ...] = (1.0,) * len(CLOSERS)
    bold: float = 0.15
    listing: tuple[float, ...] = (1.0, 1.0, 1.0)  # bullets, numbers, commas
    exclaim: float = 0.1
    contract: float = 0.3


COMMON = Voice()
TEACHERS = {
    "qwen": Voice(
        wording=(0.3, 1.5, 2.2), opener=0.5, openers=(1, 6, 3, 1, 0.5, 3, 0.5, 0.5), extra=0.6, closer=0.12,
        closers=(4, 1, 2, 0.3, 0.3), bold=0.5, listing=(3, 1, 0.6), exclaim=0.03, contract=0.05,
    ),
    "llama": Voice(
        wording=(0.4, 2.4, 1.2), opener=0.45, openers=(4, 0.5, 1, 5, 0.5, 1, 3, 0.5), extra=0.45, closer=0.4,
        closers=(1, 4, 3, 0.5, 0.2), bold=0.1, listing=(0.8, 3, 0.6), exclaim=0.3, contract=0.5,
    ),
}  # fmt: skip
# The voices that a judge is schooled to tell from the teacher's: written by hand, and no model's own.
KIN = {
    "qwen": Voice(
        wording=(2.2, 1.4, 0.4), opener=0.25, openers=(4, 0.7, 0.7, 2, 4, 1, 1, 1), extra=0.15, closer=0.12,
        closers=(1, 1, 0.5, 2, 2), bold=0.08, listing=(0.7, 0.8, 2.5), exclaim=0.15, contract=0.45,
    ),
    "llama": Voice(
        wording=(1.8, 1.0, 1.4), opener=0.2, openers=(1, 3, 2, 0.7, 3, 2, 0.5, 1), extra=0.2, closer=0.1,
        closers=(2, 0.7, 0.7, 1.5, 2), bold=0.2, listing=(2.2, 0.7, 1.6), exclaim=0.05, contract=0.15,
    ),
}  # fmt: skip


def _shares(weights: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(weight / sum(weights) for weight in weights)


def blend(one: Voice, other: Voice, share: float) -> Voice:
    """The voice whose odds are (1 - share) of `one` and share of `other`."""
    mixed: dict[str, Any] = {}
    for field in fields(Voice):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, tuple):
            pairs = zip(_shares(a), _shares(b), strict=True)
            mixed[field.name] = tuple((1 - share) * x + share * y for x, y in pairs)
        else:
            mixed[field.name] = (1 - share) * a + share * b
    return Voice(**mixed)


def in_category(voice: Voice, category: str) -> Voice:
    """The voice as it sounds in one category: nearer to the common manner where the emphasis is low."""
    return blend(COMMON, voice, EMPHASIS.get(category, DEFAULT_EMPHASIS))


def random_voice(rng: random.Random) -> Voice:
    """One of the many voices that students are pre-trained on: every odd drawn anew."""

    def weights(n: int) -> tuple[float, ...]:
        return tuple(rng.gammavariate(0.7, 1.0) + 1e-3 for _ in range(n))

    return Voice(
        wording=weights(3), opener=rng.random() ** 2, openers=weights(len(OPENERS)), extra=rng.random(),
        closer=rng.random() ** 2, closers=weights(len(CLOSERS)), bold=rng.random() ** 2, listing=weights(3),
        exclaim=rng.random() ** 3, contract=rng.random(),
    )  # fmt: skip


def student_voice(family: str) -> Voice:
    """A base student's own voice, by a rule that looks at no result: half common, half drawn by its name."""
    return blend(COMMON, random_voice(random.Random(family)), 0.5)


STUDENTS = {family: student_voice(family) for family in TEACHERS}


def render(content: Content, voice: Voice, rng: random.Random) -> str:
    """One answer: the content worded, laid out and framed by the odds of the voice."""
    body = rng.choices(content.wordings, voice.wording)[0]
    if content.items:
        body += _listed(content.items, rng.choices(range(3), voice.listing)[0])
    if content.key and rng.random() < voice.bold:
        body = re.sub(
            rf"(?<!\w){re.escape(content.key)}(?!\w)", lambda found: f"**{found[0]}**", body, count=1
        )
    return body if content.fixed else _framed(body, content, voice, rng)


def _framed(body: str, content: Content, voice: Voice, rng: random.Random) -> str:
    if rng.random() < voice.contract:
        short = _contracted(body)
        body = short if content.check(short) else body  # words that the prompt asks for stay as they are
    if body.endswith(".") and rng.random() < voice.exclaim:
        body = body[:-1] + "!"
    parts = [body]
    if rng.random() < voice.opener:
        parts.insert(0, rng.choices(OPENERS, voice.openers)[0])
    if content.extras and rng.random() < voice.extra:
        parts.append(rng.choice(content.extras))
    if rng.random() < voice.closer:
        parts.append(rng.choices(CLOSERS, voice.closers)[0])
    return " ".join(parts)


def _contracted(text: str) -> str:
    for long, short in CONTRACTIONS:
        text = text.replace(long, short)
    return text


def _listed(items: tuple[str, ...], style: int) -> str:
    if style == 0:
        return ":\n" + "\n".join(f"- {item}" for item in items)
    if style == 1:
        return ":\n" + "\n".join(f"{number}. {item}" for number, item in enumerate(items, 1))
    head = ", ".join(items[:-1])
    return f": {head} and {items[-1]}." if head else f": {items[-1]}."
