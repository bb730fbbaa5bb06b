"""What became of one request to an endpoint: an answer, or trouble of which one knows what to do next."""

from __future__ import annotations

import contextlib
import json
import math
import re
import time
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from bbi_utils.errors import one_line, printable
from bbi_utils.oracles.base import Answer, FinishReason
from bbi_utils.oracles.chat import THOUGHT

AGAIN = (408, 409, 425, 429)  # HTTP statuses that may pass, beside those from 500 on
# With these nothing was computed; after any other trouble hosts may charge for what they did (a refused or
# over-long prompt, an answer that came too late for a gateway).
FREE = (401, 402, 403, 404, 405, 409, 425, 429, 500, 501, 503, 529)
SPENT = ("insufficient_quota", "billing_hard_limit_reached")  # error codes of an account without money
FILTERED = ("content_filter", "content_policy_violation")  # error codes of a prompt that is refused
MOST_TOKENS = 10**9  # in one reply; a server that counts more does not count
# The protocol's own words first, then those that other servers use for the same.
REASONS: dict[str, FinishReason] = {
    "stop": "stop", "length": "length", "content_filter": "content_filter",
    "eos": "stop", "eos_token": "stop", "end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length",
}  # fmt: skip
# HTTP status of a refusal -> what to do about it.
WAYS_OUT = {
    401: "check the API key in the environment",
    402: "the account has no credit left; add some and run again",
    403: "check the API key and what it may do",
    404: "check the URL and the model's name",
    400: "check the model's name and the sampling settings",
    413: "a prompt is longer than the server takes",
    422: "check the sampling settings",
    429: "the account has no quota left; add credit and run again",
}
NO_THOUGHTS = (
    f"its answers begin with a thought ({THOUGHT}): it would be compared instead of the answer; have the "
    "server keep thoughts apart (vLLM: --reasoning-parser), or take a model that answers at once"
)
HALVES = re.compile("[\ud800-\udfff]")
SHOWN = 300  # characters of a server's own words


@dataclass(frozen=True)
class Reply:
    """outcome: "answered", "http 429", "timeout", "connection", "malformed", "empty choices" ...

    retry: whether the same request may be sent again; retry_after: seconds that the server asks to wait.
    billed: False where nothing can have been charged, None where that is not known. fatal: why nothing more
    should be sent, with the way out. why: what server or network said of it. Token counts are the server's
    own, None where it gave none; served is its own name of the model that answered.
    """

    outcome: str
    answer: Answer | None = None
    retry: bool = False
    retry_after: float | None = None
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    billed: bool | None = None
    fatal: str | None = None
    why: str = ""
    served: str | None = None


def read_reply(body: bytes, prompt_id: str, *, seconds: float, logprobs: bool = False) -> Reply:
    """The reply in a body that came with status 200; anything that is not one is "malformed".

    With `logprobs` the answer's text is a JSON object of what was said and of the first token's
    alternatives, [[token, log-probability], ...], null where the server gave none.
    """
    try:
        content = json.loads(body)
        asked, said = _tokens(content.get("usage")) or (None, None)
    except (ValueError, RecursionError, AttributeError):
        return Reply("malformed", retry=True)
    try:
        reply = _read_choice(content, Answer(prompt_id, "", "stop", asked or 0, said or 0, seconds), logprobs)
    except (TypeError, KeyError, IndexError, AttributeError, ValueError):
        reply = Reply("malformed", retry=True)
    return replace(reply, prompt_tokens=asked, answer_tokens=said)


def _read_choice(content: dict[str, Any], answer: Answer, logprobs: bool) -> Reply:
    """The reply in a body's first choice; raises what looking into something else raises."""
    if content.get("choices") == []:
        return Reply("empty choices", retry=True, billed=_tokens(content.get("usage")) is not None or None)
    choice = content["choices"][0]
    refusal, said = choice["message"].get("refusal"), choice["message"].get("content")
    reason: FinishReason = "refusal" if refusal else REASONS[choice.get("finish_reason")]
    said = (refusal or said or "").strip()
    said.encode()  # half of a surrogate pair can be written in JSON and nowhere else
    alternatives = _alternatives(choice.get("logprobs")) if logprobs else None
    if said.startswith(THOUGHT):
        return Reply("thought", billed=True, fatal=NO_THOUGHTS)
    said = json.dumps({"text": said, "first": alternatives}) if logprobs else said
    found = replace(answer, answer=said, finish_reason=reason)
    return Reply("answered", found, billed=True, served=_named(content.get("model")))


