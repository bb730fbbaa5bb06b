"""How should idle threads wait? Optimiser steps a minute of 4-bit LoRA, by wait policy and by load.

libgomp's threads spin between two parallel parts unless they are told to sleep (OMP_WAIT_POLICY=passive).
Each trial is a process of its own; the policies take turns, round by round.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence

import numpy as np
import pandas as pd

from bbi_utils.provenance import cores

POLICIES = ("spinning", "passive")
BUSY_LOOPS = (0, 2)
TOKENS = 100  # of an answer, about
CODE = "from benchmarks.threads import train; train({model!r}, batch={batch}, seconds={seconds})"


def train(model: str, *, batch: int, seconds: float) -> None:
    """Print steps a minute after a first one that is not counted; at least two of them."""
    from bbi_utils.distillation.examples import encode_all
    from bbi_utils.distillation.lora import LoraSettings, TrainingRun, build_student
    from bbi_utils.oracles import checkpoints
    from bbi_utils.probes import build_suite

    checkpoint = checkpoints.resolve_model(model)
    tokenizer = checkpoints.load_tokenizer(checkpoint)
    prompts = [probe.prompt for probe in build_suite(n=400)]
    words = " ".join(prompts).split()
    answers = [" ".join(words[i : i + TOKENS * 3 // 4]) for i in range(len(prompts))]
    limit = checkpoints.context_of(checkpoint)
    examples = encode_all(tokenizer, prompts, answers, system_prompt=None, max_length=limit)
    settings = LoraSettings(batch_size=batch)
    student = build_student(checkpoint, settings, dtype="float32", device="cpu", seed=0)
    run = TrainingRun(student, examples, settings, pad=tokenizer.pad_token_id, seed=0, device="cpu")
    student.train()
    run.step(0)
    done, began = 0, time.monotonic()
    while done < 2 or time.monotonic() - began < seconds:
        done += 1
        run.step(done)
    print(60 * done / (time.monotonic() - began))


def trial(policy: str, busy: int, options: argparse.Namespace) -> float:
    """Steps a minute under a policy, beside so many processes that never rest."""
    said = {
        name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    }
    said |= {"OMP_NUM_THREADS": str(cores())} | ({"OMP_WAIT_POLICY": policy} if policy == "passive" else {})
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
    try:
        code = CODE.format(model=options.model, batch=options.batch, seconds=options.seconds)
        done = subprocess.run(
            [sys.executable, "-c", code], env=said, stdout=subprocess.PIPE, text=True, check=True
        )
        return float(done.stdout.split()[-1])
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="smol", help="trained (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=8, help="examples a step (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=40, help="of a trial, at least (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="of all trials (default: %(default)s)")
    options = parser.parse_args(arguments)
    rows = [
        {"busy loops": busy, "policy": policy, "steps a minute": trial(policy, busy, options)}
        for _ in range(options.rounds)
        for busy in BUSY_LOOPS
        for policy in POLICIES
    ]
    found = pd.DataFrame(rows).pivot_table(
        index="busy loops", columns="policy", values="steps a minute", aggfunc=list
    )
    table = found.map(np.median)[list(POLICIES)]
    table["passive / spinning"] = table["passive"] / table["spinning"]
    print(
        f"{options.model}, batches of {options.batch}, {cores()} threads: medians of {options.rounds} rounds"
    )
    print(table.round(2).to_string())
    print(found.map(lambda each: [round(one, 2) for one in each]).to_string())


if __name__ == "__main__":
    main()
