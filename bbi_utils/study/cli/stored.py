"""The commands that carry answers between a response store and a file: `export` and `import`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from bbi_utils.errors import BadInput
from bbi_utils.study.cli.command import add_command

EPILOG = """\
A file has one answer a row, with everything that the store knows about it and about the oracle that gave it;
what was spent on answers stays in the store. An answer that is already in the store stays as it is.
examples:
  python -m bbi_utils export runs/pocket/qwen/responses.sqlite answers.parquet
  python -m bbi_utils import answers.parquet runs/mine/responses.sqlite
exit status: 0 done, 2 bad input (one line on stderr, nothing exported or imported)"""


def add_store_commands(commands: Any) -> None:
    """`export STORE FILE` and `import FILE STORE`."""
    for name, run, text, places in (
        ("export", run_export, "write a response store's answers to a file", ("store", "file")),
        ("import", run_import, "append a file's answers to a response store", ("file", "store")),
    ):
        command = add_command(commands, name, run=run, text=text, epilog=EPILOG)
        helps = {"store": "a responses.sqlite", "file": "a .jsonl or .parquet file"}
        for place in places:
            command.add_argument(place, metavar=place.upper(), help=helps[place], type=Path)


def run_export(options: argparse.Namespace) -> int:
    """`export`: a store that is not there is not made."""
    from bbi_utils.responses.export import KINDS, export_answers
    from bbi_utils.responses.store import ResponseStore
    from bbi_utils.tables import check_kind

    check_kind(options.file, KINDS)
    if not options.store.is_file():
        what = "is a folder" if options.store.is_dir() else "no such file"
        raise BadInput(f"{options.store}: {what}; give the responses.sqlite of a run")
    with ResponseStore(options.store) as store:
        count = export_answers(store, options.file, shown=sys.stderr.isatty())
    print(f"{count:,} answers in {options.file}")
    return 0


def run_import(options: argparse.Namespace) -> int:
    """`import`: a store that is not there is made, once the file is known to be one."""
    from bbi_utils.responses.export import count_answers, import_answers
    from bbi_utils.responses.store import ResponseStore

    count_answers(options.file)
    with ResponseStore(options.store) as store:
        count, added = import_answers(store, options.file, shown=sys.stderr.isatty())
    print(f"{count:,} answers in {options.file}, {added:,} of them new in {options.store}")
    return 0
