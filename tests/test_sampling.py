"""Sampling: an answer belongs to its prompt and settings, not to its batch, its run or its interruptions."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
from conftest import Asked
from test_store import registered

from bbi_utils import paths
from bbi_utils.errors import BadInput, OutOfMemory
from bbi_utils.oracles import Answer, LocalOracle, Request, Sampling
from bbi_utils.oracles.base import fingerprint_of
from bbi_utils.oracles.chat import PINNED_DATE, prompt_ids, render
from bbi_utils.oracles.checkpoints import resolve_model
from bbi_utils.oracles.seeded import from_all, from_head, inverse_cdf, uniforms
from bbi_utils.responses.sampling import plan_batches, sample
from bbi_utils.responses.store import ResponseStore

SAMPLING = Sampling(temperature=0.9, top_p=0.95, max_new_tokens=6, seed=3)
SAME = ["prompt_id", "answer", "finish_reason", "prompt_tokens", "answer_tokens"]


PROBES = [Asked(f"p{i}", f"What is {i} plus {i * i}?" + " Please." * (i % 5)) for i in range(13)]


class Echo:
    """An oracle without a model; counts what it is asked."""

    name, settings, fingerprint = "echo", {"kind": "echo"}, fingerprint_of({"kind": "echo"})

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def check(self, requests: Any) -> None:
        pass

    def answer(self, requests: Any) -> list[Answer]:
        self.batches.append([r.prompt_id for r in requests])
        # The answer tells the batch it was made in, as rounding would.
        text = ",".join(r.prompt_id for r in requests)
        return [Answer(r.prompt_id, text, "stop", len(r.prompt), 1, 0.0) for r in requests]


def run(oracle: Any, probes: Any, store: ResponseStore, **settings: Any) -> pandas.DataFrame:
    return sample(oracle, probes, store, **{"batch_size": 4, "progress": False} | settings)


def test_batches_cover_all_probes_once_longest_first() -> None:
    requests = [Request(probe.id, probe.prompt) for probe in PROBES]
    batches = plan_batches(requests, batch_size=4)
    lengths = [len(one.prompt) for batch in batches for one in batch]
    assert sorted(one.prompt_id for batch in batches for one in batch) == sorted(one.id for one in PROBES)
    assert lengths == sorted(lengths, reverse=True)
    assert batches == plan_batches(requests[::-1], batch_size=4)


def test_rows_come_in_probe_order_and_are_computed_once(tmp_path: Path) -> None:
    oracle = Echo()
    with ResponseStore(tmp_path / "r.sqlite") as store:
        first = run(oracle, PROBES, store)
        asked = len(oracle.batches)
        assert run(oracle, PROBES, store).equals(first)
        assert len(oracle.batches) == asked
        assert list(run(oracle, PROBES[::-1], store).prompt_id) == [probe.id for probe in PROBES[::-1]]
    assert list(first.prompt_id) == [probe.id for probe in PROBES]


def test_a_table_of_many_parts_is_the_table_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ResponseStore(tmp_path / "r.sqlite") as store:
        whole = run(Echo(), PROBES, store)
        monkeypatch.setattr("bbi_utils.responses.sampling.ROWS_OF_A_PART", 4)
        pandas.testing.assert_frame_equal(run(Echo(), PROBES, store), whole)
        assert list(run(Echo(), [], store).columns) == list(whole.columns)


def test_a_half_answered_batch_is_computed_whole_but_only_gaps_are_filled(tmp_path: Path) -> None:
    with ResponseStore(tmp_path / "whole.sqlite") as store:
        whole = run(Echo(), PROBES, store)
    oracle = Echo()
    with ResponseStore(tmp_path / "r.sqlite") as store:
        store.add(oracle.fingerprint, [Answer("p3", "kept", "stop", 1, 1, 0.0)])
        resumed = run(oracle, PROBES, store)
    assert resumed.set_index("prompt_id").answer["p3"] == "kept"
    others = resumed.prompt_id != "p3"
    assert resumed[others].equals(whole[others])


def test_repeated_ids_and_bad_numbers_are_refused(tmp_path: Path) -> None:
    with ResponseStore(tmp_path / "r.sqlite") as store:
        with pytest.raises(BadInput, match="p0 occurs more than once"):
            run(Echo(), [PROBES[0], PROBES[0]], store)
        with pytest.raises(BadInput, match="batch_size is 0"):
            run(Echo(), PROBES, store, batch_size=0)
        assert run(Echo(), [], store).empty
    for wrong in ({"temperature": -1.0}, {"top_p": 0.0}, {"max_new_tokens": 0}):
        with pytest.raises(BadInput, match=next(iter(wrong))):
            replace(SAMPLING, **wrong)  # type: ignore[arg-type]


def test_the_progress_file_counts_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BBI_PROGRESS", str(tmp_path / "progress.json"))
    with ResponseStore(tmp_path / "r.sqlite") as store:
        run(Echo(), PROBES, store)
    state = json.loads((tmp_path / "progress.json").read_text())
    assert (state["description"], state["done"], state["total"]) == ("echo", len(PROBES), len(PROBES))


@pytest.mark.parametrize("top_p", [1.0, 0.8])
@pytest.mark.parametrize(
    "peak", [0.3, 4.0]
)  # a flat distribution needs the whole vocabulary, a peaked one its head
def test_inverse_cdf_draws_the_nucleus_distribution(top_p: float, peak: float) -> None:
    import torch

    torch.manual_seed(0)
    logits = peak * torch.randn(500)
    noise = torch.linspace(0, 1, 4_001, dtype=torch.float64)[:-1]
    drawn = inverse_cdf(logits.expand(len(noise), -1), noise, temperature=0.7, top_p=top_p)
    frequency = torch.bincount(drawn, minlength=500).double() / len(noise)
    expected, order = torch.softmax(logits.double() / 0.7, dim=-1).sort(descending=True)
    expected[expected.cumsum(0) - expected >= top_p] = 0
    assert torch.allclose(frequency[order], expected / expected.sum(), atol=1e-3)


def test_inverse_cdf_breaks_ties_by_id_and_ignores_other_rows() -> None:
    import torch

    logits = torch.zeros(3, 300)
    noise = torch.tensor([0.0, 0.501, 0.9999999], dtype=torch.float64)
    together = inverse_cdf(logits, noise, temperature=1.0, top_p=1.0)
    assert together.tolist() == [0, 150, 299]
    peaked = torch.cat([logits[:1], 50 * torch.eye(300)[7:8]])
    assert inverse_cdf(peaked, noise[1:], temperature=1.0, top_p=0.9).tolist() == [135, 7]


@pytest.mark.parametrize("top_p", [1.0, 0.95, 0.5])
@pytest.mark.parametrize("vocabulary", [3, 128, 129, 2048, 20_000])
def test_the_head_s_choices_are_those_of_the_whole_vocabulary(vocabulary: int, top_p: float) -> None:
    import torch

    generator, most = torch.Generator().manual_seed(vocabulary), 0.0
    for scale in (0.0, 0.5, 4.0, 30.0):
        logits = torch.randn(32, vocabulary, generator=generator) * scale
        logits[:8] = logits[:8].round()  # ties
        noise = torch.rand(32, dtype=torch.float64, generator=generator)
        how = {"temperature": 0.7, "top_p": top_p}
        whole = from_all(logits, noise, **how)
        assert torch.equal(inverse_cdf(logits, noise, **how), whole)
        alone = [inverse_cdf(logits[i : i + 1], noise[i : i + 1], **how) for i in range(32)]
        assert torch.equal(torch.cat(alone), whole)
        most = max(most, float(from_head(logits, noise, **how)[1].float().mean()))
    assert most > 0.8 or vocabulary == 3  # where one token has nearly all, its head settles it


def test_noise_depends_on_every_part_of_its_key() -> None:
    key = {"seed": 1, "stream": "teacher", "prompt_id": "p", "sample_index": 0}
    draws = [uniforms(**key | change, count=4) for change in CHANGES]  # type: ignore[arg-type]
    assert len({tuple(draw) for draw in draws}) == len(CHANGES)
    assert numpy.array_equal(uniforms(**key, count=9)[:4], draws[0])  # type: ignore[arg-type]


CHANGES = [{}, {"seed": 2}, {"stream": "student"}, {"prompt_id": "q"}, {"sample_index": 1}]


@pytest.mark.parametrize("family", ["tiny_qwen", "tiny_llama"])
def test_batch_composition_does_not_change_answers(family: str, request: pytest.FixtureRequest) -> None:
    oracle = LocalOracle(request.getfixturevalue(family), sampling=SAMPLING)
    asked = [Request(probe.id, probe.prompt) for probe in PROBES]
    together = oracle.answer(asked)
    alone = [oracle.answer([one])[0] for one in asked]
    assert [a.answer for a in together] == [a.answer for a in alone]
    assert len({a.answer for a in together}) > len(asked) // 2
    again = oracle.answer([replace(one, sample_index=1) for one in asked])
    assert [a.answer for a in again] != [a.answer for a in together]


def test_temperature_zero_is_greedy(tiny_qwen: Path) -> None:
    import torch

    oracle = LocalOracle(tiny_qwen, sampling=replace(SAMPLING, temperature=0.0))
    tokens = oracle.encode("Name three fruits.")
    for _ in range(SAMPLING.max_new_tokens):
        with torch.inference_mode():
            tokens.append(int(oracle.model(torch.tensor([tokens])).logits[0, -1].argmax()))
    new = tokens[-SAMPLING.max_new_tokens :]
    end = next((k for k, token in enumerate(new) if token in oracle.stops), None)
    expected = oracle.tokenizer.decode(new[:end], skip_special_tokens=True).strip()
    assert oracle.answer([Request("p", "Name three fruits.")])[0].answer == expected


def test_stops_are_the_declared_ones_and_the_templates(tiny_qwen: Path, tiny_llama: Path) -> None:
    for folder, names in (
        (tiny_qwen, {"<|endoftext|>", "<|im_end|>"}),
        (tiny_llama, {"<|end_of_text|>", "<|eot_id|>"}),
    ):
        oracle = LocalOracle(folder, sampling=SAMPLING)
        oracle.answer([Request("p", "Hello.")])
        assert set(oracle.tokenizer.convert_ids_to_tokens(oracle.stops)) == names
        cut = oracle.read(Request("p", ""), 5, [70, 71, oracle.stops[1], 72], 0.1)
        assert (cut.finish_reason, cut.answer_tokens) == ("stop", 2)
        assert oracle.read(Request("p", ""), 5, [70, 71], 0.1).finish_reason == "length"


def test_one_bos_and_a_pinned_date(tiny_llama: Path) -> None:
    tokenizer = LocalOracle(tiny_llama, sampling=SAMPLING).tokenizer
    ids = prompt_ids(tokenizer, "Hello.")
    assert ids.count(tokenizer.bos_token_id) == 1
    assert f"Today Date: {PINNED_DATE}" in render(tokenizer, "Hello.")
    assert "Be brief." in render(tokenizer, "Hello.", system_prompt="Be brief.")


def test_weights_load_only_when_an_answer_is_missing(tiny_qwen: Path, tmp_path: Path) -> None:
    with ResponseStore(tmp_path / "r.sqlite") as store:
        run(LocalOracle(tiny_qwen, sampling=SAMPLING), PROBES[:3], store)
        oracle = LocalOracle(tiny_qwen, sampling=SAMPLING)
        run(oracle, PROBES[:3], store)
        assert "model" not in vars(oracle)
        ((fingerprint, name, settings),) = registered(store)
    assert (fingerprint, name) == (oracle.fingerprint, "tiny-qwen")
    assert json.loads(settings)["temperature"] == 0.9 and str(tiny_qwen) not in settings


def test_fingerprints_differ_by_setting_but_not_by_place(
    tiny_qwen: Path, tiny_llama: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_qwen, tmp_path / "moved")
    base = LocalOracle(tiny_qwen, sampling=SAMPLING).fingerprint
    assert LocalOracle(tmp_path / "moved", sampling=SAMPLING).fingerprint == base
    others = [
        LocalOracle(tiny_llama, sampling=SAMPLING),
        LocalOracle(tiny_qwen, sampling=SAMPLING, quantisation="nf4"),
        LocalOracle(tiny_qwen, sampling=SAMPLING, dtype="bfloat16"),
        *(
            LocalOracle(tiny_qwen, sampling=replace(SAMPLING, **c))
            for c in ({"seed": 4}, {"system_prompt": "Hi"})
        ),
    ]
    assert len({base} | {oracle.fingerprint for oracle in others}) == 1 + len(others)


def test_one_model_behind_two_prompts_shares_no_noise_and_none_changes_what_it_was(tiny_qwen: Path) -> None:
    bare, product = (
        LocalOracle(tiny_qwen, sampling=replace(SAMPLING, system_prompt=text)) for text in (None, "Be brief.")
    )
    assert bare.stream == f"{bare.checkpoint.identity}|none|False"  # as ever: known answers stay the same
    assert product.stream != bare.stream
    request = [Request(probe.id, probe.prompt) for probe in PROBES[:1]]
    assert product.answer(request)[0].prompt_tokens > bare.answer(request)[0].prompt_tokens


def test_a_prompt_longer_than_the_context_is_named_before_anything_runs(
    tiny_qwen: Path, tmp_path: Path
) -> None:
    oracle = LocalOracle(tiny_qwen, sampling=SAMPLING)
    with ResponseStore(tmp_path / "r.sqlite") as store:
        with pytest.raises(BadInput, match="prompt too-long has .* takes at most 506"):
            run(oracle, [*PROBES, Asked("too-long", "word " * 600)], store)
        assert store.answers(oracle.fingerprint) == {} and "model" not in vars(oracle)


def test_a_batch_that_does_not_fit_into_memory_is_no_bad_input(
    tiny_qwen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    def generate(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    oracle = LocalOracle(tiny_qwen, sampling=SAMPLING)
    monkeypatch.setattr(oracle, "generate", generate)
    with pytest.raises(OutOfMemory, match=r"ran out of memory; lower batch_size \(now 3\) .* are kept"):
        oracle.answer([Request(probe.id, probe.prompt) for probe in PROBES[:3]])


def test_unusable_models_are_refused_by_name(tiny_qwen: Path, tmp_path: Path) -> None:
    def copy(name: str) -> Path:
        return Path(shutil.copytree(tiny_qwen, tmp_path / name))

    pickled, bare, mute, torn = copy("pickled"), copy("bare"), copy("mute"), copy("torn")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    (bare / "config.json").unlink()
    (mute / "chat_template.jinja").unlink()
    (torn / "model.safetensors").write_bytes((torn / "model.safetensors").read_bytes()[:5000])
    refusals = {
        pickled: r"only pickled weights \(pytorch_model.bin\)",
        bare: "no config.json",
        mute: "no chat template",
        tmp_path / "nowhere": "not found",
        "pocket/none-such": "pocket model pocket/none-such not found",
    }
    for model, message in refusals.items():
        with pytest.raises(BadInput, match=message):
            LocalOracle(model, sampling=SAMPLING)
    with pytest.raises(BadInput, match="damaged"):
        LocalOracle(torn, sampling=SAMPLING).answer([Request("p", "Hello.")])
    with pytest.raises(BadInput, match="no revision"):
        LocalOracle(tiny_qwen, revision="main", sampling=SAMPLING)


def test_an_unreachable_hub_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(BadInput, match="hub model some-owner/some-model is not in the local cache"):
        LocalOracle("some-owner/some-model", sampling=SAMPLING)


# Dies by SIGKILL inside the third batch's transaction, after its rows were written but before the commit.
KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_sampling import PROBES, SAMPLING, run
from bbi_utils.oracles import LocalOracle
from bbi_utils.responses.store import ResponseStore

class Dying(ResponseStore):
    calls = 0
    def add(self, *args, **settings):
        Dying.calls += 1
        if Dying.calls == 3:
            self.connection.execute("BEGIN IMMEDIATE")
            row = (args[0], "half", 0, "written", "stop", 1, 1, 0.0)
            self.connection.execute("INSERT INTO responses VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            os.kill(os.getpid(), signal.SIGKILL)
        super().add(*args, **settings)

run(LocalOracle(sys.argv[1], sampling=SAMPLING), PROBES, Dying(Path(sys.argv[2])))
"""


def test_a_killed_run_continues_to_the_same_answers(tiny_qwen: Path, tmp_path: Path) -> None:
    oracle = LocalOracle(tiny_qwen, sampling=SAMPLING)
    arguments = [sys.executable, "-c", KILLED, tiny_qwen, tmp_path / "killed.sqlite", Path(__file__).parent]
    assert subprocess.run(arguments, check=False, capture_output=True).returncode == -signal.SIGKILL
    with ResponseStore(tmp_path / "killed.sqlite") as store:
        assert len(store.answers(oracle.fingerprint)) == 8
        resumed = run(oracle, PROBES, store)
    with ResponseStore(tmp_path / "whole.sqlite") as store:
        whole = run(oracle, PROBES, store)
    assert resumed[SAME].equals(whole[SAME])


def test_a_relative_folder_is_found_from_any_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = paths.WEIGHTS / "qwen-judge"
    assert (
        resolve_model(folder.relative_to(paths.ROOT)).identity == resolve_model("pocket/qwen-judge").identity
    )
