"""Pre-training of a pocket model from scratch, on one CPU thread."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bbi_utils.distillation.checkpoints import load_state, reading, save_state
from bbi_utils.files import sha256_json
from bbi_utils.progress import progress
from pocket.world import Example

SECONDS_BETWEEN_SAVES = 300


@dataclass(frozen=True)
class Schedule:
    """How long to train: tokens in all, tokens a step, peak learning rates of matrices and of the rest."""

    tokens: int
    batch_tokens: int = 768  # small steps: at this size, more of them beat larger ones
    matrix_rate: float = 0.005
    vector_rate: float = 0.01


def encode(tokenizer: Any, examples: list[Example]) -> list[tuple[list[int], int]]:
    """(token ids, where the answer starts) of each example, in the chat template; answers end their turn."""
    turns = [[{"role": "user", "content": example.prompt}] for example in examples]
    heads = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
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


def answer_loss(model: Any, batch: list[tuple[list[int], int]]) -> Any:
    """Mean cross-entropy over the answer tokens of a batch; prompts are read, not learned."""
    import torch
    from torch.nn.functional import cross_entropy

    width = max(len(ids) for ids, _ in batch)
    pad = model.config.pad_token_id
    ids = torch.tensor([row + [pad] * (width - len(row)) for row, _ in batch])
    starts, ends = torch.tensor([[start, len(row)] for row, start in batch]).T[..., None]
    position = torch.arange(1, width)[None, :]
    answers = (position >= starts) & (position < ends)
    # Right padding under a causal mask: no real token ever attends to padding, so no mask is needed.
    hidden = model.model(input_ids=ids).last_hidden_state[:, :-1]
    return cross_entropy(model.lm_head(hidden[answers]), ids[:, 1:][answers])


def optimizers(model: Any, schedule: Schedule) -> list[Any]:
    """Muon for the weight matrices, AdamW for embeddings, norms and biases."""
    import torch

    from pocket.muon import Muon

    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    known = {id(matrix) for matrix in matrices}
    rest = [p for p in model.parameters() if id(p) not in known]
    return [
        Muon(matrices, lr=schedule.matrix_rate),
        torch.optim.AdamW(rest, lr=schedule.vector_rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def resume(checkpoint: Path, parts: Mapping[str, Any], key: str) -> list[float]:
    """Put the parts where they were saved; the losses so far, [] with nothing to continue."""
    state = load_state(checkpoint, key=key)
    if state is None:
        return []
    with reading(checkpoint):
        for name, part in parts.items():
            part.load_state_dict(state[name])
        return list(state["losses"])


def train(
    model: Any,
    encoded: list[tuple[list[int], int]],
    schedule: Schedule,
    *,
    seed: int,
    name: str,
    checkpoint: Path | None = None,
) -> list[float]:
    """Train in place for schedule.tokens in fp32: warm-up, constant, linear decay; the loss of every step.

    With a checkpoint file, the state is saved there every few minutes and at the end; the same call after a
    kill continues from it to the same weights. A checkpoint of other data or settings is not used.
    """
    import torch

    total, epoch = max(1, round(schedule.tokens / schedule.batch_tokens)), 0
    steps: list[list[int]] = []
    while len(steps) < total:
        steps += batches(encoded, schedule.batch_tokens, seed=seed + epoch)
        epoch += 1
    del steps[total:]
    warm = max(1, total // 20)

    def rate(step: int) -> float:
        return min(1.0, (step + 1) / warm, max(0.02, (total - step) / (0.3 * total)))

    both = optimizers(model, schedule)
    shapes = [torch.optim.lr_scheduler.LambdaLR(optimizer, rate) for optimizer in both]
    parts = {"model": model, **{f"part {i}": part for i, part in enumerate((*both, *shapes))}}
    key = sha256_json([asdict(schedule), seed, name, len(encoded), encoded[:100], encoded[-100:]])
    losses = resume(checkpoint, parts, key) if checkpoint else []
    saved = time.monotonic()
    model.train()
    for group in progress(steps[len(losses) :], name):
        loss = answer_loss(model, [encoded[i] for i in group])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for each in (*both, *shapes):
            each.step()
        model.zero_grad()
        losses.append(loss.item())
        due = time.monotonic() - saved > SECONDS_BETWEEN_SAVES or len(losses) == total
        if checkpoint and due:
            states = {name: part.state_dict() for name, part in parts.items()}
            save_state(checkpoint, {"key": key, "losses": losses, **states})
            saved = time.monotonic()
    model.eval()
    return losses
