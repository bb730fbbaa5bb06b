"""The probe suite: drawn from templates, freed of near-duplicates, split by question, kept in a file."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TypeAlias

from pydantic import ConfigDict, TypeAdapter, ValidationError

from bbi_utils.errors import BadInput, first_problem
from bbi_utils.files import replacing
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

    __pydantic_config__ = ConfigDict(strict=True, extra="forbid")
    id: str
    prompt: str
    category: str
    template: str
    slots: dict[str, str]
    group: str
    split: str


_ONE_PROBE = TypeAdapter(Probe)


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

    No two are near-duplicates (see `near_pairs`). Each category gives test_fraction of its probes (rounded)
    to the test split, and no question occurs in both. Raises BadInput on a bad n or fraction, and where the
    templates cannot yield n.
    """
    missing = _quotas(n, test_fraction)
    streams = {category: stream(category, f"suite/{seed}") for category in CATEGORIES}
    kept: list[Probe] = []
    seen: set[str] = set()
    while +missing:
        fresh: list[Probe] = []
        for category, draws in streams.items():
            lacking = {split: missing[category, split] for split in SPLITS}
            fresh += _candidates(draws, lacking, seen, lambda group: split_of(group, seed, test_fraction))
        accepted = _accept(kept, fresh, missing)
        if not accepted:
            places = (f"{category} ({split}): {count}" for (category, split), count in (+missing).items())
            left = ", ".join(places)
            raise BadInput(f"n = {n} probes is more than the templates yield; missing {left}. Ask for fewer")
        kept += accepted
    random.Random(f"order/{seed}").shuffle(kept)
    return kept


def _quotas(n: int, test_fraction: float) -> Missing:
    if type(n) is not int or not 1 <= n <= LARGEST:
        raise BadInput(f"n is {n!r}, expected a whole number of probes from 1 to {LARGEST:,}")
    if type(test_fraction) not in (int, float) or not 0 <= test_fraction < 1:
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


def take(probes: Sequence[Probe], split: str, n: int, seed: int) -> list[Probe]:
    """The first n probes of a split in a seeded order that goes round the categories.

    A smaller n gives a prefix of a larger one, so that subsets nest; the order of `probes` does not matter.
    Raises BadInput for an unknown split and when the split has fewer than n probes.
    """
    if split not in SPLITS:
        raise BadInput(f"split {split!r} does not exist; choose from {', '.join(SPLITS)}")
    pool = sorted((probe for probe in probes if probe.split == split), key=lambda p: _place(p, seed))
    if not 0 <= n <= len(pool):
        raise BadInput(
            f"{n} probes asked of the {split} split, which has {len(pool)}; ask for fewer (N_DISTILL, N_TEST)"
            " or give more (N_PROBES, or a longer file of your own)"
        )
    columns = [[probe for probe in pool if probe.category == category] for category in categories_in(pool)]
    rounds = (probe for one_each in zip_longest(*columns) for probe in one_each)
    return [probe for probe in rounds if probe is not None][:n]


def take_development(probes: Sequence[Probe], n: int, seed: int, *, n_distill: int) -> list[Probe]:
    """n prompts to make choices on: no lesson, no test prompt, and never scored.

    They come from the distillation split, without the first `n_distill` prompts of `take` and without other
    wordings of their questions. A smaller n gives a prefix. Raises BadInput where fewer than n are left.
    """
    questions = {probe.group for probe in take(probes, "distil", n_distill, seed)}
    left = [probe for probe in probes if probe.split == "distil" and probe.group not in questions]
    if n > len(left):
        left_over = f"but {len(left)} are left of the distil split beside N_DISTILL={n_distill}"
        raise BadInput(f"{n} development prompts asked, {left_over}; ask for fewer or raise N_PROBES")
    return take(left, "distil", n, seed)


def _place(probe: Probe, seed: int) -> str:
    """A place in the order that depends on the seed and the prompt alone."""
    return hashlib.sha256(f"take/{seed}/{probe.id}".encode()).hexdigest()


def save_probes(path: str | Path, probes: Sequence[Probe]) -> None:
    """Writes all probes or leaves what was there. Raises BadInput when it cannot write."""
    path = Path(path)
    lines = "".join(json.dumps(asdict(probe), ensure_ascii=False) + "\n" for probe in probes)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            partial.write_text(lines, encoding="utf-8", newline="\n")
    except OSError as error:
        raise BadInput(
            f"cannot write probes to {path}: {error.strerror or error}; choose a writable folder"
        ) from error


def load_probes(path: str | Path) -> list[Probe]:
    """The probes of a file in their order. Raises BadInput when it is missing or damaged, naming the line."""
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"cannot read probes from {path}: {error}; build the suite first (notebook 01)"
        ) from error
    if len(lines) < 2 or lines[-1] != "":
        raise BadInput(f"probe file {path} is empty or cut off; delete it and build the suite again")
    probes = [_probe(line, f"{path}, line {number}") for number, line in enumerate(lines[:-1], start=1)]
    if len({probe.id for probe in probes}) < len(probes):
        raise BadInput(f"probe file {path} contains a prompt twice; delete it and build the suite again")
    return probes


def _probe(line: str, where: str) -> Probe:
    try:
        probe = _ONE_PROBE.validate_json(line)
    except ValidationError as error:
        raise BadInput(f"{where}: {first_problem(error)}; delete it and build the suite again") from error
    if probe.id != prompt_id(probe.prompt):
        raise BadInput(f"{where}: id {probe.id} is not the hash of its prompt; the file was changed by hand")
    if probe.split not in SPLITS or not probe.category:
        raise BadInput(f"{where}: unknown split {probe.split!r} or no category {probe.category!r}")
    return probe
