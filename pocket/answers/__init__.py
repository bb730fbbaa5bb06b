"""What the right answer to each prompt of the pocket world says, a script a category, and the check of it."""

from __future__ import annotations

import importlib
import random
from functools import cache

from bbi_utils.probes import Draw, Probe
from pocket.content import Content

Asked = Draw | Probe  # a question as drawn, or one of the suite


@cache
def _writer(category: str, template: str):  # type: ignore[no-untyped-def]
    return importlib.import_module(f"pocket.answers.{category}").ANSWERS[template]


def content_of(asked: Asked, rng: random.Random) -> Content:
    """What a correct answer to this question says."""
    return _writer(asked.category, asked.template)(asked.slots, rng)


def is_correct(probe: Probe, answer: str) -> bool:
    """The content check of the pocket world: right or wrong, whatever the voice."""
    return content_of(probe, random.Random(probe.id)).check(answer)
