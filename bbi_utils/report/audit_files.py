"""What an audit leaves behind: tables, certificate, figures and a manifest, all of it or none."""

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bbi_utils.errors import BadInput
from bbi_utils.files import sha256_file, write_json
from bbi_utils.games.certificate import bounds_by_category
from bbi_utils.games.queries import advantage_of_queries
from bbi_utils.provenance import environment, peak_memory
from bbi_utils.report import figures
from bbi_utils.report.audit import Audit, Settings
from bbi_utils.tables import unpacked

CERTIFICATE = "certificate.json"
FIGURES = ("verdict", "queries", "wealth", "categories", "lengths")
MOST_CATEGORIES = 30  # more do not fit on a page


def name_of(sources: Sequence[Path]) -> str:
    """What the audit of a file, or of two, is called."""
    for source in sources:
        if not source.name.isprintable() or not unpacked(source).stem.strip("."):
            raise BadInput(f"{source.name!r}: a file's name should be readable text; rename it")
    return "_vs_".join(unpacked(source).stem for source in sources)


def folder_for(sources: Sequence[Path], out: str | None) -> Path:
    """Where an audit goes: the folder asked for, else runs/audit/<its name>."""
    folder = Path("runs") / "audit" / name_of(sources) if out is None else Path(out)
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder} is a file; give a folder to --out")
    return folder


def write_audit(audit: Audit, folder: Path, *, sources: Sequence[Path]) -> list[Path]:
    """Write everything into the folder and return the files, the certificate first.

    All of it is made beside its place and then moved there; an older certificate goes first, the new one
    comes last, so that a certificate never lies beside other scores. Files of an older audit that this one
    lacks are removed, files of anybody else are not touched.
    """
    tables = tables_of(audit)
    drawn = figures_of(audit, tables)  # before anything is written: drawing can fail too
    with beside(folder) as partial:
        for name, table in tables.items():
            table.to_parquet(partial / name, index=False)
        for name, figure in drawn.items():
            scores = partial / "scores.parquet"
            figures.save_figure(figure, name, partial / "figures", notebook="audit", inputs=[scores])
        if audit.null is not None:
            write_json(partial / "certificate_null.json", audit.null.to_json())
        write_json(partial / "where.json", audit.where.to_json())
        write_json(partial / CERTIFICATE, audit.certificate.to_json())
        write_json(partial / "manifest.json", _manifest(audit, sources, partial))
        older = (file for name in FIGURES for file in (folder / "figures").glob(f"{name}.*"))
        stale = [Path("certificate_null.json"), *(file.relative_to(folder) for file in older)]
        return moved(partial, folder, sources=sources, last=CERTIFICATE, stale=stale)


def tables_of(audit: Audit) -> dict[str, pd.DataFrame]:
    """File name -> table: what the figures are drawn from."""
    settings, wealth = audit.settings, audit.sequential.wealth
    queries = advantage_of_queries(audit.scores, confidence=settings.confidence, seed=settings.seed)
    label = {"pair": settings.name, "contrast": audit.certificate.contrast}
    series = pd.DataFrame({**label, "query": np.arange(1, len(wealth) + 1), "wealth": wealth})
    tables = {"scores": audit.scores, "costs": audit.costs, "queries": queries, "wealth": series}
    return {f"{name}.parquet": table for name, table in tables.items()}


def figures_of(audit: Audit, tables: dict[str, pd.DataFrame]) -> dict[str, Figure]:
    """Name -> figure; by category only where there are several, and few enough to be read."""
    certificate, pairs = audit.certificate, audit.recorded.pairs
    level, game = audit.settings.confidence, "pairwise" if audit.settings.game != "single" else "single"
    best = max((row for row in certificate.rows if row.game == game), key=lambda row: row.advantage)
    sides = {side: pairs[[side, "group"]].rename(columns={side: "answer"}) for side in ("teacher", "student")}
    drawn = {
        "verdict": figures.verdict_figure(certificate, audit.null),
        "queries": figures.queries_figure(
            tables["queries.parquet"], game=game, adversary=best.adversary, confidence=level
        ),
        "wealth": figures.wealth_figure(tables["wealth.parquet"], error=audit.sequential.error),
        "lengths": figures.length_figure(sides, confidence=level),
    }
    if 1 < pairs["category"].nunique() <= MOST_CATEGORIES:
        own = audit.scores[audit.scores["contrast"] == certificate.contrast]
        found = bounds_by_category(own, confidence=level)
        how: dict[str, Any] = {"pair": audit.settings.name, "game": game, "confidence": level}
        drawn["categories"] = figures.category_figure(found, **how, exact=True)
    return drawn


