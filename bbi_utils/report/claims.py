"""What is claimed beside what a run found: three tables, judged from intervals by margins stated before.

The paper's claims, what was planted where that is known, and checks of our own; claims.yaml has them all. The
paper's figures are for its own models and probes: a run is asked for the direction, never for the figure.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from bbi_utils.report.labels import (
    GAMES,
    PAPERS,
    ends,
    in_words,
    name_of,
    pair_title,
    pairs_in,
    plain_zero,
    words,
)

if TYPE_CHECKING:  # pandas is imported where claims are made: who only reads them need not wait for it
    import pandas as pd

    Frames = Mapping[str, pd.DataFrame]

COLUMNS = (
    "table", "claim_id", "claim", "pair", "reported", "source", "this run", "interval", "asked", "verdict"
)  # fmt: skip
TABLES = {
    "paper": "The paper's claims",
    "planted": "What was planted, and is it recovered?",
    "checks": "Our own checks",
}
SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"
PASSED, FAILED = "passed", "failed"
NOTHING = "—"
NOTE = (
    "Paper: Hasan (2026), arXiv 2605.30448, on its own Qwen and Llama models and probes; we used the "
    "abstract and public summaries. Advantage here is 2 Pr[correct] - 1; they do not say which definition "
    "the paper uses. A verdict comes from whole intervals and the margin in 'asked', never from an estimate: "
    "supported where all of the interval is as asked, contradicted where all of it lies on the other side, "
    "else undecided. 'Below' and 'within' are one- and two-sided tests for equivalence, made with our joint "
    "intervals, which are wider than these need. Beside a certificate stand two one-sided bounds: "
    "what is surely reached, and the ε that could be certified. A check that only sounds an alarm ('never') "
    "is passed or failed; passed is no evidence. Where the models' differences were planted by us the "
    "paper's claims are not judged."
)


@dataclass(frozen=True)
class Claim:
    """One claim, as the head of claims.yaml explains it."""

    table: str
    claim: str
    frame: str
    column: str
    where: Mapping[str, str] = field(default_factory=dict)
    reported: str | Mapping[str, str] = NOTHING
    source: str = NOTHING
    pick: str = ""
    says: str = ""
    signed: bool = False
    asks: str = ""
    margin: float | str = 0.0
    over: str = "all"
    alarm: bool = False

    def of_pair(self, pair: str) -> str:
        """What is reported of a pair of the paper's name; beside any other pair, of all of them."""
        if isinstance(self.reported, str):
            return self.reported
        every = ", ".join(f"{figure} ({pair_title(name)})" for name, figure in self.reported.items())
        return self.reported.get(pair, NOTHING) if pair in PAPERS else every

    def rows(self, frames: Frames) -> pd.DataFrame:
        """The rows of a pair's frames that this claim is about; none where the run has no such contrast."""
        frame = frames[self.frame]
        for column, value in self.where.items():
            frame = frame[frame[column] == value]
        if self.pick == "strongest" and len(frame):
            name, game = _strongest(frames["advantage"])
            frame = frame[(frame["adversary"] == name) & (frame["game"] == game)]
        return frame.reset_index(drop=True)


@cache
def all_claims() -> dict[str, Claim]:
    """Claim id -> claim, in the order of the tables."""
    listed = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return {name: Claim(table, **said) for table in TABLES for name, said in listed[table].items()}


def claim_table(frames: Frames, *, confidence: float = 0.95, planted: Collection[str] = ()) -> pd.DataFrame:
    """One row a claim and pair, from the frames of `summaries.summarise`; COLUMNS, all of them text.

    planted: the pairs of which it is known what was planted. They alone are asked for it, and to the paper's
    claims they only give numbers. Of what a run does not have, such as a judge, the answer is a dash.
    claim_id never changes where the words of a claim may. `NOTE` belongs under the table.
    """
    import pandas as pd

    prepared, table = _prepared(frames), []
    for pair in pairs_in(frames["similarity"]["pair"]):
        of_pair = {name: frame[frame["pair"] == pair] for name, frame in prepared.items()}
        for claim_id, claim in all_claims().items():
            if claim.table != "planted" or pair in planted:
                row = _row(claim, of_pair, pair, alpha=1 - confidence)
                if claim.table == "paper" and pair in planted:
                    row["verdict"] = NOTHING  # what we put in ourselves says nothing about the paper
                table.append({"table": claim.table, "claim_id": claim_id, "pair": pair, **row})
    return pd.DataFrame(table, columns=list(COLUMNS))


def _row(claim: Claim, frames: Frames, pair: str, *, alpha: float) -> dict[str, str]:
    """What a claim's row says of one pair, beside its names."""
    asked = frames["verdicts"].iloc[0].to_dict() if len(frames["verdicts"]) else {"epsilon": math.nan, "q": 1}
    margin = float(asked["epsilon"] if claim.margin == "epsilon" else claim.margin)
    rows = claim.rows(frames)
    if claim.asks == "tested" and claim.over == "any":
        alpha /= max(1, len(rows))  # intervals hold together already, p-values do not
    said = {"claim": claim.claim.format(**asked), "source": claim.source, "reported": claim.of_pair(pair)}
    said["asked"] = _asked(claim, margin, alpha=alpha)
    if rows.empty:
        return {**said, "this run": NOTHING, "interval": NOTHING, "verdict": NOTHING}
    row = rows.iloc[_decisive(claim, rows, margin)].to_dict()
    shown = {name: _said(name, value) if isinstance(value, str) else value for name, value in row.items()}
    said["reported"] = said["reported"].format(**shown)
    text = (claim.says or f"{{{claim.column}:{'+' if claim.signed else ''}.3f}}").format(**shown)
    found = judge(claim, rows, margin=margin, alpha=alpha)
    return {**said, "this run": plain_zero(text), "interval": _interval(row), "verdict": found}


