"""The claims of the paper beside what this run found, as a table that is saved, read again and shown.

The paper's numbers are for the paper's models and probes; a run on other models is judged by whether the
claim's direction holds, never by how close the numbers are.
"""

from __future__ import annotations

import csv
import itertools
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import yaml

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.report.labels import aligned, pairs_in, words

if TYPE_CHECKING:  # pandas is imported where claims are made: who only reads them need not wait for it
    import pandas as pd

    Frames = Mapping[str, pd.DataFrame]  # of one pair
    Told = tuple[pd.Series, str, bool | None]

COLUMNS = ("claim_id", "claim", "pair", "paper", "this run", "interval", "holds")
NOTHING = "—"
WIDEST_CELL = 44
NOTE = (
    "Paper: Hasan (2026), arXiv 2605.30448, on its own Qwen and Llama models and probes; this run: the "
    "models named in its manifest. Advantage here is 2 Pr[correct] - 1; which definition the paper uses "
    "is not known to us. The strongest adversary is the one with the largest estimate on the base "
    "student; its intervals are simultaneous over all adversaries and games, so choosing it afterwards is "
    "paid for. 'Holds' asks for the direction with its interval, not for the paper's number."
)

Row = dict[str, str]


@dataclass(frozen=True)
class Claim:
    """One claim, as the head of paper.yaml explains it."""

    claim: str
    frame: str
    column: str = ""
    where: Mapping[str, str] = field(default_factory=dict)
    paper: str | Mapping[str, str] = NOTHING
    told: str = "row"
    signed: bool = False
    above_0: bool = False

    def rows(self, frames: Frames) -> pd.DataFrame:
        """The rows of a pair's frame that this claim is about; none where the run had no such contrast."""
        frame = frames[self.frame]
        for column, value in self.where.items():
            frame = frame[frame[column] == value]
        return frame

    def number(self, row: pd.Series) -> str:
        """The estimate of a row."""
        return _number(row[self.column], signed=self.signed)

    def holds(self, row: pd.Series) -> bool | None:
        """Whether a whole interval lies above 0, where the claim is that."""
        return bool(row["lower"] > 0) if self.above_0 else None


@cache
def all_claims() -> dict[str, Claim]:
    """Claim id -> claim, in the order of the table."""
    text = Path(__file__).with_name("paper.yaml").read_text(encoding="utf-8")
    return {claim_id: Claim(**said) for claim_id, said in yaml.safe_load(text).items()}


def claim_table(frames: Mapping[str, pd.DataFrame], *, confidence: float = 0.95) -> pd.DataFrame:
    """One row a claim and pair, from the frames of `summaries.summarise`; all columns are text.

    claim_id never changes where the words of a claim may; holds is "yes", "no", or a dash where a row only
    states a number. `NOTE` belongs under the table.
    """
    import pandas as pd

    table: list[Row] = []
    for pair in pairs_in(frames["similarity"]["pair"]):
        of_pair = {name: frame[frame["pair"] == pair] for name, frame in frames.items()}
        for claim_id, claim in all_claims().items():
            if (rows := claim.rows(of_pair)).empty:
                continue
            row, text, holds = TOLD[claim.told](claim, rows, of_pair, confidence)
            paper = claim.paper if isinstance(claim.paper, str) else claim.paper.get(pair, NOTHING)
            said = {"claim": claim.claim.format(**row), "pair": pair, "paper": paper}
            verdict = NOTHING if holds is None else "yes" if holds else "no"
            said |= {"this run": text, "interval": _interval(row), "holds": verdict}
            table.append({"claim_id": claim_id, **said})
    return pd.DataFrame(table, columns=list(COLUMNS))


def _number(value: float, *, signed: bool = False) -> str:
    return f"{value:{'+' if signed else ''}.3f}".replace("-0.000", "0.000")


def _interval(row: pd.Series) -> str:
    if "lower" not in row or math.isnan(row["lower"]):
        return NOTHING
    return f"[{_number(row['lower'])}, {_number(row['upper'])}]"


def _who(row: pd.Series) -> str:
    return f"({words(row['adversary'])}, {row['game']})"


# How a claim is told: from its rows (and all frames of the pair) the one shown, its words, whether it holds.


def _row(claim: Claim, rows: pd.DataFrame, frames: Frames, confidence: float) -> Told:
    row = rows.iloc[0]
    return row, claim.number(row), claim.holds(row)


def _strongest(claim: Claim, rows: pd.DataFrame, frames: Frames, confidence: float) -> Told:
    """Of the learned adversary with the largest estimate on the base student, the first by name of equals."""
    from bbi_utils.report.summaries import learned  # whose imports nobody waits for who only reads the table

    base = learned(frames["advantage"].query("contrast == 'base'")).sort_values(["adversary", "game"])
    best = base.nlargest(1, "advantage").iloc[0]
    row = rows[(rows["adversary"] == best["adversary"]) & (rows["game"] == best["game"])].iloc[0]
    return row, f"{claim.number(row)} {_who(row)}", claim.holds(row)


def _anyone(claim: Claim, rows: pd.DataFrame, frames: Frames, confidence: float) -> Told:
    """Of the adversary, the judge and length included, whose interval lies highest."""
    row = rows.sort_values(["adversary", "game"]).nlargest(1, "lower").iloc[0]
    return row, f"{claim.number(row)} {_who(row)}", claim.holds(row)


