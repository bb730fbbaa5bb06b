"""All arms over all seeds: carried out, and found again where they are finished.

In the folder of a pair: `seed-0/preference/` is an adapter, `preference.json` what it cost,
`preference.parquet` what was measured (`measuring.judged`) and `preference.grams.csv` what still tells; of
further rounds `preference-2` and so on.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pandas as pd

from bbi_utils.errors import BadInput
from bbi_utils.files import read_json, replacing, write_json
from bbi_utils.paths import shown
from bbi_utils.progress import Progress
from bbi_utils.study.closing.measuring import judged, telling
from bbi_utils.study.closing.training import ARMS, Experiment, train_arm

DONE = ".parquet"
GRAMS = ".grams.csv"


def carry_out(
    experiment: Experiment,
    seeds: Sequence[int],
    arms: Sequence[str],
    *,
    rounds: int = 1,
    progress: bool = True,
) -> pd.DataFrame:
    """Train and judge what is not finished yet; then the table of `read_results` for these seeds and arms.

    rounds: each from the last one's adapter, of every arm but that of the first round alone. Raises BadInput
    for an arm that is none.
    """
    if unknown := [name for name in arms if name not in ARMS]:
        raise BadInput(f"no arm of a second round is called {unknown[0]!r}; there are {', '.join(ARMS)}")
    if rounds < 1:
        raise BadInput(f"rounds is {rounds}; expected 1 or more")
    with Progress(len(seeds) * len(arms), "second round", shown=progress) as bar:
        for seed in seeds:
            for name in arms:
                bar.say(f"seed {seed}, {name}")
                _cell(experiment, name, seed, rounds)
                bar.update()
    return read_results(experiment.out, seeds=seeds, arms=arms, rounds=rounds)


def _cell(experiment: Experiment, name: str, seed: int, rounds: int) -> None:
    """One arm and seed, each round from the adapter of the one before."""
    arm, before = experiment.arms[name], experiment.first(seed)
    for number in range(1, rounds + 1 if arm else 2):
        after = experiment.after(name, seed, number)
        folder = after if arm else after.with_name(name)
        if not folder.with_suffix(DONE).exists():
            if not folder.with_suffix(".json").exists():
                cost = train_arm(experiment, arm, seed, before, folder) if arm else {}
                write_json(folder.with_suffix(".json"), cost)
            telling(experiment, after, seed).to_csv(folder.with_suffix(GRAMS), index=False)
            with replacing(folder.with_suffix(DONE)) as partial:  # last: where it is, all is there
                judged(experiment, after, seed).to_parquet(partial, index=False)
        before = after


def read_results(
    folder: Path,
    *,
    seeds: Collection[int] | None = None,
    arms: Collection[str] | None = None,
    rounds: int | None = None,
) -> pd.DataFrame:
    """What is finished in a pair's folder, or of that these seeds, arms and first rounds.

    Columns: those of `measuring.judged`, arm, seed, round (from 1), and what the round cost: tokens with a
    loss, seconds of training, own answers and weights, NaN where there was none. Raises BadInput where
    nothing is finished.
    """
    parts = []
    for name, number, seed, file in _finished(folder, DONE):
        if (
            (seeds is None or seed in seeds)
            and (arms is None or name in arms)
            and number <= (rounds or number)
        ):
            cost = read_json(file.with_suffix(".json")) or {}
            parts.append(pd.read_parquet(file).assign(arm=name, seed=seed, round=number, **cost))
    if not parts:
        raise BadInput(
            f"{shown(folder)} has no finished arm of a second round (seed-0/plain{DONE} and so on)"
        )
    return pd.concat(parts, ignore_index=True)


def read_grams(folder: Path, *, arms: Collection[str], seeds: Collection[int]) -> pd.DataFrame:
    """What still tells after the first of these rounds: arm, seed, and the columns of `measuring.telling`."""
    found = [one for one in _finished(folder, GRAMS) if one[0] in arms and one[1] == 1 and one[2] in seeds]
    parts = [
        pd.read_csv(file, keep_default_na=False).assign(arm=name, seed=seed) for name, _, seed, file in found
    ]
    return pd.concat(parts, ignore_index=True)


def _finished(folder: Path, suffix: str) -> Iterator[tuple[str, int, int, Path]]:
    """Arm, round, seed and file of each file of this kind, in the order of arms, rounds and seeds."""
    found = []
    for file in folder.glob(f"seed-*/*{suffix}"):
        arm = re.fullmatch(r"(\w+)(?:-(\d+))?", file.name.removesuffix(suffix))
        seed = re.fullmatch(r"seed-(\d+)", file.parent.name)
        if seed and arm and arm[1] in ARMS:
            found.append((arm[1], int(arm[2] or 1), int(seed[1]), file))
    order = list(ARMS)
    return iter(sorted(found, key=lambda one: (order.index(one[0]), one[1:3])))
