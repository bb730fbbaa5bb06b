"""Train once: an adversary and the ensemble it belongs to share their trainings on the same prompts."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

import pandas as pd

from bbi_utils.games.player import Adversary

KEPT = 15  # trainings: those of one contrast with five folds, ten more for the ensemble's weights
READ = ["prompt_id", "prompt", "teacher", "student"]


class Once:
    """A factory that remembers its latest trainings; calling it makes an untrained adversary, as ever."""

    def __init__(self, make: Callable[[], Adversary]) -> None:
        self._make = make
        self._known: dict[str, tuple[Adversary, float]] = {}

    def __call__(self) -> Adversary:
        return self._make()

    def fitted(self, pairs: pd.DataFrame, *, seed: int) -> tuple[Adversary, float]:
        """As `fitted` below; the same pairs in the same order with the same seed are not trained on again."""
        rows = pd.util.hash_pandas_object(pairs[READ], index=False).to_numpy()
        key = hashlib.sha256(rows.tobytes()).hexdigest() + f" {seed}"
        if key not in self._known:
            self._known[key] = fitted(self._make, pairs, seed=seed)
            if len(self._known) > KEPT:
                del self._known[next(iter(self._known))]
        return self._known[key]


def fitted(make: Callable[[], Adversary], pairs: pd.DataFrame, *, seed: int) -> tuple[Adversary, float]:
    """An adversary trained on the pairs, and the seconds of all trainings it rests on, now or before."""
    if isinstance(make, Once):
        return make.fitted(pairs, seed=seed)
    adversary, began = make(), time.perf_counter()
    adversary.fit(pairs, seed=seed)
    return adversary, time.perf_counter() - began + getattr(adversary, "remembered_seconds", 0.0)
