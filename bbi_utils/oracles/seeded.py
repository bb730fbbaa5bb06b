"""Randomness that belongs to a prompt, not to a batch: uniforms in, tokens out by inverse CDF."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy
import torch
from transformers import LogitsProcessor

from bbi_utils.errors import BadInput
from bbi_utils.oracles.base import Sampling

# Scores (rows, vocabulary), the rows' places among the keys, their steps from 0: a token id for each row.
Choose = Callable[[torch.Tensor, Sequence[int], Sequence[int]], torch.Tensor]
# Sorting a whole vocabulary costs more than a small model's forward; nearly every nucleus lies in its head.
HEAD = 128
NO_NUMBERS = (
    "the model gives no numbers (NaN or infinity) for prompt {prompt}: its weights are damaged, or too large "
    "for this precision; get them anew, or set dtype to float32 or bfloat16"
)
SLACK = 1e-4  # far above the relative error of a sum of float32


def uniforms(*, seed: int, stream: str, prompt_id: str, sample_index: int, count: int) -> numpy.ndarray:
    """`count` float64 uniforms in [0, 1), a function of the arguments alone (Philox, keyed by their hash).

    `stream` tells oracles apart. If teacher and student shared their noise, equal distributions would give
    equal answers: a student could look closer to the teacher than the teacher's own fresh samples are.
    """
    name = "\x1f".join((str(seed), stream, prompt_id, str(sample_index)))
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "little")
    return numpy.random.Generator(numpy.random.Philox(key=key)).random(count)


def inverse_cdf(
    logits: torch.Tensor, noise: torch.Tensor, *, temperature: float, top_p: float
) -> torch.Tensor:
    """Token ids (batch,) at the quantiles `noise` (batch,) of the (temperature, top-p) distribution.

    Ties go to the lower id and sums are float64, so the choice does not depend on the other rows. Nearly all
    rows are settled by their head; only the others are sorted whole.
    """
    chosen, settled = from_head(logits, noise, temperature=temperature, top_p=top_p)
    if not bool(settled.all()):
        rest = (~settled).nonzero().squeeze(-1)
        chosen[rest] = from_all(logits[rest], noise[rest], temperature=temperature, top_p=top_p)
    return chosen


def from_all(logits: torch.Tensor, noise: torch.Tensor, *, temperature: float, top_p: float) -> torch.Tensor:
    """The choices of `inverse_cdf`, by its definition."""
    order, cumulative, kept = nucleus(logits, temperature=temperature, top_p=top_p)
    mass = cumulative.gather(-1, kept - 1)
    position = torch.searchsorted(cumulative, noise.double().unsqueeze(-1) * mass, right=True)
    return order.gather(-1, torch.minimum(position, kept - 1)).squeeze(-1)


def from_head(
    logits: torch.Tensor, noise: torch.Tensor, *, temperature: float, top_p: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Choices from the most likely tokens alone, and of which rows it is certain that `from_all` agrees.

    The total is summed in float32: it scales all probabilities of a row alike, by less than SLACK. A row is
    settled where nothing within that slack changes its choice, nor a tie with tokens that were not looked at.
    """
    values, order = largest(logits, min(HEAD, logits.shape[-1]))
    top = values[:, :1]
    total = torch.exp((logits - top) / temperature).sum(dim=-1, keepdim=True).double()
    cumulative = (torch.exp((values.double() - top) / temperature) / total).cumsum(dim=-1)
    quantile, last = noise.double().unsqueeze(-1), values[:, -1:]
    inside = torch.tensor(values.shape[-1], device=logits.device)
    certain = torch.ones_like(top, dtype=torch.bool)
    slacks = (1 - SLACK, 1 + SLACK)
    if top_p < 1:
        inside, most = (1 + (cumulative[:, :-1] < top_p * s).sum(dim=-1, keepdim=True) for s in slacks)
        quantile = quantile * cumulative.gather(-1, inside - 1)
        certain = (inside == most) & (values.gather(-1, inside - 1) > last)
    low, high = (torch.searchsorted(cumulative, quantile * s, right=True) for s in slacks)
    place = torch.minimum(low, inside - 1)
    certain &= (low == high) & (low < inside) & (values.gather(-1, place) > last)
    return order.gather(-1, place).squeeze(-1), certain.squeeze(-1)


def nucleus(
    logits: torch.Tensor, *, temperature: float, top_p: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Of each row the ids from the most likely one down, the sums of their probabilities, and how many count.

    Ids beyond those that count may be missing.
    """
    total = torch.logsumexp(logits.double() / temperature, dim=-1, keepdim=True)
    for width in (HEAD, logits.shape[-1]):
        values, order = largest(logits, min(width, logits.shape[-1]))
        cumulative = torch.exp(values.double() / temperature - total).cumsum(dim=-1)
        # The nucleus: the first token and all whose predecessors have not reached top_p yet.
        kept = 1 + (cumulative[:, :-1] < top_p).sum(dim=-1, keepdim=True)
        # A tie with the last value looked at could have been cut apart: then look at all of them.
        if bool((values.gather(-1, kept - 1) > values[:, -1:]).all()):
            break
    return order, cumulative, kept


def largest(logits: torch.Tensor, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The `width` largest values of each row and their ids, descending, equal ones by ascending id."""
    if width == logits.shape[-1]:
        return torch.sort(logits, dim=-1, descending=True, stable=True)
    ids = torch.topk(logits, width, dim=-1, sorted=False).indices.sort(dim=-1).values
    values, order = torch.sort(logits.gather(-1, ids), dim=-1, descending=True, stable=True)
    return values, ids.gather(-1, order)


def chooser(keys: Sequence[tuple[str, int]], *, sampling: Sampling, stream: str) -> Choose:
    """What draws as `sampling` says: token t of the i-th (prompt id, sample index) by its t-th uniform.

    It raises BadInput where the model gives no numbers: an argmax would be the vocabulary's first token.
    """
    seed, count, temperature = sampling.seed, sampling.max_new_tokens, sampling.temperature
    rows = [uniforms(seed=seed, stream=stream, prompt_id=i, sample_index=k, count=count) for i, k in keys]
    noise = torch.from_numpy(numpy.stack(rows))

    def choose(scores: torch.Tensor, places: Sequence[int], steps: Sequence[int]) -> torch.Tensor:
        if not bool((fine := scores.amax(dim=-1).isfinite()).all()):
            raise BadInput(NO_NUMBERS.format(prompt=keys[places[int(fine.int().argmin())]][0]))
        if temperature == 0:
            return scores.argmax(dim=-1)
        some = noise[torch.tensor(places), torch.tensor(steps)].to(scores.device)
        return inverse_cdf(scores, some, temperature=temperature, top_p=sampling.top_p)

    return choose


def noise_processor(choose: Choose, *, prompt_length: int) -> Any:
    """A LogitsProcessor under which greedy `generate` takes the tokens that `choose` does for its rows."""

    class Chosen(LogitsProcessor):
        def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
            chosen = choose(scores, range(len(scores)), [input_ids.shape[1] - prompt_length] * len(scores))
            only = torch.full_like(scores, float("-inf"))
            return only.scatter_(-1, chosen.unsqueeze(-1), 0.0)  # type: ignore[return-value]

    return Chosen()
