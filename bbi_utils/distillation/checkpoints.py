"""Files of a training run: an atomic checkpoint beside the adapter's folder, and the finished adapter."""

from __future__ import annotations

import json
import pickle
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bbi_utils.errors import BadInput
from bbi_utils.files import json_object, replacing
from bbi_utils.oracles.adapters import CONFIG, RECORD, canonical, check_adapter
from bbi_utils.oracles.checkpoints import Checkpoint

Curve = list[dict[str, float]]
# What unpacking a torn checkpoint, or one that lacks or misshapes a part, can raise.
DAMAGED = (OSError, RuntimeError, ValueError, KeyError, TypeError, EOFError, pickle.UnpicklingError)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """One clear error for no permission and for a full disk, which libraries report each in its own way."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        # torch, in the middle of a file, only says where it stands; the reason is what it was handling.
        reason = error.__context__ if isinstance(error.__context__, OSError) else error
        way = "free space or get write permission, then run again: it continues from the last checkpoint"
        raise BadInput(f"{path} cannot be written: {str(reason).splitlines()[0]}; {way}.") from error


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """One clear error for a checkpoint that is torn, or lacks or misshapes a part."""
    try:
        yield
    except DAMAGED as error:
        found = f"checkpoint {path} is damaged ({type(error).__name__})"
        raise BadInput(f"{found}; delete it and run again.") from error


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Replace a checkpoint; a kill at any instant leaves the old or the new one."""
    import torch

    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Through a file of Python's: torch's own would not tell why it could not write.
        with replacing(path) as partial, partial.open("wb") as file:
            torch.save(dict(state), file)


def load_state(path: Path, *, key: str) -> dict[str, Any] | None:
    """The state saved at `path`, on the CPU; None where there is none or it has another key."""
    import torch

    if not path.exists():
        return None
    with reading(path):
        if not zipfile.is_zipfile(path):  # torch would take it for its oldest format
            raise ValueError("torn")
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        return state if state["key"] == key else None


def checkpoint_path(out: Path) -> Path:
    """Beside the adapter, so that the folder itself only ever exists complete."""
    return out.with_name(out.name + ".checkpoint.pt")


def finished(out: Path, *, key: str) -> Curve | None:
    """The curve of a completed run with this key, None when it has to be run.

    Raises BadInput when `out` is something else than an adapter of ours, which must not be replaced.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    if not (out / RECORD).is_file():
        found = f"{out} exists but was not written by train_adapter"
        raise BadInput(f"{found}; choose another folder or move it away.")
    record = json_object(out / RECORD)
    if record.get("key") != key:
        return None
    check_adapter(out)
    return list(record["curve"])


def save_adapter(model: Any, out: Path, *, key: str, curve: Curve, base: Checkpoint) -> None:
    """Write the adapter (safetensors), its config and its record into a new folder, renamed into place."""
    partial, old = (out.with_name(f"{out.name}.{word}") for word in ("partial", "old"))
    with writing(out):
        for leftover in (partial, old):
            shutil.rmtree(leftover, ignore_errors=True)
        model.save_pretrained(partial, save_embedding_layers=False)
        (partial / "README.md").unlink(missing_ok=True)  # peft's model card is an empty form
        tidy_config(partial / CONFIG, base=base)
        (partial / RECORD).write_text(json.dumps({"key": key, "curve": curve}, indent=1))
        if out.exists():
            out.rename(old)
        partial.rename(out)
        shutil.rmtree(old, ignore_errors=True)
        checkpoint_path(out).unlink(missing_ok=True)


def tidy_config(path: Path, *, base: Checkpoint) -> None:
    """Same bytes every time: sort what peft keeps as sets, and name the base as the user does."""
    config = {name: canonical(value) for name, value in json_object(path).items()}
    config.update(base_model_name_or_path=base.name, revision=base.commit)
    path.write_text(json.dumps(config, indent=2, sort_keys=True))
