"""Settings: made in one notebook, read by the later ones, and counted in what their results depend on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tiny_study

from bbi_utils import paths
from bbi_utils.distillation import LoraSettings
from bbi_utils.errors import BadInput
from bbi_utils.oracles import Sampling
from bbi_utils.study.params import load_study
from bbi_utils.study.settings import GROUPS, begin_study, open_study, settings_used, write_settings
from bbi_utils.study.stages import STAGES, Stage, made_from, make_task


def opened(folder: Path, **parameters: Any) -> dict[str, Any]:
    """The globals of a notebook with these parameters."""
    return {"RUN_DIR": str(folder), "PAIR": "qwen", "Path": Path, **parameters}


def notebook_with(code: str, folder: Path, **parameters: Any) -> Path:
    path = folder / "n.ipynb"
    tiny_study.write_notebook(path, {"RUN_DIR": "runs/pocket", "PAIR": "qwen", **parameters}, code)
    return path


def test_a_later_notebook_finds_what_an_earlier_one_was_set_to(tmp_path: Path) -> None:
    first = begin_study(opened(tmp_path, TEMPERATURE=0.1, TEACHER="mine"), device="cuda")
    assert (first.temperature, first.teacher, first.device) == (0.1, "mine", "cuda")
    assert first.max_new_tokens == load_study("pocket").max_new_tokens  # nobody has set it
    later = open_study(opened(tmp_path, EPOCHS=9))
    assert (later.temperature, later.teacher, later.device, later.epochs) == (0.1, "mine", "cuda", 9)
    assert begin_study(opened(tmp_path, TEMPERATURE=0.2)).epochs == 9
    assert open_study(opened(tmp_path)).temperature == 0.2
    assert later.run == paths.RunPaths(str(tmp_path), "qwen")


def test_what_says_where_a_run_lies_is_no_setting(tmp_path: Path) -> None:
    begin_study(opened(tmp_path))
    assert not {"RUN_DIR", "PAIR", "PAIRS", "PROFILE"} & set(
        json.loads((tmp_path / "qwen/settings.json").read_text())
    )


def test_a_notebook_without_a_run_says_what_to_run_first(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no run of the pair 'qwen'; run .* or `make reproduce`, first"):
        open_study(opened(tmp_path))
    with pytest.raises(BadInput, match="unknown parameter in begin_study 'devise'; did you mean 'device'"):
        begin_study(opened(tmp_path), devise="cuda")
    with pytest.raises(BadInput, match="TEMPERATURE in this notebook is 'hot'; expected number"):
        begin_study(opened(tmp_path, TEMPERATURE="hot"))
    assert not (tmp_path / "qwen").exists()


def test_what_the_driver_writes_is_what_a_notebook_reads(tmp_path: Path) -> None:
    study = load_study("pocket", "llama", {"seed": 3, "lora_targets": ["q_proj"]})
    write_settings(paths.RunPaths(str(tmp_path), "qwen"), study.parameters())
    before = (tmp_path / "qwen/settings.json").stat().st_mtime_ns
    read = open_study(opened(tmp_path, SEED=3))
    assert (read.seed, read.teacher, read.lora_targets) == (3, study.teacher, ["q_proj"])
    assert (tmp_path / "qwen/settings.json").stat().st_mtime_ns == before


def test_groups_are_what_they_are_made_for(tmp_path: Path) -> None:
    own = {"SEED": 4, "LORA_R": 2, "STUDENT_REVISION": "main", "TEACHER_SYSTEM_PROMPT": "Be brief."}
    study = begin_study(opened(tmp_path, **own))
    assert Sampling(**study.student_sampling) == Sampling(0.7, 1.0, 80, seed=4)
    assert Sampling(**study.teacher_sampling) == Sampling(0.7, 1.0, 80, seed=4, system_prompt="Be brief.")
    settings = LoraSettings(**study.lora)
    assert (settings.r, settings.revision, settings.batch_size) == (2, "main", study.train_batch_size)
    assert study.place == {"dtype": study.dtype, "device": study.device}
    with pytest.raises(BadInput, match="unknown setting 'epoch'; did you mean 'epochs'"):
        _ = study.epoch


def test_what_a_notebook_takes_is_read_off_its_code(tmp_path: Path) -> None:
    path = notebook_with(
        "study = open_study(globals())\nprint(study.folds, study.place, study.run)", tmp_path
    )
    assert settings_used(path) == {"FOLDS", "DTYPE", "DEVICE"}
    assert settings_used(notebook_with("print(1)", tmp_path)) == set()
    with pytest.raises(BadInput, match="unknown setting in n.ipynb 'fold'; did you mean 'folds'"):
        settings_used(notebook_with("study.fold", tmp_path))
    with pytest.raises(BadInput, match="hands `study` on as a whole"):
        settings_used(notebook_with("f(study)", tmp_path))


@pytest.mark.parametrize(("setting", "changed"), [("folds", 5), ("epochs", 4), ("seed", 1)])
def test_a_stage_depends_on_a_setting_that_its_notebook_only_reads(
    tmp_path: Path, setting: str, changed: object
) -> None:
    notebook_with("study = open_study(globals())\nprint(study.folds, study.seed)", tmp_path, EPOCHS=3)
    stage = Stage("n", "pair", (), inputs=(), outputs=(), seconds=1)
    models = tiny_study.models(tmp_path / "models") | {"run_dir": str(tmp_path)}
    tasks = [
        make_task(stage, load_study("pocket", "qwen", {**models, **more}), tmp_path)
        for more in ({}, {setting: changed}, {"budget_seeds": 7})
    ]
    before, after, other = map(made_from, tasks)
    assert {name for name in before if before[name] != after[name]} == {f"parameter: {setting.upper()}"}
    assert other == before and set(tasks[0].parameters) == {"RUN_DIR", "PAIR", "EPOCHS"}


def test_no_setting_is_made_in_two_notebooks_of_a_pair() -> None:
    """SEED is made for the suite in 01 and for the pair in 02; 09 stands over all pairs."""
    study = load_study("pocket", "qwen")
    tasks = [make_task(stage, study) for stage in STAGES if stage.scope == "pair"]
    made = [name for task in tasks for name in task.parameters if name not in ("RUN_DIR", "PAIR")]
    assert len(made) == len(set(made))
    for task in tasks[1:]:  # and is read in none before
        earlier = {name for one in tasks if one.stage.number < task.stage.number for name in one.settings}
        assert not earlier & task.parameters.keys(), task.stage.notebook


def test_groups_name_settings_that_exist() -> None:
    known = {name.lower() for name in load_study("pocket").parameters()}
    assert all(set(group.values()) <= known for group in GROUPS.values())
