"""Where two models differ: habits that one has oftener, tested, and real answers that gave them away.

If nothing differs, which side it is that alone has a habit is a coin toss, prompt by prompt: so each habit
gets an exact sign test, in which prompts of one group are one toss. Which words and openings are looked at
depends on what both sides said and not on who said it, so the tests stay exact. Habits of a list written
beforehand and those learned from the answers share the error equally, and Holm's (1979) steps hold each half
over all its habits at once.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bbi_utils.adversaries.missing import SIDES
from bbi_utils.errors import printable
from bbi_utils.games.certificate import Certificate
from bbi_utils.games.folds import questions
from bbi_utils.report.habits import LEARNED, Habit, habits_of, overlap, told
from bbi_utils.report.labels import with_game

FEWEST = 10  # groups in which one side alone has a habit; fewer can hardly say anything
NAMED, A_KIND = 8, 3  # habits that a reader is told, and how many of them of one kind
EXAMPLES, START, END = 2, 160, 60  # examples; characters shown of a text, from where it starts and ends


@dataclass(frozen=True)
class Where:
    """What tells two models apart, in words.

    habits: those that are established, the largest difference of shares first: kind, which, habit (said),
    teacher and student (the share of answers that have it), differ (groups in which one side has it, or has
    it oftener), p (adjusted for all). tested: how many were. examples: prompts held out on which the
    strongest adversary was surest, and right; none where no adversary's lower bound is above 0.
    """

    habits: pd.DataFrame
    tested: int
    error: float
    examples: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """The contents of where.json."""
        habits = self.habits.to_dict("records")
        return {"error": self.error, "tested": self.tested, "habits": habits, "examples": self.examples}

    def named(self) -> list[dict[str, Any]]:
        """The habits that a reader is told: the largest differences, none that says the same as another."""
        kept: dict[Habit, dict[str, Any]] = {}
        for row in self.habits.to_dict("records"):
            habit = row["kind"], row["which"]
            alike = sum(kind == habit[0] for kind, _ in kept)
            if alike < A_KIND and not overlap(habit, kept):
                kept[habit] = row
        return list(kept.values())[:NAMED]


def where(pairs: pd.DataFrame, scores: pd.DataFrame, certificate: Certificate, *, error: float) -> Where:
    """Habits and examples of the answer pairs that this certificate, of these scores, is about.

    If the two sides' answers can be exchanged, any habit is named with probability at most `error`.
    """
    table = _counted(pairs)
    p = pd.Series(sign_test(table["differ"].to_numpy(), table["more"].to_numpy()), index=table.index)
    halves = p.groupby(table["kind"].isin(LEARNED).to_numpy())
    table["p"] = halves.transform(lambda half: np.minimum(1.0, 2 * holm(half.to_numpy())))
    gap = table["teacher"] - table["student"]
    # Where groups are unequal, the side that has it in more groups can have it in fewer answers: not named.
    sided = np.sign(gap) == np.sign(table["more"])
    named = table.assign(gap=gap.abs())[(table["p"] <= error) & sided].sort_values(
        ["gap", "kind", "which"], ascending=[False, True, True], ignore_index=True
    )
    named["habit"] = [told(habit) for habit in zip(named["kind"], named["which"], strict=True)]
    columns = ["kind", "which", "habit", *SIDES, "differ", "p"]
    return Where(named[columns], len(table), error, _examples(pairs, scores, certificate))


def _counted(pairs: pd.DataFrame) -> pd.DataFrame:
    """A row a habit that sides differ in: kind, which, both shares, differ, more (groups won less lost)."""
    sides = habits_of(pairs)
    had = [Counter(habit for one in side for habit in one) for side in sides]
    won, lost = Counter[Habit](), Counter[Habit]()
    groups = pd.Series(questions(pairs).to_numpy())
    for rows in groups.groupby(groups).indices.values():
        more = Counter[Habit]()
        for row in rows:
            more.update(sides[0][row] - sides[1][row])
            more.subtract(sides[1][row] - sides[0][row])
        won.update(habit for habit, by in more.items() if by > 0)
        lost.update(habit for habit, by in more.items() if by < 0)
    found = [habit for habit in sorted({*won, *lost}) if won[habit] + lost[habit] >= FEWEST]
    table = pd.DataFrame(found, columns=["kind", "which"])
    for side, counts in zip(SIDES, had, strict=True):
        table[side] = [counts[habit] / len(pairs) for habit in found]
    table["differ"] = [won[habit] + lost[habit] for habit in found]
    return table.assign(more=[won[habit] - lost[habit] for habit in found])


def sign_test(n: np.ndarray | int, more: np.ndarray | int) -> np.ndarray:
    """Two-sided exact p of n fair tosses of which heads are `more` than tails; shape (k,), or a number."""
    from scipy.special import bdtr

    return np.minimum(1.0, 2 * bdtr((n - np.abs(more)) // 2, n, 0.5))


def holm(p: np.ndarray) -> np.ndarray:
    """p-values adjusted for all of them, shape (k,), not capped at 1 (Holm 1979)."""
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return adjusted


def _examples(pairs: pd.DataFrame, scores: pd.DataFrame, certificate: Certificate) -> list[dict[str, Any]]:
    best = max(certificate.rows, key=lambda row: (row.floor, row.advantage))
    if best.floor <= 0:
        return []
    own = scores[(scores["adversary"] == best.adversary) & (scores["game"] == best.game)]
    signed = own["score"].where(own["shown"] != "student", -own["score"])
    sure = signed.groupby(own["prompt_id"].to_numpy()).min().rename("score")
    found = pairs.assign(unit=questions(pairs)).join(sure, on="prompt_id")
    found = found[found["score"] > 0].sort_values("score", ascending=False, kind="stable")
    rows = found.drop_duplicates("unit").head(EXAMPLES).to_dict("records")
    return [{"adversary": best.adversary, "game": best.game, **_shortened(row)} for row in rows]


def _shortened(row: dict[Any, Any]) -> dict[str, str]:
    """The example's texts, answers from shortly before the place at which they begin to differ."""
    same = len(os.path.commonprefix([row[side] for side in SIDES]))
    skip = 0 if same < START // 2 else same - START // 4
    texts = {"prompt": _cut(row["prompt"], 0), **{side: _cut(row[side], skip) for side in SIDES}}
    return {"prompt_id": str(row["prompt_id"]), **texts}


