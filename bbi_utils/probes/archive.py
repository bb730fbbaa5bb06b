"""The probe suite on disk: one JSON object a line, checked when read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from bbi_utils.errors import BadInput
from bbi_utils.files import replacing
from bbi_utils.probes.suite import SPLITS, Probe, prompt_id


def save_probes(path: str | Path, probes: Sequence[Probe]) -> None:
    """Writes all probes or leaves what was there. Raises BadInput when it cannot write."""
    path = Path(path)
    lines = "".join(json.dumps(asdict(probe), ensure_ascii=False) + "\n" for probe in probes)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            partial.write_text(lines, encoding="utf-8", newline="\n")
    except OSError as error:
        raise BadInput(
            f"cannot write probes to {path}: {error.strerror or error}; choose a writable folder"
        ) from error


def load_probes(path: str | Path) -> list[Probe]:
    """The probes of a file in their order. Raises BadInput when it is missing or damaged, naming the line."""
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"cannot read probes from {path}: {error}; build the suite first (notebook 01)"
        ) from error
    if len(lines) < 2 or lines[-1] != "":
        raise BadInput(f"probe file {path} is empty or cut off; delete it and build the suite again")
    probes = [_probe(line, f"{path}, line {number}") for number, line in enumerate(lines[:-1], start=1)]
    if len({probe.id for probe in probes}) < len(probes):
        raise BadInput(f"probe file {path} contains a prompt twice; delete it and build the suite again")
    return probes


def _probe(line: str, where: str) -> Probe:
    expected = [field.name for field in fields(Probe)]
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise BadInput(
            f"{where}: not JSON ({error.msg}); delete the file and build the suite again"
        ) from error
    if not isinstance(row, dict) or set(row) != set(expected):
        found = ", ".join(map(str, row)) if isinstance(row, dict) else type(row).__name__
        raise BadInput(f"{where}: found {found}; expected the fields {', '.join(expected)}")
    slots, texts = row["slots"], [row[name] for name in expected if name != "slots"]
    if not isinstance(slots, dict) or not all(isinstance(value, str) for value in [*texts, *slots.values()]):
        raise BadInput(f"{where}: every field must be a text, and slots an object of texts")
    if row["id"] != prompt_id(row["prompt"]):
        raise BadInput(f"{where}: id {row['id']} is not the hash of its prompt; the file was changed by hand")
    if row["split"] not in SPLITS or not row["category"]:
        raise BadInput(f"{where}: unknown split {row['split']!r} or no category {row['category']!r}")
    return Probe(**row)
