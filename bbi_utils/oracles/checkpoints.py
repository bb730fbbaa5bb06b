"""Find and load a model: shipped weights, a folder, a GGUF file, or a hub id.

Weights are safetensors only. Code that comes with a model is not run, unless the user sets the environment
variable BBI_TRUST_REMOTE_CODE to 1: no file that describes a study can switch that on.
"""

from __future__ import annotations

import functools
import math
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError, safe_open

from bbi_utils import paths
from bbi_utils.errors import BadInput, OutOfMemory
from bbi_utils.files import json_object, sha256_file, sha256_text
from bbi_utils.oracles import gguf, hub, quantised

Quantisation = Literal["none", "nf4"]
ADAPTER_CONFIG = "adapter_config.json"
SHARD = re.compile(r"[^/\\]+\.safetensors")  # a name, and no path
GET_ANEW = "get them anew"
WRITER = "(save_pretrained of a recent transformers)"
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


@dataclass(frozen=True)
class Checkpoint:
    """A resolved model reference. `identity` is "sha256:..." of a folder's files, "gguf:..." of a
    GGUF file, whose `folder` is what it was converted into, or "hub:id@commit".

    `adapter` is the folder of a LoRA adapter that makes the model what it is; the identity covers it.
    """

    name: str
    folder: Path
    identity: str
    commit: str | None = None
    adapter: Path | None = None

    @property
    def label(self) -> str:
        """A short name without the path of a folder: what is shown and stored."""
        is_path = self.commit is None and not paths.is_shipped(self.name)
        whole = (paths.local_model(self.name) or self.folder).resolve().name if is_path else self.name
        return f"{whole} + {self.adapter.resolve().name}" if self.adapter else whole

    @property
    def tokenizer(self) -> Path:
        """The folder of its tokenizer: the adapter's where it has one, for with that it was trained."""
        own = self.adapter is not None and (self.adapter / "tokenizer_config.json").is_file()
        return self.adapter if self.adapter and own else self.folder


def resolve_model(model: str | Path, *, revision: str | None = None) -> Checkpoint:
    """Turn a reference (shipped, a folder, a GGUF file, a hub id) into a Checkpoint.

    Fetches only a hub model's small files, and converts a GGUF file where that was never done. Raises
    BadInput for a missing, damaged, gated or unreachable model, pickled weights, or a revision of a folder.
    """
    name = str(model)
    folder, file = paths.local_model(name), gguf.file_of(name)
    if revision is not None and (file is not None or (folder is not None and folder.is_dir())):
        what = f"model {name} is a {'file' if file else 'folder'}, it has no revision {revision}"
        raise BadInput(f"{what}; set the revision to null.")
    if file is not None:
        digest = hash_now(file)
        with loading(f"model {name}"):
            return Checkpoint(name, gguf.converted(file, digest, name=name), gguf.identity(digest))
    if folder is not None and folder.is_dir():
        check_files(folder, name=name)
        return Checkpoint(name, folder, f"sha256:{content_hash(folder)}")
    if paths.is_shipped(name):
        there = sorted(path.name for path in paths.WEIGHTS.glob("*") if path.is_dir()) or "none"
        raise BadInput(f"pocket model {name} not found; there are {there} (`make pocket` builds them).")
    if folder is not None or not hub.is_hub_id(name):
        way = "expected a folder, a .gguf file, a hub id, or pocket/<name>"
        raise BadInput(f"model folder {name} not found; {way}.")
    cached = hub.download(name, revision=revision, patterns=hub.SMALL_FILES)
    refuse_adapter(cached, name=name)
    return Checkpoint(name, cached, f"hub:{name}@{cached.name}", commit=cached.name)


def refuse_adapter(folder: Path, *, name: str) -> None:
    """Raise BadInput for an adapter where a whole model is wanted; transformers would fetch its base."""
    if (folder / ADAPTER_CONFIG).is_file():
        way = "merge it into its base (merge_and_unload) and save that with its tokenizer"
        raise BadInput(f"model {name} is an adapter ({ADAPTER_CONFIG}); expected a whole model here: {way}.")


