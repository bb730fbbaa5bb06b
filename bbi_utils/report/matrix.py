"""Many models at once: the advantage between every two, each one's nearest, and families as a tree.

Every two models play the pairwise game on the prompts that either has answered. The adversary is ridge
regression on views of the answers (`adversaries.ridge`), cross-fitted over folds that are the same for all
pairs; `together` is the sum of the views' scores, chosen beforehand, and `length` the baseline. Intervals
hold over all pairs and both adversaries jointly.
"""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from bbi_utils.adversaries.features import LengthAdversary
from bbi_utils.adversaries.ridge import VIEWS, out_of_fold, view_of
from bbi_utils.errors import BadInput
from bbi_utils.games.certificate import Verdict
from bbi_utils.games.estimates import advantage
from bbi_utils.games.folds import assign_folds, questions
from bbi_utils.games.player import right
from bbi_utils.games.scores import SCORE_COLUMNS
from bbi_utils.progress import Each, Progress, one_by_one
from bbi_utils.report.audit import Settings
from bbi_utils.tables import FEWEST_PROMPTS

ABOUT = ["prompt_id", "prompt", "category", "group"]
TOGETHER, LENGTH = "together", "length"
Seen = dict[str, tuple[csr_matrix, np.ndarray]]  # view -> an answer's counts, and their Gram matrix
ASKED = Settings(epsilon=0.1)


@dataclass(frozen=True)
class Matrix:
    """advantages: first, second, adversary, n, advantage, lower, upper. nearest: one row a model.

    scores: what it rests on (contract C3), a pair of models being a contrast. uncompared: pairs with too few
    prompts in common.
    """

    settings: Settings
    models: list[str]
    advantages: pd.DataFrame
    nearest: pd.DataFrame
    scores: pd.DataFrame
    seconds: float
    uncompared: int = 0

    @property
    def verdict(self) -> Verdict:
        """refuted: some two are told apart by more than epsilon. certified: no two can be, by these."""
        if self.advantages["lower"].max() > self.settings.epsilon:
            return "refuted"
        below = self.advantages["upper"].max() <= self.settings.epsilon
        return "certified" if below and not self.uncompared else "inconclusive"

    @property
    def together(self) -> pd.DataFrame:
        """The advantages of the sum of all views."""
        return self.advantages[self.advantages["adversary"] == TOGETHER]

    def distances(self) -> pd.DataFrame:
        """Advantages of `together`, those below 0 as 0, models x models; NaN where two were not compared."""
        itself = np.where(np.eye(len(self.models)), 0.0, np.nan)
        square = pd.DataFrame(itself, index=self.models, columns=self.models)
        for row in self.together.itertuples():
            square.loc[row.first, row.second] = square.loc[row.second, row.first] = max(0.0, row.advantage)
        return square


def compare_all(
    answers: pd.DataFrame | Sequence[Mapping[str, object]],
    settings: Settings = ASKED,
    *,
    teachers: Sequence[str] = (),
    shown: bool = False,
    each: Each = one_by_one,
) -> Matrix:
    """Every two models, or each with the `teachers` alone; answers: model, answer and ABOUT.

    Of the settings, game and own are for audits of two models; here there is one game and one adversary. A
    model without an answer to a prompt has said nothing there, which an adversary sees too; where a column
    `apart` is true of the model, it was not asked. Two that have hardly a prompt in common are not compared.
    `each` may have the pairs compared elsewhere (`study.cluster`). Raises BadInput on fewer than two models,
    a teacher that is none of them, a model that answers a prompt twice, fewer than 20 prompts, no two to
    compare, and folds that are fewer than 2 or have fewer than two prompts each.
    """
    began = time.perf_counter()
    prompts, said, asked = _wide(pd.DataFrame(answers), teachers)
    folds, groups = settings.folds, prompts["group"].nunique()
    if folds > groups // 2:
        raise BadInput(f"{folds} folds of {groups} different prompts; expected 2 to {groups // 2}")
    fold = assign_folds(prompts, folds=folds, seed=settings.seed)
    pairs = [p for p in itertools.combinations(said, 2) if not teachers or set(p) & set(teachers)]
    with Progress(len(said) + len(pairs), "models", shown=shown) as bar:
        seen: dict[str, Seen] = {}
        for place, counts in each(_seen, list(said.values())):
            seen[list(said)[place]] = counts
            bar.update()
        game = functools.partial(_play, said=said, asked=asked, seen=seen, fold=fold, prompts=prompts)
        played: dict[int, pd.DataFrame | None] = {}
        for place, table in each(game, pairs):
            played[place] = table
            bar.update()
    tables = [table for _, table in sorted(played.items()) if table is not None]
    if not tables:
        raise BadInput(f"no two models have {FEWEST_PROMPTS} prompts in common; check what joins them: --by")
    scores = pd.concat(tables, ignore_index=True).assign(pair=settings.name)
    scores = scores[[*SCORE_COLUMNS, "group", "first", "second"]]
    level: dict[str, Any] = {"confidence": settings.confidence, "seed": settings.seed}
    found = advantage(scores, together=["pair"], **level)
    names = scores[["contrast", "first", "second"]].drop_duplicates()
    found = found.merge(names, on="contrast").drop(columns=["pair", "contrast", "game"])
    near = _nearest(list(said), found)
    spent = time.perf_counter() - began
    return Matrix(settings, list(said), found, near, scores, spent, len(pairs) - len(tables))


