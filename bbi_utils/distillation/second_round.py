"""A second round of training on the same teacher answers, from an adapter that was trained on them.

Preference. A pair is the teacher's answer t and one that the student itself gave, s, before the round (one
snapshot, as SODA has it, arXiv 2604.03873). With r(a) = log p(a) - log p0(a), p the student now and p0
before the round, the loss is -log sigmoid(beta (r(t) - r(s))) (DPO, Rafailov et al. 2023, equation 7). It is
also that of an adversary in the pairwise game that scores an answer by beta r(a). If p is what the student is
sampled from, s comes from p0, and the best such adversary has log T(a) - log p0(a): at beta 1, p = T is what
minimises the loss. With few pairs a student can know them by heart instead, so the nats of the teacher's
answers are added, `anchor` times (Pang et al. 2024, arXiv 2404.19733).

Temperature. Answers are sampled at some temperature, and a student that fits them at temperature 1 and is
then asked at that one is sharpened twice. At the temperature of the sampling, fitting is maximum likelihood
of what will be shown.

Weights. An adversary that is cross-fitted on these very pairs says where the two still differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bbi_utils.distillation.checkpoints import finished, save_adapter
from bbi_utils.distillation.examples import IGNORED, Example, collate, graded_tokens, split_batch
from bbi_utils.distillation.lora import (
    FORM,
    LoraSettings,
    TrainingRun,
    answer_logits,
    classroom,
    curve_table,
)
from bbi_utils.errors import BadInput
from bbi_utils.files import sha256_json
from bbi_utils.games import play
from bbi_utils.games.player import Maker, Player
from bbi_utils.oracles import checkpoints
from bbi_utils.oracles.adapters import adapter_hash, attach_adapter
from bbi_utils.oracles.chat import check_vocabulary

if TYPE_CHECKING:
    import torch

PAIR = ("prompt_id", "prompt", "category", "answer", "rejected")


@dataclass(frozen=True, kw_only=True)
class SecondRound:
    """What is learned. `temperature`: that of all log-probabilities. `beta`, `anchor`: of preference."""

    temperature: float = 1.0
    beta: float = 1.0
    anchor: float = 1.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not (value > 0 or (name == "anchor" and value == 0)):
                raise BadInput(f"{name} of a second round is {value}; expected a number above 0.")


def train_further(
    student: str | Path,
    adapter: str | Path,
    lessons: pd.DataFrame,
    *,
    out: str | Path,
    settings: LoraSettings,
    how: SecondRound,
    tokens: int,
    seed: int,
    system_prompt: str | None = None,
    dtype: str = "auto",
    device: str = "auto",
    progress: bool = True,
) -> pd.DataFrame:
    """Train the adapter on into the folder `out`; its loss curve, as that of `train_adapter`.

    `lessons`: prompt, answer (the teacher's) and ended; with rejected (the student's own) and rejected_ended
    the loss is of preference, else of the answers; weight, where it is there, multiplies an answer's or a
    pair's loss. `tokens`: the round ends with the step that reaches so many tokens with a loss, of both
    answers; at 0 the adapter stays what it is. `settings` say how to train (its shape is the adapter's own,
    `epochs` is not read, there is no dropout). Killed and finished rounds, and errors, are as in
    `train_adapter`.
    """
    out, device = Path(out), checkpoints.pick_device(device)
    dtype = checkpoints.pick_dtype(dtype, device=device)
    checkpoint, tokenizer, encode = classroom(student, settings, system_prompt=system_prompt)
    asked = list(lessons["prompt"])
    examples = encode(asked, list(lessons["answer"]), ended=list(lessons["ended"]))
    weights = lessons["weight"] if "weight" in lessons else np.ones(len(lessons))
    examples = [one | {"weight": float(w)} for one, w in zip(examples, weights, strict=True)]
    if "rejected" in lessons:
        own = encode(asked, list(lessons["rejected"]), ended=list(lessons["rejected_ended"]))
        examples = [one | {"rejected": other} for one, other in zip(examples, own, strict=True)]
    shape = {"seed": seed, "dtype": dtype, "form": FORM, "tokens": tokens, **asdict(how)}
    key = sha256_json([checkpoint.identity, adapter_hash(adapter), settings.shaping(), shape, examples])
    curve = finished(out, key=key)
    if curve is None:
        place: dict[str, Any] = {"dtype": dtype, "device": device}
        base = checkpoints.load_model(checkpoint, quantisation=settings.quantisation, **place)
        model = attach_adapter(base, adapter, trainable=True)
        check_vocabulary(tokenizer, model)
        pad = tokenizer.pad_token_id
        run = FurtherRun(model, examples, settings, how, tokens, pad=pad, seed=seed, device=device)
        curve = run.train(out, key=key, label=f"{checkpoint.label} further", shown=progress)
        save_adapter(model, out, key=key, curve=curve, base=checkpoint)
    return curve_table(curve)


class FurtherRun(TrainingRun):
    """A second round: pairs, or answers, that have a weight, and as many steps as the tokens allow."""

    def __init__(
        self,
        model: Any,
        examples: Sequence[Example],
        settings: LoraSettings,
        how: SecondRound,
        tokens: int,
        *,
        pad: int,
        seed: int,
        device: str,
    ) -> None:
        self.how, self.pairs = how, "rejected" in examples[0]
        for part in model.modules():  # it would be noise between the student and what it was before
            if "Dropout" in type(part).__name__:
                part.p = 0.0
        each = [lesson_tokens(example) for example in examples]
        settings = replace(settings, epochs=max(1, -(-tokens // sum(each))))
        super().__init__(model, examples, settings, pad=pad, seed=seed, device=device)
        spent = np.cumsum([0, *(sum(each[i] for i in batch) for batch in self.plan)])
        self.plan = self.plan[: int(np.searchsorted(spent, tokens))]
        if self.pairs and self.plan:
            self.remember()

    def remember(self) -> None:
        """Note each pair's log p0(t) - log p0(s), while the model still is the reference."""
        import torch

        self.model.eval()
        with torch.no_grad():
            for part in self.parts(self.examples):
                found = self.chances(part).unflatten(0, (2, -1))
                for example, margin in zip(part, (found[0] - found[1]).tolist(), strict=True):
                    example["margin"] = margin

    def amounts(self, batch: Sequence[Example]) -> tuple[int, int]:
        """The tokens of both answers; the loss is the mean over pairs, or over tokens."""
        tokens = sum(map(lesson_tokens, batch))
        return tokens, len(batch) if self.pairs else tokens

    def losses(self, batch: Sequence[Example]) -> Iterator[torch.Tensor]:
        """The summed loss of each part of a batch that is computed at once."""
        share = len(batch) / graded_tokens(batch)
        for part in self.parts(batch):
            weight, margin = (self.column(part, name) for name in ("weight", "margin"))
            found = self.chances(part)
            if self.pairs:
                chosen, rejected = found.unflatten(0, (2, -1))
                yield preference_loss(chosen, rejected, margin, weight, how=self.how, share=share)
            else:
                yield -(weight * found).sum()

    def parts(self, batch: Sequence[Example]) -> Iterator[Sequence[Example]]:
        """Parts of a batch that are computed at once."""
        return split_batch(batch, most=self.most // (1 + self.pairs), length=longest)

    def chances(self, part: Sequence[Example]) -> torch.Tensor:
        """Log-probabilities of the answers: of all of the teacher's, then of all of the student's own."""
        rows = [*part, *(example["rejected"] for example in part if self.pairs)]
        tensors = {name: tensor.to(self.device) for name, tensor in collate(rows, pad=self.pad).items()}
        return log_probabilities(self.model, tensors, temperature=self.how.temperature)

    def column(self, part: Sequence[Example], name: str) -> torch.Tensor:
        import torch

        return torch.tensor([example.get(name, 0.0) for example in part], device=self.device)


def lesson_tokens(example: Example) -> int:
    """Tokens with a loss, of both answers of a pair."""
    return graded_tokens([one for one in (example, example.get("rejected")) if one])


def longest(example: Example) -> int:
    """Tokens of prompt and answer, of the longer one of a pair."""
    return max(len(one["input_ids"]) for one in (example, example.get("rejected")) if one)


def log_probabilities(
    model: Any, batch: dict[str, torch.Tensor], *, temperature: float = 1.0
) -> torch.Tensor:
    """Of each row's answer, in nats, shape (batch,), when tokens are drawn at this temperature."""
    import torch

    logits, labels = answer_logits(model, batch)
    nats = torch.nn.functional.cross_entropy(logits / temperature, labels, reduction="none")
    graded = batch["labels"][:, 1:] != IGNORED
    return nats.new_zeros(len(graded)).index_add(0, graded.nonzero()[:, 0], -nats)


def preference_loss(
    chosen: torch.Tensor,
    rejected: torch.Tensor,
    margin: torch.Tensor,
    weight: torch.Tensor,
    *,
    how: SecondRound,
    share: float,
) -> torch.Tensor:
    """Summed over pairs, all of shape (pairs,): DPO, and `anchor` times the nats of a token of the chosen.

    margin: log p0(chosen) - log p0(rejected). share: pairs a token of the chosen, in the whole batch.
    """
    import torch

    won = torch.nn.functional.logsigmoid(how.beta * (chosen - rejected - margin))
    return -(weight * (won + how.anchor * share * chosen)).sum()


def weights_of(
    make: Maker | Player, lessons: pd.DataFrame, *, folds: int, seed: int, sharpness: float = 1.0
) -> np.ndarray:
    """Of each lesson, mean 1: more where an adversary that did not see it tells the two answers apart.

    `lessons` have PAIR as columns. A weight is a sigmoid of the pairwise score, in units of the usual one
    (the median distance from 0), times `sharpness`: at most twice what it is where the adversary cannot tell.
    """
    pairs = lessons[list(PAIR)].rename(columns={"answer": "teacher", "rejected": "student"})
    scores, _ = play(make, pairs, pair="", contrast="second round", folds=folds, seed=seed)
    score = scores[scores["game"] == "pairwise"].set_index("prompt_id")["score"][lessons["prompt_id"]]
    unit = score.abs()[score != 0].median() if score.any() else 1.0
    weight = 1 / (1 + np.exp(-sharpness * score.to_numpy() / unit))
    return np.asarray(weight / weight.mean())
