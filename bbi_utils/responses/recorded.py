"""Recorded answers of two models (contract C2): one row a prompt, checked, nothing repaired in silence.

What is broken is an error that names column and row. Four things are no errors; they are treated and counted:
a row in which one side said nothing is dropped from both; equal answers are ties; prompts that differ in
letter case and spacing only share a group, so that no adversary is trained on one and tested on the other;
and a row without a second teacher answer is left out of the null.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bbi_utils.errors import BadInput
from bbi_utils.tables import FEWEST_PROMPTS, read_columns

KEYS = ("prompt_id", "prompt")
OPTIONAL = ("category", "group", "teacher_2")
LABELS = ("prompt_id", "category", "group")  # may be whole numbers too
SIDES = ("teacher", "student")
LEAST_GROUPS = 4  # two to train on and two to test on


@dataclass(frozen=True)
class Recorded:
    """What a file of recorded answers holds.

    pairs: prompt_id, prompt, category, group, teacher, student and, where the file has it, teacher_2 (""
    where there is none). dropped: rows left out, for a side said nothing. silent: side -> its empty answers.
    """

    pairs: pd.DataFrame
    dropped: int
    silent: Mapping[str, int]

    @property
    def identical(self) -> int:
        """Prompts on which teacher and student gave the same answer."""
        return int((self.pairs["teacher"] == self.pairs["student"]).sum())

    @property
    def null_pairs(self) -> pd.DataFrame | None:
        """The teacher beside its own second answer, as ``pairs``; None with fewer than 20 of them."""
        if "teacher_2" not in self.pairs:
            return None
        again = self.pairs[self.pairs["teacher_2"].str.strip() != ""]
        again = again.assign(student=again["teacher_2"]).drop(columns="teacher_2")
        enough = len(again) >= FEWEST_PROMPTS and again["group"].nunique() >= LEAST_GROUPS
        return again.reset_index(drop=True) if enough else None


def read_answers(path: str | Path) -> Recorded:
    """The recorded answers in a .jsonl, .parquet or .csv file; without categories, all prompts are "all".

    Raises BadInput, naming column and row, on anything that is wrong with it.
    """
    path = Path(path)
    columns = read_columns(path, keys=KEYS, required=SIDES, optional=OPTIONAL, labels=LABELS)
    table = pd.DataFrame(columns, dtype=object).fillna("")
    blank = [""] * len(table)
    # Two kinds of names, so that a group cannot meet another row's prompt.
    table["group"] = [
        f"group {name.strip()}" if name.strip() else f"prompt {plain(prompt)}"
        for name, prompt in zip(table.get("group", blank), table["prompt"], strict=True)
    ]
    missing = "none" if "category" in table else "all"
    table["category"] = [name.strip() or missing for name in table.get("category", blank)]
    return _enough(table, path.name)


def plain(prompt: str) -> str:
    """The prompt without its letter case and spacing, in which near-duplicates differ."""
    return " ".join(prompt.casefold().split())


def _enough(table: pd.DataFrame, file: str) -> Recorded:
    """The rows in which both sides spoke, if there are enough of them."""
    mute = {side: table[side].str.strip() == "" for side in SIDES}
    for side in SIDES:
        if mute[side].all():
            raise BadInput(f"{file}: every {side} answer is empty; there is nothing to compare")
    pairs = table[~mute["teacher"] & ~mute["student"]].reset_index(drop=True)
    dropped = f"{len(table) - len(pairs)} rows dropped, for a side said nothing"
    if (prompts := pairs["prompt"].map(plain).nunique()) < FEWEST_PROMPTS:
        found = f"{prompts} different prompts with both answers ({dropped})"
        raise BadInput(f"{file}: {found}; at least {FEWEST_PROMPTS} are needed")
    if (groups := pairs["group"].nunique()) < LEAST_GROUPS:
        raise BadInput(f"{file}: {groups} groups of prompts ({dropped}); at least {LEAST_GROUPS} are needed")
    return Recorded(pairs, len(table) - len(pairs), {side: int(empty.sum()) for side, empty in mute.items()})
