"""What a table says, in sentences computed from its numbers: awkward findings first, undecided where it is.

Every function takes a frame of one pair or more and returns Markdown, one bullet a pair. Intervals are those
of the frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bbi_utils.games.inference.simultaneous import half_width, simultaneous
from bbi_utils.games.scores import units
from bbi_utils.report.labels import decimals as decimals  # notebooks print their tables with it
from bbi_utils.report.labels import listed, name_of, with_game, words
from bbi_utils.report.labels import plain_zero as plain_zero  # notebooks say it of their own sentences
from bbi_utils.report.sentences import doubt, each_pair, short_p, value, verdict
from bbi_utils.report.summaries import content_lost
from bbi_utils.responses.answers import NULL

ROUNDED = "teacher_4bit"
FEW = 0.02  # of the answers may be cut off: the claims ask that 98 % end by themselves


def show(*texts: str) -> None:
    """The texts in a notebook, as Markdown; an empty one is left out."""
    from IPython.display import Markdown, display

    display(*(Markdown(text) for text in texts if text))


def extreme(values: pd.Series, *, least: bool = False) -> str:
    """Which of values indexed by name is the largest, or the smallest; of a tie all, or how many of them."""
    found = values.index[np.isclose(values, values.min() if least else values.max())]
    return f"{len(found)} of {len(values)}" if len(found) > 3 else listed(map(name_of, found))


def _also(values: pd.Series) -> str:
    """That others have as much as the largest, where they have."""
    tied = int(np.isclose(values, values.max()).sum()) - 1
    return f" ({tied} {'other has' if tied == 1 else 'others have'} as much)" if tied else ""


def _name(adversary: str, game: str) -> str:
    return with_game(words(adversary), game)


def _lie(count: int, of: int) -> str:
    return f"{count} of {of} rows {'lies' if count == 1 else 'lie'} above chance"


@each_pair
def null_control(advantage: pd.DataFrame, *, confidence: float = 0.95) -> str:
    """Whether any row of the null control lies above chance; the frame is that of `games.advantage`."""
    rows = advantage[advantage["contrast"] == NULL]
    if rows.empty:
        return ""
    above, best = (rows["lower"] > 0).sum(), rows.loc[rows["advantage"].idxmax()]
    most = f"the largest is {_name(best['adversary'], best['game'])} with {value(best, 'advantage')}"
    most += _also(rows["advantage"])
    if not above:
        return f"None of the {len(rows)} rows of the null control lies above chance; {most}."
    return (
        f"**The null control rejects, though there is nothing to find:** {_lie(above, len(rows))}; "
        f"{most}. By luck that happens in at most one pair in {1 / (1 - confidence):.0f}, the more "
        "rarely the farther the row lies from 0."
    )


@each_pair
def null_p_values(tests: pd.DataFrame, *, confidence: float = 0.95) -> str:
    """Whether a test rejects where there is nothing to find; columns contrast, p and, of several, test."""
    rows, error = tests[tests["contrast"] == NULL], 1 - confidence
    if rows.empty:
        return ""
    least, several = rows.loc[rows["p"].idxmin()], len(rows) > 1
    found = short_p(least["p"]) + (f" ({least['test']}), the smallest of {len(rows)}" if several else "")
    which = "" if several else f" ({least['test']})" if "test" in rows else " of whether categories differ"
    if least["p"] > error:
        no = f"none of {len(rows)} tests rejects" if several else f"the test{which} does not reject"
        return f"On the null control {no}: {found}."
    joint = "rejects still" if least["p"] * len(rows) <= error else "does not"
    return (
        f"**On the null control a test{which} rejects, though there is nothing to find:** {found}."
        + (f" With all {len(rows)} paid for (Bonferroni) it {joint}." if several else "")
        + f" By luck a test has a p so small at most once in {1 / max(least['p'], 1e-4):,.0f}; a fault in "
        "the bookkeeping could give it, too."
    )


@each_pair
def told_apart(advantage: pd.DataFrame) -> str:
    """Who is strongest on the base student, what is left of it on the distilled one, and what length has."""
    parts = [advantage[advantage["contrast"] == name] for name in ("base", "distilled")]
    base, other = (part.set_index(["adversary", "game"]) for part in parts)
    adversary, game = base["advantage"].idxmax()
    had, left = (value(part.loc[(adversary, game)], "advantage") for part in (base, other))
    length = ("length", game)
    alone = [f"{part.loc[length, 'advantage']:.3f}" for part in (base, other) if length in part.index]
    said = (
        f"Strongest on the base student is {_name(adversary, game)} with {had}{_also(base['advantage'])}. "
        f"On the distilled one it has "
        f"{left}, and {_lie((other['lower'] > 0).sum(), len(other))}."
        + (f" Length alone has {' and '.join(alone)} on the two, in that game." if alone else "")
    )
    most = other["advantage"].idxmax()
    if not np.isclose(other.loc[(adversary, game), "advantage"], other.loc[most, "advantage"]):
        strongest = f"{_name(*most)} with {value(other.loc[most], 'advantage')}{_also(other['advantage'])}"
        said += f" Strongest on the distilled one is {strongest}."
    return said


@each_pair
def falls(difference: pd.DataFrame) -> str:
    """How many rows lost advantage through distillation; the frame is that of `games.paired_difference`."""
    fell, rose = (difference["lower"] > 0).sum(), (difference["upper"] < 0).sum()
    more = f"**In {rose} of {len(difference)} rows the advantage rose.** " if rose else ""
    open_ = len(difference) - fell - rose
    return f"{more}The advantage fell in {fell} of {len(difference)} rows; undecided: {open_}."


@each_pair
def ladder(advantage: pd.DataFrame) -> str:
    """How many rows with two answers lie beyond the floor: the teacher against itself and its 4-bit form."""
    rows = advantage[advantage["game"] == "pairwise"]
    arms = {str(name): part for name, part in rows.groupby("contrast", sort=False)}
    floor = pd.concat([arms[name] for name in (NULL, ROUNDED) if name in arms] or [rows.head(0)])
    if floor.empty:
        return ""
    top, said = floor["upper"].max(), []
    for name in ("base", "distilled"):
        rows = arms[name]
        beyond, whole = (rows["advantage"] > top).sum(), (rows["lower"] > top).sum()
        said.append(f"{beyond} of the {name} student's {len(rows)} estimates ({whole} with their interval)")
    seen = (arms[ROUNDED]["lower"] > 0).sum() if ROUNDED in arms else 0
    more = f"**Rounding alone is told in {seen} of {len(arms[ROUNDED])} rows.** " if seen else ""
    floor = f"The floor, the highest end of an interval of the teacher's own, lies at {top:.3f}"
    return f"{more}{floor}. Beyond it: {' and '.join(said)}."


@each_pair
def removals(costs: pd.DataFrame) -> str:
    """What adversaries could not do without; the frame is that of `ablation.costs_of_removal`."""
    said = []
    for contrast, rows in costs[costs["category"] == "all"].groupby("contrast"):
        most, above = rows.loc[rows["cost"].idxmax()], (rows["lower"] > 0).sum()
        loss = f"{words(most['adversary'])} without {most['removed']}, {value(most, 'cost')}"
        loss += _also(rows["cost"])
        found = f"{above} of {len(rows)} found to cost advantage; largest: {loss}"
        said.append(f"{name_of(str(contrast))}: {found}")
    return f"Removals, {'; '.join(said)}."


@each_pair
def reached(shares: pd.DataFrame) -> str:
    """Who comes nearest to the limit in each contrast; the frame is that of `limit.shares`."""
    said = []
    for contrast, rows in shares.dropna(subset="share").groupby("contrast"):
        best = rows.loc[rows["share"].idxmax()]
        who, share = _name(best["adversary"], best["game"]), value(best, "share")
        said.append(f"{name_of(str(contrast))}: {who} reaches {share} of it{_also(rows['share'])}")
    return f"Nearest to the limit, {'; '.join(said)}." if said else ""


@each_pair
def grows(growth: pd.DataFrame) -> str:
    """How one adversary's advantage grows; the frame is that of `advantage_of_queries`, of one game."""
    said = list[str]()
    for contrast, rows in growth.sort_values("q").groupby("contrast", sort=False):
        off, enough = (rows.loc[rows["lower"] > least, "q"] for least in (0, 0.5))
        if contrast == NULL:
            said = [f"**the null control leaves 0 at q = {off.min()}**"] * bool(off.size) + said
            continue
        when = (
            f"lower end first above 0.5 at q = {enough.min()}" if enough.size else "lower end never above 0.5"
        )
        first, last = rows.iloc[0], rows.iloc[-1]
        ends = f"{first['advantage']:.3f} at q = {first['q']}, {value(last, 'advantage')} at {last['q']}"
        said.append(f"{name_of(str(contrast))}: {ends}, {when}")
    return f"{'; '.join(said)}."


