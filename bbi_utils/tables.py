"""The three file formats of recorded answers as plain columns: JSONL, CSV and Parquet, nothing guessed.

The readers are strict on purpose. A general one would shift the cells of a row with a stray comma, fill up a
row that was cut short and turn the answer "NA" into nothing, and the audit would then judge the damage.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bbi_utils.errors import BadInput

Columns = dict[str, list[Any]]
SUFFIXES = (".jsonl", ".ndjson", ".csv", ".parquet")
LONGEST = 1_000_000  # characters in one cell; beyond that a file is damaged, not wordy


def read_columns(path: Path, *, required: Sequence[str], optional: Sequence[str] = ()) -> Columns:
    """The required columns and those optional ones that the file has, all of one length, missing cells None.

    Raises BadInput on a file that is not there, not UTF-8, broken, empty, or lacks or repeats a column.
    """
    readers = {".jsonl": _jsonl, ".ndjson": _jsonl, ".csv": _csv, ".parquet": _parquet}
    if path.is_dir():
        raise BadInput(f"{path} is a folder; name the JSONL, Parquet or CSV file in it")
    if not path.is_file():
        raise BadInput(f"{path}: no such file; give a JSONL, Parquet or CSV file of recorded answers")
    if path.suffix.lower() not in readers:
        raise BadInput(f"{path.name}: unknown kind {path.suffix!r}; expected .jsonl, .parquet or .csv")
    if path.stat().st_size == 0:
        raise BadInput(f"{path.name} is empty; expected the columns {', '.join(required)}")
    columns = readers[path.suffix.lower()](path, [*required, *optional])
    if missing := [name for name in required if name not in columns]:
        found = ", ".join(map(str, columns)) or "none"
        raise BadInput(f"{path.name} lacks {', '.join(missing)}; columns found: {found}")
    if not columns[required[0]]:
        raise BadInput(f"{path.name} has columns but no rows; expected one row a prompt")
    columns = {name: columns[name] for name in (*required, *optional) if name in columns}
    for name, cells in columns.items():
        for row, cell in enumerate(cells, start=1):
            if isinstance(cell, str):
                _readable(cell, f"{path.name}, column {name}, row {row}")
    return columns


def _readable(text: str, where: str) -> None:
    if len(text) > LONGEST:
        raise BadInput(f"{where}: {len(text):,} characters; at most {LONGEST:,}, is the file damaged?")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadInput(f"{where}: half of a surrogate pair, which is no character; write it anew") from error


def _text(path: Path) -> str:
    """The file's text, without the mark that some editors put in front."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, byte = error.object.count(b"\n", 0, error.start) + 1, error.object[error.start]
        raise BadInput(
            f"{path.name} is not UTF-8 (line {line}, byte {byte:#04x}); save it as UTF-8"
        ) from error


def _jsonl(path: Path, wanted: Sequence[str]) -> Columns:
    rows = []
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=_keys_once)
        except (ValueError, RecursionError) as error:
            what = "nested too deeply" if isinstance(error, RecursionError) else error
            raise BadInput(f"{path.name}, line {number}: {what}; expected one JSON object a line") from error
        if not isinstance(row, dict):
            kind = type(row).__name__
            raise BadInput(f"{path.name}, line {number}: found a {kind}, expected one JSON object a line")
        rows.append(row)
    names = dict.fromkeys(key for row in rows for key in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _keys_once(items: list[tuple[str, Any]]) -> dict[str, Any]:
    if twice := _repeated([name for name, _ in items]):
        raise ValueError(f"key {twice!r} occurs twice")
    return dict(items)


def _csv(path: Path, wanted: Sequence[str]) -> Columns:
    with _long_cells():
        # Without newline="" the reader would see line breaks within answers changed.
        reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            _columns_once(header, path)
            rows = [_as_wide(row, header, f"{path.name}, line {reader.line_num}") for row in reader if row]
        except csv.Error as error:
            what = f"{path.name}, line {reader.line_num}: {error}"
            raise BadInput(f"{what}; put cells with commas or quotes in double quotes") from error
    return {name: [row[place] or None for row in rows] for place, name in enumerate(header)}


def _as_wide(row: list[str], header: list[str], where: str) -> list[str]:
    if len(row) != len(header):
        found = f"{len(row)} cells, expected {len(header)} as in the header"
        raise BadInput(f"{where}: {found}; put cells with commas in double quotes")
    return row


@contextmanager
def _long_cells() -> Iterator[None]:
    """The csv module stops at 131,072 characters a cell and keeps its limit for the whole process."""
    before = csv.field_size_limit(100 * LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _parquet(path: Path, wanted: Sequence[str]) -> Columns:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            _columns_once(names, path)
            table = file.read(columns=[name for name in names if name in wanted])
        # Python values: a column of whole numbers with gaps would else come back as fractions.
        cells = {name: table.column(name).to_pylist() for name in table.column_names}
    except (pyarrow.ArrowException, OSError) as error:
        raise BadInput(f"{path.name} cannot be read as Parquet: {str(error).splitlines()[0]}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path.name} has text that is not UTF-8; write it again as UTF-8") from error
    return {name: cells.get(name, []) for name in names}


def _columns_once(names: Sequence[str], path: Path) -> None:
    if twice := _repeated(names):
        raise BadInput(f"{path.name}: column {twice!r} occurs twice; keep one")


def _repeated(names: Sequence[str]) -> str | None:
    """The first name that occurs more than once."""
    return next((name for name, count in Counter(names).items() if count > 1), None)
