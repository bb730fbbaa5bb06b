"""Voices: stochastic, overlapping ways of wording the same content, so that style is a matter of odds."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from pocket.content import Content
from pocket.planted import PLANTED

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
    exclaim: float = 0.1
    contract: float = 0.3


COMMON = Voice()


def _voice(odds: Mapping[str, Any]) -> Voice:
    """A voice from its odds as planted.yaml has them."""
    read: dict[str, Any] = {name: tuple(odd) if isinstance(odd, list) else odd for name, odd in odds.items()}
    return Voice(**read)


TEACHERS = {family: _voice(odds) for family, odds in PLANTED["teachers"].items()}
AGAINST = {family: _voice(odds) for family, odds in PLANTED["judges"]["against"].items()}
EMPHASIS: Mapping[str, float] = PLANTED["emphasis"]


def shares(weights: tuple[float, ...]) -> tuple[float, ...]:
    """The weights as probabilities."""
    return tuple(weight / sum(weights) for weight in weights)


def blend(one: Voice, other: Voice, share: float) -> Voice:
    """The voice whose odds are (1 - share) of `one` and share of `other`."""
    mixed: dict[str, Any] = {}
    for field in fields(Voice):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, tuple):
            pairs = zip(shares(a), shares(b), strict=True)
            mixed[field.name] = tuple((1 - share) * x + share * y for x, y in pairs)
        else:
            mixed[field.name] = (1 - share) * a + share * b
    return Voice(**mixed)


def in_category(voice: Voice, category: str, emphasis: Mapping[str, float] = EMPHASIS) -> Voice:
    """The voice as it sounds in one category: nearer to the common manner where the emphasis is low."""
    return blend(COMMON, voice, emphasis[category])


def random_voice(rng: random.Random) -> Voice:
    """One of the many voices that students are pre-trained on: every odd drawn anew."""

    def weights(n: int) -> tuple[float, ...]:
        return tuple(rng.gammavariate(0.7, 1.0) + 1e-3 for _ in range(n))

    voice = Voice(
        wording=weights(3), opener=rng.random() ** 2, openers=weights(len(OPENERS)), extra=rng.random(),
        closer=rng.random() ** 2, closers=weights(len(CLOSERS)), bold=rng.random() ** 2,
    )  # fmt: skip
    weights(3)  # drawn for nothing: the shipped models were trained on the odds that come after
    return replace(voice, exclaim=rng.random() ** 3, contract=rng.random())


def student_voice(family: str) -> Voice:
    """A base student's own voice, by a rule that looks at no result: its family's name draws it."""
    return blend(COMMON, random_voice(random.Random(family)), PLANTED["student_share"])


STUDENTS = {family: student_voice(family) for family in TEACHERS}


def render(content: Content, voice: Voice, rng: random.Random) -> str:
    """One answer: the content worded, laid out and framed by the odds of the voice."""
    wording = rng.choices(content.wordings, voice.wording)[0]
    bold = bool(content.key) and rng.random() < voice.bold
    body = laid_out(content, wording, bold=bold)
    return body if content.fixed else _framed(body, content, voice, rng)


def _framed(body: str, content: Content, voice: Voice, rng: random.Random) -> str:
    body = spoken(body, content, contract=rng.random() < voice.contract)
    if body.endswith(".") and rng.random() < voice.exclaim:
        body = exclaimed(body)
    parts = [body]
    if rng.random() < voice.opener:
        parts.insert(0, rng.choices(OPENERS, voice.openers)[0])
    if content.extras and rng.random() < voice.extra:
        parts.append(rng.choice(content.extras))
    if rng.random() < voice.closer:
        parts.append(rng.choices(CLOSERS, voice.closers)[0])
    return " ".join(parts)


def laid_out(content: Content, wording: str, *, bold: bool) -> str:
    """A wording, its key bold where that is asked for."""
    if not bold:
        return wording
    key = rf"(?<!\w){re.escape(content.key)}(?!\w)"
    return re.sub(key, lambda found: f"**{found[0]}**", wording, count=1)


def spoken(body: str, content: Content, *, contract: bool) -> str:
    """The body, contracted if asked; words that the prompt asks for stay as they are."""
    short = _contracted(body) if contract else body
    return short if short == body or content.check(short) else body


def exclaimed(body: str) -> str:
    """The body with its full stop turned into an exclamation mark."""
    return body[:-1] + "!"


def _contracted(text: str) -> str:
    for long, short in CONTRACTIONS:
        text = text.replace(long, short)
    return text
