"""Models on the hub: what its client's cache holds, fetching the rest, and one clear line for a refusal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import httpx2

from bbi_utils.errors import BadInput

# Everything but the weights, and then everything that loading reads.
SMALL_FILES = ("*.json", "*.jinja", "tokenizer.model", "merges.txt", "vocab.txt")
FILES = (*SMALL_FILES, "*.safetensors")
UNREAD = ("consolidated*.safetensors", "original/*")  # the same weights once more, in some hub models
SECONDS_TO_ANSWER = 30.0  # that a hub has, each time it is asked
REMOTE_CODE = "BBI_TRUST_REMOTE_CODE"


def trusts_remote_code() -> bool:
    """Whether the user lets models bring code of their own."""
    return os.environ.get(REMOTE_CODE) == "1"


def files_of_model(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """The patterns, and Python files where they would be run."""
    return (*patterns, "*.py") if trusts_remote_code() else patterns


def is_hub_id(name: str) -> bool:
    """Whether a reference that is no folder can be an id on the hub: `owner/name` or `name`."""
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return True


def cached_folder(name: str, revision: str | None = None) -> Path | None:
    """Where the local cache has what a hub id and revision resolve to; None where it is not there."""
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(name, "config.json", revision=revision) if is_hub_id(name) else None
    return Path(config).parent if isinstance(config, str) else None


def cached_commit(name: str, revision: str | None = None) -> str | None:
    """The commit of what is there."""
    folder = cached_folder(name, revision)
    return folder.name if folder else None


def download(name: str, *, revision: str | None, patterns: tuple[str, ...]) -> Path:
    """The hub's snapshot folder, named by its commit; offline, the one already in the cache."""
    from huggingface_hub import errors, snapshot_download

    reference = f"hub model {name}" + (f" at revision {revision}" if revision else "")
    wanted, unread = list(files_of_model(patterns)), list(UNREAD)
    try:
        bound_waiting()
        return Path(snapshot_download(name, revision=revision, allow_patterns=wanted, ignore_patterns=unread))
    except errors.GatedRepoError as error:
        way = "accept its licence on the hub and log in with `hf auth login` (or set HF_TOKEN)"
        raise BadInput(f"{reference} is gated; {way}.") from error
    except errors.RevisionNotFoundError as error:
        raise BadInput(f"{reference}: no such revision; give an existing branch, tag or commit.") from error
    except errors.RepositoryNotFoundError as error:
        way = "check the spelling, log in if it is private, or give a folder that exists"
        raise BadInput(f"{reference} does not exist or is private; {way}.") from error
    except (OSError, ValueError, ImportError, httpx2.HTTPError, httpx2.InvalidURL) as error:
        # No network, a proxy or certificates that cannot be used, a hub that refuses or is busy, or a page in
        # its place that is not the hub's.
        way = "go online once, or give a folder with the model"
        what = f"is not in the local cache and the hub cannot be reached ({cause_of(error)})"
        raise BadInput(f"{reference} {what}; {way}.") from error


def bound_waiting() -> None:
    """Have the hub's client give up on a hub that says nothing; by itself it waits for ever."""
    from huggingface_hub import get_session

    hooks = get_session().event_hooks
    if bounded not in hooks["request"]:
        get_session().event_hooks = {**hooks, "request": [*hooks["request"], bounded]}


def bounded(request: Any) -> None:
    """Give a request a time limit wherever it has none."""
    limits = request.extensions["timeout"]
    request.extensions["timeout"] = {part: limit or SECONDS_TO_ANSWER for part, limit in limits.items()}


def cause_of(error: BaseException) -> str:
    """The first sentence of what an error was raised from in the first place."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0].partition('. ')[0]:.200}"
