"""Replies as servers form them: each is an answer, or ends in the server's own words at a small price."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from serving import SAID, USAGE, Asked, Canned, Proxy, every, respond

from bbi_utils.errors import BadInput
from bbi_utils.oracles import Request, Sampling, Terms
from bbi_utils.oracles.endpoint.client import EndpointOracle, is_loopback, parse_reference
from bbi_utils.oracles.endpoint.complaints import words_of
from bbi_utils.oracles.endpoint.replies import read_reply
from bbi_utils.responses.sampling import sample
from bbi_utils.responses.store import ResponseStore

CANARY = "sk-canary-0123456789"
MANY = 60
Reacts = Callable[[dict[str, Any], int], tuple[int, Any]]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.setattr("bbi_utils.responses.purchase.BASE", 0.001)


def said(text: Any = "Lima.", finish: Any = "stop", **message: Any) -> tuple[int, Any]:
    choice = {"finish_reason": finish, "message": {"content": text, **message}}
    return 200, {"choices": [choice], "usage": USAGE}


class Bought:
    """What a purchase of 60 answers from a server that reacts like this came to."""

    def __init__(
        self, reacts: Reacts, folder: Path, monkeypatch: pytest.MonkeyPatch, **sampling: Any
    ) -> None:
        self.sent: list[dict[str, Any]] = []
        self.sent_first = 0

        def answer(proxy: Proxy, handler: BaseHTTPRequestHandler, body: bytes) -> None:
            with proxy.lock:
                self.sent.append(json.loads(body))
                status, reply = reacts(self.sent[-1], len(self.sent) - 1)
            respond(handler, status, reply if isinstance(reply, bytes) else json.dumps(reply).encode())

        how = Sampling(**{"temperature": 0.7, "top_p": 1.0, "max_new_tokens": 12, **sampling})
        with Canned(every(monkeypatch, answer)) as server, ResponseStore(folder / "r") as store:
            self.oracle = EndpointOracle(server.reference, sampling=how, terms=Terms(price=(1.0, 1.0)))
            probes, errors, self.table = [Asked(n) for n in range(MANY)], [], None
            for run in range(2):  # the second as a user would try it: it must not buy the same again
                try:
                    self.table = sample(self.oracle, probes, store, progress=False)
                except BadInput as error:
                    errors.append(str(error))
                self.sent_first = self.sent_first if run else len(self.sent)
            self.first, self.error = (errors[0], errors[-1]) if errors else ("", "")
            self.spent = store.spending()
        assert CANARY not in self.error and self.spent.requests == len(self.sent)


OPENAI = {"type": "invalid_request_error"}


def no_top_p_of_1(body: dict[str, Any], n: int) -> tuple[int, Any]:
    if "top_p" in body and not 0 < body["top_p"] < 1:
        return 422, {"error": "`top_p` has to lie strictly between 0 and 1", "error_type": "validation"}
    return said()


def one_of_two(body: dict[str, Any], n: int) -> tuple[int, Any]:
    if "top_p" in body and "temperature" in body:
        return 400, {"error": {"message": "it takes `temperature` or `top_p`, never both", **OPENAI}}
    return said()


def few_fields(body: dict[str, Any], n: int) -> tuple[int, Any]:
    """As the newest models of the protocol's own house."""
    if "max_tokens" in body:
        return 400, {"error": {"message": "'max_tokens' is no parameter; send 'max_completion_tokens'"}}
    for name in ("chat_template_kwargs", "top_p"):
        if name in body:
            return 400, {"error": {"message": "no such parameter", "param": name, **OPENAI}}
    if body.get("temperature", 1) != 1:
        return 400, {"error": {"message": "'temperature' 0.7 is not possible; it is always 1", **OPENAI}}
    return said()


def in_a_list(body: dict[str, Any], n: int) -> tuple[int, Any]:
    bad = [name for name in body if name in ("seed", "chat_template_kwargs")]
    return (400, [{"error": {"code": 400, "message": f"unknown field {bad[0]}"}}]) if bad else said()


def places_of_faults(body: dict[str, Any], n: int) -> tuple[int, Any]:
    bad = [name for name in body if name in ("seed", "chat_template_kwargs")]
    faults = [{"type": "extra", "loc": ["body", name], "msg": "not permitted", "input": body} for name in bad]
    return (422, {"detail": faults[:1]}) if bad else said()


