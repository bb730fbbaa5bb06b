"""The tables of a run, and every small frame that figures, claims and `make verify` read from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from bbi_utils import games
from bbi_utils.errors import BadInput
from bbi_utils.files import read_json
from bbi_utils.games import similarity
from bbi_utils.games.ablation import costs_of_removal
from bbi_utils.games.certificate import Certificate
from bbi_utils.games.queries import SIZES, advantage_of_queries
from bbi_utils.paths import RunPaths
from bbi_utils.report import summaries


@dataclass(frozen=True)
class Tables:
    """The saved tables of a run, the pairs under one another; columns as the steps write them.

    answers (optional, not every run checks them): pair, arm ("teacher", "base", "distilled"), prompt_id,
    finish_reason ("stop" or "length"), and content_correct (bool) where the content was checked.
    """

    similarity: pd.DataFrame
    scores: pd.DataFrame
    judgements: pd.DataFrame
    budget: pd.DataFrame
    removals: pd.DataFrame | None = None
    wealth: pd.DataFrame | None = None
    tests: pd.DataFrame | None = None
    answers: pd.DataFrame | None = None


def table_files(run_dir: Path | str, pairs: Sequence[str]) -> dict[str, list[Path]]:
    """Table name -> one file a pair, `<run>/<pair>/<table>.parquet`; an optional table only where it exists.

    Raises BadInput naming the first required file that is missing.
    """
    found: dict[str, list[Path]] = {}
    for field in fields(Tables):
        paths = [Path(run_dir) / pair / f"{field.name}.parquet" for pair in pairs]
        missing = [p for p in paths if not p.is_file()]
        if not missing:
            found[field.name] = paths
        elif field.name != "answers":
            where = "/".join(missing[0].parts[-2:])
            raise BadInput(f"{where}: no such table; run the earlier notebooks of this pair first")
    return found


def load_tables(run_dir: Path | str, pairs: Sequence[str]) -> Tables:
    """The tables of these pairs. Raises BadInput when one is missing."""
    files = table_files(run_dir, pairs)
    return Tables(**{name: pd.concat([pd.read_parquet(p) for p in paths]) for name, paths in files.items()})


def load_certificates(run_dir: Path | str, pairs: Sequence[str]) -> list[Certificate]:
    """The verdicts of these pairs on base and distilled student. Raises BadInput when one is missing."""
    found = []
    for path in certificate_files(run_dir, pairs):
        if (contents := read_json(path)) is None:
            where = "/".join(path.parts[-2:])
            raise BadInput(f"{where}: no such certificate; run the earlier notebooks of this pair first")
        found.append(Certificate.from_json(contents))
    return found


def certificate_files(run_dir: Path | str, pairs: Sequence[str]) -> list[Path]:
    """The files of the verdicts of these pairs."""
    return [RunPaths(run_dir, pair).certificate(arm) for pair in pairs for arm in ("base", "distilled")]


def summarise(
    tables: Tables,
    certificates: Sequence[Certificate] = (),
    *,
    queries: Sequence[int] = SIZES,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, pd.DataFrame]:
    """Every small frame by name, intervals included; the names are those of the CSV files of a run.

    similarity, advantage, difference, categories, heterogeneity, artifacts, queries, removals, tests, judge,
    judge_drop, budget, budget_gain; with certificates, verdicts and bounds; with an answers table, answers.
    """
    from bbi_utils.adversaries.judge import verdicts as judge

    level: dict[str, Any] = {"confidence": confidence, "seed": seed}
    orders = summaries.judge_by_order(tables.judgements, confidence=confidence, seed=seed)
    frames = {
        "similarity": similarity.summarise(tables.similarity, **level),
        "advantage": games.advantage(tables.scores, **level),
        "difference": games.paired_difference(tables.scores, **level),
        "categories": games.by_category(tables.scores, **level),
        "heterogeneity": summaries.categories_differ(summaries.learned(tables.scores), seed=seed),
        "artifacts": summaries.artifacts_by_category(summaries.learned(tables.scores), **level),
        "queries": advantage_of_queries(tables.scores, sizes=queries, **level),
        "judge": pd.concat([judge.summarise(tables.judgements, **level), orders], ignore_index=True),
        "judge_drop": summaries.judge_drop(tables.judgements, confidence=confidence),
        "budget": summaries.budget_summary(tables.budget, confidence=confidence),
        "budget_gain": summaries.budget_gain(tables.budget, confidence=confidence),
    }
    if tables.removals is not None:
        frames["removals"] = costs_of_removal(tables.removals, **level)
    if tables.tests is not None:
        frames["tests"] = tables.tests[["pair", "contrast", "test", "n", "p", "queries"]]
    if certificates:
        frames["verdicts"], frames["bounds"] = verdicts(certificates), bounds(certificates)
    if tables.answers is not None:
        frames["answers"] = summaries.answer_rates(tables.answers, confidence=confidence, seed=seed)
    return frames


def verdicts(certificates: Sequence[Certificate]) -> pd.DataFrame:
    """One row a certificate: pair, contrast, epsilon, confidence, q, prompts, verdict, strongest and bounds.

    floor is the largest one-sided lower bound and whose it is; ceiling the epsilon that could be certified.
    """
    rows = []
    for one in certificates:
        best = max(one.rows, key=lambda row: row.floor)
        asked = (one.epsilon, one.confidence, one.q, one.prompts, one.verdict)
        named = f"{best.adversary} ({best.game})"
        rows.append((one.pair, one.contrast, *asked, named, best.floor, one.certified_epsilon))
    names = ("epsilon", "confidence", "q", "prompts", "verdict", "strongest", "floor", "ceiling")
    return pd.DataFrame(rows, columns=["pair", "contrast", *names])


def bounds(certificates: Sequence[Certificate]) -> pd.DataFrame:
    """Every row of every certificate, without seconds: pair, contrast, adversary, game, n, tied, ... ."""
    rows = [{"pair": c.pair, "contrast": c.contrast, **asdict(row)} for c in certificates for row in c.rows]
    return pd.DataFrame(rows).drop(columns="seconds")  # no two runs share them
