"""The tables of the response store, and how an older file becomes one of today."""

from __future__ import annotations

import sqlite3

APPLICATION_ID = 0x62626931  # "bbi1": tells our files from any other SQLite file
SCHEMA_VERSION = 2
FINGERPRINTS = """
CREATE TABLE fingerprints (
    fingerprint TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    settings TEXT NOT NULL
) WITHOUT ROWID
"""
RESPONSES = """
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
) WITHOUT ROWID
"""
# The ledger: one row an HTTP request. outcome is NULL while it is in flight, and for good if the process was
# killed then; cost is NULL where it is not known, and the reserved amount is then the most it can have been.
REQUESTS = """
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
)
"""


def create(connection: sqlite3.Connection) -> None:
    """All tables, in the transaction that the caller has begun."""
    for statement in (FINGERPRINTS, RESPONSES, REQUESTS):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def upgrade(connection: sqlite3.Connection) -> None:
    """From version 1, which knew fewer finish reasons and no requests; in the caller's transaction."""
    connection.execute("ALTER TABLE responses RENAME TO responses_1")
    connection.execute(RESPONSES)
    connection.execute("INSERT INTO responses SELECT * FROM responses_1")
    connection.execute("DROP TABLE responses_1")
    connection.execute(REQUESTS)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
