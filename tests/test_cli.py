"""The commands: help, one line for bad input, exit statuses, and make's way of passing parameters."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_params import TEXTS

import bbi_utils
from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.provenance import patience
from bbi_utils.study.cli.main import main
from bbi_utils.study.run import environment_of


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as a user runs it."""
    command = [sys.executable, "-m", "bbi_utils", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=paths.ROOT, check=False)


@pytest.mark.parametrize(
    "command", [[], ["reproduce"], ["claims"], ["export"], ["import"], ["verify"], ["play"]]
)
def test_everything_has_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([*command, "--help"])
    assert end.value.code == 0 and "usage: python -m bbi_utils" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reprodcue"], "invalid choice"),
        ([], "COMMAND"),
        (["reproduce", "--prfile", "x"], "unrecognized arguments"),
        (["reproduce", "--set", "seed"], "expected name=value"),
        (["reproduce", "--set", "sed=1"], "did you mean 'seed'"),
        (["reproduce", "--profile", "papre", "--dry-run"], "did you mean 'paper'"),
        (["reproduce", "--profile", "paper", "--pair", "qwen,qwen", "--dry-run"], "name each pair once"),
        (["verify", "--run-dir", "runs/no-such-run"], "`make reproduce` writes it"),
        (["verify", "--profile", "mine"], "no results of profile 'mine' are kept"),
        (["claims", "--run-dir", "runs/no-such-run"], "holds no run of any pair"),
        (["claims", "--run-dir", "runs/no-such-run", "--pair", "x"], "x/similarity.parquet: no such table"),
    ],
)
def test_bad_input_is_one_line_on_stderr_and_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and message in said.err


def test_a_dry_run_prints_the_plan_and_writes_nothing() -> None:
    before = sorted(paths.ROOT.glob("runs/*"))
    done = run("reproduce", "--profile", "paper", "--pair", "qwen", "--dry-run")
    assert done.returncode == 0 and done.stderr == ""
    for words in ("Qwen/Qwen2.5-7B-Instruct", "7.62 B", "generations", "new tokens", "GB"):
        assert words in done.stdout
    assert sorted(paths.ROOT.glob("runs/*")) == before


def test_a_warning_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    there = ["--set", "teacher=http://10.0.0.5:8000/v1#big", "--set", "teacher_4bit=false"]
    command = [sys.executable, "-m", "bbi_utils", "reproduce", "--pair", "qwen", "--dry-run", *there]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.startswith("warning: big at 10.0.0.5:8000: over http:// the API key")
    assert done.stderr.count("\n") == 1 and "canary" not in done.stderr + done.stdout


def test_a_failed_stage_is_1_and_a_stop_is_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bbi_utils.study import run as reproduce

    outcomes: list[tuple[BaseException, int]] = [
        (reproduce.StageFailed("notebook x", status=1), 1),
        (reproduce.StageFailed("bad", status=2), 2),
        (BadInput("bad"), 2),
        (OSError(28, "No space left on device", "x"), 2),
        (KeyboardInterrupt(), 130),
    ]
    for error, status in outcomes:

        def fail(*_: object, error: BaseException = error, **__: object) -> None:
            raise error

        monkeypatch.setattr(reproduce, "reproduce", fail)
        assert main(["reproduce"]) == status
        assert capsys.readouterr().err.count("\n") == 1


def test_trouble_without_a_file_is_not_called_writing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bbi_utils.study.cli.main import trouble

    assert str(trouble(OSError(28, "No space left on device"))).startswith("writing: No space left")
    assert str(trouble(FileNotFoundError(2, "No such file"))).startswith("a file or a connection: No such")


def test_an_ascii_terminal_and_an_odd_backend_stop_nothing() -> None:
    """Characters that it lacks are shown as question marks."""
    odd = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C", "MPLBACKEND": "nonsense"}
    model = {"TEACHER_SYSTEM_PROMPT": "naïve 漢"}
    command = [sys.executable, "-m", "bbi_utils", "reproduce", "--pair", "qwen", "--dry-run"]
    for name, value in model.items():
        command += ["--set", f"{name}={value}"]
    done = subprocess.run(
        command, env={**os.environ, **odd}, capture_output=True, text=True, cwd=paths.ROOT, check=False
    )
    assert done.returncode == 0 and "Traceback" not in done.stderr and "generations" in done.stdout
    draws = "__import__('matplotlib') and (print('\\u03b5') or 0)"
    code = f"from bbi_utils.study.cli import main as cli; cli.main = lambda: {draws}; cli.program()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **odd}, capture_output=True, text=True, cwd=paths.ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and done.stdout == "?\n", done.stderr


def test_importing_the_package_is_instant() -> None:
    code = "import sys, time; t = time.perf_counter(); import bbi_utils; print(time.perf_counter() - t)"
    check = "; assert not {'numpy', 'pandas', 'torch'} & set(sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code + check], capture_output=True, text=True, cwd=paths.ROOT
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 0.3


def test_the_public_names_are_few_and_each_is_there() -> None:
    assert len(bbi_utils.PUBLIC) <= 15
    for name in bbi_utils.PUBLIC:
        assert getattr(bbi_utils, name).__name__.rpartition(".")[2] == name
    with pytest.raises(AttributeError, match="no attribute 'sampel'"):
        _ = bbi_utils.sampel


def test_the_command_line_answers_without_model_libraries() -> None:
    began = time.monotonic()
    code = "import bbi_utils.study.run, bbi_utils.study.cli.main, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=paths.ROOT)
    assert not {"torch", "transformers", "pandas", "papermill"} & set(done.stdout.split())
    assert time.monotonic() - began < 10


