"""What is played on: the answers of a study's run, or recorded ones as `audit` reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bbi_utils.errors import BadInput
from bbi_utils.files import read_json
from bbi_utils.games.folds import checked_pairs, questions
from bbi_utils.games.scores import costs_for, of_one_contrast, read_scores
from bbi_utils.paths import RunPaths, shown
from bbi_utils.probes.forms.reading import NOTHING, Choice
from bbi_utils.report.audit import STUDENT
from bbi_utils.report.audit_files import folder_for, hashes_of, name_of
from bbi_utils.responses.answers import NULL, contrasts_of, read_answers_table
from bbi_utils.responses.recorded import read_answers


@dataclass(frozen=True)
class Table:
    """Answer pairs of one contrast, the teacher beside its own second answers, and what others scored.

    pairs and null: prompt_id, prompt, category, group, teacher, student. machines: the scores (C3) of others
    who played, None where nobody did; costs as `games.play` returns them. folder: of the players' files.
    """

    pair: str
    contrast: str
    pairs: pd.DataFrame
    null: pd.DataFrame | None
    machines: pd.DataFrame | None
    costs: pd.DataFrame | None
    folder: Path


def table_of(
    sources: Sequence[Path], *, contrast: str | None = None, out: str | None = None, choice: Choice = NOTHING
) -> Table:
    """The answers of a run's pair (its folder, such as runs/pocket/qwen), or those of one or two files.

    Everything that could be wrong is found here, before anybody plays. Raises BadInput.
    """
    if not sources[0].is_dir():
        return _of_files(sources, contrast, out, choice)
    if choice != NOTHING:
        raise BadInput(f"{shown(sources[0])} is a run's folder, which speaks for itself; drop files' options")
    return _of_run(sources[0], contrast, out)


def _of_run(folder: Path, contrast: str | None, out: str | None) -> Table:
    run = RunPaths(folder.resolve().parent, folder.resolve().name)
    if not run.answers.is_file():
        within = RunPaths(folder.resolve()).pairs
        way = f"choose {' or '.join(shown(folder / pair) for pair in within)}" if within else "run 03 first"
        raise BadInput(f"{shown(folder)} holds no answers of a pair ({run.answers.name}); {way}")
    contrasts = contrasts_of(read_answers_table(run.answers))
    chosen = contrast or ("distilled" if "distilled" in contrasts else next(iter(contrasts)))
    if chosen not in contrasts:
        raise BadInput(f"no contrast {chosen!r} in {shown(folder)}; it has {', '.join(contrasts)}")
    null = None if chosen == NULL else contrasts.get(NULL)
    where = Path(out) if out else run.pair_folder / "human" / chosen
    return _table(run.pair_folder.name, chosen, contrasts[chosen], null, run.scores, where)


def _of_files(sources: Sequence[Path], contrast: str | None, out: str | None, choice: Choice) -> Table:
    if contrast not in (None, STUDENT):
        raise BadInput(f"contrast {contrast!r}: recorded answers have one, {STUDENT!r}; leave --contrast out")
    recorded, name = read_answers(*sources, choice=choice), name_of(sources)
    where = Path(out) if out else Path("runs") / "play" / name
    scores = folder_for(sources, None) / "scores.parquet"  # of an audit of the same file, if there was one
    asked = {"inputs": hashes_of(sources), "understood": recorded.understood}
    audited = read_json(scores.with_name("manifest.json")) or {}
    if scores.is_file() and any(audited.get(name) != value for name, value in asked.items()):
        raise BadInput(f"{shown(scores)} is of other answers; audit these again, or move it away")
    return _table(name, STUDENT, recorded.pairs, recorded.null_pairs, scores, where)


def _table(
    pair: str, contrast: str, pairs: pd.DataFrame, null: pd.DataFrame | None, scores: Path, folder: Path
) -> Table:
    machines = read_scores(scores, contrast=contrast) if scores.is_file() else None
    costs = None if machines is None else costs_for(machines, scores, None)
    pairs = _grouped(pairs)
    if null is not None:
        null, groups = _grouped(null), pairs.set_index("prompt_id")["group"]
        null = null.assign(group=null["prompt_id"].map(groups).fillna(null["group"]))
    if machines is not None:
        machines = of_one_contrast(machines).assign(pair=pair)
        if strange := set(pairs["prompt_id"]) - set(machines["prompt_id"]):
            found = f"{shown(scores)} has no scores on {len(strange)} of the prompts"
            raise BadInput(f"{found}, such as {min(strange)}; make it anew, or move it away")
    return Table(pair, contrast, pairs, null, machines, costs, folder)


def _grouped(pairs: pd.DataFrame) -> pd.DataFrame:
    """The pairs by their ids, and the group of each under the name that the machines' rows have."""
    pairs = checked_pairs(pairs).sort_values("prompt_id").reset_index(drop=True)
    return pairs.assign(group=questions(pairs))
