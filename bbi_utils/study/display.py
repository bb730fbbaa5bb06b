"""What a run shows while it works: one live line a pair in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from tqdm import tqdm

from bbi_utils.files import read_json
from bbi_utils.study.stages import Task, record_of

SECONDS_BETWEEN_PLAIN_LINES = 60.0
LIVE = "{desc} |{bar:20}| {percentage:3.0f}%"


def clock(seconds: float) -> str:
    """Minutes and seconds, such as 12:05, or hours too, such as 1:12:05."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


class Lane:
    """Stages that run one after another: which runs now, and what those not finished should take."""

    def __init__(self, name: str, tasks: Sequence[Task]) -> None:
        self.name, self.tasks = name, tasks
        self.task: Task | None = None
        self.began = self.stage_began = time.monotonic()
        self.planned = self.spent = 0.0  # on the stages that ran, in seconds: as expected, and really
        self.expected: dict[str, float] = {}  # of every stage that is not finished
        for task in tasks:  # as long as the last time in this folder, else the stage's first guess
            last = (record_of(task.stage, task.study) or {}).get("seconds")
            self.expected[task.stage.number] = last or task.stage.seconds

    def start(self, task: Task) -> None:
        """A stage begins."""
        self.task, self.stage_began = task, time.monotonic()

    def finish(self, task: Task, record: Mapping[str, Any] | None) -> None:
        """A stage is done (its record), or was already (None)."""
        expected, self.task = self.expected.pop(task.stage.number), None
        if record is not None:
            self.planned, self.spent = self.planned + expected, self.spent + record["seconds"]

    def count(self) -> dict[str, Any]:
        """What the notebook's outermost bar says: description, done, total, when it began and the time."""
        return (read_json(self.task.beside(".progress.json")) if self.task else None) or {}

    def left(self) -> float:
        """Seconds that the unfinished stages should still take, at the pace of those that ran."""
        pace = self.spent / self.planned if self.planned and self.spent else 1.0
        rest, count = pace * sum(self.expected.values()), self.count()
        if self.task is None:
            return rest
        whole, own = pace * self.expected[self.task.stage.number], 0.0
        if count.get("done") and count.get("total"):
            own = (count["time"] - count["began"]) / count["done"] * (count["total"] - count["done"])
        # A stage that takes longer than expected is nearly done, not done, or as far as its own count says.
        return rest - whole + max(whole - (time.monotonic() - self.stage_began), 0.05 * whole, own)

    def share(self) -> float:
        """How much of the work is done, in percent of the time that it takes."""
        elapsed, left = time.monotonic() - self.began, self.left()
        return 100 * elapsed / max(elapsed + left, 1e-9) if self.expected else 100.0

    def text(self) -> str:
        """The stage, its step (such as `sampling 320/1000`), the time so far and the time left."""
        if self.task is None:
            return f"{self.name:<8} " + ("waiting" if self.expected else "done")
        count = self.count()
        total = f"/{count['total']}" if count.get("total") else ""
        step = f": {count.get('description', '')} {count.get('done', '')}{total}" if count else ""
        times = f"{clock(time.monotonic() - self.began)}, about {clock(self.left())} left"
        return f"{self.name:<8} {self.task.stage.number} {self.task.stage.title}{step} ({times})"


class Display:
    """Shows lanes until it is closed."""

    def __init__(self, lanes: Sequence[Lane], stream: TextIO) -> None:
        self.lanes, self.stream, self.said = lanes, stream, time.monotonic()
        look: dict[str, Any] = {"total": 100, "bar_format": LIVE, "leave": False, "dynamic_ncols": True}
        live = range(len(lanes) if stream.isatty() else 0)  # in a terminal, one bar a lane
        self.bars = [tqdm(file=stream, position=at, **look) for at in live]

    def close(self) -> None:
        """Take the live lines off the screen."""
        for bar in self.bars:
            bar.close()

    def say(self, line: str, *, plain_only: bool = False) -> None:
        """A line that stays."""
        if self.bars and not plain_only:
            self.bars[0].write(line, file=self.stream)
        elif not self.bars:
            print(line, file=self.stream, flush=True)

    def tick(self) -> None:
        """Draw what is going on now: live lines again, plain ones once a minute."""
        for bar, lane in zip(self.bars, self.lanes, strict=False):
            bar.n = round(lane.share())
            bar.set_description_str(lane.text())
        if not self.bars and time.monotonic() - self.said > SECONDS_BETWEEN_PLAIN_LINES:
            self.said = time.monotonic()
            for lane in self.lanes:
                if lane.task is not None:
                    self.say(lane.text())
