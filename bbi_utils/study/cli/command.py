"""How a command joins the command line: help, description and examples in one form for all of them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

DEFAULT = "(default: %(default)s)"  # as argparse fills it in


def add_command(
    commands: Any,
    name: str,
    *,
    run: Callable[[argparse.Namespace], int],
    text: str,
    epilog: str | None = None,
) -> argparse.ArgumentParser:
    """The parser of a new command; `run` returns its exit status, `text` says in a few words what it does."""
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run)
    return command
