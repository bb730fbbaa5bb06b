"""The tables of the response store, and how an older file becomes one of today."""

from __future__ import annotations

import sqlite3

APPLICATION_ID = 0x62626931  # "bbi1": tells our files from any other SQLite file
SCHEMA_VERSION = 3
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
# served is the server's own name of the model that answered: it tells when an alias moves to another one.
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
    cost REAL,
    served TEXT
)
"""


def create(connection: sqlite3.Connection) -> None:
    """All tables, in the transaction that the caller has begun."""
    for statement in (FINGERPRINTS, RESPONSES, REQUESTS):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def upgrade(connection: sqlite3.Connection, version: int) -> None:
    """From version 1, which knew fewer finish reasons and no requests, or from 2, which did not know by which
    model they were served; in the caller's transaction.
    """
    if version == 1:
        _remake(connection, "responses", RESPONSES, columns="*")
        connection.execute(REQUESTS)
    else:
        _remake(connection, "requests", REQUESTS, columns="*, NULL")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _remake(connection: sqlite3.Connection, table: str, statement: str, *, columns: str) -> None:
    """Make a table anew and fill it from the one that had its name."""
    connection.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    connection.execute(statement)
    connection.execute(f"INSERT INTO {table} SELECT {columns} FROM old_{table}")
    connection.execute(f"DROP TABLE old_{table}")
