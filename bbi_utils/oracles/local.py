"""A Hugging Face model on this machine as an oracle, optionally in 4 bits, optionally with a LoRA adapter."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bbi_utils.errors import BadInput, OutOfMemory
from bbi_utils.files import sha256_text
from bbi_utils.oracles import checkpoints, likelihood, quantised
from bbi_utils.oracles.adapters import adapter_hash, attach_adapter, resolve_adapted
from bbi_utils.oracles.base import Answer, FinishReason, Request, Said, Sampling, fingerprint_of
from bbi_utils.oracles.chat import check_vocabulary, conversation_ids, prompt_ids, refuse_thoughts, stop_ids
from bbi_utils.oracles.checkpoints import Quantisation, empty_cache
from bbi_utils.progress import Progress

if TYPE_CHECKING:
    import numpy

ENGINE = 1  # raise it when the way of sampling changes, so that old answers are not reused
QUEUE = 4  # prompts for each row of a batch that a wide model is given at once


class LocalOracle:
    """Answers with one engine for every arm: greedy in per-prompt noise, one stop set.

    `model` is "pocket/<name>", "smol", a folder, a .gguf file, or a hub id at `revision`. The folder may hold
    a LoRA adapter from peft's save_pretrained: its base is asked with the adapter on it. The tokenizer loads
    at once, the weights at the first answer; `release` drops them. Raises BadInput for a missing, gated,
    pickled or damaged model or adapter, for two adapters at once, and without a chat template.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        revision: str | None = None,
        adapter: str | Path | None = None,
        quantisation: Quantisation = "none",
        dtype: str = "auto",
        device: str = "auto",
        sampling: Sampling,
    ) -> None:
        if quantisation not in ("none", "nf4"):
            raise BadInput(f"quantisation is {quantisation}; expected none or nf4.")
        self.quantisation, self.sampling = quantisation, sampling
        self.device = checkpoints.pick_device(device)
        self.dtype = checkpoints.pick_dtype(dtype, device=self.device)
        self.checkpoint = resolve_adapted(model, revision=revision)
        if adapter is not None and self.checkpoint.adapter is not None:
            raise BadInput(f"model {model} is an adapter itself and cannot wear {adapter} too; give its base")
        self.adapter = Path(adapter) if adapter is not None else None
        self.tokenizer = checkpoints.load_tokenizer(self.checkpoint)
        self.context = checkpoints.context_of(self.checkpoint)
        self.width: int = getattr(checkpoints.config_of(self.checkpoint), "hidden_size", 0)
        # Everything that shapes an answer; no paths, so that a run folder can move.
        self.settings: dict[str, Any] = {
            "engine": ENGINE,
            "model": self.checkpoint.identity,
            "adapter": adapter_hash(self.adapter) if self.adapter else None,
            "quantisation": quantisation,
            "dtype": self.dtype,
            "chat_template": sha256_text(self.tokenizer.chat_template),
            **sampling.settings(),
        }
        if own := quantised.own(self.checkpoint.folder):
            self.settings["own_quantisation"] = own  # once ignored: answers of then are not to be reused
        self.fingerprint = fingerprint_of(self.settings)

    @property
    def name(self) -> str:
        """The model's short name, with "+ adapter" when it wears one."""
        return self.checkpoint.label + (" + adapter" if self.adapter else "")

    @property
    def stream(self) -> str:
        """Names this oracle's noise: arms that are compared with each other must not share it."""
        hidden = self.sampling.system_prompt
        behind = "" if hidden is None else f"|{hidden}"  # one model behind two prompts is two arms
        return f"{self.checkpoint.identity}|{self.quantisation}|{self.adapter is not None}{behind}"

    @functools.cached_property
    def model(self) -> Any:
        """The weights, loaded on first use."""
        from transformers import GenerationConfig

        model = checkpoints.load_model(
            self.checkpoint, quantisation=self.quantisation, dtype=self.dtype, device=self.device
        )
        self.stops = stop_ids(self.tokenizer, model)
        if (self.quantisation, self.device) == ("nf4", "cpu") and self.ahead > 1:
            from bbi_utils.oracles.frozen import unpack  # needs torch when imported

            unpack(model, most=quantised.UNPACKED, plain=True)
        # A checkpoint's own defaults (top-k, repetition penalty, ...) would make arms sample differently.
        pad = self.tokenizer.pad_token_id
        model.generation_config = GenerationConfig(do_sample=False, eos_token_id=self.stops, pad_token_id=pad)
        adapter = self.adapter or self.checkpoint.adapter
        model = attach_adapter(model, adapter) if adapter else model
        check_vocabulary(self.tokenizer, model)
        return model

    @property
    def share_in_4bit(self) -> float:
        """How much of its numbers outside embeddings and output head is in 4 bits, measured when loaded."""
        return quantised.share_of(self.model)

    @property
    def ahead(self) -> int:
        """How many prompts for each row it should be given at once: an answer that ends makes room."""
        return QUEUE if self.width >= quantised.WIDE else 1

    def release(self) -> None:
        """Drop the weights (the next answer loads them again)."""
        if self.__dict__.pop("model", None) is not None:
            empty_cache(self.device)

    def encode(self, prompt: str) -> list[int]:
        """Token ids of the rendered prompt."""
        return prompt_ids(self.tokenizer, prompt, system_prompt=self.sampling.system_prompt)

    def cut(self, prompt: str, answer: str) -> tuple[int, ...]:
        """An answer's tokens, without its end, as this model would say it after the prompt."""
        hidden = self.sampling.system_prompt
        return tuple(conversation_ids(self.tokenizer, prompt, answer, system_prompt=hidden, ended=False)[1])

    def check(self, requests: Sequence[Request]) -> None:
        """Raise BadInput for the first prompt that leaves no room for a whole answer."""
        room = self.context - self.sampling.max_new_tokens
        for request in requests:
            if (length := len(self.encode(request.prompt))) > room:
                most = f"{room} (context {self.context} less max_new_tokens {self.sampling.max_new_tokens})"
                found = f"prompt {request.prompt_id} has {length} tokens; {self.name} takes at most {most}"
                raise BadInput(f"{found}: shorten it or lower max_new_tokens.")

    def answer(self, requests: Sequence[Request], *, rows: int | None = None) -> list[Answer]:
        """Answers in order, of at most so many `rows` at once (None: of all); an answer that ends makes room.

        Raises BadInput for a prompt that does not fit and a thought instead of an answer, and OutOfMemory.
        """
        import torch

        self.check(requests)
        rows = min(rows or len(requests), len(requests))
        began = time.perf_counter()
        prompts = [self.encode(request.prompt) for request in requests]
        try:
            new_tokens = self.generate(prompts, [(r.prompt_id, r.sample_index) for r in requests], rows)
        except torch.OutOfMemoryError as error:
            empty_cache(self.device)
            way = f"lower batch_size (now {rows}) or set quantisation to nf4"
            raise OutOfMemory(f"{self.name} ran out of memory; {way}; finished batches are kept.") from error
        seconds = (time.perf_counter() - began) / len(requests)
        done = zip(requests, prompts, new_tokens, strict=True)
        return [self.read(request, len(prompt), tokens, seconds) for request, prompt, tokens in done]

    def log_likelihoods(
        self,
        said: Sequence[Said],
        *,
        known: Mapping[Said, float] | None = None,
        keep: Callable[[Mapping[Said, float]], None] = lambda _: None,
        progress: bool = True,
    ) -> numpy.ndarray:
        """How likely this oracle is to say each of these, in nats: one float64 each, see `likelihood`.

        `known` are those found before, and `keep` is given new ones batch by batch. Raises BadInput for a
        prompt and answer that do not fit, and OutOfMemory.
        """
        import numpy
        import torch

        kinds = list(dict.fromkeys(said))  # arms often say the same
        rows = [(self.encode(one.prompt), list(one.tokens), one.ended) for one in kinds]
        if (longest := max((len(p) + len(a) for p, a, _ in rows), default=0)) > self.context:
            what = f"a prompt and its answer have {longest} tokens; {self.name} takes at most {self.context}"
            raise BadInput(f"{what}: shorten the prompts or lower max_new_tokens.")
        try:
            with Progress(len(rows), f"{self.name} weighs answers", shown=progress) as bar:
                model, before = self.model, known or {}
                found = likelihood.of_answers(
                    model, rows, self.stops, self.sampling, bar=bar,
                    known={i: before[one] for i, one in enumerate(kinds) if one in before},
                    keep=lambda batch: keep({kinds[i]: nats for i, nats in batch.items()}),
                )  # fmt: skip
        except torch.OutOfMemoryError as error:
            empty_cache(self.device)
            way = "lower ELEMENTS in oracles/likelihood.py or set quantisation to nf4"
            raise OutOfMemory(f"{self.name} ran out of memory weighing answers; {way}.") from error
        values = dict(zip(kinds, found, strict=True))
        return numpy.array([values[one] for one in said], dtype=float)

    def generate(self, prompts: list[list[int]], keys: list[tuple[str, int]], rows: int) -> list[list[int]]:
        """New token ids of each prompt, at most so many rows at once; what follows a stop token is void."""
        from bbi_utils.oracles import decoding, seeded  # need torch when imported

        most = self.sampling.max_new_tokens
        if self.ahead > 1 and decoding.can_serve(self.model, max(map(len, prompts)) + most):
            choose = seeded.chooser(keys, sampling=self.sampling, stream=self.stream)
            return decoding.decode(self.model, prompts, choose, rows=rows, most=most, stops=self.stops)
        parts = [slice(start, start + rows) for start in range(0, len(prompts), rows)]
        return [row for part in parts for row in self.generate_padded(prompts[part], keys[part])]

    def generate_padded(self, prompts: list[list[int]], keys: list[tuple[str, int]]) -> list[list[int]]:
        """The same by left-padded `generate` of transformers: all rows wait for the longest answer."""
        import torch

        from bbi_utils.oracles.seeded import chooser, noise_processor

        model, choose = self.model, chooser(keys, sampling=self.sampling, stream=self.stream)
        batch = self.tokenizer.pad({"input_ids": prompts}, return_tensors="pt").to(self.device)
        length = batch["input_ids"].shape[1]
        processor = noise_processor(choose, prompt_length=length)
        with torch.inference_mode():
            most = self.sampling.max_new_tokens
            tokens = model.generate(**batch, max_new_tokens=most, logits_processor=[processor])
        return tokens[:, length:].tolist()

    def read(self, request: Request, prompt_tokens: int, tokens: list[int], seconds: float) -> Answer:
        """Cut at the first stop token; outer white space is not part of an answer, and a thought is none."""
        end = next((k for k, token in enumerate(tokens) if token in self.stops), None)
        # Some markers of thoughts are special tokens, which a text leaves out.
        refuse_thoughts(self.name, request.prompt_id, self.tokenizer.decode(tokens[:end]))
        text = self.tokenizer.decode(tokens[:end], skip_special_tokens=True).strip()
        reason: FinishReason = "length" if end is None else "stop"
        count = len(tokens) if end is None else end
        sampled = tuple(tokens if end is None else tokens[: end + 1])
        return Answer(request.prompt_id, text, reason, prompt_tokens, count, seconds, sampled)
