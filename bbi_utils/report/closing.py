"""How much of the gap a second round closes: means, differences from a control, shares, and what is claimed.

The share closed is 1 - arm / control, of a mean over seeds and prompts. Its interval draws both anew (the
pigeonhole bootstrap, Owen 2007), and so it is about new seeds and prompts, not about new teacher answers. It
counts the chance in single answers more than once, and so errs on the wide side while that is larger than
what seeds make: of n seeds, drawn anew, it has only (n - 1) / n of their variance, of one alone none.

The largest of several noisy means is too large, the more so the more of them are nearly the largest, and in
each draw once more. So no interval is taken of a largest one. That the arm's largest lies above the control's
by more than x is shown by one of its adversaries who lies above every one of the control's by so much; who
that is was not said before, so the ends hold jointly for all who might be. That it lies below is shown by one
of the control's in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from bbi_utils.errors import BadInput
from bbi_utils.report.claims import Claim, judge
from bbi_utils.report.labels import ends, plain_zero

PLAIN, CONTROL = "plain", "control"
STRONGEST = "strongest adversary, pairwise"
CEILING = "ceiling"  # the limit, as files name it
LIMIT = f"{CEILING}, single"  # the total variation distance
LIMIT_OF_TWO = f"{CEILING}, pairwise"  # in the game of STRONGEST
DRAWS = 5000
MOST_MISSING = 0.1  # of the draws that a category may lack
AIM = 0.5  # of the gap: the adversary's and the limit's
OF_ALL = "distinct-2"  # of all answers together, so that no prompts can be drawn
MARGINS = {"correct": 0.03, "similarity": 0.02}  # so much less is no loss; stated before llama, desk
KINDS = ("", "difference ", "closed ")
ENDS = ("mean", "lower", "upper")
Drawn = Callable[[pd.DataFrame], np.ndarray]
# Round, arm and measure -> the mean, and then its draws; of STRONGEST a row for each who might be it.
Means = dict[tuple[int, str, str], np.ndarray]


def summary(
    table: pd.DataFrame,
    *,
    against: str = CONTROL,
    confidence: float = 0.95,
    together: int = 1,
    draws: int = DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """Of each arm, round and measure: mean, difference from the control, share of the gap closed; with ends.

    table: as `study.closing.results.read_results` has it. Returns arm, round, measure and KINDS x ENDS.
    STRONGEST is the largest of the adversaries' means, and so a little too large; its intervals hold all the
    same, as above. OF_ALL has no interval. together: over so many intervals the error is dealt out
    (Bonferroni); at 1 each holds by itself. There is a share only of gaps: an advantage, a limit, nats. It is
    NaN where the control's own gap is not surely above 0, for then nobody knows how much of it was closed,
    nor whether there was any. Raises BadInput without the arm that is compared with.
    """
    if against not in set(table["arm"]):
        raise BadInput(f"there is no arm {against!r} to compare with; add it to the arms")
    means = _means(table, draws_of(table, draws=draws, seed=seed))
    tail, rows = (1 - confidence) / together / 2, []
    for (number, arm, measure), own in means.items():
        control, told = means.get((number, against, measure)), np.full((3, 3), np.nan)
        told[0] = _largest(own, tail)
        if control is not None and arm != against:
            told[1] = _above(own, control, tail)
            if is_gap(measure) and _largest(control, tail)[1] > 0:
                told[2] = _closed(own, control, tail)
        if measure.endswith(OF_ALL):
            told[:, 1:] = np.nan
        rows.append([arm, number, measure, *told.ravel()])
    kinds = [f"{kind}{end}" for kind in KINDS for end in ENDS]
    return pd.DataFrame(rows, columns=["arm", "round", "measure", *kinds])


def _means(table: pd.DataFrame, drawn: Drawn) -> Means:
    """Of each round, arm and measure the mean and its draws, shape (1, draws + 1); of STRONGEST every one."""
    means: Means = {}
    for (number, arm, measure), rows in table.groupby(["round", "arm", "measure"], sort=False):
        means[int(number), str(arm), str(measure)] = drawn(rows)[None]
    for number, arm in dict.fromkeys(key[:2] for key in means):
        every = [values for key, values in means.items() if key[:2] == (number, arm) and is_pairwise(key[2])]
        means[number, arm, STRONGEST] = np.concatenate(every)
    return means


def _largest(own: np.ndarray, tail: float) -> tuple[float, float, float]:
    """The largest mean of all rows, with ends; shape (rows, draws + 1) as everywhere below."""
    lower, upper = _jointly(own, tail, axis=0), -_jointly(-own[None], tail, axis=0)
    return float(own[:, 0].max()), float(lower.max()), float(upper.max())


def _above(own: np.ndarray, control: np.ndarray, tail: float) -> tuple[float, float, float]:
    """By how much the largest mean lies above the control's largest."""
    pairs = own[:, None] - control[None]
    lower = _jointly(pairs, tail, axis=0).min(axis=1).max()
    upper = -_jointly(-pairs, tail, axis=1).min(axis=0).max()
    return float(own[:, 0].max() - control[:, 0].max()), float(lower), float(upper)


