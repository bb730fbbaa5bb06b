"""An adversary on sentence embeddings, for audits: what an answer means, whatever its words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial

import numpy as np

from bbi_utils.adversaries.ridge import RidgeAdversary
from bbi_utils.games.player import Maker
from bbi_utils.oracles.sentence_encoder import embed, expect_at_hand, load_encoder


class Embeddings:
    """A reader: each distinct answer's unit vector, computed once. The encoder is loaded for the first."""

    def __init__(self, encoder: str) -> None:
        self._load = cache(partial(load_encoder, encoder))
        self._known: dict[str, np.ndarray] = {}
        self.truncated_share = 0.0

    def __call__(self, answers: Sequence[str]) -> np.ndarray:
        """Shape (n, width)."""
        if new := [text for text in dict.fromkeys(answers) if text not in self._known]:
            found = embed(new, self._load())
            self._known.update(zip(new, found.vectors.astype(float), strict=True))
            self.truncated_share = max(self.truncated_share, found.truncated_share)
        return np.array([self._known[text] for text in answers])


def embedding_adversary(encoder: str) -> dict[str, Maker]:
    """`embeddings`, by an encoder that is on this machine; BadInput where it would have to be fetched."""
    expect_at_hand(encoder)
    return {"embeddings": partial(RidgeAdversary, "embeddings", Embeddings(encoder))}
