"""The pre-trained encoder under an encoder adversary: reads texts, and keeps the frozen layers' states."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from bbi_utils.errors import BadInput
from bbi_utils.oracles.checkpoints import check_complete, loading, pick_device, trim
from bbi_utils.oracles.sentence_encoder import encoder_folder

Text = tuple[str, str]  # an answer, after what is read before it
Item = dict[str, Any]
# Of the texts read, the latest so many have their states kept, as far as there is room.
KEPT, ROOM = 4_000, 800e6  # texts, bytes: that many at 128 tokens each of MiniLM
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

    ``read`` turns a text into an item: a dict with either the token ids or, where lower layers are frozen,
    their output states (length x width, float32), the mask of the answer's tokens, and whether the text was
    cut. Items are cached per text, since frozen states do not depend on the fold.
    """

    def __init__(self, settings: EncoderSettings) -> None:
        import torch

        self.settings = settings
        self.device = torch.device(pick_device(settings.device))
        self._tokenizer, model = _load(settings.model, settings.revision)
        self._model = model.to(self.device)
        self._frozen: Any = None
        self.frozen_parameters = 0
        self._items: dict[Text, Item] = {}
        if settings.layers is not None or settings.trainable_layers is not None:
            self._truncate_and_split()

    def _truncate_and_split(self) -> None:
        """Keeps the first ``layers`` layers and splits off those below the trainable ones."""
        stack = _layer_stack(self._model)
        there, kept, trained = len(stack.layer), self.settings.layers, self.settings.trainable_layers
        kept = there if kept is None else kept
        trained = kept if trained is None else trained
        if not 1 <= trained <= kept <= there:
            found = f"encoder {self.settings.model}: {trained} trainable of {kept} layers, but it has {there}"
            raise BadInput(f"{found}; choose 1 <= trainable_layers <= layers <= {there}")
        stack.layer = stack.layer[:kept]
        if trained < kept:
            self._frozen, embeddings = self._model.eval(), self._model.embeddings
            lower, stack.layer = stack.layer[: kept - trained], stack.layer[kept - trained :]
            self._frozen.embeddings = _pass_through()
            self._model = copy.deepcopy(self._frozen)  # of the weights only those that are trained
            self._frozen.embeddings, stack.layer = embeddings, lower
            self.frozen_parameters = sum(p.numel() for p in self._frozen.parameters())

    def fresh(self) -> tuple[Any, Any]:
        """A copy of what an adversary trains, and a new head on it: layer norm and a linear score.

        The score starts at zero: an untrained adversary ties everything.
        """
        import torch

        width = self._model.config.hidden_size
        linear = torch.nn.Linear(width, 1)
        for parameter in linear.parameters():
            torch.nn.init.zeros_(parameter)
        head = torch.nn.Sequential(torch.nn.LayerNorm(width), linear).to(self.device)
        return copy.deepcopy(self._model), head

    def autocast(self) -> Any:
        """bf16 on a GPU; plain float32 on a CPU, where bf16 is slow and scores must be reproducible."""
        import torch

        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.device.type == "cuda")

    def read(self, texts: list[Text]) -> list[Item]:
        """The items of all texts, in order."""
        if self._frozen is None:  # token ids are cheap: no need to keep them
            return [self._tokenize(text) for text in texts]
        fresh = [(text, self._tokenize(text)) for text in dict.fromkeys(texts) if text not in self._items]
        fresh.sort(key=lambda pair: len(pair[1]["answer"]))
        if fresh:
            self._freeze(fresh)
        found = [self._items[text] for text in texts]
        room = ROOM
        for place, text in enumerate(reversed(list(self._items))):
            room -= self._items[text]["inputs_embeds"].nbytes
            if place >= KEPT or room < 0:
                del self._items[text]
        return found

    def _tokenize(self, text: Text) -> Item:
        import torch

        encoding = self._tokenizer(*text, truncation=True, max_length=self.settings.max_length)
        item = {name: torch.tensor(values) for name, values in encoding.items() if name != "attention_mask"}
        item["answer"] = torch.tensor([part == 1 for part in encoding.sequence_ids(0)], dtype=torch.float32)
        return item | {"truncated": bool(encoding.encodings[0].overflowing)}

    def _freeze(self, fresh: list[tuple[Text, Item]]) -> None:
        """Runs the frozen layers on batches of texts and caches each text's states."""
        import torch

        lengths = [len(item["answer"]) for _, item in fresh]
        # One piece of memory for all, which goes with the last of them: many pieces, among what a training
        # takes and frees, would keep that from going.
        kept = torch.empty(sum(lengths), self._model.config.hidden_size)
        rest = kept
        for start in range(0, len(fresh), 64):
            inputs, _ = self.batch([item for _, item in fresh[start : start + 64]])
            with torch.no_grad(), self.autocast():
                states = self._frozen(**inputs).last_hidden_state.float().cpu()
            read = states[inputs["attention_mask"].cpu().bool()]
            rest[: len(read)] = read
            rest = rest[len(read) :]
        for (text, item), state in zip(fresh, kept.split(lengths), strict=True):
            self._items[text] = {"inputs_embeds": state} | {k: item[k] for k in ("answer", "truncated")}
        trim(self.device.type)

    def batch(self, items: list[Item]) -> tuple[Item, Any]:
        """Right-padded model inputs and the mask of the answers' tokens (batch x length)."""
        import torch
        from torch.nn.utils.rnn import pad_sequence

        def padded(values: list[Any], filler: int = 0) -> Any:
            return pad_sequence(values, batch_first=True, padding_value=filler).to(self.device)

        # RoBERTa derives positions from the padding id, so padding must be that id.
        fillers = {"input_ids": self._tokenizer.pad_token_id or 0}
        names = [name for name in items[0] if name not in ("answer", "truncated")]
        inputs = {name: padded([item[name] for item in items], fillers.get(name, 0)) for name in names}
        ones = [torch.ones_like(item["answer"], dtype=torch.long) for item in items]
        inputs["attention_mask"] = padded(ones)
        return inputs, padded([item["answer"] for item in items])


def _load(name: str, revision: str | None) -> tuple[Any, Any]:
    """Tokenizer and encoder without its pooler, in float32."""
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    folder = encoder_folder(name, revision)
    with loading(f"encoder {name}"):
        tokenizer = AutoTokenizer.from_pretrained(folder)
        loaded: Any = AutoModel.from_pretrained(folder, use_safetensors=True, output_loading_info=True)
    model, report = loaded[0].float(), loaded[1]
    # A head for another task than ours has no place in it, and a pooler would not be used.
    check_complete((key for key in report["missing_keys"] if "pooler" not in key), name=name)
    if getattr(model, "pooler", None) is not None:
        model.pooler = None  # the head pools by itself; an unused pooler would only be counted
    return tokenizer, model


def _layer_stack(model: Any) -> Any:
    """The module whose ``layer`` is the list of transformer layers."""
    kind = model.config.model_type
    if kind not in SPLITTABLE:
        found = f"encoder of type {kind} cannot be cut or partly frozen (only {', '.join(SPLITTABLE)})"
        raise BadInput(f"{found}; leave layers and trainable_layers unset to train all of it")
    return model.transformer if kind == "distilbert" else model.encoder


def _pass_through() -> Any:
    """Stands in for the embeddings above frozen layers: hands the cached states on unchanged."""
    import torch

    class PassThrough(torch.nn.Module):
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            return next(x for x in (*args, *kwargs.values()) if torch.is_tensor(x) and x.dim() == 3)

    return PassThrough()
