"""Where does an audit's time go? Seconds by part, their total and the peak memory, of one file a process.

The file is made: answers of the same words and list marks on both sides, a few of them oftener on one, and a
second answer of the teacher. `--file` takes another. Parts that run beside one another overlap, so that they
may add up to more than the total; each process reads, attacks, judges, draws and writes as the command does.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import wraps
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import program

LETTERS = "etaoinshrdlucmfwyp"


def written(path: Path, prompts: int, words: int, seed: int, *, null: bool) -> Path:
    """A file of that many prompts, whose answers have so many words in the mean."""
    rng = np.random.default_rng(seed)
    vocabulary = np.array(["".join(rng.choice([*LETTERS], rng.integers(2, 9))) for _ in range(8000)])
    chance = 1 / np.arange(1, len(vocabulary) + 1)
    other = chance * np.exp(0.15 * rng.standard_normal(len(chance)))

    def answer(weights: np.ndarray) -> str:
        said = rng.choice(vocabulary, max(3, int(rng.normal(words, words / 4))), p=weights / weights.sum())
        cut = np.flatnonzero(rng.random(len(said)) < 0.07)
        ends = np.where(
            np.isin(np.arange(len(said)), cut), rng.choice([".", ".\n", ",", ".\n- "], len(said)), ""
        )
        return " ".join(np.char.add(said, ends))

    with path.open("w") as file:
        for i in range(prompts):
            row = {"prompt_id": f"{i:07}", "prompt": f"Question {i}?", "category": f"c{i % 5}"}
            row |= {"teacher": answer(chance), "student": answer(other)}
            file.write(json.dumps(row | ({"teacher_2": answer(chance)} if null else {})) + "\n")
    return path


def timed(spent: dict[str, float], part: str, run: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(run)
    def timing(*args: Any, **how: Any) -> Any:
        began = time.perf_counter()
        try:
            return run(*args, **how)
        finally:
            spent[part] = spent.get(part, 0.0) + time.perf_counter() - began

    return timing


def parts(file: str) -> dict[str, float]:
    """Seconds of each part of one audit of the file, and the peak memory in megabytes."""
    began = time.perf_counter()
    from bbi_utils import games
    from bbi_utils.provenance import peak_memory
    from bbi_utils.report import audit, audit_files, figures
    from bbi_utils.report.text import render_audit
    from bbi_utils.responses.recorded import read_answers

    spent = {"imports": time.perf_counter() - began}
    where = {"attack": "all adversaries", "kernel_of": "kernel test", "prequential": "sequential test",
             "certify": "certificates", "where": "habits"}  # fmt: skip
    for name, part in where.items():
        setattr(audit, name, timed(spent, part, getattr(audit, name)))
    each, play = spent.setdefault, games.play

    def played(make: Any, **how: Any) -> Any:
        table, cost = play(make, **how)
        each(name := f"  {cost['adversary'].iloc[0]}", 0.0)
        spent[name] += float(cost["fit_seconds"].iloc[0] + cost["score_seconds"].iloc[0])
        return table, cost

    games.play = played  # type: ignore[assignment]
    recorded = timed(spent, "reading", read_answers)(file)
    done = audit.audit(recorded, audit.Settings(epsilon=0.1))
    tables = timed(spent, "tables", audit_files.tables_of)(done)
    drawn = timed(spent, "drawing", audit_files.figures_of)(done, tables)
    with tempfile.TemporaryDirectory() as folder:
        for name, figure in drawn.items():
            save = timed(spent, "saving figures", figures.save_figure)
            save(figure, name, Path(folder), notebook="audit", inputs=[])
    render_audit(done)
    spent["total"] = time.perf_counter() - began
    return spent | {"peak memory, MB": peak_memory() / 1e6}


def runs(file: Path, count: int) -> list[dict[str, float]]:
    """The parts of so many audits, one after another, each in a process of its own."""
    fresh = [ProcessPoolExecutor(1, mp_context=get_context("spawn")) for _ in range(count)]
    found = []
    for pool in fresh:
        with pool:
            found.append(pool.submit(parts, str(file)).result())
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=1000, help="of the file (default: %(default)s)")
    parser.add_argument("--words", type=int, default=150, help="of an answer (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=5, help="of which the median is told (default: 5)")
    parser.add_argument("--seed", type=int, default=0, help="of the file (default: %(default)s)")
    parser.add_argument("--file", type=Path, help="recorded answers to audit instead")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        file = options.file or written(
            Path(folder) / "made.jsonl", options.prompts, options.words, options.seed, null=True
        )
        found = runs(file, options.runs)
    print(f"{options.runs} audits of {file.name}, Python {sys.version.split()[0]}; seconds, median (range)")
    for part in found[0]:
        values = [one.get(part, 0.0) for one in found]
        print(f"| {part} | {np.median(values):.2f} ({min(values):.2f} to {max(values):.2f}) |")


if __name__ == "__main__":
    program(main)
