"""What the notebooks of a pair share: each setting is made in one of them and read by those that follow."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bbi_utils.errors import BadInput
from bbi_utils.files import read_json, write_json
from bbi_utils.paths import RunPaths, shown
from bbi_utils.study.cells import code_cells, parsed, read
from bbi_utils.study.params import Study, check, load_study, unknown

OF_THE_RUN = ("PROFILE", "PAIR", "PAIRS", "RUN_DIR")  # what says where the settings lie
NAME = "study"  # what a notebook calls them
# What is taken from the settings as a whole: its fields, and the setting behind each.
GROUPS = {
    **{
        f"{side}_sampling": {name: name for name in ("temperature", "top_p", "max_new_tokens", "seed")}
        | {"system_prompt": f"{side}_system_prompt"}
        for side in ("teacher", "student")
    },
    "lora": {name: f"lora_{name}" for name in ("r", "alpha", "dropout", "targets")}
    | {name: name for name in ("learning_rate", "epochs", "max_length", "quantisation")}
    | {"batch_size": "train_batch_size", "revision": "student_revision"},
    "place": {"dtype": "dtype", "device": "device"}, "run": {},
}  # fmt: skip


class Settings(SimpleNamespace):
    """A pair's settings by their names in lower case, groups of them as keywords, and the run's files.

    The groups are `teacher_sampling` and `student_sampling` (for `Sampling`), `lora` (for `LoraSettings`) and
    `place` (where models run).
    """

    run: RunPaths

    def __getattr__(self, name: str) -> Any:
        if name not in GROUPS:
            raise unknown("setting", name, [*vars(self), *GROUPS])
        return {field: getattr(self, setting) for field, setting in GROUPS[name].items()}


def begin_study(notebook: Mapping[str, Any], **others: Any) -> Settings:
    """The pair's settings with the notebook's own parameters in them; begins them where there are none.

    `notebook` is its `globals()`; `others` are settings of no notebook, such as `device="cuda"`. What nobody
    has set yet is as in the pocket profile. Raises BadInput for what is no setting or has no such value.
    """
    check(others, "begin_study")
    run = RunPaths(notebook["RUN_DIR"], notebook["PAIR"])
    known = {**load_study().parameters(), **(read_json(run.settings) or {})}
    return _settle(run, known, {**notebook, **{name.upper(): value for name, value in others.items()}})


def open_study(notebook: Mapping[str, Any]) -> Settings:
    """The pair's settings with the notebook's own parameters in them, written down for those that follow.

    Raises BadInput where the pair has none yet, and for a parameter that has no such value.
    """
    run = RunPaths(notebook["RUN_DIR"], notebook["PAIR"])
    if (known := read_json(run.settings)) is None:
        found = f"{shown(run.folder)} has no run of the pair '{run.pair}'"
        raise BadInput(f"{found}; run the notebooks from 01_build_probes on, or `make reproduce`, first")
    return _settle(run, known, notebook)


def write_settings(run: RunPaths, parameters: Mapping[str, Any]) -> None:
    """Put a study's parameters where the pair's notebooks find them, unless they are there already."""
    settings = {name: value for name, value in parameters.items() if name not in OF_THE_RUN}
    if read_json(run.settings) != settings:
        write_json(run.settings, settings)


def _settle(run: RunPaths, known: Mapping[str, Any], notebook: Mapping[str, Any]) -> Settings:
    values = {name: notebook.get(name, value) for name, value in known.items() if name not in OF_THE_RUN}
    settings = {name.lower(): value for name, value in values.items()}
    check(settings, "this notebook")
    write_settings(run, values)
    return Settings(run=run, **settings)


def settings_used(notebook: Path) -> set[str]:
    """Names (UPPER_CASE) of the settings that a notebook's cells take as `study.name`.

    Raises BadInput for a name that is none, and where `study` is handed on as a whole: then nobody could say
    what the notebook's results depend on.
    """
    known = set(Study.model_fields)
    code = [cell["source"] for cell in code_cells(read(notebook)) if NAME in cell["source"]]
    nodes = [node for text in code for node in ast.walk(parsed(text, notebook))]
    taken = [node for node in nodes if isinstance(node, ast.Attribute) and _is_study(node.value)]
    if len(taken) < sum(_is_study(node) for node in nodes):
        raise BadInput(f"{notebook.name} hands `{NAME}` on as a whole; take each setting as {NAME}.name")
    names = {name for node in taken for name in GROUPS.get(node.attr, {node.attr: node.attr}).values()}
    for name in sorted(names - known):
        raise unknown(f"setting in {notebook.name}", name, known | set(GROUPS))
    return {name.upper() for name in names}


def _is_study(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == NAME and isinstance(node.ctx, ast.Load)
