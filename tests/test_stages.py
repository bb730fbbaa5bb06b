"""What a stage is made from: it declares the rooms that it reaches, and nothing shown reaches a file."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grimp
import pytest
import tiny_study

import bbi_utils
from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.oracles import Answer
from bbi_utils.oracles.base import fingerprint_of
from bbi_utils.probes import Probe, load_probes
from bbi_utils.responses.sampling import sample
from bbi_utils.responses.store import ResponseStore
from bbi_utils.study.cells import code_cells, code_hash, declared_parameters, read
from bbi_utils.study.stages import ASIDE, SETTINGS, STAGES, STORE, Stage

READ_AS_DATA = {"bbi_utils.report.planted": "pocket/planted.yaml"}  # no import leads there
BEFORE_THE_REPORT = [stage for stage in STAGES if "bbi_utils/report" not in stage.rooms]


def test_declared_parameters_are_the_tagged_cell_s_literals(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    given = {"SEED": 0, "BUDGETS": [1, 2], "JUDGE": None, "URL": "https://host/v1#model"}
    tiny_study.write_notebook(path, given, "OTHER = 1")
    assert declared_parameters(path) == given


@pytest.mark.parametrize("line", ["seed = 1", "SEED = int(1)", "import os", "A, B = 1, 2", "SEED += 1"])
def test_anything_else_in_the_parameters_cell_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "n.ipynb"
    tiny_study.write_notebook(path, {"SEED": 0}, "")
    path.write_text(path.read_text().replace("SEED = 0", line))
    with pytest.raises(BadInput, match="expected UPPER_CASE = literal"):
        declared_parameters(path)


def test_a_parameters_cell_that_is_not_python_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    tiny_study.write_notebook(path, {"SEED": 0}, "")
    path.write_text(path.read_text().replace("SEED = 0", "x = = 1"))
    with pytest.raises(BadInput, match="not Python"):
        declared_parameters(path)


def test_the_code_s_hash_changes_with_code_and_not_with_prose(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    tiny_study.write_notebook(path, {}, "x = 1")
    first = code_hash(read(path))
    path.write_text(path.read_text().replace("# Title", "# Another"))
    assert code_hash(read(path)) == first
    path.write_text(path.read_text().replace("x = 1", "x = 2"))
    assert code_hash(read(path)) != first


def code_of(stage: Stage) -> ast.Module:
    """All the code of a stage's notebook."""
    cells = code_cells(read(paths.NOTEBOOKS / f"{stage.notebook}.ipynb"))
    return ast.parse("\n".join(cell["source"] for cell in cells))


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Who imports whom, inside functions too."""
    return grimp.build_graph("bbi_utils", "pocket", cache_dir=None)


def origin(node: ast.ImportFrom, alias: ast.alias) -> str:
    """Where a name comes from: a module, or a module and a name in it."""
    lazy = bbi_utils.PUBLIC.get(alias.name) if node.module == "bbi_utils" else None
    if lazy is None or alias.name in bbi_utils.MODULES:
        return lazy or f"{node.module}.{alias.name}"
    return f"{lazy}.{alias.name}"


def imported(tree: ast.Module, modules: set[str]) -> Iterator[str]:
    """The modules of this repository that some code imports names from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in ("bbi_utils", "pocket"):
            for alias in node.names:
                inner = origin(node, alias)
                yield inner if inner in modules else inner.rpartition(".")[0]
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)


def with_packages(names: set[str]) -> set[str]:
    """The modules and every package that they lie in: importing one runs those too."""
    return {".".join(name.split(".")[:depth]) for name in names for depth in range(1, name.count(".") + 2)}


def reached(start: set[str], graph: grimp.ImportGraph) -> set[str]:
    """Every module that importing these can lead to."""
    found, more = set(), with_packages(start)
    while more - found:
        found |= more
        more = with_packages(set().union(*(graph.find_modules_directly_imported_by(name) for name in found)))
    return found


def room_of(module: str) -> str | None:
    """The room's folder or file; None for what stands at the top and counts for every stage.

    Of `study` only the notebooks' settings count, and what they are set to by itself.
    """
    if module.startswith("bbi_utils.study"):
        return SETTINGS if module == "bbi_utils.study.settings" else None
    path = Path(*module.split(".")[:2])
    if len(path.parts) < 2 or (path.parts[0] == "bbi_utils" and not (paths.ROOT / path).is_dir()):
        return None
    return str(path if (paths.ROOT / path).is_dir() else path.with_suffix(".py"))


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.number)
def test_a_stage_declares_the_rooms_that_it_reaches_and_no_other(
    stage: Stage, graph: grimp.ImportGraph
) -> None:
    start = set(imported(code_of(stage), graph.modules))
    if stage in BEFORE_THE_REPORT:  # what these show changes no file: the next test
        start = {name for name in start if not name.startswith("bbi_utils.report")}
    rooms = {room for room in map(room_of, reached(start, graph)) if room}
    rooms |= {room for module, room in READ_AS_DATA.items() if module in reached(start, graph)}
    assert rooms == set(stage.rooms)
    assert all((paths.ROOT / room).exists() for room in stage.rooms)
    assert all((paths.PACKAGE / name).exists() for name in ASIDE)


