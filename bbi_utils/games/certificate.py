"""From a scores table to a verdict: no listed adversary beats epsilon, this one does, or not enough prompts.

Three error rates, each at most 1 - confidence, from the exact bounds of `exact`:

* `lower` and `upper` hold for all listed adversaries at once (Bonferroni);
* refuted: some adversary's one-sided lower bound, corrected for choosing among the listed, exceeds epsilon;
* certified: every adversary's one-sided upper bound is at most epsilon. The claim is about the strongest
  adversary, whose own bound alone would have to fail, so no correction is due (intersection-union test,
  Berger 1982). `certified_epsilon` is the largest of these bounds.

Only one of the last two can be wrong, so each may spend the whole error. A certificate is about the fitted
adversaries it lists, on prompts like these; it says nothing about any other adversary. What
cross-fitting does to its prompts' independence is treated in `exact`.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd

from bbi_utils.errors import BadInput
from bbi_utils.games.inference.clusters import Clustered
from bbi_utils.games.inference.exact import Counts, Record, check_confidence
from bbi_utils.games.queries import grouped
from bbi_utils.games.scores import ROW, SHOWN, of_one_contrast, records, units

Verdict = Literal["certified", "refuted", "inconclusive"]
Records = Mapping[tuple[str, str], Record | Clustered]
MOST_PROMPTS = 1_000_000
UNLUCKY = 0.1  # of the runs that were planned for may end without a certificate


@dataclass(frozen=True)
class Row:
    """What is certain about one adversary in one game.

    n and tied count games (groups of q prompts). `lower` and `upper` hold for all rows of a certificate at
    once; `floor` and `ceiling` are the one-sided bounds that the verdict rests on. t is `seconds` (training
    and scoring, over all folds) and `parameters`, None where no costs were given.
    """

    adversary: str
    game: str
    n: int
    tied: int
    advantage: float
    lower: float
    upper: float
    floor: float
    ceiling: float
    seconds: float | None = None
    parameters: int | None = None


@dataclass(frozen=True)
class CategoryRow:
    """The same for one category: its strongest adversary by `floor`, bounds holding over all categories."""

    category: str
    n: int
    strongest: str
    advantage: float
    floor: float
    ceiling: float


@dataclass(frozen=True)
class Certificate:
    """The verdict on one pair of oracles, with everything it rests on (contract C5).

    prompts_needed: of an inconclusive one `prompts_for` of its rows, groups where prompts come in groups.
    share: how much of the prompts that were asked about it covers; None where nobody said how many these are.
    """

    pair: str
    contrast: str
    epsilon: float
    confidence: float
    q: int
    prompts: int
    verdict: Verdict
    certified_epsilon: float
    refuted_by: list[str]
    prompts_needed: int | None
    rows: list[Row]
    categories: list[CategoryRow]
    share: float | None = None
    groups: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The contents of certificate.json; `groups` is among them where prompts come in groups."""
        return {name: value for name, value in asdict(self).items() if name != "groups" or value is not None}

    @classmethod
    def from_json(cls, contents: Mapping[str, Any]) -> Certificate:
        """The certificate whose contents these are."""
        rows = [Row(**row) for row in contents["rows"]]
        categories = [CategoryRow(**row) for row in contents["categories"]]
        return cls(**{**contents, "rows": rows, "categories": categories})


def certify(
    scores: pd.DataFrame,
    *,
    epsilon: float,
    confidence: float = 0.95,
    q: int = 1,
    costs: pd.DataFrame | None = None,
    asked: int | None = None,
    group: str = "group",
    seed: int = 0,
) -> Certificate:
    """The verdict for epsilon in [0, 1) from the scores (contract C3) of one pair and one contrast.

    Every (adversary, game) in the table counts as an adversary. With q > 1, q prompts answered by the same
    oracle make one game (`queries.grouped`, random by `seed`). `costs` as `games.play` returns them. asked:
    how many prompts there were before those that neither side answered, or that were never asked, left.

    group: the column that says which prompts belong together, and so of what the verdict speaks. Prompts
    drawn anew in groups like these, by default; with a column "template", prompts of *new* templates, of
    which those here are a sample, whereas without it the verdict is about new prompts of *these* templates.
    Raises BadInput on scores that are not C3, on several pairs or contrasts, and on numbers out of range.
    """
    if not 0 <= epsilon < 1:
        raise BadInput(f"epsilon {epsilon}; expected a number from 0 to below 1, such as 0.1")
    check_confidence(confidence)
    if q < 1:
        raise BadInput(f"{q} queries; expected 1 prompt a game or more")
    if group != "group" and group not in scores:
        raise BadInput(
            f"scores have no column {group!r}, which says what belongs together; found {[*scores]}"
        )
    scores = scores if group not in scores else scores.assign(group=scores[group])
    table, error = of_one_contrast(scores), 1.0 - confidence
    games, clusters = table if q == 1 else grouped(scores, q, seed=seed), units(table).nunique()
    seen, spent = records(games), _costs(costs)
    rows = [_row(name, record, len(seen), error, spent) for name, record in seen.items()]
    verdict = _verdict(epsilon, [row.floor for row in rows], [row.ceiling for row in rows])
    prompts = int(table["prompt_id"].nunique())
    if asked is not None and asked < prompts:
        raise BadInput(f"{asked} prompts asked, but {prompts} are scored; expected as many or more")
    return Certificate(
        pair=str(table["pair"].iloc[0]),
        contrast=str(table["contrast"].iloc[0]),
        epsilon=epsilon,
        confidence=confidence,
        q=q,
        prompts=prompts,
        verdict=verdict,
        certified_epsilon=max(0.0, *(row.ceiling for row in rows)),
        refuted_by=[f"{row.adversary} ({row.game})" for row in rows if row.floor > epsilon],
        prompts_needed=_needed(seen, epsilon, error, q=q) if verdict == "inconclusive" else None,
        rows=rows,
        categories=_by_category(games, error) if q == 1 and "category" in table else [],
        share=None if asked is None else prompts / asked,
        groups=clusters if clusters < prompts else None,
    )


