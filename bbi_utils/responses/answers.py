"""Contrasts: the teacher's answers beside those of another arm, prompt by prompt, for every measure alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from bbi_utils.errors import BadInput
from bbi_utils.probes import Probe

NULL = "teacher_resample"  # the teacher's second, independent answer: what nobody should be able to tell
FEWEST = 3  # prompts; with fewer there is not even anything to read
CONTRASTS = ("base", "distilled", NULL)


def contrast_pairs(
    probes: Sequence[Probe], teacher: pd.DataFrame, others: Mapping[str, pd.DataFrame]
) -> tuple[dict[str, pd.DataFrame], int]:
    """One table a contrast (prompt_id, prompt, category, group, teacher, student), and the prompts dropped.

    `teacher` and each of `others` (contrast -> answers) have columns prompt_id and answer, as `sample` gives.
    A prompt that any arm answered with nothing is dropped from every contrast: all keep the same prompts.
    Raises BadInput where an arm has no row for a probe, or where hardly any prompt is left.
    """
    ids = [probe.id for probe in probes]
    said = {name: _answers(table, ids, arm=name) for name, table in {"teacher": teacher, **others}.items()}
    about = pd.DataFrame(
        {
            "prompt_id": ids,
            "prompt": [probe.prompt for probe in probes],
            "category": [probe.category for probe in probes],
            "group": [probe.group for probe in probes],
        }
    )
    by_arm = pd.DataFrame({name: answers.str.strip() != "" for name, answers in said.items()})
    spoke = by_arm.all(axis=1)
    if spoke.sum() < FEWEST:
        silent = ", ".join(f"{name} {count}" for name, count in (~by_arm).sum().items() if count)
        found = f"{spoke.sum()} of {len(ids)} prompts were answered by every arm (empty answers: {silent})"
        raise BadInput(f"{found}; at least {FEWEST} are needed: see how the answers end, and train less hard")
    pairs = {name: about.assign(teacher=said["teacher"], student=said[name]) for name in others}
    kept = {name: table[spoke].reset_index(drop=True) for name, table in pairs.items()}
    return kept, int((~spoke).sum())


def _answers(table: pd.DataFrame, ids: list[str], *, arm: str) -> pd.Series:
    """The arm's answers in the order of ids."""
    known = dict(zip(table["prompt_id"], table["answer"], strict=True))
    missing = [i for i in ids if i not in known]
    if missing:
        raise BadInput(
            f"{arm}: no answer to prompt {missing[0]} and {len(missing) - 1} more; sample them first"
        )
    return pd.Series([str(known[i]) for i in ids], dtype=object)
