"""LoRA distillation: fine-tune a student, in 4 bits by default (QLoRA), on the teacher's answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bbi_utils.distillation.checkpoints import (
    Curve,
    checkpoint_path,
    finished,
    load_state,
    reading,
    save_adapter,
    save_state,
)
from bbi_utils.distillation.examples import (
    IGNORED,
    Example,
    collate,
    encode_all,
    graded_tokens,
    plan_steps,
    split_batch,
)
from bbi_utils.errors import BadInput, OutOfMemory
from bbi_utils.files import sha256_json
from bbi_utils.oracles import checkpoints
from bbi_utils.oracles.adapters import peft_warnings
from bbi_utils.oracles.chat import check_vocabulary
from bbi_utils.oracles.checkpoints import Checkpoint, Quantisation
from bbi_utils.oracles.quantised import UNPACKED
from bbi_utils.progress import Progress

if TYPE_CHECKING:
    import torch

MOST_GRADIENT_NORM = 1.0
BYTES_AT_ONCE, MOST_TOKENS = 10**9, 10**9
VALIDATIONS = 8  # about so many in a run, beside the one at the end
FORM = 2  # of the arithmetic and the curve: a run of another form is not continued
# Settings that do not change what comes out of a training run.
WITHOUT_EFFECT = ("checkpoint_every", "revision")


@dataclass(frozen=True)
class LoraSettings:
    """What the fine-tuning does. `targets` "all-linear" adapts every linear layer but the output head.

    `checkpoint_every` counts optimiser steps; `warmup` is a share of all steps.
    """

    r: int = 16
    alpha: int = 32
    dropout: float = 0.05
    targets: str | tuple[str, ...] = "all-linear"
    learning_rate: float = 2e-4
    epochs: int = 3
    batch_size: int = 16
    max_length: int = 1024
    quantisation: Quantisation = "nf4"
    revision: str | None = None
    checkpoint_every: int = 50
    warmup: float = 0.03

    def __post_init__(self) -> None:
        for name in ("r", "alpha", "epochs", "batch_size", "max_length", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise BadInput(f"LoRA setting {name} is {getattr(self, name)}; expected a whole number >= 1.")
        if self.learning_rate <= 0 or not 0 <= self.dropout < 1:
            found = f"learning_rate {self.learning_rate}, dropout {self.dropout}"
            raise BadInput(f"LoRA settings {found}; expected learning_rate > 0 and 0 <= dropout < 1.")

    def shaping(self) -> dict[str, Any]:
        """The settings that shape the adapter, by name."""
        return {name: value for name, value in asdict(self).items() if name not in WITHOUT_EFFECT}


def learning_rate_at(step: int, *, total: int, settings: LoraSettings) -> float:
    """Linear warm-up, then a cosine down to a tenth of the peak."""
    warm = max(1, round(settings.warmup * total))
    if step < warm:
        return settings.learning_rate * (step + 1) / warm
    share = (step - warm) / max(1, total - warm)
    return settings.learning_rate * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * share)))


def answer_logits(model: Any, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (tokens, vocabulary), float32, at the answer tokens of a batch row by row, and these (tokens,).

    The output head, where a small model with many words spends much memory and work, runs on them alone. The
    model calls it itself, so that what it does with its logits (scaling, capping) is done.
    """
    labels = batch["labels"][:, 1:]
    graded = labels != IGNORED
    inputs = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}
    head = model.get_output_embeddings()
    hook = head.register_forward_pre_hook(lambda _, seen: (seen[0][:, :-1][graded][None], *seen[1:]))
    try:
        logits = model(**inputs, use_cache=False).logits
    finally:
        hook.remove()
    return logits[0].float(), labels[graded]


