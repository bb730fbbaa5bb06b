"""Two nodes of one core each (the extra `cluster`): how much faster, what costs a dead one, is all the same?

(a) A sweep of four small runs, whose nine notebooks each do next to nothing in kernels of their own: on one
node, and on two, in turn, workers started anew each time and counted. (b) The same sweep buying
answers from a server on loopback that counts, with a node killed in the middle, beside one that ran here in
peace: files byte by byte, requests sent and needed. (c) Answers of a shipped model, and an audit of many
models, on two workers and here. Ends with FAILED where anything differs.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bbi_utils import paths
from bbi_utils.oracles import LocalOracle, Sampling
from bbi_utils.progress import one_by_one
from bbi_utils.report.matrix import compare_all
from bbi_utils.responses.sampling import sample
from bbi_utils.responses.store import ResponseStore
from bbi_utils.study import sweep as sweeps
from bbi_utils.study.cluster import OnRay, connected


def require(fine: bool, what: str) -> None:
    if not fine:
        sys.exit(f"FAILED: {what}")


def timed(runs: Sequence[sweeps.Run]) -> float:
    """Seconds of a sweep on the nodes that there are."""
    for run in runs:
        run.folder.mkdir(parents=True)
    began = time.perf_counter()
    outcomes = [outcome for _, outcome in OnRay()(sweeps.carry_out, runs)]
    spent = time.perf_counter() - began
    require(not any(outcome.failure for outcome in outcomes), f"a run failed: {outcomes}")
    return spent


def speed(cluster: Any, folder: Path, rounds: int) -> None:
    from tiny_study import tiny_sweep

    found: dict[int, list[float]] = {1: [], 2: []}
    connected()  # once, and not on the clock
    for number in range(rounds):
        for nodes in (1, 2):
            while len(cluster.worker_nodes) < nodes:
                cluster.add_node(num_cpus=1)
            found[nodes].append(timed(tiny_sweep(folder / f"{number}-{nodes}")))
        print(
            f"  round {number}: " + ", ".join(f"{s[-1]:.1f} s on {n} node(s)" for n, s in found.items()),
            flush=True,
        )
        cluster.remove_node(next(iter(cluster.worker_nodes)))
    cluster.add_node(num_cpus=1)
    one, two = (statistics.median(found[nodes]) for nodes in (1, 2))
    medians = f"{one:.1f} s on one node, {two:.1f} s on two"
    print(f"sweep of 4 runs, medians of {rounds}: {medians}, {one / two:.2f} times as fast", flush=True)


def a_dead_node(cluster: Any, folder: Path, answers: int) -> None:
    from two_nodes import Slow, buying_sweep, files_of, kill_a_node, without_kernels

    with Slow() as server:
        here, there = (buying_sweep(folder / name, server, answers=answers) for name in ("here", "there"))
        for runs, each in ((here, one_by_one), (there, OnRay())):
            for run in runs:
                run.folder.mkdir(parents=True)
            if runs is there:
                kill_a_node(cluster, when=lambda: server.seen >= 4 * answers + answers // 2)
            outcomes = [outcome for _, outcome in each(without_kernels, runs)]
            require(not any(outcome.failure for outcome in outcomes), f"a run failed: {outcomes}")
        sent = server.seen - 4 * answers
    require(len(cluster.worker_nodes) == 1, "no node was killed")
    made, expected = files_of(there), files_of(here)
    require(made == expected, "files differ from those of the sweep in peace")
    require(sweeps.table_of(there).equals(sweeps.table_of(here)), "the sweeps' tables differ")
    stores = [ResponseStore(run.folder / run.pair / "responses.sqlite") for run in there]
    bought, unknown = (
        sum(getattr(store.spending(), name) for store in stores) for name in ("answered", "unknown")
    )
    require(
        bought == 4 * answers and sent <= bought + 1, f"{sent} requests for {bought} answers, 1 in flight"
    )
    print(f"a node killed in the middle: {len(made)} files and the table of all claims as in peace")
    print(
        f"  requests sent / answers needed: {sent} / {4 * answers}, {unknown} of unknown outcome", flush=True
    )
    cluster.add_node(num_cpus=1)


def the_same_answers(folder: Path, prompts: int) -> None:
    from serving import Asked

    oracle = LocalOracle("pocket/qwen-teacher", sampling=Sampling(max_new_tokens=40, seed=3))
    tables, spent = [], []
    for name, each in (("here", one_by_one), ("there", OnRay())):
        began = time.perf_counter()
        with ResponseStore(folder / f"{name}.sqlite") as store:
            how: dict[str, Any] = {"batch_size": 16, "progress": False, "each": each}
            tables.append(
                sample(oracle, [Asked(i) for i in range(prompts)], store, **how).drop(columns="seconds")
            )
        spent.append(time.perf_counter() - began)
    require(tables[0].equals(tables[1]), "answers differ")
    print(f"answers of a shipped model: {prompts} of {prompts} the same; {told(spent)}", flush=True)


def the_same_audit(models: int) -> None:
    from test_matrix import answers

    table = answers({f"m{i}": f"{'so ' * i}" for i in range(models)}, n=200)
    spent, found = [], []
    for each in (one_by_one, OnRay()):
        began = time.perf_counter()
        found.append(compare_all(table, each=each))
        spent.append(time.perf_counter() - began)
    for name in ("advantages", "nearest", "scores"):
        pd.testing.assert_frame_equal(*(getattr(one, name) for one in found), check_exact=True)
    pairs = models * (models - 1) // 2
    print(f"audit of {models} models, {pairs} pairs, 200 prompts: the same tables; {told(spent)}", flush=True)


def told(spent: Sequence[float]) -> str:
    return f"{spent[0]:.1f} s here on one core, {spent[1]:.1f} s on two workers, their start included"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="of the sweep (default: %(default)s)")
    parser.add_argument("--answers", type=int, default=20, help="each run buys (default: %(default)s)")
    parser.add_argument("--prompts", type=int, default=400, help="to the model (default: %(default)s)")
    parser.add_argument("--models", type=int, default=16, help="in the audit (default: %(default)s)")
    parser.add_argument("--only", choices=("sweep", "death", "same"), help="one part (default: all)")
    options = parser.parse_args(arguments)
    sys.path.insert(0, str(paths.ROOT / "tests"))  # nodes and tiny studies live with the tests
    from two_nodes import cluster_of

    with tempfile.TemporaryDirectory(prefix="cluster-") as folder, cluster_of(1) as cluster:
        if options.only in (None, "sweep"):
            speed(cluster, Path(folder) / "speed", options.rounds)
        while len(cluster.worker_nodes) < 2:
            cluster.add_node(num_cpus=1)
        if options.only in (None, "death"):
            a_dead_node(cluster, Path(folder) / "death", options.answers)
        if options.only in (None, "same"):
            the_same_answers(Path(folder), options.prompts)
            the_same_audit(options.models)


if __name__ == "__main__":
    main()
