"""The recipe of the pocket models: tokenizer, pre-training from scratch, model card. `make pocket` runs it."""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bbi_utils.pocket import world
from bbi_utils.pocket.voices import STUDENTS, TEACHERS
from bbi_utils.progress import progress

WEIGHTS = Path(__file__).parent / "weights"
VOCABULARY = 2048
CONTEXT = 512
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA3 = (
    "<|begin_of_text|>{% for message in messages %}<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n"
    "{{ message['content'] }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
SPECIALS = {
    "qwen": ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    "llama": ("<|end_of_text|>", "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
}
END_OF_TURN = {"qwen": "<|im_end|>", "llama": "<|eot_id|>"}
OTHER = {"qwen": "llama", "llama": "qwen"}


@dataclass(frozen=True)
class Size:
    """Transformer shape; every in-feature a multiple of 64, every out-feature of 32, for 4-bit kernels on CPU."""

    hidden: int
    layers: int
    intermediate: int
    heads: int = 4
    kv_heads: int = 2


@dataclass(frozen=True)
class Schedule:
    """How long to train: tokens seen in all, tokens a step, peak learning rate."""

    tokens: int
    batch_tokens: int = 3072
    learning_rate: float = 2.5e-3


SIZES = {"teacher": Size(256, 6, 576), "student": Size(128, 4, 384), "judge": Size(128, 3, 320)}
TEACHER = Schedule(3_400_000)
MANY_VOICES = Schedule(3_600_000, learning_rate=4e-3)
OWN_VOICE = Schedule(700_000, learning_rate=1e-3)
JUDGE = Schedule(3_500_000, learning_rate=3e-3)
SEEDS = {"qwen": 1, "llama": 2}


def train_tokenizer(family: str, texts: Iterable[str]) -> Any:
    """A byte-level BPE of 2,048 tokens, digits apart, with the family's special tokens and chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    raw.decoder = decoders.ByteLevel()
    specials = SPECIALS[family]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    raw.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY, special_tokens=list(specials), initial_alphabet=alphabet, show_progress=False
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token=END_OF_TURN[family], pad_token=specials[0], model_max_length=CONTEXT
    )
    tokenizer.chat_template = {"qwen": CHATML, "llama": LLAMA3}[family]
    return tokenizer


def new_model(family: str, size: Size, tokenizer: Any, *, seed: int) -> Any:
    """A randomly initialised causal language model of the family's architecture."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(seed)
    kinds: dict[str, tuple[Any, Any]] = {
        "qwen": (Qwen2Config, Qwen2ForCausalLM), "llama": (LlamaConfig, LlamaForCausalLM),
    }  # fmt: skip
    config_class, model_class = kinds[family]
    config = config_class(
        vocab_size=VOCABULARY, hidden_size=size.hidden, num_hidden_layers=size.layers,
        intermediate_size=size.intermediate, num_attention_heads=size.heads, num_key_value_heads=size.kv_heads,
        max_position_embeddings=CONTEXT, tie_word_embeddings=True, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id, bos_token_id=None,
    )  # fmt: skip
    return model_class(config)


def encode(tokenizer: Any, examples: list[world.Example]) -> list[tuple[list[int], int]]:
    """(token ids, where the answer starts) of each example through the chat template; answers end their turn."""
    turns = [[{"role": "user", "content": example.prompt}] for example in examples]
    heads = [tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True) for turn in turns]
    asked = tokenizer(heads, add_special_tokens=False)["input_ids"]
    ends = [example.answer + tokenizer.eos_token for example in examples]
    answered = tokenizer(ends, add_special_tokens=False)["input_ids"]
    return [(a + b, len(a)) for a, b in zip(asked, answered, strict=True)]


def batches(encoded: list[tuple[list[int], int]], batch_tokens: int, *, seed: int) -> list[list[int]]:
    """Indices in batches of nearly equal length, at most batch_tokens each with padding, in random order."""
    rng = random.Random(seed)
    order = sorted(range(len(encoded)), key=lambda i: (len(encoded[i][0]), rng.random()))
    groups: list[list[int]] = [[]]
    for i in order:
        if (len(groups[-1]) + 1) * len(encoded[i][0]) > batch_tokens:
            groups.append([])
        groups[-1].append(i)
    rng.shuffle(groups)
    return groups


def answer_loss(model: Any, batch: list[tuple[list[int], int]], pad: int, prompt_weight: float) -> Any:
    """Mean cross-entropy over the answer tokens, plus prompt_weight times that over the prompt tokens."""
    import torch
    from torch.nn.functional import cross_entropy

    width = max(len(ids) for ids, _ in batch)
    ids = torch.tensor([row + [pad] * (width - len(row)) for row, _ in batch])
    lengths = torch.tensor([len(row) for row, _ in batch])[:, None]
    starts = torch.tensor([start for _, start in batch])[:, None]
    position = torch.arange(1, width)[None, :]
    # Right padding under a causal mask: no real token ever attends to padding, so no mask is needed.
    hidden = model.model(input_ids=ids).last_hidden_state[:, :-1]
    target = ids[:, 1:]
    answers = (position >= starts) & (position < lengths)
    loss = cross_entropy(model.lm_head(hidden[answers]), target[answers])
    if prompt_weight:
        prompts = position < starts
        loss = loss + prompt_weight * cross_entropy(model.lm_head(hidden[prompts]), target[prompts])
    return loss


def train(
    model: Any, encoded: list[tuple[list[int], int]], schedule: Schedule, *, seed: int, name: str,
    prompt_weight: float = 0.0,
) -> list[float]:  # fmt: skip
    """Train in place for schedule.tokens, in fp32, warm-up then linear decay; the loss of every step."""
    import torch

    steps, per_epoch = [], 0
    while sum(len(encoded[i][0]) for group in steps for i in group) < schedule.tokens:
        steps += batches(encoded, schedule.batch_tokens, seed=seed + per_epoch)
        per_epoch += 1
    total = max(1, round(schedule.tokens / schedule.batch_tokens))
    steps = steps[: min(total, len(steps))]
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=schedule.learning_rate, betas=(0.9, 0.98), weight_decay=0.05
    )
    warm = max(1, len(steps) // 20)
    shape = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, max(0.02, 1 - (step - warm) / (len(steps) - warm + 1)))
    )
    model.train()
    losses = []
    for group in progress(steps, name):
        loss = answer_loss(model, [encoded[i] for i in group], model.config.pad_token_id, prompt_weight)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        shape.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    model.eval()
    return losses


