"""A study of tiny notebooks that write what the real ones write, to drive the driver."""

from __future__ import annotations

import ast
import contextlib
import gc
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bbi_utils.study import run as driver
from bbi_utils.study.stages import STAGES
from bbi_utils.study.sweep import Run, plan_sweep

SPAWN = driver.spawn
HEAD = """
import json, os, sqlite3, time
from pathlib import Path
from bbi_utils.progress import progress
run = Path(RUN_DIR)
"""
STORE = """
folder = run / PAIR
folder.mkdir(exist_ok=True)
with sqlite3.connect(folder / "responses.sqlite") as store:
    store.execute("CREATE TABLE IF NOT EXISTS responses (arm TEXT PRIMARY KEY, answer TEXT)")
    store.execute("INSERT OR REPLACE INTO responses VALUES (?, ?)", (ARM, TEACHER))
"""
# A stage that is none of those below leaves its outputs.
OTHER = """
from bbi_utils.paths import RunPaths
for name in OUTPUTS:
    getattr(RunPaths(RUN_DIR, PAIR), name).write_text("1")
"""
CODE: dict[str, tuple[dict[str, Any], str]] = {
    "01_build_probes": (
        {"RUN_DIR": "runs/pocket", "SEED": 0, "N_PROBES": 5000},
        'assert list(run.glob("*/settings.json"))  # known before 01\n'
        '(run / "probes.jsonl").write_text(f"{SEED} {N_PROBES}")\n'
        '(run / "probes.card.md").write_text("card")',
    ),
    "02_sample_teacher": (
        {"RUN_DIR": "runs/pocket", "PAIR": "qwen", "TEACHER": "x", "SEED": 0},
        'ARM = "teacher"\n' + STORE + "for _ in progress(range(3), 'sampling', shown=False): pass",
    ),
    "03_distill_student": (
        {"RUN_DIR": "runs/pocket", "PAIR": "qwen", "STUDENT": "x", "TEACHER": "x", "EPOCHS": 3},
        'ARM = "distilled"\n' + STORE + '(folder / "adapter").mkdir(exist_ok=True)\n'
        '(folder / "adapter" / "weights").write_text(f"{EPOCHS}")\n'
        'for name in ("loss", "answers", "likelihoods"):\n    (folder / f"{name}.parquet").write_text("1")',
    ),
    "04_train_adversaries": (
        {"RUN_DIR": "runs/pocket", "PAIR": "qwen", "FOLDS": 3},
        'for name in ("similarity", "learned_scores", "removals"):\n'
        '    (run / PAIR / f"{name}.parquet").write_text(f"{FOLDS}")',
    ),
    "05_identify_teacher": (
        {"RUN_DIR": "runs/pocket", "PAIR": "qwen", "JUDGE": "x"},
        'for name in ("judgements", "scores"):\n    (run / PAIR / f"{name}.parquet").write_text("1")',
    ),
    "06_ask_many_questions": (
        {"RUN_DIR": "runs/pocket", "PAIR": "qwen", "QUERIES": [1, 2, 4, 8, 16, 32]},
        'for name in ("tests", "wealth"):\n    (run / PAIR / f"{name}.parquet").write_text("1")',
    ),
    "07_certify": (
        {"RUN_DIR": "runs/pocket", "PAIR": "qwen", "EPSILON": 0.1},
        'for name in ("certificate_base.json", "certificate_distilled.json", "recorded.jsonl"):\n'
        '    (run / PAIR / name).write_text("1")',
    ),
    "08_spend_query_budget": (
        {"RUN_DIR": "runs/pocket", "PAIR": "qwen", "BUDGETS": [40, 80]},
        '(run / PAIR / "budget.parquet").write_text(str(BUDGETS))',
    ),
    "09_make_figures": (
        {"RUN_DIR": "runs/pocket", "PAIRS": ["qwen", "llama"]},
        '(run / "figures").mkdir(exist_ok=True)\n'
        'said = "0.8,abstract,0.9 (ours),0.8 to 1.0,above 0,supported"\n'
        'rows = [f"paper,s,similar,{pair},{said}" for pair in PAIRS]\n'
        'names = "table,claim_id,claim,pair,reported,source,this run,interval,asked,verdict"\n'
        "text = chr(10).join([names, *rows])\n"
        '(run / "figures" / "claims.csv").write_text(text)\n'
        '(run / "figures" / "MANIFEST.json").write_text("[]")\nos.environ["HF_HUB_OFFLINE"]',
    ),
}


