"""A store of an older version is brought up to date: whole or not at all, by one process or by several."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from old_stores import make_store_1, make_store_2, responses

from bbi_utils.errors import BadInput
from bbi_utils.oracles.base import Answer
from bbi_utils.responses.store import ResponseStore


def schema(path: Path) -> list[tuple[object, ...]]:
    """Everything that says how a file is made."""
    connection = sqlite3.connect(path)
    query = "SELECT type, name, tbl_name, trim(sql, char(10)) FROM sqlite_master ORDER BY name"
    found = connection.execute(query).fetchall()
    for pragma in ("application_id", "user_version", "journal_mode", "integrity_check", "foreign_key_check"):
        found += connection.execute(f"PRAGMA {pragma}").fetchall()
    connection.close()
    return found


def test_an_upgraded_file_is_like_a_new_one_with_the_old_answers(tmp_path: Path) -> None:
    old = make_store_1(tmp_path / "old.sqlite", answers=3000)
    before = responses(old)
    ResponseStore(tmp_path / "new.sqlite").close()
    with ResponseStore(old) as store:
        assert store.fingerprints() == {"f1": {"name": "teacher", "seed": 0}}
        assert store.spending().requests == 0
    assert schema(old) == schema(tmp_path / "new.sqlite")
    assert responses(old) == before and len(before) == 3000
    with ResponseStore(old) as store:
        store.add("f1", [Answer("new", "No.", "refusal", 1, 1, 0.1)])
        request = store.intend("f1", "p", reserved=1.0)
        store.conclude(request, outcome="answered", answer=Answer("p", "Yes.", "stop", 1, 1, 0.1), cost=0.5)
        assert {"new", "p", "p0"} <= store.known("f1") and store.spending().answered == 1


def test_a_ledger_of_version_2_is_kept(tmp_path: Path) -> None:
    old = make_store_2(tmp_path / "old.sqlite")
    before = responses(old)
    ResponseStore(tmp_path / "new.sqlite").close()
    with ResponseStore(old) as store:
        spent = store.spending()
        assert (spent.requests, spent.answered, spent.unknown) == (2, 1, 1)
        assert (spent.cost, spent.at_most, spent.served) == (0.5, 2.0, ())
        request = store.intend("f1", "p", reserved=1.0)
        store.conclude(request, outcome="answered", cost=0.5, served="model-0613")
        assert request == 8 and store.spending().served == ("model-0613",)
    assert schema(old) == schema(tmp_path / "new.sqlite") and responses(old) == before


OPEN = """
import sys
from bbi_utils.responses.store import ResponseStore
sys.stdin.readline()
with ResponseStore(sys.argv[1]) as store:
    print(len(list(store.rows("f1"))), store.pragma("user_version"))
"""


@pytest.mark.parametrize("kind", ["old", "none"])
def test_several_processes_may_open_it_at_once(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    if kind == "old":
        make_store_1(path, answers=20_000)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    children = [subprocess.Popen([sys.executable, "-c", OPEN, path], **pipes) for _ in range(4)]
    for child in children:
        child.stdin.write("now\n")
        child.stdin.flush()
    found = [child.communicate(timeout=60) for child in children]
    assert found == [("10000 3\n" if kind == "old" else "0 3\n", "")] * 4
    assert ("ok",) in schema(path)


# Dies before the statement of the upgrade that begins with these words, or in the middle of the copying.
KILLED = """
import os, signal, sys
from bbi_utils.responses.store import ResponseStore

class Dying(ResponseStore):
    began = ""

    def upgrade(self):
        self.connection.set_trace_callback(self.watch)
        self.connection.set_progress_handler(self.midway, 20_000)
        super().upgrade()

    def watch(self, statement):
        self.began = statement.strip()
        if self.began.startswith(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)

    def midway(self):
        if sys.argv[2] == "midway" and self.began.startswith("INSERT"):
            os.kill(os.getpid(), signal.SIGKILL)

Dying(sys.argv[1])
"""


@pytest.mark.parametrize("instant", ["CREATE TABLE responses", "midway", "DROP", "COMMIT"])
def test_a_kill_at_any_instant_leaves_the_old_file(instant: str, tmp_path: Path) -> None:
    path = make_store_1(tmp_path / "r.sqlite", answers=20_000)
    before = responses(path), schema(path)
    done = subprocess.run([sys.executable, "-c", KILLED, path, instant], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (responses(path), schema(path)) == before
    with ResponseStore(path) as store:
        assert store.pragma("user_version") == 3
    assert responses(path) == before[0]


def test_a_damaged_old_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = make_store_1(tmp_path / "r.sqlite", answers=3000)
    content = path.read_bytes()
    torn = content[: len(content) // 2 // 4096 * 4096]
    path.write_bytes(torn)
    with pytest.raises(BadInput, match="it is damaged; move it away and run again"):
        ResponseStore(path)
    assert path.read_bytes() == torn