def check_files(folder: Path, *, name: str) -> None:
    """Refuse a folder without config or whole safetensors; pickled weights run code when they are loaded."""
    refuse_adapter(folder, name=name)
    if not (folder / "config.json").is_file():
        raise BadInput(f"model {name}: no config.json in it; expected a folder written by save_pretrained.")
    json_object(folder / "config.json")
    for index in folder.glob("*.index.json"):
        named = json_object(index).get("weight_map")
        files = sorted(map(str, named.values())) if isinstance(named, dict) else []
        if astray := [file for file in files if not SHARD.fullmatch(file)]:
            what = f"{index.name} names {astray[0]!r:.60}, which is never loaded"
            raise BadInput(f"model {name}: {what}; expected names of *.safetensors beside it {WRITER}.")
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        pickled = ", ".join(sorted(path.name for pattern in PICKLED for path in folder.glob(pattern)))
        found = f"only pickled weights ({pickled}), which are never loaded" if pickled else "no weights"
        raise BadInput(f"model {name}: {found}; expected *.safetensors {WRITER}.")
    for file in weights:
        count_numbers(file)
    quantised.refuse_bare_integers(weights, folder, name=name)


def count_numbers(file: Path) -> int:
    """How many numbers a safetensors file holds, from its header alone; BadInput for a damaged or cut one."""
    try:
        with safe_open(file, framework="numpy") as tensors:
            return sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise BadInput(f"{file} is no whole safetensors file (damaged: {error}); get it anew.") from error


def content_hash(folder: Path) -> str:
    """SHA-256 over the names and contents of all files that loading reads, wherever the folder lies."""
    patterns = hub.files_of_model(hub.FILES)
    paths = sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
    lines = [f"{path.name} {hash_now(path)}" for path in paths]
    return sha256_text("\n".join(lines))


def identity_of(path: Path, *, name: str) -> str:
    """What a local model's answers depend on: the content of its folder, or of the GGUF file in or at it."""
    file = gguf.file_of(name)
    return f"sha256:{content_hash(path)}" if file is None else gguf.identity(hash_now(file))


def hash_now(path: Path) -> str:
    """SHA-256 of a file as it is now."""
    return file_hash(path, path.stat().st_size, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=4096)
def file_hash(path: Path, size: int, modified: int) -> str:
    """SHA-256 of a file, computed once for each size and modification time."""
    return sha256_file(path)


def pick_device(device: str = "auto") -> str:
    """ "auto" is the CUDA GPU when there is one, else the CPU."""
    import torch

    found = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and found == "cpu":
        raise BadInput(f"device is {device} but there is no CUDA GPU; set device to auto or cpu.")
    return found if device == "auto" else device


def pick_dtype(dtype: str, *, device: str) -> str:
    """ "auto" is bfloat16 on a GPU and float32 on a CPU (most emulate bfloat16, many times slower)."""
    if dtype == "auto":
        return "bfloat16" if device.startswith("cuda") else "float32"
    if dtype not in ("bfloat16", "float16", "float32"):
        raise BadInput(f"dtype is {dtype}; expected auto, bfloat16, float16 or float32.")
    return dtype


@contextmanager
def loading(what: str, *, way_out: str = GET_ANEW) -> Iterator[None]:
    """One clear error for every way in which files on disk can fail to be a model."""
    try:
        yield
    except BadInput:
        raise
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        if "out of memory" in str(error).lower():
            way = "take a smaller one, or set quantisation to nf4"
            raise OutOfMemory(f"{what} does not fit into memory; {way}.") from error
        if "trust_remote_code" in str(error):
            way = f"read that code, and set {hub.REMOTE_CODE}=1 in the environment if you trust it"
            raise BadInput(f"{what} brings code of its own, which is not run; {way}.") from error
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        way = f"its files are damaged or unsupported: {way_out}"
        raise BadInput(f"{what} cannot be loaded: {said}; {way}.") from error