def _closed(own: np.ndarray, control: np.ndarray, tail: float) -> tuple[float, float, float]:
    """1 - the largest mean / the control's largest. A draw in which a control has no gap shows nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        pairs = 1 - own[:, None] / control[None]
    none = np.broadcast_to(control[None] <= 0, pairs.shape)
    more = np.where(np.broadcast_to(own[:, None] > 0, pairs.shape), -np.inf, np.inf)
    lower = _jointly(np.where(none, -np.inf, pairs), tail, axis=1).min(axis=0).max()
    upper = -_jointly(-np.where(none, more, pairs), tail, axis=0).min(axis=1).max()
    return float(1 - own[:, 0].max() / control[:, 0].max()), float(lower), float(upper)


def _jointly(values: np.ndarray, tail: float, *, axis: int) -> np.ndarray:
    """Lower ends from draws (the last axis, without its first) that hold together along an axis.

    Each is the same quantile of its own draws, as low as makes all of them hold in 1 - tail of the draws:
    with one it is that of `tail`, with several that move together hardly less. NaN without any value in a
    draw.
    """
    draws = values[..., 1:]
    ranks = draws.argsort(axis=-1).argsort(axis=-1)  # NaN are last
    share = np.quantile(ranks.min(axis=axis, keepdims=True), tail, axis=-1) / (draws.shape[-1] - 1)
    found = np.full(draws.shape[:-1], np.nan)
    for at in np.ndindex(found.shape):
        own = draws[at][~np.isnan(draws[at])]
        if own.size:
            place = share[tuple(0 if n == axis else i for n, i in enumerate(at))]
            # Beside an infinite draw nothing can be interpolated.
            found[at] = np.quantile(own, place, method="linear" if np.isfinite(own).all() else "lower")
    return found


def by_category(
    table: pd.DataFrame,
    measure: str,
    *,
    against: str = CONTROL,
    confidence: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """One measure by category, after the first further round: category, arm, mean, difference, lower, upper.

    The intervals are of the difference from the control, and hold together over categories and arms: as many
    standard errors wide as the farthest of all of them goes.
    """
    rows = table[(table["measure"] == measure) & (table["round"] == 1)]
    drawn = draws_of(rows, draws=draws, seed=seed)
    means = {key: drawn(part) for key, part in rows.groupby(["category", "arm"], sort=False)}
    apart = {key: one - means[key[0], against] for key, one in means.items() if key[1] != against}
    found = [{"category": category, "arm": arm, "mean": one[0]} for (category, arm), one in means.items()]
    if not apart:
        return pd.DataFrame(found).assign(difference=np.nan, lower=np.nan, upper=np.nan)
    every = np.column_stack([*apart.values()])
    error = np.nanstd(every[1:], axis=0)
    far = np.abs(every[1:] - every[0]) / np.where(error > 0, error, np.inf)
    # A small category is in some draws not at all; of one with a single unit nothing can be said.
    alone = np.isnan(far).mean(axis=0) > MOST_MISSING
    half = np.quantile(np.nanmax(far[:, ~alone], axis=1, initial=0.0), confidence) * np.where(
        alone, np.nan, error
    )
    sides = zip(apart, every[0], every[0] - half, every[0] + half, strict=True)
    more = [dict(zip(("category", "arm"), key, strict=True), difference=d, lower=low, upper=high)
            for key, d, low, high in sides]  # fmt: skip
    return pd.DataFrame(found).merge(pd.DataFrame(more), how="left", on=["category", "arm"])


def draws_of(table: pd.DataFrame, *, draws: int = DRAWS, seed: int = 0) -> Drawn:
    """A function from one arm's rows of one measure to its mean, first as it is and then in each draw.

    Seeds and whole groups of prompts are drawn with replacement, each by itself.
    """
    rng = np.random.default_rng(seed)
    seeds, prompts = sorted(table["seed"].unique()), sorted(table["prompt_id"].unique())
    unit = pd.factorize(table.drop_duplicates("prompt_id").set_index("prompt_id")["group"][prompts])[0]
    times = [rng.multinomial(n, np.full(n, 1 / n), size=draws) for n in (len(seeds), unit.max() + 1)]
    of_seed, of_unit = (np.vstack([np.ones((1, one.shape[1])), one]) for one in times)
    of_prompt = of_unit[:, unit]

    def drawn(rows: pd.DataFrame) -> np.ndarray:
        wide = rows.pivot(index="seed", columns="prompt_id", values="value").reindex(seeds, columns=prompts)
        there, value = wide.notna().to_numpy(float), wide.fillna(0.0).to_numpy()
        total, count = (((of_seed @ one) * of_prompt).sum(axis=1) for one in (value, there))
        with np.errstate(invalid="ignore"):
            return np.asarray(total / count)

    return drawn


def is_pairwise(measure: str) -> bool:
    """Whether a measure is one adversary's advantage with two answers."""
    return measure.endswith("pairwise") and measure != STRONGEST and not measure.startswith(CEILING)


