"""What does a kill cost? Sampling, ended by SIGKILL at random instants and started again until it is done.

(a) A shipped model on this machine, with seeded sampling; (b) the same model behind `transformers serve` on
loopback, greedy, bought through a proxy that counts. Each store that was made under kills is compared row for
row with one that was made in peace, and the requests that were sent with the answers that were needed: a kill
may lose the requests in flight, of which there are at most `--concurrency`, and nothing else.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sqlite3
import sys
import tempfile
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bbi_utils.responses.store import ResponseStore, Spending
from benchmarks.lives import PRELOAD, sample_endpoint, sample_local


@dataclass(frozen=True)
class Run:
    """A store that was made under kills: when each process that worked on it began; all but the last were
    killed."""

    store: Path
    began: list[float]

    @property
    def kills(self) -> int:
        return len(self.began) - 1


Job = Callable[..., None]


def in_peace(job: Job, store: Path, *arguments: Any) -> Run:
    """The store as an uninterrupted process makes it."""
    return one_run(job, store, arguments, kills=0, longest=0.0, rng=random.Random(0))


def one_run(
    job: Job, store: Path, arguments: Sequence[Any], *, kills: int, longest: float, rng: random.Random
) -> Run:
    """Make a store; kill its maker after up to `longest` seconds, drawn uniformly, so many times at most."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(PRELOAD)
    began: list[float] = []
    while True:
        began.append(time.time())
        process = server.Process(target=job, args=(store, *arguments))
        process.start()
        process.join(rng.uniform(0, longest) if len(began) <= kills else None)
        if struck := process.is_alive():
            process.kill()
            process.join()
        if process.exitcode == 0:
            return Run(store, began)
        if not struck:
            raise RuntimeError(f"sampling ended with status {process.exitcode}; what it said is above")


def runs_under_kills(
    job: Job, folder: Path, *arguments: Any, kills: int, per_store: int, longest: float, seed: int
) -> list[Run]:
    """Stores made under so many kills in all: where one is done, or had its share, another is begun."""
    rng, runs = random.Random(seed), list[Run]()
    while (left := kills - sum(run.kills for run in runs)) > 0:
        store = folder / f"{job.__name__}-{len(runs)}.sqlite"
        share = min(left, per_store)
        runs.append(one_run(job, store, arguments, kills=share, longest=longest, rng=rng))
    return runs


def rows(store: Path) -> list[tuple[Any, ...]]:
    """Everything about the answers but how long they took."""
    columns = "fingerprint, prompt_id, sample_index, answer, finish_reason, prompt_tokens, answer_tokens"
    connection = sqlite3.connect(store)
    try:
        return connection.execute(f"SELECT {columns} FROM responses ORDER BY 1, 2, 3").fetchall()
    finally:
        connection.close()


def lost_by_each_kill(run: Run) -> list[int]:
    """Requests whose outcome nobody knows, by the process that had sent them."""
    connection = sqlite3.connect(run.store)
    moments = connection.execute("SELECT began FROM requests WHERE outcome IS NULL").fetchall()
    connection.close()
    found = Counter(bisect_right(run.began, moment) - 1 for (moment,) in moments)
    return [found[life] for life in range(len(run.began))]


def spending(run: Run) -> Spending:
    with ResponseStore(run.store) as store:
        return store.spending()


def require(fine: bool, what: str) -> None:
    if not fine:
        sys.exit(f"FAILED: {what}")


def compare(name: str, runs: Sequence[Run], peace: Run, *, count: int) -> None:
    """Print that all stores are the same, or end with what is not."""
    expected, kills = rows(peace.store), sum(run.kills for run in runs)
    require(len(expected) == count, f"{name}: the uninterrupted run has {len(expected)} answers")
    for run in runs:
        require(rows(run.store) == expected, f"{name}: {run.store.name} differs from the uninterrupted run")
    seconds = sum(run.began[-1] - run.began[0] for run in runs)
    print(
        f"{name}: {count:,} answers, {kills} kills over {seconds:.0f} s, {len(runs)} run(s): "
        "every final store equals the uninterrupted one, row for row",
        flush=True,
    )


