"""The rooms: few on the top floor, small modules, imports that go one way, and a checker that says so."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bbi_utils import paths

ROOMS, FILES, LINES = 8, 8, 350
PACKAGES = [paths.ROOT / name for name in ("bbi_utils", "pocket", "tools", "docs")]
MODULES = [file for package in PACKAGES for file in package.rglob("*.py")]
UPWARD = "import bbi_utils.study.stages  # planted\n"


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """The checker of `make lint`, run on the packages under `root`."""
    check = "from importlinter.cli import lint_imports_command as check; check()"
    command = [sys.executable, "-c", check, "--no-cache"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of all Python that the checker looks at, and of its contracts."""
    for file in MODULES:
        (copy := tmp_path / file.relative_to(paths.ROOT)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    shutil.copy(paths.ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_import_goes_down_and_none_in_a_circle(house: Path) -> None:
    done = lint_imports(house)
    assert done.returncode == 0 and "2 kept, 0 broken" in done.stdout, done.stdout


@pytest.mark.parametrize("where", ["games/certificate.py", "oracles/base.py", "report/claims.py"])
def test_a_planted_upward_import_fails_the_checker(house: Path, where: str) -> None:
    module = house / "bbi_utils" / where
    text = module.read_text(encoding="utf-8")
    # Inside a function too: an import that only runs later is an import.
    module.write_text(f"{text}\n\ndef planted() -> None:\n    {UPWARD}", encoding="utf-8")
    done = lint_imports(house)
    name = f"bbi_utils.{where.removesuffix('.py').replace('/', '.')} -> bbi_utils.study.stages"
    assert done.returncode == 1 and name in done.stdout, done.stdout


def test_a_planted_circle_fails_the_checker(house: Path) -> None:
    module = house / "bbi_utils" / "games" / "folds.py"
    module.write_text(f"import bbi_utils.games.certificate\n{module.read_text()}", encoding="utf-8")
    base = house / "bbi_utils" / "games" / "certificate.py"
    base.write_text(f"import bbi_utils.games.folds\n{base.read_text()}", encoding="utf-8")
    assert lint_imports(house).returncode == 1


def test_the_top_floor_is_small_and_no_module_is_long() -> None:
    there = [path for path in paths.PACKAGE.iterdir() if path.name != "__pycache__"]
    assert len([path for path in there if path.is_dir()]) <= ROOMS
    assert len([path for path in there if path.suffix == ".py"]) <= FILES
    long = {str(file): n for file in MODULES if (n := len(file.read_text().splitlines())) > LINES}
    assert not long
