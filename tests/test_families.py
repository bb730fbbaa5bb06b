"""Real families, as they are published: sharded bfloat16 files, their templates, through the local oracle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import CHATML, FAMILIES, LLAMA3_ROPE, QWEN3, make_family, make_qwen

from bbi_utils.adversaries.judge.verdicts import load_judge
from bbi_utils.distillation.examples import encode_example
from bbi_utils.distillation.lora import LoraSettings, train_adapter
from bbi_utils.errors import BadInput
from bbi_utils.oracles import LocalOracle, Request, Sampling
from bbi_utils.oracles.chat import PINNED_DATE, end_of_turn, render
from bbi_utils.oracles.checkpoints import load_tokenizer, resolve_model

SAMPLING = Sampling(temperature=0.9, max_new_tokens=6, seed=3)
ASKED = [Request(f"p{i}", f"What is {i} plus {i * i}?" + " Please." * i) for i in range(4)]
LINEAR = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
SETTINGS = LoraSettings(r=4, alpha=8, batch_size=4, epochs=1, learning_rate=2e-2)


@pytest.fixture(scope="module", params=FAMILIES)
def published(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A family's name and the folder of a tiny checkpoint in its shape."""
    return request.param, make_family(tmp_path_factory.mktemp("families") / request.param, request.param)


def texts(oracle: LocalOracle) -> list[str]:
    return [answer.answer for answer in oracle.answer(ASKED)]


@pytest.mark.parametrize("dtype", ["auto", "bfloat16"])
def test_sharded_bfloat16_files_answer_with_every_weight_and_the_right_positions(
    published: tuple[str, Path], dtype: str
) -> None:
    import torch

    family, folder = published
    shards = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
    oracle = LocalOracle(folder, sampling=SAMPLING, dtype=dtype, device="cpu")
    assert len(set(shards.values())) > 2 and len(set(texts(oracle))) > 2
    assert oracle.model.dtype == (torch.float32 if dtype == "auto" else torch.bfloat16)
    assert ("q_norm" in str(oracle.model)) == (family == "qwen3")
    tied = oracle.model.lm_head.weight is oracle.model.model.embed_tokens.weight
    assert tied == (family != "llama3.1") == ("lm_head.weight" not in shards)
    if family.startswith(
        "llama"
    ):  # its slowest wave is stretched by the whole factor, its fastest not at all
        waves = oracle.model.model.rotary_emb.inv_freq.tolist()
        slowest = 10000 ** (-30 / 32) / LLAMA3_ROPE["factor"]
        assert (waves[0], waves[-1]) == pytest.approx((1.0, slowest))


def test_a_batch_answers_as_its_prompts_do_alone_and_stops_where_the_family_does(
    published: tuple[str, Path],
) -> None:
    family, folder = published
    oracle = LocalOracle(folder, sampling=SAMPLING, device="cpu")
    assert texts(oracle) == [oracle.answer([one])[0].answer for one in ASKED]
    names = {"<|end_of_text|>", "<|eom_id|>", "<|eot_id|>"}
    names = names if family.startswith("llama") else {"<|endoftext|>", "<|im_end|>"}
    assert set(oracle.tokenizer.convert_ids_to_tokens(oracle.stops)) == names


def test_every_linear_layer_is_distilled_in_four_bits_and_the_adapter_is_the_same_on_reload(
    published: tuple[str, Path], tmp_path: Path
) -> None:
    from bitsandbytes.nn import Linear4bit

    _, folder = published
    prompts, answers = [one.prompt for one in ASKED], [f"It is {i}." for i in range(4)]
    out = tmp_path / "adapter"
    curve = train_adapter(
        folder, prompts, answers, out=out, settings=SETTINGS, seed=5, device="cpu", progress=False
    )
    assert np.isfinite(curve.loss).all()
    base = LocalOracle(folder, quantisation="nf4", sampling=SAMPLING, device="cpu")
    oracle = LocalOracle(folder, adapter=out, quantisation="nf4", sampling=SAMPLING, device="cpu")
    again = LocalOracle(folder, adapter=out, quantisation="nf4", sampling=SAMPLING, device="cpu")
    assert texts(oracle) == texts(again) != texts(base)
    four_bit = [name for name, m in base.model.named_modules() if isinstance(m, Linear4bit)]
    adapted = {name.split(".lora_")[0] for name, _ in oracle.model.named_parameters() if ".lora_B" in name}
    assert {name.rpartition(".")[2] for name in four_bit} == LINEAR
    assert adapted == {f"base_model.model.{name}" for name in four_bit} and len(four_bit) == 14
    for name, parameter in oracle.model.named_parameters():
        assert ".lora_B" not in name or parameter.abs().max() > 0, name


