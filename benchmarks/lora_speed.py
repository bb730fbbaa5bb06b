"""4-bit LoRA beside TRL's SFTTrainer: seconds a step, interleaved, at the same loss curve.

The same base in NF4, adapters at the start, examples, batch and learning rates, and no dropout. TRL runs as
it comes (bfloat16, checkpointed gradients, random batches with padding), and as fast as its settings make it
(no checkpoints, the very batches of ours, the loss of answers only), in float32 as ours and in bfloat16. On a
4-bit base it rounds adapters to bfloat16; in float32 that is undone, or the curve would be another. Install
the extra `peers`.
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
import torch
from peft import LoraConfig, get_peft_model
from torch.utils.flop_counter import FlopCounterMode

from bbi_utils.distillation.examples import Example, encode_all
from bbi_utils.distillation.lora import LoraSettings, TrainingRun, build_student, learning_rate_at
from bbi_utils.oracles import checkpoints
from bbi_utils.oracles.frozen import by_onednn
from bbi_utils.probes import build_suite
from pocket.answers import content_of

Steps = tuple[list[float], list[float]]  # seconds of each step, and its loss before it
PLACE = {"dtype": "float32", "device": "cpu"}
# How far a step's loss may be from ours, in nats; of random batches the mean is compared.
SLACK = {"TRL, float32": 1e-3, "TRL, bfloat16": 0.15, "TRL as it comes": 0.3}
FAST = {"gradient_checkpointing": False, "train_sampling_strategy": "sequential"}
SETTINGS: dict[str, dict[str, Any]] = {
    "TRL, float32": FAST | {"bf16": False},
    "TRL, bfloat16": FAST | {"bf16": True},
    "TRL as it comes": {},
}


def lessons(tokenizer: Any, settings: LoraSettings, steps: int) -> list[Example]:
    """Right answers to prompts of the suite, as many as all steps learn from."""
    many = steps * settings.batch_size
    probes = build_suite(n=many + 1000)[:many]
    said = [content_of(probe, random.Random(probe.id)) for probe in probes]
    answers = [" ".join([one.wordings[2], *one.extras]) for one in said]
    prompts = [probe.prompt for probe in probes]
    return encode_all(tokenizer, prompts, answers, system_prompt=None, max_length=settings.max_length)


def ours(
    checkpoint: Any, examples: list[Example], settings: LoraSettings, pad: int
) -> tuple[TrainingRun, Steps]:
    """A run of ours, and its steps."""
    student = build_student(checkpoint, settings, seed=0, **PLACE)
    run = TrainingRun(student, examples, settings, pad=pad, seed=0, device="cpu")
    student.train()
    seconds, losses = [], []
    for step in range(len(run.plan)):
        began = time.perf_counter()
        losses.append(run.step(step)["loss"])
        seconds.append(time.perf_counter() - began)
    return run, (seconds, losses)


def theirs(
    checkpoint: Any, tokenizer: Any, examples: list[Example], settings: LoraSettings, said: dict[str, Any]
) -> Steps:
    """The steps of TRL's trainer on the examples, in their order unless it draws its own."""
    from datasets import Dataset
    from transformers import TrainerCallback
    from trl import SFTConfig, SFTTrainer

    class Clock(TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.began = time.perf_counter()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            seconds.append(time.perf_counter() - self.began)

    seconds: list[float] = []
    base = checkpoints.load_model(checkpoint, quantisation="nf4", **PLACE)
    torch.manual_seed(0)
    adapter = LoraConfig(
        r=settings.r, lora_alpha=settings.alpha, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    total = len(examples) // settings.batch_size
    with tempfile.TemporaryDirectory() as folder:
        config = SFTConfig(
            output_dir=folder, per_device_train_batch_size=settings.batch_size, max_steps=total,
            max_length=None, logging_steps=1, save_strategy="no", report_to="none", disable_tqdm=True,
            use_cpu=True, **said,
        )  # fmt: skip
        trainer = SFTTrainer(
            get_peft_model(base, adapter), config, train_dataset=Dataset.from_list(examples),
            processing_class=tokenizer, callbacks=[Clock()],
        )  # fmt: skip
        trained = [one for one in trainer.model.parameters() if one.requires_grad]
        if not config.bf16:
            for one in trained:
                one.data = one.data.float()
        trainer.optimizer = torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=0.0)
        rates = [learning_rate_at(step, total=total, settings=settings) for step in range(total + 1)]
        trainer.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
            trainer.optimizer, lambda step: rates[step] / settings.learning_rate
        )
        trainer.train()
    return seconds, [row["loss"] for row in trainer.state.log_history if "loss" in row]


def limit(run: TrainingRun) -> tuple[float, float]:
    """Operations of all steps but the first (matrix products and attention), and the products' best rate."""
    with FlopCounterMode(display=False) as counter:
        for step in range(1, len(run.plan)):
            run.step(step)
    x, weight = torch.randn(512, 576), torch.randn(1536, 576)
    seconds = []
    for _ in range(200):
        began = time.perf_counter()
        with by_onednn():
            torch.nn.functional.linear(x, weight)
        seconds.append(time.perf_counter() - began)
    return counter.get_total_flops(), 2 * 512 * 576 * 1536 / statistics.median(seconds)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="smol", help="trained (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=8, help="examples a step (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=5e-4, help="learning rate (default: %(default)s)")
    parser.add_argument(
        "--steps", type=int, default=6, help="in a round, the first untimed (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="of all trials (default: %(default)s)")
    options = parser.parse_args(arguments)
    settings = LoraSettings(
        batch_size=options.batch, learning_rate=options.rate, dropout=0.0, epochs=1, max_length=384
    )
    checkpoint = checkpoints.resolve_model(options.model)
    tokenizer = checkpoints.load_tokenizer(checkpoint)
    examples = lessons(tokenizer, settings, options.steps)
    pad = tokenizer.pad_token_id
    took: dict[str, list[float]] = {"ours": []} | {name: [] for name in SETTINGS}
    for turn in range(options.rounds):
        run, (seconds, curve) = ours(checkpoint, examples, settings, pad)
        took["ours"].append(sum(seconds[1:]))
        in_order = [examples[i] for batch in run.plan for i in batch]
        print(f"round {turn}, ours: {took['ours'][-1]:.2f} s; losses {np.round(curve, 5)}", flush=True)
        for name, said in SETTINGS.items():
            seconds, losses = theirs(checkpoint, tokenizer, in_order, settings, said)
            took[name].append(sum(seconds[1:]))
            gap = np.abs(np.subtract(losses, curve)).max() if said else abs(np.mean(losses) - np.mean(curve))
            print(
                f"round {turn}, {name}: {took[name][-1]:.2f} s; losses {np.round(losses, 5)}, gap {gap:.1e}",
                flush=True,
            )
            assert gap <= SLACK[name], f"{name}: the loss is {gap:.3g} nats from ours, expected {SLACK[name]}"
    operations, rate = limit(run)
    median = {name: statistics.median(times) for name, times in took.items()}
    size = f"{options.steps - 1} steps of {options.batch}, {torch.get_num_threads()} threads"
    print(f"{options.model}, {size}: medians of {options.rounds} rounds")
    for name, found in median.items():
        print(f"{name}: {found:.2f} s, {found / median['ours']:.2f} x ours")
    least = operations / rate
    print(f"limit: {operations / 1e9:.0f} billion operations at {rate / 1e9:.0f} billion a second")
    print(f"       {least:.2f} s, {least / median['ours']:.0%} of ours")


if __name__ == "__main__":
    main()