@pytest.mark.parametrize(
    ("reacts", "sampling", "spared", "refused"),
    [
        (no_top_p_of_1, {}, {"top_p"}, 1),
        (one_of_two, {}, {"top_p"}, 1),
        (one_of_two, {"temperature": 1.0, "top_p": 0.9}, {"temperature"}, 1),
        (few_fields, {"temperature": 1.0}, {"top_p", "chat_template_kwargs"}, 3),
        (in_a_list, {}, {"seed", "chat_template_kwargs"}, 2),
        (places_of_faults, {}, {"seed", "chat_template_kwargs"}, 2),
    ],
)
def test_a_server_is_spared_what_changes_nothing(
    reacts: Reacts, sampling: Any, spared: set[str], refused: int, tmp_path: Path, monkeypatch: Any
) -> None:
    with pytest.warns(UserWarning, match=r"the server takes no (seed|top_p|temperature)"):
        found = Bought(reacts, tmp_path, monkeypatch, **sampling)
    assert found.error == "" and len(found.sent) == MANY + refused
    assert found.oracle.spared == spared and found.spent.answered == MANY and found.spent.at_most == 0


@pytest.mark.parametrize(
    ("reacts", "sampling", "error"),
    [
        (no_top_p_of_1, {"top_p": 0.9}, ""),
        (one_of_two, {"top_p": 0.9}, r"never both\); the server leaves TEMPERATURE=1 or TOP_P=1; 60 answers"),
        (few_fields, {}, r"'temperature' 0.7 is not possible.*; the server leaves TEMPERATURE=1; 60 answers"),
        (few_fields, {"top_p": 0.9, "temperature": 1.0}, "no such parameter.*the server leaves TOP_P=1"),
    ],
)
def test_what_was_asked_for_is_never_dropped(
    reacts: Reacts, sampling: Any, error: str, tmp_path: Path, monkeypatch: Any
) -> None:
    found = Bought(reacts, tmp_path, monkeypatch, **sampling)
    if not error:
        assert found.error == "" and all(body["top_p"] == 0.9 for body in found.sent)
        return
    with pytest.raises(BadInput, match=error):
        raise BadInput(found.error)
    assert found.spent.answered == 0 and len(found.sent) <= 2 * 3


PARTS = [
    {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
    {"type": "text", "text": "Lima."},
]


@pytest.mark.parametrize(
    ("reply", "answer", "reason"),
    [
        (said([{"type": "text", "text": "Li"}, {"type": "text", "text": "ma."}]), "Lima.", "stop"),
        (said(PARTS), "Lima.", "stop"),
        (said(["Lima."]), "Lima.", "stop"),
        (said(finish=None), "Lima.", "stop"),
        (said(finish=""), "Lima.", "stop"),
        (said(finish="STOP"), "Lima.", "stop"),
        (said(finish="MAX_TOKENS"), "Lima.", "length"),
        (said(finish="FinishReason.MAX_TOKENS"), "Lima.", "length"),
        (said(finish="SAFETY"), "Lima.", "content_filter"),
        (said(finish="done, I think"), "Lima.", "stop"),
        (said(finish=7), "Lima.", "stop"),
        (said(reasoning_content="Hm."), "Lima.", "stop"),
        (said(tool_calls=None), "Lima.", "stop"),
    ],
)
def test_an_answer_in_another_form_is_an_answer(
    reply: tuple[int, Any], answer: str, reason: str, tmp_path: Path, monkeypatch: Any
) -> None:
    found = Bought(lambda body, n: reply, tmp_path, monkeypatch)
    assert found.error == "" and len(found.sent) == MANY
    assert set(found.table["answer"]) == {answer} and set(found.table["finish_reason"]) == {reason}


# Whole replies as vLLM and SGLang form them, with all that neither is asked for.
FIRST = {"token": "A", "logprob": -0.1, "bytes": [65]}
VLLM = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "org/big",
    "choices": [{"index": 0, "message": {
        "role": "assistant", "content": "Lima.", "refusal": None, "annotations": None, "audio": None,
        "function_call": None, "tool_calls": [], "reasoning": None, "reasoning_content": None},
        "logprobs": None, "finish_reason": "stop", "stop_reason": None, "token_ids": None}],
    "service_tier": None, "system_fingerprint": None, "prompt_logprobs": None, "kv_transfer_params": None,
    "usage": {**USAGE, "total_tokens": 11, "prompt_tokens_details": None},
}  # fmt: skip
SGLANG = {
    "id": "1", "object": "chat.completion", "created": 1, "model": "org/big",
    "choices": [{"index": 0, "message": {
        "role": "assistant", "content": "Lima.", "reasoning_content": None, "tool_calls": None},
        "logprobs": None, "finish_reason": "stop", "matched_stop": 151645}],
    "usage": {**USAGE, "total_tokens": 11, "prompt_tokens_details": None, "reasoning_tokens": 0},
    "metadata": {"weight_version": "default"},
}  # fmt: skip
TOO_LONG = {"message": "This model's maximum context length is 4096", "type": "BadRequestError", "code": 400}


