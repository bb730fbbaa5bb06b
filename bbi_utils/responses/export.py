"""A response store's answers as one file, JSONL or Parquet, and back, in little memory however many.

A row is an answer with the name and the settings of the oracle that gave it, so every part of such a file can
be read, and imported, by itself. The ledger of requests is about money already spent: it stays in its store.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

from bbi_utils.errors import BadInput
from bbi_utils.files import replacing
from bbi_utils.oracles.base import FinishReason
from bbi_utils.progress import Progress, progress_total
from bbi_utils.responses.store import COLUMNS, INSERT, ResponseStore

Rows = Iterable[list[tuple[Any, ...]]]
AT_ONCE = 10_000  # rows in memory
QUERY = "SELECT {} FROM responses LEFT JOIN fingerprints USING (fingerprint) ORDER BY {}"
KEY = "fingerprint, prompt_id, sample_index"
UNENCODABLE = re.compile("[\ud800-\udfff]")


def is_text(value: Any) -> bool:
    return isinstance(value, str) and not UNENCODABLE.search(value)


def is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def is_time(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value >= 0


def is_settings(value: Any) -> bool:
    return value is None or (is_text(value) and canonical(value) is not None)


@lru_cache(maxsize=256)
def canonical(settings: str) -> str | None:
    """JSON as the store keeps it; None where it is no JSON object."""
    try:
        found = json.loads(settings)
    except (ValueError, RecursionError):
        return None
    return json.dumps(found, sort_keys=True) if isinstance(found, dict) else None


COUNT, TEXT = (is_count, "a whole number from 0 on"), (is_text, "text")
# Column -> what may be in it, and how to call that.
RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "fingerprint": TEXT,
    "name": (lambda value: value is None or is_text(value), "text or null"),
    "settings": (is_settings, "the text of a JSON object or null"),
    "prompt_id": TEXT,
    "sample_index": COUNT,
    "answer": TEXT,
    "finish_reason": (get_args(FinishReason).__contains__, "one of " + ", ".join(get_args(FinishReason))),
    "prompt_tokens": COUNT,
    "answer_tokens": COUNT,
    "seconds": (is_time, "a number from 0 on"),
}
OF_AN_ANSWER = ["fingerprint", "sample_index", *COLUMNS]


def export_answers(store: ResponseStore, file: Path, *, shown: bool = True) -> int:
    """Write every answer, in the order of its key, whole or not at all; returns their number.

    Columns: those of the table `responses`, and name and settings (JSON text) of the oracle, null where the
    store does not know it. Raises BadInput for an unknown kind of file and where it cannot be written.
    """
    write = WRITERS[kind_of(file)]
    (total,) = next(fetched(store, "SELECT count(*) FROM responses"))[0]
    with written(file) as partial, progress_total(total, f"export {file.name}", shown=shown) as bar:
        write(partial, counted(fetched(store, QUERY.format(", ".join(RULES), KEY)), bar))
    return bar.done


def import_answers(store: ResponseStore, file: Path, *, shown: bool = True) -> tuple[int, int]:
    """Append the answers of such a file, all or none; returns how many it has and how many were new.

    An answer that is already there stays as it is. Raises BadInput, naming the line or row, for a file that
    is damaged, lacks a column, or gives a fingerprint other settings than the store does.
    """
    read, total = READERS[kind_of(file)], count_answers(file)
    oracles: dict[str, tuple[str, str]] = {}
    with progress_total(total, f"import {file.name}", shown=shown) as bar, store.transaction():
        rows = checked(file, read(file), oracles, bar)
        added = store.connection.executemany(INSERT, rows).rowcount
        for fingerprint, (name, settings) in oracles.items():
            store.register(fingerprint, name=name, settings=json.loads(settings))
            query = "SELECT settings FROM fingerprints WHERE fingerprint = ?"
            (there,) = store.connection.execute(query, (fingerprint,)).fetchone()
            if canonical(there) != settings:
                what = f"fingerprint {fingerprint} has other settings there than in the file"
                raise BadInput(f"{store.path}: {what}; nothing was imported, export the file again")
    return bar.done, added


def count_answers(file: Path) -> int:
    """How many rows a file has; raises BadInput where there is none, or no file."""
    kind = kind_of(file)
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "no such file"
        raise BadInput(f"{file}: {what}; give a .jsonl or .parquet file that `export` wrote")
    with readable(file):
        if kind == ".parquet":
            from pyarrow import parquet

            count = int(parquet.read_metadata(file).num_rows)
        else:
            with file.open("rb") as lines:
                count = sum(1 for _ in lines)
    if count == 0:
        raise BadInput(f"{file.name} has no answers; expected one a row, as `export` writes them")
    return count


def kind_of(file: Path) -> str:
    """Its suffix, if it is one that can be read and written."""
    if (suffix := file.suffix.lower()) not in READERS:
        raise BadInput(f"{file.name}: unknown kind {suffix!r}; expected .jsonl or .parquet")
    return suffix


def fetched(store: ResponseStore, query: str) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of a query, some thousand at a time, all of one moment."""
    with store.explained():
        cursor = store.connection.execute(query)
        while rows := cursor.fetchmany(AT_ONCE):
            yield rows