def is_gap(measure: str) -> bool:
    """Whether a measure is 0 where nothing tells the two apart, so that a share of it can be closed."""
    return measure.endswith(("single", "pairwise")) or measure.startswith("nats")


def costs(table: pd.DataFrame) -> pd.DataFrame:
    """What a round took, mean over seeds: arm, round, tokens with a loss, and seconds of each part."""
    parts = [name for name in ("tokens", "own answers", "weights", "training") if name in table]
    once = table.drop_duplicates(["round", "arm", "seed"])
    return once.groupby(["round", "arm"], sort=False)[parts].mean().reset_index()


CLAIMS: Mapping[str, Claim] = {
    measure: Claim(
        "checks", said.format(-margin), "closing", "difference mean", signed=True, asks=asks, margin=margin
    )
    for measure, said, asks, margin in (
        (STRONGEST, "the strongest adversary's advantage is below the control's", "at_most", 0.0),
        (LIMIT, "the limit is lower than the control's", "at_most", 0.0),
        ("correct", "right answers are at most {} rarer", "above", -MARGINS["correct"]),
        ("similarity", "similarity is at most {} lower", "above", -MARGINS["similarity"]),
    )
}


def by_claim(found: pd.DataFrame) -> pd.DataFrame:
    """What is claimed of a second round, judged by the rule of all claims (decision 10); a row for each arm.

    found: the `summary` against the control, whose intervals hold `together` for all arms. Returns measure,
    claim, arm, found (the difference from the control with its interval), asked, verdict; no row of what was
    not measured.
    """
    rows = []
    for measure, claim in CLAIMS.items():
        own = found[(found["measure"] == measure) & (found["round"] == 1)]
        for row in own[~own["arm"].isin([CONTROL, PLAIN])].to_dict("records"):
            low, high = row["difference lower"], row["difference upper"]
            margin = float(claim.margin)
            verdict = judge(claim, pd.DataFrame({"lower": [low], "upper": [high]}), margin=margin, alpha=0.0)
            asked = f"{'below' if claim.asks == 'at_most' else 'above'} {margin:g}"
            rows.append((measure, claim.claim, row["arm"], plain_zero(apart(row)), asked, verdict))
    return pd.DataFrame(rows, columns=["measure", "claim", "arm", "found", "asked", "verdict"])


def with_ends(found: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Means of the first further round with their intervals, to be read: a row an arm, a column a measure.

    found: the `summary`. names: measure -> the column's name; a measure that is not there has no column.
    """
    own = found[(found["round"] == 1) & found["measure"].isin(names)]
    told = [
        f"{mean:.3f}" if np.isnan(low) else f"{mean:.3f} {ends(low, high)}"
        for mean, low, high in own[[*ENDS]].itertuples(index=False)
    ]
    wide = own.assign(told=told).pivot(index="arm", columns="measure", values="told")
    return wide[[name for name in names if name in wide]].rename(columns=dict(names))


def apart(row: Mapping[str, Any] | pd.Series) -> str:
    """The difference from what a row of the `summary` is compared with, and its interval."""
    return f"{row['difference mean']:+.3f} {ends(row['difference lower'], row['difference upper'])}"
