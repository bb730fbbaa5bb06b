"""The adversaries by name: those of every module here that has a function `factories`, encoders, one's own.

A new one is a class with a name, `fit` and `score_pairs` (see `games.player.Adversary`), most shortly a
`FeatureAdversary`: in a file of one's own (see `custom`), or in a new module of this room.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TypeVar

from bbi_utils.adversaries import features, ngrams
from bbi_utils.adversaries.backbone import EncoderSettings
from bbi_utils.adversaries.custom import load_own
from bbi_utils.adversaries.encoder import readers
from bbi_utils.adversaries.ensemble import Ensemble, Together
from bbi_utils.adversaries.features import FeatureAdversary
from bbi_utils.errors import BadInput
from bbi_utils.games.player import Adversary, Maker, Player, Remembering, SingleAdversary

__all__ = [
    "Adversary", "SingleAdversary", "FeatureAdversary", "EncoderSettings", "Factories", "lexical_adversaries",
    "cheap_adversaries", "encoder_adversaries", "own_adversaries", "with_ensemble", "with_sum",
    "all_adversaries", "load_own",
]  # fmt: skip

Factories = dict[str, Maker | Player]
Plays = TypeVar("Plays")
# None of those that the study's claims were written down for (decisions 12 and 15).
AUDIT_ONLY = frozenset({"missing", "structure"})
BASELINES = frozenset({"length", "missing"})  # they read no word
# What they compute is the same in a thread of their own, and most of it outside of Python.
IN_THREADS = frozenset({"char_ngrams", "word_ngrams", "structure", "stylometric"})


def lexical_adversaries() -> dict[str, Maker]:
    """Factories of those that only count words and characters: length, word_ngrams, char_ngrams.

    Build it once and play every contrast with it: the counts of n-grams are then shared.
    """
    return _joined(features.factories(), ngrams.factories())


def cheap_adversaries(*, own: Sequence[str] = ()) -> Factories:
    """Those that need no model and take seconds: of all modules here with `factories`, and the user's own."""
    found = [import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    makes = [module.factories() for module in found if hasattr(module, "factories")]
    return _joined(*makes, own_adversaries(own))


def own_adversaries(own: Sequence[str]) -> dict[str, Maker]:
    """The user's classes, each given as "file.py:ClassName" or "module:ClassName", by their names."""
    makes = [load_own(where) for where in own]
    return _joined(*({make().name: make} for make in makes))


def encoder_adversaries(*encoders: EncoderSettings) -> dict[str, Maker]:
    """For each encoder the adversary that reads one answer and the joint one that reads both.

    Build it once and play every contrast with it: an encoder's weights and frozen states are then shared.
    """
    return _joined(*map(readers, encoders))


def with_ensemble(members: Mapping[str, Maker | Player]) -> Factories:
    """The members and, last, the ensemble of them, which shares their trainings."""
    remembering: Factories = {name: Remembering(make) for name, make in members.items()}
    return _joined(remembering, {"ensemble": Ensemble(remembering)})


def with_sum(members: Mapping[str, Maker | Player]) -> Factories:
    """The members and, last, `together`: the sum of those that read words, which shares their trainings."""
    remembering: Factories = {name: Remembering(make) for name, make in members.items()}
    readers = {name: make for name, make in remembering.items() if name not in BASELINES}
    return _joined(remembering, {"together": Together(readers or remembering)})


def all_adversaries(*encoders: EncoderSettings, own: Sequence[str] = ()) -> Factories:
    """The cheap adversaries, two for each encoder, the user's own, and the ensemble of all of them.

    Without those that are for audits only. Raises BadInput where two would have one name.
    """
    cheap = {name: make for name, make in cheap_adversaries().items() if name not in AUDIT_ONLY}
    return with_ensemble(_joined(cheap, encoder_adversaries(*encoders), own_adversaries(own)))


def _joined(*tables: Mapping[str, Plays]) -> dict[str, Plays]:
    """One table of all; raises BadInput where a name comes twice."""
    joined: dict[str, Plays] = {}
    for table in tables:
        for name, make in table.items():
            if name in joined:
                raise BadInput(
                    f"two adversaries are called {name!r}; rename your own one, or an encoder's folder"
                )
            joined[name] = make
    return joined
