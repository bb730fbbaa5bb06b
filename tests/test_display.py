"""What a run shows: plain lines without a terminal, live lines in one, and a sane time left."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import tiny_study

from bbi_utils.files import write_json
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


@pytest.fixture
def lane(tasks: list[Task]) -> Lane:
    """02, 03 and 04, of which each should take 100 seconds."""
    lane = Lane("qwen", tasks[:3])
    lane.expected = dict.fromkeys(lane.expected, 100.0)
    return lane


def test_time_left_follows_the_pace_so_far(lane: Lane) -> None:
    assert lane.left() == 300
    lane.finish(lane.tasks[0], {**RECORD, "seconds": 200.0})  # twice as slow as expected, so the rest will be
    assert lane.left() == 400
    lane.start(lane.tasks[1])
    lane.stage_began -= 100
    assert 295 < lane.left() <= 300
    lane.stage_began -= 10_000
    assert 200 < lane.left() < 220  # overdue, hence nearly done
    for task in lane.tasks[1:]:
        lane.finish(task, None)
    assert lane.left() == 0 and lane.text() == "qwen     done"


def test_an_overdue_stage_is_as_far_as_its_own_count_says(lane: Lane) -> None:
    lane.finish(lane.tasks[2], None)
    lane.start(lane.tasks[0])
    lane.stage_began -= 10_000
    assert 100 < lane.left() < 110
    state = {"description": "sampling", "done": 20, "total": 100, "began": 1000.0, "time": 1050.0}
    write_json(lane.tasks[0].beside(".progress.json"), state)
    assert 295 < lane.left() <= 305  # 50 s for 20 of them, hence 200 s for the other 80, and 100 s for 03


def test_what_took_its_time_before_is_expected_to_again(tasks: list[Task]) -> None:
    write_json(tasks[0].record_file, {**RECORD, "seconds": 1234.5})
    lane = Lane("qwen", tasks[:2])
    assert lane.left() == 1234.5 + tasks[1].stage.seconds


def test_plain_lines_name_stage_and_progress(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    shown = Display([lane], stream)
    shown.say("qwen     03 distill student (not run yet)", plain_only=True)
    lane.start(lane.tasks[1])
    write_json(lane.tasks[1].beside(".progress.json"), {"description": "training", "done": 3, "total": 9,
                                                        "began": 0, "time": 0})  # fmt: skip
    shown.tick()
    monkeypatch.setattr(display, "SECONDS_BETWEEN_PLAIN_LINES", -1.0)
    shown.tick()
    shown.close()
    lines = stream.getvalue().splitlines()
    assert lines[0] == "qwen     03 distill student (not run yet)"
    assert lines[1].startswith("qwen     03 distill student: training 3/9 (0:00, about ")
    assert len(lines) == 2 and "\r" not in stream.getvalue()


def test_a_terminal_gets_one_live_line_a_pair(tasks: list[Task]) -> None:
    stream = Terminal()
    lanes = [Lane(name, tasks) for name in ("qwen", "llama")]
    shown = Display(lanes, stream)
    lanes[1].start(tasks[0])
    shown.tick()
    shown.say("qwen     02 sample teacher (why)", plain_only=True)
    shown.say("qwen     02 sample teacher: done in 1:05")
    shown.close()
    text = stream.getvalue()
    assert "\r" in text and "left" in text and "llama    02 sample teacher" in text
    assert "qwen     waiting" in text and "(why)" not in text
    assert "qwen     02 sample teacher: done in 1:05" in text


def test_the_live_line_has_a_bar_that_moves(lane: Lane) -> None:
    lane.finish(lane.tasks[0], {**RECORD, "seconds": 100.0})
    lane.began -= 100
    assert 33 <= lane.share() < 34
    stream = Terminal()
    shown = Display([lane], stream)
    shown.tick()
    shown.close()
    assert " 33%" in stream.getvalue()
