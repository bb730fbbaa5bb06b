"""Files of rows as people have them: JSON, JSON lines, CSV, Parquet and inspect's logs, also packed.

The readers are strict on purpose. A general one would shift the cells of a row with a stray comma, fill up a
row that was cut short and turn the answer "NA" into nothing, and the audit would then judge the damage.
Numbers stay the text that the file has: 1 is never 1.0.
"""

from __future__ import annotations

import csv
import io
import json
import re
import struct
import zipfile
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bbi_utils.errors import BadInput, characters

if TYPE_CHECKING:
    import pandas

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".eval")
PACKED = {".gz": "gzip", ".zst": "zstd"}
LISTS = ("samples", "request_states", "questions", "data")  # where a document has its rows
FEWEST_PROMPTS = 20  # with fewer, nothing can be cross-fitted, audited or certified
LONGEST = 1_000_000  # characters in one cell; beyond that a file is damaged, or an answer ran away
ZSTD = 93  # the zip format's number for it, which zipfile cannot read before Python 3.14
ANSWERS = "a file of recorded answers, such as JSON lines, CSV or Parquet"
Row = dict[str, Any]
Rows = list[Row]


def joined(*labels: Iterable[Hashable], links: Iterable[tuple[int, int]] = ()) -> list[int]:
    """The first row of each row's group: rows that share a label that is not empty, or are linked.

    labels: one or more columns, each of one label a row.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    columns, ends = [list(column) for column in labels], list(links)
    for column in columns:
        first: dict[Hashable, int] = {}
        ends += [(first.setdefault(label, at), at) for at, label in enumerate(column) if label]
    one, other = zip(*ends, strict=True) if ends else ((), ())
    graph = coo_array(([1] * len(ends), (one, other)), shape=(len(columns[0]), len(columns[0])))
    earliest: dict[int, int] = {}
    parts = connected_components(graph, directed=False)[1].tolist()
    return [earliest.setdefault(part, at) for at, part in enumerate(parts)]


def columns_of(
    path: Path,
    rows: Rows,
    *,
    keys: Sequence[str],
    required: Sequence[str] = (),
    optional: Sequence[str] = (),
    labels: Collection[str] = (),
    flags: Collection[str] = (),
) -> dict[str, list[str | None]]:
    """The columns of text that are asked for, missing cells None; of the optional ones those that are there.

    A name may be written in another letter case, or be a dotted path into the cells (`choices.0.text`). Every
    row must have each of the `keys`, and the first of them only once. Whole numbers in `labels` that a
    library wrote as 1.0 are 1, and `flags` may be true and false. Raises BadInput, with column and row, where
    a column is not there, and on a cell that is no text. The path is only named in errors.
    """
    where = {name: located(rows, name) for name in (*keys, *required, *optional)}
    found = {name: at for name, at in where.items() if at is not None}
    check_columns(path, list(dict.fromkeys([*names_of(rows), *found])), [*keys, *required])
    columns = {
        name: _cells(path, rows, name, at, label=name in labels, flag=name in flags)
        for name, at in found.items()
    }
    for name in keys:
        if empty := sum(not (text or "").strip() for text in columns[name]):
            raise BadInput(f"{path.name}: {empty} rows have no {name}; give each one")
    if twice := repeated(columns[keys[0]]):
        raise BadInput(f"{path.name}: {keys[0]} {twice!r:.60} occurs more than once; one row per prompt")
    for name, row in ((name, at) for name in columns for at in range(len(rows))):
        if (size := len(columns[name][row] or "")) > LONGEST:
            whose = f"{keys[0]} {columns[keys[0]][row]!r:.60}, row {row + 1}, column {name}"
            much = f"{size:,} characters, at most {LONGEST:,}"
            raise BadInput(f"{path.name}, {whose}: {much}; mend it, or cut long answers by --longest N")
    return columns


def read_rows(path: Path) -> Rows:
    """The rows of a file, of the kind that its name says.

    Raises BadInput, with the line, on a file that is not there, empty, not UTF-8, cut off or broken.
    """
    expect_file(path, give=ANSWERS)
    kind = check_kind(unpacked(path), SUFFIXES)
    if not (data := _bytes(path)):
        raise BadInput(f"{path.name} is empty; expected one row per prompt")
    if kind in (".parquet", ".eval"):
        with readable(path):
            rows = _parquet(path, data) if kind == ".parquet" else _eval_log(data)
    else:
        text = _decoded(path, data)
        rows = _csv(path, text) if kind in (".csv", ".tsv") else _json(path, text)
    if not rows:
        raise BadInput(f"{path.name} has no rows; expected one row per prompt")
    return rows


def unpacked(path: Path) -> Path:
    """The path without the ending of a packed file."""
    return path.with_suffix("") if path.suffix.lower() in PACKED else path


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


def names_of(rows: Rows) -> list[str]:
    """The columns of all rows, in the order in which they come."""
    return list(dict.fromkeys(name for row in rows for name in row))


def located(rows: Rows, name: str) -> str | None:
    """The column of that name in whatever letter case, or the dotted path if some row has a cell there."""
    names = names_of(rows)
    if name in names:
        return name
    if same := [other for other in names if other.casefold().strip() == name.casefold()]:
        return same[0] if len(same) == 1 else None
    return name if "." in name and any(pick(row, name) is not None for row in rows) else None


def pick(row: Any, path: str) -> Any:
    """The cell of that name, or at that dotted path through objects and lists; None where there is none."""
    if isinstance(row, dict) and path in row:
        return row[path]
    for at, mark in enumerate(path):
        if mark == "." and (inner := pick(row, path[:at])) is not None:
            return pick(inner, path[at + 1 :])
    whole = isinstance(row, list) and re.fullmatch(r"-?\d+", path)
    return row[int(path)] if whole and -len(row) <= int(path) < len(row) else None


def _cells(path: Path, rows: Rows, name: str, at: str, *, label: bool, flag: bool) -> list[str | None]:
    """A column as text; a library's 1.0 is 1 where all of the column is whole and no text was meant."""
    cells = [pick(row, at) for row in rows]
    where = f"{path.name}, column {name}, row "
    texts = [_text(cell, f"{where}{row}", flag=flag) for row, cell in enumerate(cells, start=1)]
    numbers = label or any(type(cell) is float and cell == cell for cell in cells)
    return whole(texts) if numbers else texts