@pytest.mark.parametrize("reply", [VLLM, SGLANG])
def test_many_gpus_behind_one_endpoint(reply: dict[str, Any], tmp_path: Path, monkeypatch: Any) -> None:
    found = Bought(lambda body, n: (200, reply), tmp_path, monkeypatch)
    assert found.error == "" and len(found.sent) == MANY and found.spent.answered == MANY
    assert set(found.table["answer"]) == {"Lima."} and set(found.table["answer_tokens"]) == {2}
    assert found.spent.served == ("org/big",)
    # What they are asked with: a seed for every prompt, no thinking aloud, every value of sampling.
    assert len({body["seed"] for body in found.sent}) == MANY and not found.oracle.spared
    asked = {"temperature": 0.7, "top_p": 1.0, "max_tokens": 12}
    assert all(body | asked == body and body["chat_template_kwargs"] for body in found.sent)


@pytest.mark.parametrize("reply", [VLLM, SGLANG])
def test_they_weigh_a_judges_letters(reply: dict[str, Any]) -> None:
    [choice] = reply["choices"]
    given = {"content": [{**FIRST, "top_logprobs": [FIRST, {**FIRST, "token": "B", "logprob": -2.5}]}]}
    body = json.dumps({**reply, "choices": [{**choice, "logprobs": given}]}).encode()
    found = read_reply(body, "p", seconds=0.1, logprobs=True)
    assert found.answer is not None
    assert json.loads(found.answer.answer) == {"text": "Lima.", "first": [["A", -0.1], ["B", -2.5]]}


@pytest.mark.parametrize("error", [{"error": {**TOO_LONG, "param": None}}, {"object": "error", **TOO_LONG}])
def test_they_refuse_a_prompt_that_is_too_long_in_their_own_words(
    error: dict[str, Any], tmp_path: Path, monkeypatch: Any
) -> None:
    found = Bought(lambda body, n: (400, error), tmp_path, monkeypatch)
    assert "maximum context length is 4096" in found.error and found.spent.answered == 0


TEXT = {"type": "text", "text": "Lima."}


@pytest.mark.parametrize(
    "content",
    [
        *[
            [{"type": kind, "text": "Hm."}, TEXT]
            for kind in ("thought", "reasoning_text", "summary_text", "think")
        ],
        [{**TEXT, "text": "Hm.", "thought": True}, TEXT],
        [TEXT, {"type": "image_url", "image_url": {"url": "x"}}],
        [{"type": "text", "text": None}, TEXT],
        [{"type": "text", "text": {"value": "Lima.", "annotations": []}}],
        [{"type": "refusal", "refusal": "Lima."}],
        TEXT,
    ],
)
def test_only_what_is_said_among_the_parts_is_the_answer(content: Any) -> None:
    body = json.dumps({"choices": [{"message": {"content": content}, "finish_reason": "stop"}]}).encode()
    reply = read_reply(body, "p", seconds=0.1)
    assert reply.answer is not None and reply.answer.answer == "Lima."


def test_without_a_reason_an_answer_as_long_as_it_may_be_was_cut() -> None:
    for tokens, reason in ((11, "stop"), (12, "length")):
        body = {**said(finish=None)[1], "usage": {"prompt_tokens": 9, "completion_tokens": tokens}}
        reply = read_reply(json.dumps(body).encode(), "p", seconds=0.1, most=12)
        assert reply.answer is not None and reply.answer.finish_reason == reason


ERROR = {"choices": None, "error": {"message": "the provider failed", "code": 502}}
IN_CHOICE = {
    "message": {"content": ""},
    "finish_reason": "error",
    "error": {"message": "overloaded", "code": 502},
}
STREAM = b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\ndata: [DONE]\n\n'


