"""A second round of training: the loss is DPO's, its log-probabilities those of sampling, its budget kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from test_distill import ANSWERS, PROMPTS, SETTINGS
from test_distill import train as first_round

from bbi_utils.distillation import (
    answer_loss,
    collate,
    encode_example,
    graded_tokens,
)
from bbi_utils.distillation.examples import plan_steps
from bbi_utils.distillation.second_round import (
    FurtherRun,
    SecondRound,
    log_probabilities,
    preference_loss,
    train_further,
    weights_of,
)
from bbi_utils.errors import BadInput
from bbi_utils.oracles import LocalOracle, Sampling
from bbi_utils.oracles.adapters import adapter_hash
from bbi_utils.oracles.base import Said

torch = pytest.importorskip("torch")
HOW = SecondRound(temperature=0.7, beta=0.5, anchor=0.3)
LESSONS = pd.DataFrame({"prompt": PROMPTS, "answer": ANSWERS, "ended": True})
PAIRS = LESSONS.assign(rejected=[f"I think: {i}!" for i in range(24)], rejected_ended=True)


@pytest.fixture(scope="module")
def adapter(tiny_qwen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter after its first round."""
    out = tmp_path_factory.mktemp("first") / "adapter"
    first_round(tiny_qwen, out)
    return out


def further(student: Path, adapter: Path, out: Path, lessons: pd.DataFrame = PAIRS, **more: Any) -> Any:
    how = {"settings": SETTINGS, "how": HOW, "tokens": 300, "seed": 3, "progress": False} | more
    return train_further(student, adapter, lessons, out=out, **how)


