"""The dataset card of a probe suite: how it was made, what it counts, what it leaves out."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Sequence

from bbi_utils.errors import one_line
from bbi_utils.probes.near_duplicates import THRESHOLD
from bbi_utils.probes.stream import CATEGORIES
from bbi_utils.probes.suite import Probe, categories_in
from bbi_utils.probes.templates.sheets import sheet

LONGEST = 300  # characters of a prompt that the card shows


def dataset_card(probes: Sequence[Probe], *, source: str | None = None) -> str:
    """Markdown with the suite's making, counts, an example a category, and limits.

    source: the name of the user's own file that the probes were read from; None for the suite.
    """
    names = categories_in(probes)
    words = sorted(len(probe.prompt.split()) for probe in probes)
    splits = Counter(probe.split for probe in probes)
    intro = (
        f"# Probe suite: {len(probes):,} prompts in {len(names)} categories\n\n"
        f"{splits['distil']:,} to distil on and {splits['test']:,} to test on; "
        f"{words[len(words) // 2] if words else 0} words in the median, "
        f"{words[0] if words else 0} to {words[-1] if words else 0}.\n"
    )
    prose = sheet("card").tables["own_card" if source else "suite_card"]
    lead_ins = len(sheet("card").words["lead_ins"])
    made = prose["made"].format(source=_text(source or ""), lead_ins=lead_ins, threshold=THRESHOLD)
    return "\n".join((intro, made, _counts(probes), _examples(probes), prose["limits"]))


def _counts(probes: Sequence[Probe]) -> str:
    lines = [
        "## Counts",
        "| category | about | templates | questions | distil | test |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for category in categories_in(probes):
        rows = [probe for probe in probes if probe.category == category]
        splits = Counter(probe.split for probe in rows)
        kinds = f"{len({row.template for row in rows})} | {len({row.group for row in rows})}"
        about = sheet(category).about if category in CATEGORIES else ""
        lines.append(f"| {_text(category)} | {about} | {kinds} | {splits['distil']} | {splits['test']} |")
    return "\n".join(lines) + "\n"


def _examples(probes: Sequence[Probe]) -> str:
    first = {probe.category: probe.prompt for probe in reversed(probes)}
    lines = [f"- *{_text(category)}*: {_text(first[category])}" for category in categories_in(probes)]
    return "\n".join(["## One prompt of each", *lines]) + "\n"


def _text(text: str) -> str:
    """A text of any origin on one line of Markdown, shown as it is and never taken for Markdown or HTML."""
    escaped = html.escape(one_line(text[:LONGEST]), quote=False)
    return re.sub(r"([\\`*{}\[\]()#+!|~$]|(?<!\w)_|_(?!\w))", r"\\\1", escaped)