@each_pair
def tested(tests: pd.DataFrame, *, confidence: float = 0.95) -> str:
    """How many tests tell two models, and after how many queries the one that may be watched does.

    tests: columns contrast, test, n, p, queries, as notebook 06 writes them. The null is `null_p_values`'.
    Here each test stands by itself; the claims ask of several kernel tests together (Bonferroni).
    """
    level = f"at {1 - confidence:.0%} each"
    said, nulls = [], dict(tests.loc[tests["contrast"] == NULL, ["test", "p"]].to_numpy())
    for contrast, rows in tests[tests["contrast"] != NULL].groupby("contrast", sort=False):
        when, n = rows["queries"].min(), rows["n"].max()
        watched = f"undecided after {n}" if np.isnan(when) else f"two models after {when:.0f}"
        count = (rows["p"] <= 1 - confidence).sum()
        found = f"{count} of {len(rows)} tests {'rejects' if count == 1 else 'reject'} {level}"
        said.append(f"{name_of(str(contrast))}: {found}; watched, {watched} queries")
        for row in rows.itertuples():
            if why := doubt(row.p, nulls.get(row.test, 1.0), confidence=confidence):
                said[-1] += f". Its test ({row.test}) rejects with {short_p(row.p)}: {why}"
    return f"{'. '.join(said)}."


