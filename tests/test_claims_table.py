"""The claims table shown whole; tables and figures committed from a run, and verified against it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from bbi_utils.errors import BadInput
from bbi_utils.files import sha256_file
from bbi_utils.paths import RunPaths, committed
from bbi_utils.report.claims import COLUMNS
from bbi_utils.report.claims_text import as_text, read_claims
from bbi_utils.study.verify import TOLERANCES, stale_figures, verify
from tools.refresh import begin_expected, refresh_figures

ROW = {"table": "paper", "claim_id": "s", "claim": "similar", "pair": "qwen", "reported": "0.8",
       "source": "abstract", "this run": "0.912 (ours, 2 of 3)", "interval": "[0.9, 1.0]",
       "asked": "above 0", "verdict": "supported"}  # fmt: skip


def write(path: Path, *rows: dict[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "\n".join([",".join(ROW), *(",".join(f'"{cell}"' for cell in row.values()) for row in rows)])
    )
    return path


def test_tables_stand_apart_aligned_without_ids_and_long_cells_wrap(tmp_path: Path) -> None:
    check = {**ROW, "table": "checks", "verdict": "failed"}
    rows = read_claims(write(tmp_path / "c.csv", check, ROW, {**ROW, "claim": "a long claim " * 6}))
    lines = as_text(rows).splitlines()
    assert max(len(line) for line in lines) < 160 and lines[2].split()[:2] == ["claim", "pair"]
    assert lines[0] == "The paper's claims: 2 supported" and "Our own checks: 1 failed" in lines
    paper = lines[: lines.index("Our own checks: 1 failed")]
    assert len({line.index("qwen") for line in paper if "qwen" in line}) == 1
    assert any("0.8 [abstract]" in line for line in lines)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("claim,paper\nx,y\n", "lacks the column 'table'"),
        (",".join(COLUMNS) + "\n", "has no rows"),
        (",".join(COLUMNS) + "\nours" + ",x" * (len(COLUMNS) - 1), "table 'ours'; expected paper, planted"),
    ],
)
def test_a_table_without_columns_or_rows_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "c.csv").write_text(text)
    with pytest.raises(BadInput, match=says):
        read_claims(tmp_path / "c.csv")


def test_a_run_that_is_committed_verifies_and_a_changed_one_does_not(tmp_path: Path) -> None:
    run, figures = RunPaths(tmp_path / "run"), tmp_path / "figures"
    claims = write(run.claims, ROW)
    row = {"name": "claims.csv", "files": {"claims.csv": sha256_file(claims)}}
    (run.figures / "MANIFEST.json").write_text(json.dumps([row]))
    (figures / "expected").mkdir(parents=True)
    (figures / "old.png").write_text("of an earlier run")
    rules = {
        "claims.csv": {
            "keys": ["claim_id", "claim", "pair"],
            "columns": dict.fromkeys(
                [name for name in ROW if name not in ("claim_id", "claim", "pair")], "exact"
            ),
        }
    }
    (figures / "expected" / "tolerances.yaml").write_text(json.dumps(rules))
    refresh_figures(run, figures)
    assert not (figures / "old.png").exists() and (figures / "expected" / "claims.csv").is_file()
    assert verify(run, figures, stream=io.StringIO())
    (figures / "claims.csv").write_text("edited")
    assert len(stale_figures(figures)) == 1 and not verify(run, figures, stream=io.StringIO())
    refresh_figures(run, figures)
    write(run.claims, {**ROW, "this run": "0.5"})
    said = io.StringIO()
    assert not verify(run, figures, stream=said)
    assert "expected 0.912 (ours, 2 of 3), found 0.5" in said.getvalue()


def test_a_profile_of_which_nothing_is_kept_is_named_and_its_first_run_begins_it(tmp_path: Path) -> None:
    run, figures = RunPaths(tmp_path / "run"), tmp_path / "figures" / "mine"
    with pytest.raises(BadInput, match="no results of profile 'mine' are kept; .* PROFILE=mine"):
        verify(run, figures, stream=io.StringIO())
    with pytest.raises(BadInput, match=r"claims\.csv is missing"):
        refresh_figures(run, figures)
    assert not figures.exists()
    begin_expected(figures / "expected")
    kept = committed("pocket") / "expected" / TOLERANCES
    assert (figures / "expected" / TOLERANCES).read_bytes() == kept.read_bytes()


def test_a_figure_that_is_gone_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "MANIFEST.json").write_text(json.dumps([{"name": "a", "files": {"a.png": "0"}}]))
    assert stale_figures(tmp_path)[0].endswith("a.png: missing")
    (tmp_path / "MANIFEST.json").write_text("[")
    with pytest.raises(BadInput, match="cannot be read"):
        stale_figures(tmp_path)
