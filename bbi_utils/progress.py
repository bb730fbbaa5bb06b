"""Progress bars with time left, mirrored into a file so that an outer driver can show them."""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Iterable, Iterator, Sized
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from bbi_utils.files import replacing

T = TypeVar("T")
FILE_VARIABLE = "BBI_PROGRESS"
SECONDS_BETWEEN_WRITES = 1.0


class Progress(Generic[T]):
    """A tqdm bar that also writes its count, and when it began, to the file that BBI_PROGRESS names.

    Of bars inside one another only the outermost writes: it is the one that tells how far the work is.
    """

    outermost: ClassVar[Any] = None

    def __init__(self, items: Iterable[T], description: str, total: int | None, *, shown: bool) -> None:
        with warnings.catch_warnings():
            # tqdm warns where a notebook lacks its widgets; text bars will do
            warnings.simplefilter("ignore")
            from tqdm.auto import tqdm

            self.bar: Any = tqdm(total=total, desc=description, disable=not shown, leave=False)
        self.items, self.description, self.total = items, description, total
        self.done, self.began, self.written = 0, time.time(), float("-inf")
        self.file = os.environ.get(FILE_VARIABLE)

    def __enter__(self) -> Progress[T]:
        if Progress.outermost is None:
            Progress.outermost = self
        self.write(force=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[T]:
        with self:
            for item in self.items:
                yield item
                self.update()

    def update(self, count: int = 1) -> None:
        """Count `count` more units as done."""
        self.done += count
        self.bar.update(count)
        self.write()

    def say(self, description: str) -> None:
        """Change the words beside the bar."""
        self.description = description
        self.bar.set_description(description, refresh=False)

    def close(self) -> None:
        """Remove the bar and write the final count."""
        self.bar.close()
        self.write(force=True)
        if Progress.outermost is self:
            Progress.outermost = None

    def write(self, *, force: bool = False) -> None:
        """Replace the progress file, at most once a second; a courtesy, so a failure to write is no error."""
        if not self.file or Progress.outermost is not self:
            return
        if not force and time.monotonic() - self.written < SECONDS_BETWEEN_WRITES:
            return
        self.written = time.monotonic()
        state: dict[str, Any] = {"description": self.description, "done": self.done, "total": self.total}
        state.update(began=self.began, time=time.time())
        try:
            with replacing(Path(self.file), durable=False) as partial:
                partial.write_text(json.dumps(state))
        except OSError:
            self.file = None


def progress(items: Iterable[T], description: str, *, shown: bool = True) -> Progress[T]:
    """Iterate over the items with a bar."""
    total = len(items) if isinstance(items, Sized) else None
    return Progress(items, description, total, shown=shown)


def progress_total(total: int, description: str, *, shown: bool = True) -> Progress[object]:
    """A bar to be moved by `.update(count)`; use it in a `with` block."""
    return Progress((), description, total, shown=shown)
