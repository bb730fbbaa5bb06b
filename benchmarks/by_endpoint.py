"""Does the study come out the same when its teacher is behind an endpoint? The pocket teacher, really served.

`transformers serve` runs the pair's own teacher on loopback, and the study asks it there. Its random numbers
are the server's, so answers differ, and estimates must agree within their intervals: every gap of two
estimates is compared with half the width of its interval, the two runs taken as independent.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from bbi_utils.paths import RunPaths
from bbi_utils.responses.store import ResponseStore
from bbi_utils.study.params import load_study
from bbi_utils.study.run import reproduce
from benchmarks import program
from tests.serving import sampling_copy, served

# Table -> what names a row, and the column with the estimate.
TABLES = {
    "similarity": (["quantity"], "mean"),
    "advantage": (["contrast", "adversary", "game"], "advantage"),
    "judge": (["contrast", "quantity"], "estimate"),
}


def side_by_side(name: str, local: RunPaths, remote: RunPaths, pair: str) -> pd.DataFrame:
    """Each estimate of a table in both runs, their gap, and half the width of the gap's interval."""
    keys, column = TABLES[name]
    tables = [pd.read_csv(run.figures / f"{name}.csv") for run in (local, remote)]
    here, there = (table[table["pair"] == pair] for table in tables)
    both = here.merge(there, on=keys, suffixes=("_here", "_there"))
    widths = [both[f"upper_{side}"] - both[f"lower_{side}"] for side in ("here", "there")]
    rows = both[keys].agg(" ".join, axis=1).rename("what").to_frame().assign(table=name)
    rows["here"], rows["there"] = both[f"{column}_here"], both[f"{column}_there"]
    rows["gap"], rows["half_width"] = rows["there"] - rows["here"], np.hypot(*widths) / 2
    return rows.assign(agrees=rows["gap"].abs() <= rows["half_width"])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pair", default="qwen", help="qwen or llama (default: %(default)s)")
    parser.add_argument("--local", default="runs/pocket", help="compared with it (default: %(default)s)")
    parser.add_argument("--run-dir", default="runs/endpoint", help="made here (default: %(default)s)")
    options = parser.parse_args(arguments)
    local = RunPaths(options.local, options.pair)
    if not local.claims.is_file():
        parser.error(f"there is no run in {options.local} to compare with; make reproduce writes one")
    teacher = load_study("pocket", options.pair).teacher.removeprefix("pocket/")
    with tempfile.TemporaryDirectory() as folder:
        copy = sampling_copy(teacher, Path(folder) / teacher)
        with served(Path(folder) / "server.log") as serve:
            settings = {"teacher": serve(copy), "teacher_4bit": False, "run_dir": options.run_dir}
            reproduce("pocket", [options.pair], settings)
    remote = RunPaths(options.run_dir, options.pair)
    with ResponseStore(remote.responses) as store:
        spent = store.spending()
    print(f"{spent.requests:,} requests, {spent.answered:,} answered; {spent.answer_tokens:,} answer tokens")
    rows = pd.concat(side_by_side(name, local, remote, options.pair) for name in TABLES)
    print(rows.set_index(["table", "what"]).round(3).to_string())
    print(f"{rows['agrees'].sum()} of {len(rows)} estimates agree within their intervals")


if __name__ == "__main__":
    program(main)
