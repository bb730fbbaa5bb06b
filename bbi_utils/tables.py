"""The three file formats of recorded answers and prompts as columns of text, nothing guessed or repaired.

The readers are strict on purpose. A general one would shift the cells of a row with a stray comma, fill up a
row that was cut short and turn the answer "NA" into nothing, and the audit would then judge the damage.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bbi_utils.errors import BadInput

SUFFIXES = (".jsonl", ".ndjson", ".csv", ".parquet")
FEWEST_PROMPTS = 20  # with fewer, nothing can be cross-fitted, audited or certified
Rows = list[dict[str, Any]]
LONGEST = 1_000_000  # characters in one cell; beyond that a file is damaged, not wordy


def read_columns(
    path: Path,
    *,
    keys: Sequence[str],
    required: Sequence[str] = (),
    optional: Sequence[str] = (),
    labels: Collection[str] = (),
    flags: Collection[str] = (),
) -> dict[str, list[str | None]]:
    """The columns of text that are asked for, missing cells None; of the optional ones those that are there.

    Every row must have each of the `keys`, and the first of them only once. `labels` may be whole numbers
    too, `flags` these or true and false. Raises BadInput, with column and row or line, on a file that is not
    there, not UTF-8, broken, empty, or lacks or repeats a column, and on a cell that is no text.
    """
    needed = [*keys, *required]
    expect_file(path, give="a JSONL, Parquet or CSV file of recorded answers")
    kind = check_kind(path, SUFFIXES)
    if path.stat().st_size == 0:
        raise BadInput(f"{path.name} is empty; expected the columns {', '.join(needed)}")
    if kind == ".parquet":
        names, rows = _parquet(path, [*needed, *optional])
    else:
        names, rows = _csv(path) if kind == ".csv" else _jsonl(path)
    check_columns(path, names, needed)
    if not rows:
        raise BadInput(f"{path.name} has columns but no rows; expected one row a prompt")
    columns = {}
    for name in [name for name in (*needed, *optional) if name in names]:
        kinds = (str, int, bool) if name in flags else (str, int) if name in labels else (str,)
        where = f"{path.name}, column {name}, row "
        columns[name] = [_text(row.get(name), kinds, f"{where}{at}") for at, row in enumerate(rows, start=1)]
    for name in keys:
        if empty := sum(not (text or "").strip() for text in columns[name]):
            raise BadInput(f"{path.name}: {empty} rows have no {name}; give each one")
    if twice := repeated(columns[keys[0]]):
        raise BadInput(f"{path.name}: {keys[0]} {twice!r:.60} occurs more than once; one row a prompt")
    return columns


def expect_file(path: Path, *, give: str) -> None:
    """Raise BadInput where there is no such file, with what to give instead."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "no such file"
        raise BadInput(f"{path}: {what}; give {give}")


def check_kind(path: Path, kinds: Sequence[str]) -> str:
    """Its suffix, if it is one of these."""
    if (suffix := path.suffix.lower()) not in kinds:
        raise BadInput(f"{path.name}: unknown kind {suffix!r}; expected {' or '.join(kinds)}")
    return suffix


def check_columns(path: Path, found: Sequence[str], needed: Sequence[str]) -> None:
    """Raise BadInput where a table has a column twice, or lacks one that is needed."""
    if twice := repeated(found):
        raise BadInput(f"{path.name}: column {twice!r} occurs twice; keep one")
    if missing := [name for name in needed if name not in found]:
        shown = ", ".join(map(str, found[:20])) or "none"
        raise BadInput(f"{path.name} lacks {', '.join(missing)}; columns found: {shown}")


def _text(cell: Any, kinds: tuple[type, ...], where: str) -> str | None:
    """The cell as text; None where it is missing."""
    if cell is None or cell != cell:  # NaN is what some writers put for a missing text
        return None
    if type(cell) not in kinds:
        raise BadInput(f"{where}: found {type(cell).__name__} {str(cell)[:40]!r}, expected text")
    text = str(cell)
    if len(text) > LONGEST:
        raise BadInput(f"{where}: {len(text):,} characters; at most {LONGEST:,}, is the file damaged?")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadInput(f"{where}: half of a surrogate pair, which is no character; write it anew") from error
    return text


def _decoded(path: Path) -> str:
    """The file's text, without the mark that some editors put in front."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, byte = error.object.count(b"\n", 0, error.start) + 1, error.object[error.start]
        where = f"line {line}, byte {byte:#04x}"
        raise BadInput(f"{path.name} is not UTF-8 ({where}); save it as UTF-8") from error


def _jsonl(path: Path) -> tuple[list[str], Rows]:
    # pyarrow's reader makes dates of texts, and refuses ids of which some are numbers.
    rows: Rows = []
    for number, line in enumerate(_decoded(path).split("\n"), start=1):
        try:
            if line.strip():
                rows.append(json.loads(line, object_pairs_hook=_keys_once))
                if not isinstance(rows[-1], dict):
                    raise ValueError(f"found a {type(rows[-1]).__name__}")
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{path.name}, line {number}: {error}; expected one JSON object a line") from error
    return list(dict.fromkeys(name for row in rows for name in row)), rows


def _keys_once(items: list[tuple[str, Any]]) -> dict[str, Any]:
    if twice := repeated([name for name, _ in items]):
        raise ValueError(f"key {twice!r} occurs twice")
    return dict(items)


def _csv(path: Path) -> tuple[list[str], Rows]:
    # pyarrow's reader takes the end of a file for the end of a quote, as where the file was cut.
    before = csv.field_size_limit(100 * LONGEST)  # 131,072 characters, and the whole process's
    # Without newline="" the reader would see line breaks within answers changed.
    reader = csv.reader(io.StringIO(_decoded(path), newline=""), strict=True)
    rows = []
    try:
        names = [name.strip() for name in next(reader, [])]
        for row in filter(None, reader):
            if len(row) != len(names):
                raise csv.Error(f"{len(row)} cells, expected {len(names)} as in the header")
            rows.append({name: cell or None for name, cell in zip(names, row, strict=True)})
    except csv.Error as error:
        what = f"{path.name}, line {reader.line_num}: {error}"
        raise BadInput(f"{what}; put cells with commas or quotes in double quotes") from error
    finally:
        csv.field_size_limit(before)
    return names, rows


def _parquet(path: Path, wanted: list[str]) -> tuple[list[str], Rows]:
    from pyarrow import parquet

    with readable(path), parquet.ParquetFile(path) as file:
        return file.schema_arrow.names, file.read(columns=wanted).to_pylist()


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """One clear error for a file that is cut off, damaged or of another kind than its name says."""
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError, ValueError) as error:
        what = f"cannot be read as {path.suffix[1:].capitalize()}: {str(error).splitlines()[0]}"
        raise BadInput(f"{path.name} {what}; it is damaged, write it again") from error


def repeated(names: Sequence[str | None]) -> str | None:
    """The first name that occurs more than once."""
    return next((name for name, count in Counter(names).items() if count > 1), None)