def _said(column: str, value: str) -> str:
    """What a frame's column has, as a reader says it."""
    if column == "strongest":
        return in_words(value)
    return GAMES[value] if column == "game" else name_of(value) if column == "contrast" else words(value)


def judge(claim: Claim, rows: pd.DataFrame, *, margin: float, alpha: float) -> str:
    """The verdict: supported, contradicted, undecided; of an alarm passed or failed; a dash if none is asked.

    rows: lower and upper, which hold together, or p (and p_below, the opposite tail), compared with alpha.
    """
    if not claim.asks:
        return NOTHING
    yes, no = _sides(claim.asks, rows, margin, alpha)
    supported, contradicted = (yes.any(), no.all()) if claim.over == "any" else (yes.all(), no.any())
    if claim.alarm:
        return FAILED if supported else PASSED
    return SUPPORTED if supported else CONTRADICTED if contradicted else UNDECIDED


def _sides(asks: str, rows: pd.DataFrame, margin: float, alpha: float) -> tuple[pd.Series, pd.Series]:
    """Whether each row is surely as asked, and whether it surely is not; one with unknown ends is neither."""
    if asks == "tested":
        return rows["p"] <= alpha, rows["p_below"] <= alpha if "p_below" in rows else rows["p"] < 0
    lower, upper = rows["lower"], rows["upper"]
    if asks == "above":
        return lower > margin, upper < margin
    if asks == "at_most":
        return upper < margin, lower > margin
    if asks == "within":
        return (lower > -margin) & (upper < margin), (lower > margin) | (upper < -margin)
    raise ValueError(f"{asks!r} is nothing that a claim can ask")


def _decisive(claim: Claim, rows: pd.DataFrame, margin: float) -> int:
    """The place of the row shown: of any the one most clearly as asked, of all the one least clearly so."""
    if len(rows) == 1 or not claim.asks:
        return 0
    room = {
        "tested": lambda: -rows["p"],
        "above": lambda: rows["lower"] - margin,
        "at_most": lambda: margin - rows["upper"],
        "within": lambda: margin - rows[["lower", "upper"]].abs().max(axis=1),
    }[claim.asks]().fillna(-math.inf)
    return int(room.argmax() if claim.over == "any" else room.argmin())


def _asked(claim: Claim, margin: float, *, alpha: float) -> str:
    if not claim.asks:
        return NOTHING
    above, near = f"above {margin:g}", f"within ± {margin:g}"
    asked = {"tested": f"p ≤ {alpha:.2g}", "above": above, "at_most": f"below {margin:g}", "within": near}
    return f"{'never ' if claim.alarm else ''}{asked[claim.asks]}"


def _strongest(advantage: pd.DataFrame) -> tuple[str, str]:
    """The learned adversary and game with the largest estimate on the base student, of equals the first."""
    from bbi_utils.report.summaries import learned  # whose imports nobody waits for who only reads the table

    base = learned(advantage[advantage["contrast"] == "base"]).sort_values(["adversary", "game"])
    best = base.nlargest(1, "advantage").iloc[0]
    return best["adversary"], best["game"]


def _prepared(frames: Frames) -> dict[str, pd.DataFrame]:
    """The frames, with what a sentence puts side by side in one row."""
    from bbi_utils.report.gains import cautions  # which imports pandas; the driver reads claims without it

    judged, tests, alike = frames["judge"], frames["tests"], frames["similarity"]
    kept = judged[judged["quantity"] == "kept_fraction"].set_index(["pair", "contrast"])["estimate"]
    found = {"judge": judged.join(kept.rename("kept"), on=["pair", "contrast"])}
    after = tests["queries"].map("after {:.0f} queries".format)
    never = tests["n"].map("not in {:.0f} queries".format)
    found["tests"] = tests.assign(
        kind=tests["test"].str.partition(",")[0], found=after.where(tests["queries"].notna(), never)
    )
    less = {pair: "".join(f". {one}" for one in cautions(rows)) for pair, rows in alike.groupby("pair")}
    found["similarity"] = alike.assign(cautions=alike["pair"].map(less))
    asked = frames["verdicts"]
    found["verdicts"] = asked.assign(lower=asked["floor"].clip(lower=0), upper=asked["ceiling"])
    found["beyond"] = _beyond(frames["advantage"], frames["limit"])
    return {**frames, **found}


def _beyond(advantage: pd.DataFrame, limit: pd.DataFrame) -> pd.DataFrame:
    """Each adversary's advantage minus the limit, between the ends that are farthest apart."""
    whole = limit[limit["category"] == "all"].drop(columns=["n", "category"])
    both = advantage.merge(whole, on=["pair", "contrast", "game"], suffixes=("", "_limit"))
    lower, upper = both["lower"] - both["upper_limit"], both["upper"] - both["lower_limit"]
    return both.assign(beyond=both["advantage"] - both["ceiling"], lower=lower, upper=upper)


def _interval(row: Mapping[str, Any]) -> str:
    if "lower" not in row or math.isnan(row["lower"]):
        return NOTHING
    return ends(row["lower"], row["upper"])


def counted(verdicts: Sequence[str]) -> str:
    """How many verdicts of each kind, such as `5 supported, 1 undecided`; rows without one do not count."""
    kinds = (SUPPORTED, CONTRADICTED, UNDECIDED, PASSED, FAILED)
    return ", ".join(f"{n} {kind}" for kind in kinds if (n := verdicts.count(kind))) or "numbers only"
