"""Semantic similarity of two answers: cosine of their sentence embeddings (all-MiniLM-L6-v2)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bbi_utils.games.scores import about, units
from bbi_utils.oracles.sentence_encoder import embed


def compare(pairs: pd.DataFrame, encoder: Any, *, pair: str, contrast: str) -> tuple[pd.DataFrame, float]:
    """Similarity of the columns ``teacher`` and ``student`` of each row, and the truncated share.

    Returns pair, contrast, prompt_id, category, similarity (cosine, -1 to 1; exactly 1 for equal answers)
    and, where prompts share one, group. Nothing is like an empty answer but another one: 0, and 1 where both
    are empty.
    """
    embedded = embed([*pairs["teacher"], *pairs["student"]], encoder)
    teacher, student = np.split(embedded.vectors.astype(float), 2)
    cosine = np.einsum("nd,nd->n", teacher, student)
    cosine[((pairs["teacher"] == "") | (pairs["student"] == "")).to_numpy()] = 0.0
    cosine = np.where(pairs["teacher"].to_numpy() == pairs["student"].to_numpy(), 1.0, cosine.clip(-1, 1))
    rows = pairs[about(pairs)].assign(pair=pair, contrast=contrast, similarity=cosine)
    rows = rows[["pair", "contrast", *about(pairs), "similarity"]].reset_index(drop=True)
    return rows, embedded.truncated_share


def mean_similarity(similarity: pd.DataFrame, *, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """Mean similarity, with intervals, of each contrast and of distilled - base on a pair's common prompts.

    Returns pair, quantity ("base", "distilled", ..., "distilled - base"), n, mean, lower, upper. The
    intervals are percentile bootstrap (5,000 resamples), each at ``confidence`` on its own; what is drawn
    anew are prompts, or groups of prompts that belong together.
    """
    rows = []
    for pair, of_pair in similarity.groupby("pair", sort=False):
        wide = of_pair.pivot(index="prompt_id", columns="contrast", values="similarity").sort_index()
        unit_of = dict(zip(of_pair["prompt_id"], units(of_pair), strict=True))
        columns = {str(name): wide[name].dropna() for name in wide}
        if {"base", "distilled"} <= set(columns):
            columns["distilled - base"] = (wide["distilled"] - wide["base"]).dropna()
        for name, values in columns.items():
            lower, upper = _bootstrap_mean(values.groupby(values.index.map(unit_of)), confidence, seed)
            rows.append((pair, name, len(values), values.mean(), lower, upper))
    return pd.DataFrame(rows, columns=["pair", "quantity", "n", "mean", "lower", "upper"])


def _bootstrap_mean(values: Any, confidence: float, seed: int) -> tuple[float, float]:
    """Percentile interval of the mean of values grouped by the unit that is drawn."""
    rng = np.random.default_rng(seed)
    total, size = values.sum().to_numpy(), values.size().to_numpy(float)
    draws = (rng.integers(len(total), size=len(total)) for _ in range(5000))
    means = [total[drawn].sum() / size[drawn].sum() for drawn in draws]
    lower, upper = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(lower), float(upper)
