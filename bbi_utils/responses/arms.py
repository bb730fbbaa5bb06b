"""The arms beside one another: how their answers ended, whether they are right, and how they read."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from bbi_utils.errors import printable
from bbi_utils.probes.suite import Probe

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("pair", "arm", "prompt_id", "category", "finish_reason", "content_correct")


def check_answers(
    probes: Sequence[Probe],
    arms: Mapping[str, pd.DataFrame],
    *,
    pair: str,
    is_correct: Callable[[Probe, str], bool] | None = None,
) -> pd.DataFrame:
    """One row an arm and prompt: pair, arm, prompt_id, category, finish_reason, content_correct.

    `arms` maps the name of an arm to its answers, as `sampling.sample` returns them for these probes. Content
    is 1.0 (right) or 0.0 (wrong) by `is_correct`, and NaN throughout where nothing can check it (None).
    """
    import pandas as pd

    rows = [
        (pair, arm, probe.id, probe.category, found.finish_reason,
         float("nan") if is_correct is None else float(is_correct(probe, found.answer)))
        for arm, answers in arms.items()
        for probe, found in zip(probes, answers.itertuples(), strict=True)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def side_by_side(texts: Mapping[str, str], *, width: int = 108, limit: int = 14) -> str:
    """Texts in columns under their names, lines kept and wrapped; what goes beyond `limit` lines is cut."""
    each = (width - 3 * (len(texts) - 1)) // len(texts)
    columns = [[name, "-" * each, *_shortened(_wrapped(text, each), limit)] for name, text in texts.items()]
    rows = zip_longest(*columns, fillvalue="")
    return "\n".join("   ".join(cell.ljust(each) for cell in row).rstrip() for row in rows)


def _wrapped(text: str, width: int) -> list[str]:
    lines = [printable(line) for line in text.splitlines()] or ["(no answer)"]
    return [part for line in lines for part in textwrap.wrap(line, width) or [""]]


def _shortened(lines: list[str], limit: int) -> list[str]:
    return lines if len(lines) <= limit else [*lines[:limit], f"[{len(lines) - limit} more lines]"]
