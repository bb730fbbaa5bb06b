"""What sentences about tables are made of: a bullet a pair, a value with its interval, a verdict, a doubt."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import numpy as np
import pandas as pd

from bbi_utils.report.labels import decimals, ends, p_value, pair_title, pairs_in, plain_zero


def each_pair(say: Callable[..., str]) -> Callable[..., str]:
    """What `say` says of each pair's rows; of a pair of which it says nothing, no bullet."""

    @wraps(say)
    def bullets(frame: pd.DataFrame, **keywords: float) -> str:
        parts = {pair: frame[frame["pair"] == pair] for pair in pairs_in(frame["pair"])}
        said = {pair: say(rows, **keywords) for pair, rows in parts.items()}
        lines = (f"- **{pair_title(pair)}.** {plain_zero(text)}" for pair, text in said.items() if text)
        return "\n".join(lines)

    return bullets


def value(row: pd.Series, column: str) -> str:
    if np.isnan(row["lower"]):  # of one seed alone
        return f"{decimals(row[column])}, no interval"
    return f"{decimals(row[column])} {ends(row['lower'], row['upper'])}"


def short_p(p: float) -> str:
    return f"p = {p:.2f}" if p >= 0.1 else p_value(p)  # of a large one two digits say enough


def doubt(p: float, null: float, *, confidence: float) -> str:
    """What a rejection is worth whose test rejects on the null control, too; of any other nothing is said."""
    if max(p, null) > 1 - confidence:
        return ""
    return f"**that test rejects on the null control, too ({short_p(null)}): near that size p proves little**"


def verdict(row: pd.Series, up: str, down: str) -> str:
    return up if row["lower"] > 0 else down if row["upper"] < 0 else "undecided"
