"""Distillation: the right tokens, learned by the right parameters, the same however often it is killed."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bbi_utils.distillation import lora as distill
from bbi_utils.distillation.examples import (
    IGNORED,
    collate,
    encode_example,
    graded_tokens,
    lessons_of,
    plan_steps,
    split_batch,
)
from bbi_utils.distillation.lora import LoraSettings, train_adapter
from bbi_utils.errors import BadInput
from bbi_utils.oracles import LocalOracle, Request, Sampling, checkpoints
from bbi_utils.oracles.adapters import adapter_hash

PROMPTS = [f"What is {i}?" for i in range(24)]
ANSWERS = [f"It is {i}." for i in range(24)]
SETTINGS = LoraSettings(r=4, alpha=8, batch_size=8, epochs=2, learning_rate=2e-2, checkpoint_every=2)
FAMILIES = ["tiny_qwen", "tiny_llama"]


def test_a_teacher_that_said_nothing_is_one_clear_error() -> None:
    said = pd.DataFrame({"answer": ["", ""], "finish_reason": ["length", "stop"]})
    with pytest.raises(BadInput, match=r"teacher big answered none of 2 prompts .*length, stop"):
        lessons_of(said, "big")
    assert len(lessons_of(pd.concat([said, said.assign(answer=["", "Yes."])]), "big")) == 1


def train(student: Path, out: Path, settings: LoraSettings = SETTINGS, **more: Any) -> Any:
    return train_adapter(
        student, PROMPTS, ANSWERS, out=out, settings=settings, seed=5, progress=False, **more
    )


@pytest.fixture(scope="module")
def trained(tiny_qwen: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """An adapter trained without interruption, and its loss curve."""
    out = tmp_path_factory.mktemp("run") / "adapter"
    return out, train(tiny_qwen, out)


@pytest.mark.parametrize("family", FAMILIES)
def test_only_the_answer_and_its_end_are_learned(family: str, request: pytest.FixtureRequest) -> None:
    checkpoint = checkpoints.resolve_model(request.getfixturevalue(family))
    tokenizer = checkpoints.load_tokenizer(checkpoint)
    example = encode_example(tokenizer, "What is 2?", "It is 2.", system_prompt="Be brief.")
    learned = [label for label in example["labels"] if label != IGNORED]
    end = {"tiny_qwen": "<|im_end|>", "tiny_llama": "<|eot_id|>"}[family]
    assert tokenizer.decode(learned) == "It is 2." + end
    assert example["input_ids"][-len(learned) :] == learned
    assert example["labels"][: -len(learned)] == [IGNORED] * (len(example["labels"]) - len(learned))
    turns = [
        {"role": r, "content": c}
        for r, c in (("system", "Be brief."), ("user", "What is 2?"), ("assistant", "It is 2."))
    ]
    whole = tokenizer.apply_chat_template(turns, tokenize=False, date_string="26 Jul 2024")
    assert tokenizer.decode(example["input_ids"]) == whole.rstrip("\n")


def test_an_answer_that_was_cut_off_teaches_no_end(tiny_qwen: Path, tmp_path: Path) -> None:
    tokenizer = checkpoints.load_tokenizer(checkpoints.resolve_model(tiny_qwen))
    whole, cut = (encode_example(tokenizer, "What is 2?", "It is 2.", ended=ended) for ended in (True, False))
    assert {name: values[:-1] for name, values in whole.items()} == cut
    assert tokenizer.decode(whole["labels"][-1:]) == "<|im_end|>"
    with pytest.raises(BadInput, match="24 answers to distil on, 3 of them"):
        train(tiny_qwen, tmp_path / "a", ended=[True] * 3)
    tokens = [
        train(tiny_qwen, tmp_path / str(ended), ended=[ended] * 24)["tokens"] for ended in (True, False)
    ]
    assert tokens[0].sum() - tokens[1].sum() == SETTINGS.epochs * len(PROMPTS)


CAPPED = {"vocab_size": 320, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
          "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16}  # fmt: skip
# Two shapes that ship with the repository, and two models that do something to their logits.
MODELS: dict[str, dict[str, Any]] = {
    "Qwen2": {}, "Llama": {}, "Gemma2": {"final_logit_softcapping": 0.5}, "Cohere": {"logit_scale": 4.0},
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_the_loss_and_its_gradients_are_the_plain_ones(name: str, tiny_qwen: Path) -> None:
    """Cross-entropy over all logits of the padded batch, whatever the model does with them."""
    import torch
    import transformers

    tokenizer = checkpoints.load_tokenizer(checkpoints.resolve_model(tiny_qwen))
    shape = CAPPED if MODELS[name] else CAPPED | {"tie_word_embeddings": name == "Qwen2"}
    config = getattr(transformers, f"{name}Config")(**shape, **MODELS[name], initializer_range=0.3)
    model = getattr(transformers, f"{name}ForCausalLM")(config)
    pairs = [("What is 2?", "It is 2."), ("Say yes and then again, please.", "Yes. And again: yes, yes.")]
    batch = collate([encode_example(tokenizer, *pair) for pair in pairs], pad=0)
    found = []
    for loss in (model(**batch).loss * (batch["labels"] != IGNORED).sum(), distill.answer_loss(model, batch)):
        model.zero_grad()
        loss.backward()
        found.append((loss.detach(), [p.grad.clone() for p in model.parameters() if p.grad is not None]))
    (plain, wanted), (ours, gradients) = found
    torch.testing.assert_close(ours, plain)
    torch.testing.assert_close(gradients, wanted)


def test_a_batch_in_parts_trains_as_the_whole_does(
    tiny_qwen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = [{"input_ids": [0] * n, "labels": [n] * n} for n in (3, 9, 5, 5)]
    parts = [[len(one["labels"]) for one in part] for part in split_batch(whole, most=10)]
    assert parts == [[9], [5, 5], [3]] and graded_tokens(whole) == 22
    assert [len(part) for part in split_batch(whole, most=1)] == [1, 1, 1, 1]
    monkeypatch.setattr(distill, "tokens_at_once", lambda model, device: 60)
    curve = train(tiny_qwen, tmp_path / "parts", replace(SETTINGS, dropout=0.0))
    monkeypatch.undo()
    steps = train(tiny_qwen, tmp_path / "whole", replace(SETTINGS, dropout=0.0))
    assert curve["loss"].to_numpy() == pytest.approx(steps["loss"].to_numpy(), rel=1e-3)
    assert list(curve["tokens"]) == list(steps["tokens"])


def test_fewer_tokens_are_taken_at_once_of_a_larger_model() -> None:
    from types import SimpleNamespace

    def model(words: int) -> Any:
        shape = SimpleNamespace(num_hidden_layers=30, hidden_size=576, vocab_size=words)
        return SimpleNamespace(config=SimpleNamespace(get_text_config=lambda: shape))

    assert (
        300 < distill.tokens_at_once(model(49152), "cpu") < distill.tokens_at_once(model(2048), "cpu") < 600
    )
    assert distill.tokens_at_once(model(49152), "cuda") > 10**6


def test_a_validation_loss_is_measured_and_changes_nothing(
    tiny_qwen: Path, trained: tuple[Path, Any], tmp_path: Path
) -> None:
    out, plain = trained
    held_out = list(zip(PROMPTS[:3], ["No.", "It is 9.", "It is"], [True, True, False], strict=True))
    spare = pd.DataFrame(held_out, columns=["prompt", "answer", "ended"])
    curve = train(tiny_qwen, tmp_path / "watched", development=spare)
    name = "adapter_model.safetensors"
    assert (tmp_path / "watched" / name).read_bytes() == (out / name).read_bytes()
    assert curve.drop(columns="validation").equals(plain.drop(columns="validation"))
    assert plain["validation"].isna().all() and curve["validation"].notna().all()  # 6 steps: all of them
    again = LocalOracle(tiny_qwen, adapter=tmp_path / "watched", quantisation="nf4", sampling=Sampling())
    examples = [encode_example(again.tokenizer, p, a, ended=ended) for p, a, ended in held_out]
    loss = distill.answer_loss(again.model, collate(examples, pad=0)).item() / graded_tokens(examples)
    assert curve["validation"].iloc[-1] == pytest.approx(loss, rel=1e-4)  # of the finished adapter
    assert train(tiny_qwen, tmp_path / "none", development=spare.iloc[:0]).equals(plain)


def test_the_plan_shows_every_example_once_an_epoch() -> None:
    lengths = [10 + i % 7 for i in range(50)]
    steps = plan_steps(lengths, batch_size=8, epochs=2, seed=1)
    assert len(steps) == 14
    for epoch in (steps[:7], steps[7:]):
        assert sorted(i for batch in epoch for i in batch) == list(range(50))
    assert steps[:7] != steps[7:] and steps == plan_steps(lengths, batch_size=8, epochs=2, seed=1)


def test_the_learning_rate_warms_up_and_decays() -> None:
    settings = replace(SETTINGS, warmup=0.1)
    rates = [distill.learning_rate_at(k, total=100, settings=settings) for k in range(100)]
    assert max(rates) == rates[9] == rates[10] == settings.learning_rate
    assert rates[:10] == sorted(rates[:10]) and rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 0.11 * settings.learning_rate


def test_it_learns_in_four_bits_and_the_student_stops(tiny_qwen: Path, trained: tuple[Path, Any]) -> None:
    from bitsandbytes.nn import Linear4bit

    out, curve = trained
    assert list(curve.columns) == ["step", "loss", "learning_rate", "tokens", "validation"]
    assert list(curve.step) == [1, 2, 3, 4, 5, 6]
    assert curve.loss.iloc[-1] < curve.loss.iloc[0] / 2
    oracle = LocalOracle(
        tiny_qwen, adapter=out, quantisation="nf4", sampling=Sampling(temperature=0, max_new_tokens=12)
    )
    layers = [m for m in oracle.model.modules() if isinstance(m, Linear4bit)]
    assert len(layers) == 14 and all(layer.weight.quant_state.nested for layer in layers)
    assert all(layer.weight.quant_state.quant_type == "nf4" for layer in layers)
    answers = oracle.answer([Request(str(i), prompt) for i, prompt in enumerate(PROMPTS)])
    base = LocalOracle(tiny_qwen, sampling=Sampling(temperature=0, max_new_tokens=12))
    assert oracle.fingerprint != base.fingerprint
    assert any(
        a.answer != b.answer for a, b in zip(answers, base.answer([Request("0", PROMPTS[0])]), strict=False)
    )


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("quantisation", ["nf4", "none"])
def test_every_lora_parameter_has_a_gradient_after_eval(
    family: str, quantisation: Any, request: pytest.FixtureRequest
) -> None:
    import torch

    checkpoint = checkpoints.resolve_model(request.getfixturevalue(family))
    tokenizer = checkpoints.load_tokenizer(checkpoint)
    examples = [encode_example(tokenizer, *pair) for pair in zip(PROMPTS, ANSWERS, strict=True)]
    settings = replace(SETTINGS, quantisation=quantisation)
    model = distill.build_student(checkpoint, settings, dtype="float32", device="cpu", seed=0)
    run = distill.TrainingRun(model, examples, settings, pad=0, seed=0, device="cpu")
    model.train()
    for step in range(2):  # lora_A has no gradient while lora_B is still zero
        run.step(step)
    model.eval()
    with torch.no_grad():  # where bitsandbytes would repack
        model(torch.tensor([examples[0]["input_ids"]]))
    model.train()
    distill.answer_loss(model, collate(examples[:4], pad=0)).backward()
    assert len(run.parameters) == 2 * 14
    for name, parameter in run.parameters.items():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("wide", [10**6, 0])
def test_unpacked_layers_train_as_packed_ones_do(
    wide: int, tiny_qwen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the bit by the same library, and to rounding by the faster one."""
    import torch

    from bbi_utils.oracles import frozen, quantised

    monkeypatch.setattr(quantised, "WIDE", wide)
    checkpoint = checkpoints.resolve_model(tiny_qwen)
    tokenizer = checkpoints.load_tokenizer(checkpoint)
    examples = [encode_example(tokenizer, *pair) for pair in zip(PROMPTS, ANSWERS, strict=True)]
    found = []
    for most in (0.0, distill.UNPACKED):
        monkeypatch.setattr(distill, "UNPACKED", most)
        model = distill.build_student(checkpoint, SETTINGS, dtype="float32", device="cpu", seed=0)
        run = distill.TrainingRun(model, examples, SETTINGS, pad=0, seed=0, device="cpu")
        packed = sum(type(module).__name__ == "Params4bit" for module in model.parameters())
        by_onednn = sum(isinstance(module, frozen.FrozenLinear) for module in model.modules())
        faster = most and not wide and frozen.is_exact()
        assert packed == (0 if most else 14) and by_onednn == (14 if faster else 0)
        model.train()
        losses = [run.step(step)["loss"] for step in range(len(run.plan))]
        found.append((losses, {name: one.detach().clone() for name, one in run.parameters.items()}))
    close = {"rtol": 0, "atol": 0} if wide else {"rtol": 1e-3, "atol": 1e-5}
    torch.testing.assert_close(*found, **close)


