"""Smaller stages by part, each beside what one could use instead; in seconds of computing.

* grams: the n-gram adversaries of notebook 04, 3 folds of 4 contrasts that share the teacher's answers,
  beside scikit-learn's TfidfVectorizer and LogisticRegression, the same n-grams, anew for each fold. Both
  learn from single answers and differences of pairs; areas under the curve must be equal.
* embeddings: what similarity reads, beside sentence-transformers' `encode`, batches of 32.
* starts: the imports of each notebook, and a kernel, in a process of its own each, beside torch alone.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from bbi_utils import games, paths
from bbi_utils.adversaries import ngrams
from benchmarks.encoder_speed import told

FOLDS, CONTRASTS = 3, 4
EQUAL = 1e-6  # between numbers of a vector
AREA = 2e-5  # between areas under the curve: a few of 360,000 pairs of answers as good as tie
NOTHING, TORCH = "nothing: the interpreter", "torch alone"
KERNEL = (
    "from jupyter_client.manager import start_new_kernel\n"
    "manager, client = start_new_kernel()\nclient.execute_interactive('1')\nmanager.shutdown_kernel()"
)
Way = Callable[[], Any]


def computing(act: Way) -> tuple[Any, float]:
    """What it returns, and the seconds that this process computed."""
    began = time.process_time()
    return act(), time.process_time() - began


def in_turn(ways: dict[str, Way], rounds: int) -> list[tuple[Any, list[float]]]:
    """Of each way what it returns and its seconds, all ways run in turn."""
    found = [[computing(act) for act in ways.values()] for _ in range(rounds)]
    return [(runs[-1][0], [seconds for _, seconds in runs]) for runs in zip(*found, strict=True)]


def said(name: str, seconds: Sequence[float], ours: float | None = None, more: str = "") -> None:
    """A row of a table: median, range and how many times ours."""
    middle = statistics.median(seconds)
    times = "" if ours is None else f"{middle / ours:.2f}"
    spread = f"{min(seconds):.2f} to {max(seconds):.2f}"
    print(f"| {name} | {middle:.2f} ({spread}) | {times} | {more} |", flush=True)


def contrasts(prompts: int) -> list[pd.DataFrame]:
    """Pairs of one teacher and several students."""
    tables = [told(prompts, seed) for seed in range(CONTRASTS)]
    about = {"prompt_id": [f"{i:05}" for i in range(prompts)], "category": "all"}
    return [tables[0].assign(student=one["student"], **about) for one in tables]


def texts_of(tables: Sequence[pd.DataFrame]) -> list[str]:
    """All answers, the teacher's once for each contrast."""
    return [text for table in tables for side in ("teacher", "student") for text in table[side]]


