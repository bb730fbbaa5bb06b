"""The response store keeps what it was given, exactly once, and says clearly when it cannot."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from bbi_utils.errors import BadInput
from bbi_utils.oracles.base import Answer
from bbi_utils.store import ResponseStore


def an_answer(prompt_id: str, text: str = "Paris.") -> Answer:
    return Answer(prompt_id, text, "stop", 10, 3, 0.25)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with one answer in it."""
    file = tmp_path / "run" / "responses.sqlite"
    with ResponseStore(file) as store:
        store.register("f1", name="teacher", settings={"seed": 0})
        store.add("f1", [an_answer("p1")])
    return file


def test_answers_come_back_as_they_went_in(path: Path) -> None:
    with ResponseStore(path) as store:
        assert store.answers("f1") == {"p1": an_answer("p1")}
        assert store.fingerprints() == {"f1": {"name": "teacher", "seed": 0}}


def test_a_key_is_fingerprint_prompt_and_sample(path: Path) -> None:
    with ResponseStore(path) as store:
        store.add("f1", [an_answer("p1", "again")])
        store.add("f1", [an_answer("p1", "fresh")], sample_index=1)
        store.add("f2", [an_answer("p1", "other")])
        assert store.answers("f1")["p1"].answer == "Paris."
        assert store.answers("f1", sample_index=1)["p1"].answer == "fresh"
        assert store.answers("f2")["p1"].answer == "other"


def test_some_answers_are_found_among_many(path: Path) -> None:
    odd = ["", "a\0b", "it's", "p2%", "P2", "π"]
    with ResponseStore(path) as store:
        store.add("f1", [an_answer(prompt_id) for prompt_id in (*odd, *(f"q{i}" for i in range(2500)))])
        store.add("f1", [an_answer("q1", "fresh")], sample_index=1)
        asked = [*odd, "p2", "no such", *(f"q{i}" for i in range(0, 5000, 2))]
        found = store.answers("f1", among=asked)
        assert set(found) == {*odd, *(f"q{i}" for i in range(0, 2500, 2))} == store.known("f1", among=asked)
        assert all(answer == an_answer(prompt_id) for prompt_id, answer in found.items())
        assert store.answers("f1", sample_index=1, among=["q1", "q2"]) == {"q1": an_answer("q1", "fresh")}
        assert store.known("f1", among=[]) == set() and len(store.known("f1")) == 2507


def test_a_batch_is_stored_whole_or_not_at_all(path: Path) -> None:
    broken = Answer("p3", "x", "tired", 1, 1, 0.0)  # type: ignore[arg-type]
    with ResponseStore(path) as store:
        with pytest.raises(BadInput, match="CHECK constraint"):
            store.add("f1", [an_answer("p2"), broken])
        assert set(store.answers("f1")) == {"p1"}
        store.add("f1", [an_answer("p2")])
        assert set(store.answers("f1")) == {"p1", "p2"}


def test_a_text_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "responses.sqlite"
    file.write_text("these are notes, not a database\n" * 50)
    with pytest.raises(BadInput, match="not a response store, or damaged; move it away"):
        ResponseStore(file)
    assert file.read_text().startswith("these are notes")


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "responses.sqlite"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE photos (name TEXT)")
    connection.commit()
    connection.close()
    with pytest.raises(BadInput, match="another program"):
        ResponseStore(file)


def test_another_schema_version_is_refused(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(BadInput, match="schema version 7, expected 2"):
        ResponseStore(path)


def test_damage_is_found_when_opening(path: Path) -> None:
    with ResponseStore(path) as store:
        store.add("f1", [an_answer(f"q{i}", "text " * 200) for i in range(200)])
    content = bytearray(path.read_bytes())
    content[8192:24576] = os.urandom(16384)
    path.write_bytes(content)
    with pytest.raises(BadInput, match="damaged; move it away"):
        ResponseStore(path)


def test_a_full_disk_keeps_earlier_batches(path: Path) -> None:
    with ResponseStore(path) as store:
        store.connection.execute(f"PRAGMA max_page_count = {store.pragma('page_count')}")
        with pytest.raises(BadInput, match="no space left; free some and run again"):
            store.add("f1", [an_answer(f"q{i}", "text " * 500) for i in range(50)])
        assert set(store.answers("f1")) == {"p1"}


def test_a_folder_that_cannot_hold_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="file"):
        ResponseStore(tmp_path / "file" / "responses.sqlite")
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadInput, match="cannot be opened"):
        ResponseStore(tmp_path / "folder")


def test_a_readonly_store_says_so(path: Path) -> None:
    with ResponseStore(path) as store:
        store.connection.execute("PRAGMA query_only = ON")  # root may write everywhere: forbid it this way
        with pytest.raises(BadInput, match="cannot be written; give yourself write permission"):
            store.add("f1", [an_answer("p2")])
