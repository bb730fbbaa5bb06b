"""Say what this machine and environment are, and fail clearly where they cannot run the study.

With --imports it also imports the large packages, which takes some seconds: once, after installing.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = [ROOT / "env" / name for name in ("requirements.lock", "smol.lock")]
NEEDED_DISK, NEEDED_MEMORY = 2e9, 6e9  # bytes; the pocket profile, both pairs
LOADED = ("torch", "transformers", "peft", "bitsandbytes", "sentence_transformers", "papermill")


def locked_versions() -> dict[str, str]:
    """Package -> version, for the lines of the locks that apply to this Python and platform."""
    from packaging.requirements import Requirement

    pins = {}
    for line in (line for lock in LOCKS for line in lock.read_text(encoding="utf-8").splitlines()):
        text = line.partition("#")[0].partition(" --hash")[0].strip()
        if text and (wanted := Requirement(text)) and (wanted.marker is None or wanted.marker.evaluate()):
            pins[wanted.name] = str(wanted.specifier).removeprefix("==")
    return pins


def wrong_versions() -> list[str]:
    """Packages that are missing or of another version than the lock's (a local suffix such as +cpu aside)."""
    from importlib import metadata

    problems = []
    for name, wanted in locked_versions().items():
        try:
            found = metadata.version(name).partition("+")[0]
        except metadata.PackageNotFoundError:
            found = "missing"
        if found != wanted:
            problems.append(f"{name}: {found}, the lock says {wanted}")
    return problems


def unloadable() -> list[str]:
    """Packages that are installed but cannot be imported here."""
    import importlib
    import warnings

    from bbi_utils.oracles.quantised import expect_no_kernels

    problems = []
    warnings.simplefilter("ignore")
    expect_no_kernels()
    for name in LOADED:
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever it is, it is what the user has to know
            problems.append(f"{name} cannot be imported: {type(error).__name__}: {error}")
    return problems


def main() -> int:
    """Print a report; 0 when the study can run here, else 2 and what to do."""
    if sys.version_info < (3, 10):  # noqa: UP036 (this file is run to find out)
        print(f"error: Python {sys.version.split()[0]} is too old; 3.10 or later is needed", file=sys.stderr)
        return 2
    try:
        sys.path.insert(0, str(ROOT))
        from bbi_utils import provenance

        problems = wrong_versions() or (unloadable() if "--imports" in sys.argv else [])
    except ImportError as error:
        problems = [f"{error.name} is missing"]
    if problems:
        print("error: this environment is not the locked one:", *problems[:10], sep="\n  ", file=sys.stderr)
        print("run `make env` (or: python env/install.py)", file=sys.stderr)
        return 2
    if "--imports" in sys.argv:
        return 0
    import psutil

    cpu, disk = provenance.cpu(), shutil.disk_usage(ROOT).free
    memory = psutil.virtual_memory().total
    print(f"python   {sys.version.split()[0]}")
    print(f"packages {len(locked_versions())} as locked; {provenance.versions_line().partition(', ')[2]}")
    print(f"CPU      {cpu['model']}, {cpu['cores']} cores, {' '.join(cpu['instruction_sets'])}")
    print(f"GPU      {'; '.join(provenance.gpus()) or 'none (the pocket profile needs none)'}")
    print(f"memory   {memory / 1e9:.1f} GB")
    print(f"disk     {disk / 1e9:.1f} GB free")
    for what, have, need in (("memory", memory, NEEDED_MEMORY), ("disk", disk, NEEDED_DISK)):
        if have < need:
            print(f"warning: {what}: {have / 1e9:.1f} GB, the pocket profile wants {need / 1e9:.0f} GB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
