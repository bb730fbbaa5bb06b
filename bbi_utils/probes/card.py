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
from bbi_utils.probes.templates.sheets import shared, sheet

LONGEST = 300  # characters of a prompt that the card shows
_MADE = """\
## How it was made
Every prompt is one phrasing of a hand-written template, filled with values from small word lists and
tables; about half have one of {frames} neutral lead-ins before them. A seed fixes all. Ids are the first 16
hexadecimal digits of the prompt's SHA-256, so an id names a prompt in any suite.

**Near-duplicates.** Prompts are lower-cased and every run of other characters than a-z and 0-9 becomes one
space. No two prompts of the suite, across categories and across the split, have sets of character 5-grams
with Jaccard similarity of {threshold} or more. The search is exact, not approximate.

**Split.** A question is a template with its values. All wordings of a question are on one side of the
split; within each category the split has the asked size.
"""
_LIMITS = """\
## What it does not cover
- Real traffic: the prompts are made by hand, short, in English, one turn each, and simpler than people's own.
- Long documents, several turns, tools, images, other languages, longer programs, recent events.
- The measure sees letters, not meaning: two templates may ask one thing in unlike words, also in two
  categories. Facts recur as well: an entry of a table may occur in several questions.
- A number that is measured on this suite holds for this distribution of prompts only.
"""
_OWN = """\
## How it was made
The prompts were read from the file {source}; where they come from, this card cannot know. Ids are the first
16 hexadecimal digits of the prompt's SHA-256, so an id names a prompt in any suite.

**Near-duplicates** stay in, but count as one question: prompts whose sets of character 5-grams have Jaccard
similarity of {threshold} or more, after lower-casing and dropping punctuation.

**Split.** As the file says, or else by a hash of the question within each category. All wordings of a
question are on one side.
"""
_OWN_LIMITS = """\
## What it does not cover
- A number that is measured on these prompts holds for this distribution of prompts only.
- Near-duplicates are found by letters, not by meaning: one question in unlike words passes as two, unless the
  file's column `group` joins them.
"""


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
    values = {
        "source": _text(source or ""),
        "frames": len(shared().words["lead_ins"]),
        "threshold": THRESHOLD,
    }
    made = (_OWN if source else _MADE).format(**values)
    limits = _OWN_LIMITS if source else _LIMITS
    return "\n".join((intro, made, _counts(probes), _examples(probes), limits))


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
