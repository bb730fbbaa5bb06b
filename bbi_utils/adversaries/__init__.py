"""The adversaries by name. A new one is a class with ``fit``, ``score``, ``score_pairs`` (see ``base``)."""

from __future__ import annotations

from collections.abc import Callable

from bbi_utils.adversaries.base import Adversary
from bbi_utils.adversaries.encoder import EncoderSettings, encoder_factory
from bbi_utils.adversaries.length import LengthAdversary
from bbi_utils.adversaries.ngrams import CHAR_GRAMS, WORD_GRAMS, NgramAdversary
from bbi_utils.errors import BadInput

__all__ = ["Adversary", "EncoderSettings", "lexical_adversaries", "encoder_factory", "all_adversaries"]


def lexical_adversaries() -> dict[str, Callable[[], Adversary]]:
    """Factories of the adversaries that need no model: length, word_ngrams, char_ngrams."""
    return {
        "length": LengthAdversary,
        "word_ngrams": lambda: NgramAdversary("word_ngrams", WORD_GRAMS),
        "char_ngrams": lambda: NgramAdversary("char_ngrams", CHAR_GRAMS),
    }


def all_adversaries(*encoders: EncoderSettings) -> dict[str, Callable[[], Adversary]]:
    """The lexical factories and one per encoder, keyed by the adversary's name.

    Build it once and play every contrast with it: an encoder's weights and frozen states are then shared.
    Raises BadInput where two would have one name.
    """
    factories = lexical_adversaries()
    for settings in encoders:
        if settings.name in factories:
            raise BadInput(f"two adversaries are called {settings.name!r}; rename the folder of one encoder")
        factories[settings.name] = encoder_factory(settings)
    return factories