def _row(
    name: tuple[str, str], record: Record | Clustered, listed: int, error: float, spent: Mapping[str, Any]
) -> Row:
    lower, upper = record.bounds(error=error / (2 * listed))
    floor, _ = record.bounds(error=error / listed)
    _, ceiling = record.bounds(error=error)
    ends = (record.advantage, lower, upper, floor, ceiling)
    return Row(*name, int(record.total), record.tied, *ends, *spent.get(name[0], (None, None)))


def _verdict(epsilon: float, floors: Sequence[float], ceilings: Sequence[float]) -> Verdict:
    if max(floors) > epsilon:
        return "refuted"
    return "certified" if max(ceilings) <= epsilon else "inconclusive"


def prompts_for(
    epsilon: float,
    *,
    confidence: float = 0.95,
    rows: int = 1,
    sides: int = 2,
    tied: float = 0.0,
    truth: float = 0.0,
) -> int | None:
    """How many prompts certify epsilon in nine runs of ten, if nobody's advantage is above `truth`.

    rows: adversaries and games that must all stay below epsilon; sides: 2 if the single game is among them.
    tied: the share of prompts that all of them tie. Prompts in groups: so many groups, as if each decided as
    one. None where a million are too few, as for a truth of epsilon or more.
    """
    from scipy.special import bdtrik

    def certifies(n: int) -> bool:
        decided = n * (1 - tied)
        # By luck more than that many are won in one of ten runs, by any of the rows.
        share = (1 + truth / (1 - tied)) / 2 if decided else 0.0
        won = min(decided, math.ceil(bdtrik(1 - UNLUCKY / rows, decided, share))) if decided else 0.0
        side = Counts(won, decided - won, n - decided)
        return Record((side,) * sides).bounds(error=1 - confidence)[1] <= epsilon

    if truth >= epsilon or truth > 1 - tied or not certifies(MOST_PROMPTS):
        return None
    return bisect_left(range(MOST_PROMPTS), True, key=lambda n: n > 0 and certifies(n))


def _needed(seen: Records, epsilon: float, error: float, *, q: int) -> int | None:
    """What would certify these rows, with as many ties as they have, if nobody told the two apart."""
    sides = {name: len(SHOWN[name[1]]) for name in seen}
    tied = min(record.tied / (record.total * sides[name]) for name, record in seen.items())
    how: dict[str, Any] = {"rows": len(seen), "sides": max(sides.values()), "tied": tied}
    games = prompts_for(epsilon, confidence=1 - error, **how)
    return None if games is None else q * games


def bounds_by_category(scores: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """What a certificate's categories rest on, of every adversary and game.

    Returns pair, contrast, adversary, game, category, n, advantage, lower, upper: one-sided bounds; the lower
    ones hold together over all categories, adversaries and games, and so do the upper ones.
    """
    table = of_one_contrast(scores)
    about = (str(table["pair"].iloc[0]), str(table["contrast"].iloc[0]))
    rows = []
    for category, seen in (parts := _parts(table)).items():
        for name, record in seen.items():
            ends = record.bounds(error=(1.0 - confidence) / len(parts) / len(seen))
            rows.append((*about, *name, category, int(record.total), record.advantage, *ends))
    return pd.DataFrame(rows, columns=[*ROW, "category", "n", "advantage", "lower", "upper"])


def _parts(table: pd.DataFrame) -> dict[str, Records]:
    """The records of each category."""
    return {str(name): records(part) for name, part in table.groupby("category", sort=True)}


def _by_category(table: pd.DataFrame, error: float) -> list[CategoryRow]:
    """Each category's own bounds, the error shared out over the categories; the least certain last."""
    rows = []
    for category, seen in (parts := _parts(table)).items():
        each = error / len(parts)
        floors = {name: record.bounds(error=each / len(seen))[0] for name, record in seen.items()}
        best = max(floors, key=lambda name: (floors[name], name))
        ceiling = max(record.bounds(error=each)[1] for record in seen.values())
        found = (seen[best].advantage, floors[best], max(0.0, ceiling))
        rows.append(CategoryRow(category, int(seen[best].total), f"{best[0]} ({best[1]})", *found))
    return sorted(rows, key=lambda row: (-row.floor, row.category))


def _costs(costs: pd.DataFrame | None) -> dict[str, tuple[float, int]]:
    """adversary -> (fit + score seconds, parameters)."""
    if costs is None:
        return {}
    seconds = (costs["fit_seconds"] + costs["score_seconds"]).astype(float)
    spent = zip(seconds, costs["parameters"].astype(int), strict=True)
    return dict(zip(costs["adversary"].astype(str), spent, strict=True))
