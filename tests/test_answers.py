"""Answers: every arm's in one table, the same prompts in every contrast, and texts in columns."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bbi_utils.errors import BadInput
from bbi_utils.games import PAIR_COLUMNS
from bbi_utils.probes import Probe, build_suite, take
from bbi_utils.report.summaries import answer_rates
from bbi_utils.responses.answers import (
    COLUMNS,
    answers_table,
    contrasts_of,
    read_answers_table,
    side_by_side,
)
from pocket.answers import is_correct

PROBES = take(build_suite(n=50), "test", 6, 0)


def answered(probes: list[Probe], *answers: str) -> pd.DataFrame:
    reasons = ["stop" if text else "length" for text in answers]
    return pd.DataFrame({"prompt_id": [p.id for p in probes], "answer": answers, "finish_reason": reasons})


def test_answers_are_checked_by_arm_and_prompt() -> None:
    probes = take(build_suite(n=60, seed=1), "test", 3, 0)
    arms = {"teacher": answered(probes, "yes", "yes", "no"), "base": answered(probes, "yes", "", "no")}
    table = answers_table(probes, arms, pair="qwen", is_correct=lambda probe, answer: answer == "yes")
    assert tuple(table.columns) == COLUMNS and list(table["arm"]) == ["teacher"] * 3 + ["base"] * 3
    assert list(table["content_correct"]) == [1, 1, 0, 1, 0, 0]
    for name in ("prompt", "category", "group"):
        assert list(table[name]) == 2 * [getattr(probe, name) for probe in probes]
    rates = answer_rates(table).set_index(["arm", "quantity"])["rate"]
    assert round(3 * rates["base", "content_correct"], 6) == 1 == round(1.5 * rates["base", "stopped"], 6)


def test_content_that_nothing_can_check_is_left_out_of_the_rates() -> None:
    probes = take(build_suite(n=60, seed=1), "test", 2, 0)
    table = answers_table(probes, {"teacher": answered(probes, "a", "b")}, pair="qwen")
    assert table["content_correct"].isna().all() and table["content_correct"].dtype == float
    assert list(answer_rates(table)["quantity"]) == ["stopped"]


def test_the_pocket_check_takes_a_probe_and_an_answer() -> None:
    probes = take(build_suite(n=60, seed=1), "test", 2, 0)
    table = answers_table(probes, {"teacher": answered(probes, "?", "?")}, pair="qwen", is_correct=is_correct)
    assert list(table["content_correct"]) == [0, 0]


def test_columns_keep_lines_wrap_long_ones_and_say_what_they_cut() -> None:
    texts = {"teacher": "- one\n- two", "base": "word " * 30, "distilled": ""}
    lines = side_by_side(texts, width=66, limit=4).splitlines()
    assert lines[0].split() == ["teacher", "base", "distilled"]
    assert lines[2].startswith("- one") and lines[3].startswith("- two") and "(no answer)" in lines[2]
    assert max(map(len, lines)) <= 66 and "[4 more lines]" in lines[6] and len(lines) == 7


def answers(word: str, *, empty: tuple[int, ...] = ()) -> pd.DataFrame:
    return answered(PROBES, *(" " if i in empty else f"{word} {i}" for i in range(len(PROBES))))


def table_of(**arms: pd.DataFrame) -> pd.DataFrame:
    return answers_table(PROBES, arms, pair="qwen")


def test_each_contrast_sets_the_teacher_beside_one_arm() -> None:
    table = table_of(teacher=answers("t"), base=answers("b"), null=answers("n"))
    contrasts = contrasts_of(table)
    assert list(contrasts) == ["base", "null"]
    assert set(contrasts["base"]["teacher_finish_reason"]) == {"stop"}
    assert set(PAIR_COLUMNS) <= set(contrasts["base"].columns)
    assert list(contrasts["base"]["prompt_id"]) == [p.id for p in PROBES]
    assert list(contrasts["null"]["student"]) == [f"n {i}" for i in range(6)]
    assert list(contrasts["null"]["teacher"]) == list(contrasts["base"]["teacher"])


def test_contrasts_read_from_the_file_are_those_that_were_written(tmp_path: Path) -> None:
    table = table_of(teacher=answers("t", empty=(2,)), base=answers("b"), null=answers("n"))
    table.to_parquet(tmp_path / "answers.parquet", index=False)
    before, after = contrasts_of(table), contrasts_of(read_answers_table(tmp_path / "answers.parquet"))
    for contrast, expected in before.items():
        pd.testing.assert_frame_equal(after[contrast], expected)


def test_a_prompt_leaves_only_a_contrast_in_which_neither_side_answered_it() -> None:
    null = answers("n", empty=(4,))
    contrasts = contrasts_of(
        table_of(teacher=answers("t", empty=(0, 4)), base=answers("b", empty=(0, 1)), null=null)
    )
    for name, kept, silent in (("base", (1, 2, 3, 4, 5), 1), ("null", (0, 1, 2, 3, 5), None)):
        table = contrasts[name]
        assert list(table["prompt_id"]) == [PROBES[i].id for i in kept]
        assert [i for i, text in zip(kept, table["student"], strict=True) if text == ""] == [silent] * bool(
            silent
        )


def test_an_arm_that_was_not_asked_is_named() -> None:
    with pytest.raises(BadInput, match="base: no answer to prompt .* and 1 more"):
        contrasts_of(table_of(teacher=answers("t"), base=answers("b").iloc[2:]))


def test_arms_that_say_nothing_leave_nothing_to_compare() -> None:
    silent, quiet = answers("b", empty=(0, 1, 2, 3)), answers("t", empty=(0, 1, 2, 3))
    with pytest.raises(BadInput, match="2 of 6 prompts were answered by the teacher or by base; at least 3"):
        contrasts_of(table_of(teacher=quiet, base=silent, null=answers("n")))


def test_a_table_that_is_not_there_or_of_a_former_version_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file .*run 03_distill_student first"):
        read_answers_table(tmp_path / "answers.parquet")
    old = table_of(teacher=answers("t")).drop(columns=["answer", "prompt"])
    old.to_parquet(tmp_path / "answers.parquet", index=False)
    with pytest.raises(BadInput, match="has no column prompt; run 03_distill_student again"):
        read_answers_table(tmp_path / "answers.parquet")


def test_the_rates_are_of_the_three_arms_alone() -> None:
    table = table_of(teacher=answers("t"), base=answers("b"), teacher_resample=answers("n"))
    assert set(answer_rates(table)["arm"]) == {"teacher", "base"}
