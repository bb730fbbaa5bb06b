"""Where artifacts sit, in sentences as those of `reading`: what permutation tests of categories say."""

from __future__ import annotations

import pandas as pd

from bbi_utils.report.labels import name_of, words
from bbi_utils.report.sentences import doubt, each_pair, short_p
from bbi_utils.responses.answers import NULL


@each_pair
def categories(heterogeneity: pd.DataFrame, *, confidence: float = 0.95) -> str:
    """Where the order of categories may be read; the frame is that of `categories_differ`."""
    said, null = [], _null(heterogeneity)
    for row in heterogeneity[heterogeneity["contrast"] != NULL].itertuples():
        differ = f"they differ ({short_p(row.p)}), most in {words(row.most)}"
        open_ = f"undecided whether they differ ({short_p(row.p)}), so do not read their order"
        why = doubt(row.p, null, confidence=confidence)
        found = (differ + (f"; {why}" if why else "")) if row.p <= 1 - confidence else open_
        said.append(f"{name_of(row.contrast)}: {found}")
    return f"Categories, {'; '.join(said)}."


@each_pair
def concentrated(concentration: pd.DataFrame, *, confidence: float = 0.95) -> str:
    """Whether artifacts sit where the paper found them; the frame is that of `summaries.concentrations`.

    The sentence names a side, so its p is two-sided, twice the smaller of the two one-sided ones: whichever
    side the data chose, where nothing differs a row names one in at most 1 - confidence of runs. The claims
    ask one-sidedly for the side that the paper named beforehand, as preregistered.
    """
    rows = concentration[concentration["named_by"] == "paper"].dropna(subset="p")
    both = rows.assign(p=(2 * rows[["p", "p_below"]].min(axis=1)).clip(upper=1.0))
    said, null = list[str](), _null(both)
    for row in both.sort_values("contrast", key=lambda names: names != NULL, kind="stable").itertuples():
        side = "more" if row.statistic > 0 else "less"
        mark = "**" if row.contrast == NULL or side == "less" else ""
        there = f"{mark}{side} than elsewhere{mark}" if row.p <= 1 - confidence else "undecided"
        why = "" if row.contrast == NULL else doubt(row.p, null, confidence=confidence)
        found = f"{there} ({row.statistic:+.3f}, two-sided {short_p(row.p)})"
        said.append(f"{name_of(row.contrast)}: {found}{f', {why}' if why else ''}")
    return f"Advantage in {words(rows['named'].iloc[0])}: {'; '.join(said)}." if said else ""


def _null(tests: pd.DataFrame) -> float:
    """The p of the null control, 1 where there is none."""
    return (
        float(tests.loc[tests["contrast"] == NULL, "p"].min()) if (tests["contrast"] == NULL).any() else 1.0
    )
