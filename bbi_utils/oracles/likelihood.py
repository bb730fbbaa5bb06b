"""How likely a model is to give an answer: the probability that its sampling has of these very tokens.

Teacher-forced: one pass over prompt and answer gives what sampling saw at each step. A token's probability
is that at the sampling temperature, divided by the mass of the nucleus, and 0 outside it (`seeded.nucleus`,
ties included). How it stopped is not seen by whoever reads an answer, only that it did: several stop tokens
count together, each if it is in the nucleus. An answer that was cut has the probability of all that begin
like it. At temperature 0 it is 1 for the most likely tokens and 0 for any other.

One pass rounds otherwise than many small ones, so at the edge of the nucleus a sampled token could seem
impossible: within `EDGE` of it a token counts as inside.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bbi_utils.oracles.base import Sampling
from bbi_utils.progress import Progress

if TYPE_CHECKING:
    import numpy
    import torch

ELEMENTS = 2**25  # logits held at once: 128 MB in float32
ROWS = 64  # of them turned into probabilities at a time, in float64
MOST = 32  # answers in a batch
EDGE = {"float32": 1e-5}  # of probability, and of a logit at temperature 0
ROUGH_EDGE = 1e-2  # for 16-bit models
ENGINE = 1  # raise it when other numbers come out, so that those kept are not used again
Row = tuple[list[int], list[int], bool]  # prompt ids, answer ids, whether it ended


def of_answers(
    model: Any,
    rows: Sequence[Row],
    stops: Sequence[int],
    sampling: Sampling,
    *,
    known: Mapping[int, float],
    keep: Callable[[Mapping[int, float]], None],
    bar: Progress,
) -> numpy.ndarray:
    """Log-likelihoods in nats, float64, in the order of the rows; `model` is in eval mode.

    `known` are those of an earlier run, by row, and `keep` is given those of each batch. Batches are cut as
    if nothing were known, so that floating point rounds alike.
    """
    import numpy

    vocabulary = model.get_output_embeddings().weight.shape[0]
    # After a stop token there is nothing, and a token of other models is never said.
    never = [any(token in stops or token >= vocabulary for token in answer) for _, answer, _ in rows]
    found = numpy.where(never, -numpy.inf, 0.0)
    places = [i for i, impossible in enumerate(never) if not impossible]
    bar.update(len(rows) - len(places))
    head = common_head(model, [prompt for prompt, _, _ in rows])
    for batch in batches(rows, places, vocabulary):
        if known.keys() >= set(batch):
            found[batch] = [known[i] for i in batch]
        else:
            found[batch] = of_batch(model, [rows[i] for i in batch], head, stops, sampling)
            keep({i: float(found[i]) for i in batch})
        bar.update(len(batch))
    return found


def common_head(model: Any, prompts: Sequence[list[int]]) -> tuple[int, Any]:
    """How many tokens all prompts begin with (never a whole prompt), and what the model keeps of them.

    A template begins alike for all; a product's hidden system prompt can be longer than prompt and answer.
    """
    import torch

    first, last = min(prompts, default=[]), max(prompts, default=[])
    pairs = enumerate(zip(first, last, strict=False))
    alike = next((k for k, (one, other) in pairs if one != other), len(first))
    if (length := min([alike, *(len(prompt) - 1 for prompt in prompts)])) <= 0:
        return 0, None
    with torch.inference_mode():
        ids = torch.tensor([first[:length]], device=model.device)
        kept = model(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values
    return (0, None) if kept is None else (length, kept)


def batches(rows: Sequence[Row], places: Sequence[int], vocabulary: int) -> list[list[int]]:
    """These places of rows in batches of similar length, longest first, as large as `ELEMENTS` allows."""
    found: list[list[int]] = []
    for i in sorted(places, key=lambda i: (-len(rows[i][0]) - len(rows[i][1]), i)):
        longest = max(len(rows[j][1]) for j in [*(found[-1] if found else []), i]) + 1
        size = min(MOST, max(1, ELEMENTS // (longest * vocabulary)))
        if found and len(found[-1]) < size:
            found[-1].append(i)
        else:
            found.append([i])
    return found


def of_batch(
    model: Any, rows: Sequence[Row], head: tuple[int, Any], stops: Sequence[int], sampling: Sampling
) -> numpy.ndarray:
    """The same for rows that go through the model at once: prompts end, and answers begin, at one place."""
    import torch

    known, kept = head[0], copy.deepcopy(head[1])
    before, after = max(len(p) for p, _, _ in rows), max(len(a) for _, a, _ in rows)
    ids = torch.zeros((len(rows), before + after), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, (prompt, answer, _) in enumerate(rows):
        span = slice(before - len(prompt) + known, before + len(answer))
        ids[row, span], mask[row, span] = torch.tensor(prompt[known:] + answer), 1
    mask[:, :known] = 1
    places = (mask.cumsum(-1) - 1).clamp(min=0)
    with torch.inference_mode():
        if known:
            kept.batch_repeat_interleave(len(rows))
        inputs = {"input_ids": ids[:, known:], "attention_mask": mask, "position_ids": places[:, known:]}
        inputs = {name: value.to(model.device) for name, value in inputs.items()}
        said = model(**inputs, logits_to_keep=after + 1, use_cache=bool(known), past_key_values=kept)
        logits = said.logits[:, -after - 1 :]
        found = [
            of_answer(logits[row, : len(answer) + ended], answer, stops, sampling)
            for row, (_, answer, ended) in enumerate(rows)
        ]
    return torch.tensor(found, dtype=torch.float64).numpy()


def of_answer(logits: torch.Tensor, answer: Sequence[int], stops: Sequence[int], sampling: Sampling) -> float:
    """Of one answer, given the logits (steps, vocabulary) for its tokens and, if it ended, for its end."""
    import torch

    total = 0.0
    for start in range(0, len(logits), ROWS):
        part = logits[start : start + ROWS]
        steps = range(start, start + len(part))
        wanted = [[answer[k]] if k < len(answer) else list(stops) for k in steps]
        width = max(map(len, wanted))
        tokens = torch.tensor([[*one, *one[-1:] * (width - len(one))] for one in wanted], device=part.device)
        counted = torch.tensor([[k < len(one) for k in range(width)] for one in wanted], device=part.device)
        chances = probabilities(part, tokens, sampling) * counted
        total += float(chances.sum(dim=-1).clamp(max=1).log().sum())
    return total


def probabilities(logits: torch.Tensor, tokens: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """Chances (steps, some), float64, of these tokens (steps, some) given logits (steps, vocabulary)."""
    edge = EDGE.get(str(logits.dtype).removeprefix("torch."), ROUGH_EDGE)
    logits = logits.float()
    own = logits.gather(-1, tokens)
    if sampling.temperature == 0:
        return (own >= logits.max(dim=-1, keepdim=True).values - edge).double()
    from bbi_utils.oracles.seeded import nucleus  # needs torch when imported

    scaled, top_p = logits.double() / sampling.temperature, sampling.top_p
    alone = (own.double() / sampling.temperature - scaled.logsumexp(dim=-1, keepdim=True)).exp()
    if top_p == 1:
        return alone
    order, sums, inside = nucleus(logits, temperature=sampling.temperature, top_p=min(1.0, top_p + edge))
    kept = 1 + (sums[:, :-1] < top_p).sum(dim=-1, keepdim=True)
    same = order.unsqueeze(1) == tokens.unsqueeze(-1)  # steps, some, ids looked at
    rank = same.byte().argmax(dim=-1)
    mass = sums.gather(-1, (kept - 1).expand_as(rank).maximum(rank))
    return (alone / mass) * (same.any(dim=-1) & (rank < inside))
