"""A disk that is really full, or read-only: a small file system in memory, filled while work goes on."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import fill
from test_distill import distill, train
from test_sampling import PROBES, SAME, SAMPLING, run

from bbi_utils.errors import BadInput
from bbi_utils.oracles import LocalOracle
from bbi_utils.oracles.base import Answer, Request
from bbi_utils.responses.export import export_answers, import_answers
from bbi_utils.responses.store import ResponseStore


def some(count: int, *, start: int = 0) -> list[Answer]:
    return [Answer(f"p{i}", "x" * 200, "stop", 1, 1, 0.1) for i in range(start, start + count)]


def integrity(path: Path) -> str:
    """What SQLite itself says about a file."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])


def test_a_store_on_a_full_disk_keeps_what_it_has(disk: Path) -> None:
    path = disk / "r.sqlite"
    with ResponseStore(path) as store:
        store.add("f1", some(100))
        fill(disk)
        with pytest.raises(BadInput, match=r"r\.sqlite: .* is full; .*free some and run again"):
            store.add("f1", some(100, start=100))
        with pytest.raises(BadInput, match=r"free some and run again"):
            store.intend("f1", Request("p100", "?"), reserved=0.0)
        assert store.answers("f1") == {answer.prompt_id: answer for answer in some(100)}
    with pytest.raises(BadInput, match="space"):
        ResponseStore(disk / "another.sqlite")
    (disk / "ballast").unlink()
    assert integrity(path) == integrity(disk / "another.sqlite") == "ok"
    with ResponseStore(path) as store:
        store.add("f1", some(200))
        assert len(store.known("f1")) == 200


def test_a_store_on_a_read_only_disk_says_so(disk: Path) -> None:
    path = disk / "r.sqlite"
    with ResponseStore(path) as store:
        store.add("f1", some(100))
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    for place, said in ((path, "cannot be opened"), (disk / "run" / "r.sqlite", "Read-only file system")):
        with pytest.raises(BadInput, match=said):
            ResponseStore(place)
    assert [file.name for file in disk.iterdir()] == ["r.sqlite"]


def test_sampling_stops_clearly_and_continues_to_the_same_answers(
    tiny_qwen: Path, disk: Path, tmp_path: Path
) -> None:
    class Filling(ResponseStore):
        batches = 0

        def add(self, *args: Any, **settings: Any) -> None:
            self.batches += 1
            if self.batches == 3:
                fill(disk)
            super().add(*args, **settings)

    oracle = LocalOracle(tiny_qwen, sampling=SAMPLING)
    with Filling(disk / "r.sqlite") as store, pytest.raises(BadInput, match="finished batches are kept"):
        run(oracle, PROBES, store)
    (disk / "ballast").unlink()
    assert integrity(disk / "r.sqlite") == "ok"
    with ResponseStore(disk / "r.sqlite") as store:
        assert len(store.known(oracle.fingerprint)) == 8
        resumed = run(oracle, PROBES, store)
    with ResponseStore(tmp_path / "whole.sqlite") as store:
        whole = run(oracle, PROBES, store)
    assert resumed[SAME].equals(whole[SAME])


@pytest.mark.parametrize(("step", "room", "file"), [(3, 0, "adapter.checkpoint.pt"), (5, 12_000, "adapter")])
def test_training_stops_clearly_and_continues_to_the_same_bytes(
    step: int,
    room: int,
    file: str,
    tiny_qwen: Path,
    disk: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Full when the checkpoint after the fourth step of six is due, and when the adapter is (with room for
    its small files)."""
    original = distill.TrainingRun.step

    def filling(self: Any, number: int) -> Any:
        if number == step:
            (disk / "room").write_bytes(bytes(room))
            fill(disk)
            (disk / "room").unlink()
        return original(self, number)

    with monkeypatch.context() as patched:
        patched.setattr(distill.TrainingRun, "step", filling)
        with pytest.raises(
            BadInput, match=rf"{file} cannot be written: .*No space left on device.*it continues"
        ):
            train(tiny_qwen, disk / "adapter")
    assert (disk / "adapter.checkpoint.pt").is_file() and not (disk / "adapter").exists()
    (disk / "ballast").unlink()
    curve = train(tiny_qwen, disk / "adapter")
    assert curve.equals(train(tiny_qwen, tmp_path / "adapter"))
    assert [path.name for path in disk.iterdir()] == ["adapter"]
    for name in ("adapter_model.safetensors", "training.json"):
        assert (disk / "adapter" / name).read_bytes() == (tmp_path / "adapter" / name).read_bytes()


@pytest.mark.parametrize("kind", [".jsonl", ".parquet"])
def test_an_export_or_import_that_does_not_fit_leaves_nothing(kind: str, disk: Path, tmp_path: Path) -> None:
    import random

    rng = random.Random(0)
    said = [Answer(f"p{i}", rng.randbytes(300).hex(), "stop", 1, 1, 0.1) for i in range(8000)]
    with ResponseStore(tmp_path / "r.sqlite") as store:
        store.add("f1", said)
        with pytest.raises(BadInput, match=rf"answers{kind} cannot be written: .*free space"):
            export_answers(store, disk / f"answers{kind}", shown=False)
        assert list(disk.iterdir()) == []
        export_answers(store, tmp_path / f"answers{kind}", shown=False)
    with ResponseStore(disk / "r.sqlite") as store:
        with pytest.raises(BadInput, match="free some and run again"):
            import_answers(store, tmp_path / f"answers{kind}", shown=False)
        assert store.known("f1") == set()
        store.add("f1", said[:10])
    assert integrity(disk / "r.sqlite") == "ok"
