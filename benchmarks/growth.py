"""How do time and memory grow with the number of prompts? Of an audit, its certificate and its kernel test.

Each step and size is a process of its own, on answers of few words (`audit_speed.written`, without a null).
An audit of more than 10,000 prompts draws so many, and a kernel test 2,000, so both go flat there; a
certificate is from scores of 14 adversaries and games, drawn. Prints a table with the slopes of the last
tenfold on double logarithmic axes (1: twice the prompts take twice the time) and writes a figure.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks.audit_speed import written

WORDS = 15
STEPS = ("reading", "audit", "kernel test", "certificate")  # `sampling` has its own place: add it here


def measured(step: str, file: str, prompts: int) -> tuple[float, float]:
    """Seconds of the step and the peak memory of its process in megabytes, libraries loaded beforehand."""
    from bbi_utils.games.certificate import certify
    from bbi_utils.provenance import peak_memory
    from bbi_utils.report.audit import Settings, audit, kernel_of
    from bbi_utils.responses.recorded import read_answers

    if step == "certificate":
        from benchmarks.worlds import score_table

        outcomes = np.random.default_rng(0).integers(0, 2, (prompts, 14)).astype(float)
        scores = score_table(outcomes)
        began = time.perf_counter()
        certify(scores, epsilon=0.1)
        return time.perf_counter() - began, peak_memory() / 1e6
    began = time.perf_counter()
    recorded = read_answers(file)
    if step != "reading":
        began = time.perf_counter()
        audit(recorded, Settings(epsilon=0.1)) if step == "audit" else kernel_of(recorded.pairs)
    return time.perf_counter() - began, peak_memory() / 1e6


def slope(sizes: Sequence[int], values: Sequence[float]) -> str:
    """Of the last step on double logarithmic axes."""
    if len(values) < 2:
        return "—"
    return f"{np.log(values[-1] / values[-2]) / np.log(sizes[-1] / sizes[-2]):.2f}"


def drawn(found: dict[str, list[tuple[float, float]]], sizes: Sequence[int], path: Path) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    fig, panels = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for at, (ax, label) in enumerate(zip(panels, ("seconds", "peak memory of the process, MB"), strict=True)):
        for (step, values), marker in zip(found.items(), "osD^v", strict=False):
            said = [value[at] for value in values]
            ax.loglog(sizes, said, marker=marker, label=f"{step} (slope {slope(sizes, said)})")
        ax.set(xlabel="prompts", ylabel=label)
        ax.legend(fontsize="small")
    fig.savefig(path, dpi=150)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    sizes = [1_000, 10_000, 100_000]
    parser.add_argument("--prompts", type=int, nargs="+", default=sizes, help="(default: %(default)s)")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS, help="(default: all)")
    parser.add_argument("--figure", type=Path, help="where the figure goes (default: none)")
    options = parser.parse_args(arguments)
    found: dict[str, list[tuple[float, float]]] = {step: [] for step in options.steps}
    with tempfile.TemporaryDirectory() as folder:
        for prompts in options.prompts:
            file = written(Path(folder) / f"{prompts}.jsonl", prompts, WORDS, 0, null=False)
            for step in options.steps:
                with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                    found[step].append(pool.submit(measured, step, str(file), prompts).result())
                seconds, memory = found[step][-1]
                print(f"{prompts:,} {step}: {seconds:.2f} s, {memory:,.0f} MB", flush=True)
    print(f"| step | {' | '.join(f'{prompts:,}' for prompts in options.prompts)} | slopes: time, memory |")
    print(f"| --- | {' | '.join('---' for _ in options.prompts)} | --- |")
    for step, values in found.items():
        cells = " | ".join(f"{seconds:.2f} s, {memory:,.0f} MB" for seconds, memory in values)
        ends = ", ".join(slope(options.prompts, [value[at] for value in values]) for at in (0, 1))
        print(f"| {step} | {cells} | {ends} |")
    if options.figure is not None:
        drawn(found, options.prompts, options.figure)


if __name__ == "__main__":
    main()
