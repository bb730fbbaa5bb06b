"""The tables of a run, and every small frame that figures, claims and `make verify` read from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from bbi_utils import games, similarity, summaries
from bbi_utils.errors import BadInput


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


def summarise(tables: Tables, *, confidence: float = 0.95, seed: int = 0) -> dict[str, pd.DataFrame]:
    """Every small frame by name, intervals included; the names are those of the CSV files of a run.

    similarity, advantage, difference, categories, heterogeneity, artifacts, judge, judge_drop, budget,
    budget_gain and, with an answers table, answers.
    """
    from bbi_utils.adversaries import judge

    level: dict[str, Any] = {"confidence": confidence, "seed": seed}
    orders = summaries.judge_by_order(tables.judgements, confidence=confidence, seed=seed)
    frames = {
        "similarity": similarity.summarise(tables.similarity, **level),
        "advantage": games.advantage(tables.scores, **level),
        "difference": games.paired_difference(tables.scores, **level),
        "categories": games.by_category(tables.scores, **level),
        "heterogeneity": summaries.categories_differ(summaries.learned(tables.scores), seed=seed),
        "artifacts": summaries.artifacts_by_category(summaries.learned(tables.scores), **level),
        "judge": pd.concat([judge.summarise(tables.judgements, **level), orders], ignore_index=True),
        "judge_drop": summaries.judge_drop(tables.judgements, confidence=confidence),
        "budget": summaries.budget_summary(tables.budget, confidence=confidence),
        "budget_gain": summaries.budget_gain(tables.budget, confidence=confidence),
    }
    if tables.answers is not None:
        frames["answers"] = summaries.answer_rates(tables.answers, confidence=confidence, seed=seed)
    return frames