def _cut(text: str, skip: int) -> str:
    rest = text[skip:]
    rest = rest if len(rest) <= START + END + 3 else f"{rest[:START]} … {rest[-END:]}"
    return f"… {rest}" if skip else rest


def render_where(found: Where) -> list[str]:
    """Lines for a terminal: the habits with their shares, then the examples."""
    named, level = found.named(), f"{1 - found.error:.0%} confidence"
    lines = [f"where: of {found.tested:,} habits tested no single one tells the two apart ({level})"]
    if named:
        of = (
            f"{len(found.habits):,} of {found.tested:,} habits tested differ, {level} for all of them at once"
        )
        lines = [f"where: {of}; the clearest:"]
    for row in named:
        shares = f"{row['teacher']:.0%} of the teacher's answers, {row['student']:.0%} of the student's"
        lines.append(f"  {_visible(row['habit'])}: {shares}")
    for number, one in enumerate(found.examples, 1):
        surest = with_game(one["adversary"], one["game"])
        lines.append(f"example {number}, on which {surest} was surest, and right:")
        lines += [f"  {part + ':':<8} {_visible(one[part]) or '(nothing)'}" for part in ("prompt", *SIDES)]
    return lines


def _visible(text: str) -> str:
    """On one line, with white space that a reader would miss written out."""
    shown = printable(text).replace("\n", "\\n").replace("\t", "\\t")
    stripped = shown.rstrip(" ")
    return stripped + "␣" * (len(shown) - len(stripped))
