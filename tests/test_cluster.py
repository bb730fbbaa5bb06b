"""Two nodes of one core each: what runs on Ray comes out as here, whoever dies on the way."""

from __future__ import annotations

import io
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from serving import Asked
from test_matrix import answers
from tiny_study import tiny_sweep
from two_nodes import Slow, buying_sweep, cluster_of, files_of, kill_a_node, wait_until, without_kernels

from bbi_utils.errors import BadInput
from bbi_utils.oracles import Answer, LocalOracle, Request, Sampling
from bbi_utils.report.matrix import compare_all
from bbi_utils.responses.sampling import sample
from bbi_utils.responses.store import ResponseStore
from bbi_utils.study import sweep as sweeps
from bbi_utils.study.cluster import OnRay
from bbi_utils.study.sweep import carry_out, sweep, table_of

pytestmark = pytest.mark.cluster
ray = pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[cluster]'")
SECONDS = 60.0


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    with cluster_of(2) as cluster:
        yield cluster


@pytest.fixture
def two_nodes(nodes: Any) -> Any:
    """The cluster, with the two nodes that it should have."""
    while len(nodes.worker_nodes) < 2:
        nodes.add_node(num_cpus=1)
    return nodes


def test_results_are_those_of_the_function_and_so_is_bad_input(two_nodes: Any) -> None:
    assert dict(OnRay()(len, ["a", "bb", ""])) == {0: 1, 1: 2, 2: 0}
    assert list(OnRay()(len, [])) == []

    def refuse(task: int) -> int:
        raise BadInput(f"{task} is too much; give less")

    with pytest.raises(BadInput, match="3 is too much; give less"):
        list(OnRay()(refuse, [3]))


def test_two_workers_work_at_the_same_time(two_nodes: Any) -> None:
    def span(task: int) -> tuple[float, float]:
        began = time.time()
        time.sleep(2)
        return began, time.time()

    (one, _), (other, ended) = sorted(dict(OnRay()(span, [0, 1])).values())
    assert other < one + 2 < ended


def test_no_room_for_a_worker_is_one_line(two_nodes: Any) -> None:
    with pytest.raises(BadInput, match="takes 3 cores, which no node has .at most 1 cores.; lower --cpus"):
        list(OnRay(cpus=3)(len, ["a"]))