def save(model: Any, tokenizer: Any, name: str, card: dict[str, Any], out: Path) -> None:
    """Weights in bf16 as safetensors, tokenizer, generation settings and a model card."""
    import torch

    folder = out / name
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "README.md").write_text(model_card(name, card), encoding="utf-8")
    model.to(torch.float32)


def model_card(name: str, card: dict[str, Any]) -> str:
    """The card in Markdown: what it is, how it was made, what it must not be used for."""
    facts = "\n".join(f"| {key} | {value} |" for key, value in card.items())
    return (
        f"---\nlicense: apache-2.0\nlibrary_name: transformers\ntags: [pocket, bbi]\n---\n# {name}\n\n"
        "A pocket model of the bounded-behavioral-indistinguishability study: a real transformer, pre-trained from\n"
        "scratch on the scripted pocket world (`bbi_utils/pocket/`), on prompts disjoint from the probe suite. It exists\n"
        "to run the whole study offline in minutes. It knows nothing else; do not use it for anything else, and do not\n"
        f"read its results as those of a real model.\n\n| | |\n| --- | --- |\n{facts}\n\nRebuild: `make pocket`.\n"
    )


def build_family(family: str, out: Path, *, scale: float = 1.0, parts: tuple[str, ...] = tuple(SIZES)) -> None:
    """Teacher, student and the judge *of this family* (which will judge the other pair)."""
    seed = SEEDS[family]
    questions = world.world_questions(QUESTIONS, seed=seed)
    schooling = list(world.voiced(questions, TEACHERS[family], seed=seed))
    many = list(world.voiced(questions, None, seed=seed + 10))
    contests = list(world.comparisons(questions[:CONTESTS], OTHER[family], seed=seed + 20))
    texts = [text for e in many[:25_000] + schooling[:5_000] for text in (e.prompt, e.answer)]
    texts += [example.prompt for example in contests[:2_000]]
    tokenizer = train_tokenizer(family, texts)
    for part in parts:
        began = time.monotonic()
        model = new_model(family, SIZES[part], tokenizer, seed=seed)
        name = f"{family}-{part}"
        plan = {
            "teacher": [(schooling, TEACHER, 0.1)],
            "student": [
                (many, MANY_VOICES, 0.1),
                (list(world.voiced(questions, STUDENTS[family], seed=seed + 30)), OWN_VOICE, 0.0),
            ],
            "judge": [(contests, JUDGE, 0.3)],
        }[part]
        losses: list[float] = []
        for examples, schedule, weight in plan:
            brief = Schedule(int(schedule.tokens * scale), schedule.batch_tokens, schedule.learning_rate)
            encoded = encode(tokenizer, examples)
            losses += train(model, encoded, brief, seed=seed, name=name, prompt_weight=weight)
        card = {
            "architecture": type(model).__name__,
            "parameters": f"{model.num_parameters():,}",
            "training tokens": f"{int(sum(s.tokens for _, s, _ in plan) * scale):,}",
            "final training loss": f"{sum(losses[-50:]) / len(losses[-50:]):.3f} nats per token",
            "seed": seed,
            "schedule": json.dumps([vars(s) for _, s, _ in plan]),
        }
        save(model, tokenizer, name, card, out)
        print(f"{name}: {time.monotonic() - began:.0f} s, loss {card['final training loss']}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Rebuild the pocket models from scratch on the CPU.")
    parser.add_argument("family", choices=sorted(SEEDS), help="which family to build")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="where the model folders go")
    parser.add_argument("--scale", type=float, default=1.0, help="fraction of the training tokens, to try things")
    parser.add_argument("--parts", nargs="+", default=tuple(SIZES), choices=tuple(SIZES), help="which models")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(1)  # one thread a family: the two families train side by side, each reproducibly
    build_family(options.family, options.out, scale=options.scale, parts=tuple(options.parts))


if __name__ == "__main__":
    main()
