"""What so many prompts put to so many models cost: answers, bytes, dollars, hours, by measured rates.

Measured here, on a store of `--sample` answers: bytes of one in SQLite and in Parquet, seconds to append it,
to write a purchase down and conclude it, to see at the start what is there, and to compare two models on
1,000 prompts. The rest is multiplication. Prices, and how fast a server or GPU answers, are not ours to
measure: they are options, and the defaults are round figures. Words are drawn at random and hardly compress:
real text takes less in Parquet.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from bbi_utils.oracles.base import Request
from bbi_utils.oracles.endpoint.replies import Reply
from bbi_utils.report.matrix import compare_all
from bbi_utils.responses.export import export_answers
from bbi_utils.responses.sampling import sample
from bbi_utils.responses.store import ResponseStore
from benchmarks.million import Talker, probes

HOUR, DAY = 3600.0, 86_400.0
BOUGHT, COMPARED, MODELS = 2_000, 1_000, 3


def timed(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def stored(folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """Of one answer: bytes in both kinds of file, seconds to append it and to find it again."""
    talker, asked = Talker(options.letters), probes(options.sample)
    with ResponseStore(folder / "r.sqlite") as store:
        append = timed(lambda: sample(talker, asked, store, progress=False))
    ids = [one.id for one in asked]

    def scan() -> None:
        with ResponseStore(folder / "r.sqlite") as store:
            store.known(talker.fingerprint, among=ids)

    seconds = timed(scan)
    with ResponseStore(folder / "r.sqlite") as store:
        export_answers(store, folder / "a.parquet", shown=False)
    sizes = {
        kind: (folder / name).stat().st_size
        for kind, name in (("sqlite", "r.sqlite"), ("parquet", "a.parquet"))
    }
    return {
        name: value / options.sample for name, value in {**sizes, "append": append, "scan": seconds}.items()
    }


def bought(folder: Path, options: argparse.Namespace) -> float:
    """Seconds to write one purchase down before it is sent, and its answer afterwards."""
    talker = Talker(options.letters)
    with ResponseStore(folder / "ledger.sqlite") as store:
        store.register(talker.fingerprint, name=talker.name, settings=talker.settings)

        def buy() -> None:
            for one in probes(BOUGHT):
                row = store.intend(talker.fingerprint, Request(one.id, one.prompt), reserved=1.0)
                answer = talker.say(one.id)
                store.conclude(row, Reply("answered", answer, prompt_tokens=20, answer_tokens=300), cost=0.1)

        return timed(buy) / BOUGHT


def compared(options: argparse.Namespace) -> float:
    """Seconds of a pair in an audit of many models."""
    talker, rows = Talker(options.letters), []
    for model in range(MODELS):
        for one in probes(COMPARED):
            said = talker.say(f"{model}{one.id}").answer
            rows.append((str(model), one.id, one.prompt, "all", one.id, said))
    table = pd.DataFrame(rows, columns=["model", "prompt_id", "prompt", "category", "group", "answer"])
    return timed(lambda: compare_all(table)) / (MODELS * (MODELS - 1) / 2)


def report(options: argparse.Namespace, one: dict[str, float], purchase: float, pair: float) -> list[str]:
    answers = options.prompts * options.models
    pairs = options.models * (options.models - 1) // 2
    said, read = answers * options.tokens, answers * options.prompt_tokens
    cost = (read * options.price[0] + said * options.price[1]) / 1e6
    at_once = options.concurrency / options.seconds
    return [
        f"measured of an answer of {options.letters} letters: {one['sqlite']:,.0f} bytes in SQLite, "
        f"{one['parquet']:,.0f} in Parquet; {one['append'] * 1e6:,.0f} us to append, "
        f"{purchase * 1e3:.2f} ms to buy, {one['scan'] * 1e6:.1f} us to find again",
        f"measured of a pair of models on {COMPARED:,} prompts: {pair:.1f} s on one core",
        "",
        f"{options.prompts:,} prompts x {options.models} models = {answers:,} answers",
        f"  tokens        {read / 1e9:,.0f} billion read, {said / 1e9:,.0f} billion said",
        f"  bytes         {answers * one['sqlite'] / 1e12:.2f} TB in SQLite, "
        f"{answers * one['parquet'] / 1e12:.2f} TB in Parquet; of one model "
        f"{options.prompts * one['sqlite'] / 1e9:.1f} and {options.prompts * one['parquet'] / 1e9:.1f} GB",
        f"  dollars       {cost:,.0f} at {options.price[0]:g} and {options.price[1]:g} a million tokens",
        f"  by endpoint   {answers / at_once / DAY:,.0f} days at {options.concurrency} requests at a time of "
        f"{options.seconds:g} s each; all models at once {options.prompts / at_once / DAY:.1f}",
        f"  by GPU        {said / options.rate / HOUR:,.0f} GPU hours at {options.rate:,.0f} tokens/s each",
        f"  one writer    {answers * one['append'] / HOUR:.1f} hours to append everything, "
        f"{answers * purchase / HOUR:,.0f} to buy it ({1 / purchase:,.0f} answers/s at most)",
        f"  to begin anew {options.prompts * one['scan']:.0f} s to find what one model's file has, "
        f"{answers * one['scan'] / HOUR:.1f} hours for one file of all",
        f"  all {pairs:,} pairs on {COMPARED:,} prompts: {pairs * pair / HOUR:.1f} hours on one core",
    ]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--prompts", type=int, default=5_000_000, help="default: %(default)s")
    add("--models", type=int, default=100, help="default: %(default)s")
    add("--letters", type=int, default=1_500, help="of an answer, in the mean (default: %(default)s)")
    add("--tokens", type=int, default=300, help="of an answer (default: %(default)s)")
    add("--prompt-tokens", type=int, default=60, help="of a prompt (default: %(default)s)")
    price = "of a million tokens read and said (default: %(default)s)"
    add("--price", type=float, nargs=2, default=(0.1, 0.4), metavar=("IN", "OUT"), help=price)
    add("--concurrency", type=int, default=256, help="requests at a time (default: %(default)s)")
    add("--seconds", type=float, default=5.0, help="of a request (default: %(default)s)")
    add("--rate", type=float, default=2_000.0, help="tokens/s of a GPU (default: %(default)s)")
    add("--sample", type=int, default=20_000, help="answers to measure on (default: %(default)s)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="scale-") as name:
        one, purchase = stored(Path(name), options), bought(Path(name), options)
    print("\n".join(report(options, one, purchase, compared(options))), flush=True)


if __name__ == "__main__":
    main()