@pytest.mark.parametrize(
    ("reply", "error", "most"),
    [
        (
            {"error": {"message": "no credentials were sent", "code": 401}},
            r"401 \(no credentials.*API key",
            1,
        ),
        ({"error": {"message": "daily allowance used up", "code": 429}}, r"http 429 \(daily allow", 8),
        ({"error": {"message": "daily allowance used up", "code": "429"}}, r"http 429 \(daily allow", 8),
        ({"error": "the model is asleep"}, r"3 requests.*error \(the model is asleep\).*check the URL", 3),
        (ERROR, r"8 requests in a row failed, last with http 502 \(the provider failed\)", 8),
        ({"choices": [IN_CHOICE]}, r"http 502 \(overloaded\)", 8),
        (b"<!doctype html><title>Sign in</title><div>", r"a web page: Sign in; does the URL end in /v1", 3),
        (b"<html><body></body></html>", r"a web page; does the URL end in /v1", 3),
        (STREAM, r"a stream of events, though none was asked for", 3),
        (b"upstream says no", r"malformed \(upstream says no\)", 3),
        (b"", "last with malformed;", 3),
        ({"message": "this route is gone"}, r"malformed \(this route is gone\)", 3),
        ({"choices": []}, "last with empty choices", 3),
        (said(finish="abort")[1], "last with finish reason abort", 3),
        (said([{"type": "image_url", "image_url": {}}])[1], "last with malformed", 3),
    ],
)
@pytest.mark.parametrize("after", [0, 30])
def test_a_success_that_is_none_is_not_bought_again_and_again(
    reply: Any, error: str, most: int, after: int, tmp_path: Path, monkeypatch: Any
) -> None:
    """From the first request, or later on: then those that fly fail as well, and after them one at a time."""
    found = Bought(lambda body, n: (200, reply) if n >= after else said(), tmp_path, monkeypatch)
    rest = error.rpartition("requests")[2] if after else error
    with pytest.raises(BadInput, match=rest):
        raise BadInput(found.error)
    assert found.sent_first - after <= most + (11 if after else 0)  # a server may see them in another order
    assert found.spent.answered == after and f"{MANY - after} answers are missing" in found.error


TOOL = {"tool_calls": [{"id": "c", "type": "function", "function": {"name": "search", "arguments": "{}"}}]}


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (said(None, "length", reasoning_content="Hmm ..."), r"its thoughts leave no room for an answer"),
        (said("", "length", reasoning="Hmm ..."), r"its thoughts leave no room for an answer"),
        (said("", "length"), r"cut before a word: it thinks first"),
        (said(None, "tool_calls", **TOOL), r"it calls tools, though none were offered"),
        (said(None, "content_filter"), r"withheld by the host's filter"),
        (said(" \n"), r"8 answers so far are all empty, and no more"),
        ((400, {"error": {"code": "content_filter", "message": "filtered by policy"}}), "filtered by policy"),
    ],
)
def test_where_every_answer_is_empty_eight_are_bought_and_no_more(
    reply: tuple[int, Any], error: str, tmp_path: Path, monkeypatch: Any
) -> None:
    """Neither in this run nor in the next, which says so at once."""
    found = Bought(lambda body, n: reply, tmp_path, monkeypatch)
    assert len(found.sent) == found.sent_first == 8 and found.spent.answered == 8
    assert "its 8 answers so far are all empty, and no more like them are bought; change" in found.error
    with pytest.raises(BadInput, match=error):
        raise BadInput(found.first)


def test_some_empty_answers_are_answers(tmp_path: Path, monkeypatch: Any) -> None:
    found = Bought(lambda body, n: said("" if n % 8 else "Lima."), tmp_path, monkeypatch)
    assert found.error == "" and (found.table["answer"] == "").sum() == MANY - 8


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "m", "type": "t", "code": "c"}}, "m"),
        ({"error": "m"}, "m"),
        ({"error": ["m", "n"]}, "m n"),
        ([{"error": {"code": 400, "message": "m", "status": "INVALID_ARGUMENT"}}], "m"),
        ({"detail": "m"}, "m"),
        (
            {"detail": [{"loc": ["body", "top_p"], "msg": "m", "type": "x", "input": "my prompt"}]},
            "body top_p m",
        ),
        ({"message": "m"}, "m"),
        ({"Message": "m"}, "m"),
        ({"object": "error", "message": {"detail": [{"msg": "m"}]}}, "m"),
        ({"error": {"message": "m", "metadata": {"raw": "r"}}}, "m r"),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "m"}}, "m"),
        ({"title": "t", "status": 400, "detail": "m"}, "t m"),
        ({"errors": [{"message": "m"}]}, "m"),
        ("m", "m"),
        (b"no healthy upstream", "no healthy upstream"),
        (b"<html><head><title>502 Bad &amp; Gateway</title>", "a web page: 502 Bad & Gateway"),
        (b"", ""),
        ({"ok": True}, ""),
        (None, ""),
    ],
)
@pytest.mark.parametrize("status", [400, 401, 500])
def test_the_servers_words_are_kept_whatever_their_form(
    body: Any, words: str, status: int, tmp_path: Path, monkeypatch: Any
) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert words_of(raw)[0].partition(";")[0] == words
    found = Bought(lambda sent, n: (status, raw), tmp_path, monkeypatch)
    assert (f"({words}" in found.error) == bool(words) and "60 answers are missing" in found.error


