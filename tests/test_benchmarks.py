"""Bad input to a benchmark is one line on stderr and exit status 2, as it is to the commands."""

import importlib
from pathlib import Path

import pytest

from benchmarks import program


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("close_gap", ["--run", "{}"], "has no run of the pair 'qwen'"),
        ("more_answers", ["--run", "{}"], "has no run of the pair 'llama'"),
        ("identify", ["--only", "runs", "--run", "{}/none"], "{}/none"),
        ("identify", ["--only", "runs", "--run", "{}/none", "--more", "20"], "none"),
        ("close_gap", ["--arms", "preference"], "--arms lacks control"),
    ],
)
def test_bad_input_is_one_line(
    name: str, given: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [one.format(tmp_path) for one in given]
    with pytest.raises(SystemExit) as stopped:
        program(lambda: importlib.import_module(f"benchmarks.{name}").main(given))
    assert stopped.value.code == 2
    last = capsys.readouterr().err.rstrip().splitlines()[-1]
    assert "error: " in last and said.format(tmp_path) in last


def test_a_fault_of_the_benchmark_itself_keeps_its_traceback() -> None:
    def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        program(broken)
