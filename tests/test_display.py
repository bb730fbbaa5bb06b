"""What a run shows: plain lines without a terminal, live lines in one, and a sane time left."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import pytest
import tiny_study

from bbi_utils.study import display
from bbi_utils.study.display import Display, Lane, clock
from bbi_utils.study.params import load_study
from bbi_utils.study.stages import STAGES, Task, make_task

RECORD = {"seconds": 65.0, "peak_memory_bytes": 1.5e9}


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def tasks(tmp_path: Path) -> list[Task]:
    """The stages of one pair."""
    tiny_study.write_notebooks(tmp_path)
    study = load_study("pocket", "qwen", {"run_dir": str(tmp_path / "run")})
    return [make_task(stage, study, tmp_path) for stage in STAGES if stage.scope == "pair"]


def test_clock() -> None:
    assert [clock(5), clock(125.9), clock(3725)] == ["0:05", "2:05", "1:02:05"]


def test_time_left_follows_the_pace_so_far(tasks: list[Task]) -> None:
    lane = Lane("qwen", {"02": 100.0, "03": 100.0, "04": 100.0})
    assert lane.left() == 300
    lane.finished.add("02")
    lane.spent = 200.0  # twice as slow as expected, so the rest will be too
    assert lane.left() == 400
    lane.current, lane.stage_began = tasks[1], time.monotonic() - 100
    assert 295 < lane.left() <= 300
    lane.stage_began = time.monotonic() - 10_000
    assert 200 < lane.left() < 220  # overdue, hence nearly done
    lane.finished = {"02", "03", "04"}
    assert lane.left() == 0


def test_an_overdue_stage_is_as_far_as_its_own_count_says(tasks: list[Task], tmp_path: Path) -> None:
    lane = Lane("qwen", {"02": 100.0, "03": 100.0}, progress_file=tmp_path / "progress.json")
    lane.current, lane.stage_began = tasks[0], time.monotonic() - 10_000
    assert 100 < lane.left() < 110
    state = {"description": "sampling", "done": 20, "total": 100, "began": 1000.0, "time": 1050.0}
    (tmp_path / "progress.json").write_text(json.dumps(state))
    assert 295 < lane.left() <= 305  # 50 s for 20 of them, hence 200 s for the other 80, and 100 s for 03


def test_plain_lines_name_stage_reason_result_and_progress(
    tasks: list[Task], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream, progress = io.StringIO(), tmp_path / "progress.json"
    shown = Display(stream)
    shown.open("qwen", tasks)
    shown.finish("qwen", tasks[0], record=None)
    shown.start("qwen", tasks[1], why="not run yet", progress_file=progress)
    progress.write_text(json.dumps({"description": "training", "done": 3, "total": 9, "began": 0, "time": 0}))
    shown.tick()
    monkeypatch.setattr(display, "SECONDS_BETWEEN_PLAIN_LINES", -1.0)
    shown.tick()
    shown.finish("qwen", tasks[1], record=RECORD)
    shown.close("qwen")
    lines = stream.getvalue().splitlines()
    assert lines[0] == "qwen     02 sample teacher: unchanged"
    assert lines[1] == "qwen     03 distill student (not run yet)"
    assert lines[2].startswith("qwen     03 distill student: training 3/9 (0:00, about ")
    assert lines[3] == "qwen     03 distill student: done in 1:05, 1.5 GB at most"
    assert len(lines) == 4 and "\r" not in stream.getvalue()


def test_a_terminal_gets_one_live_line_a_pair(tasks: list[Task], tmp_path: Path) -> None:
    stream = Terminal()
    shown = Display(stream)
    for name in ("qwen", "llama"):
        shown.open(name, tasks)
        shown.start(name, tasks[0], why="", progress_file=tmp_path / "none.json")
    shown.tick()
    shown.finish("qwen", tasks[0], record=RECORD)
    shown.tick()
    shown.close("qwen", "llama")
    text = stream.getvalue()
    assert "\r" in text and "left" in text and "llama    02 sample teacher" in text
    assert "qwen     02 sample teacher: done in 1:05" in text
