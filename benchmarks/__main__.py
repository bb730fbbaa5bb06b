"""Every benchmark in turn, with its own sizes, or those named: `python -m benchmarks [coverage ...]`."""

from __future__ import annotations

import argparse
import importlib
import time

from benchmarks import program

NAMES = (
    "coverage",
    "clusters",
    "known_distance",
    "limit",
    "folds",
    "null_audits",
    "audit_gain",
    "close_gap",
    "more_answers",
    "null_worlds",
    "identify",
    "planted",
    "kernel_speed",
    "many_prompts",
    "sampling_speed",
    "lora_speed",
    "encoder_speed",
    "stage_parts",
    "kills",
    "million",
    "audit_speed",
    "growth",
    "threads",
    "rehearsal",
    "by_endpoint",
    "cluster",
    "scale",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which (default: all of {', '.join(NAMES)})")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in NAMES]:
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(NAMES)}")
    for name in options.names or NAMES:
        print(f"== {name}", flush=True)
        began = time.monotonic()
        importlib.import_module(f"benchmarks.{name}").main([])
        print(f"== {name}: {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    program(main)
