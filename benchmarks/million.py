"""How does the response store do with a million answers? Time and peak memory of every step.

An oracle that takes no time answers through `sampling.sample`, batch by batch as a model would. Then sampling
begins again and finds nothing to do, and the answers are exported to both kinds of file and imported again.
Each step is a process of its own; ends with FAILED where what comes back is not what was stored, where a step
takes more than a gigabyte, or the scan before sampling goes on more than five seconds. Computing is the
processor time of a step, which other work does not disturb.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from bbi_utils.oracles import Answer
from bbi_utils.oracles.base import Request, fingerprint_of
from bbi_utils.provenance import peak_memory
from bbi_utils.responses.export import export_answers, import_answers
from bbi_utils.responses.sampling import sample
from bbi_utils.responses.store import ResponseStore

MOST_MEMORY, LONGEST_SCAN = 1e9, 5.0  # bytes, seconds by the clock
STORE, KINDS = "r.sqlite", (".jsonl", ".parquet")


class Asked(NamedTuple):
    id: str
    prompt: str


class Talker:
    """Says words drawn by prompt id, `letters` long in the mean."""

    name = stream = "talker"

    def __init__(self, letters: int) -> None:
        self.words = letters / 8
        self.settings: Mapping[str, Any] = {"kind": "talker", "letters": letters}
        self.fingerprint = fingerprint_of(self.settings)

    def check(self, requests: Sequence[Request]) -> None:
        """Any prompt will do."""

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        return [self.say(request.prompt_id) for request in requests]

    def say(self, prompt_id: str) -> Answer:
        rng = random.Random(prompt_id)
        words = [f"{rng.getrandbits(28):07x}" for _ in range(1 + int(rng.gammavariate(4, self.words / 4)))]
        return Answer(prompt_id, " ".join(words), "stop", 20, len(words), 0.1)

    def release(self) -> None:
        """Nothing is held."""


def probes(count: int) -> list[Asked]:
    rng = random.Random(0)
    return [Asked(f"{rng.getrandbits(64):016x}", f"Question {i}?") for i in range(count)]


def sampled(folder: Path, options: argparse.Namespace) -> str:
    """Every answer, new or not, as one table."""
    with ResponseStore(folder / STORE) as store:
        talker, asked = Talker(options.letters), probes(options.answers)
        table = sample(talker, asked, store, batch_size=options.batch_size, progress=False)
    right = all(table["answer"].iloc[i] == talker.say(asked[i].id).answer for i in range(0, len(asked), 997))
    require(len(table) == len(asked) and right, "the table holds other answers than were given")
    return f"{(folder / STORE).stat().st_size / 1e6:,.0f} MB in the file"


def scanned(folder: Path, options: argparse.Namespace) -> str:
    """What sampling does before its first batch: open the store, and see what is there."""
    asked = [one.id for one in probes(options.answers)]
    began, computed = time.perf_counter(), time.process_time()
    with ResponseStore(folder / STORE) as store:
        opened = time.perf_counter() - began
        have = store.known(Talker(options.letters).fingerprint, among=asked)
    spent, computed = time.perf_counter() - began, time.process_time() - computed
    require(len(have) == options.answers, f"{len(have)} answers are known")
    require(spent <= LONGEST_SCAN, f"the scan took {spent:.1f} s, {computed:.1f} s of them computing")
    return f"scan {spent:.1f} s, computing {computed:.1f} s; {opened:.1f} s to open and check the file"


def exported(folder: Path, options: argparse.Namespace) -> str:
    file = folder / f"answers{options.kind}"
    with ResponseStore(folder / STORE) as store:
        require(
            export_answers(store, file, shown=False) == options.answers, "answers are missing in the file"
        )
    return f"{file.stat().st_size / 1e6:,.0f} MB in the file"


def imported(folder: Path, options: argparse.Namespace) -> str:
    with ResponseStore(folder / f"imported{options.kind}.sqlite") as store:
        found = import_answers(store, folder / f"answers{options.kind}", shown=False)
    require(found == (options.answers, options.answers), f"imported {found}")
    return same_as_stored(folder, f"imported{options.kind}.sqlite")


def same_as_stored(folder: Path, name: str) -> str:
    """Compare two stores answer by answer."""
    query = "SELECT * FROM responses ORDER BY fingerprint, prompt_id, sample_index"
    with contextlib.ExitStack() as stack:
        stores = [stack.enter_context(ResponseStore(folder / file)) for file in (STORE, name)]
        rows = (store.connection.execute(query) for store in stores)
        require(all(one == other for one, other in zip(*rows, strict=True)), f"{name} has other answers")
    return "every answer is the same"


def require(fine: bool, what: str) -> None:
    if not fine:
        raise RuntimeError(what)


def measured(
    step: Callable[[Path, argparse.Namespace], str], *arguments: Any
) -> tuple[str, float, float, int]:
    began, computed = time.perf_counter(), time.process_time()
    said = step(*arguments)
    return said, time.perf_counter() - began, time.process_time() - computed, peak_memory()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--answers", type=int, default=1_000_000, help="default: %(default)s")
    parser.add_argument("--letters", type=int, default=250, help="of an answer, mean (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=64, help="of sampling (default: %(default)s)")
    options = parser.parse_args(arguments)
    steps = [("append", sampled, ""), ("scan", scanned, ""), ("sample again, table of all", sampled, "")]
    steps += [(f"export {kind}", exported, kind) for kind in KINDS]
    steps += [(f"import {kind}", imported, kind) for kind in KINDS]
    print(f"{options.answers:,} answers of {options.letters} letters in the mean", flush=True)
    with tempfile.TemporaryDirectory(prefix="million-") as folder:
        for name, step, kind in steps:
            options.kind = kind
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
                try:
                    said, spent, computed, peak = alone.submit(measured, step, Path(folder), options).result()
                except RuntimeError as failure:
                    sys.exit(f"FAILED: {name}: {failure}")
            times = f"{spent:6.0f} s, computing {computed:5.1f} s"
            print(f"  {name:<27} {times}, {peak / 1e6:4,.0f} MB at the peak; {said}", flush=True)
            if peak > MOST_MEMORY:
                sys.exit(f"FAILED: {name} took {peak / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
