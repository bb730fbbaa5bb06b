"""Exact odds of scripted answers, and the distances that follow: what the study should find, and where.

`python -m pocket.known_truth` prints them for the pocket study's test prompts.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd

from bbi_utils.probes import CATEGORIES, Probe, build_suite, take
from pocket import voices
from pocket.answers import content_of
from pocket.content import Content
from pocket.planted import PLANTED
from pocket.voices import EMPHASIS, STUDENTS, TEACHERS, Voice, in_category, render

Odds = Mapping[str, float]  # text -> probability


def emphasis_on(categories: Sequence[str]) -> dict[str, float]:
    """The emphasis of a world in which these categories differ most: category -> 0 to 1."""
    worlds = PLANTED["worlds"]
    return {name: worlds["within"] if name in categories else worlds["elsewhere"] for name in CATEGORIES}


def scripted_pairs(
    probes: Iterable[Probe], family: str, emphasis: Mapping[str, float], *, seed: int
) -> pd.DataFrame:
    """Each probe answered by the teacher's script and by the student's, once, as `games.play` takes them."""
    rng = random.Random(seed)

    def said(probe: Probe, voice: Voice) -> str:
        return render(content_of(probe, rng), in_category(voice, probe.category, emphasis), rng)

    return pd.DataFrame(
        {
            "prompt_id": probe.id, "prompt": probe.prompt, "category": probe.category, "group": probe.group,
            "teacher": said(probe, TEACHERS[family]), "student": said(probe, STUDENTS[family]),
        }
        for probe in probes
    )  # fmt: skip


def distances(
    probes: Iterable[Probe], family: str, emphasis: Mapping[str, float], *, seed: int
) -> pd.DataFrame:
    """Total variation distances by category: columns single and pairwise, the most anyone can have.

    Means over the probes, for an adversary that knows the scripts. Where a script draws what it says, one
    draw is taken as known to the adversary, which can only raise the distance.
    """
    rng, rows = random.Random(seed), []
    for probe in probes:
        content = content_of(probe, rng)
        own = (TEACHERS[family], STUDENTS[family])
        teacher, student = (answer_odds(content, in_category(it, probe.category, emphasis)) for it in own)
        rows.append((probe.category, single_distance(teacher, student), pair_distance(teacher, student)))
    return pd.DataFrame(rows, columns=["category", "single", "pairwise"]).groupby("category").mean()


def answer_odds(content: Content, voice: Voice) -> dict[str, float]:
    """The probability of every answer that `render` can give."""
    odds: dict[str, float] = defaultdict(float)
    frames = [("", "", 1.0)] if content.fixed else [*_frames(content, voice)]
    for body, p in _bodies(content, voice):
        for before, after, q in frames:
            odds[before + body + after] += p * q
    return dict(odds)


def _bodies(content: Content, voice: Voice) -> Iterator[tuple[str, float]]:
    bolds = _yes_no(voice.bold) if content.key else [(False, 1.0)]
    worded = zip(content.wordings, voices.shares(voice.wording), strict=True)
    for (wording, p), (bold, q) in product(worded, bolds):
        body = voices.laid_out(content, wording, bold=bold)
        for contract, r in [(False, 1.0)] if content.fixed else _yes_no(voice.contract):
            said = voices.spoken(body, content, contract=contract)
            loud = voice.exclaim if said.endswith(".") and not content.fixed else 0.0
            yield said, p * q * r * (1 - loud)
            if loud:
                yield voices.exclaimed(said), p * q * r * loud


def _frames(content: Content, voice: Voice) -> Iterator[tuple[str, str, float]]:
    """What may stand before and after the body, with its probability."""
    extra = voice.extra if content.extras else 0.0
    before = _optional(voices.OPENERS, voices.shares(voice.openers), voice.opener)
    between = _optional(content.extras, (1 / max(1, len(content.extras)),) * len(content.extras), extra)
    after = _optional(voices.CLOSERS, voices.shares(voice.closers), voice.closer)
    for (opener, p), (more, q), (closer, r) in product(before, between, after):
        yield opener and opener + " ", "".join(f" {part}" for part in (more, closer) if part), p * q * r


def _optional(texts: Sequence[str], odds: Sequence[float], some: float) -> list[tuple[str, float]]:
    return [("", 1 - some), *((text, some * odd) for text, odd in zip(texts, odds, strict=True))]


def _yes_no(yes: float) -> list[tuple[bool, float]]:
    return [(False, 1 - yes), (True, yes)]


def single_distance(one: Odds, other: Odds) -> float:
    """Total variation of one answer: the most advantage that there is in the single game."""
    p, q = _aligned(one, other)
    return float(np.abs(p - q).sum() / 2)


def pair_distance(one: Odds, other: Odds) -> float:
    """Total variation of (one, other) from (other, one): the most in the pairwise game.

    The best adversary takes for the first one's answer the one with the larger likelihood ratio, so it needs
    no table of pairs: answers in the order of their ratios, and those before each of them added up.
    """
    p, q = _aligned(one, other)
    share = np.round(p / (p + q), 12)  # equal ratios decide nothing, whatever the rounding
    _, group = np.unique(share, return_inverse=True)
    p, q = np.bincount(group, weights=p), np.bincount(group, weights=q)
    return float((p * (np.cumsum(q) - q) - q * (np.cumsum(p) - p)).sum())


def _aligned(one: Odds, other: Odds) -> tuple[np.ndarray, np.ndarray]:
    """The probabilities of the same texts under both; texts that neither says are left out."""
    texts = [text for text in {**one, **other} if one.get(text, 0) + other.get(text, 0) > 0]
    both = np.array([[odds.get(text, 0.0) for text in texts] for odds in (one, other)])
    return both[0], both[1]


def main() -> None:
    probes = take(build_suite(), "test", 600, 0)
    for family in TEACHERS:
        found = distances(probes, family, EMPHASIS, seed=0)
        found = found.assign(emphasis=pd.Series(EMPHASIS), mean=found.mean(axis=1))
        print(f"{family}: all {found[['single', 'pairwise']].mean().round(3).to_dict()}")
        print(found.sort_values("mean", ascending=False).round(3).to_string(), end="\n\n")


if __name__ == "__main__":
    main()