def _nobody(claim: Claim, rows: pd.DataFrame, frames: Frames, confidence: float) -> Told:
    """The interval that comes nearest to leaving 0, or leaves it by most."""
    import pandas as pd

    margin = pd.concat([-rows["lower"], rows["upper"]], axis=1).min(axis=1)
    row, covered = rows.loc[margin.idxmin()], int((margin >= 0).sum())
    text = f"{covered} of {len(rows)} cover 0; nearest {claim.number(row)} {_who(row)}"
    return row, text, covered == len(rows)


def _judge(claim: Claim, rows: pd.DataFrame, frames: Frames, confidence: float) -> Told:
    row, judge = rows.iloc[0], frames["judge"].set_index(["contrast", "quantity"])["estimate"]
    text = f"{claim.number(row)} (kept {judge[row['contrast'], 'kept_fraction']:.0%})"
    return row, text, claim.holds(row)


def _certificate(claim: Claim, rows: pd.DataFrame, frames: Frames, confidence: float) -> Told:
    """Whether epsilon is refuted, certified or open, and between which bounds it lies."""
    import pandas as pd

    row = rows.iloc[0]
    name = words(row["strongest"]).replace(" (", ", ").rstrip(")")
    between = pd.Series({"lower": max(0.0, row["floor"]), "upper": row["ceiling"]})
    return pd.concat([row, between]), f"{row['verdict']} (strongest: {name})", None


def _watched(claim: Claim, rows: pd.DataFrame, frames: Frames, confidence: float) -> Told:
    """When the sequential test established a difference, as it should not for the null; the kernel's p."""
    from bbi_utils.responses.answers import NULL

    row, tests = rows.iloc[0], frames["tests"].set_index(["contrast", "test"])["p"]
    never = math.isnan(row["queries"])
    found = f"not in {row['n']:.0f} queries" if never else f"after {row['queries']:.0f} queries"
    text = f"{found}; kernel test p = {tests[row['contrast'], 'kernel, embeddings']:.4f}"
    return row, text, never == (row["contrast"] == NULL)


def _categories(claim: Claim, rows: pd.DataFrame, frames: Frames, confidence: float) -> Told:
    row = rows.iloc[0]
    return row, f"most in {words(row['most'])}; p = {row['p']:.4f}", bool(row["p"] < 1 - confidence)


def _buying(claim: Claim, rows: pd.DataFrame, frames: Frames, confidence: float) -> Told:
    """Over all budgets, and at how many; what knows all answers beforehand is no strategy to be judged."""
    row, single = rows[rows["budget"] == 0].iloc[0], rows[rows["budget"] > 0]
    better = int((single["gain"] > 0).sum())
    consistent = bool(row["lower"] > 0 and better == len(single))
    text = f"{claim.number(row)} (above at {better} of {len(single)} budgets)"
    return row, text, not consistent if row["strategy"] == "disagreement" else None


def _stopped(claim: Claim, rows: pd.DataFrame, frames: Frames, confidence: float) -> Told:
    row = rows.iloc[0]
    return row, claim.number(row), bool(row["rate"] >= 0.98)


def _content(claim: Claim, rows: pd.DataFrame, frames: Frames, confidence: float) -> Told:
    """Lower than the teacher's, both intervals taken into account."""
    row, rates = rows.iloc[0], frames["answers"].set_index(["arm", "quantity"])["lower"]
    return row, claim.number(row), bool(row["upper"] < rates["teacher", "content_correct"])


TOLD: dict[str, Callable[[Claim, pd.DataFrame, Frames, float], Told]] = {
    "row": _row, "strongest": _strongest, "anyone": _anyone, "nobody": _nobody, "judge": _judge,
    "certificate": _certificate, "watched": _watched, "categories": _categories, "buying": _buying,
    "stopped": _stopped, "content": _content,
}  # fmt: skip


def read_claims(path: Path) -> list[Row]:
    """The rows of a claims table; raises BadInput where it is missing or lacks a column."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows: list[Row] = list(csv.DictReader(stream))
    except FileNotFoundError:
        raise BadInput(f"{paths.shown(path)} is missing; `make reproduce` writes it") from None
    missing = [name for name in COLUMNS if rows and name not in rows[0]]
    if missing or not rows:
        found = f"lacks the column '{missing[0]}'" if missing else "has no rows"
        raise BadInput(f"{paths.shown(path)} {found}; expected {', '.join(COLUMNS)}")
    return rows


def as_text(rows: Sequence[Row]) -> str:
    """The rows as an aligned table without their ids; long cells are wrapped."""
    shown = [name for name in rows[0] if name != "claim_id"]
    table = [shown, *([row[name] for name in shown] for row in rows)]
    wrapped = [[textwrap.wrap(text, WIDEST_CELL) or [""] for text in row] for row in table]
    pieces = [line for row in wrapped for line in itertools.zip_longest(*row, fillvalue="")]
    rule = ["-" * max(map(len, column)) for column in zip(*pieces, strict=True)]
    return "\n".join(aligned([pieces[0], rule, *pieces[1:]], left=len(shown)))


def show_claims(run: paths.RunPaths, *, stream: TextIO, seconds: float) -> None:
    """Print the claims of a run and where its figures and executed notebooks are."""
    minutes, second = divmod(int(seconds), 60)
    print(f"\n{as_text(read_claims(run.claims))}\n", file=stream)
    print(f"figures              {paths.shown(run.figures)}", file=stream)
    print(f"executed notebooks   {paths.shown(run.folder / 'executed')}", file=stream)
    print(f"finished in {minutes}:{second:02}", file=stream, flush=True)
