"""The command that judges a run's claims anew, from its files alone (contract C6)."""

from __future__ import annotations

import argparse
from typing import Any

from bbi_utils.errors import BadInput, printable
from bbi_utils.files import json_object
from bbi_utils.paths import RunPaths, shown
from bbi_utils.report.labels import pairs_in

EPILOG = """\
It reads the tables that 03 to 08 left for each pair, and no model. The three tables are printed and written
as claims.csv, the same that 09 writes. How claims are judged: docs/decisions/0010-how-claims-are-judged.md.
examples:
  python -m bbi_utils claims --profile smol
  python -m bbi_utils claims --run-dir runs/mine --pair qwen
exit status: 0 done, whatever the verdicts; 2 bad input, such as a missing table (nothing written)"""


def add_run(command: argparse.ArgumentParser) -> None:
    """Which run to take."""
    command.add_argument("--profile", default="pocket", help="whose run to take (default: %(default)s)")
    command.add_argument("--run-dir", metavar="DIR", help="its folder (default: runs/PROFILE)")


def run_of(options: argparse.Namespace) -> RunPaths:
    """The run that `add_run` asks for."""
    return RunPaths(options.run_dir or f"runs/{options.profile}")


def add_claims(command: argparse.ArgumentParser) -> None:
    """Which run, and which of its pairs."""
    add_run(command)
    command.add_argument("--pair", nargs="+", metavar="PAIR", help="which pairs (default: all of the run)")


def run_claims(options: argparse.Namespace) -> int:
    """`claims`: everything is worked out first and written last."""
    from bbi_utils.report import claims, figures, summaries
    from bbi_utils.report.claims_text import as_text, read_claims
    from bbi_utils.report.planted import planted_in

    run = run_of(options)
    pairs = options.pair or pairs_of(run)
    files = summaries.table_files(run.folder, pairs)
    settings = json_object(RunPaths(run.folder, pairs[0]).settings)
    level: dict[str, Any] = {"confidence": settings["CONFIDENCE"], "seed": settings["SEED"]}
    tables, planted = summaries.load_tables(files), planted_in(run.folder, pairs)
    frames = summaries.summarise(tables, planted=planted, **level)
    table = claims.claim_table(frames, confidence=level["confidence"], planted=planted)
    everything = [path for paths in files.values() for path in paths]
    keep: dict[str, Any] = {"folder": run.figures, "notebook": "09_make_figures"}
    figures.save_table(table, "claims", inputs=everything, caption=claims.NOTE, **keep)
    print(printable(f"{as_text(read_claims(run.claims))}\n\n{claims.NOTE}\n{shown(run.claims)}"))
    return 0


def pairs_of(run: RunPaths) -> list[str]:
    """The pairs that a run's folder holds; BadInput where there is none."""
    if not (found := run.pairs):
        way = "`make reproduce` makes one; --run-dir names another folder"
        raise BadInput(f"{shown(run.folder)} holds no run of any pair; {way}")
    return pairs_in(found)
