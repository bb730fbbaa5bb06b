"""Checkpoints as people have them: quantised, incomplete, of experts, of several parts, with tokens added."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import tiny_study
import torch
from conftest import CHATML, make_adapter, make_qwen, save_tokenizer
from safetensors.torch import load_file, save_file

from bbi_utils.adversaries.backbone import EncoderSettings, Trunk
from bbi_utils.adversaries.judge.verdicts import load_judge
from bbi_utils.errors import BadInput
from bbi_utils.oracles import LocalOracle, Request, Sampling, quantised
from bbi_utils.study import preflight
from bbi_utils.study.params import load_study

GREEDY = Sampling(temperature=0.0, top_p=1.0, max_new_tokens=6)
ASKED = [Request("p", "Name three fruits.")]
SHAPE: dict[str, Any] = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 32, "max_position_embeddings": 512, "initializer_range": 0.3,
}  # fmt: skip


def changed(folder: Path, **config: Any) -> Path:
    """The folder with these values in its config.json."""
    known = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(known | config))
    return folder


def logits(model: Any, ids: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        return model(torch.tensor([ids])).logits.float()


@pytest.mark.parametrize("kind", ["nf4", "fp4", "int8"])
def test_a_checkpoint_that_bitsandbytes_quantised_loads_as_it_is(
    kind: str, tiny_qwen: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    few: dict[str, Any] = {"bnb_4bit_quant_type": kind, "bnb_4bit_compute_dtype": torch.float32}
    config = BitsAndBytesConfig(**{"load_in_8bit": True} if kind == "int8" else {"load_in_4bit": True, **few})
    settings: dict[str, Any] = {"device_map": {"": "cpu"}, "dtype": "float32"}
    whole = AutoModelForCausalLM.from_pretrained(tiny_qwen, quantization_config=config, **settings)
    folder = Path(shutil.copytree(tiny_qwen, tmp_path / "few"))
    (folder / "model.safetensors").unlink()
    whole.save_pretrained(folder)
    quantised.keep_layout(whole)
    oracle = LocalOracle(folder, sampling=GREEDY, device="cpu")
    assert torch.equal(logits(oracle.model, [5, 6, 7]), logits(whole, [5, 6, 7]))
    assert oracle.answer(ASKED)[0].answer_tokens > 0 and (quantised.share_of(oracle.model) > 0.9) == (
        kind != "int8"
    )
    assert oracle.settings["own_quantisation"] == "bitsandbytes"
    assert "own_quantisation" not in LocalOracle(tiny_qwen, sampling=GREEDY).settings
    again = LocalOracle(folder, sampling=GREEDY, device="cpu", quantisation="nf4")
    with pytest.raises(BadInput, match="is quantised already .bitsandbytes. .*TEACHER_4BIT=false"):
        again.answer(ASKED)
    with pytest.raises(BadInput, match="is quantised already"):
        preflight.check_four_bit(str(folder), None)


def test_fp8_weights_with_scales_are_read_with_them(tiny_qwen: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_qwen, tmp_path / "fp8"))
    scaled, plain = {}, {}
    for name, value in load_file(folder / "model.safetensors").items():
        scaled[name] = plain[name] = value
        if name.endswith("proj.weight"):
            rows, columns = (size // 32 for size in value.shape)
            blocks = value.reshape(rows, 32, columns, 32)
            scale = blocks.abs().amax(dim=(1, 3), keepdim=True) / 448
            small = (blocks / scale).to(torch.float8_e4m3fn)
            scaled[name] = small.reshape(value.shape)
            scaled[f"{name}_scale_inv"] = scale[:, 0, :, 0].clone()
            plain[name] = (small.float() * scale).reshape(value.shape)
    save_file(scaled, folder / "model.safetensors", {"format": "pt"})
    changed(folder, quantization_config={"quant_method": "fp8", "weight_block_size": [32, 32]})
    same = Path(shutil.copytree(tiny_qwen, tmp_path / "same"))
    save_file(plain, same / "model.safetensors", {"format": "pt"})
    found, wanted = (LocalOracle(one, sampling=GREEDY, device="cpu").model for one in (folder, same))
    torch.testing.assert_close(logits(found, [5, 6, 7]), logits(wanted, [5, 6, 7]), atol=0.2, rtol=0.05)
    # Without its setting the scales have no place: garbage, were it loaded.
    config = json.loads((folder / "config.json").read_text())
    del config["quantization_config"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(BadInput, match=r"weights have no place in the model \(.*scale_inv, .* and 11 more"):
        LocalOracle(folder, sampling=GREEDY, device="cpu").answer(ASKED)


@pytest.mark.parametrize("place", ["quantization_config", "compression_config"])
@pytest.mark.parametrize("method", ["gptq", "awq", "compressed-tensors", "made-up", None])
def test_what_cannot_be_read_here_never_answers(
    method: str | None, place: str, tiny_qwen: Path, tmp_path: Path
) -> None:
    own = {"quant_method": method, "bits": 4, "group_size": 128}
    folder = changed(Path(shutil.copytree(tiny_qwen, tmp_path / "few")), **{place: own})
    with pytest.raises(
        BadInput, match="quantised already .(gptq|awq|compressed-tensors|made-up|in a way)"
    ) as error:
        LocalOracle(folder, sampling=GREEDY, device="cpu").answer(ASKED)
    assert "take its unquantised original" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.int32])
def test_integers_that_nothing_explains_are_not_taken_for_weights(
    kind: torch.dtype, tiny_qwen: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_qwen, tmp_path / "few"))
    tensors = load_file(folder / "model.safetensors")
    whole = {name: (100 * value).to(kind) if "proj" in name else value for name, value in tensors.items()}
    save_file(whole, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(BadInput, match="proj.weight holds integers .*no quantization_config; .*unquantised"):
        LocalOracle(folder, sampling=GREEDY, device="cpu").answer(ASKED)


def respelled(file: Path, old: str, new: str | None) -> None:
    """A tensor under another name, or gone."""
    tensors = load_file(file)
    value = tensors.pop(old)
    save_file(tensors | ({new: value} if new else {}), file, {"format": "pt"})


NORM = "model.layers.1.input_layernorm.weight"


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (None, rf"weights are missing \({NORM}\); get its files anew"),
        ("model.layers.1.norm1.weight", rf"weights are missing \({NORM}\)"),
    ],
)
def test_missing_weights_are_an_error(new: str | None, message: str, tiny_qwen: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_qwen, tmp_path / "m"))
    respelled(folder / "model.safetensors", NORM, new)
    with pytest.raises(BadInput, match=message):
        LocalOracle(folder, sampling=GREEDY).answer(ASKED)


def test_weights_without_a_place_are_an_error(tiny_qwen: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_qwen, tmp_path / "m"))
    tensors = load_file(folder / "model.safetensors")
    extra = {f"model.layers.{k}.mlp.gate.weight": torch.ones(4) for k in range(5)}
    save_file(tensors | extra, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(
        BadInput, match=r"have no place in the model \(model.layers.0.mlp.gate.weight, .* and 2 more"
    ):
        LocalOracle(folder, sampling=GREEDY).answer(ASKED)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_model_that_gives_no_numbers_does_not_answer(
    value: float, temperature: float, tiny_qwen: Path, tmp_path: Path
) -> None:
    """As float16 makes of weights that are too large for it: every answer would be the same, or empty."""
    folder = Path(shutil.copytree(tiny_qwen, tmp_path / "m"))
    tensors = load_file(folder / "model.safetensors")
    tensors[NORM] = torch.full_like(tensors[NORM], value)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    how = Sampling(temperature=temperature, top_p=1.0, max_new_tokens=6)
    with pytest.raises(BadInput, match="no numbers .* for prompt p: its weights are damaged, or too large"):
        LocalOracle(folder, sampling=how).answer(ASKED)


def test_an_encoder_without_all_its_weights_is_an_error(tmp_path: Path) -> None:
    import transformers

    shape = {k: v for k, v in SHAPE.items() if "key_value" not in k and k != "head_dim"}
    encoder = transformers.BertForMaskedLM(transformers.BertConfig(vocab_size=320, **shape))
    encoder.save_pretrained(tmp_path)
    save_tokenizer(tmp_path, specials=["<|endoftext|>"], template=CHATML, bos=None, eos="<|endoftext|>")
    assert (
        Trunk(EncoderSettings(model=str(tmp_path), device="cpu")).frozen_parameters == 0
    )  # its head is not read
    respelled(tmp_path / "model.safetensors", "bert.encoder.layer.0.output.dense.weight", None)
    with pytest.raises(BadInput, match="weights are missing .encoder.layer.0.output.dense.weight"):
        Trunk(EncoderSettings(model=str(tmp_path), device="cpu"))


def test_a_mixture_of_experts_is_not_called_its_4_bit_form(tmp_path: Path) -> None:
    experts = {"num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 64, "head_dim": 32}
    folder = make_qwen(tmp_path / "moe", family="Qwen3Moe", **experts)
    assert LocalOracle(folder, sampling=GREEDY).answer(ASKED)[0].answer_tokens > 0
    for refusing in (
        lambda: LocalOracle(folder, sampling=GREEDY, quantisation="nf4").answer(ASKED),
        lambda: preflight.check_four_bit(str(folder), None),
    ):
        with pytest.raises(
            BadInput, match="only 1.% of the weights of .* come in 4 bits, expected at least 90%"
        ):
            refusing()


def test_preflight_refuses_a_4_bit_form_before_anything_runs(tiny_qwen: Path, tmp_path: Path) -> None:
    experts = {"num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 64, "head_dim": 32}
    moe = make_qwen(tmp_path / "moe", family="Qwen3Moe", **experts)
    own = {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}
    few = changed(Path(shutil.copytree(tiny_qwen, tmp_path / "few")), **own)
    settings = {**tiny_study.models(tmp_path), "run_dir": str(tmp_path / "run")}
    study = load_study("pocket", "qwen", settings | {"teacher_4bit": True, "quantisation": "nf4"})
    preflight.check_oracles(study)
    for folder, message in ((moe, "come in 4 bits"), (few, "is quantised already .bitsandbytes.")):
        for role, name, neutral in (("teacher", "teacher_4bit", False), ("student", "quantisation", "none")):
            asked = study.model_copy(update={role: str(folder)})
            with pytest.raises(BadInput, match=message):
                preflight.check_oracles(asked)
            preflight.check_oracles(asked.model_copy(update={name: neutral}))


def test_a_dense_model_is_in_4_bits_nearly_whole(tiny_qwen: Path) -> None:
    preflight.check_four_bit(str(tiny_qwen), None)
    oracle = LocalOracle(tiny_qwen, sampling=GREEDY, quantisation="nf4", device="cpu")
    assert 0.98 < oracle.share_in_4bit < 1


def test_a_judge_that_also_sees_knows_its_context(tmp_path: Path) -> None:
    import transformers

    text = {"vocab_size": 320, **SHAPE, "sliding_window": 16}
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2,
              "image_size": 28, "patch_size": 14}  # fmt: skip
    special = {"boi_token_index": 5, "eoi_token_index": 6, "image_token_index": 7, "mm_tokens_per_image": 4}
    config = transformers.Gemma3Config(text_config=text, vision_config=vision, **special)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        transformers.Gemma3ForConditionalGeneration(config).save_pretrained(tmp_path)
    names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    save_tokenizer(tmp_path, specials=names, template=CHATML, bos=None, eos=names[0])
    judge = load_judge(str(tmp_path), device="cpu")
    assert judge(["Name a fruit."], ["An apple."], ["A pear."])[0] != 0
    with pytest.raises(BadInput, match="has .* tokens, its context holds 512"):
        judge(["word " * 600], ["a"], ["b"])


def test_a_tokenizer_model_alone_is_enough(tmp_path: Path) -> None:
    """As older fine-tunes of Llama are saved."""
    import io

    spm = pytest.importorskip("sentencepiece")
    import transformers

    made, lines = io.BytesIO(), ["The river flows to the sea.", "Name the tools: hammer and saw.", "A or B."]
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(lines * 20), model_writer=made, vocab_size=300, model_type="bpe",
        byte_fallback=True, hard_vocab_limit=False, unk_id=0, bos_id=1, eos_id=2, minloglevel=2,
    )  # fmt: skip
    (tmp_path / "tokenizer.model").write_bytes(made.getvalue())
    template = "{% for m in messages %}{{ bos_token + '[INST] ' + m['content'] + ' [/INST]' }}{% endfor %}"
    said = {"tokenizer_class": "LlamaTokenizer", "chat_template": template, "legacy": False}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(said))
    shape = transformers.LlamaConfig(vocab_size=320, **SHAPE, bos_token_id=1, eos_token_id=2)
    transformers.LlamaForCausalLM(shape).save_pretrained(tmp_path)
    oracle = LocalOracle(tmp_path, sampling=GREEDY)
    theirs = spm.SentencePieceProcessor(str(tmp_path / "tokenizer.model"))
    text = "[INST] Name the sea. [/INST]"
    assert oracle.tokenizer(text, add_special_tokens=False)["input_ids"] == theirs.encode(text)
    assert oracle.encode("Name the sea.") == [
        1,
        *theirs.encode(text)[1:],
    ]  # no word begins behind a special token
    assert oracle.answer(ASKED)[0].prompt_tokens > 5


@pytest.fixture
def grown(tmp_path: Path) -> tuple[Path, Path]:
    """A base without chat tokens, and an adapter whose trainer added two, with embeddings of all tokens."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from bbi_utils.oracles.adapters import peft_warnings

    base, folder = make_qwen(tmp_path / "base"), tmp_path / "grown"
    model = AutoModelForCausalLM.from_pretrained(base)
    with torch.random.fork_rng(), peft_warnings():
        torch.manual_seed(0)
        model.resize_token_embeddings(322, mean_resizing=False)
        config = LoraConfig(r=4, target_modules=["q_proj"], task_type="CAUSAL_LM", init_lora_weights=False)
        get_peft_model(model, config).save_pretrained(folder, save_embedding_layers=True)
    names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    save_tokenizer(folder, specials=names, template=CHATML, bos=None, eos=names[0])
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|open|>", "<|close|>"]})
    tokenizer.chat_template = CHATML.replace("<|im_start|>", "<|open|>").replace("<|im_end|>", "<|close|>")
    tokenizer.save_pretrained(folder)
    return base, folder


