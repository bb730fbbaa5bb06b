"""From the tables of a run to small frames with an interval in every row: what figures and claims read."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit  # scipy.stats would take a second to import

from bbi_utils import games
from bbi_utils.adversaries.judge import verdicts as judge
from bbi_utils.errors import BadInput
from bbi_utils.files import json_object
from bbi_utils.games import limit, similarity
from bbi_utils.games.ablation import costs_of_removal
from bbi_utils.games.categories import artifacts_by_category, categories_differ, concentration
from bbi_utils.games.certificate import Certificate
from bbi_utils.games.inference.simultaneous import simultaneous, worth
from bbi_utils.games.queries import SIZES, advantage_of_queries
from bbi_utils.games.scores import units
from bbi_utils.paths import RunPaths
from bbi_utils.responses.answers import ARMS

ASKED = ("pair", "contrast", "epsilon", "confidence", "q", "prompts", "verdict")  # of a certificate
REFERENCE = "stratified_random"  # what every strategy of buying is compared with
PAPERS_THREE = ("style_format", "robustness", "domain_technical")  # where the paper found artifacts


@dataclass(frozen=True)
class Tables:
    """The saved tables and verdicts of a run, the pairs under one another, as the steps write them."""

    similarity: pd.DataFrame
    scores: pd.DataFrame
    judgements: pd.DataFrame
    budget: pd.DataFrame
    removals: pd.DataFrame
    wealth: pd.DataFrame
    tests: pd.DataFrame
    answers: pd.DataFrame
    likelihoods: pd.DataFrame
    certificates: Sequence[Certificate]


def table_files(run_dir: Path | str, pairs: Sequence[str]) -> dict[str, list[Path]]:
    """Name of each of `Tables` -> its files, one a pair, and of the certificates one a pair and student.

    Raises BadInput naming the first file that is missing.
    """
    runs = [RunPaths(run_dir, pair) for pair in pairs]
    names = [field.name for field in fields(Tables) if field.name != "certificates"]
    found = {name: [Path(getattr(run, name)) for run in runs] for name in names}
    found["certificates"] = [path for run in runs for path in run.certificates]
    for name, paths in found.items():
        for path in (path for path in paths if not path.is_file()):
            what = "certificate" if name == "certificates" else "table"
            where = "/".join(path.parts[-2:])
            raise BadInput(f"{where}: no such {what}; run the earlier notebooks of this pair first")
    return found


def load_tables(files: Mapping[str, Sequence[Path]]) -> Tables:
    """What these files hold, which are those of `table_files`."""
    saved = dict(files)
    verdicts = [Certificate.from_json(json_object(path)) for path in saved.pop("certificates")]
    tables = {name: _under_one_another(map(pd.read_parquet, paths)) for name, paths in saved.items()}
    return Tables(**tables, certificates=verdicts)


def _under_one_another(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """One table of all; an empty one, as of likelihoods where a model has none, adds no row."""
    found = list(tables)
    return pd.concat([table for table in found if len(table)] or found[:1])


def summarise(
    tables: Tables,
    *,
    queries: Sequence[int] = SIZES,
    confidence: float = 0.95,
    seed: int = 0,
    planted: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, pd.DataFrame]:
    """Every small frame by name, intervals included; the names are those of the CSV files of a run.

    planted: pair -> the categories in which its models got most emphasis, where that is known.

    similarity, advantage, difference, categories, heterogeneity, concentration, artifacts, queries, judge,
    judge_drop, budget, budget_gain, budget_joint, content, removals, tests, verdicts, bounds, answers,
    limit, limit_queries, shares.
    """
    level: dict[str, Any] = {"confidence": confidence, "seed": seed}
    both_orders = judge.judge_quantities(tables.judgements, **level)
    return {
        "similarity": similarity.mean_similarity(tables.similarity, **level),
        "advantage": games.advantage(tables.scores, **level),
        "difference": games.paired_difference(tables.scores, **level),
        "categories": games.by_category(tables.scores, **level),
        "heterogeneity": categories_differ(learned(tables.scores), seed=seed),
        "concentration": concentrations(learned(tables.scores), planted or {}, seed=seed),
        "artifacts": artifacts_by_category(learned(tables.scores), **level),
        "queries": advantage_of_queries(tables.scores, sizes=queries, **level),
        "judge": pd.concat([both_orders, judge_by_order(tables.judgements, **level)], ignore_index=True),
        "judge_drop": judge_drop(tables.judgements, confidence=confidence),
        "budget": budget_summary(tables.budget, confidence=confidence),
        "budget_gain": budget_gain(tables.budget, confidence=confidence),
        "budget_joint": budget_joint(tables.budget, confidence=confidence),
        "content": content_lost(tables.answers, **level),
        "removals": costs_of_removal(tables.removals, **level),
        "tests": tables.tests[["pair", "contrast", "test", "n", "p", "queries"]],
        "verdicts": verdicts(tables.certificates),
        "bounds": bounds(tables.certificates),
        "answers": answer_rates(tables.answers, **level),
        "limit": limits(tables.likelihoods, **level),
        "limit_queries": limit.of_queries(tables.likelihoods, sizes=queries, **level),
        "shares": limit.shares(tables.scores, tables.likelihoods, **level),
    }


def limits(likelihoods: pd.DataFrame, *, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """The limit at one query over all prompts and by category, as `games.limit` finds it.

    Returns pair, contrast, game, category ("all" or one), n, ceiling, lower, upper, exact. Intervals hold
    together over the games of "all", and over the categories of one game.
    """
    kinds = (limit.ceilings, limit.by_category)
    table = _under_one_another(kind(likelihoods, confidence=confidence, seed=seed) for kind in kinds)
    return (
        table.reset_index(drop=True).drop(columns=["adversary", "q"]).rename(columns={"advantage": "ceiling"})
    )


def learned(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of adversaries that learned from what was said: no baseline (length, missing) and no judge."""
    names = frame["adversary"].astype(str)
    return frame[~names.isin(["length", "missing"]) & ~names.str.startswith("judge")]