@each_pair
def learned(loss: pd.DataFrame) -> str:
    """How the loss on development prompts went: step and validation, as `train_adapter` has them, and pair.

    One training, so no interval. Nothing is said where it was not measured.
    """
    held = loss.set_index("step")["validation"].dropna() if "validation" in loss else pd.Series(dtype=float)
    if held.empty:
        return ""
    first, last = held.iloc[0], held.iloc[-1]
    found = "fell" if last < first else "**did not fall**"
    said = f"On development prompts the loss {found}: {first:.3f} at first, {last:.3f} at the end"
    if held.max() > first:
        said += f", with {held.max():.3f} on the way (step {held.idxmax()}): **it rose first**"
    if held.min() < last:
        said += f"; the lowest was {held.min():.3f} (step {held.idxmin()})"
    return f"{said}."


def lengths(answers: Mapping[str, pd.DataFrame], *, confidence: float = 0.95) -> str:
    """Whether an arm's lengths are those of the first one; answers and bands are those of `length_figure`."""
    counts = {arm: np.sort(table["answer"].str.split().str.len()) for arm, table in answers.items()}
    first, *others = answers
    said = [", ".join(f"{name_of(arm)} {np.median(counts[arm]):.0f}" for arm in answers)]
    for arm in others:
        at = np.union1d(counts[first], counts[arm])
        shares = [np.searchsorted(counts[one], at, side="right") / len(counts[one]) for one in (first, arm)]
        gaps = np.abs(shares[0] - shares[1])
        bands = sum(half_width(answers[one], confidence=confidence) for one in (first, arm))
        found = (
            "**the bands come apart**" if gaps.max() > bands else "the bands overlap everywhere, undecided"
        )
        far = f"at most {gaps.max():.1%} of answers (at length {at[gaps.argmax()]})"
        said.append(f"The curve of {name_of(arm)} lies {far} from that of {name_of(first)}: {found}")
    return f"Words in the median answer: {'. '.join(said)}."


@each_pair
def stopped(rates: pd.DataFrame) -> str:
    """Whether answers end, and the students' as the teacher's do; the frame is that of `answer_rates`."""
    ends = rates[rates["quantity"] == "stopped"].set_index("arm")
    short = [arm for arm in ends.index if ends.loc[arm, "upper"] < ends.loc["teacher", "lower"]]
    shares = ", ".join(f"{name_of(arm)} {ends.loc[arm, 'rate']:.1%}" for arm in ends.index)
    found = (
        f"**run on more often than the teacher: {listed(map(name_of, short))}**"
        if short
        else "no student is found to run on more often"
    )
    cut = f"**More than {FEW:.0%} of an arm's answers are cut off.** " if ends["rate"].min() < 1 - FEW else ""
    return f"{cut}Answers that end by themselves: {shares}; {found}."


@each_pair
def content(answers: pd.DataFrame, *, confidence: float = 0.95, seed: int = 0) -> str:
    """How often content is right before and after distillation, over all prompts and where it fell most.

    answers: as 03 saves them. What is lost over all prompts is the row of `summaries.content_lost`, as the
    claims have it; intervals of the categories hold together. Nothing is said where no content was checked.
    """
    level: dict[str, Any] = {"confidence": confidence, "seed": seed}
    over_all = content_lost(answers, **level).set_index("contrast")
    if "base - distilled" not in over_all.index:
        return ""
    right = answers.assign(right=answers["content_correct"].astype(float), unit=units(answers))
    wide = right.pivot(index=["category", "prompt_id", "unit"], columns="arm", values="right")
    wide = wide[["base", "distilled"]].dropna()
    own, unit = (wide.index.get_level_values(name) for name in ("category", "unit"))
    lost, names = wide["base"] - wide["distilled"], sorted(set(own))
    values = np.column_stack([lost.where(own == name) for name in names])
    by = simultaneous(values, groups=list(unit), **level).set_index(pd.Index(names, name="category"))
    by = by.rename(columns={"mean": "lost"})
    worst, said = str(by["lost"].idxmax()), []
    every = ("all prompts", wide, over_all.loc["base - distilled"])
    for name, part, row in (every, (worst, wide[own == worst], by.loc[worst])):
        went = verdict(row, up="**less often**", down="more often")
        before, after = part.mean()
        said.append(
            f"{words(name)} {before:.3f} before and {after:.3f} after, {went} (lost {value(row, 'lost')})"
        )
    return f"Content is right: {said[0]}; in the category that fared worst, {said[1]}{_also(by['lost'])}."
