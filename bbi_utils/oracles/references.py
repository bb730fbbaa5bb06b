"""What a model reference names: an endpoint, recorded answers, or weights on this machine or the hub."""

from __future__ import annotations

from typing import Any, Literal

from bbi_utils.errors import BadInput
from bbi_utils.oracles.base import Oracle, Sampling
from bbi_utils.oracles.checkpoints import Quantisation
from bbi_utils.oracles.endpoint.client import KEY_ENV, EndpointOracle, is_endpoint, parse_reference
from bbi_utils.oracles.endpoint.pricing import Terms
from bbi_utils.oracles.local import LocalOracle
from bbi_utils.oracles.replay import ReplayOracle, is_recorded

Kind = Literal["endpoint", "recorded", "weights"]
WORDS: dict[Kind, str] = {"endpoint": "an endpoint", "recorded": "a file of recorded answers"}


def kind_of(reference: str) -> Kind:
    """`https://host/v1#model` is an endpoint, `answers.jsonl` or `answers.csv#column` recorded answers.

    Raises BadInput for a URL that holds a password, before any other message can repeat it.
    """
    if is_endpoint(reference):
        parse_reference(reference)
        return "endpoint"
    return "recorded" if is_recorded(reference) else "weights"


def load_oracle(
    reference: str,
    *,
    revision: str | None = None,
    quantisation: Quantisation = "none",
    dtype: str = "auto",
    device: str = "auto",
    sampling: Sampling,
    key_env: str = KEY_ENV,
    terms: Terms | None = None,
) -> Oracle:
    """The oracle that a reference names; nothing is loaded or sent before the first question.

    key_env: name of the environment variable with an endpoint's API key. terms: on which an endpoint may be
    asked; without them it only gives answers that are stored already. Raises BadInput for a reference that
    names nothing, and for a revision or quantisation of what has no weights here.
    """
    kind = kind_of(reference)
    if kind == "weights":
        weights = dict[str, Any](revision=revision, quantisation=quantisation, dtype=dtype, device=device)
        return LocalOracle(reference, **weights, sampling=sampling)
    for name, value, neutral in (("revision", revision, None), ("quantisation", quantisation, "none")):
        if value != neutral:
            raise BadInput(f"{reference} is {WORDS[kind]}: it has no {name} {value}; drop it")
    if kind == "recorded":
        return ReplayOracle(reference)
    return EndpointOracle(reference, sampling=sampling, key_env=key_env, terms=terms)