def mean_interval(
    values: Sequence[float] | np.ndarray | pd.Series, *, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Mean of the values, and Student's t interval for it; those of a Series are by the unit in its index.

    A unit's residuals are added up, and unequal units are worth n^2 / sum(size^2) of them (see
    `inference.simultaneous`). One unit alone has no interval: NaN rather than a false certainty.
    """
    x = np.asarray(values, dtype=float)
    mean, n, spread = float(x.mean()), float(len(x)), x
    if isinstance(values, pd.Series) and not values.index.is_unique:
        by_unit = values.astype(float).groupby(level=0)
        sizes = by_unit.size().to_numpy(float)
        n = float(worth(sizes))
        # Scaled so that what is divided by the root of n below is the error of the mean over all prompts.
        spread = (by_unit.sum().to_numpy() - sizes * mean) * np.sqrt(n * len(sizes)) / len(x)
    if len(spread) < 2:
        return mean, float("nan"), float("nan")
    half = float(stdtrit(n - 1, 0.5 + confidence / 2) * spread.std(ddof=1) / np.sqrt(n))
    return mean, mean - half, mean + half


def answer_rates(answers: pd.DataFrame, *, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """Shares of the three arms' answers that stopped by themselves and, where checked, are right in content.

    answers: pair, arm, prompt_id, finish_reason ("stop" or "length") and content_correct, which is empty
    where nothing was checked. Returns pair, arm, quantity ("stopped", "content_correct"), n (answers), rate,
    lower, upper. Prompts of one group, where there is that column, are one draw.
    """
    keys, ends = ["pair", "arm", "quantity"], ["rate", "lower", "upper"]
    asked = answers[answers["arm"].isin(ARMS)].astype({"content_correct": float})
    shares = asked.assign(stopped=asked["finish_reason"] == "stop", unit=units(asked))
    long = shares.melt(["pair", "arm", "unit"], ["stopped", "content_correct"], "quantity", "share").dropna()
    signed = long.assign(value=2 * long["share"] - 1)
    found = _means(signed, keys, "rate", confidence=confidence, seed=seed)
    found[ends] = (1 + found[ends]) / 2
    return found.sort_values(keys, ascending=[True, True, False], ignore_index=True)


def content_lost(answers: pd.DataFrame, *, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """How much less often an arm's content is right, by prompt: pair, contrast, n, lost, lower, upper.

    Contrasts: teacher - base, base - distilled, on the prompts where both were checked; none, no row.
    """
    right = answers.assign(right=answers["content_correct"].astype(float), unit=units(answers))
    wide = right.pivot(index=["pair", "prompt_id", "unit"], columns="arm", values="right")
    sides = {f"{one} - {other}": wide[one] - wide[other] for one, other in itertools.pairwise(ARMS)}
    lost = pd.DataFrame(sides).melt(ignore_index=False, var_name="contrast").dropna().reset_index()
    return _means(lost, ["pair", "contrast"], "lost", confidence=confidence, seed=seed)


def judge_by_order(judgements: pd.DataFrame, *, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """The judge's advantage in each order alone: pair, contrast, quantity, n, estimate, lower, upper.

    Quantities: teacher_first_advantage, teacher_second_advantage. Far apart, they show a position bias; rows
    go under those of ``adversaries.judge.judge_quantities``, which have the same columns.
    """
    won = judgements.assign(
        teacher_first_advantage=np.sign(judgements["log_odds_ab"]),
        teacher_second_advantage=-np.sign(judgements["log_odds_ba"]),
        unit=units(judgements),
    )
    orders = ["teacher_first_advantage", "teacher_second_advantage"]
    long = won.melt(["pair", "contrast", "unit"], orders, "quantity")
    return _means(long, ["pair", "contrast", "quantity"], "estimate", confidence=confidence, seed=seed)


def judge_drop(judgements: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Judge advantage on base minus on distilled, by prompt: pair, quantity, n, drop, lower, upper.

    The consistent verdicts are a different subset of prompts in each contrast, so that difference is one of
    two ratios: its interval comes from the per-prompt linearisation (delta method), which keeps the pairing.
    """
    students = judgements.assign(unit=units(judgements))
    students = students[students["contrast"].isin(["base", "distilled"])]
    rows: list[tuple[object, ...]] = []
    for pair, part in students.groupby("pair"):
        by = {"index": ["prompt_id", "unit"], "columns": "contrast", "values": ["correct", "consistent"]}
        wide = part.pivot(**by).dropna()
        for quantity in ("all_pairs_advantage", "consistent_advantage"):
            base, distilled = (_influence(wide, arm, quantity) for arm in ("base", "distilled"))
            dropped = pd.Series(base - distilled, index=wide.index.get_level_values("unit"))
            rows.append((pair, quantity, len(wide), *mean_interval(dropped, confidence=confidence)))
    return pd.DataFrame(rows, columns=["pair", "quantity", "n", "drop", "lower", "upper"])


