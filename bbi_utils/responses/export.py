"""A response store's answers as one file, JSONL or Parquet, and back, in little memory however many.

A row is an answer with the name and the settings of the oracle that gave it, so every part of such a file can
be read, and imported, by itself. The ledger of requests is about money already spent: it stays in its store.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, Json, ValidationError

from bbi_utils.errors import BadInput, first_problem
from bbi_utils.files import replacing
from bbi_utils.oracles.base import FinishReason
from bbi_utils.progress import Progress
from bbi_utils.responses.store import INSERT, ResponseStore, columns_of
from bbi_utils.tables import check_kind, expect_file, readable

Rows = Iterable[list[tuple[Any, ...]]]
Count = Annotated[int, Field(ge=0, lt=2**63)]
KINDS = (".jsonl", ".parquet")
AT_ONCE = 10_000  # rows in memory


class Row(BaseModel):
    """What is in each column of a file; name and settings are null where the store does not know them."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    fingerprint: str
    name: str | None
    settings: Json[dict[str, Any]] | None
    prompt_id: str
    sample_index: Count
    answer: str
    finish_reason: FinishReason
    prompt_tokens: Count
    answer_tokens: Count
    seconds: Annotated[float, Field(ge=0)]


def export_answers(store: ResponseStore, file: Path, *, shown: bool = True) -> int:
    """Write every answer as a `Row`, in the order of its key, whole or not at all; returns their number.

    Raises BadInput for an unknown kind of file and where it cannot be written.
    """
    write = write_parquet if check_kind(file, KINDS) == ".parquet" else write_jsonl
    with store.explained():
        (total,) = store.connection.execute("SELECT count(*) FROM responses").fetchone()
    with written(file) as partial, Progress(total, f"export {file.name}", shown=shown) as bar:
        write(partial, stored(store, bar))
    return bar.done


def import_answers(store: ResponseStore, file: Path, *, shown: bool = True) -> tuple[int, int]:
    """Append the answers of such a file, all or none; returns how many it has and how many were new.

    An answer that is already there stays as it is. Raises BadInput, naming the row, for a file that is
    damaged, lacks a column, or gives a fingerprint other settings than the store does.
    """
    total, oracles = count_answers(file), dict[str, Row]()
    with Progress(total, f"import {file.name}", shown=shown) as bar, store.transaction():
        added = store.connection.executemany(INSERT, checked(file, oracles, bar)).rowcount
        for fingerprint, row in oracles.items():
            store.register(fingerprint, name=str(row.name), settings=row.settings or {})
    return bar.done, added


def count_answers(file: Path) -> int:
    """How many rows a file has; raises BadInput where there is none, or no file."""
    expect_file(file, give="a .jsonl or .parquet file that `export` wrote")
    with readable(file), file.open("rb") as stream:
        if check_kind(file, KINDS) == ".parquet":
            from pyarrow import parquet

            count = int(parquet.read_metadata(stream).num_rows)
        else:
            count = sum(1 for _ in stream)
    if count == 0:
        raise BadInput(f"{file.name} has no answers; expected one a row, as `export` writes them")
    return count


def stored(store: ResponseStore, bar: Progress) -> Rows:
    """Every row, some thousand at a time, all of one moment."""
    query = f"""
        SELECT {", ".join(Row.model_fields)} FROM responses LEFT JOIN fingerprints USING (fingerprint)
        ORDER BY fingerprint, prompt_id, sample_index
    """
    with store.explained():
        cursor = store.connection.execute(query)
        while rows := cursor.fetchmany(AT_ONCE):
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
                line = json.dumps(dict(zip(Row.model_fields, row, strict=True)), ensure_ascii=False)
                stream.write(line + "\n")


def write_parquet(path: Path, batches: Rows) -> None:
    import pyarrow
    from pyarrow import parquet

    kinds: dict[Any, str] = {int: "int64", float: "float64"}
    fields = Row.model_fields.items()
    schema = pyarrow.schema([(name, kinds.get(field.annotation, "string")) for name, field in fields])
    with parquet.ParquetWriter(path, schema) as writer:
        for rows in batches:
            writer.write_batch(pyarrow.record_batch(list(zip(*rows, strict=True)), schema=schema))


def read_jsonl(file: Path) -> Iterator[bytes]:
    with readable(file), file.open("rb") as lines:
        yield from lines


def read_parquet(file: Path) -> Iterator[dict[str, Any]]:
    from pyarrow import parquet

    with readable(file), parquet.ParquetFile(file) as source:
        for batch in source.iter_batches(AT_ONCE, columns=list(Row.model_fields)):
            yield from batch.to_pylist()


def checked(file: Path, oracles: dict[str, Row], bar: Progress) -> Iterator[tuple[Any, ...]]:
    """What `INSERT` takes; fills `oracles` with the first row of each fingerprint that tells its settings."""
    if check_kind(file, KINDS) == ".jsonl":
        rows = map(Row.model_validate_json, read_jsonl(file))
    else:
        rows = map(Row.model_validate, read_parquet(file))
    try:
        for row in rows:
            known = row.name is not None and row.settings is not None
            if known and oracles.setdefault(row.fingerprint, row).settings != row.settings:
                what = f"fingerprint {row.fingerprint} has other settings than in a row before"
                raise BadInput(f"{file.name}, row {bar.done + 1}: {what}; export the file again")
            yield (row.fingerprint, row.sample_index, *columns_of(row))
            bar.update()
    except ValidationError as error:
        what = f"{first_problem(error)}; expected what `export` writes"
        raise BadInput(f"{file.name}, row {bar.done + 1}: {what}") from error
