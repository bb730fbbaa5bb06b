"""Confidence intervals for several means over the same prompts that hold all together.

The critical value is the quantile of the largest |t| under a Gaussian multiplier bootstrap over prompts
(Chernozhukov, Chetverikov and Kato, 2013), so correlated adversaries cost less than a Bonferroni correction.
Each standard error includes c^2 imagined prompts, half won and half lost (Agresti and Coull, 1998, at the
simultaneous critical value c): an adversary that is always right, or always ties, still gets an interval of
positive width.

Where prompts come in groups a group gets one multiplier and one residual, the sum of its prompts'; n prompts
count as n^2 / sum(size^2) draws, of which c^2 more are imagined, and c is Student's in place of the Gaussian,
with as many degrees of freedom less one, as sandwich errors of few or unequal groups want (Bell and McCaffrey
2002; Carter, Schnepel and Steigerwald 2017). The limits: this is asymptotic, checked by simulation for 200 to
1,000 prompts, and not an exact certificate; and it is about these fitted adversaries on new prompts, not
about adversaries trained afresh.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bbi_utils.errors import BadInput
from bbi_utils.games.inference.exact import check_confidence

RESAMPLES = 2000


def simultaneous(
    values: np.ndarray,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    largest: float = 1.0,
    groups: Sequence[Hashable] | None = None,
) -> pd.DataFrame:
    """Means with joint intervals of the columns of ``values`` (prompts x rows; NaN: a row lacks a prompt).

    Values lie in [-largest, largest], and so do the bounds. Returns n, mean, lower, upper, one line per
    column. groups: that of each prompt; without it each is alone. Raises BadInput for a confidence outside
    (0, 1) or an empty column.
    """
    from scipy.special import ndtr, stdtrit  # scipy.stats would take a second to import

    check_confidence(confidence)
    present = ~np.isnan(values)
    n = present.sum(axis=0)
    if values.size == 0 or (n == 0).any():
        raise BadInput("no scored prompts to take a mean of; check that the scores table is not empty")
    mean = np.nansum(values, axis=0) / n
    residual = np.where(present, values - mean, 0.0)
    draws, squares = n, np.nansum(values**2, axis=0)
    if groups is not None and len(set(groups)) < len(groups):
        residual, draws, squares = _of_groups(residual, present, mean, pd.factorize(np.asarray(groups))[0])
    critical = critical_value(residual, confidence=confidence, seed=seed)
    if draws is not n:
        critical = stdtrit(np.maximum(draws - 1, 1), ndtr(critical))
    total = draws + critical**2
    centre = draws * mean / total
    # Imagined prompts lie at -1 and +1 also for differences, which lie within -2 and 2: there, half a won and
    # half a lost one in each of the two samples has that variance (Agresti and Min, 2005).
    spread = np.sqrt((squares + critical**2) / total - centre**2)
    half = critical * spread / np.sqrt(total)
    lower, upper = (centre - half).clip(-largest, largest), (centre + half).clip(-largest, largest)
    ends = {"lower": np.minimum(lower, mean), "upper": np.maximum(upper, mean)}
    return pd.DataFrame({"n": n, "mean": mean, **ends})


def _of_groups(
    residual: np.ndarray, present: np.ndarray, mean: np.ndarray, group: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Residuals summed by group (groups x rows); how many draws they are worth, and the squares of those."""
    sizes, summed = (np.zeros((group.max() + 1, residual.shape[1])) for _ in range(2))
    np.add.at(sizes, group, present)
    np.add.at(summed, group, residual)
    n, held = sizes.sum(axis=0), (sizes > 0).sum(axis=0)
    draws = worth(sizes)
    variance = (summed**2).sum(axis=0) * held / np.maximum(held - 1, 1) * draws / n**2
    return summed, draws, draws * (variance + mean**2)


def critical_value(residual: np.ndarray, *, confidence: float, seed: int) -> float:
    """The ``confidence`` quantile of max |t| over the columns of centred values (prompts x rows).

    A column without any variance still counts as one comparison: its t is drawn independently.
    """
    rng = np.random.default_rng(seed)
    norm = np.sqrt((residual**2).sum(axis=0))
    flat = norm <= 1e-12
    weights = rng.standard_normal((RESAMPLES, residual.shape[0]))
    t = weights @ (residual / np.where(flat, 1.0, norm))
    t[:, flat] = rng.standard_normal((RESAMPLES, int(flat.sum())))
    return float(np.quantile(np.abs(t).max(axis=1), confidence))


def worth(sizes: np.ndarray) -> Any:
    """How many independent draws groups of these sizes (along axis 0) are worth: n^2 / sum(size^2)."""
    return sizes.sum(axis=0) ** 2 / (sizes**2).sum(axis=0)


def draws_of(answers: pd.DataFrame) -> float:
    """How many independent prompts these are worth, where a column group says which belong together."""
    if "group" not in answers:
        return len(answers)
    return float(worth(answers["group"].value_counts().to_numpy(float)))


def half_width(answers: pd.DataFrame, *, confidence: float) -> float:
    """Half the band around the shares of answers with at most so many words, at all lengths together.

    Dvoretzky, Kiefer and Wolfowitz (1956) with Massart's constant (1990); answers as for `draws_of`.
    """
    return math.sqrt(math.log(2 / (1 - confidence)) / (2 * draws_of(answers)))
