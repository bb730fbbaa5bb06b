"""The response store keeps what it was given, exactly once, and says clearly when it cannot."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from bbi_utils.errors import BadInput
from bbi_utils.oracles.base import Answer, Request
from bbi_utils.oracles.endpoint.replies import Reply
from bbi_utils.responses.store import MANY, ResponseStore

# Written out and not derived from today's schema: what lies on disks does not change with it.
ON_DISKS = """
PRAGMA journal_mode = WAL;
CREATE TABLE fingerprints (
    fingerprint TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    settings TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE responses (
    fingerprint TEXT NOT NULL REFERENCES fingerprints,
    prompt_id TEXT NOT NULL,
    sample_index INTEGER NOT NULL,
    answer TEXT NOT NULL,
    finish_reason TEXT NOT NULL CHECK (finish_reason IN ('stop', 'length', 'content_filter', 'refusal')),
    prompt_tokens INTEGER NOT NULL,
    answer_tokens INTEGER NOT NULL,
    seconds REAL NOT NULL,
    PRIMARY KEY (fingerprint, prompt_id, sample_index)
) WITHOUT ROWID;
CREATE TABLE requests (
    request INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL REFERENCES fingerprints,
    prompt_id TEXT NOT NULL,
    sample_index INTEGER NOT NULL,
    began REAL NOT NULL,
    reserved REAL NOT NULL,
    outcome TEXT,
    prompt_tokens INTEGER,
    answer_tokens INTEGER,
    cost REAL,
    served TEXT
);
PRAGMA application_id = 0x62626931;
PRAGMA user_version = 3;
INSERT INTO fingerprints VALUES ('f1', 'teacher', '{"seed": 0}');
INSERT INTO responses VALUES ('f1', 'p0', 0, 'Yes.', 'stop', 10, 3, 0.25);
INSERT INTO requests VALUES (1, 'f1', 'p0', 0, 1.5, 2.0, 'answered', 3, 1, 0.5, 'model-0613');
INSERT INTO requests VALUES (7, 'f1', 'x', 0, 2.5, 2.0, NULL, NULL, NULL, NULL, NULL);
"""


def an_answer(prompt_id: str, text: str = "Paris.") -> Answer:
    return Answer(prompt_id, text, "stop", 10, 3, 0.25)


def registered(store: ResponseStore) -> list[tuple[str, str, str]]:
    """What the store knows about oracles: fingerprint, name, settings."""
    return store.connection.execute("SELECT * FROM fingerprints ORDER BY 1").fetchall()


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
        assert registered(store) == [("f1", "teacher", '{"seed": 0}')]
        with pytest.raises(BadInput, match="fingerprint f1 has other settings there"):
            store.register("f1", name="teacher", settings={"seed": 1})


def test_a_key_is_fingerprint_prompt_and_sample(path: Path) -> None:
    with ResponseStore(path) as store:
        store.add("f1", [an_answer("p1", "again")])
        store.add("f1", [an_answer("p1", "fresh")], sample_index=1)
        store.add("f2", [an_answer("p1", "other")])
        assert store.answers("f1")["p1"].answer == "Paris."
        assert store.answers("f1", sample_index=1)["p1"].answer == "fresh"
        assert store.answers("f2")["p1"].answer == "other"


@pytest.mark.parametrize("many", [MANY, 1])  # by looking each one up, and by reading them all
def test_some_answers_are_found_among_many(many: int, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bbi_utils.responses.store.MANY", many)
    odd = ["", "a\0b", "it's", "p2%", "P2", "π"]
    with ResponseStore(path) as store:
        store.add("f1", [an_answer(prompt_id) for prompt_id in (*odd, *(f"q{i}" for i in range(2500)))])
        store.add("f1", [an_answer("q1", "fresh")], sample_index=1)
        asked = [*odd, "p2", "no such", *(f"q{i}" for i in range(0, 5000, 2))]
        found = {row[0]: Answer(*row) for row in store.rows("f1", among=asked)}
        assert set(found) == {*odd, *(f"q{i}" for i in range(0, 2500, 2))} == store.known("f1", among=asked)
        assert all(answer == an_answer(prompt_id) for prompt_id, answer in found.items())
        (fresh,) = store.rows("f1", sample_index=1, among=["q1", "q2"])
        assert Answer(*fresh) == an_answer("q1", "fresh")
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
    before = file.read_bytes()
    with pytest.raises(BadInput, match="another program"):
        ResponseStore(file)
    assert file.read_bytes() == before and list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("version", [1, 2, 4])
def test_another_schema_version_is_refused_and_left_alone(version: int, path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(
        BadInput, match=f"has schema version {version}, expected 3; .*: move it away"
    ) as error:
        ResponseStore(path)
    assert "\n" not in str(error.value) and path.read_bytes() == before


def schema(path: Path) -> list[tuple[str, ...]]:
    """Everything that says how a file is made."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        pragmas = ("application_id", "user_version", "journal_mode", "integrity_check")
        found += [connection.execute(f"PRAGMA {pragma}").fetchone() for pragma in pragmas]
    return [tuple(" ".join(str(each).split()) for each in row) for row in found]


def test_a_store_that_lies_on_a_disk_is_like_a_new_one_and_goes_on(tmp_path: Path) -> None:
    old = tmp_path / "old.sqlite"
    with contextlib.closing(sqlite3.connect(old)) as connection:
        connection.executescript(ON_DISKS)
    ResponseStore(tmp_path / "new.sqlite").close()
    assert schema(old) == schema(tmp_path / "new.sqlite")
    with ResponseStore(old) as store:
        spent = store.spending()
        assert (spent.requests, spent.answered, spent.unknown) == (2, 1, 1)
        assert (spent.cost, spent.at_most, spent.served) == (0.5, 2.0, ("model-0613",))
        request = store.intend("f1", Request("p", "?"), reserved=1.0)
        store.conclude(request, Reply("answered", an_answer("p"), served="model-1106"), cost=0.5)
        assert request == 8 and store.spending().served == ("model-0613", "model-1106")
        assert store.answers("f1") == {"p0": an_answer("p0", "Yes."), "p": an_answer("p")}


def test_damage_is_found_when_opening(path: Path) -> None:
    with ResponseStore(path) as store:
        store.add("f1", [an_answer(f"q{i}", "text " * 200) for i in range(200)])
    content = bytearray(path.read_bytes())
    content[8192:24576] = os.urandom(16384)
    path.write_bytes(content)
    with pytest.raises(BadInput, match="damaged; move it away"):
        ResponseStore(path)


def test_a_folder_that_cannot_hold_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="file"):
        ResponseStore(tmp_path / "file" / "responses.sqlite")
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadInput, match="cannot be opened"):
        ResponseStore(tmp_path / "folder")


