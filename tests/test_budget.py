"""Query budgets: purchases nest and are paid for, a killed run repeats nothing, one basket is one student."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import Asked

from bbi_utils.distillation import budget
from bbi_utils.distillation.acquisition import STRATEGIES
from bbi_utils.distillation.lora import LoraSettings
from bbi_utils.errors import BadInput
from bbi_utils.oracles import Sampling
from bbi_utils.progress import Progress
from bbi_utils.responses.store import ResponseStore

TEST = [Asked(f"t{i}", f"What is {i} more?") for i in range(3)]
N = 80
POOL = pd.DataFrame(
    {
        "id": [f"p{i:02d}" for i in range(N)],
        "category": [f"c{i % 4}" for i in range(N)],
        "prompt": [f"What is {i}?" for i in range(N)],
        "teacher": [f"It is {i}." for i in range(N)],
        "ended": True,
    }
)
EMBEDDINGS = np.random.default_rng(0).standard_normal((N, 8))
DISAGREEMENT = pd.Series(EMBEDDINGS[:, 0], index=POOL["id"])
SETTINGS = LoraSettings(r=2, alpha=4, batch_size=4, epochs=1, learning_rate=2e-2)
CELLS = [
    budget.Cell("stratified_random", 4, 0, ("p03", "p00", "p01", "p02")),
    budget.Cell("diversity", 4, 0, ("p00", "p01", "p02", "p03")),  # the same basket, packed otherwise
    budget.Cell("stratified_random", 4, 1, ("p00", "p01", "p02", "p03")),
]


def plan(**changes: Any) -> list[budget.Cell]:
    asked = {"strategies": STRATEGIES, "budgets": (8, 20), "replications": 2, "seed": 3} | changes
    return budget.plan_cells(POOL, EMBEDDINGS, DISAGREEMENT, **asked)


def test_every_cell_is_planned_once_and_smaller_budgets_are_part_of_larger_ones() -> None:
    cells = {(c.strategy, c.budget, c.seed): c.prompt_ids for c in plan()}
    assert len(cells) == len(plan()) == len(STRATEGIES) * 2 * 2
    for (strategy, size, seed), bought in cells.items():
        assert len(set(bought)) == size and bought == cells[strategy, 20, seed][:size]
    assert cells["stratified_random", 20, 0] != cells["stratified_random", 20, 1]
    assert plan() == plan() != plan(seed=4)


def test_only_who_knows_all_sees_what_was_not_paid_for(monkeypatch: pytest.MonkeyPatch) -> None:
    tills: list[budget.Till] = []

    class Watched(budget.Till):
        def __init__(self, disagreement: pd.Series) -> None:
            super().__init__(disagreement)
            tills.append(self)

    monkeypatch.setattr(budget, "Till", Watched)
    cells = plan(strategies=["stratified_random", "disagreement", "diversity"], replications=1)
    bought = next(c for c in cells if (c.strategy, c.budget) == ("disagreement", 20)).prompt_ids
    sold = [till.sold for till in tills]
    assert sold[0] == sold[2] == [] and set(sold[1]) < set(bought)


@pytest.mark.parametrize(
    "wrong", [{"budgets": ()}, {"budgets": (0, 5)}, {"replications": 0}, {"strategies": ()}]
)
def test_plans_without_anything_to_buy_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="at least one of each"):
        plan(**wrong)


def test_a_budget_beyond_the_pool_is_refused() -> None:
    with pytest.raises(BadInput, match="pool has 80"):
        plan(budgets=(8, 81))


class Workshop:
    """Counts trainings, and fails at the one it is told to, as a kill would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, student: Path) -> None:
        self.train, self.done, self.fail_at = budget.train_adapter, 0, -1
        monkeypatch.setattr(budget, "train_adapter", self)
        sampling = Sampling(temperature=0.9, top_p=1.0, max_new_tokens=5, seed=2)
        self.recipe = budget.Recipe(student=str(student), settings=SETTINGS, sampling=sampling, device="cpu")

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        if self.done == self.fail_at:
            raise KeyboardInterrupt
        self.done += 1
        return self.train(*arguments, **settings)

    def spend(self, folder: Path, pool: pd.DataFrame = POOL, **changes: Any) -> pd.DataFrame:
        with ResponseStore(folder / "r.sqlite") as store:
            recipe = replace(self.recipe, **changes)
            return budget.spend(CELLS, pool, TEST, recipe, store, folder=folder / "budget")


