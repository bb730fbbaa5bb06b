"""Work on Ray, the extra `cluster`: the same functions as here, on workers of one machine or of many."""

from __future__ import annotations

import importlib.util
import os
import socket
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from bbi_utils.errors import BadInput, one_line

T = TypeVar("T")
R = TypeVar("R")
ADDRESS = "RAY_ADDRESS"
INSTALL = "`pip install -e '.[cluster]'` installs it"
TRIES = 4  # workers that may die on one task
SECONDS_TO_REACH = 5.0


def is_installed() -> bool:
    """Whether Ray is there, without importing it."""
    return importlib.util.find_spec("ray") is not None


@dataclass(frozen=True)
class OnRay:
    """An `Each` (see `progress`) on Ray; each worker has `cpus` cores, and one GPU where the cluster has any.

    A worker is given the function once and keeps it, with whatever the function loads, until all is done: an
    oracle's weights are loaded once a worker. Where a worker or its node dies, what it was at is given to
    another and nothing else is done again. Results come as they are ready.

    Raises BadInput where Ray is missing, its address cannot be reached, no node has room for a worker, or
    workers keep dying; and whatever the function raises.
    """

    cpus: int = 1
    workers: int | None = None  # None: as many as the cluster has room for

    def __call__(self, function: Callable[[T], R], tasks: Sequence[T], /) -> Iterator[tuple[int, R]]:
        if not tasks:
            return
        ray = connected()
        gpus = 1 if ray.cluster_resources().get("GPU") else 0
        count = min(len(tasks), self.workers or room(ray, self.cpus, gpus))
        yield from Pool(ray, count, {"num_cpus": self.cpus, "num_gpus": gpus}).done(function, tasks)


class Worker:
    """A process on some node that holds the function."""

    def hold(self, function: Callable[[Any], Any]) -> None:
        """Take it; Ray hands over the object behind the reference."""
        self.function = function

    def call(self, task: Any) -> Any:
        """Carry out one task."""
        return self.function(task)


class Pool:
    """So many workers; the driver gives each its next task, and the task of a dead one to the next."""

    def __init__(self, ray: Any, count: int, resources: dict[str, int]) -> None:
        self.ray, self.count = ray, count
        self.start = ray.remote(**resources, max_restarts=0, max_task_retries=0)(Worker).remote
        self.flying: dict[Any, tuple[Any, int | None]] = {}  # what a worker is at; None: it is starting

    def done(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[tuple[int, R]]:
        """Place and result of each task, as they come."""
        held, waiting, died = self.ray.put(function), deque(range(len(tasks))), Counter[int | None]()
        left = len(tasks)
        try:
            for _ in range(self.count):
                self.begin(held)
            while left:
                [ready], _ = self.ray.wait(list(self.flying), num_returns=1)
                worker, place = self.flying.pop(ready)
                try:
                    result = self.ray.get(ready)
                except self.ray.exceptions.RayActorError as error:
                    died[place] += 1
                    if died[place] >= TRIES * (self.count if place is None else 1):
                        raise BadInput(last_words(error, died[place])) from None
                    if place is not None:
                        waiting.appendleft(place)
                        warnings.warn("a worker died; its task is given to another", stacklevel=2)
                    self.begin(held)
                    continue
                except self.ray.exceptions.RayTaskError as error:
                    raise error.cause from None
                if waiting:
                    at = waiting.popleft()
                    self.flying[worker.call.remote(tasks[at])] = worker, at
                else:
                    self.ray.kill(worker)  # it makes room for one that is still to start
                if place is not None:
                    left -= 1
                    yield place, result
        finally:
            for worker, _ in self.flying.values():
                self.ray.kill(worker)

    def begin(self, held: Any) -> None:
        """One more worker, on whatever node has or will have room."""
        worker = self.start()
        self.flying[worker.hold.remote(held)] = worker, None


def connected() -> Any:
    """Ray, connected to the cluster that RAY_ADDRESS names, or to one that starts here."""
    if not is_installed():
        raise BadInput(f"Ray is not installed; {INSTALL}, and without --ray the same is done here one by one")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report each use to its makers
    import ray

    if not ray.is_initialized():
        try:
            expect_answer(os.environ.get(ADDRESS, ""))
            ray.init(include_dashboard=False, log_to_driver=False, logging_level="error")
        except (ConnectionError, OSError, ValueError, RuntimeError) as error:
            named = f"{ADDRESS} {os.environ[ADDRESS]}" if ADDRESS in os.environ else "a local Ray"
            way = f"check that `ray start --head` runs there, or unset {ADDRESS} for one on this machine"
            raise BadInput(one_line(f"{named} cannot be reached: {error}; {way}")) from None
    return ray


def expect_answer(address: str) -> None:
    """Raise OSError where nobody listens at host:port; Ray itself would try for minutes, and then abort."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "/" not in host:
        socket.create_connection((host, int(port)), SECONDS_TO_REACH).close()


def room(ray: Any, cpus: int, gpus: int) -> int:
    """Workers that the nodes which are there have cores and GPUs for."""
    have = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    fit = [min(n.get("CPU", 0) // cpus, n.get("GPU", 0) // gpus if gpus else float("inf")) for n in have]
    if not sum(fit):
        most = max((node.get("CPU", 0) for node in have), default=0)
        what = f"{cpus} cores{' and a GPU' if gpus else ''}, which no node has (at most {most:g} cores)"
        raise BadInput(f"each worker takes {what}; lower --cpus")
    return int(sum(fit))


def last_words(error: Exception, times: int) -> str:
    """Why workers keep dying, on one line."""
    why = one_line(str(error))[:300]
    way = "give each more room (--cpus), or look into Ray's logs; what was finished is kept"
    return f"{times} workers died on the same task, the last with: {why}; {way}"
