"""Recorded answers of two models (contract C2): one row a prompt, checked, nothing repaired in silence.

What is broken is an error that names column and row. Five things are no errors; they are treated and counted:
a side that said nothing has given the empty answer, which is one like any other; a row that neither side
answered, or that says it was never asked, is left out; equal answers are ties; prompts that differ in letter
case and spacing only, or got the very same pair of long answers, share a group, which is one draw for every
bound and on which no adversary is both trained and tested; and a row without a second teacher answer is left
out of the null.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from bbi_utils.errors import BadInput, some
from bbi_utils.oracles.base import ending, is_known, was_cut
from bbi_utils.oracles.chat import without_thoughts
from bbi_utils.probes.forms.pairs import SIDES, plain
from bbi_utils.probes.forms.reading import NOTHING, Choice, read_pairs
from bbi_utils.tables import FEWEST_PROMPTS, Rows, columns_of, joined, located, pick

KEYS = ("prompt_id", "prompt")
REASONS = tuple(f"{side}_finish_reason" for side in (*SIDES, "teacher_2"))
OPTIONAL = ("category", "group", "teacher_2", *REASONS, "asked")
LABELS = ("prompt_id", "category", "group")  # may be whole numbers too
NEVER = ("no", "false", "0")  # in the column `asked`; the other words it may have are YES
YES = ("yes", "true", "1", "")
LEAST_GROUPS = 4  # two to train on and two to test on
COPIED = 40  # words in a pair of answers, from which on it is not given twice by accident


@dataclass(frozen=True)
class Recorded:
    """What a file of recorded answers holds.

    pairs: prompt_id, prompt, category, group, teacher, student ("" where a side said nothing) and, where the
    file has them, the finish reasons and teacher_2 (None where it was not asked again). rows: of the file.
    never_asked: those of them that say so. understood: what the files were taken for, a line each.
    drawn_from: how many prompts these were drawn from at random, 0 where all are here.
    """

    pairs: pd.DataFrame
    rows: int
    never_asked: int
    understood: str = ""
    drawn_from: int = 0

    @property
    def dropped(self) -> int:
        """Rows left out: never asked, or answered by neither side."""
        return self.rows - (self.drawn_from or len(self.pairs))

    @property
    def silent(self) -> dict[str, int]:
        """Side -> its empty answers among the pairs."""
        return {side: int((self.pairs[side] == "").sum()) for side in SIDES}

    @property
    def cut(self) -> dict[str, int]:
        """Side -> its answers that were stopped before their end, as far as the file says so."""
        said = self.pairs.reindex(columns=[*SIDES, *REASONS[:2]])
        return {
            side: sum(text != "" and was_cut(why) for text, why in zip(said[side], said[reason], strict=True))
            for side, reason in zip(SIDES, REASONS, strict=False)
        }

    @property
    def identical(self) -> int:
        """Prompts on which teacher and student gave the same answer."""
        return int((self.pairs["teacher"] == self.pairs["student"]).sum())

    @property
    def null_pairs(self) -> pd.DataFrame | None:
        """The teacher beside its own second answer, as ``pairs``; None with fewer than 20 of them."""
        if "teacher_2" not in self.pairs:
            return None
        again = self.pairs[self.pairs["teacher_2"].notna()]
        again = again[(again["teacher"] != "") | (again["teacher_2"] != "")]
        again = again.drop(columns=["student", "student_finish_reason"], errors="ignore")
        again = again.rename(columns=lambda name: name.replace("teacher_2", "student"))
        enough = len(again) >= FEWEST_PROMPTS and again["group"].nunique() >= LEAST_GROUPS
        return again.reset_index(drop=True) if enough else None


def read_answers(*files: str | Path, choice: Choice = NOTHING) -> Recorded:
    """The recorded answers in a file, or in one file a model; without categories, all prompts are "all".

    `choice` says what the files do not (`forms.reading`). Raises BadInput, naming column and row, on anything
    that is wrong with them.
    """
    paths = [Path(file) for file in files]
    rows, understood = read_pairs(paths, choice)
    rows, left_out = spoken(rows, (*SIDES, "teacher_2"), longest=choice.longest)
    path = paths[0]
    columns = columns_of(
        path, rows, keys=KEYS, required=SIDES, optional=OPTIONAL, labels=LABELS, flags=["asked"]
    )
    table = pd.DataFrame(columns, dtype=object)
    again = [name for name in table if name == "teacher_2"]
    table = table.fillna({name: "" for name in table if name not in again})
    said = table[[*SIDES, *again]]
    table[said.columns] = said.where(said.map(lambda text: text is None or bool(text.strip())), "")
    blank = [""] * len(table)
    table["group"] = _groups(table.get("group", blank), table)
    understood = "\n".join([understood, *left_out, *_odd_ends(table)])
    missing = "none" if "category" in table else "all"
    table["category"] = [name.strip() or missing for name in table.get("category", blank)]
    return replace(_compared(table, path.name), understood=understood)


def drawn(recorded: Recorded, *, most: int, seed: int) -> Recorded:
    """About so many of the prompts, where there are more: whole groups, drawn by their names alone.

    What was answered does not count, so these are a sample of the same prompts, and bounds hold for all.
    """
    pairs = recorded.pairs
    if len(pairs) <= most:
        return recorded
    groups = np.sort(pairs["group"].unique().astype(object))
    keep = max(LEAST_GROUPS, len(groups) * most // len(pairs))
    chosen = np.random.default_rng(seed).choice(groups, keep, replace=False)
    kept = pairs[pairs["group"].isin(set(chosen))].reset_index(drop=True)
    return replace(recorded, pairs=kept, drawn_from=len(pairs))


def spoken(rows: Rows, columns: Sequence[str], *, longest: int | None = None) -> tuple[Rows, list[str]]:
    """The rows with what is said in these columns: without thoughts, and cut after `longest` characters.

    And a line on each of these two where it was done, with the prompts.
    """
    where = [at for name in columns if (at := located(rows, name)) is not None]
    named, changed = located(rows, "prompt_id"), {"thoughts": list[str](), "cut": list[str]()}
    new: Rows = []
    for number, row in enumerate(rows, start=1):
        said = {at: row[at] for at in where if isinstance(row.get(at), str)}
        short = {at: without_thoughts(text) for at, text in said.items()}
        kept = {at: text[:longest] for at, text in short.items()}
        name = str(pick(row, named)) if named else f"row {number}"
        changed["thoughts"] += [name for at in said if short[at] is not said[at]]
        changed["cut"] += [name for at in said if kept[at] != short[at]]
        new.append({**row, **kept})
    told = {
        "thoughts": "with a thought, which is no part of the answer and left out",
        "cut": f"cut after {longest or 0:,} characters, as --longest says",
    }
    return new, [f"{len(of):,} answers {told[why]}: {some(of)}" for why, of in changed.items() if of]


def _groups(named: Iterable[str], table: pd.DataFrame) -> list[str]:
    """The group of each row: its name, joined with those of the same prompt and of copied answers."""
    prompts = [plain(prompt) for prompt in table["prompt"]]
    # Two kinds of names, so that a group cannot meet another row's prompt.
    names = [
        f"group {name.strip()}" if name.strip() else f"prompt {prompt}"
        for name, prompt in zip(named, prompts, strict=True)
    ]
    copies = [
        (one, other) if one != other and len(f"{one} {other}".split()) >= COPIED else None
        for one, other in zip(table["teacher"], table["student"], strict=True)
    ]
    return [names[first] for first in joined(names, prompts, copies)]


def _compared(table: pd.DataFrame, file: str) -> Recorded:
    """The rows that were asked and that a side answered, if there are enough of them."""
    never = _never_asked(table, file)
    pairs = table[~never & ((table["teacher"] != "") | (table["student"] != ""))]
    pairs = pairs.drop(columns="asked", errors="ignore").reset_index(drop=True)
    read = Recorded(pairs, len(table), int(never.sum()))
    found = f"in {len(pairs)} rows"
    if read.dropped:
        found += f" ({read.dropped} more left out: never asked, or answered by neither side)"
    if (prompts := pairs["prompt"].map(plain).nunique()) < FEWEST_PROMPTS:
        why = "; further samples of a prompt do not stand in for prompts" if prompts < len(pairs) else ""
        found = f"{prompts} different prompts {found}"
        raise BadInput(f"{file}: {found}; at least {FEWEST_PROMPTS} are needed{why}")
    if (groups := pairs["group"].nunique()) < LEAST_GROUPS:
        raise BadInput(f"{file}: {groups} groups of prompts {found}; at least {LEAST_GROUPS} are needed")
    for side, silent in read.silent.items():
        if silent == len(pairs):
            raise BadInput(f"{file}: every {side} answer is empty; there is nothing to compare")
    both = len(pairs) - sum(read.silent.values())
    if both < FEWEST_PROMPTS and both < min(read.silent.values()):
        what = f"{both} of {len(pairs)} prompts have an answer of both, the others of one side or the other"
        way = "were both asked the same? Say what joins them by --by, --id, --prompt"
        raise BadInput(f"{file}: {what}; {way}")
    return read


def _odd_ends(table: pd.DataFrame) -> list[str]:
    """Lines on finish reasons of one side alone, and on unknown ones, taken for those of whole answers."""
    sides = [side for side, name in zip(SIDES, REASONS, strict=False) if name in table]
    alone = [f"finish reasons of the {sides[0]} alone, which are not compared"] if len(sides) == 1 else []
    ends = Counter(ending(why) for name in REASONS if name in table for why in table[name])
    odd = [f"{why!r:.40} ({ends[why]:,})" for why in ends if why and not is_known(why)]
    unknown = f"finish reasons that are not known, taken for whole answers: {', '.join(odd[:5])}"
    return [*alone, *([unknown] if odd else [])]


def _never_asked(table: pd.DataFrame, file: str) -> pd.Series:
    """Which rows the column `asked` says were never asked of either side."""
    said = table.get("asked", pd.Series("", index=table.index)).str.strip().str.lower()
    if (odd := said[~said.isin([*NEVER, *YES])]).size:
        row = f"row {odd.index[0] + 1}: found {odd.iloc[0]!r:.40}"
        raise BadInput(f"{file}, column asked, {row}; expected yes or no (or true, false, 1, 0)")
    never = said.isin(NEVER)
    if (answered := never[never & (table["teacher"] != "") & (table["student"] != "")]).size:
        what = f"row {answered.index[0] + 1}: {said[answered.index[0]]}, and both sides answered it"
        raise BadInput(f"{file}, column asked, {what}; say yes, or leave such rows out of the file")
    return never
