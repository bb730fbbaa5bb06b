"""Endless prompts: a template, its slots, a phrasing, and before about half of them a neutral lead-in."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from bbi_utils.errors import BadInput
from bbi_utils.probes.templates.draws import draw_of
from bbi_utils.probes.templates.sheets import Entry, shared, sheet

CATEGORIES = (
    "factual", "arithmetic", "instruction_following", "style_format", "rewriting", "domain_technical",
    "creative", "safety", "robustness", "conversation",
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


@cache
def load_templates(category: str) -> tuple[Template, ...]:
    """The templates of one category, each tried once.

    Raises BadInput for a category that does not exist, and for a template that cannot be drawn or asked.
    """
    if category not in CATEGORIES:
        raise BadInput(f"category {category!r} does not exist; choose from {', '.join(CATEGORIES)}")
    return tuple(_template(category, name, entry) for name, entry in sheet(category).templates.items())


def _template(category: str, name: str, entry: Entry) -> Template:
    place = f"{category}.yaml, templates > {name}"
    try:
        draw = draw_of(entry, sheet(category))
        slots = draw(random.Random(0))
        [phrasing.format(**slots) for phrasing in entry.phrasings]
    except KeyError as error:
        raise BadInput(f"{place}: found {error}, expected a list, table, function or earlier slot") from error
    except (ValueError, IndexError, TypeError) as error:
        raise BadInput(f"{place}: cannot be drawn and asked: {error}") from error
    return Template(name, tuple(entry.phrasings), draw)


def draw_probes(category: str | None = None, *, n: int, seed: int) -> Iterator[Draw]:
    """Draws n prompts from one category, or from all in turn. Fast; repeats and near-duplicates stay in."""
    streams = [stream(name, f"draw/{seed}") for name in ([category] if category else CATEGORIES)]
    return (next(streams[index % len(streams)]) for index in range(n))


def stream(category: str, seed: str) -> Iterator[Draw]:
    """The prompts of one category without end: each template as likely, then each phrasing."""
    rng = random.Random(f"{seed}/{category}")
    templates, lead_ins = load_templates(category), shared().words["lead_ins"]
    while True:
        template = rng.choice(templates)
        slots = template.draw(rng)
        prompt = rng.choice(template.phrasings).format(**slots)
        if rng.random() < 0.5:
            prompt = f"{rng.choice(lead_ins)} {prompt}"
        yield Draw(prompt, category, template.name, slots, group_of(template.name, slots))


def group_of(template: str, slots: dict[str, str]) -> str:
    """The question asked: template and slots, case aside; typed... and _... slots only change its looks."""
    surface = ("typed", "_")
    asked = sorted((name, value.lower()) for name, value in slots.items() if not name.startswith(surface))
    return f"{template}:" + hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:12]
