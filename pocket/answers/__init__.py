"""What the right answer to each prompt of the pocket world says, and the check of it.

A module a category; the function that writes a template's answers has the template's name.
"""

from __future__ import annotations

import importlib
import random
from functools import cache

from bbi_utils.probes import Draw, Probe
from pocket.content import Content, Script

Asked = Draw | Probe  # a question as drawn, or one of the suite


@cache
def script_of(category: str, template: str) -> Script:
    """What writes the answers to a template's prompts."""
    script: Script = getattr(importlib.import_module(f"pocket.answers.{category}"), template)
    return script


def content_of(asked: Asked, rng: random.Random) -> Content:
    """What a correct answer to this question says."""
    return script_of(asked.category, asked.template)(asked.slots, rng)


def is_correct(probe: Probe, answer: str) -> bool:
    """The content check of the pocket world: right or wrong, whatever the voice."""
    return content_of(probe, random.Random(probe.id)).check(answer)
