"""Files: written whole or not at all, read as JSON, known by the SHA-256 of what is in them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bbi_utils.errors import BadInput

MOST_SEED = 2**31 - 1  # what every random generator behind the study takes


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """A hidden partial file beside `path` that takes its place when the block ends without an error.

    durable: force the bytes to the disk first, so that a power cut cannot leave an empty file either.
    Raises OSError as the file system does; the partial file is removed whatever happens.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        if durable:
            with partial.open("rb") as file:
                os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        if partial.is_file():  # where the folder cannot even be read, there is nothing of ours in it
            partial.unlink()


def write_json(path: Path, value: Any) -> None:
    """Write JSON whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        partial.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def json_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; raises BadInput where it is missing, cut short or something else."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: {error}; it is missing or damaged, make it anew.") from error
    if not isinstance(value, dict):
        raise BadInput(f"{path} holds {type(value).__name__}; expected a JSON object.")
    return value


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None where it is missing, cut short or something else."""
    try:
        return json_object(path)
    except BadInput:
        return None


def sha256_text(text: str) -> str:
    """SHA-256 of a text in UTF-8, 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_json(value: Any) -> str:
    """SHA-256 of a JSON-serialisable value, whatever the order of its keys."""
    return sha256_text(json.dumps(value, sort_keys=True, ensure_ascii=False))


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def sha256_tree(path: Path) -> str:
    """SHA-256 of a file, or of a folder's relative names and contents (no hidden files, no bytecode)."""
    if path.is_file():
        return sha256_file(path)
    visible = (file for file in path.rglob("*") if not file.name.startswith(".") and file.suffix != ".pyc")
    files = sorted(file for file in visible if file.is_file())
    return sha256_json({file.relative_to(path).as_posix(): sha256_file(file) for file in files})