def answer_loss(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Cross-entropy, summed over the answer tokens of a batch."""
    import torch

    return torch.nn.functional.cross_entropy(*answer_logits(model, batch), reduction="sum")


def tokens_at_once(model: Any, device: str) -> int:
    """How many tokens take about a gigabyte on a CPU, kept for the backward pass; a GPU takes a whole batch.

    Some 28 vectors a layer, and logits, their logarithms and gradients: measured on SmolLM2-135M.
    """
    if device != "cpu":
        return MOST_TOKENS
    config = model.config.get_text_config()
    numbers = 28 * config.num_hidden_layers * config.hidden_size + 3 * config.vocab_size
    return max(1, BYTES_AT_ONCE // (4 * numbers))


def build_student(
    checkpoint: Checkpoint, settings: LoraSettings, *, dtype: str, device: str, seed: int
) -> Any:
    """The frozen student with a fresh adapter on it, whose initial values depend on the seed alone.

    Raises BadInput where the settings do not fit the model, such as targets that it does not have.
    """
    import torch
    from peft import LoraConfig, get_peft_model

    model = checkpoints.load_model(checkpoint, quantisation=settings.quantisation, dtype=dtype, device=device)
    targets = settings.targets if isinstance(settings.targets, str) else list(settings.targets)
    config = LoraConfig(
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=targets,
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng(), peft_warnings():
        torch.manual_seed(seed)
        try:
            return get_peft_model(model, config)
        except ValueError as error:
            found = str(error).partition("\n")[0].rstrip(".")
            asked = f"LoRA on {settings.targets} with dropout {settings.dropout}"
            misfit = f"{asked} does not fit {checkpoint.label}: {found}"
            raise BadInput(f"{misfit}; change the targets or the dropout.") from error


def train_adapter(
    student: str | Path,
    prompts: Sequence[str],
    answers: Sequence[str],
    *,
    out: str | Path,
    settings: LoraSettings,
    seed: int,
    ended: Sequence[bool] | None = None,
    development: pd.DataFrame | None = None,
    system_prompt: str | None = None,
    dtype: str = "auto",
    device: str = "auto",
    progress: bool = True,
) -> pd.DataFrame:
    """Train a LoRA adapter into the folder `out` and return the loss curve.

    Columns: step (from 1), loss (nats a token), learning_rate, tokens (those with a loss in this step),
    validation: the loss on `development` (columns prompt, answer, ended) before the step, in the last row
    after it, where it was measured, which changes nothing in what is trained. `ended` says which answers
    ended by themselves (None: all); only those teach the student to stop. A killed run continues from
    its last checkpoint to bitwise the same adapter (on one machine); a finished one returns its curve
    at once. Raises BadInput for empty or overlong examples, an unusable model, a damaged checkpoint, or
    a folder that cannot be written.
    """
    out, device = Path(out), checkpoints.pick_device(device)
    dtype = checkpoints.pick_dtype(dtype, device=device)
    checkpoint, tokenizer, encode = classroom(student, settings, system_prompt=system_prompt)
    examples = encode(prompts, answers, ended=ended)
    held_out = []
    if development is not None and len(development):
        asked, said, whole = (development[name].tolist() for name in ("prompt", "answer", "ended"))
        held_out = encode(asked, said, ended=whole)
    # Names the run by all that shapes it: a checkpoint of another run is never continued.
    shape = {"seed": seed, "dtype": dtype, "form": FORM}
    key = sha256_json([checkpoint.identity, settings.shaping(), shape, examples, held_out])
    curve = finished(out, key=key)
    if curve is None:
        model = build_student(checkpoint, settings, dtype=dtype, device=device, seed=seed)
        check_vocabulary(tokenizer, model)
        run = TrainingRun(
            model, examples, settings, held_out, pad=tokenizer.pad_token_id, seed=seed, device=device
        )
        curve = run.train(out, key=key, label=checkpoint.label, shown=progress)
        save_adapter(model, out, key=key, curve=curve, base=checkpoint)
    return curve_table(curve)


def classroom(
    student: str | Path, settings: LoraSettings, *, system_prompt: str | None
) -> tuple[Checkpoint, Any, Callable[..., list[Example]]]:
    """The student's checkpoint and tokenizer, and `encode_all` as it reads lessons."""
    checkpoint = checkpoints.resolve_model(student, revision=settings.revision)
    tokenizer = checkpoints.load_tokenizer(checkpoint)
    limit = min(settings.max_length, checkpoints.context_of(checkpoint))
    return (
        checkpoint,
        tokenizer,
        partial(encode_all, tokenizer, system_prompt=system_prompt, max_length=limit),
    )


def curve_table(curve: Curve) -> pd.DataFrame:
    """The loss curve as `train_adapter` returns it."""
    table = pd.DataFrame(curve, columns=["step", "loss", "learning_rate", "tokens", "validation"])
    return table.astype({"step": int, "tokens": int, "validation": float})


class TrainingRun:
    """A model, its optimiser and the fixed plan of steps."""

    def __init__(
        self,
        model: Any,
        examples: Any,
        settings: LoraSettings,
        held_out: Any = (),
        *,
        pad: int,
        seed: int,
        device: str,
    ) -> None:
        import torch

        if (settings.quantisation, device) == ("nf4", "cpu"):
            from bbi_utils.oracles.frozen import unpack  # needs torch when imported

            unpack(model, most=UNPACKED)
        self.model, self.examples, self.settings, self.held_out = model, examples, settings, held_out
        self.pad, self.seed, self.device = pad, seed, device
        lengths = [len(example["input_ids"]) for example in examples]
        self.plan = plan_steps(lengths, batch_size=settings.batch_size, epochs=settings.epochs, seed=seed)
        self.parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.optimiser = torch.optim.AdamW(self.parameters.values(), weight_decay=0.0)
        self.most = tokens_at_once(model, device)

    def train(self, out: Path, *, key: str, label: str, shown: bool) -> Curve:
        """Run, or continue, all steps; checkpoint every `checkpoint_every` of them."""
        import torch

        path, total = checkpoint_path(out), len(self.plan)
        curve = self.restore(path, key=key)
        self.model.train()
        try:
            with torch.random.fork_rng(), Progress(total, f"distil {label}", shown=shown) as bar:
                bar.update(len(curve))
                for step in range(len(curve), total):
                    due = self.held_out and step % max(1, total // VALIDATIONS) == 0
                    validation = {"validation": self.validate()} if due else {}
                    curve.append(self.step(step) | validation)
                    if (step + 1) % self.settings.checkpoint_every == 0 and step + 1 < total:
                        save_state(path, {"key": key, "curve": curve, **self.state()})
                    bar.update()
                if self.held_out and curve:
                    curve[-1]["validation"] = self.validate()
        except torch.OutOfMemoryError as error:
            now = self.settings
            way = f"lower TRAIN_BATCH_SIZE (now {now.batch_size}) or MAX_LENGTH (now {now.max_length})"
            raise OutOfMemory(f"distillation ran out of memory; {way}, then run again.") from error
        return curve

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds of the model: nothing of the frozen weights."""
        tensors = {name: parameter.detach().cpu() for name, parameter in self.parameters.items()}
        return {"parameters": tensors, "optimiser": self.optimiser.state_dict()}

    def restore(self, path: Path, *, key: str) -> Curve:
        """Put parameters and optimiser where the run stopped; its curve, [] with nothing to continue.

        A checkpoint of other data or settings is left alone until the first own one replaces it.
        """
        import torch

        state = load_state(path, key=key)
        if state is None:
            return []
        with reading(path), torch.no_grad():
            self.optimiser.load_state_dict(state["optimiser"])
            for name, parameter in self.parameters.items():
                parameter.copy_(state["parameters"][name])
            return list(state["curve"])

    def step(self, step: int) -> dict[str, float]:
        """One optimiser step. Dropout is seeded by the step's number: no generator state needs saving."""
        import torch

        torch.manual_seed(self.seed * 1_000_003 + step)
        rate = learning_rate_at(step, total=len(self.plan), settings=self.settings)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        batch = [self.examples[i] for i in self.plan[step]]
        (tokens, over), loss = self.amounts(batch), 0.0
        for part in self.losses(batch):
            (part / over).backward()
            loss += part.item() / over
        norm = torch.nn.utils.clip_grad_norm_(self.parameters.values(), MOST_GRADIENT_NORM)
        if not (math.isfinite(loss) and torch.isfinite(norm)):
            now = f"loss {loss:.3g}, gradient {norm.item():.3g} at step {step + 1} of {len(self.plan)}"
            raise BadInput(f"distillation diverged ({now}); lower learning_rate (now {rate:g}), run again.")
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return {"step": step + 1, "loss": loss, "learning_rate": rate, "tokens": tokens}

    def amounts(self, batch: Sequence[Example]) -> tuple[int, int]:
        """How many tokens have a loss, and how much the batch's loss is the mean of: as many."""
        tokens = graded_tokens(batch)
        return tokens, tokens

    def losses(self, batch: Sequence[Example]) -> Iterator[torch.Tensor]:
        """The summed loss of each part of a batch that is computed at once."""
        for part in split_batch(batch, most=self.most):
            tensors = collate(part, pad=self.pad).items()
            yield answer_loss(self.model, {name: tensor.to(self.device) for name, tensor in tensors})

    def validate(self) -> float:
        """The loss on the examples held out, without dropout, in nats a token."""
        import torch

        self.model.eval()
        size = self.settings.batch_size
        longest_first = sorted(self.held_out, key=lambda example: -len(example["input_ids"]))
        batches = [longest_first[i : i + size] for i in range(0, len(longest_first), size)]
        with torch.no_grad():
            total = sum(part.item() for batch in batches for part in self.losses(batch))
        self.model.train()
        return total / graded_tokens(self.held_out)
