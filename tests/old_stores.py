"""Response stores as older versions of their schema wrote them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

SCHEMA_1 = """
PRAGMA journal_mode = WAL;
BEGIN;
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
    finish_reason TEXT NOT NULL CHECK (finish_reason IN ('stop', 'length')),
    prompt_tokens INTEGER NOT NULL,
    answer_tokens INTEGER NOT NULL,
    seconds REAL NOT NULL,
    PRIMARY KEY (fingerprint, prompt_id, sample_index)
) WITHOUT ROWID;
PRAGMA application_id = 0x62626931;
PRAGMA user_version = 1;
INSERT INTO fingerprints VALUES ('f1', 'teacher', '{"seed": 0}');
COMMIT;
"""


def make_store_1(path: Path, *, answers: int, letters: int = 100) -> Path:
    """A version 1 store with so many answers of so many letters."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(SCHEMA_1)
    rows = [("f1", f"p{i}", i % 2, f"{i} ".ljust(letters, "x"), "stop", i, 1, i / 3) for i in range(answers)]
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO responses VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    connection.execute("COMMIT")
    connection.close()
    return path


# Written out and not derived from today's schema: what lies on disks does not change with it.
REASONS_1, REASONS_2 = "('stop', 'length')", "('stop', 'length', 'content_filter', 'refusal')"
REQUESTS_2 = """
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
    cost REAL
);
INSERT INTO requests VALUES (1, 'f1', 'p0', 0, 1.5, 2.0, 'answered', 3, 1, 0.5);
INSERT INTO requests VALUES (7, 'f1', 'x', 0, 2.5, 2.0, NULL, NULL, NULL, NULL);
PRAGMA user_version = 2;
"""


def make_store_2(path: Path) -> Path:
    """A version 2 store with two answers and two requests, one of them of unknown outcome."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(SCHEMA_1.replace(REASONS_1, REASONS_2) + REQUESTS_2)
    rows = [("f1", f"p{i}", 0, "Yes.", "stop", 3, 1, 0.1) for i in range(2)]
    connection.executemany("INSERT INTO responses VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    connection.close()
    return path


def responses(path: Path) -> list[tuple[object, ...]]:
    """Every answer, by its key."""
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT * FROM responses ORDER BY 1, 2, 3").fetchall()
    connection.close()
    return rows
