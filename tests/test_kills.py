"""Sampling that is killed again and again ends like sampling in peace (`benchmarks.kills`, a small one)."""

from __future__ import annotations

import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import fill
from serving import sampling_copy

from bbi_utils.errors import BadInput
from bbi_utils.oracles import Terms
from bbi_utils.oracles.base import Answer
from bbi_utils.oracles.endpoint.client import EndpointOracle
from bbi_utils.responses.sampling import sample
from bbi_utils.responses.store import ResponseStore
from benchmarks import kills
from benchmarks.lives import GREEDY, probes

SIZES = {"kills": 3, "per_store": None, "concurrency": 4, "longest": 1.5, "seed": 1}


def test_a_process_that_buys_loads_no_model_library() -> None:
    buying = "bbi_utils.responses.sampling, bbi_utils.oracles.endpoint.client"
    code = f"import sys, {buying}, httpx2; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_local_sampling_under_kills(
    tiny_qwen: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kills.local_part(Namespace(model=str(tiny_qwen), answers=96, **SIZES), tmp_path)
    said = capsys.readouterr().out
    assert "96 answers, 3 kills" in said and "equals the uninterrupted one, row for row" in said


@pytest.fixture(scope="module")
def server(serve: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    return serve(sampling_copy("qwen-student", tmp_path_factory.mktemp("served") / "model"))


@pytest.mark.smoke
def test_buying_under_kills_costs_at_most_what_was_in_flight(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kills.bought_part(Namespace(answers=60, **SIZES), tmp_path, server)
    said = capsys.readouterr().out
    assert "60 answers, 3 kills" in said and "requests sent / answers needed: " in said


@pytest.mark.smoke
def test_buying_on_a_full_disk_loses_at_most_what_was_in_flight(
    server: str, disk: Path, tmp_path: Path
) -> None:
    class Filling(ResponseStore):
        def intend(self, *args: Any, **settings: Any) -> int:
            number = super().intend(*args, **settings)
            if number == 30:
                fill(disk)
            return number

    oracle = EndpointOracle(server, sampling=GREEDY, terms=Terms(price=(1.0, 1.0), concurrency=4))
    with (
        Filling(disk / "r.sqlite") as store,
        pytest.raises(BadInput, match="free some and run again|free space and run again"),
    ):
        sample(oracle, probes(60), store, progress=False)
    (disk / "ballast").unlink()
    with ResponseStore(disk / "r.sqlite") as store:
        assert store.pragma("integrity_check") == "ok"
        first = store.spending()
        assert first.requests == 30 and 26 <= first.answered < 30 and first.at_most > 0
        table = sample(oracle, probes(60), store, progress=False)
        spent = store.spending()
    assert spent.answered == len(table) == 60 and spent.requests == 60 + first.unknown
    with ResponseStore(tmp_path / "whole.sqlite") as store:
        whole = sample(oracle, probes(60), store, progress=False)
    assert table.drop(columns="seconds").equals(whole.drop(columns="seconds"))


def test_a_difference_is_a_failure(tmp_path: Path) -> None:
    made = []
    for name, ids in (("peace", "ab"), ("killed", "a"), ("other", "ac")):
        with ResponseStore(tmp_path / name) as store:
            store.add("f1", [Answer(prompt_id, "x", "stop", 1, 1, 0.1) for prompt_id in ids])
        made.append(kills.Run(tmp_path / name, [0.0, 1.0]))
    for run in made[1:]:
        with pytest.raises(SystemExit, match=f"FAILED: local: {run.store.name} differs"):
            kills.compare("local", [run], made[0], count=2)
