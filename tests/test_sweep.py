"""Sweeps without Ray: which runs, one after the other, continued; and that Ray is never imported unasked."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from tiny_study import tiny_sweep

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.study import cluster
from bbi_utils.study.cli.main import main
from bbi_utils.study.sweep import in_short, plan_sweep, spread, sweep, table_of


def test_a_run_for_every_pair_seed_and_budget_in_a_folder_of_its_own() -> None:
    runs = plan_sweep("pocket", ["qwen"], [0, 7], [40, 200], {"run_dir": "runs/mine"})
    assert [run.folder.name for run in runs] == [
        f"qwen-seed{seed}-budget{budget}" for seed in (0, 7) for budget in (40, 200)
    ]
    assert {run.folder.parent for run in runs} == {paths.ROOT / "runs" / "mine"}
    # Of the budgets that 08 spends those stay for which there are answers.
    assert [run.settings["budgets"] for run in runs[:2]] == [[16, 32], [16, 32, 64, 128]]
    assert not (paths.ROOT / "runs" / "mine").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--seeds", "0", "x"], "--seeds: found 'x'; expected whole numbers"),
        (["--seeds", "1,1"], "named twice"),
        (["--set", "seed=1"], "a sweep sets SEED itself"),
        (["--pairs", "quen"], "did you mean 'qwen'?"),
        (["--budgets", "9999"], "N_DISTILL asks for 9999"),
    ],
)
def test_what_cannot_work_is_one_line_before_anything_runs(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", "--no-ray", *options]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_runs_one_by_one_are_continued_and_put_together(tmp_path: Path, quick: None) -> None:
    runs = tiny_sweep(tmp_path)
    carried, outcomes = zip(*sweep(runs), strict=True)
    assert list(carried) == runs and not any(outcome.failure for outcome in outcomes)
    table = table_of(runs)
    assert table[["pair", "seed"]].drop_duplicates().to_numpy().tolist() == [
        ["qwen", 0], ["qwen", 1], ["llama", 0], ["llama", 1]
    ]  # fmt: skip
    assert "supported" in in_short(table) and "2 supported" in in_short(table)
    made = {file: file.read_bytes() for file in tmp_path.rglob("*.parquet")}
    shutil.rmtree(runs[1].folder / "qwen" / "stages")
    assert not any(outcome.failure for _, outcome in sweep(runs))
    assert {file: file.read_bytes() for file in tmp_path.rglob("*.parquet")} == made
    ran = [": done in" in (run.folder / "log.txt").read_text() for run in runs]
    assert ran == [False, True, False, False]


def test_a_run_that_fails_does_not_stop_the_others(tmp_path: Path, quick: None) -> None:
    runs = tiny_sweep(tmp_path)
    (runs[0].folder).mkdir(parents=True)
    (runs[0].folder / "qwen").write_text("in the way of the pair's folder")
    failures = [outcome.failure for _, outcome in sweep(runs)]
    assert "qwen" in failures[0] and failures[1:] == ["", "", ""]


def test_numbers_of_several_seeds_are_a_median_and_a_range() -> None:
    assert spread(["0.4 (length, single)", "0.1 (length, single)", "+0.2"]) == "0.2 (0.1 to 0.4)"
    assert spread(["61% (ensemble)"]) == "61" and spread(["refuted (length)", "0.1"]) == ""
    rows = [("a", "is it so", "qwen", seed, 40, f"0.{seed}", "supported") for seed in (1, 2, 3)]
    table = pd.DataFrame(rows, columns=["claim_id", "claim", "pair", "seed", "budget", "this run", "verdict"])
    assert "0.2 (0.1 to 0.3)" in in_short(table) and "3 supported" in in_short(table)


def test_without_ray_its_option_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "is_installed", lambda: False)
    with pytest.raises(BadInput, match=r"Ray is not installed; `pip install -e '.\[cluster\]'`"):
        next(cluster.OnRay()(len, ["a"]))


def test_ray_is_imported_by_one_function_alone() -> None:
    found = []
    for file in (paths.ROOT / "bbi_utils").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found += [file.name for name in names if name.partition(".")[0] == "ray"]
    assert found == ["cluster.py"]


def test_commands_without_ray_never_load_it(tmp_path: Path) -> None:
    """A package `ray` stands ready that ends whoever imports it."""
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "__init__.py").write_text("raise SystemExit('ray was imported')")
    rows = [{"model": model, "prompt": f"Question {i}?", "answer": f"{model} says {i}"}
            for i in range(40) for model in "abc"]  # fmt: skip
    (tmp_path / "said.jsonl").write_text("\n".join(map(json.dumps, rows)))
    out = str(tmp_path / "out")
    commands = [
        ["audit", str(tmp_path / "said.jsonl"), "--epsilon", "0.1", "--all-pairs", "--out", out],
        ["sweep", "--seeds", "0", "1", "--dry-run"],
    ]
    code = f"from bbi_utils.study.cli.main import main; print([main(one) for one in {commands!r}])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(paths.ROOT)])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0 and done.stdout.endswith("[1, 0]\n"), done.stdout + done.stderr
    asked = code.replace("'--dry-run'", "'--ray', '--set', 'run_dir=" + str(tmp_path / "runs") + "'")
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, env=environment)
    assert done.returncode == 1 and "ray was imported" in done.stderr  # so it would have been seen


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_passes_pairs_seeds_and_budgets(tmp_path: Path) -> None:
    (tmp_path / ".ready").touch()
    given = ["PAIRS=qwen llama", "SEEDS=0 1", "BUDGETS=40 80", "RAY=0", "EPOCHS=1"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "-n", "sweep", f"VENV={tmp_path}", *given]
    done = subprocess.run(command, capture_output=True, text=True, cwd=paths.ROOT, check=True, env=clean)
    line = " ".join(done.stdout.replace("\\\n", " ").split())
    options = "--pairs qwen llama --seeds 0 1 --budgets 40 80 --no-ray --set EPOCHS='1'"
    assert line.endswith(f"bbi_utils sweep --profile 'pocket' {options}")