def _manifest(audit: Audit, sources: Sequence[Path], partial: Path) -> dict[str, object]:
    """What the audit was made from and what it made (contract C8)."""
    recorded = audit.recorded
    sequential = {name: getattr(audit.sequential, name) for name in ("queries", "p_value", "error")}
    return {
        **made(audit.settings, sources, partial, seconds=audit.seconds),
        "understood": recorded.understood,
        "prompts": {
            "compared": len(recorded.pairs), "dropped": recorded.dropped, "silent": recorded.silent,
            "never_asked": recorded.never_asked, "identical": recorded.identical,
            **({"drawn_from": recorded.drawn_from} if recorded.drawn_from else {}),
        },
        "tests": {"kernel": asdict(audit.kernel), "sequential": sequential},
    }  # fmt: skip


def made(settings: Settings, sources: Sequence[Path], partial: Path, *, seconds: float) -> dict[str, object]:
    """What is said of every audit: what was asked of which files, the files in `partial`, what it took."""
    files = sorted(file for file in partial.rglob("*") if file.is_file())
    return {
        "parameters": asdict(settings),
        "inputs": hashes_of(sources),
        "outputs": {file.relative_to(partial).as_posix(): sha256_file(file) for file in files},
        "seconds": round(seconds, 3),
        "peak_memory_bytes": peak_memory(),
        "environment": environment(),
    }


def hashes_of(sources: Sequence[Path]) -> dict[str, str]:
    """Name -> SHA-256 of each file; the whole path where two have one name."""
    alone = len({source.name for source in sources}) == len(sources)
    return {source.name if alone else source.as_posix(): sha256_file(source) for source in sources}


def _check_room(new: list[Path], folder: Path, *, sources: Sequence[Path]) -> None:
    """Raise BadInput where a folder has the name of a file to be written, or a file that of a folder.

    The answers themselves are never written over either.
    """
    places = {(folder / name).resolve() for name in new}
    if own := [source for source in sources if source.resolve() in places]:
        raise BadInput(f"the audit would write over {own[0]}; give another folder to --out")
    for file in (folder / name for name in new):
        if file.is_dir() or (file.parent.exists() and not file.parent.is_dir()):
            where = file if file.is_dir() else file.parent
            raise BadInput(f"{where} is in the way; move it, or give another folder to --out")


@contextmanager
def beside(folder: Path) -> Iterator[Path]:
    """An empty hidden folder within `folder`, on the same file system; it is gone afterwards.

    A folder that is new goes too where nothing came into it.
    """
    new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".audit-", dir=folder) as hidden:
            partial = Path(hidden) / folder.resolve().name  # the figures' manifest names an input with it
            partial.mkdir()
            yield partial
    finally:
        if new and not any(folder.iterdir()):
            folder.rmdir()


def moved(
    partial: Path, folder: Path, *, sources: Sequence[Path], last: str, stale: Iterable[Path] = ()
) -> list[Path]:
    """The files in their places, `last` first in the list and last to be moved.

    An older one of that name goes first, and so do the `stale` files, in the folder, of an older audit.
    """
    new = [file.relative_to(partial) for file in partial.rglob("*") if file.is_file()]
    _check_room(new, folder, sources=sources)
    for name in (Path(last), *stale):
        (folder / name).unlink(missing_ok=True)
    *others, final = sorted(new, key=lambda name: (name == Path(last), name))
    for name in (*others, final):
        (folder / name).parent.mkdir(exist_ok=True)
        os.replace(partial / name, folder / name)
    return [folder / name for name in (final, *others)]