def counted(batches: Rows, bar: Progress[object]) -> Rows:
    """The same, with the bar moved."""
    for rows in batches:
        yield rows
        bar.update(len(rows))


@contextmanager
def written(file: Path) -> Iterator[Path]:
    """A partial file that becomes `file`; one clear error where the disk is full or closed to us."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as partial:
            yield partial
    except OSError as error:
        way = "free space or choose another folder, then run again; nothing was written"
        raise BadInput(f"{file} cannot be written: {error.strerror or error}; {way}") from error


def write_jsonl(path: Path, batches: Rows) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        for rows in batches:
            for row in rows:
                line = json.dumps(dict(zip(RULES, row, strict=True)), ensure_ascii=False)
                stream.write(line + "\n")


def write_parquet(path: Path, batches: Rows) -> None:
    import pyarrow
    from pyarrow import parquet

    kinds = {COUNT: "int64", RULES["seconds"]: "float64"}
    schema = pyarrow.schema([(name, kinds.get(rule, "string")) for name, rule in RULES.items()])
    with parquet.ParquetWriter(path, schema) as writer:
        for rows in batches:
            columns = map(pyarrow.array, zip(*rows, strict=True), schema.types)
            writer.write_batch(pyarrow.record_batch(list(columns), schema=schema))


@contextmanager
def readable(file: Path) -> Iterator[None]:
    """One clear error for a file that is cut off, damaged or of another kind than its name says."""
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{file.name} cannot be read: {str(error).splitlines()[0]}; export it again"
        ) from error


def read_jsonl(file: Path) -> Iterator[Any]:
    with readable(file), file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield json.loads(line.decode("utf-8"))
            except (ValueError, RecursionError) as error:
                what = "nested too deeply" if isinstance(error, RecursionError) else error
                raise BadInput(
                    f"{file.name}, line {number}: {what}; expected one JSON object a line"
                ) from error


def read_parquet(file: Path) -> Iterator[Any]:
    from pyarrow import parquet

    with readable(file), parquet.ParquetFile(file) as source:
        for batch in source.iter_batches(AT_ONCE, columns=list(RULES)):
            yield from batch.to_pylist()


def checked(
    file: Path, rows: Iterator[Any], oracles: dict[str, tuple[str, str]], bar: Progress[object]
) -> Iterator[tuple[Any, ...]]:
    """Rows of `responses`; fills `oracles` with (name, settings) by fingerprint on the way."""
    for number, row in enumerate(rows, start=1):
        check(row, where := f"{file.name}, row {number}")
        fingerprint, name, settings = row["fingerprint"], row["name"], row["settings"]
        if name is not None and settings is not None:
            kept = oracles.setdefault(fingerprint, (name, str(canonical(settings))))
            if canonical(settings) != kept[1]:
                what = f"fingerprint {fingerprint} has other settings than in a row before"
                raise BadInput(f"{where}: {what}; export the file again")
        yield tuple(row[name] for name in OF_AN_ANSWER)
        bar.update()


def check(row: Any, where: str) -> None:
    """Raise BadInput for the first thing that is wrong with a row."""
    if not isinstance(row, dict):
        raise BadInput(f"{where}: found a {type(row).__name__}, expected one JSON object a line")
    if missing := [name for name in RULES if name not in row]:
        raise BadInput(f"{where} lacks {', '.join(missing)}; expected the columns that `export` writes")
    for name, (fine, expected) in RULES.items():
        if not fine(row[name]):
            raise BadInput(f"{where}: {name} is {row[name]!r:.60}; expected {expected}")


READERS = {".jsonl": read_jsonl, ".parquet": read_parquet}
WRITERS = {".jsonl": write_jsonl, ".parquet": write_parquet}