def test_the_trained_tokens_are_those_of_the_template(published: tuple[str, Path]) -> None:
    from bbi_utils.oracles.chat import written

    _, folder = published
    tokenizer = load_tokenizer(resolve_model(folder))
    turns = [{"role": "user", "content": "What is 2?"}, {"role": "assistant", "content": "It is 2."}]
    example = encode_example(tokenizer, "What is 2?", "It is 2.")
    assert tokenizer.decode(example["input_ids"]) == written(tokenizer, turns).rstrip("\n")


def test_it_judges(published: tuple[str, Path]) -> None:
    judge = load_judge(str(published[1]), device="cpu")
    odds = judge([one.prompt for one in ASKED], ["Paris."] * 4, ["It is in the north."] * 4)
    assert np.isfinite(odds).all() and odds.std() > 0


def test_a_context_that_nobody_states_is_asked_for(tmp_path: Path) -> None:
    folder = make_qwen(tmp_path / "model", family="Bloom", n_head=2, n_layer=1)
    config = json.loads((folder / "config.json").read_text())
    del config["max_position_embeddings"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(BadInput, match="config.json has no max_position_embeddings; write the length"):
        LocalOracle(folder, sampling=SAMPLING)


def tokenizer_of(folder: Path, template: str) -> Any:
    """The tokenizer of a Qwen-shaped checkpoint with this chat template."""
    return load_tokenizer(resolve_model(make_qwen(folder, template=template)))


def test_a_template_that_can_think_is_told_not_to(tmp_path: Path) -> None:
    tokenizer = tokenizer_of(tmp_path / "model", QWEN3)
    assert render(tokenizer, "Hello.").endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    assert tokenizer.convert_ids_to_tokens(end_of_turn(tokenizer)) == "<|im_end|>"


def test_a_template_that_always_thinks_is_refused(tmp_path: Path) -> None:
    template = CHATML.replace("assistant\n", "assistant\n<think>\n")
    oracle = LocalOracle(make_qwen(tmp_path / "model", template=template), sampling=SAMPLING)
    with pytest.raises(BadInput, match="opens every answer with a thought .<think>. that cannot") as error:
        oracle.check(ASKED)
    assert "\n" not in str(error.value)


def test_today_s_date_is_pinned_however_a_template_asks_for_it(tmp_path: Path) -> None:
    template = "{{- strftime_now('%Y-%m-%d') ~ '|' ~ strftime_now( \"%d %b %Y\" ) }}" + CHATML
    assert render(tokenizer_of(tmp_path / "model", template), "Hi.").startswith(f"2024-07-26|{PINNED_DATE}<")


def test_a_system_turn_that_a_template_refuses_is_explained(tmp_path: Path) -> None:
    refusal = "{%- if messages[0]['role'] == 'system' %}{{ raise_exception('No system role') }}{%- endif %}"
    tokenizer = tokenizer_of(tmp_path / "model", refusal + CHATML)
    assert "Hello." in render(tokenizer, "Hello.")
    with pytest.raises(BadInput, match="No system role; .* needs its system prompt null"):
        render(tokenizer, "Hello.", system_prompt="Be brief.")


def test_the_default_of_several_templates_is_used(tmp_path: Path) -> None:
    folder = make_qwen(tmp_path / "model")
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "tool_use.jinja").write_text("tools")
    assert LocalOracle(folder, sampling=SAMPLING).tokenizer.chat_template == CHATML


def test_a_tokenizer_without_pad_token_masks_what_it_pads_with(tmp_path: Path) -> None:
    tokenizer = tokenizer_of(tmp_path / "model", CHATML)
    saved = json.loads((tmp_path / "model" / "tokenizer_config.json").read_text())
    assert "pad_token" not in saved and tokenizer.pad_token == tokenizer.eos_token
    batch = tokenizer.pad({"input_ids": [[7, 8, 9], [7]]})
    assert batch["attention_mask"] == [[1, 1, 1], [0, 0, 1]]
