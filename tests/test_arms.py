"""Arms side by side: the checked answers as a table, and texts in columns."""

from __future__ import annotations

import pandas as pd

from bbi_utils.probes import Probe, build_suite, take
from bbi_utils.report.summaries import answer_rates
from bbi_utils.responses.arms import COLUMNS, check_answers, side_by_side
from pocket.answers import is_correct


def answered(probes: list[Probe], *answers: str) -> pd.DataFrame:
    reasons = ["stop" if text else "length" for text in answers]
    return pd.DataFrame({"prompt_id": [p.id for p in probes], "answer": answers, "finish_reason": reasons})


def test_answers_are_checked_by_arm_and_prompt() -> None:
    probes = take(build_suite(n=60, seed=1), "test", 3, 0)
    arms = {"teacher": answered(probes, "yes", "yes", "no"), "base": answered(probes, "yes", "", "no")}
    table = check_answers(probes, arms, pair="qwen", is_correct=lambda probe, answer: answer == "yes")
    assert tuple(table.columns) == COLUMNS and list(table["arm"]) == ["teacher"] * 3 + ["base"] * 3
    assert list(table["content_correct"]) == [1, 1, 0, 1, 0, 0]
    assert list(table["category"][:3]) == [probe.category for probe in probes]
    rates = answer_rates(table).set_index(["arm", "quantity"])["rate"]
    assert round(3 * rates["base", "content_correct"], 6) == 1 == round(1.5 * rates["base", "stopped"], 6)


def test_content_that_nothing_can_check_is_left_out_of_the_rates() -> None:
    probes = take(build_suite(n=60, seed=1), "test", 2, 0)
    table = check_answers(probes, {"teacher": answered(probes, "a", "b")}, pair="qwen")
    assert table["content_correct"].isna().all() and table["content_correct"].dtype == float
    assert list(answer_rates(table)["quantity"]) == ["stopped"]


def test_the_pocket_check_takes_a_probe_and_an_answer() -> None:
    probes = take(build_suite(n=60, seed=1), "test", 2, 0)
    table = check_answers(probes, {"teacher": answered(probes, "?", "?")}, pair="qwen", is_correct=is_correct)
    assert list(table["content_correct"]) == [0, 0]


def test_columns_keep_lines_wrap_long_ones_and_say_what_they_cut() -> None:
    texts = {"teacher": "- one\n- two", "base": "word " * 30, "distilled": ""}
    lines = side_by_side(texts, width=66, limit=4).splitlines()
    assert lines[0].split() == ["teacher", "base", "distilled"]
    assert lines[2].startswith("- one") and lines[3].startswith("- two") and "(no answer)" in lines[2]
    assert max(map(len, lines)) <= 66 and "[4 more lines]" in lines[6] and len(lines) == 7
