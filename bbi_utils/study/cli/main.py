"""The commands: `python -m bbi_utils reproduce | sample | audit | certify | ...` (contract C6)."""

from __future__ import annotations

import argparse
import errno
import io
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Any

from bbi_utils import __version__
from bbi_utils.errors import BadInput, OutOfMemory, one_line, printable
from bbi_utils.paths import committed
from bbi_utils.provenance import household, patience
from bbi_utils.study.cli import claims, identify, play, sample, sweep, verdict

BAD_INPUT, FAILED, FAULT, INTERRUPTED = 2, 1, 70, 130
FULL = "free some space, or choose another folder"
DENIED = "give yourself permission, or choose another file or folder"
WAYS_OUT = {errno.ENOSPC: FULL, errno.EDQUOT: FULL, errno.EACCES: DENIED}
EPILOG = """\
examples:
  python -m bbi_utils reproduce                                    both pocket pairs, offline
  python -m bbi_utils reproduce --pair qwen --set seed=1 --set budgets=[40,80]
  python -m bbi_utils reproduce --set teacher=path/to/teacher --set student=path/to/student
  python -m bbi_utils reproduce --profile paper --pair qwen --dry-run
exit status: 0 done, 1 a stage failed, 2 bad input. A run that was stopped continues where it was."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, like every other bad input."""

    def error(self, message: str) -> Any:
        raise BadInput(f"{message} (see `{self.prog} --help`)")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = Parser(
        prog="python -m bbi_utils",
        description="Can a distilled student be told from its teacher? Run the study or audit your models.",
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for name, text, add_options, run, epilog in COMMANDS:
        command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        command.epilog, command.formatter_class = epilog, argparse.RawDescriptionHelpFormatter
        command.set_defaults(run=run)
        add_options(command)
    return top


def add_reproduce(command: argparse.ArgumentParser) -> None:
    """What the run of the study may be told."""
    command.description = "Run every stage of the study that is not up to date, then print the claims."
    profiles = "how much work: a file of notebooks/params/profiles (default: pocket)"
    command.add_argument("--profile", default="pocket", help=profiles)
    pairs = "which models: files of notebooks/params/pairs (default: those that the profile names)"
    command.add_argument("--pair", nargs="+", action="extend", metavar="PAIR", help=pairs)
    settings = "any parameter of the study, such as seed=1; may be repeated"
    command.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help=settings)
    command.add_argument("--dry-run", action="store_true", help="print models, memory and work, run nothing")


def run_reproduce(options: argparse.Namespace) -> int:
    """`reproduce`: 0 when the run completes, whether or not the claims hold."""
    from bbi_utils.study.params import parse_setting
    from bbi_utils.study.run import StageFailed, reproduce

    named = [name for names in options.pair or () for name in names.replace(",", " ").split()]
    overrides = dict(parse_setting(setting) for setting in options.set)
    try:
        reproduce(options.profile, named or None, overrides, dry_run=options.dry_run)
    except StageFailed as failure:
        print(printable(f"error: {failure}"), file=sys.stderr)
        return failure.status
    return 0


def run_verify(options: argparse.Namespace) -> int:
    """`verify`: 1 when a number or a figure is not as expected."""
    from bbi_utils.study.verify import verify

    return 0 if verify(claims.run_of(options), committed(options.profile)) else FAILED


# Name, what it does in a few words, its options, what runs it, and what its help ends with.
COMMANDS = (
    ("reproduce", "run the study: prompts, teacher, student, adversaries, judge, budget, figures",
     add_reproduce, run_reproduce, EPILOG),
    ("sweep", "run the study for many pairs, seeds and budgets, on many machines or here",
     sweep.add_sweep, sweep.run_sweep, sweep.EPILOG),
    ("sample", "ask two models the same prompts and record the answers for `audit`",
     sample.add_sample, sample.run_sample, sample.EPILOG),
    ("audit", "judge two models by their recorded answers",
     verdict.add_audit, verdict.run_audit, verdict.AUDIT_EPILOG),
    ("certify", "judge a table of scores",
     verdict.add_certify, verdict.run_certify, verdict.CERTIFY_EPILOG),
    ("identify", "ask a model until it is sure whether it is still the one that was tested",
     identify.add_identify, identify.run_identify, identify.EPILOG),
    ("play", "be the adversary yourself: a blind game on answers that are there",
     play.add_play, play.run_play, play.EPILOG),
    ("claims", "judge the paper's claims, what was planted and our own checks, from a run's tables",
     claims.add_claims, claims.run_claims, claims.EPILOG),
    ("export", "write a response store's answers to a file",
     sample.add_export, sample.run_export, sample.STORE_EPILOG),
    ("import", "append a file's answers to a response store",
     sample.add_import, sample.run_import, sample.STORE_EPILOG),
    ("verify", "compare a run's tables and figures with the expected ones", claims.add_run, run_verify, None),
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    return carried_out(parser(), arguments)


def carried_out(commands: argparse.ArgumentParser, arguments: Sequence[str] | None = None) -> int:
    """What the chosen command returns as its exit status. Bad input is one line on stderr and 2.

    A fault of the program itself is 70 with its traceback: Python's own 1 would say "refuted".
    """
    try:
        options = commands.parse_args(arguments)
        return int(options.run(options))
    except KeyboardInterrupt:
        print(
            "stopped; give the same command again (`reproduce`, `identify` and `play` continue from here)",
            file=sys.stderr,
        )
        return INTERRUPTED
    except Exception as error:
        if (said := trouble(error)) is None:
            traceback.print_exc()
            return FAULT
        print(f"error: {said}", file=sys.stderr)
        return BAD_INPUT


def trouble(error: Exception) -> str | None:
    """One line, with the way out, for what is no fault of the program but of its input or the machine."""
    if isinstance(error, BadInput | OutOfMemory):
        return one_line(str(error))
    if isinstance(error, OSError):  # disk full, no permission: with the file it struck, if the system says it
        way = WAYS_OUT.get(error.errno or 0, "choose another file or folder")
        struck = error.filename or ("writing" if error.errno in WAYS_OUT else "a file or a connection")
        return f"{struck}: {error.strerror or error}; {way}"
    if isinstance(error, ModuleNotFoundError):
        return f"package {error.name} is missing; set up .venv by `make env`, and use its python"
    if isinstance(error, MemoryError):
        return "out of memory; give it fewer or shorter answers, or a larger machine"
    return None


def program() -> int:
    """`main` as a program of its own: a polite kill interrupts it, a warning is one line, output never fails.

    An old terminal's encoding may lack a character; it shows a question mark instead.
    """
    os.environ |= patience()  # before anything loads torch
    os.environ["MPLBACKEND"] = "Agg"  # figures go to files; a window system may be missing
    os.environ |= household()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C does: children are stopped too
    warnings.formatwarning = lambda message, *_, **__: f"warning: {one_line(str(message))}\n"
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    return main()
