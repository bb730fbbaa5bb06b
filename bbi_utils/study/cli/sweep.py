"""The command that runs the study many times over, and the option by which commands work on Ray."""

from __future__ import annotations

import argparse
import os
import sys

from bbi_utils import paths
from bbi_utils.errors import BadInput, printable
from bbi_utils.files import replacing
from bbi_utils.progress import Each, one_by_one

FAILED = 1
EPILOG = """\
Each run is one of `reproduce`, in a folder of its own under DIR, which is runs/sweep-PROFILE or what
--set run_dir=DIR says; log.txt there has what it said. The claims of all runs go into DIR/sweep.csv. Stop it
at any moment and give the same command again: what is done is not done again. With the extra `cluster` runs
are side by side on Ray, on the machines that RAY_ADDRESS names or on this one; without it one by one.
Machines must see the same repository and DIR. MAX_SPEND holds for each run, not for all together.
examples:
  python -m bbi_utils sweep --pairs qwen llama --seeds 0 1 2
  python -m bbi_utils sweep --pairs qwen --seeds 0 1 --budgets 250 500 1000 --cpus 2
exit status: 0 done, 1 a run failed (the others are done), 2 bad input"""


def add_ray(command: argparse.ArgumentParser, what: str, *, default: bool | None = False) -> None:
    """The options of work that can be done on Ray."""
    group = command.add_argument_group("on many machines (the extra `cluster`; RAY_ADDRESS names them)")
    where = "" if default is False else " (default: where it is installed)"
    option = argparse.BooleanOptionalAction
    group.add_argument("--ray", action=option, default=default, help=f"{what} on Ray{where}")
    group.add_argument("--cpus", type=_positive, metavar="N", help="cores of each worker (default: 1)")
    room = "how many (default: as many as there is room for)"
    group.add_argument("--workers", type=_positive, metavar="N", help=room)


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number above 0")
    return int(text)


def each_of(options: argparse.Namespace) -> Each:
    """Who carries out the tasks: Ray, or this process, one by one."""
    from bbi_utils.study.cluster import ADDRESS, OnRay, connected, is_installed

    if not (os.environ.get(ADDRESS) or is_installed() if options.ray is None else options.ray):
        return one_by_one
    connected()  # what cannot work is said before anything begins
    return OnRay(options.cpus or 1, options.workers)


def add_sweep(command: argparse.ArgumentParser) -> None:
    """Which runs."""
    command.description = "Run the study for every pair, seed and budget, and put their claims together."
    command.add_argument("--profile", default="pocket", help="how much work each run is (default: pocket)")
    pairs = "which models (default: those that the profile names)"
    command.add_argument("--pairs", nargs="+", default=[], metavar="PAIR", help=pairs)
    command.add_argument("--seeds", nargs="+", default=[], metavar="N", help="default: the profile's")
    budgets = "of teacher answers to distil on, N_DISTILL (default: the profile's)"
    command.add_argument("--budgets", nargs="+", default=[], metavar="N", help=budgets)
    settings = "any other parameter of the study, for all runs; may be repeated"
    command.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help=settings)
    command.add_argument("--dry-run", action="store_true", help="name the runs, run nothing")
    add_ray(command, "runs side by side", default=None)


def run_sweep(options: argparse.Namespace) -> int:
    """`sweep`: a line a run as it ends, then one table; sweep.csv is written last."""
    from bbi_utils.study.params import pairs_of, parse_setting
    from bbi_utils.study.sweep import in_short, line_of, plan_sweep, sweep, table_of
    from bbi_utils.tables import write_csv

    settings = dict(parse_setting(setting) for setting in options.set)
    pairs = _words(options.pairs) or pairs_of(options.profile)
    seeds, budgets = _numbers("seeds", options.seeds), _numbers("budgets", options.budgets)
    runs = plan_sweep(options.profile, pairs, seeds, budgets, settings, threads=options.cpus)
    print(printable("\n".join([f"{len(runs)} runs in {paths.shown(runs[0].folder.parent)}:",
                               *(f"  {run.folder.name}" for run in runs)])), flush=True)  # fmt: skip
    if options.dry_run:
        return 0
    each, failed = each_of(options), []
    for done, (run, outcome) in enumerate(sweep(runs, each=each), 1):
        failed += [run] if outcome.failure else []
        stream = sys.stderr if outcome.failure else sys.stdout
        print(printable(line_of(run, outcome, done=done, of=len(runs))), file=stream, flush=True)
    if whole := [run for run in runs if run not in failed]:
        table, out = table_of(whole), runs[0].folder.parent / "sweep.csv"
        with replacing(out) as partial:
            write_csv(table, partial)
        print(printable(f"\n{in_short(table)}\n\nall claims of {len(whole)} runs are in {paths.shown(out)}"))
    return FAILED if failed else 0


def _words(given: list[str]) -> list[str]:
    """`a b`, `a,b` and `[a, b]` alike."""
    return " ".join(given).replace(",", " ").strip("[] ").split()


def _numbers(name: str, given: list[str]) -> list[int]:
    words = _words(given)
    if wrong := [word for word in words if not (word.isascii() and word.isdecimal())]:
        raise BadInput(f"--{name}: found {wrong[0]!r}; expected whole numbers, such as 0 1 2")
    return [int(word) for word in words]
