"""Compare a run's claims with figures/expected, and the committed figures with their manifest."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TextIO

from bbi_utils import paths
from bbi_utils.claims_table import as_text, differences, read_claims
from bbi_utils.errors import BadInput
from bbi_utils.provenance import sha256_file


def stale_figures(folder: Path) -> list[str]:
    """The files that a figures folder's MANIFEST.json lists but that are missing or have other bytes."""
    manifest = folder / "MANIFEST.json"
    try:
        rows = json.loads(manifest.read_text(encoding="utf-8"))
        listed = {name: digest for row in rows for name, digest in row["files"].items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"{paths.shown(manifest)} cannot be read: {error}"
        raise BadInput(f"{what}; `make reproduce` writes it") from None
    problems = []
    for name, digest in sorted(listed.items()):
        file = folder / name
        if not file.is_file():
            problems.append(f"{paths.shown(file)}: missing")
        elif sha256_file(file) != digest:
            problems.append(f"{paths.shown(file)}: not the file that {manifest.name} lists")
    return problems


def verify(run: paths.RunPaths, *, figures: Path = paths.FIGURES, stream: TextIO | None = None) -> list[str]:
    """Print the run's claims and every difference from what is expected; returns the differences.

    Raises BadInput where the run or the expected claims are missing.
    """
    stream = stream or sys.stdout
    found = read_claims(run.claims)
    problems = differences(found, read_claims(figures / "expected" / "claims.csv"))
    problems += stale_figures(run.figures) + stale_figures(figures)
    print(as_text(found), file=stream)
    lines = problems or ["every claim is as expected, and every figure is the one its manifest lists"]
    print("", *lines, sep="\n", file=stream)
    return problems
