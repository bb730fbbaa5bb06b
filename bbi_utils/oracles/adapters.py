"""LoRA adapters on disk: hash one, put one on a model (never merged: 4-bit weights would round it away)."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bbi_utils.errors import BadInput
from bbi_utils.oracles.checkpoints import loading, read_json

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
# Where the base lay and who wrote the file do not change what the adapter computes.
INCIDENTAL = ("base_model_name_or_path", "revision", "peft_version", "inference_mode")


def check_adapter(folder: str | Path) -> Path:
    """The adapter's folder, or BadInput when it is not one of safetensors."""
    folder = Path(folder)
    if not (folder / CONFIG).is_file():
        raise BadInput(f"adapter {folder}: no {CONFIG} in it; expected a folder written by train_adapter.")
    if not (folder / WEIGHTS).is_file():
        pickled = " (adapter_model.bin is a pickle and is never loaded)" if list(folder.glob("*.bin")) else ""
        raise BadInput(f"adapter {folder}: no {WEIGHTS} in it{pickled}; train it again.")
    return folder


def adapter_hash(folder: str | Path) -> str:
    """SHA-256 of an adapter's weights and of the settings that matter; the same wherever the folder lies."""
    folder = check_adapter(folder)
    config = read_json(folder / CONFIG)
    kept = {key: canonical(value) for key, value in config.items() if key not in INCIDENTAL}
    digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode())
    digest.update((folder / WEIGHTS).read_bytes())
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


def attach_adapter(model: Any, folder: str | Path) -> Any:
    """The model with the adapter on it, in eval mode; BadInput when the two do not fit."""
    from peft import PeftModel

    folder = check_adapter(folder)
    with loading(f"adapter {folder}"), peft_warnings():
        try:
            return PeftModel.from_pretrained(model, folder, is_trainable=False).eval()
        except UserWarning as error:
            raise BadInput(f"adapter {folder} lacks tensors for this model; train it again.") from error