def load_tokenizer(checkpoint: Checkpoint) -> Any:
    """The tokenizer with left padding, a pad token, and a chat template (BadInput without one)."""
    from transformers import AutoTokenizer

    with loading(f"tokenizer of {checkpoint.name}"):
        folder, trust = checkpoint.tokenizer, hub.trusts_remote_code()
        tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left", trust_remote_code=trust)
        if tokenizer.chat_template:
            tokenizer.chat_template = tokenizer.get_chat_template()  # the default one where there are several
    tokenizer.name_or_path = checkpoint.name  # what messages call it
    if not tokenizer.chat_template:
        raise BadInput(f"model {checkpoint.name} has no chat template; expected an instruct model.")
    if tokenizer.pad_token_id is None:
        # Padding is masked wherever it occurs, so any token will do.
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(0)
    return tokenizer


def config_of(checkpoint: Checkpoint) -> Any:
    """The configuration of its language model; BadInput for one that transformers cannot read."""
    from transformers import AutoConfig

    with loading(f"configuration of {checkpoint.name}"):
        config = AutoConfig.from_pretrained(checkpoint.folder, trust_remote_code=hub.trusts_remote_code())
    return config.get_text_config()


def context_of(checkpoint: Checkpoint) -> int:
    """How many tokens the model can read and write together; BadInput where its config does not say."""
    length = getattr(config_of(checkpoint), "max_position_embeddings", None)
    if not length:
        way = "write the length of its context there as max_position_embeddings"
        raise BadInput(f"model {checkpoint.name}: config.json has no max_position_embeddings; {way}.")
    return int(length)


def load_model(checkpoint: Checkpoint, *, quantisation: Quantisation, dtype: str, device: str) -> Any:
    """The language model in eval mode, weights read from safetensors: all of them, and no others.

    One that is quantised already loads as it is, or BadInput says why not.
    """
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()  # one bar a model is enough, and it is ours
    if checkpoint.commit is not None:
        hub.download(checkpoint.name, revision=checkpoint.commit, patterns=hub.FILES)
        check_files(checkpoint.folder, name=checkpoint.name)
    own, asked = quantised.own(checkpoint.folder), {}
    needed = f"it is quantised already ({own}): install what that needs, or take its unquantised original"
    with loading(f"model {checkpoint.name}", way_out=needed if own else GET_ANEW):
        quantised.refuse_unknown(checkpoint.folder, name=checkpoint.name)
        if quantisation == "nf4":
            quantised.check(checkpoint.folder, name=checkpoint.name)
            asked = {"quantization_config": quantised.four_bit(device)}  # None would undo a checkpoint's own
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            checkpoint.folder,
            dtype=dtype,
            device_map={"": device},
            use_safetensors=True,
            trust_remote_code=hub.trusts_remote_code(),
            output_loading_info=True,
            **asked,
        )
    model, report = loaded
    check_complete(report["missing_keys"], report["unexpected_keys"], name=checkpoint.name)
    if quantisation == "nf4":
        quantised.refuse_partly(model, name=checkpoint.name)
    if "bitsandbytes" in sys.modules:  # else nothing can be quantised; do not import it for that
        quantised.keep_layout(model)
    return model.eval()


def check_complete(missing: Iterable[str], unexpected: Iterable[str] = (), *, name: str) -> None:
    """Raise BadInput where weights of a model are missing or have no place in it, as transformers reports."""
    for keys, what in ((sorted(missing), "are missing"), (sorted(unexpected), "have no place in the model")):
        if keys:
            more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
            found = f"weights {what} ({', '.join(keys[:3])}{more})"
            raise BadInput(f"model {name}: {found}; get its files anew, all of one version.")


def empty_cache(device: str) -> None:
    """Let go of what only refers to itself, as models may, and give the memory back."""
    import gc

    gc.collect()
    trim(device)


def trim(device: str) -> None:
    """Give freed memory back: a GPU's next model needs it in one piece, and glibc would keep most of it."""
    import ctypes

    import torch

    if device.startswith("cuda"):
        torch.cuda.empty_cache()
    elif sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)
