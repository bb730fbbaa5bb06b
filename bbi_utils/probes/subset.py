"""Fewer probes than the suite has: a seeded part of one split, with every category in equal measure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import zip_longest

from bbi_utils.errors import BadInput
from bbi_utils.probes.suite import SPLITS, Probe, categories_in


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


def _place(probe: Probe, seed: int) -> str:
    """A place in the order that depends on the seed and the prompt alone."""
    return hashlib.sha256(f"take/{seed}/{probe.id}".encode()).hexdigest()
