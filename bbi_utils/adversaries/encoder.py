"""A fine-tuned transformer encoder as adversary (the paper uses RoBERTa and DistilBERT).

It reads prompt and answer as a text pair, averages the states over the answer's tokens and scores them
linearly.
One training run serves both games: the loss adds, for single answers, binary cross-entropy and, for pairs,
the Bradley-Terry loss on the difference of the two scores.

The joint reader reads each answer after the other one, as one text pair. Attention runs between the two, so
what it can use need not be visible in either of them alone: that this one contradicts that one, is the tidier
of the two, or repeats its words. With s(a | b) the score of a read after b, the pair is scored
s(a | b) - s(b | a), so swapping the answers flips the sign exactly, and equal answers tie exactly.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from bbi_utils.adversaries.backbone import EncoderSettings, Text, Trunk
from bbi_utils.games.player import Maker
from bbi_utils.oracles.checkpoints import trim


def readers(settings: EncoderSettings) -> dict[str, Maker]:
    """The reader of one answer and the joint one, by name; they share an encoder, loaded at first use.

    The joint reader's ``max_length`` is for both answers together.
    """
    trunk = cache(lambda: Trunk(settings))
    one, joint = settings.name, f"{settings.name}_joint"
    return {one: lambda: EncoderAdversary(one, trunk()), joint: lambda: JointAdversary(joint, trunk())}


class FineTunedEncoder(ABC):
    """Fine-tunes a copy of the trunk's trainable part; the trunk itself never changes.

    A subclass says after what each answer is read. A pair is scored by the difference of its two answers'
    scores.
    """

    def __init__(self, name: str, trunk: Trunk) -> None:
        self.name, self._trunk = name, trunk

    @abstractmethod
    def _texts(self, prompts: Sequence[str], answers: Sequence[str], others: Sequence[str]) -> list[Text]:
        """What is read of each answer, of which the other one is the rival."""

    def fit(self, pairs: pd.DataFrame, *, seed: int) -> FineTunedEncoder:
        """Trains on all pairs; the same seed gives the same weights on one CPU."""
        import torch

        trim(self._trunk.device.type)  # the memory of what was trained before
        prompts, teacher, student = (list(pairs[name]) for name in ("prompt", "teacher", "student"))
        teachers = self._trunk.read(self._texts(prompts, teacher, student))
        students = self._trunk.read(self._texts(prompts, student, teacher))
        with torch.random.fork_rng():  # the caller's random state stays as it was
            torch.manual_seed(seed)
            self._model, self._head = self._trunk.fresh()
            self._train(teachers, students, np.random.default_rng(seed))
        self._model.eval()
        self._scored: dict[Text, float] = {}
        trained = [*self._model.parameters(), *self._head.parameters()]
        self.parameters = self._trunk.frozen_parameters + sum(p.numel() for p in trained)
        return self

    def _train(self, teacher: list[Any], student: list[Any], rng: np.random.Generator) -> None:
        """Minibatches of whole pairs, AdamW, learning rate falling linearly to zero."""
        import torch

        settings, size = self._trunk.settings, self._trunk.settings.batch_size
        groups: list[dict[str, Any]] = [
            {"params": list(self._model.parameters()), "lr": settings.learning_rate},
            {"params": list(self._head.parameters()), "lr": settings.head_learning_rate},
        ]
        optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
        steps = settings.epochs * -(-len(teacher) // size)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
        # The longer answer of a pair decides how far its batch is padded.
        lengths = [max(len(x["answer"]) for x in pair) for pair in zip(teacher, student, strict=True)]
        self._model.train()
        for _ in range(settings.epochs):
            for batch in _similar_lengths(lengths, size, rng):
                items = [teacher[i] for i in batch] + [student[i] for i in batch]
                loss = _loss(self._forward(items), len(batch))
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_([p for g in groups for p in g["params"]], 1.0)
                optimizer.step()
                schedule.step()
        # Optimizer and schedule are a circle: what they hold would stay until all garbage is collected.
        optimizer.state.clear()
        optimizer.param_groups.clear()

    def _forward(self, items: list[Any]) -> Any:
        """Scores of read texts, shape (len(items),)."""
        inputs, answer = self._trunk.batch(items)
        with self._trunk.autocast():
            states = self._model(**inputs).last_hidden_state
        states = states.float() * answer[..., None]
        pooled = states.sum(dim=1) / answer.sum(dim=1, keepdim=True).clamp(min=1)
        return self._head(pooled)[:, 0]

    def score_pairs(self, prompts: Sequence[str], first: Sequence[str], second: Sequence[str]) -> np.ndarray:
        texts = self._texts(prompts, first, second) + self._texts(prompts, second, first)
        return np.subtract(*np.split(self._score(texts), 2))

    def _score(self, texts: list[Text]) -> np.ndarray:
        """The score of each text, shape (n,); each distinct one is read once.

        So equal texts get the very same number, which batched floating point alone does not promise: that is
        what makes identical answers an exact tie.
        """
        if new := [text for text in dict.fromkeys(texts) if text not in self._scored]:
            self._score_new(new)
        return np.array([self._scored[text] for text in texts], dtype=float)

    def _score_new(self, texts: list[Text]) -> None:
        import torch

        items = self._trunk.read(texts)
        self.truncated_share = float(np.mean([item["truncated"] for item in items]))
        order = np.argsort([len(item["answer"]) for item in items], kind="stable")
        with torch.inference_mode():
            for batch in np.split(order, range(64, len(order), 64)):
                scores = self._forward([items[i] for i in batch]).tolist()
                self._scored.update(zip([texts[i] for i in batch], scores, strict=True))


class EncoderAdversary(FineTunedEncoder):
    """Reads each answer after its prompt, and so plays both games."""

    def _texts(self, prompts: Sequence[str], answers: Sequence[str], others: Sequence[str]) -> list[Text]:
        return list(zip(prompts, answers, strict=True))

    def score(self, prompts: Sequence[str], answers: Sequence[str]) -> np.ndarray:
        return self._score(list(zip(prompts, answers, strict=True)))


class JointAdversary(FineTunedEncoder):
    """Plays the pairwise game only: without the other answer it has nothing to say.

    It does not read the prompt, which both answers share; the room is left to the answers.
    """

    def _texts(self, prompts: Sequence[str], answers: Sequence[str], others: Sequence[str]) -> list[Text]:
        return list(zip(others, answers, strict=True))


def _loss(scores: Any, pairs: int) -> Any:
    """Cross-entropy of single answers plus Bradley-Terry of pairs; the first half are the teacher's."""
    from torch.nn.functional import softplus

    teacher, student = scores[:pairs], scores[pairs:]
    single = (softplus(-teacher) + softplus(student)) / 2
    return (single + softplus(student - teacher)).mean()


def _similar_lengths(lengths: list[int], size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Random batches of similar length (sorted within random blocks of eight batches): little padding."""
    order, block = rng.permutation(len(lengths)), 8 * size
    blocks = [order[start : start + block] for start in range(0, len(order), block)]
    by_length = np.concatenate([b[np.argsort(np.array(lengths)[b], kind="stable")] for b in blocks])
    batches = [by_length[start : start + size] for start in range(0, len(by_length), size)]
    return [batches[i] for i in rng.permutation(len(batches))]
