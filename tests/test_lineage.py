"""What a notebook declares and reaches."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_study

from bbi_utils.errors import BadInput
from bbi_utils.study.lineage import declared_parameters, direct_imports, lineage


def test_declared_parameters_are_the_tagged_cell_s_literals(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    tiny_study.write_notebook(path, {"SEED": 0, "BUDGETS": [1, 2], "JUDGE": None}, "OTHER = 1")
    assert declared_parameters(path) == {"SEED": 0, "BUDGETS": [1, 2], "JUDGE": None}


@pytest.mark.parametrize("line", ["seed = 1", "SEED = int(1)", "import os", "A, B = 1, 2"])
def test_anything_else_in_the_parameters_cell_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "n.ipynb"
    tiny_study.write_notebook(path, {"SEED": 0}, "")
    path.write_text(path.read_text().replace("SEED = 0", line))
    with pytest.raises(BadInput, match="expected UPPER_CASE = literal"):
        declared_parameters(path)


def test_lineage_follows_imports_and_only_those(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    tiny_study.write_notebook(path, {}, "from bbi_utils.study.stages import STAGES\n%matplotlib inline")
    names = lineage(path).keys()
    # progress is in the notebook's first lines; provenance is reached through stages.
    assert {
        "n.ipynb",
        "bbi_utils",
        "bbi_utils.study.stages",
        "bbi_utils.provenance",
        "bbi_utils.progress",
    } <= names
    assert "bbi_utils.study.run" not in names and "bbi_utils.study.display" not in names


def test_lineage_changes_with_code_and_not_with_prose(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    tiny_study.write_notebook(path, {}, "x = 1")
    first = lineage(path)
    path.write_text(path.read_text().replace("# Title", "# Another"))
    assert lineage(path) == first
    path.write_text(path.read_text().replace("x = 1", "x = 2"))
    assert lineage(path) != first


def test_imports_inside_functions_and_relative_names_count() -> None:
    assert "bbi_utils.oracles.local" in direct_imports("bbi_utils.oracles")
    assert "bbi_utils.oracles" in direct_imports("bbi_utils.oracles.local")


def test_a_notebook_that_is_not_python_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    tiny_study.write_notebook(path, {}, "x = = 1")
    with pytest.raises(BadInput, match="not Python"):
        lineage(path)
