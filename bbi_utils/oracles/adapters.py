"""LoRA adapters on disk: hash one, find its base, put it on a model.

An adapter is never merged: 4-bit weights would round it away.
"""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors import safe_open

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.files import json_object
from bbi_utils.oracles.checkpoints import ADAPTER_CONFIG as CONFIG
from bbi_utils.oracles.checkpoints import Checkpoint, loading, resolve_model

WEIGHTS = "adapter_model.safetensors"
RECORD = "training.json"  # beside an adapter that the study trained
# A trainer may save its tokenizer beside the adapter: with a chat template of its own, or added tokens.
TOKENIZER = (
    "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "chat_template.jinja",
    "special_tokens_map.json", "added_tokens.json", "vocab.json", "vocab.txt", "merges.txt",
)  # fmt: skip
# Whole embeddings or an output head in an adapter's file, by the names that models give them.
EMBEDDINGS = re.compile(
    r"(embed_tokens|wte|word_embeddings|embed_in|lm_head|embed_out)(\.base_layer)?\.weight$"
)
# Where the base lay and who wrote the file do not change what the adapter computes.
INCIDENTAL = ("base_model_name_or_path", "revision", "peft_version", "inference_mode")


def check_adapter(folder: str | Path) -> Path:
    """The adapter's folder, or BadInput when it is not one of safetensors."""
    folder = Path(folder)
    if not (folder / CONFIG).is_file():
        raise BadInput(f"adapter {folder}: no {CONFIG} in it; expected a folder written by save_pretrained.")
    if not (folder / WEIGHTS).is_file():
        pickled = " (adapter_model.bin is a pickle and is never loaded)" if list(folder.glob("*.bin")) else ""
        raise BadInput(f"adapter {folder}: no {WEIGHTS} in it{pickled}; save it as safetensors.")
    return folder


def adapter_folder(reference: str | Path) -> Path | None:
    """The folder that a model reference names if it holds an adapter; None for any other reference."""
    folder = paths.local_model(str(reference))
    return folder if folder is not None and (folder / CONFIG).is_file() else None


def base_of(folder: Path) -> tuple[str, str | None]:
    """Reference and revision of the model that an adapter was trained on, as its config names them."""
    config = json_object(folder / CONFIG)
    base = config.get("base_model_name_or_path")
    if base:
        return base, config.get("revision")
    way = f"write the base's folder or hub id there as base_model_name_or_path in {CONFIG}"
    raise BadInput(f"adapter {folder} names no base model; {way}.")


def whole_model(reference: str, revision: str | None = None) -> tuple[str, str | None]:
    """Reference and revision of the model whose weights a reference needs: an adapter's base, or itself."""
    folder = adapter_folder(reference)
    return (reference, revision) if folder is None else base_of(folder)


def resolve_adapted(model: str | Path, *, revision: str | None = None) -> Checkpoint:
    """Like resolve_model, but the folder of an adapter is accepted too: its base, with the adapter on it."""
    folder = adapter_folder(model)
    if folder is None:
        return resolve_model(model, revision=revision)
    if revision is not None:
        has = f"it has no revision {revision}; its base's is in {CONFIG}"
        raise BadInput(f"model {model} is a folder, {has}.")
    hashed = adapter_hash(folder)
    base, base_revision = base_of(folder)
    try:
        whole = resolve_model(base, revision=base_revision)
    except BadInput as error:
        raise BadInput(f"adapter {model}, base_model_name_or_path in {CONFIG}: {error}") from error
    return replace(whole, identity=f"{whole.identity}+adapter:{hashed}", adapter=folder)


def adapter_hash(folder: str | Path) -> str:
    """SHA-256 of an adapter's weights, tokenizer and the settings that matter, wherever the folder lies."""
    folder = check_adapter(folder)
    config = json_object(folder / CONFIG)
    kept = {key: canonical(value) for key, value in config.items() if key not in INCIDENTAL}
    digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode())
    for name in (WEIGHTS, *(name for name in TOKENIZER if (folder / name).is_file())):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()


def canonical(value: Any) -> Any:
    """Lists of names are sets to peft, written in whatever order; sort them."""
    return sorted(value) if isinstance(value, list) and all(isinstance(v, str) for v in value) else value


@contextmanager
def peft_warnings() -> Iterator[None]:
    """Silence what peft asks of transformers by an old name, and take seriously what it only warns about."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")
        # Tensors that an adapter lacks would be left at their initial values.
        warnings.filterwarnings("error", message="Found missing adapter keys")
        yield


def attach_adapter(model: Any, folder: str | Path, *, trainable: bool = False) -> Any:
    """The model with the adapter on it, in eval mode; BadInput when the two do not fit.

    An adapter whose trainer added tokens brings embeddings of all of them: the model's get as many rows.
    """
    from peft import PeftModel

    folder = check_adapter(folder)
    way = "train it anew on this base, or get them anew"
    way = "delete its folder and run again, which trains it anew" if (folder / RECORD).is_file() else way
    with loading(f"adapter {folder}", way_out=way), peft_warnings():
        if (rows := embedded(folder)) not in (None, model.get_input_embeddings().weight.shape[0]):
            model.resize_token_embeddings(rows, mean_resizing=False)
        try:
            return PeftModel.from_pretrained(model, folder, is_trainable=trainable).eval()
        except UserWarning as error:
            raise BadInput(f"adapter {folder} lacks tensors for this model; train it again.") from error


def embedded(folder: Path) -> int | None:
    """For how many tokens an adapter brings embeddings of its own; None where it brings none."""
    with safe_open(folder / WEIGHTS, framework="numpy") as tensors:
        names = [name for name in tensors.keys() if EMBEDDINGS.search(name)]  # noqa: SIM118
        return max((tensors.get_slice(name).get_shape()[0] for name in names), default=None)
