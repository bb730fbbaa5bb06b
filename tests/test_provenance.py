"""Hashes that follow content, JSON that is whole or absent, and a manifest that accumulates."""

from __future__ import annotations

import hashlib
import json
import pwd
from pathlib import Path

import pytest

from bbi_utils import files, provenance


def test_hashes_follow_content_and_names_but_not_places(tmp_path: Path) -> None:
    for place in ("a", "b"):
        (tmp_path / place / "deep").mkdir(parents=True)
        (tmp_path / place / "deep" / "x").write_text("1")
        (tmp_path / place / ".hidden").write_text(place)
    first = files.sha256_tree(tmp_path / "a")
    assert first == files.sha256_tree(tmp_path / "b")
    (tmp_path / "b" / "deep" / "x").write_text("2")
    assert first != files.sha256_tree(tmp_path / "b")
    (tmp_path / "a" / "deep" / "x").rename(tmp_path / "a" / "deep" / "y")
    assert first != files.sha256_tree(tmp_path / "a")
    assert files.sha256_file(tmp_path / "a" / "deep" / "y") == hashlib.sha256(b"1").hexdigest()
    assert files.sha256_json({"a": 1, "b": 2}) == files.sha256_json({"b": 2, "a": 1})


def test_json_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.json"
    files.write_json(path, {"a": "é"})
    with pytest.raises(TypeError):
        files.write_json(path, {"a": object()})
    assert files.read_json(path) == {"a": "é"} and [file.name for file in path.parent.iterdir()] == ["x.json"]
    path.write_text('{"a": ')
    assert files.read_json(path) is None and files.read_json(tmp_path / "no.json") is None


def test_a_manifest_sorts_stages_and_names_what_can_change_a_number(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    common = {"parameters": {"SEED": 1, "BUDGET_SEEDS": 3, "X": 2}, "models": {"teacher": {"reference": "x"}}}
    provenance.write_manifest(path, **common, stages={"02_b": {"seconds": 1.0}, "01_a": {"seconds": 2.0}})
    manifest = json.loads(path.read_text())
    assert list(manifest["stages"]) == ["01_a", "02_b"]
    assert manifest["seeds"] == {"SEED": 1, "BUDGET_SEEDS": 3}
    environment = manifest["environment"]
    assert set(environment) == {"code", "python", "platform", "packages", "cpu", "gpus"}
    assert set(environment["code"]) == {"commit", "dirty"}
    assert environment["packages"]["torch"] and environment["cpu"]["model"]


def test_a_user_without_a_home_or_a_name_is_given_both(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As `docker run --user 4242` leaves one: no HOME, or / that cannot be written, and no entry anywhere."""
    assert provenance.household() == {}

    def nobody(*_: object) -> None:
        raise KeyError("uid not found")

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.setattr(provenance.paths, "ROOT", tmp_path)
    for name in ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    home = str(tmp_path / "runs" / ".home")
    assert provenance.household() == {"HOME": home, "USER": "user"} and Path(home).is_dir()
    monkeypatch.setenv("USER", "me")
    monkeypatch.setenv("HOME", "/no/such/home")
    assert provenance.household() == {"HOME": home}


def test_peak_memory_is_in_bytes() -> None:
    assert 10**7 < provenance.peak_memory() < 10**12
    assert provenance.peak_memory(of_children=True) >= 0


def test_versions_line_names_python_and_torch() -> None:
    assert provenance.versions_line().startswith("python 3.") and ", torch " in provenance.versions_line()
