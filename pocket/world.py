"""The pocket world: scripted answers and comparisons that pre-train the pocket models, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bbi_utils.adversaries.judge.local import JUDGE_TEMPLATE
from bbi_utils.probes import Draw, build_suite, draw_probes, near_duplicates
from pocket.answers import Asked, content_of
from pocket.planted import PLANTED
from pocket.voices import AGAINST, TEACHERS, Voice, blend, in_category, random_voice, render

SHARES: Mapping[str, float] = PLANTED["lessons"]
ERRORS: Mapping[str, float] = PLANTED["judges"]["errors"]
NEAREST: float = PLANTED["judges"]["nearest"]


@dataclass(frozen=True)
class Example:
    """One turn each: what is asked, and the one answer that is learned."""

    prompt: str
    answer: str


def world_questions(n: int, *, seed: int) -> list[Draw]:
    """n questions as they come, some more than once, none in or nearly in the default probe suite."""
    drawn = [
        draw
        for category, share in SHARES.items()
        for draw in draw_probes(category, n=int(n * share * 5 / 4), seed=1_000_003 + seed)
    ]
    unique = list(dict.fromkeys(draw.prompt for draw in drawn))
    held_out = near_duplicates(unique, [probe.prompt for probe in build_suite()])
    close = {prompt for prompt, near in zip(unique, held_out, strict=True) if near}
    kept = [draw for draw in drawn if draw.prompt not in close]
    random.Random(seed).shuffle(kept)
    return kept[:n]


def voiced(questions: Iterable[Asked], voice: Voice | None, *, seed: int) -> Iterator[Example]:
    """Each question answered in one voice, or, without one, each in a voice of its own."""
    rng = random.Random(seed)
    for asked in questions:
        spoken = in_category(voice, asked.category) if voice else random_voice(rng)
        yield Example(asked.prompt, render(content_of(asked, rng), spoken, rng))


def comparisons(questions: list[Draw], family: str, *, seed: int) -> Iterator[Example]:
    """Scripted answers side by side, the teacher's voice against another: the judge's only schooling."""
    rng = random.Random(seed)
    for asked in questions:
        near = blend(AGAINST[family], TEACHERS[family], rng.random() * NEAREST)
        teacher = _compared(asked, questions, TEACHERS[family], rng, ERRORS["teacher"])
        other = _compared(asked, questions, near, rng, ERRORS["other"])
        first = rng.random() < 0.5
        a, b = (teacher, other) if first else (other, teacher)
        yield Example(JUDGE_TEMPLATE.format(prompt=asked.prompt, a=a, b=b), "A" if first else "B")


def _compared(asked: Draw, questions: list[Draw], voice: Voice, rng: random.Random, errors: float) -> str:
    answered = asked
    if rng.random() < errors:  # a wrong answer is a right one to another question of the kind
        rivals = [rng.choice(questions) for _ in range(200)]
        answered = next((other for other in rivals if other.template == asked.template), asked)
    return render(content_of(answered, rng), in_category(voice, asked.category), rng)