def test_an_address_that_nobody_answers_is_one_line_within_seconds(
    nodes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray.shutdown()
    for address, said in (("127.0.0.1:1", "refused"), ("nonsense", "address"), ("ray://h:1", "client")):
        monkeypatch.setenv("RAY_ADDRESS", address)
        began = time.monotonic()
        with pytest.raises(BadInput, match=f"RAY_ADDRESS {address} cannot be reached.*{said}"):
            list(OnRay()(len, ["a"]))
        assert time.monotonic() - began < 10


@pytest.mark.filterwarnings("ignore:a worker died")
def test_a_task_that_kills_its_workers_ends_with_a_line(two_nodes: Any) -> None:
    def die(task: int) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(BadInput, match="4 workers died on the same task"):
        list(OnRay()(die, [0]))


def test_all_pairs_of_many_models_are_as_here(two_nodes: Any) -> None:
    here, there = compare_all(answers()), compare_all(answers(), each=OnRay())
    for name in ("advantages", "nearest", "scores"):
        pd.testing.assert_frame_equal(getattr(here, name), getattr(there, name), check_exact=True)


def test_a_model_answers_on_workers_as_here(two_nodes: Any, tmp_path: Path) -> None:
    oracle = LocalOracle("pocket/qwen-teacher", sampling=Sampling(max_new_tokens=12, seed=3))
    asked, tables, ids = [Asked(i) for i in range(40)], [], []
    for name, each in (("here", None), ("there", OnRay())):
        with ResponseStore(tmp_path / f"{name}.sqlite") as store:
            how: dict[str, Any] = {"batch_size": 8, "progress": False}
            tables.append(sample(oracle, asked, store, **how, **({"each": each} if each else {})))
            ids.append(store.tokens(oracle.fingerprint))
    same = [table.drop(columns="seconds") for table in tables]
    pd.testing.assert_frame_equal(*same, check_exact=True)
    assert ids[0] == ids[1] and len(ids[0]) == 40


class Caller:
    """An oracle that asks a server once a batch and says which process asked."""

    name = stream = fingerprint = "caller"
    settings: Mapping[str, Any] = {}

    def __init__(self, url: str, notes: Path) -> None:
        self.url, self.notes = url, notes

    def check(self, requests: Sequence[Request]) -> None:
        """Any prompt will do."""

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        import httpx2

        (self.notes / f"{requests[0].prompt_id}-{os.getpid()}").touch()
        httpx2.post(f"{self.url}/chat/completions", json={}, timeout=SECONDS).raise_for_status()
        return [Answer(one.prompt_id, f"said {one.prompt}", "stop", 1, 1, 0.0) for one in requests]

    def release(self) -> None:
        """Nothing is held."""


def test_when_a_worker_is_killed_only_its_batch_is_asked_again(two_nodes: Any, tmp_path: Path) -> None:
    asked, notes = [Asked(i) for i in range(40)], tmp_path / "notes"
    notes.mkdir()
    with Slow() as server, ResponseStore(tmp_path / "r.sqlite") as store:

        def kill() -> None:
            wait_until(lambda: 4 <= len(list(notes.iterdir())) <= server.seen)  # all of them have arrived
            latest = max(notes.iterdir(), key=lambda file: file.stat().st_mtime)
            os.kill(int(latest.name.rpartition("-")[2]), signal.SIGKILL)

        threading.Thread(target=kill, daemon=True).start()
        oracle = Caller(server.reference.partition("#")[0], notes)
        with pytest.warns(UserWarning, match="a worker died; its task is given to another"):
            table = sample(oracle, asked, store, batch_size=4, progress=False, each=OnRay())
    assert list(table["answer"]) == [f"said {one.prompt}" for one in asked]
    batches = [file.name.rpartition("-")[0] for file in notes.iterdir()]
    assert len(set(batches)) == 10 and len(batches) == 11 and server.seen == 11


@pytest.mark.filterwarnings("ignore:a worker died")
def test_a_node_killed_in_the_middle_of_a_sweep_changes_nothing(
    two_nodes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: None
) -> None:
    monkeypatch.setattr(sweeps, "carry_out", without_kernels)
    with Slow() as server:
        here, there = (buying_sweep(tmp_path / name, server, answers=12) for name in ("here", "there"))
        with redirect_stdout(io.StringIO()):
            assert not any(outcome.failure for _, outcome in sweep(here))
        assert server.seen == 4 * 12
        kill_a_node(two_nodes, when=lambda: server.seen >= 4 * 12 + 8)
        assert [outcome.failure for _, outcome in sweep(there, each=OnRay())] == [""] * 4
        lost = server.seen - 2 * 4 * 12
    assert len(two_nodes.worker_nodes) == 1
    assert files_of(here) == files_of(there) and len(files_of(here)) > 40
    assert table_of(here).equals(table_of(there))
    assert lost <= 1  # what was in flight when the node died
    for run in there:
        with ResponseStore(run.folder / run.pair / "responses.sqlite") as store:
            spent = store.spending()
        assert spent.answered == 12 and spent.requests - 12 == spent.unknown <= 1


def test_a_node_that_does_not_see_the_folder_says_so(two_nodes: Any, tmp_path: Path) -> None:
    [run, *_] = tiny_sweep(tmp_path)
    away = replace(run, settings={**run.settings, "run_dir": "/nowhere/to/be/found"})
    [(_, outcome)] = OnRay()(carry_out, [away])
    assert outcome.status == 2 and "does not see /nowhere/to/be/found; set RUN_DIR" in outcome.failure