def test_a_key_that_a_server_repeats_is_hidden_in_every_form(tmp_path: Path, monkeypatch: Any) -> None:
    for number, reply in enumerate(((401, {"detail": CANARY}), (200, CANARY.encode()), (500, [CANARY]))):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert "[key]" in Bought(lambda body, n, reply=reply: reply, folder, monkeypatch).error


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True), ("my.localhost", True), ("127.0.0.1", True), ("127.8.9.1", True),
        ("0.0.0.0", True), ("::1", True), ("::", True), ("::ffff:127.0.0.1", True), ("10.0.0.5", False),
        ("localhost.evil.org", False), ("0.0.0.0.evil.org", False), ("2130706433", False),
    ],
)  # fmt: skip
def test_what_this_machine_is_called(host: str, here: bool) -> None:
    assert is_loopback(host) == here


def test_a_server_bound_to_every_address_needs_no_key(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with Canned() as server:
        here = server.reference.replace("127.0.0.1", "0.0.0.0")
        one = EndpointOracle(here, sampling=Sampling(), terms=Terms())
        one.check([])  # and no warning of an open line
        assert one.ask(Request("p", "Hello.")).outcome == "answered"


def test_azures_version_is_no_password_and_goes_where_it_belongs(monkeypatch: Any) -> None:
    paths: list[str] = []

    def answer(proxy: Proxy, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        paths.append(handler.path)
        respond(handler, 200, json.dumps(SAID).encode())

    with Canned(every(monkeypatch, answer)) as server:
        there = server.reference.replace("/v1#", "/openai/deployments/d?api-version=2024-10-01-preview#")
        one = EndpointOracle(there, sampling=Sampling(), terms=Terms())
        assert one.ask(Request("p", "Hello.")).outcome == "answered"
        plain = EndpointOracle(there.replace("?api-version=2024-10-01-preview", ""), sampling=Sampling())
    assert paths == ["/openai/deployments/d/chat/completions?api-version=2024-10-01-preview"]
    assert server.headers[0]["api-key"] == CANARY and one.fingerprint != plain.fingerprint
    for query in ("key=abc", "api-version=1&code=secret", "api-version=" + "x" * 40, "secret"):
        with pytest.raises(BadInput, match=r"keep none but \?api-version=") as error:
            parse_reference(f"https://host.example/v1?{query}#m")
        assert query not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ALL_PROXY", "socks5://me:geheim@proxy:1080", "is a SOCKS proxy; `pip install socksio`"),
        ("HTTPS_PROXY", "socks4://me:geheim@proxy:1080", "its URL or that of a proxy cannot be read"),
        ("HTTPS_PROXY", "http://me:geheim@proxy:port", "its URL or that of a proxy cannot be read"),
        ("SSL_CERT_FILE", "/no/such/file.pem", "the certificates that SSL_CERT_FILE .*: No such file"),
        ("SSL_CERT_FILE", __file__, "the certificates that SSL_CERT_FILE"),
        ("SSL_CERT_FILE", "/", "SSL_CERT_DIR name.*: Is a directory; name others, or none"),
        ("SSLKEYLOGFILE", "/no/such/folder/keys", "or the log of SSLKEYLOGFILE: No such file"),
    ],
)
def test_an_environment_that_leads_nowhere_is_one_line_before_anything_is_sent(
    name: str, value: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    one = EndpointOracle("https://host.invalid/v1#m", sampling=Sampling(), terms=Terms())
    with ResponseStore(tmp_path / "r") as store:
        with pytest.raises(BadInput, match=f"m at host.invalid cannot be asked: .*{message}") as error:
            sample(one, [Asked(0)], store, progress=False)
        assert "geheim" not in str(error.value) and store.spending().requests == 0


@pytest.mark.parametrize("host", ["über_x", f"a{'b' * 70}.example", "no such host"])
def test_a_host_that_cannot_be_is_no_traceback(host: str, tmp_path: Path, monkeypatch: Any) -> None:
    one = EndpointOracle(f"https://{host}/v1#m", sampling=Sampling(), terms=Terms())
    with ResponseStore(tmp_path / "r") as store, pytest.raises(BadInput, match="m at .*(cannot be|failed)"):
        sample(one, [Asked(0)], store, progress=False)
