"""What an oracle is: something with a fingerprint that answers prompts."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

from bbi_utils.errors import BadInput
from bbi_utils.files import sha256_text

FinishReason = Literal["stop", "length", "content_filter", "refusal"]
# The protocol's own words first, then those that other servers, and files, use for the same.
REASONS: dict[str, FinishReason] = {
    "stop": "stop", "length": "length", "content_filter": "content_filter", "refusal": "refusal",
    "eos": "stop", "eos_token": "stop", "end_turn": "stop", "stop_sequence": "stop", "complete": "stop",
    "tool_calls": "stop", "function_call": "stop", "tool_use": "stop", "max_length": "length",
    "max_tokens": "length", "max_output_tokens": "length", "model_length": "length", "incomplete": "length",
    "safety": "content_filter", "recitation": "content_filter", "blocklist": "content_filter",
    "prohibited_content": "content_filter", "sensitive": "content_filter",
    "content_filtered": "content_filter", "spii": "content_filter", "endoftext": "stop", "limit": "length",
}  # fmt: skip
# What is there is no whole answer.
BROKEN_OFF = ("error", "abort", "aborted", "cancelled", "canceled", "timeout", "timed_out", "failed")


def ending(reason: object) -> str:
    """A finish reason as the words above are written; "" where there is none."""
    return str(reason or "").strip().lower().rpartition(".")[2]


def is_known(word: str) -> bool:
    """Whether an `ending` is one of the words above."""
    return word in BROKEN_OFF or word in REASONS


def was_cut(reason: object) -> bool:
    """Whether an answer with this finish reason was stopped before its end; where none is known, no."""
    word = ending(reason) if isinstance(reason, str) else ""
    return word in BROKEN_OFF or REASONS.get(word) in ("length", "content_filter")


@dataclass(frozen=True)
class Sampling:
    """How answers are drawn; part of the fingerprint.

    `temperature` 0 means greedy. `top_p` keeps the smallest set of tokens whose probability reaches it.
    `system_prompt` None renders no system turn, so a template's own default applies.
    """

    temperature: float = 0.7
    top_p: float = 0.95
    max_new_tokens: int = 256
    seed: int = 0
    system_prompt: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:  # nor is NaN
            raise BadInput(f"temperature is {self.temperature}; expected a finite number >= 0.")
        if not 0 < self.top_p <= 1:
            raise BadInput(f"top_p is {self.top_p}; expected a number above 0 and at most 1.")
        if not self.max_new_tokens >= 1:
            raise BadInput(f"max_new_tokens is {self.max_new_tokens}; expected a whole number >= 1.")

    def settings(self) -> dict[str, Any]:
        """By name, as a fingerprint takes them: 1 and 1.0 are one temperature."""
        return {**asdict(self), "temperature": float(self.temperature), "top_p": float(self.top_p)}


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt to answer; `sample_index` numbers repeated answers to the same prompt from 0."""

    prompt_id: str
    prompt: str
    sample_index: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. Token counts exclude the stop token; `seconds` is this answer's share of its batch.

    `tokens` are the ids that a local model sampled, the stop token included; none where nobody knows them.
    """

    prompt_id: str
    answer: str
    finish_reason: FinishReason
    prompt_tokens: int
    answer_tokens: int
    seconds: float
    tokens: tuple[int, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Said:
    """An answer to be weighed: its token ids without a stop token, and whether it ended by itself."""

    prompt: str
    tokens: tuple[int, ...]
    ended: bool


class Oracle(Protocol):
    """Anything that answers prompts: a local model, an endpoint, recorded answers."""

    @property
    def name(self) -> str:
        """What to call it in messages and progress bars."""

    @property
    def fingerprint(self) -> str:
        """Hash of `settings`: equal exactly when answers may be reused."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Everything that shapes its answers, as JSON values."""

    def check(self, requests: Sequence[Request]) -> None:
        """Raise BadInput, before anything is generated, for a request that cannot be answered."""

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer one batch, in order."""

    def release(self) -> None:
        """Drop weights or connections; the next question gets them again."""


def fingerprint_of(settings: Mapping[str, Any]) -> str:
    """32 hex digits that change whenever a setting changes."""
    return sha256_text(json.dumps(settings, sort_keys=True, ensure_ascii=True))[:32]