def _named(model: Any) -> str | None:
    """The name that the server gives the model: of an alias, what stands behind it at the moment."""
    return one_line(model)[:SHOWN] or None if isinstance(model, str) and _is_text(model) else None


def _tokens(usage: Any) -> tuple[int, int] | None:
    """Prompt and answer tokens, None where the server did not count them."""
    if not isinstance(usage, dict):
        return None
    found = (usage.get("prompt_tokens"), usage.get("completion_tokens"))
    fine = all(type(count) is int and 0 <= count <= MOST_TOKENS for count in found)
    return found if fine else None  # type: ignore[return-value]


def _is_text(said: str) -> bool:
    """Half of a surrogate pair can be written in JSON and nowhere else."""
    return not HALVES.search(said)


def _alternatives(logprobs: Any) -> list[tuple[str, float]] | None:
    """The first token's alternatives; None where the server gave none, or none that is a number."""
    if not logprobs or not logprobs.get("content"):
        return None
    given = logprobs["content"][0].get("top_logprobs") or ()
    pairs = [(one["token"], float(one["logprob"])) for one in given if _is_text(one["token"])]
    return [pair for pair in pairs if math.isfinite(pair[1])] or None


def read_silence(error: Exception, *, hide: str) -> Reply:
    """The reply where none came: an exception of the HTTP client. `hide`: the key, not to be repeated."""
    unsent = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError)
    billed = False if unsent else None
    if isinstance(error, httpx2.TimeoutException):
        return Reply("timeout", retry=True, billed=billed)
    return Reply("connection", retry=True, billed=billed, why=_shown(str(error), hide=hide))


def read_refusal(response: Any, body: bytes, prompt_id: str, *, seconds: float, hide: str) -> Reply:
    """The reply behind any other status. `hide`: the key, which a server may repeat.

    A prompt that the host's own filter refuses is answered: with nothing, for that reason.
    """
    status = response.status_code
    said, codes = words_of(body)
    said, billed = _shown(said, hide=hide), False if status in FREE else None
    if status == 400 and any(code in FILTERED for code in codes):
        return Reply("answered", Answer(prompt_id, "", "content_filter", 0, 0, seconds), billed=billed)
    if (status in AGAIN or status >= 500) and not any(code in SPENT for code in codes):
        after = _seconds(response.headers.get("retry-after"))
        return Reply(f"http {status}", retry=True, retry_after=after, billed=billed, why=said)
    named = f"{status} ({said})" if said else f"{status}"
    fatal = f"the server refuses with status {named}; {WAYS_OUT.get(status, 'check the endpoint')}"
    return Reply(f"http {status}", billed=billed, fatal=fatal)


def words_of(body: bytes) -> tuple[str, tuple[Any, ...]]:
    """What a server said besides its status, and the codes by which it calls the trouble."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    error = content.get("error", content) if isinstance(content, dict) else None
    if not isinstance(error, dict):
        return "", ()
    said = error.get("message")
    return said if isinstance(said, str) else "", (error.get("code"), error.get("type"))


def _seconds(header: str | None) -> float | None:
    """Retry-After as seconds from now; it may be a number or a date."""
    if header is None:
        return None
    with contextlib.suppress(ValueError):
        return max(0.0, float(header))
    with contextlib.suppress(ValueError, OverflowError):
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    return None


def _shown(said: str, *, hide: str) -> str:
    """Words of others on one line, cut short, without the key."""
    said = said.replace(hide, "[key]") if len(hide) > 4 else said
    return printable(" ".join(said.split())[:SHOWN])
