"""What goes wrong and how it is told: two errors with a way out, and words of others made safe to print."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

# Control characters but tab and newline, marks that reverse the order of what follows, and half characters.
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class BadInput(ValueError):
    """Names the thing, what was found, what was expected and the way out; commands exit 2 on it."""


class OutOfMemory(MemoryError):
    """Names what did not fit into the memory of machine or GPU, and how it would; commands exit 2 on it."""


def characters(text: str, where: str = "") -> str:
    """The text; raises BadInput where a part of it is no character, `where` it stood."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadInput(f"{where}half of a surrogate pair, which is no character; write it anew") from error
    return text


def printable(text: str) -> str:
    """The text with `\\x1b` spelt out where an escape character was, and so on; tabs and newlines stay.

    A model, a server or a file may say what makes a terminal move its cursor, change its title or clipboard,
    or hide what was printed before.
    """
    return UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def one_line(text: str) -> str:
    """The text as `printable` has it, on one line: a name cannot pass for a line of its own."""
    return printable(" ".join(text.split()))


def some(names: Iterable[str], most: int = 3) -> str:
    """The first names, each shortened and on one line, and how many more there are."""
    every = list(names)
    more = f" and {len(every) - most:,} more" if len(every) > most else ""
    return ", ".join(f"{one_line(name):.40}" for name in every[:most]) + more


def first_problem(error: ValidationError) -> str:
    """The first thing that a pydantic model found wrong: where, what was found, and what was expected."""
    first = error.errors()[0]
    place = " > ".join(map(str, first["loc"])) or "all of it"
    return f"{place}: found {first['input']!r:.60}; {first['msg']}"
