"""The pre-trained encoder under an encoder adversary: reads texts, and keeps the frozen layers' states."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from bbi_utils.errors import BadInput

KEPT = 4_000  # texts whose states are kept, the latest; 400 MB of MiniLM's at 64 tokens each
# Encoders whose layers can be split: embeddings, then layers, and nothing after the last one.
SPLITTABLE = ("bert", "roberta", "xlm-roberta", "distilbert")


@dataclass(frozen=True)
class EncoderSettings:
    """Which encoder and how it is trained.

    layers: keep only the first so many (None: all). trainable_layers: train only the last so many of those
    kept (None: all, embeddings included); the states below are then computed once per text and kept in
    memory.
    max_length: tokens of prompt and answer together. head_learning_rate is for the new linear head.
    """

    model: str = "all-MiniLM-L6-v2"
    revision: str | None = None
    layers: int | None = None
    trainable_layers: int | None = None
    max_length: int = 256
    epochs: int = 3
    learning_rate: float = 2e-5
    head_learning_rate: float = 1e-3
    batch_size: int = 16
    device: str = "auto"

    @property
    def name(self) -> str:
        """The adversary's name: the last part of the model's, so two encoders have two names."""
        return self.model.rstrip("/").rsplit("/", 1)[-1]


class Trunk:
    """One loaded encoder, shared by all folds and contrasts.

    ``read`` turns (prompt, answer) into an item: a dict with either the token ids or, where lower layers are
    frozen, their output states (length x width, float32), the mask of the answer's tokens, and whether the
    text was cut. Items are cached per text, since frozen states do not depend on the fold.
    """

    def __init__(self, settings: EncoderSettings) -> None:
        import torch

        from bbi_utils.oracles.checkpoints import pick_device

        self._settings = settings
        self.device = torch.device(pick_device(settings.device))
        self._tokenizer, model = _load(settings.model, settings.revision)
        self._model = model.to(self.device)
        self._frozen: Any = None
        self._items: dict[tuple[str, str], dict[str, Any]] = {}
        self._truncate_and_split()

    def _truncate_and_split(self) -> None:
        """Keeps the first ``layers`` layers and splits off those below the trainable ones."""
        wanted, trained = self._settings.layers, self._settings.trainable_layers
        if wanted is None and trained is None:
            return
        stack = _layer_stack(self._model)
        kept = len(stack.layer) if wanted is None else wanted
        trained = kept if trained is None else trained
        if not 1 <= trained <= kept <= len(stack.layer):
            raise BadInput(
                f"encoder {self._settings.model}: {trained} trainable of {kept} layers, but it has "
                f"{len(stack.layer)}; choose 1 <= trainable_layers <= layers <= {len(stack.layer)}"
            )
        stack.layer = stack.layer[:kept]
        if trained < kept:
            self._frozen = copy.deepcopy(self._model).eval()
            _layer_stack(self._frozen).layer = stack.layer[: kept - trained]
            stack.layer = stack.layer[kept - trained :]
            self._model.embeddings = _pass_through()

    @property
    def frozen_parameters(self) -> int:
        """Parameters below the trained part."""
        return 0 if self._frozen is None else sum(p.numel() for p in self._frozen.parameters())

    def copy_trainable(self) -> Any:
        """A fresh copy of what an adversary trains."""
        return copy.deepcopy(self._model)

    def new_head(self) -> Any:
        """Layer norm and a linear score that starts at zero: an untrained adversary ties everything."""
        import torch

        width = self._model.config.hidden_size
        linear = torch.nn.Linear(width, 1)
        torch.nn.init.zeros_(linear.weight)
        torch.nn.init.zeros_(linear.bias)
        return torch.nn.Sequential(torch.nn.LayerNorm(width), linear).to(self.device)

    def autocast(self) -> Any:
        """bf16 on a GPU; plain float32 on a CPU, where bf16 is slow and scores must be reproducible."""
        import torch

        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.device.type == "cuda")

    def read(self, prompts: list[str], answers: list[str]) -> list[dict[str, Any]]:
        """The items of all texts, in order."""
        keys = list(zip(prompts, answers, strict=True))
        if self._frozen is None:  # token ids are cheap: no need to keep them
            return [self._tokenize(key) for key in keys]
        fresh = [(key, self._tokenize(key)) for key in dict.fromkeys(keys) if key not in self._items]
        fresh.sort(key=lambda pair: len(pair[1]["answer"]))
        for start in range(0, len(fresh), 64):
            self._freeze(fresh[start : start + 64])
        found = [self._items[key] for key in keys]
        for key in list(self._items)[: max(0, len(self._items) - KEPT)]:
            del self._items[key]
        return found

    def _tokenize(self, key: tuple[str, str]) -> dict[str, Any]:
        import torch

        encoding = self._tokenizer(*key, truncation=True, max_length=self._settings.max_length)
        item = {name: torch.tensor(values) for name, values in encoding.items() if name != "attention_mask"}
        item["answer"] = torch.tensor([part == 1 for part in encoding.sequence_ids(0)], dtype=torch.float32)
        return item | {"truncated": bool(encoding.encodings[0].overflowing)}

    def _freeze(self, fresh: list[tuple[tuple[str, str], dict[str, Any]]]) -> None:
        """Runs the frozen layers on a batch and caches each text's states."""
        import torch

        inputs, _ = self.batch([item for _, item in fresh])
        with torch.no_grad(), self.autocast():
            states = self._frozen(**inputs).last_hidden_state.float()
        for (key, item), state in zip(fresh, states, strict=True):
            kept = {"inputs_embeds": state[: len(item["answer"])].clone()}
            self._items[key] = kept | {"answer": item["answer"], "truncated": item["truncated"]}

    def batch(self, items: list[dict[str, Any]]) -> tuple[dict[str, Any], Any]:
        """Right-padded model inputs and the mask of the answers' tokens (batch x length)."""
        import torch
        from torch.nn.utils.rnn import pad_sequence

        names = [name for name in items[0] if name not in ("answer", "truncated")]
        # RoBERTa derives positions from the padding id, so padding must be that id.
        padding = {"input_ids": self._tokenizer.pad_token_id or 0}
        inputs = {
            name: pad_sequence([item[name] for item in items], True, padding.get(name, 0)).to(self.device)
            for name in names
        }
        mask = pad_sequence([torch.ones(len(item["answer"]), dtype=torch.long) for item in items], True)
        inputs["attention_mask"] = mask.to(self.device)
        return inputs, pad_sequence([item["answer"] for item in items], True).to(self.device)


