"""A folder with a LoRA adapter as a model: the adapter on its base, known by what both contain."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import tiny_study
from conftest import make_adapter

from bbi_utils import paths
from bbi_utils.adversaries.judge.verdicts import load_judge
from bbi_utils.distillation.lora import LoraSettings, train_adapter
from bbi_utils.errors import BadInput
from bbi_utils.oracles import LocalOracle, Request, Sampling
from bbi_utils.oracles.chat import render
from bbi_utils.study import plan, preflight
from bbi_utils.study.params import Study, load_study
from bbi_utils.study.shapes import PUBLISHED, Shape
from bbi_utils.study.stages import content_of

SAMPLING = Sampling(temperature=0.9, max_new_tokens=6, seed=3)
ASKED = [Request(f"p{i}", f"What is {i} plus {i * i}?") for i in range(4)]
CONFIG = "adapter_config.json"


@pytest.fixture(scope="module")
def adapter(tiny_qwen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter with random weights on tiny_qwen, as peft's save_pretrained leaves it."""
    out = make_adapter(tiny_qwen, tmp_path_factory.mktemp("adapters") / "mine")
    assert json.loads((out / CONFIG).read_text())["base_model_name_or_path"] == str(tiny_qwen)
    return out


def copy(adapter: Path, to: Path, **settings: Any) -> Path:
    """The adapter in another folder, with these settings in its configuration."""
    shutil.copytree(adapter, to)
    config = json.loads((to / CONFIG).read_text())
    (to / CONFIG).write_text(json.dumps(config | settings))
    return to


@pytest.mark.parametrize("quantisation", ["none", "nf4"])
def test_it_answers_as_its_base_with_the_adapter_on_it(
    adapter: Path, tiny_qwen: Path, quantisation: Any
) -> None:
    import torch
    from bitsandbytes.nn import Linear4bit

    settings: dict[str, Any] = {"sampling": SAMPLING, "quantisation": quantisation, "device": "cpu"}
    oracle, base = LocalOracle(adapter, **settings), LocalOracle(tiny_qwen, **settings)
    worn = LocalOracle(tiny_qwen, adapter=adapter, **settings)
    ids = torch.tensor([oracle.encode("Name three fruits.")])
    with torch.inference_mode():
        found, expected, without = (one.model(ids).logits for one in (oracle, worn, base))
    assert torch.equal(found, expected) and not torch.allclose(found, without, atol=0.1)
    assert oracle.answer(ASKED) != base.answer(ASKED)
    quantised = sum(isinstance(module, Linear4bit) for module in oracle.model.modules())
    assert quantised == (14 if quantisation == "nf4" else 0)
    assert sum("lora_B" in name for name, _ in oracle.model.named_parameters()) == 14


def test_it_is_known_by_adapter_and_base_wherever_they_lie(
    adapter: Path, tiny_qwen: Path, tiny_llama: Path, tmp_path: Path
) -> None:
    moved = Path(shutil.copytree(tiny_qwen, tmp_path / "tiny-qwen"))
    relative = os.path.relpath(moved, paths.ROOT)
    oracle = LocalOracle(adapter, sampling=SAMPLING)
    same = LocalOracle(copy(adapter, tmp_path / "mine", base_model_name_or_path=relative), sampling=SAMPLING)
    assert (same.fingerprint, same.stream, same.name) == (oracle.fingerprint, oracle.stream, oracle.name)
    assert oracle.name == "tiny-qwen + mine"
    assert str(tmp_path.parent) not in json.dumps([same.settings, same.name, same.stream])
    others = [
        LocalOracle(copy(adapter, tmp_path / "a", lora_alpha=99), sampling=SAMPLING),
        LocalOracle(
            copy(adapter, tmp_path / "b", base_model_name_or_path=str(tiny_llama)), sampling=SAMPLING
        ),
        LocalOracle(tiny_qwen, sampling=SAMPLING),
        LocalOracle(tiny_qwen, adapter=adapter, sampling=SAMPLING),
    ]
    for names in ([o.fingerprint for o in others], [o.stream for o in others]):
        assert len({oracle.fingerprint, oracle.stream, *names}) == 2 + len(others)


def test_what_it_stands_for_covers_its_base(adapter: Path, tiny_qwen: Path, tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny_qwen, tmp_path / "base"))
    mine = copy(adapter, tmp_path / "mine", base_model_name_or_path=str(base))
    before = content_of(str(mine))
    assert before == content_of(str(adapter)) and str(tmp_path) not in before
    (base / "generation_config.json").write_text("{}")
    assert content_of(str(mine)) != before
    on_hub = copy(adapter, tmp_path / "c", base_model_name_or_path="some/model", revision="v2")
    assert content_of(str(on_hub)).endswith(" on some/model@v2")


