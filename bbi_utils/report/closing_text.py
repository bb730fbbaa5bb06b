"""What the tables of a second round say, in sentences as those of `reading`: awkward findings first."""

from __future__ import annotations

import pandas as pd

from bbi_utils.report.closing import (
    AIM,
    CONTROL,
    LIMIT,
    LIMIT_OF_TWO,
    MARGINS,
    PLAIN,
    STRONGEST,
    apart,
    by_claim,
)
from bbi_utils.report.labels import decimals, ends, listed, plain_zero, words

AIMED = (STRONGEST, LIMIT)
GAPS = {
    STRONGEST: "the strongest adversary's advantage",
    LIMIT_OF_TWO: "the limit with two answers",
    LIMIT: "the limit with one answer",
}
HEALTH = {"correct": "right answers", "similarity": "similarity"}


def repeated(found: pd.DataFrame) -> str:
    """What as many tokens of the same did to the control; found: the `summary` against the first round."""
    own = found[(found["arm"] == CONTROL) & (found["round"] == 1)].set_index("measure")
    said, worse = [], []
    for measure, name in {**GAPS, **HEALTH}.items():
        if measure in own.index:
            row, lower_is_worse = own.loc[measure], measure in HEALTH
            rose, fell = row["difference lower"] > 0, row["difference upper"] < 0
            said.append(f"{name} {apart(row)}{'' if rose or fell else ', undecided'}")
            worse += [name] * bool(fell if lower_is_worse else rose)
    first = ""
    if worse:
        first = f"**The control is worse than the first round alone ({listed(worse)}):** what an arm "
        first += "closes there may be in part what the control lost. "
    return f"- {first}What more passes over the same answers did to the control: {'; '.join(said)}."


def since_first(found: pd.DataFrame) -> str:
    """What the arms changed since the first round; found: the `summary` against that, joint for the arms."""
    said, arms = [], _arms(found)
    for measure, name in {**GAPS, **HEALTH}.items():
        moved = {
            "fell": [words(arm) for arm, rows in arms if rows["difference upper"].get(measure, 0) < 0],
            "rose": [words(arm) for arm, rows in arms if rows["difference lower"].get(measure, 0) > 0],
        }
        bad = "fell" if measure in HEALTH else "rose"
        marked = {way: f"{way} with {listed(those)}" for way, those in moved.items() if those}
        if bad in marked:
            marked[bad] = f"**{marked[bad]}**"
        went = " and ".join(marked.values()) or f"fell or rose with none of {len(arms)} arms"
        said += [f"{name} surely {went}"] * any(measure in rows.index for _, rows in arms)
    return f"- Against the first round alone, {'; '.join(said)}."


def unseen(found: pd.DataFrame) -> str:
    """Whether what adversaries no longer see is gone from the limit too, arm by arm."""
    lines, only_unseen = [], []
    for arm, rows in _arms(found):
        parts = []
        for measure, name in GAPS.items():
            row = rows.loc[measure]
            if pd.isna(row["closed mean"]):
                parts.append(f"of {name} nobody can say: the control's own is not surely above 0")
                continue
            share = f"{decimals(row['closed mean'])} {ends(row['closed lower'], row['closed upper'])}"
            parts.append(f"of {name} {share}, {_reached(row)}")
        lines.append(f"\n  - {words(arm)}: {'; '.join(parts)}.")
        adversary, limit = rows.loc[STRONGEST], rows.loc[LIMIT_OF_TWO]  # the same game
        if adversary["closed lower"] > 0 and adversary["closed lower"] > limit["closed upper"]:
            only_unseen.append(words(arm))
    first = ""
    if only_unseen:
        first = f"**Unseen is not gone: {listed(only_unseen)}.** "
        first += "Adversaries surely lose a larger share than the limit does. "
    return plain_zero(f"- {first}Closed against the control:{''.join(lines)}")


def aimed(found: pd.DataFrame) -> str:
    """Whether any arm closes half of each of AIMED, which was the aim."""
    arms = _arms(found)
    surely = {
        words(arm): [rows.loc[measure, "closed lower"] >= AIM for measure in AIMED] for arm, rows in arms
    }
    missed = [words(arm) for arm, rows in arms if any(rows.loc[name, "closed upper"] < AIM for name in AIMED)]
    aim = "The aim, half of the strongest adversary's advantage and half of the limit with one answer, is"
    if reached := [arm for arm, each in surely.items() if all(each)]:
        return f"- {aim} met by {listed(reached)}."
    surely_not = f" It is surely missed by {listed(missed)}." if missed else ""
    return f"- **{aim} met by none of {len(arms)} arms.**{surely_not}" if arms else ""


def _reached(row: pd.Series) -> str:
    low, high = row["closed lower"], row["closed upper"]
    if high < 0:
        return "**more than the control's**"
    if low >= AIM:
        return "half or more"
    return f"{'some' if low > 0 else 'may be none'}, {'less than half' if high < AIM else 'may be half'}"


def kept(found: pd.DataFrame) -> str:
    """Which arms keep the margins of quality (`MARGINS`)."""
    verdicts = by_claim(found)
    said = []
    for measure, name in HEALTH.items():
        own = verdicts[verdicts["measure"] == measure]
        if own.empty:
            said.append(f"{name}: nobody can say")
            continue
        ends_of = found[found["round"] == 1].set_index(["arm", "measure"])["difference upper"]
        lower = {arm for arm in own["arm"] if ends_of[arm, measure] < 0}
        each = [
            f"{words(row.arm)} {row.found}, {'surely lower, ' if row.arm in lower else ''}{row.verdict}"
            for row in own.itertuples()
        ]
        said.append(f"{name}, at most {MARGINS[measure]} lower: {'; '.join(each)}")
    lost = verdicts[verdicts["measure"].isin(MARGINS) & (verdicts["verdict"] == "contradicted")]
    bought = (
        f"**Bought with quality: {listed(dict.fromkeys(map(words, lost['arm'])))}.** " if len(lost) else ""
    )
    return plain_zero(
        f"- {bought}Quality against the control. {' '.join(f'{part[0].upper()}{part[1:]}.' for part in said)}"
    )


def left(ceiling: pd.DataFrame) -> str:
    """Where what is left is, and where it became less; ceiling: `closing.by_category` of LIMIT."""
    own = ceiling[~ceiling["arm"].isin([PLAIN, CONTROL])]
    most = ceiling.groupby("category")["mean"].mean().sort_values(ascending=False)
    fell, rose = own[own["upper"] < 0], own[own["lower"] > 0]
    more = f" **It rose in {len(rose)} ({_cells(rose)}).**" if len(rose) else ""
    where = f": {_cells(fell)}" if len(fell) else ""
    return (
        f"- The limit is highest in {words(str(most.index[0]))} ({most.iloc[0]:.3f}, mean of all arms), "
        f"lowest in {words(str(most.index[-1]))} ({most.iloc[-1]:.3f}).{more} Against the control it surely "
        f"fell in {len(fell)} of {len(own)} cells of category and arm{where}."
    )


def _cells(rows: pd.DataFrame) -> str:
    return listed(f"{words(row.category)} with {words(row.arm)}" for row in rows.itertuples())


def _arms(found: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    own = found[(found["round"] == 1) & ~found["arm"].isin([PLAIN, CONTROL])]
    return [(str(arm), rows.set_index("measure")) for arm, rows in own.groupby("arm", sort=False)]