def count_requests(runs: Sequence[Run], sent: int, *, count: int, concurrency: int) -> None:
    """Print requests sent beside answers needed, or end where a kill cost more than was in flight."""
    needed, kills = count * len(runs), sum(run.kills for run in runs)
    lost = [number for run in runs for number in lost_by_each_kill(run)]
    ledgers = [spending(run) for run in runs]
    written = sum(ledger.requests for ledger in ledgers)
    require(
        all(one.answered == count for one in ledgers), "an answer was bought twice, or is not in the ledger"
    )
    require(written == needed + sum(lost), "the ledger has requests that are neither answered nor lost")
    require(sent <= written, f"{sent} requests arrived, only {written} are in the ledger")
    require(max(lost) <= concurrency, f"one kill lost {max(lost)} requests, {concurrency} were in flight")
    bound = (needed + kills * concurrency) / needed
    print(f"  requests sent / answers needed: {sent:,} / {needed:,} = {sent / needed:.3f}")
    print(f"  bound, (needed + kills x in flight) / needed: {bound:.3f} with {concurrency} in flight")
    worst = max(ledger.requests for ledger in ledgers)
    most = max(run.kills for run in runs)
    print(
        f"  the store with most requests: {worst:,} / {count:,} = {worst / count:.4f}; "
        f"{1 + most * concurrency / count:.4f} is the bound with {most} kill(s)"
    )
    print(f"  lost by one kill: {sum(lost) / kills:.1f} on average, {max(lost)} at most")
    print(f"  written down and killed before they were sent: {written - sent}", flush=True)


def how(options: argparse.Namespace) -> dict[str, Any]:
    """How sampling is killed."""
    per_store = options.per_store or options.kills
    return {"kills": options.kills, "per_store": per_store, "longest": options.longest, "seed": options.seed}


def local_part(options: argparse.Namespace, folder: Path) -> None:
    arguments = (options.model, options.answers)
    peace = in_peace(sample_local, folder / "local.sqlite", *arguments)
    runs = runs_under_kills(sample_local, folder, *arguments, **how(options))
    compare(f"local, {options.model}", runs, peace, count=options.answers)


def endpoint_part(options: argparse.Namespace, folder: Path) -> None:
    # Servers for tests live with the tests; `python -m benchmarks` runs in the folder that holds both.
    from tests.serving import sampling_copy, served

    model = sampling_copy(options.model.removeprefix("pocket/"), folder / "model")
    with served(folder / "server.log") as serve:
        bought_part(options, folder, serve(model))


def bought_part(options: argparse.Namespace, folder: Path, server: str) -> None:
    from tests.serving import Proxy

    with Proxy(server, lambda number: None) as proxy:
        arguments = (proxy.reference, options.answers, options.concurrency)
        peace = in_peace(sample_endpoint, folder / "endpoint.sqlite", *arguments)
        before = proxy.seen
        require(
            before == options.answers, f"{before} requests for {options.answers} answers without any kill"
        )
        runs = runs_under_kills(sample_endpoint, folder, *arguments, **how(options))
        compare("endpoint on loopback", runs, peace, count=options.answers)
        sent = proxy.seen - before
    count_requests(runs, sent, count=options.answers, concurrency=options.concurrency)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50, help="of each kind (default: %(default)s)")
    parser.add_argument("--per-store", type=int, help="kills of one store at most (default: all of them)")
    parser.add_argument("--answers", type=int, default=1500, help="in a store (default: %(default)s)")
    parser.add_argument(
        "--concurrency", type=int, default=8, help="requests at a time (default: %(default)s)"
    )
    parser.add_argument(
        "--longest", type=float, default=3.0, help="seconds before a kill (default: %(default)s)"
    )
    parser.add_argument("--model", default="pocket/qwen-teacher", help="a shipped one (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the instants (default: %(default)s)")
    options = parser.parse_args(arguments)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        local_part(options, Path(folder))
        endpoint_part(options, Path(folder))


if __name__ == "__main__":
    main()