def test_a_tokenizer_beside_the_adapter_is_the_one_it_was_trained_with(
    adapter: Path, tiny_qwen: Path, tmp_path: Path
) -> None:
    own = copy(adapter, tmp_path / "mine")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_qwen / name, own / name)
    template = (tiny_qwen / "chat_template.jinja").read_text()
    (own / "chat_template.jinja").write_text("{{- 'Mine. ' }}" + template)
    oracle, plain = LocalOracle(own, sampling=SAMPLING), LocalOracle(adapter, sampling=SAMPLING)
    assert render(oracle.tokenizer, "Hi.") == "Mine. " + render(plain.tokenizer, "Hi.")
    assert oracle.fingerprint != plain.fingerprint and content_of(str(own)) != content_of(str(adapter))


def test_what_cannot_be_loaded_is_named(adapter: Path, tiny_qwen: Path, tmp_path: Path) -> None:
    pickled = copy(adapter, tmp_path / "pickled")
    (pickled / "adapter_model.safetensors").rename(pickled / "adapter_model.bin")
    refusals: list[tuple[Path, dict[str, Any], str]] = [
        (adapter, {"adapter": adapter}, "is an adapter itself and cannot wear"),
        (adapter, {"revision": "main"}, "is a folder, it has no revision main"),
        (pickled, {}, "adapter_model.bin is a pickle and is never loaded"),
        (copy(adapter, tmp_path / "a", base_model_name_or_path=None), {}, "names no base model; write"),
        (
            copy(adapter, tmp_path / "b", base_model_name_or_path="./gone"),
            {},
            "model folder ./gone not found",
        ),
        (
            copy(adapter, tmp_path / "c", base_model_name_or_path=str(adapter)),
            {},
            "is an adapter .adapter_con",
        ),
        (copy(adapter, tmp_path / "d", revision="v2"), {}, "it has no revision v2"),
    ]
    for model, settings, message in refusals:
        with pytest.raises(BadInput, match=message) as error:
            LocalOracle(model, sampling=SAMPLING, **settings)
        assert "\n" not in str(error.value)


def test_students_and_judges_are_whole_models(adapter: Path, tiny_qwen: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is an adapter .* expected a whole model here: merge it"):
        load_judge(str(adapter))
    with pytest.raises(BadInput, match="is an adapter .* expected a whole model here: merge it"):
        train_adapter(adapter, ["a"], ["b"], out=tmp_path / "out", settings=LoraSettings(), seed=0)
    # A checkpoint that brings an adapter along would be loaded with it, unnoticed by its content's hash.
    both = Path(shutil.copytree(tiny_qwen, tmp_path / "both"))
    shutil.copy(adapter / CONFIG, both / CONFIG)
    with pytest.raises(BadInput, match="no adapter_model.safetensors"):
        LocalOracle(both, sampling=SAMPLING)


@pytest.fixture
def study(adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A sound study whose teacher is an adapter, with the hub's client offline."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    settings = {**tiny_study.models(tmp_path), "run_dir": str(tmp_path / "run"), "teacher": str(adapter)}
    return load_study("pocket", "qwen", settings)


def test_a_teacher_may_be_an_adapter_even_on_the_student(study: Study, tiny_qwen: Path) -> None:
    preflight.check_all([study.model_copy(update={"student": str(tiny_qwen)})])


@pytest.mark.parametrize("role", ["student", "judge"])
def test_preflight_asks_for_whole_students_and_judges(study: Study, role: str) -> None:
    sound = tiny_study.models(Path(study.run_dir).parent)["teacher"]
    change = {"teacher": sound, role: study.teacher}
    with pytest.raises(BadInput, match="is an adapter .* merge it"):
        preflight.check_all([study.model_copy(update=change)])


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("./gone", "BASE OF THE TEACHER'S ADAPTER ./gone does not exist"),
        ("some/model", "BASE OF THE TEACHER'S ADAPTER some/model is neither a folder nor in the local cache"),
        (None, "names no base model"),
    ],
)
def test_preflight_looks_for_the_base(
    study: Study, adapter: Path, tmp_path: Path, base: str | None, message: str
) -> None:
    teacher = str(copy(adapter, tmp_path / "mine", base_model_name_or_path=base))
    with pytest.raises(BadInput, match=message):
        preflight.check_all([study.model_copy(update={"teacher": teacher})])


def test_the_plan_and_the_disk_count_its_base(
    study: Study, adapter: Path, tiny_qwen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert plan.parameters_of(str(adapter)) == plan.parameters_of(str(tiny_qwen)) > 50_000
    teacher = str(copy(adapter, tmp_path / "mine", base_model_name_or_path="some/model"))
    monkeypatch.setitem(PUBLISHED, "some/model", Shape(1e18, 1, 1, 1, 1))
    with pytest.raises(BadInput, match="some/model need .* GB"):
        preflight.check_downloads(study.model_copy(update={"teacher": teacher}))
