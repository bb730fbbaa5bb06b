"""An encoder adversary beside transformers' Trainer: seconds of a cross-fit, interleaved, at the same AUC.

Both train the last layer of the same encoder's first three and a linear score on the mean of the answer's
states, for as many epochs, batches of as many answers and learning rates, and then score the fold held out.
Trainer gets single answers, in random batches padded to the longest (`DataCollatorWithPadding`), as its user
sets it up. Ours learns from pairs too.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score
from torch.utils.flop_counter import FlopCounterMode
from transformers.utils import logging

from bbi_utils.adversaries.backbone import EncoderSettings, Trunk
from bbi_utils.adversaries.encoder import EncoderAdversary
from bbi_utils.probes import build_suite
from pocket.answers import content_of

SETTINGS = EncoderSettings(
    layers=3, trainable_layers=1, max_length=64, epochs=1, learning_rate=3e-4, device="cpu"
)
CLOSE = 0.02  # of the mean AUC
WORDY = {"teacher": (2, 3, 5), "student": (5, 3, 2)}  # how often each says it tersely, plainly, at length


def told(many: int, seed: int) -> pd.DataFrame:
    """Right answers of two oracles that prefer other wordings."""
    probes, rng = build_suite(n=many), random.Random(seed)
    said = [content_of(probe, rng) for probe in probes]
    answers = {name: [rng.choices(one.wordings, w)[0] for one in said] for name, w in WORDY.items()}
    return pd.DataFrame({"prompt": [probe.prompt for probe in probes]} | answers)


class Ours:
    """Fits and scores through the package, with one trunk for all folds."""

    def __init__(self) -> None:
        self.trunk = Trunk(SETTINGS)

    def __call__(self, train: pd.DataFrame, test: pd.DataFrame, seed: int) -> list[np.ndarray]:
        adversary = EncoderAdversary("ours", self.trunk)
        adversary.fit(train, seed=seed)
        return [adversary.score(list(test["prompt"]), list(test[who])) for who in WORDY]


class Classifier(torch.nn.Module):
    """The layers below frozen, the mean of the answer's states, layer norm and a linear score."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder
        width = encoder.config.hidden_size
        self.head = torch.nn.Sequential(torch.nn.LayerNorm(width), torch.nn.Linear(width, 1))
        trained = [*encoder.encoder.layer[-SETTINGS.trainable_layers :].parameters()]
        encoder.requires_grad_(False)
        for parameter in trained:
            parameter.requires_grad_(True)

    def forward(
        self, input_ids: Any, attention_mask: Any, token_type_ids: Any, labels: Any = None
    ) -> dict[str, Any]:
        states = self.encoder(input_ids, attention_mask, token_type_ids).last_hidden_state
        answer = (token_type_ids * attention_mask)[..., None].float()
        scores = self.head((states * answer).sum(1) / answer.sum(1).clamp(min=1))[:, 0]
        if labels is None:
            return {"logits": scores}
        loss = torch.nn.functional.binary_cross_entropy_with_logits(scores, labels.float())
        return {"loss": loss, "logits": scores}


