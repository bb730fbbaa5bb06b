"""How much of the gap does a second round close, with the same teacher answers and no new query?

Of a finished run it takes the teacher's answers, and the settings. Each seed trains a first round (seed 0 has
the run's own), has the student answer the lessons, and trains it further in each arm with equal tokens. Then
the student answers held-out prompts, where fresh adversaries are cross-fitted and exact likelihoods give the
ceiling. What is finished is found again in `--out`, and a killed run goes on there. Notebook 12 explains it;
the intervals printed here hold each by itself (`bbi_utils.report.closing.summary`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import pandas as pd

from bbi_utils.report.closing import CONTROL, costs, summary
from bbi_utils.study.closing.results import carry_out
from bbi_utils.study.closing.training import ARMS, Experiment
from benchmarks import program
from pocket.answers import is_correct


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", default="runs/pocket", help="a finished run (default: %(default)s)")
    parser.add_argument("--pair", default="qwen", help="of it (default: %(default)s)")
    parser.add_argument("--out", default="runs/close_gap", help="(default: %(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--arms", nargs="+", default=[*ARMS], choices=[*ARMS])
    parser.add_argument(
        "--passes", type=float, help="over the teacher's answers, of each arm (default: its own)"
    )
    parser.add_argument("--rounds", type=int, default=1, help="each from the last one's adapter")
    parser.add_argument("--encoders", action="store_true", help="the run's encoders are adversaries too")
    parser.add_argument(
        "--development", type=int, default=0, help="so many development prompts for the test's"
    )
    options = parser.parse_args(arguments)
    if CONTROL not in options.arms:
        parser.error(f"--arms lacks {CONTROL}, which the others are compared with")
    experiment = Experiment(
        options.run, options.pair, options.out, passes=options.passes, development=options.development,
        encoders=options.encoders, is_correct=is_correct,
    )  # fmt: skip
    if not experiment.settings.teacher.startswith("pocket/"):
        experiment.is_correct = None  # of other models nobody here knows what is right
    table = carry_out(experiment, options.seeds, options.arms, rounds=options.rounds)
    found = summary(table)
    found.to_csv(experiment.out / "summary.csv", index=False)
    with pd.option_context("display.width", 250, "display.max_rows", None, "display.max_colwidth", 40):
        print(costs(table).round(1).to_string(index=False))
        print(found.round(3).to_string(index=False))


if __name__ == "__main__":
    program(main)
