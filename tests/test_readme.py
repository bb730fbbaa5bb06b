"""The README's numbers: taken from the committed claims and the run's own records, and nothing else moves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.files import write_json
from bbi_utils.report.claims import NOTHING, all_claims
from bbi_utils.study.params import load_study
from bbi_utils.study.stages import STAGES
from bbi_utils.study.verify import load_tolerances
from tools import readme

ROWS = [
    {
        "claim_id": claim_id,
        "claim": claim,
        "pair": pair,
        "paper": paper,
        "this run": found,
        "interval": "[0.1, 0.3]",
        "holds": "yes",
    }
    for claim_id, claim, pair, paper, found in (
        ("similarity_base", "similarity with the teacher, base student", "qwen", "0.788", "0.2"),
        ("watched_null", "two models are established", "qwen", "—", "0.3 (a|b)"),
        ("similarity_base", "similarity with the teacher, base student", "llama", "0.814", "0.25"),
    )
]
TOLERANCES = load_tolerances(paths.committed("pocket") / "expected" / "tolerances.yaml")


def test_pairs_stand_side_by_side_with_paper_and_tolerance() -> None:
    lines = readme.results(ROWS, TOLERANCES).splitlines()
    assert len({line.replace(r"\|", "").count("|") for line in lines}) == 1
    assert "| 0.788 / 0.814 | 0.2 [0.1, 0.3] | 0.25 [0.1, 0.3] | yes | ± 0.02 |" in lines[2]
    assert r"0.3 (a\|b) [0.1, 0.3] | — | yes" in lines[3]


def test_every_estimate_of_a_claim_has_the_tolerance_of_its_own_table() -> None:
    untold = {key for key in all_claims() if readme.tolerance_of(key, TOLERANCES) == NOTHING}
    assert {key.split("_")[0] for key in untold} == {"watched", "categories", "stopped", "content"}
    assert (
        readme.tolerance_of("judge_drop", TOLERANCES)
        == f"± {TOLERANCES['judge_drop.csv']['columns']['drop']:g}"
    )


def test_only_what_is_between_the_markers_changes() -> None:
    text = "before <!-- a -->old\nlines<!-- /a --> after <!-- b --><!-- /b -->"
    new = readme.between(text, "a", r"\1 new")
    assert new == r"before <!-- a -->\1 new<!-- /a --> after <!-- b --><!-- /b -->"
    assert readme.between(new, "a", "x") == readme.between(text, "a", "x")
    with pytest.raises(BadInput, match="<!-- c -->"):
        readme.between(text, "c", "x")


def test_time_is_that_of_the_slower_pair_and_memory_that_of_both(tmp_path: Path) -> None:
    study = load_study("pocket", "qwen", {"run_dir": str(tmp_path)}, pairs=("qwen", "llama"))
    for stage in STAGES:
        for pair, seconds in (("qwen", 60), ("llama", 90)):
            home = tmp_path / pair if stage.scope == "pair" else tmp_path
            took = seconds if stage.scope == "pair" else 30
            record = {"seconds": took, "peak_memory_bytes": 1e9, "again": False}
            write_json(home / "stages" / f"{stage.number}.json", record)
    write_json(tmp_path / "qwen" / "manifest.json", {"environment": {"cpu": {"model": "Abacus", "cores": 2}}})
    between = sum(stage.scope == "pair" for stage in STAGES)
    minutes = (90 * between + 30 * (len(STAGES) - between)) / 60
    assert (
        readme.measured(study)
        == f"{minutes:.0f} minutes and at most 2.0 GB of memory on 2 cores of an Abacus"
    )
    write_json(tmp_path / "llama" / "stages" / "03.json", {**record, "again": True})
    assert readme.measured(study) is None  # that one may have continued
    (tmp_path / "llama" / "stages" / "03.json").unlink()
    with pytest.raises(BadInput, match="03_distill_student has no record"):
        readme.measured(study)


def test_the_committed_readme_has_its_markers_and_names_what_exists() -> None:
    text = readme.README.read_text(encoding="utf-8")
    for name in ("results pocket", "measured pocket"):
        assert readme.between(text, name, "x") != text
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", text)
    tree = text.split("```text")[1].split("```")[0]
    named = [line.split()[0] for line in tree.strip().splitlines()]
    names = [*links, *(name for name in named if name.endswith("/") and name != "runs/")]
    rooms = [paths.PACKAGE / room for room in ("games", "report", "study")]
    folders = (paths.ROOT, paths.PACKAGE, *rooms, paths.NOTEBOOKS, paths.FIGURES, paths.committed("pocket"))
    missing = [name for name in names if not any((folder / name).exists() for folder in folders)]
    assert not [name for name in missing if not name.endswith(".png")]  # figures come with `make refresh`
