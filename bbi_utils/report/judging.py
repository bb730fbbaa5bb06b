"""What a judge's tables say, in sentences as those of `reading`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bbi_utils.games.inference.clusters import lowest
from bbi_utils.games.inference.exact import Counts, binomial_lower
from bbi_utils.games.scores import units
from bbi_utils.report.labels import name_of, words
from bbi_utils.report.sentences import each_pair, value, verdict
from bbi_utils.responses.answers import NULL

QUANTITIES = ("kept_fraction", "consistent_advantage", "all_pairs_advantage", "first_position_rate")


@each_pair
def length(judged: pd.DataFrame, *, confidence: float = 0.95) -> str:
    """How far consistent verdicts follow length, and how they come out where length misleads.

    judged: of one contrast, as `judge_pairs` makes it, with the columns teacher and student of the answers.
    """
    longer = np.sign(judged["teacher"].str.len() - judged["student"].str.len())
    firm = judged["consistent"] & (longer != 0)
    right, longer = judged.loc[firm, "correct"] == 1, longer[firm] > 0
    if not (n := len(longer)):
        return "No verdict on answers of different length is consistent."
    least = _least_share(right == longer, units(judged)[firm], error=1 - confidence)
    mark, misled = "**" if least > 0.5 else "", right[~longer]
    there = f"; where it was the shorter, the judge was right in {misled.sum()} of {len(misled)}"
    return (
        f"{mark}{(right == longer).mean():.1%} of {n} consistent verdicts on answers of different length "
        f"went to the longer one{mark} (at least {least:.1%}, at {confidence:.0%} confidence). The teacher's "
        f"was the longer in {longer.mean():.1%}{there if len(misled) else ''}."
    )


@each_pair
def advantage(verdicts: pd.DataFrame) -> str:
    """What the filter on consistent verdicts adds, and for which position the judge has a taste.

    The frame is that of `judge_quantities`. The null control comes first.
    """
    said = []
    for name in sorted(verdicts["contrast"].unique(), key=lambda name: (name != NULL, name)):
        by = verdicts[verdicts["contrast"] == name].set_index("quantity")
        kept, firm, every, first = (by.loc[quantity] for quantity in QUANTITIES)
        found = verdict(every, up="above chance", down="**below chance**")
        mark = "**" if name == NULL and every["lower"] > 0 else ""
        flattered = f"{firm['estimate']:.3f} on the {kept['estimate']:.1%} of verdicts that are consistent"
        leans = verdict(first[["lower", "upper"]] - 0.5, up="leans to A", down="leans to B")
        said.append(
            f"\n  - {mark}{name_of(name)}: {value(every, 'estimate')} on all pairs, by itself {found}{mark}; "
            f"{flattered if firm['n'] else 'no verdict is consistent'}; "
            f"it picks A {first['estimate']:.1%} of the time ({leans})."
        )
    return f"Advantage of the judge:{''.join(said)}"


@each_pair
def drop(lost: pd.DataFrame) -> str:
    """What the judge lost through distillation; the frame is that of `summaries.judge_drop`."""
    said = []
    for row in lost.dropna().to_dict("records"):
        went = verdict(pd.Series(row), up="it fell", down="**it rose**")
        quantity = words(row["quantity"]).replace("all pairs", "all-pairs")
        said.append(f"{quantity} {value(pd.Series(row), 'drop')}, {went}")
    return f"What the judge lost through distillation: {'; '.join(said)}." if said else ""


def _least_share(right: pd.Series, unit: pd.Series, *, error: float) -> float:
    """A lower bound on the share right; what belongs to one unit is one draw."""
    of_unit = right.groupby(unit)
    alone = right[of_unit.transform("size") == 1]
    won, n = float(alone.sum()), len(alone)
    if n == len(right):
        return binomial_lower(won, n, error=error)
    groups = tuple(of_unit.mean()), tuple(of_unit.size())
    return (1 + lowest(*groups, (Counts(won, n - won, 0),), error=error)) / 2