def test_products_and_gradients_by_onednn_are_those_of_a_linear_layer() -> None:
    import torch

    from bbi_utils.oracles import frozen

    torch.manual_seed(0)
    layer, twin = torch.nn.Linear(96, 80), frozen.FrozenLinear(96, 80)
    twin.load_state_dict(layer.state_dict())
    precision = torch.backends.mkldnn.matmul.fp32_precision
    asked, again = (torch.randn(3, 5, 96, generator=torch.Generator().manual_seed(1)) for _ in range(2))
    for model, x in ((layer, asked.requires_grad_()), (twin, again.requires_grad_())):
        model(x).pow(2).sum().backward()
    close = {} if frozen.is_exact() else {"rtol": 0.05, "atol": 0.5}
    torch.testing.assert_close(asked.grad, again.grad, **close)
    assert torch.backends.mkldnn.matmul.fp32_precision == precision


def test_repacking_is_switched_off_even_where_the_cpu_could(
    tiny_qwen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bitsandbytes.nn import Linear4bit, modules

    monkeypatch.setattr(modules, "has_avx512bf16", lambda: True)
    assert Linear4bit(64, 64).support_avx512bf16_for_cpu
    model = checkpoints.load_model(
        checkpoints.resolve_model(tiny_qwen), quantisation="nf4", dtype="float32", device="cpu"
    )
    flags = [m.support_avx512bf16_for_cpu for m in model.modules() if isinstance(m, Linear4bit)]
    assert flags == [False] * 14


def test_a_finished_run_is_not_repeated_and_its_files_are_the_same_bytes(
    tiny_qwen: Path, trained: tuple[Path, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, curve = trained
    assert train(tiny_qwen, tmp_path / "other").equals(curve)
    for name in ("adapter_model.safetensors", "adapter_config.json", "training.json"):
        assert (tmp_path / "other" / name).read_bytes() == (out / name).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other"]
    monkeypatch.setattr(distill, "build_student", lambda *_, **__: pytest.fail("trained again"))
    assert train(tiny_qwen, out).equals(curve)


def test_a_trained_adapter_is_a_model_by_itself(trained: tuple[Path, Any], tiny_qwen: Path) -> None:
    """It names its base, so that its folder can be sampled, audited, or be a teacher."""
    out, sampling = trained[0], Sampling(temperature=0.0, top_p=1.0, max_new_tokens=6)
    asked = [Request("p", PROMPTS[0])]
    alone, on_base = (
        LocalOracle(out, sampling=sampling),
        LocalOracle(tiny_qwen, sampling=sampling, adapter=out),
    )
    assert alone.checkpoint.folder == on_base.checkpoint.folder == tiny_qwen
    said = [oracle.answer(asked)[0].answer for oracle in (alone, on_base)]
    assert said[0] == said[1] != LocalOracle(tiny_qwen, sampling=sampling).answer(asked)[0].answer


def test_the_hash_follows_content_not_place(trained: tuple[Path, Any], tmp_path: Path) -> None:
    out, _ = trained
    moved = Path(shutil.copytree(out, tmp_path / "moved"))
    config = json.loads((moved / "adapter_config.json").read_text())
    config.update(base_model_name_or_path="elsewhere", target_modules=config["target_modules"][::-1])
    (moved / "adapter_config.json").write_text(json.dumps(config))
    assert adapter_hash(moved) == adapter_hash(out)
    (moved / "adapter_config.json").write_text(json.dumps(config | {"lora_alpha": 99}))
    assert adapter_hash(moved) != adapter_hash(out)


def test_unusable_input_is_refused(tiny_qwen: Path, tmp_path: Path) -> None:
    def attempt(answers: list[str], settings: LoraSettings = SETTINGS, out: str = "a") -> None:
        train_adapter(
            tiny_qwen, PROMPTS[:2], answers, out=tmp_path / out, settings=settings, seed=0, progress=False
        )

    with pytest.raises(BadInput, match="answer 1 to distil on is empty"):
        attempt(["Yes.", "  "])
    with pytest.raises(BadInput, match="2 prompts and 1 answers"):
        attempt(["Yes."])
    with pytest.raises(BadInput, match="max_length is 20; raise max_length"):
        attempt(["Yes.", "No."], replace(SETTINGS, max_length=20))
    with pytest.raises(BadInput, match="does not fit tiny-qwen: Target modules .*nope.* not found"):
        attempt(["Yes.", "No."], replace(SETTINGS, targets=("nope",)))
    with pytest.raises(BadInput, match="distillation diverged .* lower learning_rate .now 1e\\+30"):
        attempt(["Yes.", "No."], replace(SETTINGS, learning_rate=1e30, epochs=4, warmup=0.0), out="wild")
    assert not (tmp_path / "wild").exists()
    with pytest.raises(BadInput, match="epochs is 0"):
        replace(SETTINGS, epochs=0)
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").write_text("mine")
    with pytest.raises(BadInput, match="was not written by train_adapter"):
        attempt(["Yes.", "No."], out="precious")
    (tmp_path / "a.checkpoint.pt").write_bytes(b"torn")
    with pytest.raises(BadInput, match=r"a\.checkpoint\.pt is damaged .* delete it and run again"):
        attempt(["Yes.", "No."])
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        attempt(["Yes.", "No."], out="file/adapter")


def test_a_full_disk_leaves_the_last_checkpoint(
    tiny_qwen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    save, calls = torch.save, []

    def full(state: Any, file: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            file.write(b"half of it")
            raise OSError(28, "No space left on device")
        save(state, file)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(BadInput, match="No space left on device; free space"):
        train(tiny_qwen, tmp_path / "adapter")
    assert [path.name for path in tmp_path.iterdir()] == ["adapter.checkpoint.pt"]
    assert len(train(tiny_qwen, tmp_path / "adapter")) == 6


def test_a_damaged_or_foreign_adapter_is_refused(
    tiny_llama: Path, tiny_qwen: Path, trained: tuple[Path, Any], tmp_path: Path
) -> None:
    out, _ = trained
    torn = Path(shutil.copytree(out, tmp_path / "torn"))
    (torn / "adapter_model.safetensors").write_bytes(b"torn")
    hello = [Request("p", "Hello.")]
    with pytest.raises(BadInput, match="torn cannot be loaded: .* delete its folder and run again"):
        LocalOracle(tiny_qwen, adapter=torn, sampling=Sampling(max_new_tokens=2)).answer(hello)
    (torn / "adapter_model.safetensors").rename(torn / "adapter_model.bin")
    with pytest.raises(BadInput, match="is a pickle and is never loaded"):
        LocalOracle(tiny_qwen, adapter=torn, sampling=Sampling())
    with pytest.raises(BadInput, match="no adapter_config.json"):
        LocalOracle(tiny_qwen, adapter=tmp_path / "none", sampling=Sampling())


# Dies by SIGKILL in its fourth step, of six: the checkpoint of the second is the last one.
KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_distill import distill, train

step = distill.TrainingRun.step
def dying(self, number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, number)

distill.TrainingRun.step = dying
train(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_a_killed_run_continues_to_the_same_bytes(
    tiny_qwen: Path, trained: tuple[Path, Any], tmp_path: Path
) -> None:
    out, curve = trained
    arguments = [sys.executable, "-c", KILLED, tiny_qwen, tmp_path / "adapter", Path(__file__).parent]
    assert subprocess.run(arguments, check=False, capture_output=True).returncode == -signal.SIGKILL
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter.checkpoint.pt"]
    assert train(tiny_qwen, tmp_path / "adapter").equals(curve)
    name = "adapter_model.safetensors"
    assert (tmp_path / "adapter" / name).read_bytes() == (out / name).read_bytes()
