"""The probe suite: drawn from templates, freed of near-duplicates, split by category and by question."""

from __future__ import annotations

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from bbi_utils.errors import BadInput
from bbi_utils.probes.near_duplicates import near_pairs, plain
from bbi_utils.probes.stream import CATEGORIES, Draw, stream

SPLITS = ("distil", "test")
Missing: TypeAlias = "Counter[tuple[str, str]]"  # (category, split) -> how many probes it still lacks
LARGEST = 100_000  # beyond this the templates repeat themselves too much to be worth drawing from
_OVERDRAW = 1.3  # candidates for each probe still missing, in each round
_PATIENCE = 3000  # draws without a new prompt after which a category counts as exhausted


@dataclass(frozen=True)
class Probe:
    """One prompt. id: hash of the prompt. group: same question, whatever the words. split: distil or test."""

    id: str
    prompt: str
    category: str
    template: str
    slots: dict[str, str]
    group: str
    split: str


def categories_in(probes: Iterable[Probe]) -> list[str]:
    """The categories that occur, the suite's own in their order, then a user's in alphabetical order."""
    found = {probe.category for probe in probes}
    return [name for name in CATEGORIES if name in found] + sorted(found - set(CATEGORIES))


def prompt_id(prompt: str) -> str:
    """16 hexadecimal digits of the prompt's SHA-256."""
    return hashlib.sha256(prompt.encode()).hexdigest()[:16]


def split_of(group: str, seed: int, test_fraction: float) -> str:
    """The split that all wordings of one question fall into, whatever the size of the suite."""
    digest = hashlib.sha256(f"split/{seed}/{group}".encode()).digest()
    return "test" if int.from_bytes(digest[:6], "big") < test_fraction * 2**48 else "distil"


def build_suite(*, n: int = 5000, seed: int = 0, test_fraction: float = 0.2) -> list[Probe]:
    """n unique probes, spread evenly over the ten categories, in an order that the seed fixes.

    No two are near-duplicates (see `neighbors`). Each category gives test_fraction of its probes (rounded)
    to the test split, and no question occurs in both. Raises BadInput on a bad n or fraction, and where
    the templates cannot yield n.
    """
    missing = _quotas(n, test_fraction)
    streams = {category: stream(category, f"suite/{seed}") for category in CATEGORIES}
    kept: list[Probe] = []
    seen: set[str] = set()
    while +missing:
        fresh = [
            probe
            for category, draws in streams.items()
            for probe in _candidates(
                draws,
                {split: missing[category, split] for split in SPLITS},
                seen,
                lambda group: split_of(group, seed, test_fraction),
            )
        ]
        accepted = _accept(kept, fresh, missing)
        if not accepted:
            lacking = ", ".join(
                f"{category} ({split}): {count}" for (category, split), count in (+missing).items()
            )
            raise BadInput(
                f"n = {n} probes is more than the templates yield; missing {lacking}. Ask for fewer"
            )
        kept += accepted
    random.Random(f"order/{seed}").shuffle(kept)
    return kept


def _quotas(n: int, test_fraction: float) -> Missing:
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= LARGEST:
        raise BadInput(f"n is {n!r}, expected a whole number of probes from 1 to {LARGEST:,}")
    if (
        isinstance(test_fraction, bool)
        or not isinstance(test_fraction, int | float)
        or not 0 <= test_fraction < 1
    ):
        raise BadInput(f"test_fraction is {test_fraction!r}, expected a number from 0 up to, but below, 1")
    quotas: Missing = Counter()
    for place, category in enumerate(CATEGORIES):
        size = n // len(CATEGORIES) + (place < n % len(CATEGORIES))
        quotas[category, "test"] = round(size * test_fraction)
        quotas[category, "distil"] = size - quotas[category, "test"]
    return quotas


def _candidates(
    draws: Iterator[Draw], lacking: dict[str, int], seen: set[str], split: Callable[[str], str]
) -> Iterator[Probe]:
    """New prompts for the splits of a category that lack some, a little more than needed of each."""
    wanted = {part: int(_OVERDRAW * count) + 50 for part, count in lacking.items() if count > 0}
    idle = 0
    while any(wanted.values()) and idle < _PATIENCE:
        draw = next(draws)
        part, text = split(draw.group), plain(draw.prompt)
        idle += 1
        if text not in seen and wanted.get(part, 0) > 0:
            seen.add(text)
            wanted[part], idle = wanted[part] - 1, 0
            yield Probe(prompt_id(draw.prompt), **vars(draw), split=part)


def _accept(kept: list[Probe], fresh: list[Probe], missing: Missing) -> list[Probe]:
    """The fresh probes, first come first served, that still have a place and no near-duplicate yet."""
    texts = [probe.prompt for probe in kept + fresh]
    clashes: dict[int, list[int]] = defaultdict(list)
    for later, earlier in near_pairs(texts, start=len(kept)):
        clashes[later].append(earlier)
    taken = set(range(len(kept)))
    for index, probe in enumerate(fresh, start=len(kept)):
        place = (probe.category, probe.split)
        if missing[place] > 0 and not any(earlier in taken for earlier in clashes[index]):
            missing[place] -= 1
            taken.add(index)
    return [fresh[index - len(kept)] for index in sorted(taken) if index >= len(kept)]
