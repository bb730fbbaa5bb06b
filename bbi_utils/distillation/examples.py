"""What fine-tuning sees: token ids with the prompt masked, in batches of similar length."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from bbi_utils.errors import BadInput
from bbi_utils.oracles.chat import conversation_ids

if TYPE_CHECKING:
    import pandas as pd
    import torch

IGNORED = -100  # the label that cross-entropy skips
Example: TypeAlias = "dict[str, Any]"  # input_ids and labels, lists of as many


def encode_example(
    tokenizer: Any, prompt: str, answer: str, *, system_prompt: str | None = None, ended: bool = True
) -> Example:
    """Token ids of prompt, answer and end of turn (`input_ids`), and `labels` that are -100 on the prompt.

    The tokens are those of the template. The end of turn is learned too, or the student would never stop;
    an answer that was cut off (`ended` False) has none, or the student would learn to stop anywhere.
    """
    asked, answered = conversation_ids(tokenizer, prompt, answer, system_prompt=system_prompt, ended=ended)
    return {"input_ids": asked + answered, "labels": [IGNORED] * len(asked) + answered}


def lessons_of(answers: pd.DataFrame, teacher: str) -> pd.DataFrame:
    """The rows that the teacher answered; raises BadInput where it answered none."""
    taught = answers[answers["answer"] != ""]
    if taught.empty:
        ends = ", ".join(map(str, answers["finish_reason"].unique()))
        found = f"teacher {teacher} answered none of {len(answers)} prompts to distil on (ended by: {ends})"
        raise BadInput(f"{found}; there is nothing to learn: look at its answers, or name another teacher")
    return taught


def encode_all(
    tokenizer: Any,
    prompts: Sequence[str],
    answers: Sequence[str],
    *,
    system_prompt: str | None,
    max_length: int,
    ended: Sequence[bool] | None = None,
) -> list[Example]:
    """Every example; BadInput for an empty answer or an example that would have to be cut."""
    ended = [True] * len(answers) if ended is None else ended
    if not prompts or not len(prompts) == len(answers) == len(ended):
        found = f"{len(prompts)} prompts and {len(answers)} answers to distil on, {len(ended)} of them said"
        raise BadInput(f"{found} to have ended or not; expected as many of each, not none.")
    examples = []
    for number, (prompt, answer, whole) in enumerate(zip(prompts, answers, ended, strict=True)):
        if not answer.strip():
            found = f"answer {number} to distil on is empty (prompt {prompt[:60]!r})"
            raise BadInput(f"{found}; drop that prompt.")
        example = encode_example(tokenizer, prompt, answer, system_prompt=system_prompt, ended=whole)
        if (length := len(example["input_ids"])) > max_length:
            found = f"example {number} has {length} tokens, max_length is {max_length}"
            raise BadInput(f"{found}; raise max_length.")
        examples.append(example)
    return examples


def plan_steps(lengths: Sequence[int], *, batch_size: int, epochs: int, seed: int) -> list[list[int]]:
    """Which examples each optimiser step sees: shuffled, then grouped by length in pools of 32 batches."""
    steps: list[list[int]] = []
    for epoch in range(epochs):
        generator = np.random.default_rng([seed, epoch])
        order = generator.permutation(len(lengths)).tolist()
        pools = [order[i : i + 32 * batch_size] for i in range(0, len(order), 32 * batch_size)]
        grouped = [sorted(pool, key=lambda i: -lengths[i]) for pool in pools]
        batches = [pool[i : i + batch_size] for pool in grouped for i in range(0, len(pool), batch_size)]
        steps += [batches[i] for i in generator.permutation(len(batches))]
    return steps


def length_of(example: Example) -> int:
    """Tokens of prompt and answer."""
    return len(example["input_ids"])


def split_batch(
    batch: Sequence[Example], *, most: int, length: Callable[[Example], int] = length_of
) -> Iterator[Sequence[Example]]:
    """Parts of a batch, longest first, of at most `most` tokens with their padding; no example is cut."""
    rest = sorted(batch, key=length, reverse=True)
    while rest:
        size = max(1, most // length(rest[0]))
        yield rest[:size]
        rest = rest[size:]


def graded_tokens(examples: Sequence[Example]) -> int:
    """How many tokens have a loss."""
    return sum(label != IGNORED for example in examples for label in example["labels"])


def collate(examples: Sequence[Example], *, pad: int) -> dict[str, torch.Tensor]:
    """Right-padded input_ids, attention_mask and labels, each (batch, longest)."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    ids, labels = ([torch.tensor(example[name]) for example in examples] for name in ("input_ids", "labels"))
    return {
        "input_ids": pad_sequence(ids, batch_first=True, padding_value=pad),
        "attention_mask": pad_sequence([torch.ones_like(row) for row in ids], batch_first=True),
        "labels": pad_sequence(labels, batch_first=True, padding_value=IGNORED),
    }
