"""What servers and networks do wrong, one by one: each ends as an answer, another try or one clear error."""

from __future__ import annotations

import contextlib
import itertools
import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from serving import SAID, USAGE, Asked, Canned, Proxy, canned_oracle, every, free_port, respond

from bbi_utils.errors import BadInput
from bbi_utils.oracles import Request, Terms
from bbi_utils.oracles.chat import VARIABLES
from bbi_utils.oracles.endpoint.client import parse_reference
from bbi_utils.oracles.endpoint.replies import Reply, read_reply
from bbi_utils.responses.sampling import sample
from bbi_utils.responses.store import ResponseStore

CANARY = "sk-canary-0123456789"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)


def error(status: int, **said: Any) -> Callable[..., None]:
    body = json.dumps({"error": {"message": "no", **said}}).encode()
    return lambda proxy, handler, _: respond(handler, status, body)


def asked(monkeypatch: pytest.MonkeyPatch, does: Callable[..., None], **how: Any) -> Reply:
    """What becomes of one request that meets this fault."""
    with Canned(every(monkeypatch, does)) as server:
        return canned_oracle(server.reference, **how).ask(Request("p", "Hello."))


def test_an_account_without_money_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked(monkeypatch, error(429, code="insufficient_quota"))
    assert not found.retry and "no quota left; add credit" in str(found.fatal) and found.billed is False
    assert "no credit left" in str(asked(monkeypatch, error(402)).fatal)


def test_a_prompt_that_the_hosts_filter_refuses_is_answered_with_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plan = every(monkeypatch, error(400, code="content_filter"))
    with Canned(lambda n: plan(n) if n == 3 else None) as server, ResponseStore(tmp_path / "r") as store:
        one = canned_oracle(server.reference, concurrency=1, price=(1.0, 1.0))
        table = sample(one, [Asked(number) for number in range(6)], store, progress=False)
        spent = store.spending()
    assert list(table["finish_reason"]) == ["stop"] * 3 + ["content_filter"] + ["stop"] * 2
    assert table["answer"][3] == "" and spent.at_most > 0  # some hosts charge for a refused prompt


