"""Look for a secret in everything that a run leaves behind, packed or not."""

from __future__ import annotations

import base64
import contextlib
import gzip
import sqlite3
from collections.abc import Iterator
from pathlib import Path


def assert_nowhere(canary: str, folder: Path, *texts: str) -> None:
    """Fails where the canary is in a file below the folder (or its name), or in one of the texts.

    Response stores and tables are read row by row too, for on disk a text may be cut or compressed.
    """
    found = [f"text {number}" for number, text in enumerate(texts) if holds(canary, text.encode())]
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files, f"nothing was written below {folder}, so nothing was searched"
    raw = {path: path.read_bytes() for path in files}  # first: reading a store may tidy up beside it
    for path, content in raw.items():
        name = str(path.relative_to(folder))
        if any(holds(canary, part) for part in (name.encode(), content, *unpacked(path, content))):
            found.append(name)
    assert not found, f"the secret is in {', '.join(found)}"


def holds(canary: str, content: bytes) -> bool:
    """Whether the secret is there, as it is or in base64 at any of its three offsets."""
    coded = [base64.b64encode(b"x" * pad + canary.encode())[4 if pad else 0 : -4] for pad in range(3)]
    return any(form in content for form in (canary.encode(), *coded))


def unpacked(path: Path, content: bytes) -> Iterator[bytes]:
    """What the file's bytes stand for, where they are packed."""
    if content.startswith(b"\x1f\x8b"):
        yield gzip.decompress(content)
    if content.startswith(b"SQLite format 3"):
        with contextlib.closing(sqlite3.connect(path)) as store:
            yield "\n".join(store.iterdump()).encode()
    if content.startswith(b"PAR1"):
        import pandas as pd

        yield pd.read_parquet(path).to_csv().encode()
