"""How alike answers are, in sentences as those of `reading`: after distillation, and after buying few."""

from __future__ import annotations

import pandas as pd

from bbi_utils.report.labels import name_of
from bbi_utils.report.reading import each_pair, value, verdict
from bbi_utils.responses.answers import NULL


@each_pair
def similarity_gain(similarity: pd.DataFrame) -> str:
    """What distillation gained of what there was to gain; the frame is that of `mean_similarity`."""
    by = similarity.set_index("quantity")
    base, copy, gain = by.loc["base"], by.loc[NULL], by.loc["distilled - base"]
    room, made = copy["mean"] - base["mean"], "Distillation made the answers"
    found = verdict(gain, up=f"{made} more alike", down=f"**{made} less alike**")
    if found == "undecided":
        found = "Whether distillation made the answers more alike is undecided"
    went = f"gained {room:+.3f}" if room >= 0 else f"lost {-room:.3f}"
    said = (
        f"{found}: {value(gain, 'mean')} on {gain['n']:,.0f} prompts, where a perfect copy would have {went}."
    )
    if gain["mean"] > room:
        said += " **By estimate the student is nearer to the teacher than a copy.**"
    if base["upper"] >= copy["lower"]:
        said += " **The intervals of base student and teacher again overlap: similarity says little here.**"
    return said


@each_pair
def bought(gain: pd.DataFrame) -> str:
    """How each strategy compares with buying at random; the frame is that of `summaries.budget_gain`."""
    said = []
    for name, part in gain.groupby("strategy"):
        overall, single = part[part["budget"] == 0].iloc[0], part[part["budget"] > 0]
        found = verdict(overall, up="better than random", down="worse than random")
        above = f"above random at {(single['gain'] > 0).sum()} of {len(single)} budgets"
        said.append(f"{name_of(str(name))}: {found} on average ({value(overall, 'gain')}), {above}")
    return f"{'; '.join(said)}."