def test_an_adapter_with_added_tokens_answers_with_them(grown: tuple[Path, Path]) -> None:
    oracle = LocalOracle(grown[1], sampling=GREEDY, device="cpu")
    tensors = load_file(grown[1] / "adapter_model.safetensors")
    own = next(value for name, value in tensors.items() if "embed_tokens" in name)
    assert oracle.encode("Hi.")[0] == 320 and 321 in oracle.encode("Hi.")
    assert torch.equal(oracle.model.get_input_embeddings().weight, own) and len(own) == 322
    assert oracle.answer(ASKED)[0].answer_tokens > 0 and 321 in oracle.stops


def test_added_tokens_without_embeddings_are_named(grown: tuple[Path, Path], tmp_path: Path) -> None:
    base, folder = grown
    bare = Path(shutil.copytree(folder, tmp_path / "bare"))
    tensors = load_file(bare / "adapter_model.safetensors")
    lora = {name: value for name, value in tensors.items() if "lora" in name}
    save_file(lora, bare / "adapter_model.safetensors", {"format": "pt"})
    whole = Path(shutil.copytree(base, tmp_path / "whole"))  # the same fault in a model of its own
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(folder / name, whole / name)
    for model in (bare, whole):
        with pytest.raises(
            BadInput, match="writes '<.close.>' as token 321, the model knows 320 tokens; resize"
        ):
            LocalOracle(model, sampling=GREEDY).answer(ASKED)
    with pytest.raises(BadInput, match="the model knows 320 tokens"):
        load_judge(str(whole))


def test_nobody_is_told_to_delete_an_adapter_that_is_not_ours(
    tiny_qwen: Path, tiny_llama: Path, tmp_path: Path
) -> None:
    mine = make_adapter(make_qwen(tmp_path / "wide", intermediate_size=192), tmp_path / "mine")
    for name, way in (("theirs.json", "train it anew on this base"), ("training.json", "delete its folder")):
        (mine / name).write_text("{}")
        with pytest.raises(BadInput, match=way) as error:
            LocalOracle(tiny_qwen, adapter=mine, sampling=GREEDY).answer(ASKED)
    assert "\n" not in str(error.value)