@pytest.fixture(autouse=True)
def not_within_make(monkeypatch: pytest.MonkeyPatch) -> None:
    """The make that may have started these tests hands its own flags on, and a make within it says more."""
    for name in ("MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("text", [text for text in TEXTS if text == text.lstrip()])  # make itself drops those
def test_make_passes_texts_as_they_are(text: str, tmp_path: Path) -> None:
    """Through make and a shell to the command, which here only shows what it was given."""
    (tmp_path / ".ready").touch()
    (tmp_path / "bin").mkdir()
    show = tmp_path / "bin" / "python"
    show.write_text(f"#!{sys.executable}\nimport sys, json\nprint(json.dumps(sys.argv[1:]))\n")
    show.chmod(0o755)
    command = ["make", "reproduce", f"VENV={tmp_path}", f"TEACHER_SYSTEM_PROMPT={text}", "SEED=1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=paths.ROOT, check=True)
    given = json.loads(done.stdout)
    assert given[5:] == ["--set", "SEED=1", "--set", f"TEACHER_SYSTEM_PROMPT={text}"]
    told = ["make", "verify", f"VENV={tmp_path}", "PROFILE=it's", f"RUN_DIR={text}"]
    done = subprocess.run(told, capture_output=True, text=True, cwd=paths.ROOT, check=True)
    assert json.loads(done.stdout)[2:] == ["verify", "--profile", "it's", "--run-dir", text]


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_passes_upper_case_variables_as_settings(tmp_path: Path) -> None:
    ready = tmp_path / "venv" / ".ready"
    ready.parent.mkdir()
    ready.touch()
    given = ["PAIR=qwen", "SEED=1", "BUDGETS=[40,80]", "TEACHER=it's here", "DRY_RUN=1"]
    command = ["make", "-n", "reproduce", f"VENV={ready.parent}", *given]
    done = subprocess.run(command, capture_output=True, text=True, cwd=paths.ROOT, check=True)
    line = next(line for line in done.stdout.splitlines() if "bbi_utils reproduce" in line)
    options = "--profile 'pocket' --pair qwen --set BUDGETS='[40,80]' --set SEED='1'"
    assert line.endswith(options + " --set TEACHER='it'\\''s here' --dry-run")


PYTHON_OF_A_VENV = """#!/bin/sh
case "$*" in
  "-m pip --version") test -e "$(dirname "$0")/pip" ;;
  "-m venv "*) {venv} ;;
esac
"""


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(
    ("venv", "said"),
    [
        ('touch "$(dirname "$0")/pip"', ""),  # as `python -m venv` does on an environment that lacks it
        ("false", "makes no environment with pip; install its venv"),  # Debian without python3-venv
        ("true", "has no pip and cannot be given one; remove it and run again"),
    ],
)
def test_an_environment_without_pip_is_given_one_or_said_to_be_broken(
    venv: str, said: str, tmp_path: Path
) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON_OF_A_VENV.format(venv=venv))
    python.chmod(0o755)
    command = ["make", "env", f"VENV={tmp_path / 'venv'}", f"PYTHON={python}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=paths.ROOT, check=False)
    assert said in done.stderr and (done.returncode == 0) == (not said)
    assert (tmp_path / "venv" / ".ready").exists() == (not said)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_help_lists_every_target() -> None:
    done = subprocess.run(["make", "help"], capture_output=True, text=True, cwd=paths.ROOT, check=True)
    targets = [
        "env",
        "reproduce",
        "verify",
        "test",
        "lint",
        "format",
        "refresh",
        "pocket",
        "lock",
        "lab",
        "clean",
    ]
    for target in targets:
        assert f"\n  {target} " in done.stdout


# The library of threads says itself how often it will look before it sleeps.
LOADS = (
    "from bbi_utils.study.cli import main as cli; cli.main = lambda: __import__('torch') and 0; cli.program()"
)


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A user who has not said how threads wait."""
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.usefixtures("unset")
def test_idle_threads_sleep_in_commands_and_in_stages(tmp_path: Path) -> None:
    staged = environment_of(threads=2, progress=tmp_path / "progress.json")
    for code, environment in ((LOADS, dict(os.environ)), ("import torch", staged)):
        shown = {**environment, "OMP_DISPLAY_ENV": "verbose"}
        done = subprocess.run([sys.executable, "-c", code], env=shown, capture_output=True, text=True)
        assert done.returncode == 0 and "GOMP_SPINCOUNT = '0'" in done.stderr


HELD = """
def held():
    for line in open("/proc/self/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])
for size in range(30, 4, -1):  # each freed before the next, as batches of many lengths are
    small, large = bytes(1000), bytearray(b"x") * (size << 20)
    del large
pieces = [bytearray(b"x") * (8 << 20) for _ in range(9)]
last, before = pieces.pop(), held()
pieces.clear()
print((before - held()) >> 10)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="how glibc keeps memory")
def test_a_stage_gives_large_pieces_of_memory_back_when_they_are_freed(tmp_path: Path) -> None:
    staged = environment_of(threads=1, progress=tmp_path / "progress.json")
    run = [sys.executable, "-c", HELD]
    given = [int(subprocess.check_output(run, env=env, text=True)) for env in (os.environ, staged)]
    assert given[0] < 16 and given[1] >= 64, "megabytes of 64: kept without the setting, given back with it"


@pytest.mark.parametrize(("name", "value"), [("OMP_WAIT_POLICY", "active"), ("GOMP_SPINCOUNT", "7")])
def test_threads_wait_as_the_user_has_said(
    name: str, value: str, unset: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    unset.setenv(name, value)
    staged = environment_of(threads=2, progress=tmp_path / "progress.json")
    assert patience() == {}
    assert {key: staged[key] for key in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT") if key in staged} == {
        name: value
    }
