"""What the processes do that `kills` kills: one life each of sampling into a store."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from bbi_utils.oracles import LocalOracle, Sampling, Terms
from bbi_utils.oracles.endpoint.client import EndpointOracle
from bbi_utils.responses.sampling import sample
from bbi_utils.responses.store import ResponseStore

# Imported once in the process that all others are forked from, so that a killed one is soon back at work.
PRELOAD = [
    "benchmarks.lives",
    "httpx2",
    "pandas",
    "torch",
    "transformers.generation.utils",
    "transformers.models.qwen2.modeling_qwen2",
]
SEEDED = Sampling(temperature=0.9, top_p=0.95, max_new_tokens=12, seed=3)
GREEDY = Sampling(temperature=0.0, top_p=1.0, max_new_tokens=12)
tqdm.get_lock()  # made here once for all; a killed process would leave its own behind


class Asked(NamedTuple):
    id: str
    prompt: str


def probes(count: int) -> list[Asked]:
    said = "Give me one word that begins with the letter {}, number {}."
    return [Asked(f"p{i:06}", said.format(chr(97 + i % 26), i)) for i in range(count)]


def sample_local(store: Path, model: str, count: int) -> None:
    """One life of sampling from a model on this machine."""
    import torch

    torch.set_num_threads(1)
    with ResponseStore(store) as answers:
        sample(LocalOracle(model, sampling=SEEDED), probes(count), answers, batch_size=8, progress=False)


def sample_endpoint(store: Path, reference: str, count: int, concurrency: int) -> None:
    """One life of buying from an endpoint."""
    oracle = EndpointOracle(reference, sampling=GREEDY, terms=Terms(concurrency=concurrency))
    with ResponseStore(store) as answers:
        sample(oracle, probes(count), answers, progress=False)