def shared_trunk(settings: EncoderSettings) -> Callable[[], Trunk]:
    """One trunk for all adversaries on an encoder, loaded at first use: naming one costs nothing."""
    return cache(lambda: Trunk(settings))


def _load(name: str, revision: str | None) -> tuple[Any, Any]:
    """Tokenizer and encoder without its pooler, in float32."""
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    from bbi_utils.oracles.checkpoints import loading
    from bbi_utils.oracles.sentence_encoder import encoder_folder

    logging.disable_progress_bar()
    folder = encoder_folder(name, revision)
    with loading(f"encoder {name}"):
        tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True)
        model = AutoModel.from_pretrained(folder, use_safetensors=True).float()
    if getattr(model, "pooler", None) is not None:
        model.pooler = None  # the head pools by itself; an unused pooler would only be counted
    return tokenizer, model


def _layer_stack(model: Any) -> Any:
    """The module whose ``layer`` is the list of transformer layers."""
    kind = model.config.model_type
    if kind not in SPLITTABLE:
        raise BadInput(
            f"encoder of type {kind} cannot be cut or partly frozen (only {', '.join(SPLITTABLE)}); "
            "leave layers and trainable_layers unset to train all of it"
        )
    return model.transformer if kind == "distilbert" else model.encoder


def _pass_through() -> Any:
    """Stands in for the embeddings above frozen layers: hands the cached states on unchanged."""
    import torch

    class PassThrough(torch.nn.Module):
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            return next(x for x in (*args, *kwargs.values()) if torch.is_tensor(x) and x.dim() == 3)

    return PassThrough()
