"""Sampling beside what one could use instead: new tokens a second, interleaved, at the same greedy tokens.

`generate` of transformers takes the prompts as they come, in batches of 16 and of 64, and sorted by length
in batches of 64, which is what narrow models get. Where an answer is not ours, the logits of the two tokens
at which they part are computed in float64: they must be as good as equal. The limit is what the products
alone would take at the rate of a large one (what prompts begin with alike is counted once), or reading the
weights once for 64 tokens, and the keys and values.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from bbi_utils.oracles import LocalOracle, Request, Sampling
from bbi_utils.oracles.frozen import by_onednn
from bbi_utils.oracles.likelihood import common_head
from bbi_utils.probes import build_suite
from bbi_utils.responses.sampling import plan_batches

ROWS = 64
TIE = 1e-3  # logits, in float64, that rounding may exchange
CONCIERGE = (
    "You are the concierge of a grand hotel. Greet the guest warmly and answer in one or two short, polite "
    "sentences."
)
Said = list[list[int]]


class Trial:
    """The oracle, what it is asked, and the ways to have it answered."""

    def __init__(self, model: str, hidden: str | None, *, prompts: int, new: int, quantisation: Any) -> None:
        how = Sampling(temperature=0.0, max_new_tokens=new, system_prompt=hidden)
        place = {"dtype": "float32", "device": "cpu"}
        self.oracle = LocalOracle(model, sampling=how, quantisation=quantisation, **place)
        self.requests = [Request(one.id, one.prompt) for one in build_suite(n=5000)[:prompts]]
        self.prompts = [self.oracle.encode(one.prompt) for one in self.requests]
        self.ways: dict[str, Callable[[], Said]] = {
            "ours": lambda: self.planned(ROWS * self.oracle.ahead),
            "generate, input order, batch 16": lambda: self.generated(self.requests, 16),
            "generate, input order, batch 64": lambda: self.generated(self.requests, 64),
            "generate, sorted, batch 64": lambda: self.generated(
                [one for batch in plan_batches(self.requests, batch_size=ROWS) for one in batch], 64
            ),
        }

    def planned(self, size: int) -> Said:
        """Tokens of all answers by our loop, in the order of the requests."""
        batches = plan_batches(self.requests, batch_size=size)
        said = {
            one.prompt_id: list(one.tokens)
            for batch in batches
            for one in self.oracle.answer(batch, rows=ROWS)
        }
        return [said[one.prompt_id] for one in self.requests]

    def generated(self, requests: Sequence[Request], size: int) -> Said:
        """The same by plain `generate`, batch by batch."""
        said, oracle = {}, self.oracle
        for start in range(0, len(requests), size):
            part = requests[start : start + size]
            ids = [oracle.encode(one.prompt) for one in part]
            padded = oracle.tokenizer.pad({"input_ids": ids}, return_tensors="pt")
            with torch.inference_mode():
                new = oracle.model.generate(**padded, max_new_tokens=oracle.sampling.max_new_tokens)
            for one, row in zip(part, new[:, padded["input_ids"].shape[1] :].tolist(), strict=True):
                end = next((k for k, token in enumerate(row) if token in oracle.stops), len(row) - 1)
                said[one.prompt_id] = row[: end + 1]
        return [said[one.prompt_id] for one in self.requests]

    def gaps(self, one: Said, other: Said) -> list[float]:
        """Of each answer that is not the same: how far apart the first two tokens' logits are, in float64."""
        found = []
        for prompt, a, b in zip(self.prompts, one, other, strict=True):
            if a == b:
                continue
            at = next(k for k, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
            model = self.oracle.model.double()
            with torch.inference_mode():
                logits = model(torch.tensor([prompt + a[:at]])).logits[0, -1]
            model.float()
            found.append(abs(float(logits[a[at]] - logits[b[at]])))
        return found

    def limits(self, new: int) -> tuple[float, float]:
        """Seconds of all products for the prompts and so many new tokens, and of reading what they read."""
        model, config = self.oracle.model, self.oracle.model.config
        head = model.get_output_embeddings().weight.numel()
        layers = [one for one in model.modules() if isinstance(one, torch.nn.Linear)]
        inner = sum(one.in_features * one.out_features for one in layers) - head
        shared, _ = common_head(model, self.prompts)
        read = shared + sum(len(one) - 1 - shared for one in self.prompts)
        operations = 2.0 * (inner * (read + new) + head * new)
        kept = 8 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim
        length = statistics.mean(map(len, self.prompts)) + new / len(self.prompts) / 2
        return operations / product_rate(), (4 * (inner + head) / ROWS + kept * length) * new / reading_rate()


def product_rate() -> float:
    """Operations a second of a large product of a layer's shape by oneDNN."""
    x, weight = torch.randn(512, 576), torch.randn(1536, 576)
    with by_onednn():
        return 2 * 512 * 576 * 1536 / median_seconds(lambda: torch.nn.functional.linear(x, weight), 200)


def reading_rate() -> float:
    """Bytes a second from memory."""
    ones = torch.ones(2**26)
    return 4 * 2**26 / median_seconds(ones.sum, 9)


def median_seconds(act: Callable[[], Any], times: int) -> float:
    """How long it takes."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def parts(act: Callable[[], Any]) -> str:
    """Which operations took how much of the time."""
    with profile(activities=[ProfilerActivity.CPU]) as watched:
        act()
    took = {one.key.removeprefix("aten::"): one.self_cpu_time_total for one in watched.key_averages()}
    most = sorted(took, key=lambda name: -took[name])[:8]
    return ", ".join(f"{name} {took[name] / sum(took.values()):.0%}" for name in most)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="smol")
    parser.add_argument("--quantisation", default="none", choices=["none", "nf4"])
    parser.add_argument("--system-prompt", default=CONCIERGE)
    parser.add_argument("--prompts", type=int, default=256)
    parser.add_argument("--new", type=int, default=96, help="tokens of an answer at the most")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ways", type=int, default=4, help="of the four, in the order above, so many")
    parser.add_argument("--profile", action="store_true", help="the time of one round by operation instead")
    options = parser.parse_args(arguments)
    hidden = options.system_prompt or None
    trial = Trial(
        options.model, hidden, prompts=options.prompts, new=options.new, quantisation=options.quantisation
    )
    trial.ways = dict(list(trial.ways.items())[: options.ways])
    trial.oracle.answer([Request("first", "Hello.")])  # the weights are loaded before the clock runs
    if options.profile:
        for name, act in trial.ways.items():
            print(f"{name}: {parts(act)}", flush=True)
        return
    report(trial, options.rounds)


def report(trial: Trial, rounds: int) -> None:
    """Run all ways in turn, and print how fast each was and whether all said the same."""
    said: dict[str, Said] = {}
    speeds: dict[str, list[float]] = {name: [] for name in trial.ways}
    for number in range(rounds):
        for name, act in trial.ways.items():
            began = time.perf_counter()
            said[name] = act()
            speeds[name].append(sum(map(len, said[name])) / (time.perf_counter() - began))
            print(f"round {number}, {name}: {speeds[name][-1]:.1f} tokens a second", flush=True)
    middle = {name: statistics.median(some) for name, some in speeds.items()}
    new = sum(map(len, said["ours"]))
    products, reading = trial.limits(new)
    print(f"{len(trial.prompts)} prompts, {new:,} tokens, {rounds} rounds, {torch.get_num_threads()} threads")
    print("| | tokens a second | ours is faster by | share of the limit | other answers than ours |")
    print("| --- | --- | --- | --- | --- |")
    gaps = {name: trial.gaps(said[name], said["ours"]) for name in said}
    for name, some in speeds.items():
        spread, times = f"{min(some):.0f} to {max(some):.0f}", middle["ours"] / middle[name]
        differ = f"{len(gaps[name])}, gaps up to {max(gaps[name], default=0.0):.1e}"
        share = middle[name] * max(products, reading) / new
        print(f"| {name} | {middle[name]:.0f} ({spread}) | {times:.2f} | {share:.0%} | {differ} |")
    print(f"| the limit: products {new / products:.0f}, reading {new / reading:.0f} | | | | |")
    first, last = list(said)[1], list(said)[-1]
    between = trial.gaps(said[last], said[first])
    print(f"{last} beside {first}: {len(between)} other answers, gaps {sorted(between)}")
    if max(sum(gaps.values(), between), default=0.0) > TIE:
        raise SystemExit("FAILED: answers part where no rounding explains it")


if __name__ == "__main__":
    main()
