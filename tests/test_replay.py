"""Recorded answers stand in for a model: by prompt, sample by sample, and never for a prompt they lack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_store import registered

from bbi_utils.errors import BadInput
from bbi_utils.oracles.base import Request
from bbi_utils.oracles.replay import ReplayOracle, file_and_column, is_recorded
from bbi_utils.probes.suite import Probe, prompt_id
from bbi_utils.responses.sampling import sample
from bbi_utils.responses.store import ResponseStore

ROWS: list[dict[str, Any]] = [
    {
        "prompt": f"Question {i}?",
        "teacher": f" Answer {i}. ",
        "teacher_2": f"Again {i}.",
        "student": f"Yes, {i}",
    }
    for i in range(5)
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def probes(n: int = 5) -> list[Probe]:
    return [
        Probe(prompt_id(f"Question {i}?"), f"Question {i}?", "all", "own", {}, str(i), "test")
        for i in range(n)
    ]


def test_a_file_is_sampled_like_any_model(tmp_path: Path) -> None:
    oracle = ReplayOracle(str(write(tmp_path / "answers.jsonl", ROWS)))
    with ResponseStore(tmp_path / "r.sqlite") as store:
        first = sample(oracle, probes(), store, progress=False)
        second = sample(oracle, probes(), store, sample_index=1, progress=False)
    assert list(first["answer"]) == [f"Answer {i}." for i in range(5)]
    assert list(second["answer"]) == [f"Again {i}." for i in range(5)]
    assert set(first["finish_reason"]) == {"stop"} and oracle.name == "answers.jsonl#teacher"


def test_an_empty_cell_is_an_empty_answer_and_how_answers_ended_is_kept(tmp_path: Path) -> None:
    rows = [{**row, "teacher": None, "teacher_2": None, "teacher_finish_reason": "length"} for row in ROWS]
    rows[1] |= {"teacher": "Yes.", "teacher_2": "", "teacher_finish_reason": "stop"}
    oracle = ReplayOracle(str(write(tmp_path / "answers.jsonl", rows)))
    first = oracle.answer([Request("x", f"Question {i}?") for i in range(2)])
    assert [(one.answer, one.finish_reason) for one in first] == [("", "length"), ("Yes.", "stop")]
    assert oracle.answer([Request("x", "Question 1?", 1)])[0].answer == ""
    with pytest.raises(BadInput, match="no answer in column teacher_2 to 1 of 1"):
        oracle.check([Request("x", "Question 0?", 1)])


def test_another_column_is_another_oracle_and_a_moved_file_is_the_same_one(tmp_path: Path) -> None:
    file = write(tmp_path / "answers.jsonl", ROWS)
    teacher, student = ReplayOracle(str(file)), ReplayOracle(f"{file}#student")
    assert teacher.fingerprint != student.fingerprint
    assert student.answer([Request("x", "Question 3?")])[0].answer == "Yes, 3"
    moved = file.rename(tmp_path / "moved.jsonl")
    assert ReplayOracle(str(moved)).fingerprint == teacher.fingerprint
    write(moved, [{**row, "teacher": "Yes."} for row in ROWS])
    assert ReplayOracle(str(moved)).fingerprint != teacher.fingerprint


def test_what_is_not_recorded_is_refused_before_anything_is_stored(tmp_path: Path) -> None:
    oracle = ReplayOracle(str(write(tmp_path / "answers.jsonl", ROWS)))
    with ResponseStore(tmp_path / "r.sqlite") as store:
        with pytest.raises(BadInput, match="no answer in column teacher to 2 of 7 prompts.*'Question 5"):
            sample(oracle, probes(7), store, progress=False)
        with pytest.raises(BadInput, match="column teacher_3 to 1 of 1"):
            sample(oracle, probes(1), store, sample_index=2, progress=False)
        assert len(registered(store)) <= 1 and not store.answers(oracle.fingerprint)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*ROWS, ROWS[0]], "more than once"),
        ([{**row, "teacher": True} for row in ROWS], "row 1: found bool 'True', expected text"),
        ([{"prompt": "x", "student": "y"}], "no column of answers that is known; columns: prompt, student"),
    ],
)
def test_a_broken_file_is_named(rows: list[dict[str, Any]], message: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=message):
        ReplayOracle(str(write(tmp_path / "answers.jsonl", rows)))


def test_a_missing_file_is_named_and_references_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        ReplayOracle(str(tmp_path / "nowhere.jsonl"))
    assert is_recorded("answers.CSV") and is_recorded("runs/a.parquet#student")
    assert not is_recorded("Qwen/Qwen2.5-7B-Instruct") and not is_recorded("models/mine.v2")


@pytest.mark.parametrize(
    ("reference", "file", "column"),
    [
        ("said.csv", "said.csv", ""),
        ("said.csv#b#2", "said.csv", "b#2"),
        ("run#1.csv", "run#1.csv", ""),
        ("run#1.jsonl.gz#gpt-4", "run#1.jsonl.gz", "gpt-4"),
        ("a.csv#b.csv", "a.csv", "b.csv"),
    ],
)
def test_names_may_have_a_number_sign(reference: str, file: str, column: str, tmp_path: Path) -> None:
    assert is_recorded(reference) and file_and_column(reference) == (file, column)
    there = tmp_path / "a.csv#b.csv"
    there.write_text("x")
    assert file_and_column(f"{there}#c") == (str(there), "c")
    assert not is_recorded("models/run#1") and not is_recorded("Qwen/Qwen2.5#x")
