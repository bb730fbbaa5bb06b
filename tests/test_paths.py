"""Paths: the same files whatever the working folder; model references told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from bbi_utils import paths


def test_run_paths_do_not_depend_on_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = paths.RunPaths("runs/pocket", "qwen")
    places = [getattr(before, name) for name in ("probes", "responses", "scores", "claims", "manifest")]
    monkeypatch.chdir(tmp_path)
    assert places == [
        getattr(before, name) for name in ("probes", "responses", "scores", "claims", "manifest")
    ]
    assert places[1] == paths.ROOT / "runs" / "pocket" / "qwen" / "responses.sqlite"
    assert paths.RunPaths(tmp_path, "qwen").scores == tmp_path / "qwen" / "scores.parquet"


@pytest.mark.parametrize(
    ("reference", "folder"),
    [
        ("pocket/qwen-teacher", paths.WEIGHTS / "qwen-teacher"),
        ("pocket/weights/qwen-teacher", paths.WEIGHTS / "qwen-teacher"),
        ("/models/mine", Path("/models/mine")),
        ("./models/mine", paths.ROOT / "models/mine"),
        ("runs/keep/mine", paths.ROOT / "runs/keep/mine"),
        ("bbi_utils/probes", paths.ROOT / "bbi_utils/probes"),
        ("Qwen/Qwen2.5-7B-Instruct", None),
        ("roberta-base", None),
    ],
)
def test_model_references(reference: str, folder: Path | None) -> None:
    assert paths.local_model(reference) == folder


def test_shown_paths_are_short_inside_and_whole_outside(tmp_path: Path) -> None:
    assert paths.shown(paths.ROOT / "runs" / "x") == str(Path("runs/x"))
    assert paths.shown(tmp_path) == str(tmp_path)
