"""Is the limit where it should be, do its intervals hold, and what does cutting the text anew change?

First two scripted oracles of known total variation distance, from which it is estimated again and again;
then a shipped teacher against a student, its own 4-bit form and itself, by the tokens that were sampled and
by those into which the text is cut anew.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from bbi_utils import oracles, probes, responses
from bbi_utils.games import limit
from bbi_utils.games.queries import outcome_bounds
from benchmarks import program

T, S = np.array([0.6, 0.3, 0.1, 0.0]), np.array([0.2, 0.3, 0.4, 0.1])
STRONG = {"distance 0.4": (T, S), "distance 0.1": ((T + 3 * S) / 4, S)}


def world(rng: np.random.Generator, teacher: np.ndarray, student: np.ndarray, prompts: int) -> pd.DataFrame:
    """Likelihoods of the answers of two scripted oracles."""
    rows = []
    with np.errstate(divide="ignore"):
        logs = np.log(teacher), np.log(student)
    for shown, own in (("teacher", teacher), ("student", student)):
        said = rng.choice(len(own), size=prompts, p=own)
        rows += [
            ("x", "base", f"p{i}", "all", shown, logs[0][a], logs[1][a], True, False)
            for i, a in enumerate(said)
        ]
    return pd.DataFrame(rows, columns=limit.LIKELIHOODS)


def scripted(options: argparse.Namespace) -> None:
    rng = np.random.default_rng(options.seed)
    for name, (teacher, student) in STRONG.items():
        for prompts in (100, 600):
            two, reverse = (np.outer(a, b).ravel() for a, b in ((teacher, student), (student, teacher)))
            truth = {"single": abs(teacher - student).sum() / 2, "pairwise": abs(two - reverse).sum() / 2}
            found = pd.concat(
                limit.ceilings(world(rng, teacher, student, prompts)) for _ in range(options.worlds)
            )
            found["truth"] = found["game"].map(truth)
            found["held"] = (found["lower"] <= found["truth"]) & (found["truth"] <= found["upper"])
            for game, part in found.groupby("game"):
                width, error = (
                    (part["upper"] - part["lower"]).mean(),
                    part["advantage"].mean() - truth[str(game)],
                )
                count = outcome_bounds(2 * truth[str(game)] - 1, prompts, error=0.025)
                print(f"{name}, {prompts} prompts, {game}: truth {truth[str(game)]:.3f}, bias {error:+.4f}, "
                      f"interval holds in {part['held'].mean():.1%}, {width:.3f} wide "
                      f"(by counting {(count[1] - count[0]) / 2:.3f})", flush=True)  # fmt: skip


def shipped(options: argparse.Namespace) -> None:
    suite = probes.build_suite(n=options.suite, seed=options.seed)
    test = probes.take(suite, "test", options.prompts, options.seed)
    engine = {"sampling": oracles.Sampling(max_new_tokens=options.tokens), "device": "cpu"}
    teacher = oracles.LocalOracle(f"pocket/{options.pair}-teacher", **engine)
    asked = {"teacher": teacher, responses.NULL: teacher}
    asked["base"] = oracles.LocalOracle(f"pocket/{options.pair}-student", quantisation="nf4", **engine)
    asked["teacher_4bit"] = oracles.LocalOracle(
        f"pocket/{options.pair}-teacher", quantisation="nf4", **engine
    )
    with tempfile.TemporaryDirectory() as folder, responses.ResponseStore(Path(folder) / "s.sqlite") as store:
        told = {
            arm: responses.sample(one, test, store, sample_index=int(arm == responses.NULL))
            for arm, one in asked.items()
        }
        for how in ("tokens as sampled", "text cut anew"):
            table = responses.likelihood_table(test, told, asked, store, pair=options.pair)
            for row in limit.ceilings(table).itertuples():
                ends = f"{row.advantage:.4f} [{row.lower:.3f}, {row.upper:.3f}]"
                print(f"{options.pair}, {how}, {row.contrast}, {row.game}: {ends}", flush=True)
            store.connection.execute("DELETE FROM tokens")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=500, help="for each kind (default: %(default)s)")
    parser.add_argument("--pair", default="qwen", help="shipped pair (default: %(default)s)")
    parser.add_argument("--prompts", type=int, default=150, help="for the pair (default: %(default)s)")
    parser.add_argument("--tokens", type=int, default=96, help="of an answer at most (default: %(default)s)")
    parser.add_argument("--suite", type=int, default=5000, help="prompts in the suite (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    scripted(options)
    shipped(options)


if __name__ == "__main__":
    program(main)
