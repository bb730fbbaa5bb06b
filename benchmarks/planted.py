"""Does the study find what is planted? Worlds of scripts alone, in which it is known where answers differ.

Teacher and student answer by their scripts, the lexical adversaries are cross-fitted, and the categories are
looked at as notebooks 04 and 09 do it. The ceiling is the exact total variation distance of the scripts.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pool

import numpy as np
import pandas as pd
from tqdm import tqdm

from bbi_utils import games
from bbi_utils.adversaries import lexical_adversaries
from bbi_utils.games.categories import artifacts_by_category, categories_differ, concentration
from bbi_utils.games.certificate import certify
from bbi_utils.probes import CATEGORIES, build_suite
from bbi_utils.report.summaries import learned
from benchmarks.coverage import share
from benchmarks.worlds import one_thread
from pocket.known_truth import distances, emphasis_on, scripted_pairs
from pocket.planted import PLANTED
from pocket.voices import EMPHASIS, TEACHERS

LEVEL = 0.05
PLANTED_IN: dict[str, Sequence[str]] = PLANTED["worlds"]["planted"]
WORLDS = {name: emphasis_on(categories) for name, categories in PLANTED_IN.items()}
WORLDS |= {"as_shipped": EMPHASIS, "none": dict.fromkeys(CATEGORIES, 0.0)}
KINDS = [(name, family) for name in WORLDS for family in TEACHERS][:-1]  # nobody's voice has no family


@dataclass(frozen=True)
class Found:
    """What the study says of one world.

    first: its first three categories. p: that all are alike. p_named: that the named three have no more than
    the others. refuted: the verdict at epsilon 0. strongest: game -> the largest advantage.
    """

    first: frozenset[str]
    p: float
    p_named: float
    refuted: bool
    strongest: Mapping[str, float]


def study(seed: int, world: str, *, family: str, prompts: int) -> Found:
    """One of the worlds, played and looked at as the study does it; in `none` the paper's three are named."""
    probes = build_suite(n=prompts, seed=seed)
    pairs = scripted_pairs(probes, family, WORLDS[world], seed=seed)
    played = [
        games.play(make, pairs, pair=family, contrast="base", folds=5, seed=seed)[0]
        for make in lexical_adversaries().values()
    ]
    scores = pd.concat(played)
    told, named = learned(scores), PLANTED_IN[world] or PLANTED_IN["as_shipped"]
    return Found(
        first=frozenset(artifacts_by_category(told, seed=seed)["category"][:3]),
        p=float(categories_differ(told, seed=seed)["p"].iloc[0]),
        p_named=float(concentration(told, named, seed=seed)["p"].iloc[0]),
        refuted=certify(scores, epsilon=0.0, confidence=1 - LEVEL).verdict == "refuted",
        strongest=games.advantage(scores, seed=seed).groupby("game")["advantage"].max().to_dict(),
    )


def told(found: Sequence[Found], planted: Sequence[str], truth: pd.DataFrame) -> list[str]:
    """The lines of one kind of world; truth: the distances by category."""
    named = {"planted": planted, "in truth first": truth.mean(axis=1).nlargest(3).index} if planted else {}
    hits = {
        f"first three are those {how} ({', '.join(three)})": [one.first == set(three) for one in found]
        for how, three in named.items()
    }
    hits["categories differ, p <= 0.05"] = [one.p <= LEVEL for one in found]
    hits["the named three have more, p <= 0.05"] = [one.p_named <= LEVEL for one in found]
    hits["epsilon 0 refuted"] = [one.refuted for one in found]
    lines = [f"{share(sum(hit), len(hit))} of {len(hit)}: {name}" for name, hit in hits.items()]
    for game, most in truth.mean().items():
        mean = np.mean([one.strongest[str(game)] for one in found])
        lines.append(f"strongest adversary, {game}: {mean:.3f} in the mean, ceiling {most:.3f}")
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10, help="worlds of each kind (default: %(default)s)")
    parser.add_argument("--worlds", nargs="+", choices=[*WORLDS], default=[*WORLDS], help="which (all)")
    parser.add_argument("--first", type=int, default=0, help="first seed (default: %(default)s)")
    parser.add_argument("--null-seeds", type=int, default=100, help="null worlds (default: %(default)s)")
    parser.add_argument(
        "--prompts", type=int, default=PLANTED["worlds"]["prompts"], help="a world (default: %(default)s)"
    )
    parser.add_argument("--null-prompts", type=int, default=600, help="a null world (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: %(default)s)")
    options = parser.parse_args(arguments)
    probes = build_suite(n=600)  # for the ceilings
    with Pool(options.workers, initializer=one_thread) as pool:
        for name, family in (kind for kind in KINDS if kind[0] in options.worlds):
            null = name == "none"
            prompts = options.null_prompts if null else options.prompts
            one = partial(study, world=name, family=family, prompts=prompts)
            every = range(options.first, options.first + (options.null_seeds if null else options.seeds))
            found = list(tqdm(pool.imap(one, every), total=len(every), desc=name, leave=False))
            truth = distances(probes, family, WORLDS[name], seed=0)
            print(f"{name}, {family}: {len(every)} worlds of {prompts} prompts")
            print("\n".join(f"  {line}" for line in told(found, PLANTED_IN[name], truth)), flush=True)


if __name__ == "__main__":
    main()
