"""An adversary that chooses its questions: which prompts tell most, and how many it takes.

A hidden oracle is the teacher or the student. `pool` prompts are on offer, drawn at random from those held
out, and the adversary asks q of them: the ones that promise most ("chosen"), or any ("random"), with the very
same scores, so that only the order differs. What a prompt promises is learned from other folds: ridge
regression, on its category and its words, of the gap between the adversary's scores of the teacher's and of
the student's answer. With residuals taken as Gaussian, an answer's log-likelihood ratio is gap / variance x
(score - middle), and a prompt is worth gap^2 / variance whichever of the two is hidden: of two known oracles
the best order is known before the first answer, and answers only say when to stop.

Everything is nested. An adversary that scored fold g has learned from fold f; where the noise of both
happens to agree, both look well told apart, and who chooses on f by the scores of g finds an advantage where
there is none. So what is learned for fold f comes from scores by adversaries that saw neither f nor the fold
that they scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from bbi_utils.errors import BadInput
from bbi_utils.games.folds import assign_folds, checked_pairs, questions
from bbi_utils.games.inference.exact import check_confidence
from bbi_utils.games.player import HeldOut, Maker, Player, Remembering, held_out, right
from bbi_utils.games.queries import FEWEST_GROUPS, PARTITIONS, dealt, decided, outcome_bounds
from bbi_utils.games.scores import ROW, SCORE_COLUMNS, SHOWN, checked, units

POOL = 25  # prompts on offer
PENALTIES = 10.0 ** np.arange(-1, 4.1, 0.5)
ORDERS = ("random", "chosen")
KEPT, DRAWS = 0.6, 150  # of the prompts in each random part of them, and parts
Fold = tuple[np.ndarray, np.ndarray]  # scores, units x sides, positive where right; what each unit is worth


def prompt_features(prompts: Sequence[str], categories: Sequence[str]) -> csr_matrix:
    """Category, and words and pairs of words, shape (n, d); they say much of a prompt's template."""
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+|[^\w\s]")
    table = pd.get_dummies(pd.Series(list(categories), dtype=str)).to_numpy(float)
    return hstack([csr_matrix(table), words.fit_transform(prompts)], format="csr")


def judged(
    make: Maker | Player, pairs: pd.DataFrame, *, pair: str, contrast: str, folds: int = 5, seed: int = 0
) -> pd.DataFrame:
    """The single game (contract C3) with calibrated log-likelihood ratios as scores, and `worth` of a prompt.

    `pairs` as in `games.play`, which it costs about `folds` / 2 + 1 times. Raises BadInput as that does, and
    for an adversary without `score`.
    """
    pairs = checked_pairs(pairs).sort_values("prompt_id").reset_index(drop=True)
    group = questions(pairs)
    if folds < 3 or group.nunique() < 2 * folds:
        raise BadInput(f"{folds} folds over {group.nunique()} distinct prompts; take 3 folds or more")
    pairs = pairs.assign(fold=assign_folds(pairs, folds=folds, seed=seed), group=group)
    read, player, parts = prompt_features(pairs["prompt"], pairs["category"]), Remembering(make), []
    for fold in range(folds):
        others = [one for one in range(folds) if one != fold]
        tried = {one: held_out(player, pairs, [one, fold], seed=seed) for one in others}
        learned = pd.concat([_single(found, pairs, one) for one, found in tried.items()])
        itself = held_out(player, pairs, [fold], seed=seed)
        own = _single(itself, pairs, fold)
        gap, middle, variance = _regressed(read[learned.index], learned, read[own.index])
        about = pairs.loc[own.index, ["prompt_id", "category", "group", "fold"]]
        for shown in SHOWN["single"]:
            ratio = gap / variance * (own[shown] - middle)
            parts.append(about.assign(shown=shown, score=ratio, worth=gap**2 / variance))
    table = pd.concat(parts, ignore_index=True)
    table["correct"] = right(table["score"] * table["shown"].map(SHOWN["single"]))
    table = table.assign(pair=pair, contrast=contrast, adversary=itself.adversary, game="single")
    return table.sort_values(["prompt_id", "shown"], ignore_index=True)[[*SCORE_COLUMNS, "group", "worth"]]


def _single(found: HeldOut, pairs: pd.DataFrame, fold: int) -> pd.DataFrame:
    """Scores of both oracles' answers to the prompts of one fold, a row a prompt, indexed as `pairs`."""
    said = found.scores[(found.scores["game"] == "single") & (found.scores["fold"] == fold)]
    if said.empty:
        raise BadInput(f"{found.adversary} judges pairs only; expected an adversary with `score`")
    wide = said.pivot(index="prompt_id", columns="shown", values="score")
    return wide.set_axis(pd.Index(pairs["prompt_id"]).get_indexer(wide.index))


def _regressed(
    known: csr_matrix, learned: pd.DataFrame, asked: csr_matrix
) -> tuple[np.ndarray, np.ndarray, float]:
    """Predicted gap (never below 0) and middle of both oracles' scores, and their variance about these."""
    from sklearn.linear_model import RidgeCV

    teacher, student = learned["teacher"].to_numpy(), learned["student"].to_numpy()
    target = np.column_stack([teacher - student, (teacher + student) / 2])
    scale = np.maximum(target.std(axis=0), 1e-12)
    model = RidgeCV(alphas=PENALTIES, alpha_per_target=True).fit(known.toarray(), target / scale)
    gap, middle = (model.predict(known.toarray()) * scale).T
    errors = np.concatenate([teacher - middle - gap / 2, student - middle + gap / 2])
    gap, middle = (model.predict(asked.toarray()) * scale).T
    return np.maximum(gap, 0.0), middle, max(float(errors.var()), 1e-12)


