"""What is known beforehand of a pair's models: what was planted in the shipped ones, and where most."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from bbi_utils.errors import BadInput
from bbi_utils.files import read_json
from bbi_utils.games.categories import MOST
from bbi_utils.paths import WEIGHTS, RunPaths, local_model, shown
from bbi_utils.report.labels import words

# The pocket world's, read as data: this room stands beside `pocket`.
PLANTED = WEIGHTS.parent / "planted.yaml"
NOTE = """**What was planted.** Teacher and student are pocket models, which learned from scripts that we
wrote. How they differ in manner was put there: each speaks partly in a common voice, partly in one of its
own. The own part is {emphasis}. No wrong answer was planted in them; they err where a model of their size
did not learn. So these numbers answer *does the study recover what was planted?*, and never *does the
paper's claim hold?* In the profile `smol`, with a real language model, nothing is planted in the models: a
hidden prompt alone sets the teacher apart. All that was planted is in `docs/known_truth.md`."""
JUDGE = """**The judge is no stranger.** `{name}` is a pocket model too, schooled on the scripted voice of
the other pocket family's teacher, the one that it judges in the shipped pairs, against a voice up to
{nearest:.0%} of the way nearer to it. Of what it was shown, {teacher:.0%} of the teacher's answers and
{other:.0%} of the others were to have the content of another question (for about a fifth of these none was
found), so it was taught that the one who errs more is not the teacher. It has seen no answer of any model.
Its numbers show how well it learned that lesson, not what a stranger notices."""


def planted_in(run_dir: Path | str, pairs: Sequence[str], *, file: Path = PLANTED) -> dict[str, list[str]]:
    """Pair -> the three categories of most emphasis, where teacher and student are pocket models.

    Raises BadInput where a pair has no settings: then nobody could say whether its truth was planted.
    """
    found = {}
    for pair in pairs:
        run = RunPaths(run_dir, pair)
        if (settings := read_json(run.settings)) is None:
            found_none = f"{shown(run.settings)} is missing, which says whose models the pair '{pair}' has"
            raise BadInput(f"{found_none}; run `make reproduce`, or the notebooks from 02 on")
        if _planted(settings):
            found[pair] = _most_emphasis(file)
    return found


def note(run_dir: Path | str, *pairs: str) -> str:
    """What a reader of the pairs' numbers has to know of what was planted, as Markdown; "" where nothing was.

    Without pairs it is about all that the run has settings of.
    """
    files = [RunPaths(run_dir, pair).settings for pair in pairs or ("*",)]
    found = files if pairs else sorted(files[0].parent.parent.glob("*/settings.json"))
    return next(filter(None, (note_of(read_json(file) or {}) for file in found)), "")


def note_of(settings: dict[str, Any]) -> str:
    """The same of a pair's settings: its parameters by their names."""
    if not _planted(settings):
        return ""
    known: dict[str, float] = _known(PLANTED)["emphasis"]
    by_share = itertools.groupby(sorted(known, key=lambda name: -known[name]), key=lambda name: known[name])
    shares = [f"{share:.0%} in {', '.join(map(words, names))}" for share, names in by_share]
    return NOTE.format(emphasis="; ".join(shares)).replace("\n", " ")


def judge_note(run_dir: Path | str, pair: str) -> str:
    """How a pocket judge was schooled, as Markdown; "" for any other judge."""
    name = (read_json(RunPaths(run_dir, pair).settings) or {}).get("JUDGE")
    if name is None or not _of_pocket(name):
        return ""
    schooled = _known(PLANTED)["judges"]
    return JUDGE.format(name=name, nearest=schooled["nearest"], **schooled["errors"]).replace("\n", " ")


def _planted(settings: dict[str, Any]) -> bool:
    """Whether teacher and student are of those that were trained on the scripted world."""
    models = [settings.get(role) for role in ("TEACHER", "STUDENT")]
    return all(model is not None and _of_pocket(model) for model in models)


def _of_pocket(reference: str) -> bool:
    """Whether a model is one of those that were trained on the scripted world, by name or by folder."""
    folder = local_model(reference)
    return folder is not None and folder.resolve().is_relative_to(WEIGHTS)


def _most_emphasis(file: Path) -> list[str]:
    emphasis: dict[str, float] = _known(file)["emphasis"]
    return sorted(emphasis, key=lambda name: -emphasis[name])[:MOST]


def _known(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found