def _influence(wide: pd.DataFrame, contrast: str, quantity: str) -> np.ndarray:
    """One value a prompt whose mean is the advantage and whose spread is that of its estimate."""
    won = 2 * wide["correct"][contrast].to_numpy(float) - 1
    if quantity == "all_pairs_advantage":
        return won
    kept = wide["consistent"][contrast].to_numpy(float)
    if kept.sum() == 0:
        return np.full(len(kept), np.nan)
    advantage = (kept * won).sum() / kept.sum()
    return advantage + kept * (won - advantage) / kept.mean()


def budget_summary(budget: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Similarity bought, one unit a seed: pair, strategy, budget, seeds, similarity, lower, upper."""
    return _over_seeds(_seed_means(budget), "similarity", confidence=confidence)


def budget_gain(budget: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Each strategy minus random, paired by seed: pair, strategy, budget, seeds, gain, lower, upper.

    The last row of each strategy, budget 0, is the mean over all budgets (a seed is still one unit).
    Raises BadInput where that was not tried.
    """
    by_seed = ["pair", "seed", "budget"]
    wide = _seed_means(budget).pivot(index=by_seed, columns="strategy", values="similarity")
    if REFERENCE not in wide.columns:
        raise BadInput(f"budget: no strategy {REFERENCE!r}; found {list(wide.columns)}")
    gains = wide.drop(columns=REFERENCE).sub(wide[REFERENCE], axis=0)
    long = gains.melt(ignore_index=False, value_name="gain").reset_index().dropna()
    overall = long.groupby(["pair", "seed", "strategy"], as_index=False)["gain"].mean().assign(budget=0)
    return _over_seeds(pd.concat([long, overall]), "gain", confidence=confidence)


def budget_joint(budget: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """The gains at each budget, with intervals that hold together over a pair's strategies and budgets.

    As `budget_gain`, and mean: the strategy's mean gain over its budgets. Bonferroni's correction, for a few
    seeds give no account of how budgets go together: wide, but no wider than what they can say.
    """
    together = budget_gain(budget)
    single = together[together["budget"] > 0]
    parts = []
    for pair, part in single.groupby("pair"):
        level = 1 - (1 - confidence) / len(part)
        joint = budget_gain(budget[budget["pair"] == pair], confidence=level)
        parts.append(joint[joint["budget"] > 0])
    mean = together[together["budget"] == 0].rename(columns={"gain": "mean"})
    return pd.concat(parts).merge(mean[["pair", "strategy", "mean"]], on=["pair", "strategy"])


def concentrations(
    scores: pd.DataFrame, planted: Mapping[str, Sequence[str]], *, seed: int = 0
) -> pd.DataFrame:
    """`games.categories.concentration` in the paper's three categories, and in those planted in a pair.

    named_by, "paper" or "planted", and named say which; the other columns are its own.
    """
    papers = concentration(scores, PAPERS_THREE, seed=seed)
    papers = papers.assign(named_by="paper", named=", ".join(PAPERS_THREE))
    of_pair = {pair: scores[scores["pair"] == pair] for pair in planted}
    own = [
        concentration(of_pair[pair], named, seed=seed).assign(named_by="planted", named=", ".join(named))
        for pair, named in planted.items()
    ]
    return pd.concat([papers, *own], ignore_index=True)


def _over_seeds(table: pd.DataFrame, value: str, *, confidence: float) -> pd.DataFrame:
    keys = ["pair", "strategy", "budget"]
    rows = [
        (*key, len(part), *mean_interval(part[value], confidence=confidence))
        for key, part in table.groupby(keys)
    ]
    return pd.DataFrame(rows, columns=[*keys, "seeds", value, "lower", "upper"])


def _seed_means(budget: pd.DataFrame) -> pd.DataFrame:
    return budget.groupby(["pair", "strategy", "budget", "seed"], as_index=False)["similarity"].mean()


def verdicts(certificates: Iterable[Certificate]) -> pd.DataFrame:
    """One row a certificate: pair, contrast, epsilon, confidence, q, prompts, verdict, strongest and bounds.

    floor is the largest one-sided lower bound and whose it is; ceiling the epsilon that could be certified.
    """
    rows = []
    for one in certificates:
        best = max(one.rows, key=lambda row: row.floor)
        asked = {name: getattr(one, name) for name in ASKED}
        named = {"strongest": f"{best.adversary} ({best.game})"}
        rows.append({**asked, **named, "floor": best.floor, "ceiling": one.certified_epsilon})
    return pd.DataFrame(rows)


def bounds(certificates: Iterable[Certificate]) -> pd.DataFrame:
    """Every row of every certificate, without seconds: pair, contrast, adversary, game, n, tied, ... ."""
    rows = [{"pair": c.pair, "contrast": c.contrast, **asdict(row)} for c in certificates for row in c.rows]
    return pd.DataFrame(rows).drop(columns="seconds")  # no two runs share them


def _means(table: pd.DataFrame, keys: list[str], mean: str, **level: Any) -> pd.DataFrame:
    """A row a group of the table: its keys, n, the mean of the column value under this name, lower, upper.

    Values are ones or differences of ones; those of a unit are one draw, and each interval is by itself.
    """
    rows = []
    for key, part in table.groupby(keys):
        values = part["value"].to_numpy(float)[:, None]
        found = simultaneous(values, groups=list(part["unit"]), **level).iloc[0]
        rows.append((*key, len(part), *found[["mean", "lower", "upper"]]))
    return pd.DataFrame(rows, columns=[*keys, "n", mean, "lower", "upper"])
