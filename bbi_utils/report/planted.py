"""What is known beforehand of a pair's models: where the shipped ones were made to differ most."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from bbi_utils.errors import BadInput
from bbi_utils.files import read_json
from bbi_utils.games.categories import MOST
from bbi_utils.paths import WEIGHTS, RunPaths, local_model, shown

PLANTED = (
    WEIGHTS.parent / "planted.yaml"
)  # the pocket world's, read as data: this room stands beside `pocket`


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
        if all(_of_pocket(settings[role]) for role in ("TEACHER", "STUDENT")):
            found[pair] = _most_emphasis(file)
    return found


def _of_pocket(reference: str) -> bool:
    """Whether a model is one of those that were trained on the scripted world, by name or by folder."""
    folder = local_model(reference)
    return folder is not None and folder.resolve().is_relative_to(WEIGHTS)


def _most_emphasis(file: Path) -> list[str]:
    emphasis: dict[str, float] = yaml.safe_load(file.read_text(encoding="utf-8"))["emphasis"]
    return sorted(emphasis, key=lambda name: -emphasis[name])[:MOST]
