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

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bbi_utils.adversaries.backbone import EncoderSettings, Trunk, shared_trunk
from bbi_utils.games.player import Maker


class FineTunedEncoder:
    """Fine-tunes a copy of the trunk's trainable part; the trunk itself never changes.

    Each answer is read after a context, and a pair is scored by the difference of its two answers' scores. A
    subclass says what the contexts are.
    """

    suffix = ""  # of the name, after the encoder's

    def __init__(self, settings: EncoderSettings, trunk: Trunk) -> None:
        self.name = settings.name + self.suffix
        self._settings = settings
        self._trunk = trunk

    @classmethod
    def factory(cls, settings: EncoderSettings, trunk: Callable[[], Trunk] | None = None) -> Maker:
        """Makes fresh adversaries that share one loaded encoder and its cached frozen states."""
        shared = trunk or shared_trunk(settings)
        return lambda: cls(settings, shared())

    def _contexts(
        self, prompts: Sequence[str], first: Sequence[str], second: Sequence[str]
    ) -> tuple[Sequence[str], Sequence[str]]:
        """What is read before each first and before each second answer."""
        raise NotImplementedError

    def fit(self, pairs: pd.DataFrame, *, seed: int) -> FineTunedEncoder:
        """Trains on all pairs; the same seed gives the same weights on one CPU."""
        import torch

        trunk = self._trunk
        answers = list(pairs["teacher"]), list(pairs["student"])
        contexts = self._contexts(list(pairs["prompt"]), *answers)
        teacher, student = (trunk.read(list(c), a) for c, a in zip(contexts, answers, strict=True))
        with torch.random.fork_rng():  # the caller's random state stays as it was
            torch.manual_seed(seed)
            self._model, self._head = trunk.copy_trainable(), trunk.new_head()
            self._train(teacher, student, np.random.default_rng(seed))
        self._model.eval()
        self._scored: dict[tuple[str, str], float] = {}
        self.parameters = trunk.frozen_parameters + sum(
            p.numel() for m in (self._model, self._head) for p in m.parameters()
        )
        return self

    def _train(self, teacher: list[Any], student: list[Any], rng: np.random.Generator) -> None:
        """Minibatches of whole pairs, AdamW, learning rate falling linearly to zero."""
        import torch

        settings, size = self._settings, self._settings.batch_size
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
                loss = _joint_loss(self._forward(items), len(batch))
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_([p for g in groups for p in g["params"]], 1.0)
                optimizer.step()
                schedule.step()

    def _forward(self, items: list[Any]) -> Any:
        """Scores of read texts, shape (len(items),)."""
        inputs, answer = self._trunk.batch(items)
        with self._trunk.autocast():
            states = self._model(**inputs).last_hidden_state
        states = states.float() * answer[..., None]
        pooled = states.sum(dim=1) / answer.sum(dim=1, keepdim=True).clamp(min=1)
        return self._head(pooled)[:, 0]

    def score_pairs(self, prompts: Sequence[str], first: Sequence[str], second: Sequence[str]) -> np.ndarray:
        before_first, before_second = self._contexts(prompts, first, second)
        scores = self._score_once([*before_first, *before_second], [*first, *second])
        return scores[: len(first)] - scores[len(first) :]

    def _score_once(self, contexts: Sequence[str], answers: Sequence[str]) -> np.ndarray:
        """Scores of every answer after its context, shape (n,); each distinct text is read once.

        So equal texts get the very same number, which batched floating point alone does not promise: that is
        what makes identical answers an exact tie.
        """
        keys = list(zip(contexts, answers, strict=True))
        if new := [key for key in dict.fromkeys(keys) if key not in self._scored]:
            scores = self._score([context for context, _ in new], [answer for _, answer in new])
            self._scored.update(zip(new, map(float, scores), strict=True))
        return np.array([self._scored[key] for key in keys], dtype=float)

    def _score(self, contexts: list[str], answers: list[str]) -> np.ndarray:
        import torch

        items = self._trunk.read(contexts, answers)
        self.truncated_share = float(np.mean([item["truncated"] for item in items])) if items else 0.0
        order = np.argsort([len(item["answer"]) for item in items], kind="stable")
        scores = np.empty(len(items))
        with torch.inference_mode():
            for start in range(0, len(order), 64):
                batch = order[start : start + 64]
                scores[batch] = self._forward([items[i] for i in batch]).cpu().numpy()
        return scores


class EncoderAdversary(FineTunedEncoder):
    """Reads each answer after its prompt, and so plays both games."""

    def _contexts(
        self, prompts: Sequence[str], first: Sequence[str], second: Sequence[str]
    ) -> tuple[Sequence[str], Sequence[str]]:
        return prompts, prompts

    def score(self, prompts: Sequence[str], answers: Sequence[str]) -> np.ndarray:
        return self._score_once(prompts, answers)


class JointAdversary(FineTunedEncoder):
    """Plays the pairwise game only: without the other answer it has nothing to say.

    It does not read the prompt, which both answers share; ``max_length`` is for both answers together.
    """

    suffix = "_joint"

    def _contexts(
        self, prompts: Sequence[str], first: Sequence[str], second: Sequence[str]
    ) -> tuple[Sequence[str], Sequence[str]]:
        return second, first


def _joint_loss(scores: Any, pairs: int) -> Any:
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
