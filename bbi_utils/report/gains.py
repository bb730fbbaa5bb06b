"""How alike answers are, in sentences as those of `reading`: after distillation, and after buying few."""

from __future__ import annotations

import pandas as pd

from bbi_utils.report.labels import name_of
from bbi_utils.report.sentences import each_pair, value, verdict
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
    return " ".join([said, *(f"**{one}.**" for one in cautions(similarity))])


def cautions(similarity: pd.DataFrame) -> list[str]:
    """What takes weight from one pair's gain, in the sentence and beside the claim; the frame is as above."""
    by = similarity.set_index("quantity")
    if not {"base", "distilled - base", NULL} <= {*by.index}:
        return []
    base, copy, gain = by.loc["base"], by.loc[NULL], by.loc["distilled - base"]
    nearer = "By estimate the student is nearer to the teacher than a copy"
    little = "The intervals of base student and teacher again overlap: similarity says little here"
    both = ((nearer, gain["mean"] > copy["mean"] - base["mean"]), (little, base["upper"] >= copy["lower"]))
    return [text for text, holds in both if holds]


@each_pair
def bought(gain: pd.DataFrame) -> str:
    """How each strategy compares with buying at random; the frame is that of `summaries.budget_gain`.

    Budgets count by their intervals, each of which holds by itself.
    """
    said = []
    for name, part in gain.groupby("strategy"):
        overall, single = part[part["budget"] == 0].iloc[0], part[part["budget"] > 0]
        found = verdict(overall, up="better than random", down="worse than random")
        better, worse = int((single["lower"] > 0).sum()), int((single["upper"] < 0).sum())
        each = f"better at {better}, worse at {worse}, undecided at {len(single) - better - worse}"
        said.append(f"{name_of(str(name))}: {found} on average ({value(overall, 'gain')}), {each}")
    return f"{'; '.join(said)}. Budgets are counted by their intervals, each by itself."
