"""The README's numbers: taken from the committed claims and the run's own records, and nothing else moves."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.files import write_json
from bbi_utils.report.claims import NOTHING, all_claims
from bbi_utils.study.params import load_study
from bbi_utils.study.stages import STAGES
from bbi_utils.study.verify import load_tolerances
from tools import readme
from tools.refresh import begin_expected

ROWS = [
    {
        "table": table,
        "claim_id": claim_id,
        "claim": claim,
        "pair": pair,
        "reported": reported,
        "source": "abstract",
        "this run": found,
        "interval": "[0.1, 0.3]",
        "asked": "above 0",
        "verdict": "supported",
    }
    for table, claim_id, claim, pair, reported, found in (
        ("paper", "similarity_base", "similarity with the teacher, base student", "qwen", "0.788", "0.2"),
        ("checks", "watched_null", "two models are established", "qwen", "—", "0.3 (a|b)"),
        ("paper", "similarity_base", "similarity with the teacher, base student", "llama", "0.814", "0.25"),
    )
]
TOLERANCES = load_tolerances(paths.committed("pocket") / "expected" / "tolerances.yaml")


def test_pairs_stand_side_by_side_with_paper_and_tolerance() -> None:
    said = readme.results(ROWS, TOLERANCES, order=("paper", "checks"))
    first, folded = said.split("<details>")
    assert "**The paper's claims: 2 supported**" in first and "Our own checks: 1 supported" in folded
    lines = [line for line in said.splitlines() if line.startswith("|")]
    assert len({line.replace(r"\|", "").count("|") for line in lines[:3]}) == 1
    known = "| 0.788 [abstract] / 0.814 [abstract] | 0.2 [0.1, 0.3] | 0.25 [0.1, 0.3] |"
    assert f"{known} above 0 | supported | ± 0.02 |" in lines[2]
    assert r"0.3 (a\|b) [0.1, 0.3] | above 0 | supported | — |" in lines[-1]


def test_every_estimate_of_a_claim_has_the_tolerance_of_its_own_table() -> None:
    untold = {key for key in all_claims() if readme.tolerance_of(key, TOLERANCES) == NOTHING}
    frames = {all_claims()[key].frame for key in untold}
    assert frames == {"tests", "heterogeneity", "answers", "beyond"}
    drop = TOLERANCES["judge_drop.csv"]["columns"]["drop"]
    assert readme.tolerance_of("judge_drop", TOLERANCES) == f"± {drop:g}"


@pytest.mark.parametrize("profile", ["smol", "pocket"])
def test_the_readme_shows_what_is_kept_of_a_profile_or_says_that_nothing_is(profile: str) -> None:
    text = readme.README.read_text(encoding="utf-8")
    assert readme.with_results(text, profile) == text


def test_the_real_model_s_results_come_first() -> None:
    text = readme.README.read_text(encoding="utf-8")
    assert list(readme.ORDER) == ["smol", "pocket"]
    assert text.index("figure smol") < text.index("results smol") < text.index("results pocket")


def test_nothing_kept_is_a_sentence_and_another_profile_leaves_the_readme_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    markers = "<!-- figure smol --><!-- /figure smol --> <!-- results smol --><!-- /results smol -->"
    said = readme.with_results(markers, "smol", figures=tmp_path)
    assert said.count("`make refresh PROFILE=smol`, puts them here") == 2
    study = load_study("laptop", "qwen", {"run_dir": str(tmp_path)})
    readme.refresh_readme(study, readme=tmp_path / "README.md")
    assert "nothing of profile 'laptop'" in capsys.readouterr().out


def test_what_is_kept_of_a_run_is_shown_with_its_figure(tmp_path: Path) -> None:
    table = pd.DataFrame(ROWS)
    table.to_csv(tmp_path / "claims.csv", index=False)
    (tmp_path / "advantage.caption.txt").write_text("Who can tell?\n")
    begin_expected(tmp_path / "expected")
    markers = "<!-- figure smol --><!-- /figure smol --> <!-- results smol --><!-- /results smol -->"
    said = readme.with_results(markers, "smol", figures=tmp_path)
    assert "](figures/smol/advantage.png)" in said and "*Who can tell?*" in said
    assert said.index("The paper's claims: 2 supported") < said.index("Our own checks: 1 supported")
    assert readme.with_results(said, "smol", figures=tmp_path) == said


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
    for name in (
        f"{what} {profile}" for what in ("figure", "results", "measured") for profile in readme.ORDER
    ):
        assert readme.between(text, name, "x") != text
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", text)
    tree = text.split("```text")[1].split("```")[0]
    named = [line.split()[0] for line in tree.strip().splitlines()]
    names = [*links, *(name for name in named if name.endswith("/") and name != "runs/")]
    rooms = [paths.PACKAGE / room for room in ("games", "report", "study")]
    folders = (paths.ROOT, paths.PACKAGE, *rooms, paths.NOTEBOOKS, paths.FIGURES, paths.committed("pocket"))
    missing = [name for name in names if not any((folder / name).exists() for folder in folders)]
    assert not [name for name in missing if not name.endswith(".png")]  # figures come with `make refresh`
