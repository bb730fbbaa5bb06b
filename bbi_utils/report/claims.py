"""The claims of the paper beside what this run found: claim, pair, paper, this run, interval, holds.

The paper's numbers are for the paper's models and probes; a run on other models is judged by whether the
claim's direction holds, never by how close the numbers are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from bbi_utils.report.labels import in_order, words
from bbi_utils.report.summaries import learned
from bbi_utils.responses.answers import NULL

COLUMNS = ("claim", "pair", "paper", "this run", "interval", "holds")
NOTHING = "—"
# Hasan (2026), arXiv 2605.30448; measured on the paper's own models.
PAPER: dict[tuple[str, str], str] = {
    ("similarity base", "qwen"): "0.788",
    ("similarity base", "llama"): "0.814",
    ("similarity distilled", "qwen"): "0.862",
    ("similarity distilled", "llama"): "0.874",
    ("similarity gain", "qwen"): "+0.074 (our subtraction)",
    ("similarity gain", "llama"): "+0.060 (our subtraction)",
    ("advantage base", "*"): "about 0.28",
    ("advantage distilled", "*"): "about 0.10",
    ("advantage drop", "*"): "about 0.18 (our subtraction)",
    ("still told apart", "*"): "yes, about 0.10",
    ("judge base", "qwen"): "0.158",
    ("judge distilled", "qwen"): "0.081",
    ("judge drop", "qwen"): "+0.077 (our subtraction)",
    ("categories", "*"): "style/format, robustness, domain-technical",
    ("guided", "*"): "not consistently",
}
NOTE = (
    "Paper: Hasan (2026), arXiv 2605.30448, on its own Qwen and Llama models and probes; this run: the "
    "models named in its manifest. Advantage here is 2 Pr[correct] - 1; which definition the paper uses "
    "is not known to us. The strongest adversary is the one with the largest estimate on the base "
    "student; its intervals are simultaneous over all adversaries and games, so choosing it afterwards is "
    "paid for. 'Holds' asks for the direction with its interval, not for the paper's number."
)


def claim_table(frames: Mapping[str, pd.DataFrame], *, confidence: float = 0.95) -> pd.DataFrame:
    """One row a claim and pair, from the frames of `results.summarise`; all six columns are text.

    holds is "yes", "no", or a dash where a row only states a number. `NOTE` belongs under the table.
    """
    rows: list[dict[str, str]] = []
    for pair in in_order(frames["similarity"]["pair"], ("qwen", "llama")):
        of_pair = {name: frame[frame["pair"] == pair] for name, frame in frames.items()}
        for part in PARTS:
            rows += [{"pair": pair, **row} for row in part(of_pair, pair, confidence)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


Frames = dict[str, pd.DataFrame]
Rows = Iterator[dict[str, str]]


def _row(
    claim: str, paper: str, found: str, *, ends: tuple[float, float] | None, holds: bool | None
) -> dict[str, str]:
    interval = NOTHING
    if ends is not None and not math.isnan(ends[0]):
        interval = f"[{_number(ends[0])}, {_number(ends[1])}]"
    verdict = NOTHING if holds is None else "yes" if holds else "no"
    return {"claim": claim, "paper": paper, "this run": found, "interval": interval, "holds": verdict}


def _number(value: float, *, signed: bool = False) -> str:
    return f"{value:{'+' if signed else ''}.3f}".replace("-0.000", "0.000")


def _paper(key: str, pair: str) -> str:
    return PAPER.get((key, pair), PAPER.get((key, "*"), NOTHING))


def _only(frame: pd.DataFrame, **where: str) -> Any | None:
    """The one row with these values, or None where this run has no such row."""
    for column, value in where.items():
        frame = frame[frame[column] == value]
    return None if frame.empty else next(frame.itertuples(index=False))


def _similarity(frames: Frames, pair: str, confidence: float) -> Rows:
    for arm in ("base", "distilled"):
        if row := _only(frames["similarity"], quantity=arm):
            claim = f"similarity with the teacher, {arm} student"
            paper = _paper(f"similarity {arm}", pair)
            yield _row(claim, paper, _number(row.mean), ends=(row.lower, row.upper), holds=None)
    if row := _only(frames["similarity"], quantity="distilled - base"):
        claim, paper = "distillation raises similarity (distilled - base)", _paper("similarity gain", pair)
        found = _number(row.mean, signed=True)
        yield _row(claim, paper, found, ends=(row.lower, row.upper), holds=row.lower > 0)


def _largest(advantage: pd.DataFrame, contrast: str) -> Any | None:
    """The row with the largest estimate on a contrast; ties go to the first by name."""
    part = advantage[advantage["contrast"] == contrast].sort_values(["adversary", "game"])
    return None if part.empty else next(part.nlargest(1, "advantage").itertuples(index=False))


def _adversaries(frames: Frames, pair: str, confidence: float) -> Rows:
    strongest = _largest(learned(frames["advantage"]), "base")
    if strongest is not None:
        same = {"adversary": strongest.adversary, "game": strongest.game}
        named = f"({words(strongest.adversary)}, {strongest.game})"
        found = {
            "base": _only(frames["advantage"], contrast="base", **same),
            "distilled": _only(frames["advantage"], contrast="distilled", **same),
            "drop": _only(frames["difference"], **same),
        }
        for arm, claim in (
            ("base", "a learned adversary tells the base student (strongest)"),
            ("distilled", "the same adversary on the distilled student"),
            ("drop", "distillation lowers its advantage (base - distilled)"),
        ):
            if row := found[arm]:
                holds = None if arm == "distilled" else bool(row.lower > 0)
                text = f"{_number(row.advantage, signed=arm == 'drop')} {named}"
                yield _row(
                    claim, _paper(f"advantage {arm}", pair), text, ends=(row.lower, row.upper), holds=holds
                )
    # Told apart by any adversary, the judge and length included: the one whose interval lies highest.
    part = frames["advantage"][frames["advantage"]["contrast"] == "distilled"]
    if not part.empty:
        row = next(part.sort_values(["adversary", "game"]).nlargest(1, "lower").itertuples(index=False))
        text = f"{_number(row.advantage)} ({words(row.adversary)}, {row.game})"
        claim, paper = (
            "the distilled student is still told apart (any adversary)",
            _paper("still told apart", pair),
        )
        yield _row(claim, paper, text, ends=(row.lower, row.upper), holds=row.lower > 0)


def _judge(frames: Frames, pair: str, confidence: float) -> Rows:
    for arm in ("base", "distilled"):
        row = _only(frames["judge"], contrast=arm, quantity="consistent_advantage")
        kept = _only(frames["judge"], contrast=arm, quantity="kept_fraction")
        if row and kept:
            text = f"{_number(row.estimate)} (kept {kept.estimate:.0%})"
            holds = bool(row.lower > 0) if arm == "base" else None
            claim = f"judge names the teacher, {arm} student (consistent verdicts)"
            yield _row(claim, _paper(f"judge {arm}", pair), text, ends=(row.lower, row.upper), holds=holds)
    for quantity, name in (
        ("consistent_advantage", "consistent verdicts"),
        ("all_pairs_advantage", "all pairs"),
    ):
        if row := _only(frames["judge_drop"], quantity=quantity):
            claim = f"distillation lowers the judge's advantage ({name})"
            paper = _paper("judge drop", pair) if quantity == "consistent_advantage" else NOTHING
            text = _number(row.drop, signed=True)
            yield _row(claim, paper, text, ends=(row.lower, row.upper), holds=row.lower > 0)


def _null(frames: Frames, pair: str, confidence: float) -> Rows:
    """Shows the interval that comes nearest to leaving 0, or leaves it by most."""
    part = frames["advantage"][frames["advantage"]["contrast"] == NULL]
    if part.empty:
        return
    margin = part[["lower"]].mul(-1).join(part["upper"]).min(axis=1)
    row = next(part.loc[[margin.idxmin()]].itertuples(index=False))
    covered = int((margin >= 0).sum())
    nearest = f"{_number(row.advantage)} ({words(row.adversary)}, {row.game})"
    text = f"{covered} of {len(part)} cover 0; nearest {nearest}"
    claim = "null: nobody tells the teacher from itself (all adversaries together)"
    yield _row(claim, "0 by definition", text, ends=(row.lower, row.upper), holds=covered == len(part))


def _rounded(frames: Frames, pair: str, confidence: float) -> Rows:
    """What the adversaries reach on the teacher in 4-bit form: the second floor of the ladder."""
    part = frames["advantage"][frames["advantage"]["contrast"] == "teacher_4bit"]
    if part.empty:
        return
    row = next(part.sort_values(["adversary", "game"]).nlargest(1, "lower").itertuples(index=False))
    text = f"{_number(row.advantage)} ({words(row.adversary)}, {row.game})"
    claim = "floor: the teacher told from its own 4-bit form (any adversary)"
    yield _row(claim, NOTHING, text, ends=(row.lower, row.upper), holds=None)


def _verdict(frames: Frames, pair: str, confidence: float) -> Rows:
    """The certificates: whether epsilon is refuted, certified or open, and between which bounds it lies."""
    if "verdicts" not in frames:
        return
    for row in frames["verdicts"].itertuples(index=False):
        name = words(row.strongest).replace(" (", ", ").rstrip(")")
        text = f"{row.verdict} (strongest: {name})"
        claim = f"certificate for ε = {row.epsilon:g} at q = {row.q}, {row.contrast} student"
        yield _row(claim, NOTHING, text, ends=(max(0.0, row.floor), row.ceiling), holds=None)


def _tests(frames: Frames, pair: str, confidence: float) -> Rows:
    """When the sequential test established a difference, and what the kernel test says, by contrast."""
    if "tests" not in frames:
        return
    for contrast, name in (("base", "base student"), ("distilled", "distilled student"), (NULL, "null")):
        row = _only(frames["tests"], contrast=contrast, test="sequential")
        kernel = _only(frames["tests"], contrast=contrast, test="kernel, embeddings")
        if row and kernel:
            never = math.isnan(row.queries)
            found = f"not in {row.n:.0f} queries" if never else f"after {row.queries:.0f} queries"
            expected = never if contrast == NULL else not never
            claim = f"two models are established, watching prompt by prompt: {name}"
            text = f"{found}; kernel test p = {kernel.p:.4f}"
            yield _row(claim, NOTHING, text, ends=None, holds=bool(expected))


def _categories(frames: Frames, pair: str, confidence: float) -> Rows:
    for arm in ("base", "distilled"):
        if row := _only(frames["heterogeneity"], contrast=arm):
            text = f"most in {words(row.most)}; p = {row.p:.4f}"
            claim = f"artifacts differ by category, {arm} student"
            yield _row(claim, _paper("categories", pair), text, ends=None, holds=row.p < 1 - confidence)


def _guided(frames: Frames, pair: str, confidence: float) -> Rows:
    for strategy, name in (
        ("disagreement", "disagreement-guided"),
        ("disagreement_known", "the same, all known"),
    ):
        part = frames["budget_gain"][frames["budget_gain"]["strategy"] == strategy]
        overall, single = part[part["budget"] == 0], part[part["budget"] > 0]
        if overall.empty:
            continue
        row, better = next(overall.itertuples(index=False)), int((single["gain"] > 0).sum())
        text = f"{_number(row.gain, signed=True)} (above at {better} of {len(single)} budgets)"
        consistent = bool(row.lower > 0 and better == len(single))
        guided = strategy == "disagreement"
        claim = f"{name} buying does not consistently beat stratified random (similarity)"
        if not guided:
            claim = "upper reference: buying by disagreement with all teacher answers known, minus random"
        paper = _paper("guided", pair) if guided else NOTHING
        yield _row(claim, paper, text, ends=(row.lower, row.upper), holds=not consistent if guided else None)


def _answers(frames: Frames, pair: str, confidence: float) -> Rows:
    """Checks of the run rather than claims of the paper: where the answers were checked."""
    if "answers" not in frames:
        return
    for arm in in_order(frames["answers"]["arm"], ("teacher", "base", "distilled")):
        if row := _only(frames["answers"], arm=arm, quantity="stopped"):
            claim = f"answers end by themselves, {arm} (at least 98 %)"
            yield _row(claim, NOTHING, _number(row.rate), ends=(row.lower, row.upper), holds=row.rate >= 0.98)
    teacher = _only(frames["answers"], arm="teacher", quantity="content_correct")
    for arm in in_order(frames["answers"]["arm"], ("teacher", "base", "distilled")):
        if row := _only(frames["answers"], arm=arm, quantity="content_correct"):
            holds: bool | None = None
            if arm == "base" and teacher:
                holds = bool(row.upper < teacher.lower)
            claim = f"content is right, {arm}" + (" (less often than the teacher)" if arm == "base" else "")
            yield _row(claim, NOTHING, _number(row.rate), ends=(row.lower, row.upper), holds=holds)


PARTS = (
    _similarity, _adversaries, _judge, _null, _rounded, _verdict, _tests, _categories, _guided, _answers,
)  # fmt: skip
