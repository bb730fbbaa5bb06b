"""The response store (contract C1): one SQLite file, one row per answer, one transaction per batch."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

from filelock import FileLock
from tenacity import Retrying, retry_if_exception_message, stop_after_attempt, wait_fixed

from bbi_utils.errors import BadInput
from bbi_utils.oracles.base import Answer, Request
from bbi_utils.oracles.endpoint.pricing import Terms
from bbi_utils.oracles.endpoint.replies import EMPTY, Reply

APPLICATION_ID = 0x62626931  # "bbi1": tells our files from any other SQLite file
SCHEMA_VERSION = 3
SCHEMA = f"""
BEGIN IMMEDIATE;
{Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")}
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""
# It came later, and files without it are as good: ids are the sampled token ids as 32-bit integers.
TOKENS = """
CREATE TABLE IF NOT EXISTS tokens (
    fingerprint TEXT NOT NULL, prompt_id TEXT NOT NULL, sample_index INTEGER NOT NULL, ids BLOB NOT NULL,
    PRIMARY KEY (fingerprint, prompt_id, sample_index)
) WITHOUT ROWID;
"""
COLUMNS = [field.name for field in fields(Answer) if field.name != "tokens"]
columns_of = attrgetter(*COLUMNS)  # an answer as a row of `responses`, but for its key
INSERT = f"""
    INSERT INTO responses (fingerprint, sample_index, {", ".join(COLUMNS)})
    VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
# Only beside the answer that they are the tokens of, which may have been there before.
INSERT_TOKENS = """
    INSERT INTO tokens SELECT fingerprint, prompt_id, sample_index, ?5 FROM responses
    WHERE (fingerprint, sample_index, prompt_id, answer) = (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING
"""
AT_ONCE = 900  # prompt ids in one query; older builds of SQLite stop at 999
MANY = 100_000  # from so many prompt ids on it is faster to read all answers than to look each one up
WAIT = "wait for that one or stop it, then run again"
# What SQLite says -> what to do about it.
WAYS_OUT = {
    "not a database": "not a response store, or damaged; move it away and run again (it is sampled anew)",
    "malformed": "it is damaged; move it away and run again (it is sampled anew)",
    "readonly": "it cannot be written; give yourself write permission or choose another run folder",
    "unable to open": "it cannot be opened; check that its folder exists and is writable",
    "full": "there is no space left; free some and run again, finished batches are kept",
    "no space": "free some and run again, finished batches are kept",
    "disk i/o": "the disk failed or is full; free space and run again, finished batches are kept",
    "could not be acquired": "another process is buying answers into it; " + WAIT,
    "locked": "another process is writing to it; " + WAIT,
}


@dataclass(frozen=True)
class Spending:
    """What was sent to endpoints: requests, of these answered and of unknown outcome; tokens, cost.

    cost is the sum of what is known, at_most the most that all others can have cost. served: the models that
    answered, as the servers name them.
    """

    requests: int
    answered: int
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

    def __exit__(self, *_: object) -> None:
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
            said = str(error).rstrip(".")
            ways = (way for sign, way in WAYS_OUT.items() if sign in said.lower())
            way = next(ways, "check the file and its folder, or move it away and run again")
            raise BadInput(f"response store {self.path}: {said}; {way}.") from error

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: a kill or an error inside leaves the file as it was."""
        with self.explained(), self.connection:  # which commits at the end, or rolls back
            self.connection.execute("BEGIN IMMEDIATE")
            yield

    def pragma(self, name: str) -> Any:
        return self.connection.execute(f"PRAGMA {name}").fetchone()[0]

    def open_schema(self) -> None:
        """Create the tables in an empty file; otherwise make sure that the file is ours and whole."""
        if self.connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            self.create()
        if self.pragma("application_id") != APPLICATION_ID:
            raise BadInput(f"{self.path} is an SQLite file of another program; choose another run folder.")
        if (version := self.pragma("user_version")) != SCHEMA_VERSION:
            found = f"schema version {version}, expected {SCHEMA_VERSION}"
            who = "another version of this package wrote it"
            way = "move it away and run again, or `export` its answers with that version and `import` them"
            raise BadInput(f"response store {self.path} has {found}; {who}: {way} here.")
        if self.pragma("quick_check") != "ok":
            raise BadInput(f"response store {self.path}: {WAYS_OUT['malformed']}.")
        self.connection.execute("PRAGMA synchronous = FULL")

    def create(self) -> None:
        """Make the tables; another process may be doing the same, and the pragma does not wait for it."""
        locked, in_vain = retry_if_exception_message(match=".*locked"), stop_after_attempt(100)
        patiently = Retrying(retry=locked, wait=wait_fixed(0.1), stop=in_vain, reraise=True)
        patiently(self.connection.execute, "PRAGMA journal_mode = WAL")
        self.connection.executescript(SCHEMA)

    def register(self, fingerprint: str, *, name: str, settings: Mapping[str, Any]) -> None:
        """Record what a fingerprint stands for; raises BadInput where that is something else already."""
        row = (fingerprint, name, json.dumps(settings, sort_keys=True))
        query = "SELECT settings FROM fingerprints WHERE fingerprint = ?"
        with self.explained():
            self.connection.execute("INSERT INTO fingerprints VALUES (?, ?, ?) ON CONFLICT DO NOTHING", row)
            (there,) = self.connection.execute(query, (fingerprint,)).fetchone()
        if there != row[2]:
            what = f"fingerprint {fingerprint} has other settings there"
            raise BadInput(f"response store {self.path}: {what}; choose another store.")

    def add(self, fingerprint: str, answers: Sequence[Answer], *, sample_index: int = 0) -> None:
        """Append answers in one transaction; an answer that is already there stays as it is."""
        key = (fingerprint, sample_index)
        known = [(*key, a.prompt_id, a.answer, array("i", a.tokens).tobytes()) for a in answers if a.tokens]
        with self.transaction():
            self.connection.executemany(INSERT, [(*key, *columns_of(answer)) for answer in answers])
            if known:
                self.connection.execute(TOKENS)
                self.connection.executemany(INSERT_TOKENS, known)

    def tokens(self, fingerprint: str, *, sample_index: int = 0) -> dict[str, tuple[int, ...]]:
        """The sampled token ids of one oracle's answers by prompt id; answers without are not in it."""
        with self.explained():
            if not self.connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'tokens'").fetchone():
                return {}
            query = "SELECT prompt_id, ids FROM tokens WHERE fingerprint = ? AND sample_index = ?"
            found = self.connection.execute(query, (fingerprint, sample_index))
            return {prompt_id: tuple(array("i", ids)) for prompt_id, ids in found}

    def answers(self, fingerprint: str, *, sample_index: int = 0) -> dict[str, Answer]:
        """The stored answers of one oracle by prompt id."""
        return {row[0]: Answer(*row) for row in self.rows(fingerprint, sample_index=sample_index)}

    def known(
        self, fingerprint: str, *, sample_index: int = 0, among: Collection[str] | None = None
    ) -> set[str]:
        """The ids of the prompts, of those `among` where it is given, that have an answer."""
        rows = self.rows(fingerprint, sample_index=sample_index, among=among, columns=COLUMNS[:1])
        return {prompt_id for (prompt_id,) in rows}

    def rows(
        self,
        fingerprint: str,
        *,
        sample_index: int = 0,
        among: Collection[str] | None = None,
        columns: Sequence[str] = COLUMNS,
    ) -> Iterator[tuple[Any, ...]]:
        """The stored answers as rows, in no order that can be relied on and not all of them in memory."""
        query = f"SELECT {', '.join(columns)} FROM responses WHERE fingerprint = ? AND sample_index = ?"
        with self.explained():
            if among is None or len(among) >= MANY:
                wanted = None if among is None else set(among)
                found = self.connection.execute(query, (fingerprint, sample_index))
                yield from (row for row in found if wanted is None or row[0] in wanted)
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
        with self.explained():
            held = FileLock(f"{self.path}.lock").acquire(blocking=False)
        with held:
            yield

    def intend(self, fingerprint: str, request: Request, *, reserved: float) -> int:
        """Write down a request before it is sent; returns its row. `reserved`: the most it can cost."""
        row = (fingerprint, request.prompt_id, request.sample_index, time.time(), reserved)
        columns = "fingerprint, prompt_id, sample_index, began, reserved"
        with self.transaction():
            cursor = self.connection.execute(f"INSERT INTO requests ({columns}) VALUES (?, ?, ?, ?, ?)", row)
        return int(cursor.lastrowid or 0)

    def conclude(self, row: int, reply: Reply, *, cost: float | None) -> None:
        """What became of a request, and its answer if there is one, in one transaction.

        cost None: not known; what was reserved then counts as the most it can have been.
        """
        update = (
            "UPDATE requests SET outcome = ?, prompt_tokens = ?, answer_tokens = ?, cost = ?, served = ? "
            "WHERE request = ? RETURNING fingerprint, sample_index"
        )
        known = (reply.outcome, reply.prompt_tokens, reply.answer_tokens, cost, reply.served)
        with self.transaction():
            key = self.connection.execute(update, (*known, row)).fetchone()
            if reply.answer is not None:
                self.connection.execute(INSERT, (*key, *columns_of(reply.answer)))

    def spending(self, fingerprint: str | None = None) -> Spending:
        """What was sent to one endpoint oracle, or to all, since the file was made."""
        query = """
            SELECT count(*), count(*) FILTER (WHERE outcome = 'answered'),
                count(*) FILTER (WHERE outcome IS NULL),
                coalesce(sum(prompt_tokens), 0), coalesce(sum(answer_tokens), 0), total(cost),
                total(reserved) FILTER (WHERE cost IS NULL),
                json_group_array(DISTINCT served) FILTER (WHERE served IS NOT NULL)
            FROM requests WHERE ?1 IS NULL OR fingerprint = ?1
        """
        with self.explained():
            *sums, served = self.connection.execute(query, (fingerprint,)).fetchone()
        return replace(Spending(*sums), served=tuple(sorted(json.loads(served))))

    def said(self, fingerprint: str) -> tuple[int, int]:
        """How many answers of an oracle say something, and how many say nothing."""
        counts = "total(answer NOT IN (?2, ?3)), total(answer IN (?2, ?3))"
        query = f"SELECT {counts} FROM responses WHERE fingerprint = ?1"
        with self.explained():
            spoke, mute = self.connection.execute(query, (fingerprint, *EMPTY)).fetchone()
        return int(spoke), int(mute)

    def excess(self, fingerprint: str) -> float:
        """The most that a request to an endpoint oracle has cost, as a multiple of what was reserved."""
        query = "SELECT max(cost / reserved) FROM requests WHERE fingerprint = ? AND reserved > 0"
        with self.explained():
            return self.connection.execute(query, (fingerprint,)).fetchone()[0] or 0.0
