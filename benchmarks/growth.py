"""How do time and memory grow with the number of prompts? Of sampling and of each step of an audit.

Each step and size is a process of its own, its libraries and models loaded beforehand. Sampled is a shipped
model, at most 12 tokens an answer; audited are answers of 15 words (`audit_speed.written`, without a null); a
certificate is from a file of scores of 14 adversaries and games, drawn. An audit of more than 10,000 prompts
draws so many. What was measured replaces its rows in growth.csv; the table and growth.svg are made of that.
Slopes are of the last step on double logarithmic axes (1: ten times the prompts take ten times as much).
Seconds are of computing, on all cores together, which other work does not disturb.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.audit_speed import written

WORDS = 15
STEPS = ("sampling", "reading", "kernel test", "certificate", "audit")
READ = ("reading", "kernel test", "audit")  # a file of answers
ENDS = {"sampling": ".sqlite", "certificate": ".parquet"}
HERE = Path(__file__).parent
MODEL = "pocket/qwen-teacher"


def prepared(step: str, file: Path, prompts: int) -> Callable[[], object]:
    """The step, ready to begin."""
    if step == "sampling":
        from bbi_utils.oracles import LocalOracle
        from bbi_utils.responses.sampling import sample
        from bbi_utils.responses.store import ResponseStore
        from benchmarks.lives import SEEDED, probes

        oracle = LocalOracle(MODEL, sampling=SEEDED)
        with ResponseStore(file.with_suffix(".first")) as store:
            sample(oracle, probes(64), store, progress=False)
        return lambda: sample(oracle, probes(prompts), ResponseStore(file), progress=False)
    if step == "certificate":
        from bbi_utils.games.certificate import certify
        from bbi_utils.games.scores import read_scores

        scores = read_scores(file)
        return lambda: certify(scores, epsilon=0.1)
    from bbi_utils.report.audit import Settings, audit, kernel_of
    from bbi_utils.responses.recorded import read_answers

    if step == "reading":
        return lambda: read_answers(file)
    recorded = read_answers(file)
    return lambda: audit(recorded, Settings(epsilon=0.1)) if step == "audit" else kernel_of(recorded.pairs)


def scored(path: Path, prompts: int, adversaries: int = 14) -> None:
    """A file of pairwise scores (contract C3), each right by the toss of a coin."""
    import pyarrow as pa
    from pyarrow.parquet import write_table

    rows = np.arange(prompts * adversaries, dtype=np.int32)
    names = pa.array([f"adversary {i}" for i in range(adversaries)])
    alike = {"pair": "simulated", "contrast": "base", "game": "pairwise"}
    columns = {name: pa.repeat(value, len(rows)) for name, value in alike.items()}
    columns |= {
        "adversary": names.take(pa.array(rows % adversaries)),
        "prompt_id": pa.array(rows // adversaries).cast(pa.string()),
        "correct": pa.array(np.random.default_rng(0).integers(0, 2, len(rows)).astype(float)),
    }
    write_table(pa.table(columns), path)


def measured(step: str, file: Path, prompts: int) -> tuple[float, float]:
    """Computing seconds of the step and the peak memory of its process in megabytes."""
    from bbi_utils.provenance import peak_memory

    run = prepared(step, file, prompts)
    began = time.process_time()
    run()
    return time.process_time() - began, peak_memory() / 1e6


def table_of(found: pd.DataFrame) -> str:
    """A row a step, a column a size, and the slopes."""
    sizes = sorted(found["prompts"].unique())
    lines = [f"| step | {' | '.join(f'{n:,}' for n in sizes)} | slope: time, memory |"]
    lines.append(f"| --- | {'--- | ' * len(sizes)}--- |")
    for step, rows in found.groupby("step", sort=False):
        said = {n: f"{s:.3g} s, {mb:,.0f} MB" for n, s, mb in rows[["prompts", "seconds", "mb"]].to_numpy()}
        cells = " | ".join(said.get(n, "—") for n in sizes)
        lines.append(f"| {step} | {cells} | {slope(rows, 'seconds')}, {slope(rows, 'mb')} |")
    return "\n".join(lines)


def slope(rows: pd.DataFrame, name: str) -> str:
    """Of the last step on double logarithmic axes."""
    if len(rows) < 2:
        return "—"
    steps = np.log(rows[["prompts", name]].to_numpy()[-2:])
    return f"{(steps[1, 1] - steps[0, 1]) / (steps[1, 0] - steps[0, 0]):.2f}"


def drawn(found: pd.DataFrame, path: Path) -> None:
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams["svg.hashsalt"] = "growth"  # bytes that repeat
    from matplotlib import pyplot as plt

    fig, panels = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    labels = {"seconds": "seconds of computing", "mb": "peak memory of the process, MB"}
    for ax, (name, label) in zip(panels, labels.items(), strict=True):
        for (step, rows), marker in zip(found.groupby("step", sort=False), "osD^v", strict=False):
            ax.loglog(rows["prompts"], rows[name], marker=marker, label=f"{step}, slope {slope(rows, name)}")
        ax.set(xlabel="prompts", ylabel=label)
        ax.legend(fontsize="small")
    fig.savefig(path, metadata={"Date": None})


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sizes = [1_000, 10_000, 100_000]
    parser.add_argument("--prompts", type=int, nargs="*", default=sizes, help="(default: %(default)s)")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS, help="(default: all)")
    options = parser.parse_args(arguments)
    kept = HERE / "growth.csv"
    found = pd.read_csv(kept) if kept.exists() else pd.DataFrame(columns=["step", "prompts", "seconds", "mb"])
    with tempfile.TemporaryDirectory() as folder:
        for prompts in options.prompts:
            file = Path(folder) / f"{prompts}.jsonl"
            if set(READ) & set(options.steps):
                written(file, prompts, WORDS, 0, null=False)
            if "certificate" in options.steps:
                scored(file.with_suffix(".parquet"), prompts)
            for step in options.steps:
                source = file if step in READ else file.with_suffix(ENDS[step])
                with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                    seconds, memory = pool.submit(measured, step, source, prompts).result()
                print(f"{prompts:,} {step}: {seconds:.2f} s, {memory:,.0f} MB", flush=True)
                row = pd.DataFrame([[step, prompts, round(seconds, 3), round(memory)]], columns=found.columns)
                found = pd.concat([found[(found["step"] != step) | (found["prompts"] != prompts)], row])
                found = found.sort_values(["step", "prompts"], key=_in_order)
                found.to_csv(kept, index=False)
    print(table_of(found))
    drawn(found, HERE / "growth.svg")


def _in_order(column: pd.Series) -> pd.Series:
    return column.map(STEPS.index) if column.name == "step" else column.astype(int)


if __name__ == "__main__":
    main()