def ours_of(name: str, tables: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Scores of all contrasts by an adversary of the package."""
    make, how = ngrams.factories()[name], {"pair": "one", "folds": FOLDS}
    return [games.play(make, one, contrast=str(i), **how)[0] for i, one in enumerate(tables)]


def theirs_of(grams: dict[str, Any], tables: Sequence[pd.DataFrame]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Scores of single answers (teacher's, then student's) and of pairs by scikit-learn."""
    from scipy.sparse import vstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    found = []
    for table in tables:
        fold = games.assign_folds(table, folds=FOLDS, seed=0)
        single, paired = np.zeros((2, len(table))), np.zeros(len(table))
        for held_out in range(FOLDS):
            train, test = table[fold != held_out], table[fold == held_out]
            read = TfidfVectorizer(lowercase=False, sublinear_tf=True, **grams)
            both = read.fit_transform([*train["teacher"], *train["student"]])
            apart = both[: len(train)] - both[len(train) :]
            how = {"C": 10.0, "solver": "liblinear", "random_state": 0}
            one = LogisticRegression(**how).fit(both, np.repeat([1, 0], len(train)))
            two = LogisticRegression(fit_intercept=False, **how)
            two.fit(vstack([apart, -apart]), np.repeat([1, 0], len(train)))
            teacher, student = (read.transform(test[side]) for side in ("teacher", "student"))
            single[:, fold == held_out] = [one.decision_function(side) for side in (teacher, student)]
            paired[fold == held_out] = (teacher - student) @ two.coef_[0]
        found.append((single, paired))
    return found


def areas(scores: Any) -> list[float]:
    """Area under the curve of single answers in each contrast, all folds together."""
    from sklearn.metrics import roc_auc_score

    if isinstance(scores[0], pd.DataFrame):
        alone = [one[one["game"] == "single"] for one in scores]
        return [roc_auc_score(one["shown"] == "teacher", one["score"]) for one in alone]
    return [roc_auc_score(np.repeat([1, 0], one.shape[1]), one.ravel()) for one, _ in scores]


def grams(prompts: int, rounds: int) -> None:
    tables = contrasts(prompts)
    for name, cut in (("word_ngrams", ngrams.WORD_GRAMS), ("char_ngrams", ngrams.CHAR_GRAMS)):
        ways = {"ours": partial(ours_of, name, tables), "scikit-learn": partial(theirs_of, cut, tables)}
        (mine, took), (other, theirs) = in_turn(ways, rounds)
        apart = np.abs(np.subtract(areas(mine), areas(other))).max()
        said(f"{name}, ours", took, statistics.median(took), f"AUC {np.mean(areas(mine)):.4f}")
        said(f"{name}, scikit-learn", theirs, statistics.median(took), f"AUC apart by {apart:.0e} at most")
        if apart > AREA:
            raise SystemExit(f"FAILED: {name}: areas under the curve differ by {apart}")
        _, counting = computing(partial(ngrams.GramCounts(cut).of, texts_of(tables)))
        said(f"{name}, of that counting", [counting], statistics.median(took))


def embeddings(prompts: int, rounds: int) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    from bbi_utils.oracles.sentence_encoder import embed, load_encoder

    encoder, texts = load_encoder(device="cpu"), texts_of(contrasts(prompts))
    plain = {"batch_size": 32, "normalize_embeddings": True, "show_progress_bar": False}
    ways = {
        "ours": lambda: embed(texts, encoder).vectors,
        "encode, each text once": lambda: encoder.encode(list(dict.fromkeys(texts)), **plain),
        "encode, all texts": lambda: encoder.encode(texts, **plain),
    }
    (mine, took), (_, once), (other, every) = in_turn(ways, rounds)
    apart = float(np.abs(mine - other).max())
    print(f"  {len(texts)} texts, {len(set(texts))} different, vectors apart by {apart:.0e} at most")
    with FlopCounterMode(display=False) as counter:
        embed(texts, encoder)
    x, weight = torch.randn(1024, 384), torch.randn(1536, 384)
    products = [computing(lambda: [x @ weight.T for _ in range(20)])[1] for _ in range(9)]
    rate, needed = 20 * 2 * 1024 * 384 * 1536 / statistics.median(products), counter.get_total_flops()
    for name, seconds in zip(ways, (took, once, every), strict=True):
        said(name, seconds, statistics.median(took))
    what = f"{needed / 1e9:.0f} billion operations at {rate / 1e9:.0f} billion a second"
    said("limit: products", [needed / rate], statistics.median(took), what)
    if apart > EQUAL:
        raise SystemExit(f"FAILED: vectors differ by {apart}")


def imports_of(notebook: Path) -> str:
    """The import lines of a notebook's first code cell."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = next("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    lines = [node for node in ast.parse(code).body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return "\n".join(map(ast.unparse, lines))


def started(code: str) -> float:
    """Computing seconds of an interpreter that runs this, and of what it starts."""
    before = os.times()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"FAILED: {done.stderr[-1000:]}")
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def starts(rounds: int) -> None:
    codes = {NOTHING: "", TORCH: "import torch", "the command's help": "import bbi_utils.study.cli.main"}
    codes |= {one.stem: imports_of(one) for one in sorted((paths.ROOT / "notebooks").glob("0[0-9]_*.ipynb"))}
    codes["a kernel that runs one line"] = KERNEL
    seconds: dict[str, list[float]] = {name: [] for name in codes}
    for _ in range(rounds):
        for name, code in codes.items():
            seconds[name].append(started(code))
    for name, some in seconds.items():
        said(name, some, statistics.median(seconds[TORCH]))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    stages = ("grams", "embeddings", "starts")
    parser.add_argument("--stages", nargs="+", choices=stages, default=stages, help="(default: all)")
    parser.add_argument("--prompts", type=int, default=600, help="of the suite (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="all ways in turn (default: %(default)s)")
    options = parser.parse_args(arguments)
    acts = {"grams": lambda: grams(options.prompts, options.rounds)}
    acts |= {
        "embeddings": lambda: embeddings(options.prompts, options.rounds),
        "starts": lambda: starts(options.rounds),
    }
    torch.set_num_threads(1)
    print(f"{options.prompts} prompts, 1 thread, medians of {options.rounds} rounds in turn")
    for name in options.stages:
        acts[name]()


if __name__ == "__main__":
    main()
