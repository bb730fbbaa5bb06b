"""Every arm's answers to the test prompts in one table, and the teacher's beside those of each other arm."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from bbi_utils.errors import BadInput, printable
from bbi_utils.probes import Probe

if TYPE_CHECKING:
    import pandas as pd

NULL = "teacher_resample"  # the teacher's second, independent answer: what nobody should be able to tell
TEACHER = "teacher"
ARMS = (TEACHER, "base", "distilled")  # those whose health is looked at
FEWEST = 3  # prompts; with fewer there is not even anything to read
ABOUT = ["prompt_id", "prompt", "category", "group"]
COLUMNS = ("pair", "arm", *ABOUT, "answer", "finish_reason", "content_correct")


def answers_table(
    probes: Sequence[Probe],
    arms: Mapping[str, pd.DataFrame],
    *,
    pair: str,
    is_correct: Callable[[Probe, str], bool] | None = None,
) -> pd.DataFrame:
    """One row an arm and prompt, with COLUMNS; `arms` maps each arm's name to what `sample` returned for it.

    Content is 1.0 (right) or 0.0 (wrong) by `is_correct`, and NaN throughout where nothing can check it
    (None). An arm without a row for some probe has none in the table either.
    """
    import pandas as pd

    about = pd.DataFrame([(p.id, p.prompt, p.category, p.group) for p in probes], columns=ABOUT)
    told = {arm: answers[["prompt_id", "answer", "finish_reason"]] for arm, answers in arms.items()}
    parts = [about.merge(answers, on="prompt_id").assign(pair=pair, arm=arm) for arm, answers in told.items()]
    table, probe_of = pd.concat(parts, ignore_index=True), {probe.id: probe for probe in probes}
    said = zip(table["prompt_id"], table["answer"], strict=True)
    table["content_correct"] = [
        float("nan") if is_correct is None else float(is_correct(probe_of[i], text)) for i, text in said
    ]
    return table[list(COLUMNS)]


def read_answers_table(path: Path) -> pd.DataFrame:
    """The table that notebook 03 wrote; raises BadInput where there is none, or one of a former version."""
    import pandas as pd

    if not path.is_file():
        raise BadInput(f"{path.name}: no such file in {path.parent.name}; run 03_distill_student first")
    table = pd.read_parquet(path)
    if missing := [name for name in COLUMNS if name not in table]:
        raise BadInput(f"{path.name} has no column {missing[0]}; run 03_distill_student again")
    return table


def contrasts_of(answers: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """One table a contrast: ABOUT, teacher, student, teacher_finish_reason, student_finish_reason.

    `answers` is a pair's, as `answers_table` makes it; the arms beside the teacher are the contrasts. Of an
    arm that said nothing the answer is "", which is one like any other; a prompt leaves a contrast where
    neither of its two sides answered, so contrasts need not have the same prompts, and what compares them
    does so on those that both have. Raises BadInput where an arm lacks a prompt that another has, or where
    hardly any prompt is left.
    """
    about = answers[ABOUT].drop_duplicates("prompt_id", ignore_index=True)
    wide = answers.pivot(index="prompt_id", columns="arm", values=["answer", "finish_reason"]).astype(object)
    wide = wide.loc[about["prompt_id"]].reset_index(drop=True)
    said = wide["answer"].apply(lambda texts: texts.where(texts.str.strip() != "", ""))
    arms = answers["arm"].unique()
    for arm in arms:
        if missing := list(about["prompt_id"][said[arm].isna()]):
            what = f"no answer to prompt {missing[0]} and {len(missing) - 1} more"
            raise BadInput(f"{arm}: {what}; sample them first")
    contrasts = {}
    for arm in (arm for arm in arms if arm != TEACHER):
        sides = {"teacher": TEACHER, "student": arm}
        texts = {side: said[own] for side, own in sides.items()}
        ends = {f"{side}_finish_reason": wide["finish_reason", own] for side, own in sides.items()}
        contrasts[str(arm)] = _answered(about.assign(**texts, **ends), arm)
    return contrasts


def _answered(pairs: pd.DataFrame, arm: str) -> pd.DataFrame:
    """The rows that a side answered, if there are any to speak of."""
    left = pairs[(pairs["teacher"] != "") | (pairs["student"] != "")].reset_index(drop=True)
    if len(left) < FEWEST:
        found = f"{len(left)} of {len(pairs)} prompts were answered by the teacher or by {arm}"
        raise BadInput(f"{found}; at least {FEWEST} are needed: see how the answers end")
    return left


def side_by_side(texts: Mapping[str, str], *, width: int = 108, limit: int = 14) -> str:
    """Texts in columns under their names, lines kept and wrapped; what goes beyond `limit` lines is cut."""
    each = (width - 3 * (len(texts) - 1)) // len(texts)
    columns = [[name, "-" * each, *_column(text, each, limit)] for name, text in texts.items()]
    rows = zip_longest(*columns, fillvalue="")
    return "\n".join("   ".join(cell.ljust(each) for cell in row).rstrip() for row in rows)


def _column(text: str, width: int, limit: int) -> list[str]:
    said = [printable(line) for line in text.splitlines()] or ["(no answer)"]
    lines = [part for line in said for part in textwrap.wrap(line, width) or [""]]
    return lines if len(lines) <= limit else [*lines[:limit], f"[{len(lines) - limit} more lines]"]
