"""The adversaries by name. A new one is a class with a name, ``fit`` and ``score_pairs`` (see ``base``); the
shortest way to one is a ``FeatureAdversary`` in a file of your own (see ``own``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from bbi_utils.adversaries.backbone import EncoderSettings, shared_trunk
from bbi_utils.adversaries.custom import load_own
from bbi_utils.adversaries.encoder import encoder_factory, joint_factory, joint_name
from bbi_utils.adversaries.ensemble import EnsembleAdversary
from bbi_utils.adversaries.features import FeatureAdversary, LengthAdversary
from bbi_utils.adversaries.ngrams import CHAR_GRAMS, WORD_GRAMS, GramCounts, NgramAdversary
from bbi_utils.adversaries.stylometric import StylometricAdversary
from bbi_utils.errors import BadInput
from bbi_utils.games.once import Once
from bbi_utils.games.player import Adversary, SingleAdversary

__all__ = [
    "Adversary", "SingleAdversary", "FeatureAdversary", "EncoderSettings", "Factories", "lexical_adversaries",
    "cheap_adversaries", "encoder_adversaries", "own_adversaries", "with_ensemble", "all_adversaries",
    "encoder_factory", "joint_factory", "load_own",
]  # fmt: skip

Factories = dict[str, Callable[[], Adversary]]


def lexical_adversaries() -> Factories:
    """Factories of those that only count words and characters: length, word_ngrams, char_ngrams.

    Build it once and play every contrast with it: the counts of n-grams are then shared.
    """
    words, characters = GramCounts(WORD_GRAMS), GramCounts(CHAR_GRAMS)
    return {
        "length": LengthAdversary,
        "word_ngrams": lambda: NgramAdversary("word_ngrams", WORD_GRAMS, counts=words),
        "char_ngrams": lambda: NgramAdversary("char_ngrams", CHAR_GRAMS, counts=characters),
    }


def cheap_adversaries(*, own: Sequence[str] = ()) -> Factories:
    """Those that need no model and take seconds: the lexical ones, stylometric, and the user's own."""
    return _joined(lexical_adversaries(), {"stylometric": StylometricAdversary}, own_adversaries(own))


def own_adversaries(own: Sequence[str]) -> Factories:
    """The user's classes, each given as "file.py:ClassName" or "module:ClassName", by their names."""
    makes = [load_own(where) for where in own]
    return _joined(*({make().name: make} for make in makes))


def encoder_adversaries(*encoders: EncoderSettings) -> Factories:
    """For each encoder the adversary that reads one answer and the joint one that reads both.

    Build it once and play every contrast with it: an encoder's weights and frozen states are then shared.
    """
    tables: list[Factories] = []
    for settings in encoders:
        trunk = shared_trunk(settings)
        tables.append({settings.name: encoder_factory(settings, trunk)})
        tables.append({joint_name(settings): joint_factory(settings, trunk)})
    return _joined(*tables)


def with_ensemble(members: Mapping[str, Callable[[], Adversary]]) -> Factories:
    """The members and, last, the ensemble of them, which shares their trainings."""
    once = {name: Once(make) for name, make in members.items()}
    return _joined(once, {"ensemble": partial(EnsembleAdversary, once)})


def all_adversaries(*encoders: EncoderSettings, own: Sequence[str] = ()) -> Factories:
    """The cheap adversaries, two for each encoder, the user's own, and the ensemble of all of them.

    Raises BadInput where two would have one name.
    """
    return with_ensemble(_joined(cheap_adversaries(), encoder_adversaries(*encoders), own_adversaries(own)))


def _joined(*tables: Mapping[str, Callable[[], Adversary]]) -> Factories:
    """One table of all; raises BadInput where a name comes twice."""
    joined: Factories = {}
    for table in tables:
        for name, make in table.items():
            if name in joined:
                raise BadInput(
                    f"two adversaries are called {name!r}; rename your own one, or an encoder's folder"
                )
            joined[name] = make
    return joined
