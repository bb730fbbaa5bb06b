"""A player's file: a line on what is played, then one a verdict, on the disk before the next card.

It holds keys and seconds and never whose answer stood where, so nobody learns that from it before the end.
"""

from __future__ import annotations

import errno
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import filelock
from pydantic import ConfigDict, Field, NonNegativeInt
from pydantic.dataclasses import dataclass

from bbi_utils.errors import BadInput
from bbi_utils.paths import shown

KEYS = ("1", "2", "?")
STRICT = ConfigDict(strict=True, extra="forbid")


@dataclass(frozen=True, config=STRICT)
class Header:
    """Who plays what. deck: the hash of all that is shown, so that changed answers are seen."""

    adversary: str
    pair: str
    contrast: str
    n: NonNegativeInt
    seed: NonNegativeInt
    categories: list[str]
    examples: NonNegativeInt
    deck: str

    @property
    def asked(self) -> dict[str, Any]:
        """What `deck.deal` was asked for."""
        return {name: getattr(self, name) for name in ("n", "seed", "categories", "examples")}


@dataclass(frozen=True, config=STRICT)
class Verdict:
    """The key pressed (1, 2 or ?), and how long the pair was looked at, in seconds."""

    key: Annotated[str, Field(pattern="^[12?]$")]
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]


def read(path: Path) -> tuple[Header, list[Verdict]]:
    """A player's file; a last line that a kill cut short is left out.

    Raises BadInput, with the line, where it is no such file.
    """
    header, verdicts, _ = _parsed(path)
    if header is None:
        raise BadInput(f"{path.name} is empty; play it, or remove it")
    return header, verdicts


def _parsed(path: Path) -> tuple[Header | None, list[Verdict], int]:
    """Header, verdicts, and the bytes of the lines that are whole."""
    *lines, torn = (data := path.read_bytes()).split(b"\n")
    header, verdicts = None, []
    for number, line in enumerate(lines):
        try:
            said = json.loads(line)
            if number == 0:
                header = Header(**said)
            elif said["card"] != number:
                raise ValueError(f"card {said['card']}")
            else:
                verdicts.append(Verdict(said["key"], said["seconds"]))
        except (ValueError, TypeError, KeyError) as error:
            found = f"{path.name}, line {number + 1}: {line[:60].decode(errors='replace')!r}"
            raise BadInput(f"{found} is not what a game writes there; mend it, or play anew") from error
    return header, verdicts, len(data) - len(torn)


class Record:
    """The file of one player, held by this process alone; `verdicts` are those that are on the disk.

    It goes on where the same game was left. Raises BadInput while another process plays it, and where the
    file is of another game.
    """

    def __init__(self, path: Path, header: Header) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._held = filelock.FileLock(path.with_name(f".{path.name}.lock"), blocking=False)
        self._file = path.open("ab", buffering=0)
        try:
            self._held.acquire()
            self.verdicts = self._begun(path, header)
        except filelock.Timeout:
            self.close()
            raise BadInput(f"{shown(path)} is being played; end that game, or take another name") from None
        except BaseException:
            self.close()
            raise

    def _begun(self, path: Path, header: Header) -> list[Verdict]:
        found, verdicts, whole = _parsed(path)
        if found is None:
            self._file.truncate(0)
            self._write(asdict(header))
            _sync_folder(path.parent)
            return []
        for name, now in asdict(header).items():
            if now != (was := getattr(found, name)) and name != "pair":  # the same answers may be renamed
                said = f"{shown(path)} is of another game ({name} {was!r:.40}, now {now!r:.40})"
                raise BadInput(f"{said}; go on with that, or take another name")
        self._file.truncate(whole)
        return verdicts

    def add(self, verdict: Verdict) -> None:
        """Write a verdict to the disk; where that fails nothing of it is left, and OSError is raised."""
        self._write({"card": len(self.verdicts) + 1, **asdict(verdict)})
        self.verdicts.append(verdict)

    def _write(self, value: dict[str, Any]) -> None:
        line = (json.dumps(value, ensure_ascii=False) + "\n").encode()
        before = os.fstat(self._file.fileno()).st_size
        try:
            if self._file.write(line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._file.name)
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(before)
            raise

    def close(self) -> None:
        """Let others have the file."""
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
