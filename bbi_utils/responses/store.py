"""The response store (contract C1): one SQLite file, one row per answer, one transaction per batch."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock, Timeout

from bbi_utils.errors import BadInput
from bbi_utils.oracles.base import Answer
from bbi_utils.oracles.endpoint.pricing import Terms
from bbi_utils.responses import store_schema
from bbi_utils.responses.store_schema import APPLICATION_ID, SCHEMA_VERSION

INSERT = "INSERT INTO responses VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
COLUMNS = "prompt_id, answer, finish_reason, prompt_tokens, answer_tokens, seconds"
AT_ONCE = 900  # prompt ids in one query; older builds of SQLite stop at 999
MANY = 100_000  # from so many prompt ids on it is faster to read all answers than to look each one up
# What SQLite says -> what to do about it.
WAYS_OUT = {
    "not a database": "not a response store, or damaged; move it away and run again (it is sampled anew)",
    "malformed": "it is damaged; move it away and run again (it is sampled anew)",
    "readonly": "it cannot be written; give yourself write permission or choose another run folder",
    "unable to open": "it cannot be opened; check that its folder exists and is writable",
    "full": "there is no space left; free some and run again, finished batches are kept",
    "no space": "free some and run again, finished batches are kept",
    "disk i/o": "the disk failed or is full; free space and run again, finished batches are kept",
    "locked": "another process is writing to it; wait for that one or stop it, then run again",
}


@dataclass(frozen=True)
class Spending:
    """What was sent to endpoints: requests, of these answered, failed, and of unknown outcome; tokens, cost.

    cost is the sum of what is known, at_most the most that all others can have cost. served: the models that
    answered, as the servers name them.
    """

    requests: int
    answered: int
    failed: int
    unknown: int
    prompt_tokens: int
    answer_tokens: int
    cost: float
    at_most: float
    served: tuple[str, ...] = ()

    def bill(self, terms: Terms) -> str:
        """One line of what was sent to endpoints, and what it cost."""
        if not self.requests:
            return "none"
        by = f" by {', '.join(self.served)}" if self.served else ""
        parts = [f"{self.answered:,} answered of {self.requests:,}{by}"]
        if self.unknown:
            parts.append(f"{self.unknown:,} of unknown outcome")
        parts.append(f"{self.prompt_tokens:,} + {self.answer_tokens:,} tokens")
        if terms.price is not None:
            parts.append(f"cost {self.cost:.6g}")
        if self.at_most:
            parts.append(f"and at most {self.at_most:.2g} more where the cost is not known")
        return ", ".join(parts)


class ResponseStore:
    """Answers by (fingerprint, prompt id, sample index); opens or creates the file at `path`.

    Raises BadInput, with the way out, for a corrupt, foreign or unwritable file and for a full disk.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with self.explained():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # isolation_level None: transactions are ours to begin and end, none starts by itself.
            self.connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        try:
            with self.explained():
                self.open_schema()
        except BaseException:
            self.connection.close()
            raise

    def __enter__(self) -> ResponseStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; SQLite then folds its write-ahead log back into it."""
        self.connection.close()

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what SQLite and the file system say into one line that names the file and the way out."""
        try:
            yield
        except (sqlite3.DatabaseError, OSError) as error:
            said = str(error)
            ways = (way for sign, way in WAYS_OUT.items() if sign in said.lower())
            way = next(ways, "check the file and its folder, or move it away and run again")
            raise BadInput(f"response store {self.path}: {said}; {way}.") from error

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: a kill or an error inside leaves the file as it was."""
        with self.explained():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    def pragma(self, name: str) -> Any:
        return self.connection.execute(f"PRAGMA {name}").fetchone()[0]

    def open_schema(self) -> None:
        """Create the tables in an empty file; otherwise make sure that the file is ours and whole."""
        tables = self.connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables == 0:
            self.create()
        if self.pragma("application_id") != APPLICATION_ID:
            raise BadInput(f"{self.path} is an SQLite file of another program; choose another run folder.")
        if self.pragma("user_version") < SCHEMA_VERSION:
            self.upgrade()
        if self.pragma("user_version") != SCHEMA_VERSION:
            raise BadInput(
                f"response store {self.path} has schema version {self.pragma('user_version')}, "
                f"expected {SCHEMA_VERSION}; another version of this package wrote it: "
                "move it away and run again."
            )
        if self.pragma("quick_check") != "ok":
            raise BadInput(f"response store {self.path}: {WAYS_OUT['malformed']}.")
        self.connection.execute("PRAGMA synchronous = FULL")

    def create(self) -> None:
        for attempt in range(100):  # this one statement does not wait for other processes that do the same
            try:
                self.connection.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or attempt == 99:
                    raise
                time.sleep(0.1)
        with self.transaction():
            # Another process may have created the tables while this one waited for the lock.
            if self.connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
                store_schema.create(self.connection)

    def upgrade(self) -> None:
        """Bring an older file up to date, all or nothing; another process may be doing the same."""
        with self.transaction():
            if 0 < (version := self.pragma("user_version")) < SCHEMA_VERSION:
                store_schema.upgrade(self.connection, version)

    def register(self, fingerprint: str, *, name: str, settings: Mapping[str, Any]) -> None:
        """Record what a fingerprint stands for."""
        row = (fingerprint, name, json.dumps(settings, sort_keys=True))
        with self.transaction():
            self.connection.execute("INSERT INTO fingerprints VALUES (?, ?, ?) ON CONFLICT DO NOTHING", row)

    def fingerprints(self) -> dict[str, dict[str, Any]]:
        """Settings (with the oracle's "name") by fingerprint."""
        with self.explained():
            rows = self.connection.execute("SELECT fingerprint, name, settings FROM fingerprints").fetchall()
        return {fingerprint: {"name": name, **json.loads(settings)} for fingerprint, name, settings in rows}

    def add(self, fingerprint: str, answers: Sequence[Answer], *, sample_index: int = 0) -> None:
        """Append answers in one transaction; an answer that is already there stays as it is."""
        rows = [row_of(fingerprint, answer, sample_index) for answer in answers]
        with self.transaction():
            self.connection.executemany(INSERT, rows)

    def answers(
        self, fingerprint: str, *, sample_index: int = 0, among: Collection[str] | None = None
    ) -> dict[str, Answer]:
        """The stored answers of one oracle by prompt id; `among` some prompts only, where it is given."""
        rows = self.rows(fingerprint, sample_index=sample_index, among=among)
        return {row[0]: Answer(*row) for row in rows}

    def known(
        self, fingerprint: str, *, sample_index: int = 0, among: Collection[str] | None = None
    ) -> set[str]:
        """The ids of the prompts, of those `among` where it is given, that have an answer."""
        rows = self.rows(fingerprint, sample_index=sample_index, among=among, columns="prompt_id")
        return {prompt_id for (prompt_id,) in rows}

    def rows(
        self,
        fingerprint: str,
        *,
        sample_index: int = 0,
        among: Collection[str] | None = None,
        columns: str = COLUMNS,
    ) -> Iterator[tuple[Any, ...]]:
        """The same as rows, in no order that can be relied on and without holding them all in memory.

        `columns` begin with prompt_id.
        """
        query = f"SELECT {columns} FROM responses WHERE fingerprint = ? AND sample_index = ?"
        with self.explained():
            if among is None or len(among) >= MANY:
                wanted = None if among is None else set(among)
                for row in self.connection.execute(query, (fingerprint, sample_index)):
                    if wanted is None or row[0] in wanted:
                        yield row
                return
            ids = sorted(among)  # neighbours lie on one page of the file
            for start in range(0, len(ids), AT_ONCE):
                some = ids[start : start + AT_ONCE]
                one_of = f"{query} AND prompt_id IN ({', '.join('?' * len(some))})"
                yield from self.connection.execute(one_of, (fingerprint, sample_index, *some))

    @contextlib.contextmanager
    def sole_buyer(self) -> Iterator[None]:
        """One process at a time buys answers into this file: two would pay twice, and past a limit.

        The lock is a file beside it, and the system drops it with its holder. Raises BadInput while another
        process holds it.
        """
        lock = FileLock(f"{self.path}.lock")
        with self.explained():
            try:
                lock.acquire(blocking=False)
            except Timeout:
                raise BadInput(
                    f"response store {self.path}: another process is buying answers into it; "
                    "wait for that one or stop it, then run again."
                ) from None
        try:
            yield
        finally:
            lock.release()

    def intend(self, fingerprint: str, prompt_id: str, *, sample_index: int = 0, reserved: float) -> int:
        """Write down a request before it is sent; returns its number. `reserved`: the most it can cost."""
        row = (fingerprint, prompt_id, sample_index, time.time(), reserved)
        columns = "fingerprint, prompt_id, sample_index, began, reserved"
        with self.transaction():
            cursor = self.connection.execute(f"INSERT INTO requests ({columns}) VALUES (?, ?, ?, ?, ?)", row)
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def conclude(
        self,
        request: int,
        *,
        outcome: str,
        answer: Answer | None = None,
        sample_index: int = 0,
        prompt_tokens: int | None = None,
        answer_tokens: int | None = None,
        cost: float | None,
        served: str | None = None,
    ) -> None:
        """What became of a request, and its answer if there is one, in one transaction.

        cost None: not known; what was reserved then counts as the most it can have been. served: the server's
        name of the model that answered.
        """
        update = (
            "UPDATE requests SET outcome = ?, prompt_tokens = ?, answer_tokens = ?, cost = ?, served = ? "
            "WHERE request = ? RETURNING fingerprint"
        )
        with self.transaction():
            row = (outcome, prompt_tokens, answer_tokens, cost, served, request)
            (fingerprint,) = self.connection.execute(update, row).fetchone()
            if answer is not None:
                self.connection.execute(INSERT, row_of(fingerprint, answer, sample_index))

    def spending(self, fingerprint: str | None = None) -> Spending:
        """What was sent to one endpoint oracle, or to all, since the file was made."""
        query = """
            SELECT count(*), count(*) FILTER (WHERE outcome = 'answered'),
                count(*) FILTER (WHERE outcome <> 'answered'), count(*) FILTER (WHERE outcome IS NULL),
                coalesce(sum(prompt_tokens), 0), coalesce(sum(answer_tokens), 0), total(cost),
                total(reserved) FILTER (WHERE cost IS NULL)
            FROM requests WHERE ?1 IS NULL OR fingerprint = ?1
        """
        names = """
            SELECT DISTINCT served FROM requests
            WHERE served IS NOT NULL AND (?1 IS NULL OR fingerprint = ?1) ORDER BY served
        """
        with self.explained():
            sums = self.connection.execute(query, (fingerprint,)).fetchone()
            served = self.connection.execute(names, (fingerprint,)).fetchall()
        return replace(Spending(*sums), served=tuple(name for (name,) in served))

    def excess(self, fingerprint: str) -> float:
        """The most that a request to an endpoint oracle has cost, as a multiple of what was reserved."""
        query = "SELECT max(cost / reserved) FROM requests WHERE fingerprint = ? AND reserved > 0"
        with self.explained():
            return self.connection.execute(query, (fingerprint,)).fetchone()[0] or 0.0


def row_of(fingerprint: str, answer: Answer, sample_index: int) -> tuple[Any, ...]:
    """The answer as a row of `responses`."""
    said = (answer.answer, answer.finish_reason, answer.prompt_tokens, answer.answer_tokens, answer.seconds)
    return (fingerprint, answer.prompt_id, sample_index, *said)
