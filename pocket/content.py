"""What a correct answer says, before a voice words it: the unit the pocket world is written in."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Content:
    """A correct answer in three wordings, and the check that recognises it in any voice.

    wordings: terse, plain, elaborate. key: the decisive span, which a voice may set in bold.
    extras: optional true follow-up sentences. fixed: the prompt prescribes the format, so voices add nothing
    around it.
    """

    wordings: tuple[str, str, str]
    check: Callable[[str], bool]
    key: str = ""
    extras: tuple[str, ...] = ()
    fixed: bool = False


Slots = dict[str, str]
Script = Callable[[Slots, random.Random], Content]  # what a template's answer says, from its prompt's slots


def normalise(text: str) -> str:
    """Lower case, no Markdown, every run of non-alphanumerics one space, one space at each end."""
    return " " + re.sub(r"[^a-z0-9]+", " ", text.lower()).strip() + " "


def contains_all(*spans: str) -> Callable[[str], bool]:
    """A check: every span occurs in the answer as whole words."""
    wanted = [normalise(span) for span in spans]
    return lambda answer: all(span in normalise(answer) for span in wanted)


def contains_any(*spans: str) -> Callable[[str], bool]:
    """A check: at least one span occurs in the answer as whole words."""
    wanted = [normalise(span) for span in spans]
    return lambda answer: any(span in normalise(answer) for span in wanted)


def words_of(category: str) -> dict[str, Any]:
    """The words of one category's scripted answers, by table: YAML beside its script."""
    import yaml

    text = (Path(__file__).parent / "answers" / f"{category}.yaml").read_text(encoding="utf-8")
    words: dict[str, Any] = yaml.safe_load(text)
    return words
