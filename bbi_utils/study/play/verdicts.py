"""A player's file: a line on what is played, then one a verdict, on the disk before the next card.

It holds keys and seconds and never whose answer stood where, so nobody learns that from it before the end.
"""

from __future__ import annotations

import errno
import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import filelock

from bbi_utils.errors import BadInput
from bbi_utils.paths import shown

KEYS = ("1", "2", "?")


@dataclass(frozen=True)
class Header:
    """Who plays what. deck: the hash of all that is shown, so that changed answers are seen."""

    adversary: str
    pair: str
    contrast: str
    n: int
    seed: int
    categories: list[str]
    examples: int
    deck: str


class Verdict(NamedTuple):
    """The key pressed (1, 2 or ?), and how long the pair was looked at, in seconds."""

    key: str
    seconds: float


def read(path: Path) -> tuple[Header, list[Verdict]]:
    """A player's file; a last line that a kill cut short is left out.

    Raises BadInput, with the line, where it is no such file.
    """
    header, verdicts, _ = _parsed(path, path.read_bytes())
    if header is None:
        raise BadInput(f"{path.name} is empty; play it, or remove it")
    return header, verdicts


def _parsed(path: Path, data: bytes) -> tuple[Header | None, list[Verdict], int]:
    """Header, verdicts, and the bytes of the lines that are whole."""
    *lines, torn = data.split(b"\n")
    header, verdicts = None, []
    for number, line in enumerate(lines):
        try:
            value = json.loads(line)
            if number == 0:
                header = _header(value)
            else:
                verdicts.append(_verdict(value, number))
        except (ValueError, TypeError, KeyError) as error:
            found = f"{path.name}, line {number + 1}: {line[:60].decode(errors='replace')!r}"
            raise BadInput(f"{found} is not what a game writes there; mend it, or play anew") from error
    return header, verdicts, len(data) - len(torn)


def _header(value: dict[str, Any]) -> Header:
    header = Header(**value)
    texts = (header.adversary, header.pair, header.contrast, header.deck, *header.categories)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a name that is no text")
    if not all(type(number) is int and number >= 0 for number in (header.n, header.seed, header.examples)):
        raise TypeError("no whole number")
    return header


def _verdict(value: dict[str, Any], number: int) -> Verdict:
    verdict = Verdict(value["key"], float(value["seconds"]))
    if value["card"] != number or verdict.key not in KEYS or not 0 <= verdict.seconds < float("inf"):
        raise ValueError("another card, key or time")
    return verdict


class Record:
    """The file of one player, held by this process alone; `verdicts` are those that are on the disk.

    It goes on where the same game was left. Raises BadInput while another process plays it, and where the
    file is of another game.
    """

    def __init__(self, path: Path, header: Header) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._held = filelock.FileLock(path.with_name(f".{path.name}.lock"))
            self._held.acquire(blocking=False)
        except filelock.Timeout:
            raise BadInput(f"{shown(path)} is being played; end that game, or take another name") from None
        try:
            self._file = path.open("ab", buffering=0)
            self.verdicts = self._begun(path, header)
        except BaseException:
            self.close()
            raise

    def _begun(self, path: Path, header: Header) -> list[Verdict]:
        found, verdicts, whole = _parsed(path, path.read_bytes())
        if found is None:
            self._file.truncate(0)
            self._write(asdict(header))
            _sync_folder(path.parent)
            return []
        names = [field.name for field in fields(Header) if field.name != "pair"]  # the same answers, renamed
        if changed := [name for name in names if getattr(found, name) != getattr(header, name)]:
            values = (
                f"{changed[0]} {getattr(found, changed[0])!r:.40}, now {getattr(header, changed[0])!r:.40}"
            )
            raise BadInput(
                f"{shown(path)} is of another game ({values}); go on with that, or take another name"
            )
        self._file.truncate(whole)
        return verdicts

    def add(self, verdict: Verdict) -> None:
        """Write a verdict to the disk; where that fails nothing of it is left, and OSError is raised."""
        self._write({"card": len(self.verdicts) + 1, **verdict._asdict()})
        self.verdicts.append(verdict)

    def _write(self, value: dict[str, Any]) -> None:
        line, before = (
            (json.dumps(value, ensure_ascii=False) + "\n").encode(),
            os.fstat(self._file.fileno()).st_size,
        )
        try:
            if self._file.write(line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._file.name)
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(before)
            raise

    def close(self) -> None:
        """Let others have the file."""
        if hasattr(self, "_file"):
            self._file.close()
        self._held.release()


def _sync_folder(folder: Path) -> None:
    """A new file's name is on the disk too, where the system can say so."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
