"""Compare a run's tables with figures/expected, and figures with the manifest that lists them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TextIO

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.files import sha256_file
from bbi_utils.report.claims_table import read_claims


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


def verify(run: paths.RunPaths, *, figures: Path = paths.FIGURES, stream: TextIO | None = None) -> bool:
    """Print how the run's tables compare with the expected ones; True when all agree and no figure is stale.

    Raises BadInput where the run or the expected tables are missing.
    """
    from bbi_utils.study.tolerances import compare_tables, failures, report

    read_claims(run.claims)  # a run that did not end lacks this table: say that first
    checks = compare_tables(run.folder, figures / "expected")
    stale = stale_figures(run.figures) + (stale_figures(figures) if figures != run.figures else [])
    about_figures = stale or ["every figure is the one its manifest lists"]
    print(report(checks), *about_figures, sep="\n", file=stream or sys.stdout)
    return not failures(checks) and not stale
