"""What a query budget buys: prompts by each strategy, a student distilled on them, its test answers.

A cell is one strategy, budget and seed. A finished cell leaves its answers in the response store and a small
record that names them; a run that was killed takes finished cells from there and computes only the others.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bbi_utils.distillation.acquisition import Till, choose
from bbi_utils.distillation.lora import LoraSettings, train_adapter
from bbi_utils.errors import BadInput
from bbi_utils.files import read_json, sha256_json, write_json
from bbi_utils.games.similarity import compare
from bbi_utils.oracles import LocalOracle, Sampling
from bbi_utils.progress import Progress
from bbi_utils.responses.sampling import Asked, sample
from bbi_utils.responses.store import ResponseStore

SEEDS_APART = 1000  # so that neighbouring study seeds share no replication


@dataclass(frozen=True)
class Cell:
    """A purchase: the prompts that a strategy buys with a budget, in order. `seed` counts replications."""

    strategy: str
    budget: int
    seed: int
    prompt_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a student is made from bought prompts and then asked: the same for every cell.

    A replication has its own seed for the purchase, for training and for sampling; the strategies in it share
    all three, so that they differ in what they bought and in nothing else.
    """

    student: str
    settings: LoraSettings
    sampling: Sampling
    dtype: str = "auto"
    device: str = "auto"
    batch_size: int = 64

    def oracle(self, cell: Cell, adapter: Path | None) -> LocalOracle:
        """The student, with the adapter trained in this cell or without any."""
        sampling = replace(self.sampling, seed=replication_seed(self.sampling.seed, cell.seed))
        engine: dict[str, Any] = {"dtype": self.dtype, "device": self.device, "sampling": sampling}
        engine |= {"revision": self.settings.revision, "quantisation": self.settings.quantisation}
        return LocalOracle(self.student, adapter=adapter, **engine)


def replication_seed(seed: int, replication: int) -> int:
    """The seed of replication 0, 1, ... of a study with this seed."""
    return SEEDS_APART * seed + replication


def plan_cells(
    pool: pd.DataFrame,
    embeddings: np.ndarray,
    disagreement: pd.Series,
    *,
    strategies: Sequence[str],
    budgets: Sequence[int],
    replications: int,
    seed: int,
) -> list[Cell]:
    """Every cell, cheapest first. Each strategy buys once a replication; smaller budgets are its first part.

    `pool` and `embeddings` as `acquisition.choose` takes them; `disagreement`, indexed by prompt id, is told
    at a `Till`. Raises BadInput for a budget below 1 or beyond the pool, and for no strategy or replication.
    """
    if not budgets or min(budgets) < 1 or replications < 1 or not strategies:
        found = f"budgets {list(budgets)}, strategies {list(strategies)}, {replications} seeds"
        raise BadInput(f"{found}; expected at least one of each, and budgets of at least 1 prompt")
    cells = []
    for replication in range(replications):
        for strategy in strategies:
            till, own_seed = Till(disagreement), replication_seed(seed, replication)
            order = choose(strategy, pool, embeddings, max(budgets), disagreement=till, seed=own_seed)
            cells += [Cell(strategy, size, replication, tuple(order[:size])) for size in set(budgets)]
    place = {strategy: number for number, strategy in enumerate(strategies)}
    return sorted(cells, key=lambda cell: (cell.budget, cell.seed, place[cell.strategy]))


def spend(
    cells: Sequence[Cell],
    pool: pd.DataFrame,
    test: Sequence[Asked],
    recipe: Recipe,
    store: ResponseStore,
    *,
    folder: Path | str,
) -> pd.DataFrame:
    """Distil and answer for every cell: strategy, budget, seed, prompt_id, answer, in the order of `cells`.

    `pool` has columns id, prompt, teacher (the teacher's answer, of which a cell sees what it bought) and
    ended (whether that answer ended by itself). Records of finished cells go into `folder`. Equal purchases
    of one replication are computed once.
    """
    offers = pool.set_index("id")[["prompt", "teacher", "ended"]]
    parts = []
    # Counted in prompts, learned from and answered, so that the time left is right though budgets grow.
    with Progress(sum(cell.budget + len(test) for cell in cells), "spend budgets") as bar:
        for cell in cells:
            answers = finish_cell(cell, offers, test, recipe, store, folder=Path(folder))
            part = pd.DataFrame({"prompt_id": answers.keys(), "answer": answers.values()})
            parts.append(part.assign(strategy=cell.strategy, budget=cell.budget, seed=cell.seed))
            bar.update(cell.budget + len(test))
    columns = ["strategy", "budget", "seed", "prompt_id", "answer"]
    return pd.concat(parts, ignore_index=True)[columns]


def finish_cell(
    cell: Cell,
    offers: pd.DataFrame,
    test: Sequence[Asked],
    recipe: Recipe,
    store: ResponseStore,
    *,
    folder: Path,
) -> dict[str, str]:
    """Answers of the student distilled in this cell, by prompt id; from the store where all are there."""
    # Sorted: one set of prompts gives one adapter, whoever bought it and in whatever order.
    examples = offers.loc[sorted(cell.prompt_ids)]
    # Named by everything that shapes its answers.
    shape = [recipe.oracle(cell, None).settings, recipe.settings.shaping(), examples.to_numpy().tolist()]
    name = sha256_json(shape)[:16]
    record, adapter = folder / f"{name}.json", folder / name
    done = read_json(record)
    have = store.answers(done["fingerprint"]) if done else {}
    if all(one.id in have for one in test):
        return {one.id: have[one.id].answer for one in test}
    train_adapter(
        recipe.student,
        list(examples["prompt"]),
        list(examples["teacher"]),
        out=adapter,
        settings=recipe.settings,
        seed=replication_seed(recipe.sampling.seed, cell.seed),
        ended=list(examples["ended"]),
        system_prompt=recipe.sampling.system_prompt,
        dtype=recipe.dtype,
        device=recipe.device,
        progress=False,
    )
    oracle = recipe.oracle(cell, adapter)
    table = sample(oracle, test, store, batch_size=recipe.batch_size, progress=False)
    oracle.release()
    write_json(record, {"fingerprint": oracle.fingerprint})
    shutil.rmtree(adapter)  # its answers are kept; dozens of adapters of a large model would fill a disk
    return dict(zip(table["prompt_id"], table["answer"], strict=True))


def compare_answers(
    answers: pd.DataFrame, teacher: pd.DataFrame, encoder: object, *, pair: str
) -> pd.DataFrame:
    """Similarity with the teacher: pair, strategy, budget, seed, prompt_id, similarity (cosine).

    `teacher` has columns prompt_id, category and teacher, one row a test prompt. Every distinct answer of
    all cells is embedded once.
    """
    pairs = answers.merge(teacher, on="prompt_id", how="left").rename(columns={"answer": "student"})
    rows, _ = compare(pairs, encoder, pair=pair, contrast="bought")
    columns = ["pair", "strategy", "budget", "seed", "prompt_id", "similarity"]
    return pairs.assign(pair=pair, similarity=rows["similarity"])[columns]
