"""The adversary that only counts: characters, words, lines. Every other one should be compared with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bbi_utils.adversaries.features import FeatureAdversary


class LengthAdversary(FeatureAdversary):
    """Log counts of characters, words and lines."""

    name = "length"

    def features(self, prompts: Sequence[str], answers: Sequence[str]) -> np.ndarray:
        counts = [(len(answer), len(answer.split()), answer.count("\n") + 1) for answer in answers]
        return np.log1p(np.array(counts, dtype=float))