# Permissions do not bind root, so as root it becomes nobody; everything it needs is imported before.
UNPRIVILEGED = """
import os, sys
from bbi_utils.errors import BadInput
from bbi_utils.oracles.base import Answer, Request
from bbi_utils.oracles.endpoint.replies import Reply
from bbi_utils.responses.store import ResponseStore
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    with ResponseStore(sys.argv[1]) as store:
        print(len(store.known("f1")))
        store.add("f1", [Answer("p2", "x", "stop", 1, 1, 0.0)])
except BadInput as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("file_mode", "folder_mode", "said"),
    [
        (0o444, 0o777, ["1", "attempt to write a readonly database; it cannot be written; give yourself"]),
        (0o444, 0o555, ["attempt to write a readonly database; it cannot be written; give yourself"]),
        (0o000, 0o777, ["cannot be opened; check that its folder exists and is writable"]),
        (None, 0o555, ["cannot be opened; check that its folder exists and is writable"]),
    ],
)
def test_a_readonly_store_says_so(file_mode: int | None, folder_mode: int, said: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to others
        os.chmod(name, 0o755)
        file = Path(name) / "run" / "responses.sqlite"
        if file_mode is None:
            file.parent.mkdir()
        else:
            with ResponseStore(file) as store:
                store.add("f1", [an_answer("p1")])
            file.chmod(file_mode)
        file.parent.chmod(folder_mode)
        before = file.read_bytes() if file_mode else b""
        command = [sys.executable, "-c", UNPRIVILEGED, file]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.stderr == "" and len(done.stdout.splitlines()) == len(said)
        for line, expected in zip(done.stdout.splitlines(), said, strict=True):
            assert expected in line
        assert (file.read_bytes() if file_mode else b"") == before


WRITER = """
import sys
from bbi_utils.oracles.base import Answer, Request
from bbi_utils.oracles.endpoint.replies import Reply
from bbi_utils.responses.store import ResponseStore
number = int(sys.argv[2])
sys.stdin.readline()
with ResponseStore(sys.argv[1]) as store:
    store.register("f1", name="teacher", settings={"seed": 0})
    for start in range(0, 200, 5):
        ids = [(start + i + 40 * number) % 240 for i in range(5)]
        store.add("f1", [Answer(f"p{i}", f"{number}", "stop", number, number, float(number)) for i in ids])
        request = store.intend("f1", Request(f"w{number}", "?"), reserved=1.0)
    store.conclude(request, Reply("answered", Answer(f"w{number}", "", "stop", 1, 1, 0.0)), cost=0.5)
"""


def test_many_processes_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", WRITER, path]
    children = [subprocess.Popen([*command, str(number)], **pipes) for number in range(6)]
    for child in children:
        child.stdin.write("now\n")
        child.stdin.flush()
    assert [child.communicate(timeout=100)[1] for child in children] == [""] * 6
    with ResponseStore(path) as store:
        found = store.answers("f1")
        assert set(found) == {f"p{i}" for i in range(240)} | {f"w{number}" for number in range(6)}
        for prompt_id, one in found.items():  # whole rows of one writer each
            assert prompt_id[0] == "w" or one == Answer(
                prompt_id, one.answer, "stop", int(one.answer), int(one.answer), float(one.answer)
            )
        spent = store.spending()
        assert (spent.requests, spent.answered, spent.unknown) == (240, 6, 234)
        assert store.pragma("integrity_check") == "ok"


@pytest.mark.parametrize("kept", [100, 4096, 5000, 0.5, 0.99])
def test_a_truncated_store_is_found_and_left_alone(kept: float, path: Path) -> None:
    with ResponseStore(path) as store:
        store.add("f1", [an_answer(f"q{i}", "text " * 200) for i in range(200)])
    content = path.read_bytes()
    torn = content[: int(kept if kept > 1 else kept * len(content))]
    path.write_bytes(torn)
    with pytest.raises(BadInput, match="damaged; move it away and run again"):
        ResponseStore(path)
    assert path.read_bytes() == torn
