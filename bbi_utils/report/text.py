"""A certificate as a reader sees it: the verdict in one sentence, then what it rests on."""

from __future__ import annotations

from bbi_utils.errors import one_line
from bbi_utils.games.certificate import Certificate, Row


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
    if certificate.verdict == "certified":
        return (
            f"certified: ε ≤ {certificate.certified_epsilon:.3f} against these {len(certificate.rows)} "
            f"adversaries at q = {certificate.q}, {level} (asked: {epsilon})"
        )
    if certificate.verdict == "refuted":
        best = max(certificate.rows, key=lambda row: row.floor)
        reached = f"{best.advantage:.3f} ± {(best.upper - best.lower) / 2:.3f}"
        return (
            f"refuted at {epsilon}: {one_line(best.adversary)} ({best.game}) reaches {reached}, "
            f"at least {best.floor:.3f} at q = {certificate.q}, {level}"
        )
    return (
        f"inconclusive at {epsilon}, q = {certificate.q}, {level}: between {_most(certificate):.3f} and "
        f"{certificate.certified_epsilon:.3f}; {_more(certificate.prompts_needed)}"
    )


def _most(certificate: Certificate) -> float:
    return max(0.0, *(row.floor for row in certificate.rows))


def _more(needed: int | None) -> str:
    if needed is None:
        return "at these rates no million prompts would decide"
    return f"at these rates about {needed:,} more prompts would decide"


def _table(certificate: Certificate, *, seconds: bool) -> list[str]:
    """One line an adversary and game, the strongest first; what t was only where somebody measured it."""
    rows = sorted(certificate.rows, key=lambda row: -row.advantage)
    titles = ("adversary", "game", "advantage", "lower", "upper", "ties", "parameters", "t (s)")
    known = 8 if seconds else 7
    if all(row.parameters is None for row in rows):
        known = 6
    cells = [cells[:known] for cells in (titles, *map(_cells, rows))]
    widths = [max(len(row[i]) for row in cells) for i in range(known)]
    return [
        "  ".join(
            _padded(cell, width, i) for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def _padded(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column < 2 else cell.rjust(width)


def _cells(row: Row) -> tuple[str, ...]:
    sides = 2 if row.game == "single" else 1
    spent = "" if row.seconds is None else f"{row.seconds:.1f}"
    size = "" if row.parameters is None else f"{row.parameters:,}"
    bounds = (f"{value:.3f}" for value in (row.advantage, row.lower, row.upper))
    return one_line(row.adversary), row.game, *bounds, f"{row.tied / (sides * row.n):.0%}", size, spent


def _categories(certificate: Certificate) -> list[str]:
    """Where the strongest evidence sits: categories whose lower bound is above 0, or that there is none."""
    found = [row for row in certificate.categories if row.floor > 0]
    if not found:
        return [f"by category (all {len(certificate.categories)} at once): no lower bound is above 0"]
    head = f"by category (all {len(certificate.categories)} at once), lower bounds above 0:"
    return [
        head,
        *(
            f"  {one_line(row.category)}: {row.advantage:.3f}, at least {row.floor:.3f}, "
            f"by {one_line(row.strongest)}"
            for row in found
        ),
    ]


def _most_games(certificate: Certificate) -> int:
    return max(row.n for row in certificate.rows)


def _scope(certificate: Certificate) -> str:
    what = f"{certificate.prompts:,} prompts of {one_line(certificate.pair)}, {certificate.contrast}"
    fewer = {
        f"{one_line(row.adversary)} on {row.n:,}"
        for row in certificate.rows
        if row.n < _most_games(certificate)
    }
    what += f" (fewer: {', '.join(sorted(fewer))})" if fewer else ""
    return (
        f"{what}. lower and upper hold for all {len(certificate.rows)} rows at once. "
        "This covers the adversaries listed, on prompts like these, and no other."
    )
