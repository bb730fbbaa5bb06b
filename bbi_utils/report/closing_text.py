"""What the tables of a second round say, in sentences as those of `reading`: awkward findings first."""

from __future__ import annotations

import pandas as pd

from bbi_utils.report.closing import AIM, CONTROL, LIMIT, MARGINS, PLAIN, STRONGEST, apart, by_claim
from bbi_utils.report.labels import decimals, ends, listed, plain_zero, words

GAPS = {STRONGEST: "the strongest adversary's advantage", LIMIT: "the limit"}
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
        first = f"**The control is worse than the first round alone ({listed(worse)}):** what an arm closes "
        first += "against it, it may only not have lost. "
    return f"- {first}More of the same tokens changed the control: {'; '.join(said)}."


def since_first(found: pd.DataFrame) -> str:
    """What the arms changed since the first round; found: the `summary` against that, joint for the arms."""
    said, arms = [], _arms(found)
    for measure, name in GAPS.items():
        fell = [words(arm) for arm, rows in arms if rows.loc[measure, "difference upper"] < 0]
        rose = [words(arm) for arm, rows in arms if rows.loc[measure, "difference lower"] > 0]
        more = f" and **rose with {listed(rose)}**" if rose else ""
        said.append(f"{name} surely fell with {listed(fell) if fell else f'none of {len(arms)} arms'}{more}")
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
        adversary, limit = (rows.loc[measure] for measure in GAPS)
        if adversary["closed lower"] > max(0, limit["closed upper"]):
            only_unseen.append(words(arm))
    first = ""
    if only_unseen:
        first = f"**Unseen is not gone: {listed(only_unseen)}.** "
        first += "Adversaries surely lose a larger share than the limit does. "
    return plain_zero(f"- {first}Closed against the control:{''.join(lines)}")


def aimed(found: pd.DataFrame) -> str:
    """Whether any arm closes half of both, which was the aim."""
    halves = {
        arm: [rows.loc[measure, "closed lower"] >= AIM for measure in GAPS] for arm, rows in _arms(found)
    }
    below = [
        words(arm)
        for arm, rows in _arms(found)
        if any(rows.loc[measure, "closed upper"] < AIM for measure in GAPS)
    ]
    if reached := [words(arm) for arm, both in halves.items() if all(both)]:
        return f"- The aim, half of both, is met by {listed(reached)}."
    missed = f" It is missed, with a whole interval, by {listed(below)}." if below else ""
    return f"- **The aim, half of both, is met by none of {len(halves)} arms.**{missed}" if halves else ""


def _reached(row: pd.Series) -> str:
    low, high = row["closed lower"], row["closed upper"]
    if high < 0:
        return "**more than the control's**"
    some = "some of it" if low > 0 else "undecided"
    return (
        "half or more"
        if low >= AIM
        else f"{some}, less than half"
        if high < AIM
        else f"{some}, half undecided"
    )


def kept(found: pd.DataFrame) -> str:
    """Which arms keep the margins of quality, which were stated before any result."""
    verdicts = by_claim(found)
    said = []
    for measure, name in HEALTH.items():
        own = verdicts[verdicts["measure"] == measure]
        if own.empty:
            said.append(f"{name}: nobody can say")
            continue
        each = [f"{words(row.arm)} {row.found}, {row.verdict}" for row in own.itertuples()]
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