@pytest.mark.parametrize(("status", "billed"), [(500, False), (502, None), (504, None), (524, None)])
def test_every_trouble_of_a_server_may_pass_and_a_gateways_may_have_cost(
    status: int, billed: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = asked(monkeypatch, error(status))
    assert (found.outcome, found.retry, found.billed) == (f"http {status}", True, billed)


def test_a_redirect_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    with Canned() as elsewhere:
        there = elsewhere.reference.partition("#")[0] + "/chat/completions"
        found = asked(monkeypatch, lambda p, handler, b: respond(handler, 307, b"", Location=there))
        assert elsewhere.seen == 0
    assert "status 307" in str(found.fatal) and "check the endpoint" in str(found.fatal)


def test_a_server_on_this_machine_is_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    with Canned() as server:
        assert canned_oracle(server.reference).ask(Request("p", "Hello.")).outcome == "answered"


def trickle(proxy: Proxy, handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """Never silent for long, and never done."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(1000):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def flood(proxy: Proxy, handler: BaseHTTPRequestHandler, body: bytes) -> None:
    respond(handler, 200, b" " * (1 << 24) + b"{}")


def test_a_reply_that_never_ends_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.monotonic()
    assert asked(monkeypatch, trickle, timeout=0.5).outcome == "timeout"
    assert time.monotonic() - began < 5.0
    found = asked(monkeypatch, flood)
    assert found.outcome == "connection" and "more than 16,777,216 bytes" in found.why


def test_nobody_there_costs_nothing_and_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("bbi_utils.responses.purchase.BASE", 0.001)
    nobody = canned_oracle(f"http://127.0.0.1:{free_port()}/v1#m", price=(1.0, 1.0), max_spend=1.0)
    with ResponseStore(tmp_path / "r") as store:
        with pytest.raises(
            BadInput, match=r"8 requests in a row failed, last with connection \(.*refused.*1 answer is"
        ):
            sample(nobody, [Asked(0)], store, progress=False)
        assert store.spending().requests == 8 and store.spending().at_most == 0


@pytest.mark.parametrize("asked_for", ["Fri, 31 Dec 99999999999 23:59:59 GMT", "soon", "nan", "-3"])
def test_a_pause_that_is_no_time_is_none(asked_for: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked(monkeypatch, lambda p, handler, b: respond(handler, 429, b"", Retry_After=asked_for))
    assert found.retry and not found.retry_after


def choice(**more: Any) -> bytes:
    message = {"message": {"content": "A"}, "finish_reason": "stop"}
    return json.dumps({"choices": [{**message, **more}], "usage": USAGE}).encode()


@pytest.mark.parametrize(
    "broken",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"1" * 5_000,
        b"\xff\xfe{",
        choice(message={"content": "half \ud83d"}),
        choice(logprobs={"content": [{"top_logprobs": [{"token": "A", "logprob": "likely"}]}]}),
        choice(logprobs={"content": [{"top_logprobs": [{"token": 7, "logprob": 0}]}]}),
    ],
)
def test_what_cannot_be_read_or_stored_is_malformed(broken: bytes) -> None:
    found = read_reply(broken, "p", seconds=0.1, logprobs=True)
    assert found.outcome == "malformed" and found.retry and found.answer is None


@pytest.mark.parametrize("given", [[], [{"token": "A", "logprob": float("-inf")}], None])
def test_alternatives_without_a_number_count_as_none_given(given: Any) -> None:
    found = read_reply(
        choice(logprobs={"content": [{"top_logprobs": given}]}), "p", seconds=0.1, logprobs=True
    )
    assert found.answer is not None and json.loads(found.answer.answer) == {"text": "A", "first": None}


def test_more_tokens_than_there_can_be_are_not_counted() -> None:
    reply = json.dumps({**SAID, "usage": {"prompt_tokens": 10**30, "completion_tokens": 1}}).encode()
    assert read_reply(reply, "p", seconds=0.1).prompt_tokens is None


@pytest.mark.parametrize("terms", [{"price": (float("nan"), 1.0)}, {"price": (1.0, float("inf"))}])
def test_prices_and_limits_are_numbers(terms: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="price is .*expected two numbers"):
        Terms(**terms)
    with pytest.raises(BadInput, match="max_spend is nan"):
        Terms(price=(1.0, 1.0), max_spend=float("nan"))


@pytest.mark.parametrize(
    "wrong", ["https://u:geheim@/v1#m", "https://u:geheim@[bad/v1#m", "https://h:geheim/v1#m"]
)
def test_a_url_that_cannot_be_read_is_not_repeated(wrong: str) -> None:
    with pytest.raises(BadInput) as error:
        parse_reference(wrong)
    assert "geheim" not in str(error.value)


@pytest.mark.parametrize("spoilt", [f"{CANARY}\u2026", f"{CANARY} twice", f"{CANARY}\nX-Header: 1"])
def test_a_key_that_is_none_is_refused_and_not_shown(spoilt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", spoilt)
    with pytest.raises(BadInput, match="OPENAI_API_KEY holds something that no API key can") as error:
        canned_oracle("http://127.0.0.1:1/v1#m").key()
    assert "canary" not in str(error.value)
    monkeypatch.setenv("OPENAI_API_KEY", f"{CANARY}\n")
    assert canned_oracle("http://127.0.0.1:1/v1#m").key() == CANARY


def test_no_other_secret_of_the_environment_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY", "OPENAI_WEBHOOK_SECRET"):
        monkeypatch.setenv(name, "another-secret")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: another-secret\nX-Mine: another-secret")
    with Canned() as server:
        assert canned_oracle(server.reference).ask(Request("p", "Hello.")).outcome == "answered"
    sent = {name.lower(): value for name, value in server.headers[0].items()}
    assert sent["authorization"] == f"Bearer {CANARY}" and "another-secret" not in str(server.headers)


@pytest.mark.parametrize("key", ["", "EMPTY", "dummy"])
def test_a_word_that_stands_for_no_key_stays_in_answers(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    said = {"message": {"content": "There are none, EMPTY or dummy."}, "finish_reason": "eos"}
    body = json.dumps({"choices": [said], "usage": USAGE}).encode()
    found = asked(monkeypatch, lambda proxy, handler, _: respond(handler, 200, body))
    assert found.answer is not None and found.answer.answer == said["message"]["content"]
    assert found.answer.finish_reason == "stop"


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_server_that_refuses_a_field_is_spared_it(
    concurrency: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One name of the limit is as good as the other, and hosts with no template need no words for it."""
    monkeypatch.setattr("bbi_utils.responses.purchase.BASE", 0.01)
    sent: list[dict[str, Any]] = []

    def picky(proxy: Proxy, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        sent.append(json.loads(body))
        refused = None
        if "chat_template_kwargs" in sent[-1]:
            refused = error(422, message="Unknown parameter: 'chat_template_kwargs'.")
        elif "max_tokens" in sent[-1]:
            refused = error(400, message="'max_tokens' is not supported; use 'max_completion_tokens'")
        if refused is None:
            respond(handler, 200, json.dumps(SAID).encode())
        else:
            time.sleep(0.1)  # several are on their way when the first is refused
            refused(proxy, handler, body)

    with Canned(every(monkeypatch, picky)) as server, ResponseStore(tmp_path / "r") as store:
        one = canned_oracle(server.reference, concurrency=concurrency, price=(1.0, 1.0))
        table = sample(one, [Asked(number) for number in range(12)], store, progress=False)
        assert store.spending().at_most < 12 * one.terms.cost(400, 12)  # a refusal costs nothing
    assert len(table) == 12 and 14 <= len(sent) <= 12 + 2 * concurrency
    spared = [body for body in sent if not {"chat_template_kwargs", "max_tokens"} & set(body)]
    assert len(spared) == 12 and all("max_completion_tokens" in body for body in spared)


def test_what_a_server_refuses_that_was_not_sent_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked(monkeypatch, error(400, message="chat_template_kwargs and max_completion_tokens: no"))
    assert found.retry
    with Canned(every(monkeypatch, error(400, message="chat_template_kwargs: no"))) as server:
        one = canned_oracle(server.reference)
        assert [one.ask(Request("p", "Hello.")).retry for _ in range(3)] == [True, False, False]


def test_a_model_behind_an_endpoint_is_told_not_to_think_aloud(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a local one is, on the same pinned date; where it thinks all the same, nothing more is bought."""
    sent: list[dict[str, Any]] = []

    def thinks(proxy: Proxy, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        sent.append(json.loads(body))
        choice = {"finish_reason": "stop", "message": {"content": "\n<think>\nHm.\n</think>\nLima."}}
        respond(handler, 200, json.dumps({"choices": [choice], "usage": USAGE}).encode())

    found = asked(monkeypatch, thinks)
    assert sent[0]["chat_template_kwargs"] == VARIABLES and VARIABLES["enable_thinking"] is False
    assert found.answer is None and not found.retry and found.billed and found.answer_tokens == 2
    assert "begin with a thought" in str(found.fatal) and "--reasoning-parser" in str(found.fatal)


@pytest.mark.parametrize("names", [["m-0613"], ["m-0613", "m-1106"], [None, 7, "", "m\n\x1b[2J"]])
def test_the_model_that_answered_is_on_the_books(
    names: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An alias may move to another model in the middle, and what is then found holds for neither."""
    count = itertools.count()

    def alias(proxy: Proxy, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        name = names[next(count) * len(names) // 8]
        respond(handler, 200, json.dumps({**SAID, "usage": USAGE, "model": name}).encode())

    with Canned(every(monkeypatch, alias)) as server, ResponseStore(tmp_path / "r") as store:
        one = canned_oracle(server.reference, concurrency=1)
        mixture = pytest.warns(UserWarning, match=r"2 models answered \(m-0613, m-1106\); name one of them")
        with mixture if "m-1106" in names else contextlib.nullcontext():
            sample(one, [Asked(number) for number in range(8)], store, progress=False)
        spent = store.spending(one.fingerprint)
    shown = ["m \\x1b[2J"] if None in names else names
    assert spent.served == tuple(shown)
    assert f"8 answered of 8 by {', '.join(shown)}, 72 + 16 tokens" in spent.bill(one.terms)
