"""The decode loop whose rows leave: the tokens of `generate`, and no row waits for another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import make_qwen
from test_sampling import PROBES, SAME, run

from bbi_utils.oracles import LocalOracle, Request, Sampling, decoding, quantised
from bbi_utils.oracles.base import Answer
from bbi_utils.responses.store import ResponseStore

SAMPLING = Sampling(temperature=0.9, top_p=0.95, max_new_tokens=24, seed=3)
ASKED = [Request(probe.id, probe.prompt) for probe in PROBES]


@pytest.fixture(autouse=True)
def every_model_counts_as_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantised, "WIDE", 0)


def oracle_of(folder: Path, **how: Any) -> LocalOracle:
    """An oracle that stops at many a token, so that its answers are of many lengths."""
    oracle = LocalOracle(folder, sampling=replace(SAMPLING, **how), device="cpu")
    assert oracle.model is not None  # loading sets the stops
    oracle.stops = [*oracle.stops, *range(70, 320, 9)]
    return oracle


def by_generate(oracle: LocalOracle) -> list[tuple[int, ...]]:
    """The tokens of each prompt alone, by transformers' own loop, up to and with the first stop token."""
    said = []
    for one in ASKED:
        (row,) = oracle.generate_padded([oracle.encode(one.prompt)], [(one.prompt_id, one.sample_index)])
        said.append(oracle.read(one, 1, row, 0.0).tokens)
    return said


@pytest.mark.parametrize("family", ["tiny_qwen", "tiny_llama"])
@pytest.mark.parametrize("how", [{}, {"temperature": 0.0}, {"system_prompt": "You are brief. " * 9}])
def test_whatever_is_beside_it_an_answer_has_the_tokens_of_generate_alone(
    family: str, how: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    oracle = oracle_of(request.getfixturevalue(family), **how)
    alone = by_generate(oracle)
    assert len({len(one) for one in alone}) > 3
    kinds = {type(module) for module in oracle.model.modules()}
    for rows in (1, 3, 8, 13):
        assert [one.tokens for one in oracle.answer(ASKED, rows=rows)] == alone
    assert {type(module) for module in oracle.model.modules()} == kinds  # oneDNN has left again


def test_no_row_waits_for_another_and_no_more_are_there_than_were_allowed(
    tiny_qwen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    oracle, steps, step = oracle_of(tiny_qwen), list[int](), decoding.step
    monkeypatch.setattr(decoding, "step", lambda *all_: steps.append(len(all_[2])) or step(*all_))
    answers = oracle.answer(ASKED, rows=4)
    assert max(steps) == 4 and sum(steps) == sum(len(one.tokens) for one in answers)
    assert len(steps) < sum(steps) / 2  # more than two rows a step


def test_a_window_that_is_outgrown_goes_batch_by_batch_and_says_the_same(tmp_path: Path) -> None:
    for size in (16, 4096):
        window = {"sliding_window": size, "use_sliding_window": True, "max_window_layers": 0}
        oracle = oracle_of(make_qwen(tmp_path / str(size), **window))
        longest = max(len(oracle.encode(one.prompt)) for one in ASKED) + SAMPLING.max_new_tokens
        assert decoding.can_serve(oracle.model, longest) == (size == 4096)
        assert [one.tokens for one in oracle.answer(ASKED, rows=4)] == by_generate(oracle)


def test_an_interrupted_queue_is_asked_whole_and_ends_as_in_peace(tiny_qwen: Path, tmp_path: Path) -> None:
    class Interrupted(ResponseStore):
        def add(self, fingerprint: str, answers: list[Answer], **settings: Any) -> None:
            if len(self.known(fingerprint)) == 8:
                raise KeyboardInterrupt
            super().add(fingerprint, answers, **settings)

    oracle = oracle_of(tiny_qwen)
    with Interrupted(tmp_path / "r.sqlite") as store, pytest.raises(KeyboardInterrupt):
        run(oracle, PROBES, store, batch_size=2)
    with ResponseStore(tmp_path / "r.sqlite") as store, ResponseStore(tmp_path / "whole.sqlite") as other:
        assert len(store.known(oracle.fingerprint)) == 8  # four for each of two rows
        resumed, whole = (run(oracle, PROBES, one, batch_size=2) for one in (store, other))
    assert resumed[SAME].equals(whole[SAME])