def whole(texts: list[str | None]) -> list[str | None]:
    """Numbers as they were before a library made 1.0 of 1: so, if all of them are whole."""
    given = [text for text in texts if text]
    if not given or not all(re.fullmatch(r"-?\d+\.0", text) for text in given):
        return texts
    return [text and text[:-2] for text in texts]


def _text(cell: Any, where: str, *, flag: bool = False) -> str | None:
    """The cell as text; None where it is missing."""
    if cell is None or cell != cell:  # NaN is what some writers put for a missing text
        return None
    if type(cell) not in (str, int, float) and not (flag and isinstance(cell, bool)):
        raise BadInput(f"{where}: found {type(cell).__name__} {str(cell)[:40]!r}, expected text")
    text = str(cell)
    return characters(text, f"{where}: ")


def _bytes(path: Path) -> bytes:
    if (packed := PACKED.get(path.suffix.lower())) is None:
        return path.read_bytes()
    import pyarrow

    with readable(path), pyarrow.input_stream(str(path), compression=packed) as stream:
        return bytes(stream.read())


def _decoded(path: Path, data: bytes) -> str:
    """The file's text, without the mark that some editors put in front."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, byte = error.object.count(b"\n", 0, error.start) + 1, error.object[error.start]
        where = f"line {line}, byte {byte:#04x}"
        raise BadInput(f"{path.name} is not UTF-8 ({where}); save it as UTF-8") from error


def _json(path: Path, text: str) -> Rows:
    """One object a line, an array of them, or a document with its rows in one of LISTS."""
    # pyarrow's reader makes dates of texts, and refuses ids of which some are numbers.
    whole = text.lstrip()[:1] == "[" or not text.lstrip().partition("\n")[0].rstrip().endswith("}")
    found, number = [], 1
    try:
        for number, part in enumerate([text] if whole else text.split("\n"), start=1):  # noqa: B007
            if part.strip():
                found += [_object(row) for row in _listed(loads(part), whole)]
    except (ValueError, RecursionError) as error:
        what = f"{path.name}, line {number}: {error}"
        raise BadInput(f"{what}; expected one JSON object a line, or an array of objects") from error
    return _inner(found[0]) if len(found) == 1 else found


def loads(text: str | bytes) -> Any:
    """JSON with numbers as the text that they are and NaN as None; raises ValueError, also on a key twice."""
    numbers: dict[str, Any] = {"parse_int": str, "parse_float": str, "parse_constant": lambda _: None}
    return json.loads(text, object_pairs_hook=_keys_once, **numbers)


def _listed(found: Any, whole: bool) -> list[Any]:
    return found if whole and isinstance(found, list) else [found]


def _object(found: Any) -> Row:
    if not isinstance(found, dict):
        raise ValueError(f"found {type(found).__name__} {str(found)[:40]!r}")
    return found


def _keys_once(items: list[tuple[str, Any]]) -> Row:
    if twice := repeated([name for name, _ in items]):
        raise ValueError(f"key {twice!r} occurs twice")
    return dict(items)


def _inner(document: Row) -> Rows:
    """The rows within a document, each with what stands beside them; the document where it has none."""
    name = next((name for name in LISTS if isinstance(document.get(name), list)), None)
    if name is None or not all(isinstance(row, dict) for row in document[name]):
        return [document]
    beside = {other: value for other, value in document.items() if other != name}
    return [{**beside, **row} for row in document[name]]


def _eval_log(data: bytes) -> Rows:
    """The samples of a log of inspect, which is a zip file, each with the header beside it."""
    with zipfile.ZipFile(io.BytesIO(data)) as log:
        names = log.namelist()
        # A run that was cut off has no header yet, only what it started with.
        header = next((name for name in ("header.json", "_journal/start.json") if name in names), None)
        beside = {"eval": _object(loads(_member(log, header, data)))["eval"] if header else {}}
        samples = [name for name in names if name.startswith("samples/") and name.endswith(".json")]
        return [{**beside, **_object(loads(_member(log, name, data)))} for name in samples]


def _member(log: zipfile.ZipFile, name: str, data: bytes) -> bytes:
    import pyarrow

    info = log.getinfo(name)
    if info.compress_type != ZSTD:
        return log.read(info)
    start = info.header_offset
    start += 30 + sum(struct.unpack("<HH", data[start + 26 : start + 30]))  # the lengths of name and extras
    packed = pyarrow.py_buffer(data[start : start + info.compress_size])
    with pyarrow.input_stream(packed, compression="zstd") as stream:
        return bytes(stream.read())


def _csv(path: Path, text: str) -> Rows:
    # pyarrow's reader takes the end of a file for the end of a quote, as where the file was cut.
    before = csv.field_size_limit(100 * LONGEST)  # 131,072 characters, and the whole process's
    try:
        # Without newline="" the reader would see line breaks within answers changed.
        mark = max(",;\t", key=lambda mark: len(_header(text, mark)))
        reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=mark)
        return list(_csv_rows(path, reader))
    except csv.Error as error:
        what = f"{path.name}: {error}"
        raise BadInput(f"{what}; put cells with commas, quotes or line breaks in double quotes") from error
    finally:
        csv.field_size_limit(before)


def _header(text: str, mark: str) -> list[str]:
    return next(csv.reader(io.StringIO(text[:LONGEST], newline=""), delimiter=mark), [])


def _csv_rows(path: Path, reader: Any) -> Iterator[Row]:
    try:
        names = [name.strip() for name in next(reader, [])]
        check_columns(path, names, ())
        for row in filter(None, reader):
            if len(row) != len(names):
                raise csv.Error(f"{len(row)} cells, expected {len(names)} as in the header")
            yield {name: cell or None for name, cell in zip(names, row, strict=True)}
    except csv.Error as error:
        raise csv.Error(f"line {reader.line_num}: {error}") from error


def _parquet(path: Path, data: bytes) -> Rows:
    import pyarrow
    from pyarrow import parquet

    with parquet.ParquetFile(pyarrow.BufferReader(data)) as file:
        check_columns(path, file.schema_arrow.names, ())
        return list(file.read().to_pylist())


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """One clear error for a file that is cut off, damaged or of another kind than its name says."""
    from pyarrow import ArrowException

    try:
        yield
    except BadInput:
        raise
    except (ArrowException, OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        what = f"cannot be read as {path.suffix[1:].capitalize()}: {said}"
        raise BadInput(f"{path.name} {what}; it is damaged, write it again") from error


def write_csv(table: pandas.DataFrame, path: Path, **how: Any) -> None:
    """A table as CSV that can be read again: without quotes a carriage return alone would end its row."""
    texts = table.select_dtypes(exclude="number").astype(str)
    lone = texts.apply(lambda column: column.str.contains("\r", regex=False)).to_numpy().any()
    quoting: Any = csv.QUOTE_NONNUMERIC if lone else csv.QUOTE_MINIMAL
    table.to_csv(path, index=False, quoting=quoting, lineterminator="\n", **how)


def repeated(names: Sequence[str | None]) -> str | None:
    """The first name that occurs more than once."""
    return next((name for name, count in Counter(names).items() if count > 1), None)
