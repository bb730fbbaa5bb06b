"""Likelihoods of answers: those that sampling had at each step, the nucleus's, and those of many draws."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import make_qwen

from bbi_utils import oracles, probes, responses
from bbi_utils.errors import BadInput
from bbi_utils.games import limit
from bbi_utils.oracles import likelihood
from bbi_utils.oracles.base import Said
from bbi_utils.oracles.likelihood import probabilities
from bbi_utils.oracles.seeded import inverse_cdf, nucleus
from bbi_utils.responses.likelihoods import said_by

torch = pytest.importorskip("torch")
PROMPTS = ["Name three fruits.", "Write one short sentence about rain.", "A or B?", "What is the capital?"]


def local(folder: Path, **sampling: float) -> oracles.LocalOracle:
    settings = {"temperature": 0.9, "top_p": 0.9, "max_new_tokens": 12, **sampling}
    return oracles.LocalOracle(folder, device="cpu", sampling=oracles.Sampling(**settings))  # type: ignore[arg-type]


def asked(count: int = 4) -> list[oracles.Request]:
    return [oracles.Request(f"p{i}", PROMPTS[i % len(PROMPTS)]) for i in range(count)]


def said_of(oracle: oracles.LocalOracle, requests: list[oracles.Request]) -> list[Said]:
    found = []
    for request, answer in zip(requests, oracle.answer(requests), strict=True):
        ended = answer.finish_reason == "stop"
        found.append(Said(request.prompt, answer.tokens[:-1] if ended else answer.tokens, ended))
    return found


@pytest.mark.parametrize("settings", [{}, {"top_p": 1.0}, {"temperature": 0.5, "top_p": 0.6}])
def test_it_is_the_sum_of_what_sampling_had_at_each_step(tiny_qwen, monkeypatch, settings) -> None:
    oracle, seen = local(tiny_qwen, **settings), []
    # Random weights hardly ever say one of two tokens: let many end an answer.
    oracle.model.generation_config.eos_token_id = oracle.stops = list(range(40, 80))

    def watched(logits, noise, *, temperature, top_p):
        chosen = inverse_cdf(logits, noise, temperature=temperature, top_p=top_p)
        order, sums, kept = nucleus(logits, temperature=temperature, top_p=top_p)
        chance = torch.softmax(logits.double() / temperature, -1)
        masked = torch.zeros_like(chance)
        for row in range(len(logits)):  # plainly, row by row
            inside = order[row, : kept[row]]
            masked[row, inside] = chance[row, inside] / chance[row, inside].sum()
        seen.append((chosen, masked))
        return chosen

    monkeypatch.setattr("bbi_utils.oracles.seeded.inverse_cdf", watched)
    requests = asked(24)
    said = said_of(oracle, requests)
    assert any(one.ended for one in said) and not all(one.ended for one in said)
    expected = np.zeros(len(said))
    for row, one in enumerate(said):
        for step in range(len(one.tokens) + one.ended):
            masked = seen[step][1][row]
            end = masked[oracle.stops].sum()
            expected[row] += float((end if step == len(one.tokens) else masked[one.tokens[step]]).log())
    found = oracle.log_likelihoods(said, progress=False)
    assert np.abs(found - expected).max() < 1e-4 and (found < 0).all()


def test_frequencies_of_many_draws_agree_with_it(tiny_qwen) -> None:
    oracle, draws = local(tiny_qwen, temperature=1.5, top_p=0.7, max_new_tokens=2), 2000
    requests = [oracles.Request("p", PROMPTS[0], k) for k in range(draws)]
    said = said_of(oracle, requests)
    kinds = list(dict.fromkeys(said))
    chances = np.exp(oracle.log_likelihoods(kinds, progress=False))
    for kind, chance in zip(kinds, chances, strict=True):
        # A rare kind is looked at because it came: only common ones must come as often as they should.
        assert chance < 0.01 or abs(said.count(kind) / draws - chance) < 4 * np.sqrt(chance / draws)
    assert 0.5 < chances.sum() < 1 + 1e-9 and (chances > 0.01).sum() > 3


def test_greedy_answers_are_certain_and_all_others_impossible(tiny_qwen) -> None:
    oracle = local(tiny_qwen, temperature=0)
    said = said_of(oracle, asked())
    others = [replace(one, tokens=(*one.tokens[:-1], (one.tokens[-1] + 1) % 300)) for one in said]
    assert (oracle.log_likelihoods(said, progress=False) == 0).all()
    assert np.isneginf(oracle.log_likelihoods(others, progress=False)).all()


def test_batches_change_nothing_and_what_cannot_be_said_is_impossible(tiny_qwen, monkeypatch) -> None:
    oracle = local(tiny_qwen)
    said = said_of(oracle, asked(9))
    together = oracle.log_likelihoods(said, progress=False)
    monkeypatch.setattr("bbi_utils.oracles.likelihood.ELEMENTS", 1)
    assert np.allclose(oracle.log_likelihoods(said, progress=False), together, atol=1e-4)
    unknown = Said(PROMPTS[0], (5000,), False)
    after_stop = Said(PROMPTS[0], (oracle.stops[0], 40), False)
    assert np.isneginf(oracle.log_likelihoods([unknown, after_stop], progress=False)).all()
    with pytest.raises(BadInput, match="at most 512"):
        oracle.log_likelihoods([Said(PROMPTS[0], (40,) * 600, False)], progress=False)


def test_the_nucleus_is_that_of_sampling_ties_included() -> None:
    logits = torch.tensor([[1.0, 3.0, 3.0, 3.0, 0.0]])
    sampling = oracles.Sampling(temperature=1.0, top_p=0.5)
    found = probabilities(logits, torch.arange(5)[None], sampling)[0].tolist()
    assert found == pytest.approx([0, 0.5, 0.5, 0, 0])  # of equal ones the lower ids
    draws = inverse_cdf(logits.expand(1000, -1), torch.rand(1000), temperature=1.0, top_p=0.5)
    assert set(draws.tolist()) == {1, 2}


def suite() -> list[probes.Probe]:
    texts = [f"{prompt} Number {k}." for k in range(5) for prompt in PROMPTS]
    kinds = ["factual", "creative"]
    return [
        probes.Probe(f"q{i}", text, kinds[i % 2], "t", {}, str(i), "test") for i, text in enumerate(texts)
    ]


def test_a_table_of_all_contrasts_and_of_one_oracle_under_two_names(tiny_qwen, tmp_path) -> None:
    twin, other = shutil.copytree(tiny_qwen, tmp_path / "twin"), make_qwen(tmp_path / "other", seed=5)
    store, asked_probes = responses.ResponseStore(tmp_path / "responses.sqlite"), suite()
    found = {"teacher": local(tiny_qwen), "base": local(other), "distilled": local(twin)}
    told = {arm: responses.sample(one, asked_probes, store, progress=False) for arm, one in found.items()}
    table = responses.likelihood_table(asked_probes, told, found, store, pair="x", progress=False)
    assert len(table) == 2 * 2 * 20 and table["exact"].all()
    copy = table[table["contrast"] == "distilled"]
    assert copy["same"].all() and (copy["log_teacher"] == copy["log_student"]).all()
    base = table[table["contrast"] == "base"]
    assert (
        not base["same"].any() and not np.isneginf(base.loc[base["shown"] == "teacher", "log_teacher"]).any()
    )
    with store.transaction():
        store.connection.execute("DROP TABLE tokens")  # as in a store of a former version
    again = responses.likelihood_table(asked_probes, told, found, store, pair="x", progress=False)
    assert not again["exact"].any() and (again["same"] == table["same"]).all()
    far = oracles.load_oracle("https://localhost/v1#m", sampling=oracles.Sampling())
    with pytest.raises(BadInput, match="no likelihoods"):
        with_far = {**found, "base": far}
        responses.likelihood_table(asked_probes, told, with_far, store, pair="x", progress=False)
    alone = {arm: one for arm, one in found.items() if arm != "teacher"}
    assert responses.likelihood_table(asked_probes, told, alone, store, pair="x", progress=False).empty


def test_weighing_that_was_killed_goes_on_where_it_was_to_the_very_same_numbers(
    tiny_qwen, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("bbi_utils.oracles.likelihood.MOST", 4)
    store, asked_probes = responses.ResponseStore(tmp_path / "responses.sqlite"), suite()
    found = {"teacher": local(tiny_qwen), "base": local(make_qwen(tmp_path / "other", seed=5))}
    told = {arm: responses.sample(one, asked_probes, store, progress=False) for arm, one in found.items()}

    def weighed() -> pd.DataFrame:
        return responses.likelihood_table(asked_probes, told, found, store, pair="x", progress=False)

    def kept() -> int:
        return store.connection.execute("SELECT count(*) FROM weighed").fetchone()[0]

    whole, rows = weighed(), kept()
    with store.transaction():
        store.connection.execute("DELETE FROM weighed")
    weigh, seen = likelihood.of_batch, []

    def watched(model, batch, *rest, most=10**9):
        if len(seen) == most:
            raise KeyboardInterrupt
        seen.append(len(batch))
        return weigh(model, batch, *rest)

    monkeypatch.setattr(likelihood, "of_batch", partial(watched, most=13))  # a batch of the second model's
    with pytest.raises(KeyboardInterrupt):
        weighed()
    assert kept() == sum(seen) > rows / 2
    monkeypatch.setattr(likelihood, "of_batch", watched)
    for _ in range(2):
        pd.testing.assert_frame_equal(weighed(), whole, check_exact=True)
        assert sum(seen) == kept() == rows  # nothing is weighed twice


def reordered(folder: Path, out: Path) -> Path:
    """The same model with the ids of its ordinary tokens in another order."""
    from transformers import AutoModelForCausalLM

    shutil.copytree(folder, out)
    model = AutoModelForCausalLM.from_pretrained(folder)
    rows = model.get_input_embeddings().weight.data
    new = np.arange(len(rows))
    new[10:310] = np.random.default_rng(0).permutation(new[10:310])  # old id -> new id
    rows[new] = rows.clone()
    model.save_pretrained(out)
    file = out / "tokenizer.json"
    content = json.loads(file.read_text())
    content["model"]["vocab"] = {text: int(new[i]) for text, i in content["model"]["vocab"].items()}
    file.write_text(json.dumps(content))
    return out


def test_the_same_model_with_its_vocabulary_in_another_order_is_at_no_distance(tiny_qwen, tmp_path) -> None:
    first, twin = local(tiny_qwen), local(reordered(tiny_qwen, tmp_path / "twin"))
    store, asked_probes = responses.ResponseStore(tmp_path / "responses.sqlite"), suite()
    told = {
        arm: responses.sample(one, asked_probes, store, progress=False)
        for arm, one in {"teacher": first, "base": twin}.items()
    }
    both = {"teacher": first, "base": twin}
    table = responses.likelihood_table(asked_probes, told, both, store, pair="x", progress=False)
    assert not table["exact"].any() and not table["same"].any()
    # Both weigh the text as each cuts it, and so err alike; the kept tokens on one side alone would not.
    assert limit.ceilings(table)["advantage"].max() < 1e-3
    kept = store.tokens(first.fingerprint)
    sampled = first.log_likelihoods(said_by(first, asked_probes, told["teacher"], kept), progress=False)
    cut_anew = table.loc[table["shown"] == "teacher", "log_student"]
    assert (np.abs(sampled - cut_anew) > 0.1).mean() > 0.2


def test_a_store_of_before_is_read_continued_and_keeps_tokens_from_then_on(tiny_qwen, tmp_path) -> None:
    oracle, path, asked_probes = local(tiny_qwen), tmp_path / "responses.sqlite", suite()
    with responses.ResponseStore(path) as store:
        responses.sample(oracle, asked_probes[:5], store, progress=False, batch_size=5)
        store.connection.execute("DROP TABLE tokens")
    with responses.ResponseStore(path) as store:
        assert store.tokens(oracle.fingerprint) == {}
        before = store.answers(oracle.fingerprint)
        responses.sample(oracle, asked_probes, store, progress=False, batch_size=5)
        kept = store.tokens(oracle.fingerprint)
        assert kept and not set(kept) & set(before)  # nothing was asked twice
        for prompt_id, answer in store.answers(oracle.fingerprint).items():
            if prompt_id in kept:
                text = oracle.tokenizer.decode(kept[prompt_id], skip_special_tokens=True).strip()
                assert text == answer.answer