def names_in(node: ast.AST) -> set[str]:
    """Every name that a piece of code mentions."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def flows(node: ast.AST) -> tuple[set[str], set[str]]:
    """From which names to which a statement moves something: `x = y`, `for x in y`, `x.append(y)`."""
    match node:
        case ast.Assign(targets, value):
            return names_in(value), set().union(*map(names_in, targets))
        case ast.AugAssign(target, _, value) | ast.NamedExpr(target, value) | ast.For(target, value):
            return names_in(value), names_in(target)
        case ast.withitem(value, ast.AST() as target):
            return names_in(value), names_in(target)
        case ast.Expr(ast.Call(ast.Attribute(_, "set_option"))):  # how pandas prints is in no file
            return set(), set()
        case ast.Expr(ast.Call(ast.Attribute(owner)) as call):
            return names_in(call), names_in(owner)
    return set(), set()


def shown_only(tree: ast.Module) -> set[str]:
    """Every name that may hold something made with `report`, whatever the order of the cells."""
    found = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if origin(node, alias).startswith("bbi_utils.report")
    }
    moves = [flows(node) for node in ast.walk(tree)]
    while more := set().union(*(to for of, to in moves if of & found)) - found:
        found |= more
    return found


def writes(tree: ast.Module, stage: Stage) -> list[ast.stmt]:
    """The statements that mention a file which the stage leaves (`run.scores`, `run.certificate(…)`)."""
    names = {*stage.outputs, "certificate"} - set(stage.inputs)
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, (ast.Expr, ast.Assign))
        for part in ast.walk(node)
        if isinstance(part, ast.Attribute) and names_in(part.value) == {"run"} and part.attr in names
    ]


@pytest.mark.parametrize("stage", BEFORE_THE_REPORT, ids=lambda stage: stage.number)
def test_nothing_made_with_the_report_reaches_a_file_of_an_earlier_stage(stage: Stage) -> None:
    tree = code_of(stage)
    shown = shown_only(tree)
    assert [ast.unparse(node) for node in writes(tree, stage) if names_in(node) & shown] == []
    assert writes(tree, stage)


def test_what_is_shown_is_followed_through_the_cells() -> None:
    code = (
        "from bbi_utils import summaries\nrates = summaries.rates(x)\nrows = []\n"
        "for row in rates: rows.append(row)\n"
        "table = f(rows)\ntable.to_parquet(run.budget)\nclean.save(run.budget)"
    )
    tree = ast.parse(code)
    assert {"rates", "row", "rows", "table"} <= shown_only(tree) and "clean" not in shown_only(tree)
    assert len(writes(tree, next(stage for stage in STAGES if stage.number == "08"))) == 2


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.number)
def test_a_stage_declares_the_files_that_its_notebook_names(stage: Stage) -> None:
    files = {name for name, file in vars(paths.RunPaths).items() if isinstance(file, paths.RunFile)}
    named = {
        node.attr
        for node in ast.walk(code_of(stage))
        if isinstance(node, ast.Attribute) and names_in(node.value) == {"run"} and node.attr in files
    }
    # Times are no result, and a store that spares asking twice is no input to what it does not fill.
    aside = {"costs"} if STORE in stage.inputs + stage.outputs else {"costs", STORE}
    assert named - aside <= {*stage.inputs, *stage.outputs}
    if stage in BEFORE_THE_REPORT:
        assert set(stage.inputs) <= named


class Counting:
    """An oracle without a model that counts what it is asked."""

    name, settings, fingerprint = "counting", {"kind": "counting"}, fingerprint_of({"kind": "counting"})

    def __init__(self) -> None:
        self.asked: list[str] = []

    def check(self, requests: Any) -> None:
        pass

    def answer(self, requests: Any) -> list[Answer]:
        self.asked += [request.prompt_id for request in requests]
        return [Answer(request.prompt_id, "yes", "stop", 1, 1, 0.0) for request in requests]


def suite_of(folder: Path) -> list[Probe]:
    """The suite that the copy of the package in a folder builds."""
    file = folder / "probes.jsonl"
    code = f"from bbi_utils import probes; probes.save_probes({str(file)!r}, probes.build_suite(n=600))"
    subprocess.run([sys.executable, "-B", "-c", code], cwd=folder, check=True)
    return load_probes(file)


def test_after_one_word_of_a_template_only_new_prompts_are_asked(tmp_path: Path) -> None:
    shutil.copytree(paths.PACKAGE, tmp_path / "bbi_utils", ignore=shutil.ignore_patterns("__pycache__"))
    before = suite_of(tmp_path)
    word, other = "What is the capital of", "What is the chief city of"
    templates = (tmp_path / "bbi_utils" / "probes" / "templates").glob("*.*")
    files = [file for file in templates if word in file.read_text()]
    for file in files:
        file.write_text(file.read_text().replace(word, other))
    after = suite_of(tmp_path)
    new = {probe.id for probe in after} - {probe.id for probe in before}
    oracle = Counting()  # in batches of one, for a batch in which an answer is missing is computed whole
    with ResponseStore(tmp_path / "responses.sqlite") as store:
        sample(oracle, before, store, batch_size=1, progress=False)
        oracle.asked.clear()
        sample(oracle, after, store, batch_size=1, progress=False)
        assert files and sorted(oracle.asked) == sorted(new) and 0 < len(new) < len(after) / 2
        sample(oracle, after, store, batch_size=1, progress=False)
        assert len(oracle.asked) == len(new)


def test_a_notebook_cell_s_source_may_be_lines(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    tiny_study.write_notebook(path, {"SEED": 0}, "x = 1\ny = 2")
    whole, text = code_hash(read(path)), json.loads(path.read_text())
    for cell in text["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)
    path.write_text(json.dumps(text))
    assert code_hash(read(path)) == whole
