"""What became of one request to an endpoint: an answer, or trouble of which one knows what to do next."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from bbi_utils.oracles.base import Answer, FinishReason

AGAIN = (408, 409, 425, 429, 500, 502, 503, 504, 529)  # HTTP statuses that may pass
REASONS: dict[str, FinishReason] = {
    "stop": "stop", "length": "length", "content_filter": "content_filter",
}  # fmt: skip
SHOWN = 300  # characters of a server's own words


@dataclass(frozen=True)
class Reply:
    """outcome: "answered", "http 429", "timeout", "connection", "malformed", "empty choices" ...

    retry: whether the same request may be sent again; retry_after: seconds that the server asks to wait.
    billed: False where nothing can have been charged, None where that is not known. fatal: why nothing more
    should be sent, with the way out. Token counts are the server's own, None where it gave none.
    """

    outcome: str
    answer: Answer | None = None
    retry: bool = False
    retry_after: float | None = None
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    billed: bool | None = None
    fatal: str | None = None


def read_reply(body: bytes, prompt_id: str, *, seconds: float, logprobs: bool = False) -> Reply:
    """The reply in a body that came with status 200; anything that is not one is "malformed".

    With `logprobs` the answer's text is a JSON object of what was said and of the first token's
    alternatives, [[token, log-probability], ...], null where the server gave none.
    """
    try:
        content = json.loads(body)
    except ValueError:
        return Reply("malformed", retry=True)
    if not isinstance(content, dict):
        return Reply("malformed", retry=True)
    tokens = _tokens(content.get("usage"))
    if content.get("choices") == []:
        return Reply("empty choices", retry=True, billed=tokens is not None or None, **_counts(tokens))
    try:
        choice = content["choices"][0]
        message = choice["message"]
        refusal, text = message.get("refusal"), message.get("content")
        reason: FinishReason | None = "refusal" if refusal else REASONS.get(choice.get("finish_reason"))
        said = refusal or text or ""
        alternatives = _alternatives(choice.get("logprobs")) if logprobs else None
    except (TypeError, KeyError, IndexError, AttributeError):
        return Reply("malformed", retry=True, **_counts(tokens))
    if reason is None or not isinstance(said, str):
        return Reply("malformed", retry=True, **_counts(tokens))
    said = json.dumps({"text": said.strip(), "first": alternatives}) if logprobs else said.strip()
    counts = tokens or (0, 0)
    answer = Answer(prompt_id, said, reason, counts[0], counts[1], seconds)
    return Reply("answered", answer, billed=True, **_counts(tokens))


def _tokens(usage: Any) -> tuple[int, int] | None:
    """Prompt and answer tokens, None where the server did not count them."""
    if not isinstance(usage, dict):
        return None
    found = (usage.get("prompt_tokens"), usage.get("completion_tokens"))
    return found if all(type(count) is int and count >= 0 for count in found) else None  # type: ignore[return-value]


def _counts(tokens: tuple[int, int] | None) -> dict[str, Any]:
    return {} if tokens is None else {"prompt_tokens": tokens[0], "answer_tokens": tokens[1]}


def _alternatives(logprobs: Any) -> list[tuple[str, float]] | None:
    """The first token's alternatives; None where the server gave none."""
    if not logprobs or not logprobs.get("content"):
        return None
    return [(str(one["token"]), float(one["logprob"])) for one in logprobs["content"][0]["top_logprobs"]]


def read_trouble(error: Any, *, hide: str) -> Reply:
    """The reply behind an exception of the client. `hide`: the key, which a server may repeat."""
    import openai

    if isinstance(error, openai.APIStatusError):
        status = error.status_code
        if status in AGAIN:
            after = _seconds(error.response.headers.get("retry-after"))
            return Reply(f"http {status}", retry=True, retry_after=after, billed=False)
        return Reply(f"http {status}", billed=False, fatal=_fatal(error, hide=hide))
    if isinstance(error, openai.APITimeoutError):
        return Reply("timeout", retry=True)
    if isinstance(error, openai.APIConnectionError):
        return Reply("connection", retry=True)
    return Reply("malformed", retry=True)


def _seconds(header: str | None) -> float | None:
    """Retry-After as seconds from now; it may be a number or a date."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        try:
            return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
        except ValueError:
            return None


def _fatal(error: Any, *, hide: str) -> str:
    """Status, the server's own words without the key, and the way out."""
    ways = {
        401: "check the API key in the environment",
        403: "check the API key and what it may do",
        404: "check the URL and the model's name",
        400: "check the model's name and the sampling settings",
        422: "check the sampling settings",
    }
    said = " ".join(str(error.message).split())
    said = said.replace(hide, "[key]") if len(hide) > 4 else said
    way = ways.get(error.status_code, "check the endpoint")
    return f"the server refuses with status {error.status_code} ({said[:SHOWN]}); {way}"
