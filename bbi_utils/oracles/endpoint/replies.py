"""What became of one request to an endpoint: an answer, or trouble of which one knows what to do next."""

from __future__ import annotations

import contextlib
import json
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from bbi_utils.errors import one_line, printable
from bbi_utils.oracles.base import BROKEN_OFF, REASONS, Answer, FinishReason, ending
from bbi_utils.oracles.chat import thought_in
from bbi_utils.oracles.endpoint.complaints import error_in, status_in, words_of
from bbi_utils.probes.forms.talk import text_of as part_of

AGAIN = (408, 409, 425, 429)  # HTTP statuses that may pass, beside those from 500 on
# With these nothing was computed; after any other trouble hosts may charge for what they did (a refused or
# over-long prompt, an answer that came too late for a gateway).
FREE = (401, 402, 403, 404, 405, 409, 425, 429, 500, 501, 503, 529)
SPENT = ("insufficient_quota", "billing_hard_limit_reached")  # error codes of an account without money
FILTERED = ("content_filter", "content_policy_violation")  # error codes of a prompt that is refused
MOST_TOKENS = 10**9  # in one reply; a server that counts more does not count
# What may come in place of an answer's text, or beside it.
TOOLS, THINKING = ("tool_calls", "function_call"), ("reasoning", "reasoning_content")
WORDED = ("text", "refusal", "message", "think", "thought", "reason")  # in the names of parts that have words
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
    "its answers begin with a thought ({marker}): it would be compared instead of the answer; have the "
    "server keep thoughts apart (vLLM: --reasoning-parser), or take a model that answers at once"
)
FIELD_REFUSED = "field refused"  # the outcome where the same request goes again without the field
EMPTY = ("", '{"text": "", "first": null}')  # an answer, and a judge's, in which nothing was said
HALVES = re.compile("[\ud800-\udfff]")
SHOWN = 300  # characters of a server's own words


@dataclass(frozen=True)
class Reply:
    """outcome: "answered", "http 429", "timeout", "connection", "malformed", "empty choices" ...

    retry: whether the same request may be sent again; retry_after: seconds that the server asks to wait.
    billed: False where nothing can have been charged, None where that is not known. useless: a reply came as
    a success, and is no answer or an empty one; the next may be no better, and cost as much. fatal: why
    nothing more should be sent, with the way out. why: what server or network said of it. Token counts are
    the server's own, None where it gave none; served is its own name of the model that answered.
    """

    outcome: str
    answer: Answer | None = None
    retry: bool = False
    retry_after: float | None = None
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    billed: bool | None = None
    useless: bool = False
    fatal: str | None = None
    why: str = ""
    served: str | None = None


