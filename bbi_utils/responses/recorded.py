"""Recorded answers of two models (contract C2): one row a prompt, checked, nothing repaired in silence.

What is broken is an error that names column and row. Four things are no errors; they are treated and counted:
a row in which one side said nothing is dropped from both; equal answers are ties; prompts that differ in
letter case and spacing only share a group, so that no adversary is trained on one and tested on the other;
and a row without a second teacher answer is left out of the null.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bbi_utils.errors import BadInput
from bbi_utils.tables import Columns, read_columns

REQUIRED = ("prompt_id", "prompt", "teacher", "student")
OPTIONAL = ("category", "group", "teacher_2")
LABELS = ("prompt_id", "category", "group")  # may be whole numbers too
SIDES = ("teacher", "student")
LEAST_PROMPTS = 20
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
        enough = len(again) >= LEAST_PROMPTS and again["group"].nunique() >= LEAST_GROUPS
        return again.reset_index(drop=True) if enough else None


def read_answers(path: str | Path) -> Recorded:
    """The recorded answers in a .jsonl, .parquet or .csv file; without categories, all prompts are "all".

    Raises BadInput, naming column and row, on anything that is wrong with it.
    """
    path = Path(path)
    columns = read_columns(path, required=REQUIRED, optional=OPTIONAL)
    texts = {name: _texts(name, cells, path.name) for name, cells in columns.items()}
    for name, each in (("prompt_id", "one"), ("prompt", "the question that was asked")):
        if (empty := sum(not text.strip() for text in texts[name])) > 0:
            raise BadInput(f"{path.name}: {empty} rows have no {name}; give each {each}")
    if twice := [name for name, count in Counter(texts["prompt_id"]).items() if count > 1]:
        raise BadInput(f"{path.name}: prompt_id {twice[0]!r:.60} occurs more than once; one row a prompt")
    return _enough(pd.DataFrame(_labelled(texts), dtype=object), path.name)


def _texts(column: str, cells: list[Any], file: str) -> list[str]:
    """The cells as text, missing ones as ""; labels may be whole numbers."""
    kinds = (str, int) if column in LABELS else (str,)
    texts = []
    for row, cell in enumerate(cells, start=1):
        if cell is None or cell != cell:  # NaN is what some writers put for a missing text
            texts.append("")
        elif isinstance(cell, kinds) and not isinstance(cell, bool):
            texts.append(str(cell))
        else:
            found = f"{type(cell).__name__} {str(cell)[:40]!r}"
            raise BadInput(f"{file}, column {column}, row {row}: found {found}, expected text")
    return texts


def _labelled(texts: dict[str, list[str]]) -> Columns:
    """The columns with a category and a group for every row."""
    blank = [""] * len(texts["prompt"])
    named = [name.strip() for name in texts.get("group", blank)]
    # Two kinds of names, so that a group cannot meet another row's prompt.
    groups = [
        f"group {name}" if name else f"prompt {plain(prompt)}"
        for name, prompt in zip(named, texts["prompt"], strict=True)
    ]
    missing = "none" if "category" in texts else "all"
    categories = [name.strip() or missing for name in texts.get("category", blank)]
    return {**texts, "category": categories, "group": groups}


def plain(prompt: str) -> str:
    """The prompt without its letter case and spacing, in which near-duplicates differ."""
    return " ".join(prompt.casefold().split())


def _enough(table: pd.DataFrame, file: str) -> Recorded:
    """The rows in which both sides spoke, if there are enough of them."""
    spoke = {side: table[side].str.strip() != "" for side in SIDES}
    silent = {side: int((~said).sum()) for side, said in spoke.items()}
    for side in SIDES:
        if silent[side] == len(table):
            raise BadInput(f"{file}: every {side} answer is empty; there is nothing to compare")
    pairs = table[spoke["teacher"] & spoke["student"]].reset_index(drop=True)
    dropped = f"{len(table) - len(pairs)} rows dropped, for a side said nothing"
    if (prompts := pairs["prompt"].map(plain).nunique()) < LEAST_PROMPTS:
        raise BadInput(
            f"{file}: {prompts} different prompts with both answers ({dropped}); "
            f"at least {LEAST_PROMPTS} are needed"
        )
    if (groups := pairs["group"].nunique()) < LEAST_GROUPS:
        raise BadInput(f"{file}: {groups} groups of prompts ({dropped}); at least {LEAST_GROUPS} are needed")
    return Recorded(pairs, len(table) - len(pairs), silent)
