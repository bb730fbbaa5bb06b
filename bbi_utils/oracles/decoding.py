"""A queue of prompts through one batch: a row leaves when its answer ends, and the next takes its place.

Keys and values lie in slots that are written in place, each row from the left and at its own length: nothing
is padded, copied or grown while rows come and go. What all prompts begin with is computed once. The last
token of a prompt is its row's first step, so that going through the prompts needs no logits.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer, DynamicSlidingWindowLayer, StaticLayer

from bbi_utils.oracles.frozen import fast
from bbi_utils.oracles.likelihood import common_head
from bbi_utils.oracles.seeded import Choose

SHARE = 8  # one in so many rows is free before prompts are fetched: a pass for few costs as one for more


class Slots(StaticLayer):
    """Keys and values of one layer, (slots, heads, room, numbers); the first slots are those in use."""

    keys: Any
    values: Any
    at: torch.Tensor  # where each row's next token goes
    width: int  # how many keys the longest row has with it

    def put(self, first: int, slots: int, layer: Any) -> None:
        """What another cache's layer holds of some prompts, into the slots from `first` on."""
        for name in ("keys", "values"):
            new = getattr(layer, name)
            if getattr(self, name) is None:  # zeros: they are hidden, but must be numbers
                setattr(self, name, new.new_zeros(slots, new.shape[1], self.max_cache_len, new.shape[3]))
            getattr(self, name)[first : first + len(new), :, : new.shape[2]] = new

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any) -> Any:
        """Keep those of one token a row; all that is kept of the rows in use, up to the longest."""
        rows = torch.arange(len(key_states), device=key_states.device)
        self.keys[rows, :, self.at], self.values[rows, :, self.at] = (
            key_states[:, :, 0],
            value_states[:, :, 0],
        )
        return self.keys[: len(rows), :, : self.width], self.values[: len(rows), :, : self.width]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """How many keys a mask covers, and from which on."""
        return self.width, 0

    def get_seq_length(self) -> int:
        """How many keys were there before this token."""
        return self.width - 1


def can_serve(model: Any, longest: int) -> bool:
    """Whether slots can stand for this model's own cache for prompts and answers of up to so many tokens.

    They can where every layer keeps all keys and values, as a sliding window does that nothing outgrows.
    """
    model = model.get_base_model() if hasattr(model, "get_base_model") else model
    takes = {"position_ids", "past_key_values", "logits_to_keep"}
    if model.config.is_encoder_decoder or not model._supports_default_dynamic_cache():
        return False
    return takes <= set(inspect.signature(model.forward).parameters) and all(
        type(layer) is DynamicLayer
        or (type(layer) is DynamicSlidingWindowLayer and longest <= layer.sliding_window)
        for layer in DynamicCache(config=model.config).layers
    )


def decode(
    model: Any, prompts: Sequence[list[int]], choose: Choose, *, rows: int, most: int, stops: Sequence[int]
) -> list[list[int]]:
    """New token ids for each prompt, in order: up to and with its first stop token, `most` at the most.

    At most `rows` are in the model at once. The schedule depends on the arguments alone: the same queue
    gives the same numbers.
    """
    room = max(map(len, prompts)) + most
    layers = [Slots(room) for _ in DynamicCache(config=model.config).layers]
    waiting, here, said = list(range(len(prompts))), list[int](), [list[int]() for _ in prompts]
    with torch.inference_mode(), fast(model):
        head = common_head(model, prompts)
        while waiting or here:
            if (free := rows - len(here)) >= max(1, rows // SHARE) and waiting:
                new, waiting = waiting[:free], waiting[free:]
                for layer, kept in zip(layers, read(model, [prompts[i] for i in new], head), strict=True):
                    layer.put(len(here), rows, kept)
                here += new
            scores = step(model, layers, [prompts[i] + said[i] for i in here])
            for i, token in zip(
                here, choose(scores, here, [len(said[i]) for i in here]).tolist(), strict=True
            ):
                said[i].append(token)
            for slot in reversed(range(len(here))):
                if said[here[slot]][-1] in stops or len(said[here[slot]]) == most:
                    for layer in layers:  # the last row moves into the gap
                        layer.keys[slot], layer.values[slot] = (
                            one[len(here) - 1] for one in (layer.keys, layer.values)
                        )
                    here[slot] = here[-1]
                    here.pop()
    return said


def read(model: Any, prompts: Sequence[list[int]], head: tuple[int, Any]) -> list[Any]:
    """A cache's layers with all but the last token of each prompt, from the left.

    What follows a prompt's end is seen by nobody: it is written over, token by token.
    """
    known, cache = head[0], copy.deepcopy(head[1])
    width = max(known + 1, *(len(one) - 1 for one in prompts))
    if known:
        cache.batch_repeat_interleave(len(prompts))
    ids = [[*one[:-1], *[0] * (width + 1 - len(one))][known:] for one in prompts]
    layers: list[Any] = forward(model, ids, [range(known, width)] * len(ids), cache).past_key_values.layers
    return layers


def step(model: Any, layers: Sequence[Slots], texts: Sequence[list[int]]) -> torch.Tensor:
    """The scores (rows, vocabulary), float32, of what follows these token ids; all but the last was read."""
    lengths = [len(one) - 1 for one in texts]
    at, width = torch.tensor(lengths, device=model.device), max(lengths) + 1
    for layer in layers:
        layer.at, layer.width = at, width
    seen, places = torch.arange(width, device=model.device) <= at[:, None], [[one] for one in lengths]
    said = forward(model, [one[-1:] for one in texts], places, Cache(layers=list(layers)), seen)
    scores: torch.Tensor = said.logits[:, -1].float()
    return scores


def forward(model: Any, ids: Sequence[Any], places: Sequence[Any], cache: Any, seen: Any = None) -> Any:
    """What the model makes of these token ids at these places; of logits the last ones alone are wanted."""
    tokens, positions = (torch.tensor([*map(list, one)], device=model.device) for one in (ids, places))
    how = {"past_key_values": cache, "use_cache": True, "logits_to_keep": 1}
    return model(input_ids=tokens, position_ids=positions, attention_mask=seen, **how)
