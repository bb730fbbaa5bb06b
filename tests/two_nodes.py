"""Nodes of one core each on this machine, one of which may die, and a sweep that buys its answers."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import tiny_study
from serving import Canned

from bbi_utils import paths
from bbi_utils.study.sweep import Outcome, Run, carry_out

SECONDS = 60.0  # in which what is waited for has to happen
# What 02 does with a paid endpoint: an answer a prompt, bought one at a time, each request written down.
BUY = """
ARM = "teacher"
from serving import Asked, canned_oracle
from bbi_utils.responses.sampling import sample
from bbi_utils.responses.store import ResponseStore
(run / PAIR).mkdir(exist_ok=True)
with ResponseStore(run / PAIR / "responses.sqlite") as store:
    oracle = canned_oracle(SERVER, concurrency=1)
    sample(oracle, [Asked(i) for i in range(ANSWERS)], store, progress=False)
"""


@contextlib.contextmanager
def cluster_of(count: int) -> Iterator[Any]:
    """A head without cores and so many nodes with one each; RAY_ADDRESS names it, workers find the tests."""
    import ray
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(paths.ROOT), str(Path(__file__).parent)]))
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        patch.setenv("RAY_ADDRESS", cluster.address)
        for _ in range(count):
            cluster.add_node(num_cpus=1)
        try:
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()


def wait_until(so: Callable[[], bool]) -> None:
    """Wait for what has to happen."""
    deadline = time.monotonic() + SECONDS
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def kill_a_node(cluster: Any, *, when: Callable[[], bool]) -> None:
    """Some node dies at once, and with it its workers, as soon as that is so."""

    def kill() -> None:
        wait_until(when)
        cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)

    threading.Thread(target=kill, daemon=True).start()


class Slow(Canned):
    """Takes its time, so that whoever asks can be killed before it has its answer."""

    def forward(self, body: bytes) -> bytes:
        time.sleep(0.4)
        return super().forward(body)


def buying_sweep(folder: Path, server: Canned, *, answers: int) -> list[Run]:
    """A sweep of four runs, each of which buys so many answers."""
    buy = BUY.replace("SERVER", repr(server.reference)).replace("ANSWERS", str(answers))
    n03 = tiny_study.CODE["03_distill_student"][1].replace("responses.sqlite", "other.sqlite")
    return tiny_study.tiny_sweep(folder, n02=buy, n03=n03)


def without_kernels(run: Run) -> Outcome:
    """One run whose notebooks need no kernels of their own."""
    with tiny_study.in_this_process():
        return carry_out(run)


def files_of(runs: Sequence[Run]) -> dict[str, bytes]:
    """Everything that the runs made, by its place in the sweep."""
    top, kinds = runs[0].folder.parent, (".parquet", ".csv", ".jsonl")
    found = [file for file in top.rglob("*") if file.suffix in kinds or file.name == "weights"]
    return {str(file.relative_to(top)): file.read_bytes() for file in found}
