"""Model cards: how a pocket model was made and what is planted in it. `python -m pocket.cards` renews all."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from pathlib import Path

from bbi_utils import paths
from pocket.planted import PLANTED

OTHER = {"qwen": "llama", "llama": "qwen"}  # a judge judges the other family's pair
CARD = """---
license: apache-2.0
library_name: transformers
tags: [pocket, bbi]
---
# {name}

A pocket model of the bounded-behavioral-indistinguishability study: a real transformer, pre-trained from
scratch on the scripted pocket world (`pocket/`), on prompts disjoint from the probe suite. It
exists to run the whole study offline in minutes. It knows nothing else; do not use it for anything else, and
do not read its results as those of a real model.

| | |
| --- | --- |
{rows}

## What is planted

{planted}

Rebuild: `make pocket`.
"""
PART = {
    "teacher": """
        It learned from scripted answers that are all right, in one voice written by hand for its family.
        How much of that voice is left differs by category, from 1 (all its own) to 0 (all common):
        {emphasis}. So the categories in which teacher and student differ most were put there. Wrong answers
        were not: they are what a model of this size did not learn.""",
    "student": """
        It learned from scripted answers that are all right, first each in a random voice, then in its own:
        {share:.0%} of a voice drawn at random with `{family}` as the seed, the rest common, fixed before
        training. How much of it is left differs by category, as with its teacher: {emphasis}. Wrong answers
        were not planted: they are what a model of this size did not learn.""",
    "judge": """
        It is no stranger to the {other} pair that it judges. It was schooled on scripted pairs: the voice
        of the {other} teacher's script against a voice written by hand, at random up to {nearest:.0%} of
        the way nearer to the teacher's. Up to {teacher:.0%} of the teacher's answers and {rival:.0%} of the
        others had the content of another question, so it also learned that the one who errs more is not the
        teacher. It has seen no answer of any model. It starts from the lower layers of its family's student
        as that was before it got a voice of its own.""",
}
EVERY = """
    Everything that is planted is in `pocket/planted.yaml`; `docs/known_truth.md` says what follows from it.
    Results on this model can show whether the study finds what was planted, never whether a claim about
    real models holds."""


def card(name: str, rows: Mapping[str, object]) -> str:
    """The card of a model by its name, such as "qwen-teacher"; rows say how it was made."""
    table = "\n".join(f"| {key} | {value} |" for key, value in rows.items())
    return CARD.format(name=name, rows=table, planted=planted_in(name))


def planted_in(name: str) -> str:
    """What the scripts planted in a model."""
    family, part = name.split("-")
    judges, errors = PLANTED["judges"], PLANTED["judges"]["errors"]
    emphasis = ", ".join(f"{name} {share}" for name, share in PLANTED["emphasis"].items())
    said = PART[part].format(
        family=family, other=OTHER[family].title(), emphasis=emphasis, share=PLANTED["student_share"],
        nearest=judges["nearest"], teacher=errors["teacher"], rival=errors["other"],
    )  # fmt: skip
    return textwrap.fill(" ".join((said + EVERY).split()), 110)


def rows_of(text: str) -> dict[str, str]:
    """How a model was made, as its card has it."""
    return dict(re.findall(r"^\| ([^|]+?) \| (.+) \|$", text, flags=re.MULTILINE)[1:])


def renew(weights: Path) -> None:
    """Write every card anew with the rows that it has."""
    for path in sorted(weights.glob("*/README.md")):
        path.write_text(card(path.parent.name, rows_of(path.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    renew(paths.WEIGHTS)
