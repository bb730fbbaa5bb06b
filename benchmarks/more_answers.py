"""What would lower the ceiling, if a second round does not? More of the teacher's answers, a larger adapter.

First rounds alone, of the student of a finished run: trained on so many of the teacher's answers, at so large
a rank of the adapter, else as the run trained its own; 0 answers are the student as it was. Judged as
`close_gap` judges its arms, so the two can be read side by side: what more money for the teacher would buy,
and what the student's size allows. What is finished is found again in `--out`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import pandas as pd

from bbi_utils import probes
from bbi_utils.files import replacing
from bbi_utils.progress import progress
from bbi_utils.report.closing import summary
from bbi_utils.study.closing.measuring import judged
from bbi_utils.study.closing.training import Experiment
from benchmarks import program
from pocket.answers import is_correct


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", default="runs/pocket", help="a finished run (default: %(default)s)")
    parser.add_argument("--pair", default="llama", help="of it (default: %(default)s)")
    parser.add_argument("--out", default="runs/more_answers", help="(default: %(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--answers", type=int, nargs="+", default=[0, 250, 1000, 3900])
    parser.add_argument("--ranks", type=int, nargs="+", default=[16, 64])
    options = parser.parse_args(arguments)
    experiment = Experiment(options.run, options.pair, options.out, is_correct=is_correct)
    if not experiment.settings.teacher.startswith("pocket/"):
        experiment.is_correct = None  # of other models nobody here knows what is right
    own = (len(experiment.distil), experiment.lora.r)
    cells = [own, *((n, rank if n else 0) for n in options.answers for rank in options.ranks)]
    tasks = list(product(dict.fromkeys(options.seeds), dict.fromkeys(cells)))
    parts = [measured(experiment, seed, *cell) for seed, cell in progress(tasks, "more answers")]
    found = summary(pd.concat(parts, ignore_index=True), against=name_of(*own))
    found.to_csv(experiment.out / "summary.csv", index=False)
    with pd.option_context("display.width", 250, "display.max_rows", None, "display.max_colwidth", 40):
        print(found.drop(columns="round").round(3).to_string(index=False))


def measured(experiment: Experiment, seed: int, answers: int, rank: int) -> pd.DataFrame:
    """One first round, trained and judged where it is not yet: `measuring.judged`, arm, seed and round."""
    folder = experiment.out / f"seed-{seed}" / f"answers-{answers}-rank-{rank}"
    done = folder.with_suffix(".parquet")
    if not done.exists():
        if answers:
            # An adapter is multiplied by alpha / rank: that stays.
            alpha = round(experiment.lora.alpha * rank / experiment.lora.r)
            lora = replace(experiment.lora, r=rank, alpha=alpha)
            experiment.distil_into(folder, experiment.taught(lessons(experiment, answers)), seed, lora)
        with replacing(done) as partial:
            judged(experiment, folder if answers else None, seed).to_parquet(partial, index=False)
    return pd.read_parquet(done).assign(arm=name_of(answers, rank), seed=seed, round=1)


def lessons(experiment: Experiment, answers: int) -> list[probes.Probe]:
    """The run's own lessons first; after them others, but none of the validation."""
    study = experiment.settings
    suite, kept = probes.load_probes(study.run.probes), {one.group for one in experiment.validation}
    asked = [one for one in suite if one.split != "distil" or one.group not in kept]
    return probes.take(asked, "distil", answers, study.seed)


def name_of(answers: int, rank: int) -> str:
    return f"{answers:,} answers, rank {rank}" if answers else "no lesson"


if __name__ == "__main__":
    program(main)