def advantage_by_order(
    scores: pd.DataFrame, *, pool: int = POOL, confidence: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Advantage(q) of both orders: those columns of `queries`, and order; q from 1 to `pool`.

    `scores` is the single game (contract C3) with a column `worth`, as `judged` returns it; the score may be
    any other, such as the exact log-likelihood ratio. n is the number of disjoint pools. Estimates are means
    over `queries.PARTITIONS` random divisions into pools, and each interval holds by itself
    (`queries.outcome_bounds`). Raises BadInput where the pools would be fewer than `queries.FEWEST_GROUPS`.
    """
    check_confidence(confidence)
    rows: list[tuple[object, ...]] = []
    for key, folds in _read(scores, pool):
        pools = sum(len(worth) // pool for _, worth in folds)
        for order, curve in _curves(folds, pool, np.random.default_rng([seed, pool])).items():
            for q, mean in enumerate(curve, start=1):
                ends = outcome_bounds(mean, pools, error=1 - confidence, folds=len(folds))
                rows.append((*key, order, q, pools, mean, *ends))
    return pd.DataFrame(rows, columns=[*ROW, "order", "q", "n", "advantage", "lower", "upper"])


def queries_needed(
    scores: pd.DataFrame, *, reach: float = 0.8, pool: int = POOL, confidence: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Queries to an advantage of `reach`: scores.ROW, random, chosen, ratio, lower, upper.

    Between two whole numbers of queries the advantage is taken as straight; where the whole pool does not
    reach it, the number is NaN. The ratio's interval is over units of prompts, by the delete-d jackknife
    (Shao and Wu 1989): the logs of `DRAWS` random parts spread about the whole's by sqrt(KEPT / (1 - KEPT))
    times less than the whole's does about the truth. Parts that do not reach it are left out: that flatters
    what takes many queries. Raises BadInput as `advantage_by_order`.
    """
    check_confidence(confidence)
    rows: list[tuple[object, ...]] = []
    for key, folds in _read(scores, pool):
        rng = np.random.default_rng([seed, pool])
        needed, logs = _needed(_curves(folds, pool, rng), reach), []
        for _ in range(DRAWS):
            kept = [rng.permutation(len(worth))[: int(KEPT * len(worth))] for _, worth in folds]
            part = [(own[some], worth[some]) for (own, worth), some in zip(folds, kept, strict=True)]
            found = _needed(_curves(part, pool, rng), reach)
            logs.append(np.log(found["chosen"] / found["random"]))
        ratio = needed["chosen"] / needed["random"]
        ends = np.nanquantile(logs, [(1 - confidence) / 2, (1 + confidence) / 2]) - np.log(ratio)
        rows.append((*key, *needed.values(), ratio, *ratio * np.exp(ends * (KEPT / (1 - KEPT)) ** 0.5)))
    return pd.DataFrame(rows, columns=[*ROW, *ORDERS, "ratio", "lower", "upper"])


def _read(scores: pd.DataFrame, pool: int) -> Iterator[tuple[tuple[object, ...], list[Fold]]]:
    """Each adversary's folds: of a unit of prompts the first by its id alone, in the unit's first fold."""
    sides = list(SHOWN["single"])
    for key, part in checked(scores, "fold", "shown", "score", "worth").groupby(ROW, sort=False):
        assert isinstance(key, tuple)
        part = part.assign(unit=units(part), right=part["score"] * part["shown"].map(SHOWN["single"]))
        wide = part.pivot(index=["fold", "unit", "prompt_id", "worth"], columns="shown", values="right")
        if set(wide) != set(sides) or wide.isna().any(axis=None):
            raise BadInput(f"{key}: expected the single game, both sides of a prompt with one worth")
        wide = wide.sort_index().reset_index().drop_duplicates("unit")
        folds = [
            (own[sides].to_numpy(float), own["worth"].to_numpy(float)) for _, own in wide.groupby("fold")
        ]
        pools = sum(len(worth) // pool for _, worth in folds)
        if pools < FEWEST_GROUPS or not any(int(KEPT * len(worth)) >= pool for _, worth in folds):
            found = (
                f"{pools} pools of {pool} prompts in {len(folds)} folds, expected {FEWEST_GROUPS} at least"
            )
            raise BadInput(f"{found}, and not all of a fold in one; score more, or make the pool smaller")
        yield key, folds


def _curves(folds: Sequence[Fold], pool: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Order -> mean outcome after 1 to `pool` queries, shape (pool,), over random divisions into pools."""
    total, pools = dict.fromkeys(ORDERS, np.zeros(pool)), 0
    for right_by, worth in folds:
        any_, pools = dealt(len(worth), pool, rng), pools + len(worth) // pool
        best = np.take_along_axis(any_, np.argsort(-worth[any_], axis=1, kind="stable"), axis=1)
        for order, asked in zip(ORDERS, (any_, best), strict=True):
            each = right_by[asked]
            said = decided(each.cumsum(axis=1), np.abs(each).cumsum(axis=1))
            total[order] = total[order] + said.mean(axis=2).sum(axis=0) / PARTITIONS
    return {order: summed / pools for order, summed in total.items()}


def _needed(curves: dict[str, np.ndarray], reach: float) -> dict[str, float]:
    """Queries at which each curve first is at `reach`, straight lines between; from 0 at no query."""
    found = dict.fromkeys(curves, float("nan"))
    for order, curve in curves.items():
        if (above := np.flatnonzero(curve >= reach)).size:
            at, before = int(above[0]), curve[above[0] - 1] if above[0] else 0.0
            found[order] = at + (reach - before) / (curve[at] - before)
    return found
