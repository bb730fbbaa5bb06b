"""Certificates and audits as a reader sees them: the verdict in one sentence, then what it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bbi_utils.errors import one_line
from bbi_utils.games.certificate import Certificate, Row
from bbi_utils.games.inference.exact import Counts, lower_bound
from bbi_utils.report.labels import (
    GAMES,
    aligned,
    decimals,
    ends,
    in_words,
    name_of,
    p_value,
    with_game,
    words,
)

if TYPE_CHECKING:
    import pandas as pd

    from bbi_utils.report.audit import Audit
    from bbi_utils.responses.recorded import Recorded


def render(certificate: Certificate, *, seconds: bool = True) -> str:
    """The certificate as plain text for a terminal or a notebook: verdict, table, what it covers.

    seconds: with the time that each adversary took, which no two runs share.
    """
    lines = [headline(certificate), "", *_table(certificate, seconds=seconds)]
    if certificate.categories:
        lines += ["", *_categories(certificate)]
    return "\n".join([*lines, "", _scope(certificate)])


def headline(certificate: Certificate) -> str:
    """The verdict in one sentence."""
    level, epsilon = f"{certificate.confidence:.0%} confidence", f"ε = {certificate.epsilon:g}"
    best = max(certificate.rows, key=lambda row: row.floor)
    if certificate.verdict == "certified":
        return (
            f"certified: ε ≤ {certificate.certified_epsilon:.3f} against these {len(certificate.rows)} "
            f"adversaries at q = {certificate.q}, {level} (asked: {epsilon}){_left(certificate)}"
        )
    if certificate.verdict == "refuted":
        reached = f"{decimals(best.advantage)} {ends(best.lower, best.upper)}"
        return (
            f"refuted at {epsilon}: {with_game(words(best.adversary), best.game)} reaches {reached}, "
            f"one-sided at least {best.floor:.3f}, at q = {certificate.q}, {level}{_left(certificate)}"
        )
    units = "prompts" if certificate.groups is None else "groups of prompts"
    more = f"a million {units} would certify it only by luck"
    if certificate.prompts_needed is not None:
        more = f"if nobody told the two apart, about {certificate.prompts_needed:,} {units} would certify it"
    return (
        f"inconclusive at {epsilon}, q = {certificate.q}, {level}: between {max(0.0, best.floor):.3f} and "
        f"{certificate.certified_epsilon:.3f}; {more}{_left(certificate)}"
    )


def _left(certificate: Certificate) -> str:
    """How many of the prompts the verdict is about, where some were left out."""
    if certificate.share is None or certificate.share == 1:
        return ""
    rows = round(certificate.prompts / certificate.share)
    return f", on {certificate.prompts:,} of {rows:,} prompts ({certificate.share:.1%})"


def for_everybody(nobodys: pd.DataFrame, *, confidence: float) -> str:
    """A line a contrast of `limit.nobodys`: what no adversary whatever exceeds, and on what condition."""
    if nobodys.empty:
        return "No limit is known: it takes the weights of both models on this machine."
    lines = []
    for row in nobodys.itertuples():
        known = "" if row.exact == 1 else f"; approximate, as the tokens of {1 - row.exact:.0%} were not kept"
        lines.append(
            f"{name_of(str(row.contrast))}: no adversary whatever has more than {row.most:.3f} at q = 1 "
            f"({confidence:.0%} confidence, {row.n:,} prompts{known})"
        )
    return "\n".join([*lines, "This is about sampled answers at these settings, to prompts like these."])


def _table(certificate: Certificate, *, seconds: bool) -> list[str]:
    """One line an adversary and game, the strongest first; what t was only where somebody measured it."""
    rows = sorted(certificate.rows, key=lambda row: -row.advantage)
    titles = ("adversary", "game", "advantage", "lower", "upper", "ties", "parameters", "t (s)")
    known = 6 if all(row.parameters is None for row in rows) else 8 if seconds else 7
    return aligned([cells[:known] for cells in (titles, *map(_cells, rows))], left=2)


def _cells(row: Row) -> tuple[str, ...]:
    sides = 2 if row.game == "single" else 1
    spent = "" if row.seconds is None else f"{row.seconds:.1f}"
    size = "" if row.parameters is None else f"{row.parameters:,}"
    bounds = map(decimals, (row.advantage, row.lower, row.upper))
    return words(row.adversary), GAMES[row.game], *bounds, f"{row.tied / (sides * row.n):.0%}", size, spent


def _categories(certificate: Certificate) -> list[str]:
    """Where the strongest evidence sits: categories whose lower bound is above 0, or that there is none."""
    found = [row for row in certificate.categories if row.floor > 0]
    head = f"by category (all {len(certificate.categories)} at once)"
    if not found:
        few = ", nor could one be with so few prompts a category" if _too_few(certificate) else ""
        return [f"{head}: no lower bound is above 0{few}"]
    told = (
        f"  {one_line(row.category)}: {row.advantage:.3f}, at least {row.floor:.3f}, "
        f"by {in_words(row.strongest)}"
        for row in found
    )
    return [f"{head}, lower bounds above 0:", *told]


def _too_few(certificate: Certificate) -> bool:
    """Whether not even who is always right would be shown to be, in any category."""
    most = max(row.n for row in certificate.categories)
    each = (1 - certificate.confidence) / (len(certificate.categories) * len(certificate.rows))
    return lower_bound(Counts(most, 0, 0), error=each) <= 0


def _scope(certificate: Certificate) -> str:
    prompts = f"{certificate.prompts:,} prompts{_grouped(certificate)}"
    what = f"{prompts} of {one_line(certificate.pair)}, {name_of(certificate.contrast)}"
    most = max(row.n for row in certificate.rows)
    fewer = {f"{words(row.adversary)} on {row.n:,}" for row in certificate.rows if row.n < most}
    what += f" (fewer: {', '.join(sorted(fewer))})" if fewer else ""
    return (
        f"{what}. lower and upper hold for all {len(certificate.rows)} rows at once. "
        "This covers the adversaries listed, on prompts like these, and no other."
    )


def _grouped(certificate: Certificate) -> str:
    if certificate.groups is None:
        return ""
    return f" in {certificate.groups:,} groups, which count as one draw each,"


def render_audit(audit: Audit, *, seconds: bool = True) -> str:
    """What was compared, the verdict, and what else was found, as plain text; seconds as for `render`."""
    # What an audit has loaded by now, and `certify` should not wait for.
    from bbi_utils.oracles.sentence_encoder import MINILM, is_at_hand
    from bbi_utils.report.where import render_where

    lines = [*_counts(audit.recorded), "", render(audit.certificate, seconds=seconds), ""]
    if audit.null is not None:
        lines.append(_null(audit.null))
    kernel, sequential = audit.kernel, audit.sequential
    whole = audit.certificate.groups is None
    swaps = f"{kernel.permutations:,} swaps within {'prompts' if whole else 'groups of prompts'}"
    lines.append(f"kernel two-sample test: {p_value(kernel.p_value)} ({swaps})")
    found = f"no difference established in {len(sequential.wealth):,} queries"
    if sequential.queries is not None:
        found = f"a difference was established after {sequential.queries:,} queries"
    lines.append(f"sequential test: {found}, error {sequential.error:g} ({p_value(sequential.p_value)})")
    if audit.settings.encoder is None:
        way = f"--encoder {MINILM} adds one" if is_at_hand() else "none is at hand; --encoder names one"
        lines.append(f"no sentence embeddings were compared ({way})")
    return "\n".join([*lines, "", *render_where(audit.where)])


def _counts(recorded: Recorded) -> list[str]:
    """One line on how many prompts are compared, then one on each thing that a reader should know of them."""
    pairs, silent, null = recorded.pairs, recorded.silent, recorded.null_pairs
    kinds = pairs["category"].nunique()
    said = [f"{len(pairs):,} prompts, {kinds} {'category' if kinds == 1 else 'categories'}"]
    if recorded.drawn_from:
        said.append(
            f"drawn at random from {recorded.drawn_from:,} before any adversary was trained; every bound is "
            "on prompts like all of them, as wide as so few make it"
        )
    if any(silent.values()):
        said.append(
            f"no answer of the teacher to {silent['teacher']:,}, of the student to {silent['student']:,}: "
            "silence counts as an answer"
        )
    if any(recorded.cut.values()):
        said.append(
            "cut answers: {teacher:,} of the teacher, {student:,} of the student".format(**recorded.cut)
        )
    if recorded.dropped:
        said.append(
            f"{recorded.dropped:,} rows left out: {recorded.never_asked:,} never asked, the others answered "
            "by neither side; the verdict is about the other prompts only"
        )
    if recorded.identical:
        share = recorded.identical / len(pairs)
        said.append(f"{recorded.identical:,} prompts ({share:.0%}) have identical answers, which are ties")
    if (groups := pairs["group"].nunique()) < len(pairs):
        said.append(f"only {groups:,} groups of prompts that belong together; bounds and tests count groups")
    if null is not None and len(null) < len(pairs):
        said.append(f"{len(pairs) - len(null):,} prompts lack teacher_2 and are left out of the null")
    if null is None and "teacher_2" in pairs and pairs["teacher_2"].notna().any():
        said.append("too few prompts have teacher_2, so there is no null")
    return said


def _null(null: Certificate) -> str:
    """The floor that a reader should compare with, and a warning where it is not one."""
    best = max(null.rows, key=lambda row: row.advantage)
    said = (
        f"null, teacher against teacher_2: {with_game(words(best.adversary), best.game)} reaches "
        f"{decimals(best.advantage)} {ends(best.lower, best.upper)}, on {null.prompts:,} prompts"
    )
    if max(row.floor for row in null.rows) > 0:
        said += (
            "\nwarning: the teacher is told from itself. That is luck, or its two answers were not sampled "
            "alike; then part of what is measured above may come from that"
        )
    return said