class Theirs:
    """The same by Trainer."""

    def __init__(self) -> None:
        from transformers import AutoModel, AutoTokenizer

        from bbi_utils.oracles.sentence_encoder import encoder_folder

        self.folder = encoder_folder(SETTINGS.model, None)
        self.tokenizer = AutoTokenizer.from_pretrained(self.folder)
        self.load = AutoModel.from_pretrained

    def read(self, table: pd.DataFrame, who: str) -> list[dict[str, Any]]:
        read = self.tokenizer(
            list(table["prompt"]), list(table[who]), truncation=True, max_length=SETTINGS.max_length
        )
        label = int(who == "teacher")
        return [
            {name: values[i] for name, values in read.items()} | {"labels": label} for i in range(len(table))
        ]

    def __call__(self, train: pd.DataFrame, test: pd.DataFrame, seed: int) -> list[np.ndarray]:
        from transformers import DataCollatorWithPadding, Trainer, TrainingArguments

        torch.manual_seed(seed)
        model = Classifier(self.load(self.folder, num_hidden_layers=SETTINGS.layers, add_pooling_layer=False))
        groups = [
            {
                "params": [p for p in model.encoder.parameters() if p.requires_grad],
                "lr": SETTINGS.learning_rate,
            },
            {"params": list(model.head.parameters()), "lr": SETTINGS.head_learning_rate},
        ]
        optimiser = torch.optim.AdamW(groups, weight_decay=0.01)
        lessons = [example for who in WORDY for example in self.read(train, who)]
        steps = SETTINGS.epochs * -(-len(lessons) // (2 * SETTINGS.batch_size))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / steps)
        with tempfile.TemporaryDirectory() as folder:
            said = TrainingArguments(
                folder, per_device_train_batch_size=2 * SETTINGS.batch_size, per_device_eval_batch_size=64,
                num_train_epochs=SETTINGS.epochs, save_strategy="no", logging_strategy="no", report_to="none",
                disable_tqdm=True, use_cpu=True, seed=seed,
            )  # fmt: skip
            trainer = Trainer(
                model, said, DataCollatorWithPadding(self.tokenizer), train_dataset=lessons,
                optimizers=(optimiser, schedule),
            )  # fmt: skip
            trainer.train()
            return [trainer.predict(self.read(test, who)).predictions for who in WORDY]


def cross_fit(player: type[Ours] | type[Theirs], table: pd.DataFrame, seed: int) -> tuple[float, float]:
    """Seconds of loading the encoder, three trainings and all scores; the AUC of single answers."""
    fold = np.random.default_rng(seed).permutation(len(table)) % 3
    began, play, scores = time.perf_counter(), player(), []
    for held_out in range(3):
        scores.append(play(table[fold != held_out], table[fold == held_out], seed))
    seconds = time.perf_counter() - began
    teacher, student = (np.concatenate([pair[i] for pair in scores]) for i in range(2))
    labels = np.repeat([1, 0], [len(teacher), len(student)])
    return seconds, float(roc_auc_score(labels, np.concatenate([teacher, student])))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prompts", type=int, default=600, help="of the suite (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="timed rounds (default: %(default)s)")
    options = parser.parse_args(arguments)
    logging.set_verbosity_error()  # layers that are left out on purpose are reported at each load
    found: dict[str, list[tuple[float, float]]] = {"ours": [], "Trainer": []}
    cross_fit(Ours, told(30, 0), 0)  # imports outside the clock
    cross_fit(Theirs, told(30, 0), 0)
    for turn in range(options.rounds):
        table = told(options.prompts, turn)
        for name, player in (("ours", Ours), ("Trainer", Theirs)):
            found[name].append(cross_fit(player, table, turn))
            print(
                f"round {turn}, {name}: {found[name][-1][0]:.2f} s, AUC {found[name][-1][1]:.4f}", flush=True
            )
    with FlopCounterMode(display=False) as counter:
        cross_fit(Ours, table, 0)
    x, weight = torch.randn(1024, 384), torch.randn(1536, 384)
    took = []
    for _ in range(200):
        began = time.perf_counter()
        torch.nn.functional.linear(x, weight)
        took.append(time.perf_counter() - began)
    least = counter.get_total_flops() * statistics.median(took) / (2 * 1024 * 384 * 1536)
    median = {name: statistics.median(seconds for seconds, _ in rows) for name, rows in found.items()}
    auc = {name: statistics.mean(area for _, area in rows) for name, rows in found.items()}
    print(f"{options.prompts} prompts, {torch.get_num_threads()} threads, medians of {options.rounds} rounds")
    for name, seconds in median.items():
        print(f"{name}: {seconds:.2f} s, {seconds / median['ours']:.2f} x ours; mean AUC {auc[name]:.4f}")
    print(f"limit: {least:.2f} s of matrix products, {least / median['ours']:.0%} of ours")
    assert abs(auc["ours"] - auc["Trainer"]) <= CLOSE, auc


if __name__ == "__main__":
    main()