@pytest.fixture
def workshop(monkeypatch: pytest.MonkeyPatch, tiny_qwen: Path) -> Workshop:
    return Workshop(monkeypatch, tiny_qwen)


def test_a_killed_run_repeats_nothing_and_ends_the_same(workshop: Workshop, tmp_path: Path) -> None:
    whole = workshop.spend(tmp_path / "whole")
    assert workshop.done == 2  # the second cell bought what the first did
    by_cell = {key: list(part["answer"]) for key, part in whole.groupby(["strategy", "seed"])}
    assert by_cell["diversity", 0] == by_cell["stratified_random", 0] != by_cell["stratified_random", 1]
    assert list(whole["prompt_id"]) == [one.id for one in TEST] * 3
    workshop.fail_at = 3
    with pytest.raises(KeyboardInterrupt):
        workshop.spend(tmp_path / "killed")
    workshop.fail_at = -1
    pd.testing.assert_frame_equal(workshop.spend(tmp_path / "killed"), whole)
    assert workshop.done == 4
    pd.testing.assert_frame_equal(workshop.spend(tmp_path / "killed"), whole)
    assert workshop.done == 4
    left = sorted(path.suffix for path in (tmp_path / "killed" / "budget").iterdir())
    assert left == [".json", ".json"]


def test_other_answers_or_settings_are_other_students(workshop: Workshop, tmp_path: Path) -> None:
    workshop.spend(tmp_path)
    workshop.spend(tmp_path, pool=POOL.assign(teacher=POOL["teacher"].str.replace("p", "q") + " Yes."))
    assert workshop.done == 4
    workshop.spend(tmp_path, settings=replace(SETTINGS, learning_rate=1e-2))
    assert workshop.done == 6
    workshop.spend(tmp_path, settings=replace(SETTINGS, checkpoint_every=3))  # changes no number
    assert workshop.done == 6


def test_equal_answers_have_similarity_one_and_rows_keep_their_cell() -> None:
    class Letters:
        """An encoder that counts letters."""

        max_seq_length = None

        def encode(self, texts: list[str], **_: Any) -> np.ndarray:
            counts = np.array([[text.count(letter) for letter in "abc"] for text in texts], dtype=float)
            return counts / np.linalg.norm(counts, axis=1, keepdims=True)

    columns = {"strategy": "diversity", "budget": 4, "seed": [0, 0, 1], "prompt_id": ["t1", "t0", "t1"]}
    answers = pd.DataFrame(columns | {"answer": ["aab", "c", "ab"]})
    teacher = pd.DataFrame({"prompt_id": ["t0", "t1"], "category": "x", "teacher": ["ab", "aab"]})
    table = budget.compare_answers(answers, teacher, Letters(), pair="qwen")
    assert list(table.columns) == ["pair", "strategy", "budget", "seed", "prompt_id", "similarity"]
    assert table["similarity"].tolist() == pytest.approx([1.0, 0.0, 3 / 10**0.5])
    assert table["seed"].tolist() == [0, 0, 1] and table["prompt_id"].tolist() == ["t1", "t0", "t1"]


def test_of_nested_bars_only_the_outer_one_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BBI_PROGRESS", str(tmp_path / "progress.json"))
    with Progress(4, "outer", shown=False) as outer:
        outer.update(3)
        with Progress(9, "inner", shown=False) as inner:
            inner.update(9)
    state = json.loads((tmp_path / "progress.json").read_text())
    assert (state["description"], state["done"]) == ("outer", 3)