def _wide(
    answers: pd.DataFrame, teachers: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, list[str]], dict[str, np.ndarray]]:
    """The prompts with their groups, each model's answers in that order, "" for none, and if it was asked."""
    if twice := int(answers.duplicated(["model", "prompt_id"]).sum()):
        raise BadInput(f"{twice} answers are of a model and prompt that has one already; keep one of each")
    prompts = answers[ABOUT].drop_duplicates("prompt_id").sort_values("prompt_id", ignore_index=True)
    wide = answers.pivot(index="prompt_id", columns="model", values="answer").reindex(prompts["prompt_id"])
    apart = answers.groupby("model")["apart"].any() if "apart" in answers else {}
    asked = {
        str(name): column.notna().to_numpy() | (not apart.get(name, False)) for name, column in wide.items()
    }
    wide = wide.fillna("").apply(lambda texts: texts.where(texts.str.strip() != "", ""))
    said = {str(model): list(texts) for model, texts in wide.items()}
    if unknown := [name for name in teachers if name not in said]:
        raise BadInput(f"no answers of the teacher {unknown[0]!r}; there are {', '.join(said)}")
    if len(said) < 2:
        raise BadInput(f"answers of {len(said)} model; at least 2 are needed")
    if len(prompts) < FEWEST_PROMPTS:
        raise BadInput(f"{len(prompts)} prompts; at least {FEWEST_PROMPTS} are needed")
    return prompts.assign(group=questions(prompts)), said, asked


def _common(
    pair: tuple[str, str], said: Mapping[str, list[str]], asked: Mapping[str, np.ndarray], fold: np.ndarray
) -> np.ndarray | None:
    """Which prompts both were asked and either answered; None where they are too few to compare the two.

    So they are, too, where each is silent on more prompts than the few that both answered: nobody could
    tell these two apart, because they were hardly ever asked the same.
    """
    one, other = (np.array(said[model], dtype=object) != "" for model in pair)
    on = (one | other) & asked[pair[0]] & asked[pair[1]]
    both = int((one & other & on).sum())
    strangers = both < FEWEST_PROMPTS and both < min((on & ~one).sum(), (on & ~other).sum())
    few = on.sum() < FEWEST_PROMPTS or len(np.unique(fold[on])) < 2
    return None if few or strangers else on


def _seen(answers: Sequence[str]) -> Seen:
    """Of each view the counts and their Gram matrix, shape (n, n): made once for each model."""
    counts = {view: view_of(view, answers) for view in VIEWS}
    return {view: (table, (table @ table.T).toarray()) for view, table in counts.items()}


def _play(
    pair: tuple[str, str],
    said: Mapping[str, list[str]],
    asked: Mapping[str, np.ndarray],
    seen: Mapping[str, Seen],
    fold: np.ndarray,
    prompts: pd.DataFrame,
) -> pd.DataFrame | None:
    """The pairwise game of two models on the prompts that they have in common, if these are enough."""
    if (spoke := _common(pair, said, asked, fold)) is None:
        return None
    one, other = (np.array(said[model], dtype=object) for model in pair)
    fold, differ = fold[spoke], (one != other)[spoke]
    lengths = _lengths(*(said[model] for model in pair))[np.ix_(spoke, spoke)]
    found = {LENGTH: out_of_fold(lengths, fold), TOGETHER: 0.0}
    for view in VIEWS:
        (first, grams), (second, others) = (seen[model][view] for model in pair)
        across = (first @ second.T).toarray()
        gram = (grams - across.T) + (others - across)
        # Equal answers have no difference: what rounding leaves of it must not decide.
        gram = gram[np.ix_(spoke, spoke)] * np.outer(differ, differ)
        found[TOGETHER] = found[TOGETHER] + out_of_fold(gram, fold)
    names = {"contrast": " | ".join(pair), "first": pair[0], "second": pair[1]}
    about = prompts.loc[spoke, ["prompt_id", "category", "group"]]
    about = about.assign(fold=fold, shown="pair", game="pairwise", **names)
    said_so = [about.assign(adversary=who, score=score, correct=right(score)) for who, score in found.items()]
    return pd.concat(said_so, ignore_index=True)


def _lengths(one: Sequence[str], other: Sequence[str]) -> np.ndarray:
    """Products of the differences in what `LengthAdversary` sees, shape (n, n)."""
    see = LengthAdversary().features
    difference = see([], one) - see([], other)
    difference /= np.maximum(difference.std(axis=0), 1e-12)
    return difference @ difference.T


def _nearest(models: Sequence[str], found: pd.DataFrame) -> pd.DataFrame:
    """Of each model the one that it is told from least, that one's advantage, and the runner-up.

    As in `distances` an advantage below 0 is luck, and counts as 0; of such the surest stands first.
    """
    both = found[found["adversary"] == TOGETHER]
    turned = both.rename(columns={"first": "second", "second": "first"})
    ordered = pd.concat([both, turned]).assign(told=lambda pair: pair["advantage"].clip(lower=0.0))
    ordered = ordered.sort_values(["told", "upper", "second"], kind="stable")
    rows = []
    for model in models:
        near = ordered[ordered["first"] == model].head(2).to_dict("records")
        if near:
            best, more = near[0], near[1] if len(near) > 1 else {}
            ends = (best["advantage"], best["lower"], best["upper"])
            rows.append((model, best["second"], *ends, more.get("second", ""), more.get("advantage", np.nan)))
    columns = ["model", "nearest", "advantage", "lower", "upper", "next_one", "next_advantage"]
    return pd.DataFrame(rows, columns=columns)
