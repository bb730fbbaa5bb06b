"""What a run shows while it works: one live line a pair in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from bbi_utils.files import read_json
from bbi_utils.study.stages import Task

SECONDS_BETWEEN_PLAIN_LINES = 60.0


def clock(seconds: float) -> str:
    """Minutes and seconds, such as 12:05, or hours too, such as 1:12:05."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def expected_seconds(task: Task) -> float:
    """How long a stage should take: as it did last time in this folder, else the stage's first guess."""
    record = read_json(task.record_file) or {}
    return float(record.get("seconds", task.stage.seconds)) or task.stage.seconds


@dataclass
class Lane:
    """One line of work: stages that run one after another, with what each should take, in seconds."""

    name: str
    expected: dict[str, float]
    began: float = field(default_factory=time.monotonic)
    finished: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    spent: float = 0.0  # on finished stages that really ran
    current: Task | None = None
    progress_file: Path | None = None
    stage_began: float = 0.0
    plain_line_at: float = 0.0

    def elapsed(self) -> float:
        """Seconds since the lane began."""
        return time.monotonic() - self.began

    def pace(self) -> float:
        """How much slower (above 1) or faster than expected the finished stages were."""
        known = sum(self.expected[number] for number in self.finished - self.skipped)
        return self.spent / known if known and self.spent else 1.0

    def left(self) -> float:
        """Seconds that the unfinished stages should still take."""
        waiting = sum(seconds for number, seconds in self.expected.items() if number not in self.finished)
        here = time.monotonic() - self.stage_began if self.current else 0.0
        expected_here = (
            self.expected.get(self.current.stage.number, 0.0) * self.pace() if self.current else 0.0
        )
        # A stage that takes longer than expected is nearly done, not done, or as far as its own count says.
        left_here = max(expected_here - here, 0.05 * expected_here, self.step_left())
        return max(waiting * self.pace() - expected_here + left_here, 0.0)

    def step_left(self) -> float:
        """Seconds that the notebook's present count should still take at its own speed; 0 where unknown."""
        state = read_json(self.progress_file) if self.progress_file else None
        if not state or not state.get("done") or not state.get("total"):
            return 0.0
        return (state["time"] - state["began"]) / state["done"] * (state["total"] - state["done"])

    def step(self) -> str:
        """What the notebook says of itself, such as `sampling 320/1000`; empty where it says nothing."""
        state = read_json(self.progress_file) if self.progress_file else None
        if not state:
            return ""
        total = f"/{state['total']}" if state.get("total") else ""
        return f"{state.get('description', '')} {state.get('done', '')}{total}"

    def text(self) -> str:
        """The stage and its step."""
        if self.current is None:
            return "waiting" if len(self.finished) < len(self.expected) else "done"
        step = self.step()
        return f"{self.current.stage.number} {self.current.stage.title}" + (f": {step}" if step else "")


class Display:
    """Shows lanes; every method may be called from any thread."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout
        self.live = self.stream.isatty()
        self.lock = threading.RLock()
        self.lanes: dict[str, Lane] = {}
        self.bars: dict[str, Any] = {}

    def open(self, name: str, tasks: list[Task]) -> None:
        """Begin a lane with its stages."""
        with self.lock:
            self.lanes[name] = Lane(name, {task.stage.number: expected_seconds(task) for task in tasks})
            if self.live:
                from tqdm import tqdm

                self.bars[name] = tqdm(
                    total=100,
                    position=len(self.bars),
                    file=self.stream,
                    leave=False,
                    dynamic_ncols=True,
                    bar_format="{desc} |{bar:20}| {percentage:3.0f}% {postfix}",
                )

    def close(self, *names: str) -> None:
        """Take lanes off the screen."""
        with self.lock:
            for name in names:
                self.lanes.pop(name, None)
                if name in self.bars:
                    self.bars.pop(name).close()

    def start(self, name: str, task: Task, *, why: str, progress_file: Path) -> None:
        """A stage begins."""
        with self.lock:
            lane = self.lanes[name]
            lane.current, lane.progress_file, lane.stage_began = task, progress_file, time.monotonic()
            lane.plain_line_at = time.monotonic()
            if not self.live:
                self.say(f"{name:<8} {task.stage.number} {task.stage.title} ({why})")

    def finish(self, name: str, task: Task, *, record: dict[str, Any] | None) -> None:
        """A stage is done (its record), or was already (None)."""
        with self.lock:
            lane = self.lanes[name]
            lane.finished.add(task.stage.number)
            lane.current = lane.progress_file = None
            if record is None:
                lane.skipped.add(task.stage.number)
                result = "unchanged"
            else:
                lane.spent += record["seconds"]
                result = (
                    f"done in {clock(record['seconds'])}, {record['peak_memory_bytes'] / 1e9:.1f} GB at most"
                )
            self.say(f"{name:<8} {task.stage.number} {task.stage.title}: {result}")

    def say(self, line: str) -> None:
        """A line that stays."""
        with self.lock:
            if self.bars:
                next(iter(self.bars.values())).write(line, file=self.stream)
            else:
                print(line, file=self.stream, flush=True)

    def tick(self) -> None:
        """Draw what is going on now: live lines again, plain ones once a minute."""
        with self.lock:
            for name, lane in self.lanes.items():
                times = f"{clock(lane.elapsed())}, about {clock(lane.left())} left"
                if self.live:
                    bar, elapsed, left = self.bars[name], lane.elapsed(), lane.left()
                    bar.n = round(100 * elapsed / max(elapsed + left, 1e-9)) if lane.current else bar.n
                    bar.set_description_str(f"{name:<8} {lane.text()}", refresh=False)
                    bar.set_postfix_str(times, refresh=False)
                    bar.refresh()
                elif lane.current and time.monotonic() - lane.plain_line_at > SECONDS_BETWEEN_PLAIN_LINES:
                    lane.plain_line_at = time.monotonic()
                    self.say(f"{name:<8} {lane.text()} ({times})")
