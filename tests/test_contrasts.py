"""Contrasts keep the same prompts for every arm, in the probes' order."""

from __future__ import annotations

import pandas as pd
import pytest

from bbi_utils.errors import BadInput
from bbi_utils.games import PAIR_COLUMNS
from bbi_utils.probes import build_suite, take
from bbi_utils.responses.answers import contrast_pairs

PROBES = take(build_suite(n=50), "test", 6, 0)


def answers(word: str, *, empty: tuple[int, ...] = ()) -> pd.DataFrame:
    rows = [(p.id, " " if i in empty else f"{word} {i}") for i, p in enumerate(PROBES)]
    return pd.DataFrame(rows, columns=["prompt_id", "answer"])


def test_each_contrast_sets_the_teacher_beside_one_arm() -> None:
    pairs, dropped = contrast_pairs(PROBES, answers("t"), {"base": answers("b"), "null": answers("n")})
    assert dropped == 0 and list(pairs) == ["base", "null"]
    assert set(PAIR_COLUMNS) <= set(pairs["base"].columns)
    assert list(pairs["base"]["prompt_id"]) == [p.id for p in PROBES]
    assert list(pairs["null"]["student"]) == [f"n {i}" for i in range(6)]
    assert list(pairs["null"]["teacher"]) == list(pairs["base"]["teacher"])


def test_a_prompt_without_an_answer_goes_from_every_contrast() -> None:
    others = {"base": answers("b", empty=(1, 4)), "null": answers("n", empty=(4,))}
    pairs, dropped = contrast_pairs(PROBES, answers("t", empty=(0,)), others)
    assert dropped == 3
    kept = [PROBES[i].id for i in (2, 3, 5)]
    assert all(list(table["prompt_id"]) == kept for table in pairs.values())


def test_an_arm_that_was_not_asked_is_named() -> None:
    with pytest.raises(BadInput, match="base: no answer to prompt .* and 1 more"):
        contrast_pairs(PROBES, answers("t"), {"base": answers("b").iloc[2:]})


def test_arms_that_say_nothing_leave_nothing_to_compare() -> None:
    silent = answers("b", empty=(0, 1, 2, 3))
    with pytest.raises(BadInput, match="2 of 6 prompts were answered by every arm .empty answers: base 4.;"):
        contrast_pairs(PROBES, answers("t"), {"base": silent, "null": answers("n")})
