"""Endless prompts: a template, its slots, a phrasing, and before about half of them a neutral lead-in."""

from __future__ import annotations

import hashlib
import importlib
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bbi_utils.errors import BadInput

CATEGORIES = (
    "factual", "arithmetic", "instruction_following", "style_format", "rewriting", "domain_technical",
    "creative", "safety", "robustness", "conversation",
)  # fmt: skip
FRAMES = (
    "Hello!", "Good morning!", "Good evening!", "Hi there, please help me.", "I hope you can help me.",
    "One more thing for today.", "Hello, I have a small request.", "Thanks for your help so far.",
    "Sorry to bother you again.", "Next one on my list:", "Here is my next message.",
    "Please help me with this.", "I am back with another one.", "Nice to talk to you again.",
)  # fmt: skip


@dataclass(frozen=True)
class Template:
    """name: unique in the suite. phrasings: str.format patterns over the slots. draw: slot values.

    Slots whose names begin with `typed` or `_` change only how a question looks, not what it asks.
    """

    name: str
    phrasings: tuple[str, ...]
    draw: Callable[[random.Random], dict[str, str]]


@dataclass(frozen=True)
class Draw:
    """A prompt as it leaves its template, before near-duplicates are removed."""

    prompt: str
    category: str
    template: str
    slots: dict[str, str]
    group: str


def load_templates(category: str) -> tuple[Template, ...]:
    """The templates of one category. Raises BadInput for a category that does not exist."""
    if category not in CATEGORIES:
        raise BadInput(f"category {category!r} does not exist; choose from {', '.join(CATEGORIES)}")
    return tuple(importlib.import_module(f"bbi_utils.probes.templates.{category}").TEMPLATES)


def draw_probes(category: str | None = None, *, n: int, seed: int) -> Iterator[Draw]:
    """Draws n prompts from one category, or from all in turn. Fast; repeats and near-duplicates stay in."""
    streams = [stream(name, f"draw/{seed}") for name in ([category] if category else CATEGORIES)]
    return (next(streams[index % len(streams)]) for index in range(n))


def stream(category: str, seed: str) -> Iterator[Draw]:
    """The prompts of one category without end: each template as likely, then each phrasing."""
    rng = random.Random(f"{seed}/{category}")
    templates = load_templates(category)
    while True:
        template = rng.choice(templates)
        slots = template.draw(rng)
        prompt = rng.choice(template.phrasings).format(**slots)
        if rng.random() < 0.5:
            prompt = f"{rng.choice(FRAMES)} {prompt}"
        yield Draw(prompt, category, template.name, slots, group_of(template.name, slots))


def group_of(template: str, slots: dict[str, str]) -> str:
    """The question asked: template and slots, case aside; typed... and _... slots only change its looks."""
    surface = ("typed", "_")
    asked = sorted((name, value.lower()) for name, value in slots.items() if not name.startswith(surface))
    return f"{template}:" + hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:12]