def test_the_loss_and_its_gradient_are_those_of_the_formula() -> None:
    values = torch.randn(4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    chosen, rejected, margin, weight = values.abs().unbind()
    chosen.requires_grad_(), rejected.requires_grad_()
    loss = preference_loss(chosen, rejected, margin, weight, how=HOW, share=0.1)
    loss.backward()
    apart = HOW.beta * (chosen - rejected - margin).detach()
    by_hand = weight * (torch.log1p(torch.exp(-apart)) - HOW.anchor * 0.1 * chosen.detach())
    torch.testing.assert_close(loss.detach(), by_hand.sum())
    pull = HOW.beta / (1 + torch.exp(apart))
    torch.testing.assert_close(chosen.grad, -weight * (pull + HOW.anchor * 0.1))
    torch.testing.assert_close(rejected.grad, weight * pull)


def test_at_beta_one_the_teacher_minimises_the_preference_loss() -> None:
    """Every pair of answers, weighed by how often teacher and student would give them."""
    teacher, student = torch.tensor([0.6, 0.3, 0.06, 0.04]), torch.tensor([0.2, 0.3, 0.4, 0.1])
    first, second = torch.meshgrid(torch.arange(4), torch.arange(4), indexing="ij")
    weight, margin = teacher[first] * student[second], student.log()[first] - student.log()[second]
    found = {}
    for beta in (1.0, 0.5):
        logits = student.log().clone().requires_grad_()
        optimiser = torch.optim.LBFGS([logits], max_iter=200, line_search_fn="strong_wolfe")

        def loss(logits: Any = logits, optimiser: Any = optimiser, beta: float = beta) -> Any:
            optimiser.zero_grad()
            own = logits.log_softmax(-1)
            how = SecondRound(beta=beta, anchor=0)
            value = preference_loss(own[first], own[second], margin, weight, how=how, share=0.0)
            value.backward()
            return value

        optimiser.step(loss)
        found[beta] = logits.detach().softmax(-1)
    torch.testing.assert_close(found[1.0], teacher, atol=2e-3, rtol=0)
    beyond = student * (teacher / student) ** 2
    torch.testing.assert_close(found[0.5], beyond / beyond.sum(), atol=2e-3, rtol=0)


def test_log_probabilities_are_those_of_sampling(tiny_qwen: Path, adapter: Path) -> None:
    oracle = LocalOracle(
        tiny_qwen,
        adapter=adapter,
        quantisation="nf4",
        device="cpu",
        sampling=Sampling(temperature=0.7, top_p=1.0),
    )
    model, examples, said = oracle.model, [], []
    for row, ended in zip(PAIRS.head(6).itertuples(), [True, False] * 3, strict=True):
        examples.append(encode_example(oracle.tokenizer, row.prompt, row.answer, ended=ended))
        said.append(Said(row.prompt, oracle.cut(row.prompt, row.answer), ended))
    oracle.stops = [token for token in oracle.stops if token == examples[0]["labels"][-1]]
    assert len(oracle.stops) == 1  # a lesson ends with one of several
    with torch.inference_mode():
        found = log_probabilities(model, collate(examples, pad=0), temperature=0.7)
    assert found.numpy() == pytest.approx(oracle.log_likelihoods(said, progress=False), rel=1e-4)


@pytest.mark.parametrize("lessons", [LESSONS, PAIRS])
def test_no_tokens_leave_the_adapter_as_it_is(
    lessons: pd.DataFrame, tiny_qwen: Path, adapter: Path, tmp_path: Path
) -> None:
    curve = further(tiny_qwen, adapter, tmp_path / "a", lessons, tokens=0)
    assert curve.empty and adapter_hash(tmp_path / "a") == adapter_hash(adapter)


def test_arms_spend_equal_tokens(tiny_qwen: Path, adapter: Path, tmp_path: Path) -> None:
    for name, lessons in {"answers": LESSONS, "pairs": PAIRS}.items():
        spent = further(tiny_qwen, adapter, tmp_path / name, lessons, tokens=900)["tokens"]
        assert spent.sum() >= 900 > spent[:-1].sum()
        assert adapter_hash(tmp_path / name) != adapter_hash(adapter)


def test_an_unweighted_round_of_answers_has_the_first_rounds_loss(
    tiny_qwen: Path, adapter: Path, tmp_path: Path
) -> None:
    """Cross-entropy at temperature 1, and weights scale it."""
    once = {"how": SecondRound(), "tokens": 1}
    curves = [
        further(tiny_qwen, adapter, tmp_path / str(w), LESSONS.assign(weight=w), **once) for w in (1.0, 2.0)
    ]
    one, two = (curve["loss"].iloc[0] for curve in curves)
    assert two == pytest.approx(2 * one, rel=1e-5)
    oracle = LocalOracle(tiny_qwen, adapter=adapter, quantisation="nf4", device="cpu", sampling=Sampling())
    examples = [encode_example(oracle.tokenizer, *row) for row in zip(PROMPTS, ANSWERS, strict=True)]
    lengths = [len(example["input_ids"]) for example in examples]
    batch = [examples[i] for i in plan_steps(lengths, batch_size=8, epochs=1, seed=3)[0]]
    with torch.inference_mode():
        wanted = answer_loss(oracle.model, collate(batch, pad=0)).item() / graded_tokens(batch)
    assert one == pytest.approx(wanted, rel=1e-4)
    with pytest.raises(BadInput, match="temperature of a second round is 0"):
        SecondRound(temperature=0)


def test_a_round_that_stops_continues_to_the_same_bytes(
    tiny_qwen: Path, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, curve = tmp_path / "whole", further(tiny_qwen, adapter, tmp_path / "whole", tokens=2000)
    assert len(curve) > 4
    step = FurtherRun.step

    def dies(self: FurtherRun, number: int) -> Any:
        if number == 3:
            raise KeyboardInterrupt
        return step(self, number)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(FurtherRun, "step", dies)
        further(tiny_qwen, adapter, tmp_path / "torn", tokens=2000)
    assert not (tmp_path / "torn").exists() and (tmp_path / "torn.checkpoint.pt").exists()
    assert further(tiny_qwen, adapter, tmp_path / "torn", tokens=2000).equals(curve)
    name = "adapter_model.safetensors"
    assert (tmp_path / "torn" / name).read_bytes() == (whole / name).read_bytes()


def test_preference_moves_the_student_towards_the_teacher(
    tiny_qwen: Path, adapter: Path, tmp_path: Path
) -> None:
    curve = further(tiny_qwen, adapter, tmp_path / "a", how=replace(HOW, anchor=0), tokens=4000)
    assert curve["loss"].iloc[0] == pytest.approx(np.log(2), abs=1e-3)
    assert curve["loss"].iloc[-1] < 0.5 * curve["loss"].iloc[0]


class Exclaimed:
    """Finds an answer without "!" the teacher's, and notes what it learned from."""

    name = "exclaimed"
    seen: list[set[str]] = []

    def fit(self, pairs: pd.DataFrame, *, seed: int) -> None:
        self.seen.append(set(pairs["prompt_id"]))

    def score_pairs(self, prompts: Any, first: Any, second: Any) -> np.ndarray:
        return np.array([two.count("!") - one.count("!") for one, two in zip(first, second, strict=True)])


def test_weights_are_larger_where_an_adversary_tells() -> None:
    lessons = PAIRS.assign(prompt_id=[f"p{i}" for i in range(24)], category=["a", "b"] * 12)
    lessons["rejected"] = [f"It is {i}{'!' * (i % 3)}" for i in range(24)]
    weights = weights_of(Exclaimed, lessons, folds=3, seed=0)
    told = np.arange(24) % 3
    assert weights.mean() == pytest.approx(1)
    assert weights[told == 0].max() < weights[told == 1].min() <= weights[told == 1].max() < weights.max()
    assert weights.max() / weights.min() <= 2 + 1e-9
    assert len(Exclaimed.seen) == 3 and all(len(seen) == 16 for seen in Exclaimed.seen)
    same = lessons.assign(rejected=lessons["answer"])
    assert np.allclose(weights_of(Exclaimed, same, folds=3, seed=0), 1)
