"""The shapes of models: what their memory and time follow from, read from files here or as published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bbi_utils import paths
from bbi_utils.files import json_object
from bbi_utils.oracles import gguf
from bbi_utils.oracles.adapters import whole_model
from bbi_utils.oracles.checkpoints import count_numbers
from bbi_utils.oracles.hub import cached_folder
from bbi_utils.oracles.references import kind_of


@dataclass(frozen=True)
class Shape:
    """A transformer: numbers in all, layers, width, width of its keys (and as much of values), vocabulary."""

    numbers: float
    layers: int
    width: int
    keys: int
    words: int

    @property
    def layer(self) -> float:
        """Numbers of one layer, of an encoder."""
        return 12 * self.width**2 + 13 * self.width


# As the models' own cards and configurations state them, for what is not on this machine yet.
PUBLISHED = {
    "Qwen/Qwen2.5-0.5B-Instruct": Shape(0.49e9, 24, 896, 128, 151_936),
    "Qwen/Qwen2.5-1.5B-Instruct": Shape(1.54e9, 28, 1536, 256, 151_936),
    "Qwen/Qwen2.5-3B-Instruct": Shape(3.09e9, 36, 2048, 256, 151_936),
    "Qwen/Qwen2.5-7B-Instruct": Shape(7.62e9, 28, 3584, 512, 152_064),
    "meta-llama/Llama-3.2-1B-Instruct": Shape(1.24e9, 16, 2048, 512, 128_256),
    "meta-llama/Llama-3.2-3B-Instruct": Shape(3.21e9, 28, 3072, 1024, 128_256),
    "meta-llama/Llama-3.1-8B-Instruct": Shape(8.03e9, 32, 4096, 1024, 128_256),
    "all-MiniLM-L6-v2": Shape(22.7e6, 6, 384, 384, 30_522),
    "distilbert-base-uncased": Shape(66.4e6, 6, 768, 768, 30_522),
    "roberta-base": Shape(124.6e6, 12, 768, 768, 50_265),
}


def shape_of(reference: str, revision: str | None = None) -> Shape | None:
    """The shape of a model that is here, or of a published one; None for any other."""
    if kind_of(reference) != "weights":
        return None
    reference, revision = whole_model(reference, revision)
    if (file := gguf.file_of(reference)) is not None:
        said = gguf.read_header(file, file.stat().st_size).metadata
        own = {key.partition(".")[2]: value for key, value in said.items() if isinstance(value, int)}
        return _shape(gguf.count_numbers(file, name=reference), own)
    folder = paths.local_model(reference) or cached_folder(reference, revision)
    if folder is None or not any(folder.glob("*.safetensors")):
        return PUBLISHED.get(reference)
    numbers = sum(count_numbers(file) for file in folder.glob("*.safetensors"))
    config = json_object(folder / "config.json")
    return _shape(numbers, {**config, **config.get("text_config", {})})


# What families call it in a configuration and, last, what a GGUF file calls it.
NAMES = {
    "layers": ("num_hidden_layers", "n_layers", "n_layer", "block_count"),
    "width": ("hidden_size", "dim", "n_embd", "embedding_length"),
    "heads": ("num_attention_heads", "n_heads", "n_head", "attention.head_count"),
    "of_keys": ("num_key_value_heads", "attention.head_count_kv"),
    "of_one": ("head_dim", "attention.key_length"),
    "words": ("vocab_size", "ggml.tokens"),
}


def _shape(numbers: float, said: Mapping[str, int]) -> Shape | None:
    """From what a model says of itself; None where that is too little."""
    layers, width, heads, of_keys, of_one, words = (
        next((int(said[name]) for name in names if said.get(name)), 0) for names in NAMES.values()
    )
    if not (layers and width and heads):
        return None
    return Shape(numbers, layers, width, (of_keys or heads) * (of_one or width // heads), words)