def write_notebook(path: Path, parameters: dict[str, Any], code: str) -> None:
    """A notebook with a tagged parameters cell and one code cell."""
    literals = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# Title"},
        code_cell("b", literals, tags=["parameters"]),
        code_cell("c", HEAD + code),
    ]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    whole = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(whole))


def code_cell(name: str, source: str, *, tags: list[str] | None = None) -> dict[str, Any]:
    """One code cell without outputs."""
    metadata = {"tags": tags} if tags else {}
    return {
        "cell_type": "code", "id": name, "metadata": metadata, "source": source, "outputs": [],
        "execution_count": None,
    }  # fmt: skip


def write_notebooks(folder: Path, **changed: str) -> Path:
    """A notebook for each stage; `changed` replaces the code of some, named like `n03`."""
    for stage in STAGES:
        parameters, code = CODE.get(stage.notebook, ({"RUN_DIR": "runs/pocket", "PAIR": "qwen"}, OTHER))
        code = code.replace("OUTPUTS", repr(stage.outputs))
        write_notebook(folder / f"{stage.notebook}.ipynb", parameters, changed.get(f"n{stage.number}", code))
    return folder


_kept: set[str] = set()


def keep_modules() -> None:
    """No collection of garbage need walk again through what new modules brought with them.

    Where a model is let go all garbage is collected, which beside all libraries takes most of a second.
    """
    if new := sys.modules.keys() - _kept:
        gc.collect()
        gc.freeze()
        _kept.update(new)


class Ended:
    """A process that has run a job: in truth this one did, without a kernel, which is much faster."""

    def __init__(self, job: Path) -> None:
        execute_here(job)

    def poll(self) -> int:
        return 0


@contextlib.contextmanager
def in_this_process(*, but: tuple[str, ...] = ()) -> Iterator[None]:
    """Notebooks run here, where the libraries are loaded already; those named `but` have their kernels."""

    def start(job: Path, log: Path, environment: dict[str, str]) -> Any:
        return SPAWN(job, log, environment) if job.name[:2] in but else Ended(job)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(driver, "spawn", start)
        yield
    pd.reset_option("^display")


def execute_here(job: Path) -> None:
    """What `bbi_utils.study.execute` does with a job; the executed copy holds what each cell printed."""
    task = json.loads(job.read_text())
    notebook = json.loads(Path(task["notebook"]).read_text())
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                run_cell("".join(cell["source"]), names)
            keep_modules()
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": said.getvalue()}]
            names |= task["parameters"] if "parameters" in cell["metadata"].get("tags", []) else {}
    Path(task["output"]).write_text(json.dumps(notebook))
    result = {"failure": None, "seconds": 0.1, "peak_memory_bytes": 2**25}
    job.with_suffix(".result.json").write_text(json.dumps(result))


def run_cell(source: str, names: dict[str, Any]) -> None:
    """Run a cell's statements; its last one, where it is an expression, is shown."""
    *statements, last = ast.parse(source).body or [ast.Pass()]
    exec(compile(ast.Module(statements, type_ignores=[]), "cell", "exec"), names)
    if isinstance(last, ast.Expr):
        shown = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
        print(getattr(shown, "_repr_html_", shown.__repr__)())
    else:
        exec(compile(ast.Module([last], type_ignores=[]), "cell", "exec"), names)


def write_model(folder: Path, text: str = "x") -> Path:
    """A folder that passes for a model's: a config and one tensor of two numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": text}))
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    return folder


def models(folder: Path) -> dict[str, str]:
    """Settings that name three such models."""
    return {role: str(write_model(folder / role, role)) for role in ("teacher", "student", "judge")}


def tiny_sweep(folder: Path, *, seeds: tuple[int, ...] = (0, 1), **changed: str) -> list[Run]:
    """The runs of a sweep of both pairs, with such notebooks."""
    settings = {**models(folder / "models"), "run_dir": str(folder / "runs")}
    notebooks = write_notebooks(folder / "notebooks", **changed)
    return plan_sweep("pocket", ("qwen", "llama"), seeds, [], settings, notebooks=notebooks, threads=1)
