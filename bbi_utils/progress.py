"""Tasks done one by one or by an executor, and bars with the time left, mirrored for an outer driver."""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from bbi_utils.files import replacing

T = TypeVar("T")
R = TypeVar("R")
FILE_VARIABLE = "BBI_PROGRESS"
SECONDS_BETWEEN_WRITES = 1.0


class Each(Protocol):
    """Carries out tasks: place and result of every one, in any order, here or on other machines."""

    def __call__(self, function: Callable[[T], R], tasks: Sequence[T], /) -> Iterator[tuple[int, R]]: ...


def one_by_one(function: Callable[[T], R], tasks: Sequence[T], /) -> Iterator[tuple[int, R]]:
    """An `Each` that does them here, in turn."""
    return enumerate(map(function, tasks))


class Progress:
    """A tqdm bar, to be moved in a `with` block by `update`, that also writes its count to a file.

    The file is the one that BBI_PROGRESS names. Of bars inside one another only the outermost writes: it is
    the one that tells how far the work is.
    """

    outermost: ClassVar[Progress | None] = None

    def __init__(self, total: int, description: str, *, shown: bool = True) -> None:
        with warnings.catch_warnings():
            # tqdm warns where a notebook lacks its widgets; text bars will do
            warnings.simplefilter("ignore")
            from tqdm.auto import tqdm

            self.bar: Any = tqdm(total=total, desc=description, disable=not shown, leave=False)
        self.description, self.total = description, total
        self.done, self.began, self.written = 0, time.time(), float("-inf")
        self.file = os.environ.get(FILE_VARIABLE)

    def __enter__(self) -> Progress:
        Progress.outermost = Progress.outermost or self
        self.write(force=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()
        self.write(force=True)
        if Progress.outermost is self:
            Progress.outermost = None

    def update(self, count: int = 1) -> None:
        """Count `count` more units as done."""
        self.done += count
        self.bar.update(count)
        self.write()

    def say(self, description: str) -> None:
        """Change the words beside the bar."""
        self.description = description
        self.bar.set_description(description, refresh=False)

    def write(self, *, force: bool = False) -> None:
        """Replace the progress file, at most once a second; a courtesy, so a failure to write is no error."""
        recent = not force and time.monotonic() - self.written < SECONDS_BETWEEN_WRITES
        if recent or not self.file or Progress.outermost is not self:
            return
        self.written = time.monotonic()
        state: dict[str, Any] = {"description": self.description, "done": self.done, "total": self.total}
        state.update(began=self.began, time=time.time())
        try:
            with replacing(Path(self.file), durable=False) as partial:
                partial.write_text(json.dumps(state))
        except OSError:
            self.file = None


def progress(items: Collection[T], description: str, *, shown: bool = True) -> Iterator[T]:
    """The items, with a bar over them."""
    with Progress(len(items), description, shown=shown) as bar:
        for item in items:
            yield item
            bar.update()
