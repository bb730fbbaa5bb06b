"""Commit a run: its figures into figures/PROFILE, a pocket run's outputs into the notebooks; bytes repeat."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.report.claims_text import read_claims
from bbi_utils.study.cells import code_hash, declared_parameters, read
from bbi_utils.study.cli.main import Parser, carried_out
from bbi_utils.study.execute import run_notebook
from bbi_utils.study.params import Study, load_study
from bbi_utils.study.stages import STAGES, make_task
from bbi_utils.study.verify import TOLERANCES, load_tolerances, read_table
from tools import notebooks
from tools.readme import README, refresh_readme

SHOWN = "pocket"  # the profile whose run the committed notebooks show


def check_defaults(notebook: Path, study: Study) -> None:
    """Raise BadInput where a notebook's own parameters are not those it was run with."""
    values = study.parameters()
    for name, default in declared_parameters(notebook).items():
        if name in values and values[name] != default:
            says = f"{notebook.name} says {name} = {default!r}"
            raise BadInput(f"{says}, profile '{study.profile}' {values[name]!r}; make them agree, run again")


def executed_copy(notebook: Path, study: Study) -> Path:
    """The executed copy of a stage's notebook; any other, whose parameters are its own, is executed now."""
    stage = next((stage for stage in STAGES if stage.notebook == notebook.stem), None)
    if stage is not None:
        check_defaults(notebook, study)
        return make_task(stage, study, notebook.parent).executed
    copy = paths.RunPaths(study.run_dir).folder / "executed" / notebook.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    failure = run_notebook({"notebook": str(notebook), "output": str(copy), "parameters": {}})
    if failure:
        raise BadInput(f"{notebook.name} fails in cell In [{failure['cell']}]: {failure['message']}")
    return copy


def refresh_notebooks(study: Study, folder: Path = paths.NOTEBOOKS) -> list[Path]:
    """Put the outputs of the run of `study` into the notebooks; returns those that changed."""
    sources = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    copies = {}
    for path in sources:  # all are checked before the first is written
        copies[path] = executed_copy(path, study)
        if code_hash(read(path)) != code_hash(read(copies[path])):
            raise BadInput(f"{path.name} has changed since it was run; `make reproduce`, then `make refresh`")
    return [path for path, copy in copies.items() if notebooks.refresh(copy, path, root=paths.ROOT)]


def refresh_figures(run: paths.RunPaths, figures: Path) -> None:
    """Replace the committed figures and tables by the run's, and the expected tables with them."""
    read_claims(run.claims)  # a run that did not get that far replaces nothing
    begin_expected(figures / "expected")
    save_expected(run.figures, figures / "expected")
    for old in figures.iterdir():
        if old.is_file():
            old.unlink()
    for file in sorted(run.figures.iterdir()):
        if file.is_file() and not file.name.startswith("."):
            shutil.copyfile(file, figures / file.name)


def begin_expected(expected: Path) -> None:
    """Tolerances for a profile of which nothing was kept yet: the pocket run's, to be looked at."""
    file = expected / TOLERANCES
    if not file.is_file():
        expected.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(paths.committed(SHOWN) / "expected" / TOLERANCES, file)
        print(f"{paths.shown(file)} begins as that of profile {SHOWN!r}: see whether it fits this run")


def save_expected(tables: Path, expected: Path) -> None:
    """Make a run's tables the expected ones: those that `tolerances.yaml` names."""
    rules = load_tolerances(expected / TOLERANCES)
    for name, rule in rules.items():  # all are there before the first is replaced
        read_table(tables / name, rule["keys"])
    for name in rules:
        shutil.copyfile(tables / name, expected / name)


def refresh(study: Study) -> None:
    """Notebooks (a pocket run's), figures and the README's numbers from a run; prints what changed."""
    figures = paths.committed(study.profile)
    changed = refresh_notebooks(study) if study.profile == SHOWN else []
    refresh_figures(paths.RunPaths(study.run_dir), figures)
    refresh_readme(study)
    for path in (*changed, figures, README):
        print(paths.shown(path))


def run_refresh(options: argparse.Namespace) -> int:
    """Takes the pairs that the run's claims are about, and the notebooks' outputs of the first."""
    run_dir = options.run_dir or f"runs/{options.profile}"
    pairs = list(dict.fromkeys(row["pair"] for row in read_claims(paths.RunPaths(run_dir).claims)))
    refresh(load_study(options.profile, pairs[0], {"run_dir": run_dir}, pairs=pairs))
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m tools.refresh`."""
    text = "Put a run's figures into the repository, and a pocket run's outputs into the notebooks."
    command = Parser(prog="python -m tools.refresh", description=text)
    command.add_argument("--profile", default="pocket", help="whose run to take (default: %(default)s)")
    command.add_argument("--run-dir", metavar="DIR", help="its folder (default: runs/PROFILE)")
    command.set_defaults(run=run_refresh)
    return command


if __name__ == "__main__":
    sys.exit(carried_out(parser()))
