"""Does the strongest adversary come close to a known total variation distance, and stay below it?"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import pandas as pd

from bbi_utils import games
from bbi_utils.adversaries import lexical_adversaries
from bbi_utils.games.certificate import certify
from benchmarks.worlds import Oracle, answer_pairs, pair_distance, single_distance

TEACHER = Oracle((0.5, 0.5, 0.0, 0.0))


def student_at(distance: float) -> Oracle:
    """An oracle at this distance: so often it opens with a word that the teacher never opens with."""
    kept = 0.5 * (1 - distance)
    return Oracle((kept, kept, distance, 0.0))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    for distance in (0.0, 0.1, 0.3, 0.6):
        student = student_at(distance)
        pairs = answer_pairs(np.random.default_rng(options.seed), options.prompts, TEACHER, student)
        played = [
            games.play(make, pairs, pair="scripted", contrast="base", folds=5, seed=options.seed)[0]
            for make in lexical_adversaries().values()
        ]
        rows = certify(pd.concat(played), epsilon=0.0).rows
        truth = {"single": single_distance(TEACHER, student), "pairwise": pair_distance(TEACHER, student)}
        for game, most in truth.items():
            best = max((row for row in rows if row.game == game), key=lambda row: row.advantage)
            above = any(row.lower > most for row in rows if row.game == game)
            print(
                f"distance {most:.3f} ({game}): strongest {best.adversary} {best.advantage:.3f} "
                f"[{best.lower:.3f}, {best.upper:.3f}]; an interval lies above the distance: {above}",
                flush=True,
            )


if __name__ == "__main__":
    main()