def read_reply(
    body: bytes, prompt_id: str, *, seconds: float, most: int = 0, logprobs: bool = False, hide: str = ""
) -> Reply:
    """The reply in a body that came with status 200; anything that is not one is "malformed".

    most: tokens that an answer may have, 0 where that is not known. With `logprobs` the answer's text is a
    JSON object of what was said and of the first token's alternatives, [[token, log-probability], ...], null
    where the server gave none. An error inside counts as the status that it names.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    asked, said = _tokens(content.get("usage") if isinstance(content, dict) else None) or (None, None)
    answer = Answer(prompt_id, "", "stop", asked or 0, said or 0, seconds)
    if error := error_in(content):
        reply = _read_error({"error": error}, answer, hide=hide)
    else:
        try:
            reply = _read_choice(content, answer, logprobs, most)
        except (TypeError, KeyError, IndexError, AttributeError, ValueError, RecursionError):
            reply = Reply("malformed", retry=True, useless=True, why=_shown(words_of(body)[0], hide=hide))
    return replace(reply, prompt_tokens=asked, answer_tokens=said)


def _read_error(content: dict[str, Any], answer: Answer, *, hide: str) -> Reply:
    """The reply behind an error that came as a success: by the status that it names, if it names one."""
    body = json.dumps(content).encode()
    said, codes = words_of(body)
    if status := status_in(codes):
        return read_refusal(status, {}, body, answer.prompt_id, seconds=answer.seconds, hide=hide)
    return Reply("error", retry=True, useless=True, why=_shown(said, hide=hide))


def _read_choice(content: Any, answer: Answer, logprobs: bool, most: int) -> Reply:
    """The reply in a body's first choice; raises what looking into something else raises."""
    if content.get("choices") == []:
        billed = _tokens(content.get("usage")) is not None or None
        return Reply("empty choices", retry=True, billed=billed, useless=True)
    choice = content["choices"][0]
    message, ended = choice["message"], ending(choice.get("finish_reason"))
    if ended in BROKEN_OFF:
        return Reply(f"finish reason {ended}", retry=True, billed=True, useless=True)
    # A reason that is not known, or missing, says nothing: then it was cut if it is as long as it may be.
    full: FinishReason = "length" if most and answer.answer_tokens >= most else "stop"
    reason: FinishReason = "refusal" if message.get("refusal") else REASONS.get(ended, full)
    said = text_of(message)
    alternatives = _alternatives(choice.get("logprobs")) if logprobs else None
    if (marker := thought_in(said)) is not None:
        return Reply("thought", billed=True, fatal=NO_THOUGHTS.format(marker=marker))
    why = "" if said else _in_its_place(message)
    text = verdict(said, alternatives) if logprobs else said
    found = replace(answer, answer=text, finish_reason=reason)
    empty, served = not said and not alternatives, _named(content.get("model"))
    return Reply("answered", found, billed=True, useless=empty, why=why, served=served)


def verdict(said: str, alternatives: list[tuple[str, float]] | None) -> str:
    """What a judge said and the first token's alternatives, as they are stored."""
    return json.dumps({"text": said, "first": alternatives})


def text_of(message: dict[str, Any]) -> str:
    """What was said, from one text or from its parts without the thoughts; "" where something else came.

    Raises what looking into something else raises.
    """
    aside = any(name in message for name in (*TOOLS, *THINKING))
    said = message.get("refusal") or (message.get("content") if aside else message["content"])
    if isinstance(said, list | dict):
        parts = said if isinstance(said, list) else [said]
        kinds = [part.get("type", "text") if isinstance(part, dict) else "text" for part in parts]
        if kinds and not any(word in kind for kind in kinds for word in WORDED):
            raise ValueError(f"parts of the kinds {kinds}, none of them words")
        said = "".join(map(part_of, parts))  # a thought or a picture among them is no part of the answer
    said = (said or "").strip()
    said.encode()  # half of a surrogate pair can be written in JSON and nowhere else
    return str(said)


def _in_its_place(message: dict[str, Any]) -> str:
    """What came where nothing was said."""
    if any(message.get(name) for name in TOOLS):
        return "it calls tools, though none were offered"
    thought = any(message.get(name) for name in THINKING)
    return "its thoughts leave no room for an answer" if thought else ""


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


def read_refusal(
    status: int, headers: Mapping[str, str], body: bytes, prompt_id: str, *, seconds: float, hide: str
) -> Reply:
    """The reply behind any other status. `hide`: the key, which a server may repeat.

    A prompt that the host's own filter refuses is answered: with nothing, for that reason.
    """
    said, codes = words_of(body)
    said, billed = _shown(said, hide=hide), False if status in FREE else None
    if status == 400 and any(code in FILTERED for code in codes):
        filtered = Answer(prompt_id, "", "content_filter", 0, 0, seconds)
        return Reply("answered", filtered, billed=billed, useless=True, why=said)
    if (status in AGAIN or status >= 500) and not any(code in SPENT for code in codes):
        after = _seconds(headers.get("retry-after"))
        return Reply(f"http {status}", retry=True, retry_after=after, billed=billed, why=said)
    named = f"{status} ({said})" if said else f"{status}"
    fatal = f"the server refuses with status {named}; {WAYS_OUT.get(status, 'check the endpoint')}"
    return Reply(f"http {status}", billed=billed, fatal=fatal)


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
