"""The solutions of the exercises run, and print what they are kept with."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from bbi_utils import paths
from bbi_utils.study.cells import code_cells, read

SOLUTIONS = sorted((paths.NOTEBOOKS / "solutions").glob("*.ipynb"))
EXERCISE = re.compile(r"^\*\*Exercise (\d)\.\*\*.*\]\(solutions/((\d)_\w+)\.ipynb\)", re.MULTILINE)
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


def numbers(text: str) -> list[float]:
    return [float(number.replace(",", "")) for number in NUMBER.findall(text)]


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_a_solution_runs_and_prints_what_is_kept(path: Path) -> None:
    """Words to the letter; numbers nearly, for processors round differently."""
    names: dict[str, object] = {"__name__": path.stem}
    for cell in code_cells(read(path)):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(cell["source"], path.name, "exec"), names)
        kept = "".join(output["text"] for output in cell["outputs"])
        assert NUMBER.sub("#", printed.getvalue()) == NUMBER.sub("#", kept)
        assert numbers(printed.getvalue()) == pytest.approx(numbers(kept), rel=0.05, abs=0.02)


def test_every_exercise_has_its_solution_and_every_solution_its_exercise() -> None:
    """Numbered in the order of the notebooks."""
    found = []
    for path in sorted(paths.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        text = "\n".join(cell["source"] for cell in read(path)["cells"] if cell["cell_type"] == "markdown")
        found += EXERCISE.findall(text)
    assert [number for number, *_ in found] == [number for *_, number in found] == list("1234")
    assert [name for _, name, _ in found] == [path.stem for path in SOLUTIONS]
