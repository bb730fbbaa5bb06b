"""An audit as a terminal or a notebook prints it: what was compared, the verdict, and what else was found."""

from __future__ import annotations

from bbi_utils.errors import one_line
from bbi_utils.games.certificate import Certificate
from bbi_utils.report.audit import MOST_FOR_KERNEL, PERMUTATIONS, Audit
from bbi_utils.report.text import render
from bbi_utils.responses.recorded import Recorded


def render_audit(audit: Audit, *, seconds: bool = True) -> str:
    """The whole report as plain text; seconds as for `render`."""
    lines = [*counts(audit.recorded), "", render(audit.certificate, seconds=seconds), ""]
    if audit.null is not None:
        lines += [_null(audit.null)]
    return "\n".join([*lines, _kernel(audit), _sequential(audit)])


def counts(recorded: Recorded) -> list[str]:
    """One line on how many prompts are compared, then one on each thing that a reader should know of them."""
    pairs, silent = recorded.pairs, recorded.silent
    said = [f"{len(pairs):,} prompts with an answer of both, {pairs['category'].nunique()} categories"]
    if recorded.dropped:
        said.append(
            f"{recorded.dropped:,} rows dropped: no teacher answer in {silent['teacher']:,}, no student "
            f"answer in {silent['student']:,}; the verdict is about the other prompts only"
        )
    if recorded.identical:
        share = recorded.identical / len(pairs)
        said.append(f"{recorded.identical:,} prompts ({share:.0%}) have identical answers, which are ties")
    if (groups := pairs["group"].nunique()) < len(pairs):
        said.append(f"only {groups:,} groups of prompts, kept whole in cross-fitting; bounds count prompts")
    if (null := recorded.null_pairs) is not None and len(null) < len(pairs):
        said.append(f"{len(pairs) - len(null):,} prompts lack teacher_2 and are left out of the null")
    if null is None and "teacher_2" in pairs:
        said.append("too few prompts have teacher_2, so there is no null")
    return said


def _null(null: Certificate) -> str:
    """The floor that a reader should compare with, and a warning where it is not one."""
    best = max(null.rows, key=lambda row: row.advantage)
    said = (
        f"null, teacher against teacher_2: {one_line(best.adversary)} ({best.game}) reaches "
        f"{best.advantage:.3f}, between {best.lower:.3f} and {best.upper:.3f}, on {null.prompts:,} prompts"
    )
    if max(row.floor for row in null.rows) > 0:
        said += (
            "\nwarning: the teacher is told from itself, so its two answers were not sampled alike; "
            "part of what is measured above may come from that"
        )
    return said


def _kernel(audit: Audit) -> str:
    test, everything = audit.kernel, len(audit.recorded.pairs)
    on = f", on {MOST_FOR_KERNEL:,} of the prompts" if test.n < everything else ""
    return f"kernel two-sample test: p = {test.p_value:.4f} ({PERMUTATIONS:,} swaps within prompts{on})"


def _sequential(audit: Audit) -> str:
    test, found = audit.sequential, f"no difference established in {len(audit.sequential.wealth):,} queries"
    if test.queries is not None:
        found = f"a difference was established after {test.queries:,} queries"
    return f"sequential test: {found}, error {test.error:g} (p = {test.p_value:.4f})"
