"""The claims table: shown whole, compared claim by claim; figures compared with their manifest."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from bbi_utils.claims_table import as_text, differences, estimate, read_claims
from bbi_utils.errors import BadInput
from bbi_utils.paths import RunPaths
from bbi_utils.provenance import sha256_file
from bbi_utils.refresh import refresh_figures, write_expected
from bbi_utils.verify import stale_figures, verify

ROW = {"claim": "similar", "pair": "qwen", "paper": "0.8", "this run": "0.912 (ours, 2 of 3)",
       "interval": "[0.9, 1.0]", "holds": "yes"}  # fmt: skip


def write(path: Path, *rows: dict[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "\n".join([",".join(ROW), *(",".join(f'"{cell}"' for cell in row.values()) for row in rows)])
    )
    return path


def test_a_table_is_aligned_and_long_cells_wrap(tmp_path: Path) -> None:
    rows = read_claims(write(tmp_path / "c.csv", ROW, {**ROW, "claim": "a long claim " * 6}))
    lines = as_text(rows).splitlines()
    assert max(len(line) for line in lines) < 130
    assert len({line.index("qwen") for line in lines if "qwen" in line}) == 1


@pytest.mark.parametrize("text", ["claim,paper\nx,y\n", "claim,pair,paper,this run,interval,holds\n"])
def test_a_table_without_columns_or_rows_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.csv").write_text(text)
    with pytest.raises(BadInput):
        read_claims(tmp_path / "c.csv")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+0.074 (x)", 0.074),
        ("−0.1", -0.1),
        ("12 of 12 cover 0", 12),
        ("most in MiniLM-L6; p = 0.5", 0.5),
        ("—", None),
    ],
)
def test_the_estimate_is_the_first_number_that_stands_alone(text: str, number: float | None) -> None:
    assert estimate(text) == number


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, 0),
        ({"this run": "0.962 (other words)"}, 0),
        ({"this run": "0.963 (ours)"}, 1),
        ({"holds": "no"}, 1),
        ({"claim": "another"}, 1),
        ({"pair": "llama"}, 1),
        ({"this run": "—"}, 1),
    ],
)
def test_differences_are_beyond_the_tolerance_or_of_verdict(change: dict[str, str], found: int) -> None:
    expected = [{**ROW, "tolerance": "0.05"}]
    assert len(differences([{**ROW, **change}], expected)) == found


def test_a_run_that_is_committed_verifies_and_a_changed_one_does_not(tmp_path: Path) -> None:
    run, figures = RunPaths(tmp_path / "run"), tmp_path / "figures"
    claims = write(run.claims, ROW)
    row = {"name": "claims.csv", "files": {"claims.csv": sha256_file(claims)}}
    (run.figures / "MANIFEST.json").write_text(json.dumps([row]))
    refresh_figures(run, figures)
    assert verify(run, figures=figures, stream=io.StringIO()) == []
    (figures / "claims.csv").write_text("edited")
    assert len(stale_figures(figures)) == 1
    write(run.claims, {**ROW, "this run": "0.5"})
    problems = verify(run, figures=figures, stream=io.StringIO())
    assert any("qwen · similar: '0.5', expected '0.912 (ours, 2 of 3)' ± 0.05" in line for line in problems)


def test_tolerances_once_chosen_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "expected" / "claims.csv"
    write_expected(path, [ROW])
    path.write_text(path.read_text().replace("0.05", "0.2"))
    write_expected(path, [{**ROW, "this run": "0.7"}, {**ROW, "claim": "new"}])
    assert [row["tolerance"] for row in read_claims(path)] == ["0.2", "0.05"]
