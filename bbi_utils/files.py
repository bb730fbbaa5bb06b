"""Write a file whole or not at all: a kill or a full disk at any instant leaves the old one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
