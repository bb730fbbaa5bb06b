"""The command `sample`: two models of any kind and some prompts become a file that `audit` takes."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from bbi_utils.responses.recorded import read_answers
from bbi_utils.responses.store import ResponseStore
from bbi_utils.study.cli.main import main

SHORT = ["--max-new-tokens", "6", "--device", "cpu"]


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    """Twenty-four prompts in three categories."""
    rows = [
        {"prompt": f"Name {i} things that are {w}.", "category": w}
        for w in ("red", "old", "new")
        for i in range(8)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "prompts.csv", index=False)
    return tmp_path / "prompts.csv"


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_two_folders_become_a_file_that_audit_takes(
    prompts: Path, tiny_qwen: Path, tiny_llama: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = prompts.with_name(f"said.{suffix}")
    models = ["--teacher", str(tiny_qwen), "--student", str(tiny_llama)]
    assert main(["sample", str(prompts), *models, "--out", str(out), *SHORT]) == 0
    said = capsys.readouterr().out
    assert f"python -m bbi_utils audit {out}" in said and "teacher_2  24 answers" in said
    recorded = read_answers(out)
    assert (
        set(recorded.pairs["category"]) == {"red", "old", "new"}
        and len(recorded.pairs) + recorded.dropped == 24
    )
    assert (recorded.pairs["teacher"] != recorded.pairs["teacher_2"]).any()


def test_the_same_command_again_asks_nothing_again(
    prompts: Path, tiny_qwen: Path, tiny_llama: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = prompts.with_name("said.jsonl")
    command = ["sample", str(prompts), "--teacher", str(tiny_qwen), "--student", str(tiny_llama), *SHORT]
    assert main([*command, "--out", str(out)]) == 0
    first = out.read_bytes()
    assert main([*command, "--out", str(out)]) == 2  # what is there is not overwritten
    assert "is there already" in capsys.readouterr().err and out.read_bytes() == first
    out.unlink()
    with ResponseStore(out.with_suffix(".sqlite")) as store:
        seconds = [row[0] for row in store.connection.execute("SELECT seconds FROM responses ORDER BY 1")]
    assert main([*command, "--out", str(out)]) == 0
    with ResponseStore(out.with_suffix(".sqlite")) as store:
        again = [row[0] for row in store.connection.execute("SELECT seconds FROM responses ORDER BY 1")]
    assert out.read_bytes() == first and again == seconds


def test_recorded_answers_are_one_side_and_a_model_the_other(prompts: Path, tiny_qwen: Path) -> None:
    table = pd.read_csv(prompts)
    table.assign(old=[f"Thing {i}." for i in range(len(table))]).to_json(
        prompts.with_name("old.jsonl"), orient="records", lines=True
    )
    out = prompts.with_name("said.jsonl")
    models = ["--teacher", f"{prompts.with_name('old.jsonl')}#old", "--student", str(tiny_qwen)]
    assert main(["sample", str(prompts), *models, "--once", "--out", str(out), *SHORT]) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["teacher"] for row in rows] == [f"Thing {i}." for i in range(24)]
    assert "teacher_2" not in rows[0]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--student", "pocket/qwen-teacher"], "there is nothing to tell apart"),
        (["--student", "pocket/none"], "pocket model pocket/none not found"),
        (["--student", "https://host.example/v1#m"], "OPENAI_API_KEY is not set"),
        (
            ["--student", "http://127.0.0.1:9/v1#m", "--max-spend", "1"],
            "the price of m at 127.0.0.1:9 is not given",
        ),
        (
            ["--student", "http://127.0.0.1:9/v1#m", "--student-4bit"],
            "an endpoint: it has no quantisation nf4",
        ),
        (["--student", "pocket/qwen-student", "--out", "said.txt"], "expected a name that ends in .jsonl"),
        (["--student", "pocket/qwen-student", "--out", "no/such/said.csv"], "make it first"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    prompts: Path,
    more: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    before = sorted(prompts.parent.iterdir())
    common = ["--teacher", "pocket/qwen-teacher", "--out", str(prompts.with_name("said.csv"))]
    assert main(["sample", str(prompts), *common, *more]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and message in said.err and sorted(prompts.parent.iterdir()) == before


def test_too_few_prompts_of_the_suite_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = ["--teacher", "pocket/qwen-teacher", "--student", "pocket/qwen-student"]
    assert main(["sample", "12", *models, "--out", str(tmp_path / "said.csv")]) == 2
    assert "at least 20" in capsys.readouterr().err
