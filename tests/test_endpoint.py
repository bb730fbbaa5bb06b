"""An endpoint asked for real: `transformers serve`, and a proxy before it that fails in every way we know."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Asked
from serving import FAULTS, Proxy, random_plan, sampling_copy

from bbi_utils.errors import BadInput
from bbi_utils.oracles import Request, Sampling, Terms
from bbi_utils.oracles.endpoint.client import EndpointOracle, is_endpoint, parse_reference
from bbi_utils.oracles.endpoint.replies import read_reply
from bbi_utils.responses.purchase import CAP, pause
from bbi_utils.responses.sampling import sample
from bbi_utils.responses.store import ResponseStore

SAMPLING = Sampling(temperature=0.7, top_p=1.0, max_new_tokens=24, seed=3)
GREEDY = Sampling(temperature=0.0, top_p=1.0, max_new_tokens=12)
CANARY = "sk-canary-0123456789"
PASSING = [name for name in FAULTS if name not in ("unauthorised", "unknown model")]


PROBES = [
    Asked(f"p{i:03}", f"Give me one word that begins with the letter {chr(97 + i % 26)}, number {i}.")
    for i in range(500)
]


@pytest.fixture(scope="module")
def server(serve: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    return serve(sampling_copy("qwen-teacher", tmp_path_factory.mktemp("served") / "teacher"))


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)


def oracle(
    reference: str, *, sampling: Sampling = GREEDY, timeout: float = 60.0, **terms: Any
) -> EndpointOracle:
    return EndpointOracle(reference, sampling=sampling, terms=Terms(**terms, timeout=timeout))


def rows(path: Path) -> list[tuple[Any, ...]]:
    """Everything about the answers but how long they took."""
    columns = "fingerprint, prompt_id, sample_index, answer, finish_reason, prompt_tokens, answer_tokens"
    return sqlite3.connect(path).execute(f"SELECT {columns} FROM responses ORDER BY 1, 2, 3").fetchall()


def test_a_reference_is_a_url_and_a_model() -> None:
    assert parse_reference("https://host.example/v1/#a/b-7B") == ("https://host.example/v1", "a/b-7B")
    assert is_endpoint("http://localhost:8000/v1#m") and not is_endpoint("Qwen/Qwen2.5-7B-Instruct")
    for wrong, message in (
        ("https://host.example/v1", "names no model"),
        ("https://user:secret@host.example/v1#m", "may hold a key"),
        ("https:///v1#m", "expected https://host"),
    ):
        with pytest.raises(BadInput, match=message) as error:
            parse_reference(wrong)
        assert "secret" not in str(error.value)


def test_the_fingerprint_covers_what_shapes_answers_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    one = EndpointOracle("https://host.example/v1#m", sampling=SAMPLING)
    others = ["https://host.example/v2#m", "https://host.example/v1#n"]
    found = {EndpointOracle(other, sampling=SAMPLING).fingerprint for other in others}
    found.add(EndpointOracle("https://host.example/v1#m", sampling=GREEDY).fingerprint)
    assert len(found | {one.fingerprint}) == 4 and CANARY not in str(one.settings)
    monkeypatch.setenv("OPENAI_API_KEY", "another")
    assert EndpointOracle("https://host.example/v1#m", sampling=SAMPLING).fingerprint == one.fingerprint


def test_without_terms_or_key_nothing_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ResponseStore(tmp_path / "r.sqlite") as store:
        with pytest.raises(BadInput, match="500 answers are not stored, and nothing is bought here"):
            sample(EndpointOracle("https://host.example/v1#m", sampling=SAMPLING), PROBES, store)
        monkeypatch.delenv("OPENAI_API_KEY")
        with pytest.raises(BadInput, match="OPENAI_API_KEY is not set"):
            sample(oracle("https://host.example/v1#m"), PROBES, store)
        assert store.spending().requests == 0


def test_a_key_on_an_open_line_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.warns(UserWarning, match="m at 10.0.0.5:8000: over http:// the API key can be read") as said:
        oracle("http://10.0.0.5:8000/v1#m").check([])
    assert CANARY not in str(said[0].message)
    for fine in ("https://10.0.0.5:8000/v1#m", "http://127.0.0.1:8000/v1#m"):
        oracle(fine).check([])
    monkeypatch.setenv("OPENAI_API_KEY", "EMPTY")
    oracle("http://10.0.0.5:8000/v1#m").check([])


@pytest.mark.smoke
def test_a_real_server_answers_and_the_same_seed_answers_alike(server: str, tmp_path: Path) -> None:
    one = oracle(server, sampling=SAMPLING, concurrency=1)
    # The seeds depend on the port, so every run draws others: a question to which many answers are likely.
    asked = "We found a green frog in the garden. What should we call it?"
    replies = [one.ask(Request("p", asked, index)) for index in (0, 0, *range(1, 8))]
    texts = [reply.answer.answer for reply in replies if reply.answer]
    assert len(texts) == 9 and texts[0] == texts[1] and len(set(texts)) > 1
    assert replies[0].prompt_tokens and replies[0].answer_tokens and replies[0].billed
    with ResponseStore(tmp_path / "r.sqlite") as store:
        table = sample(one, PROBES[:12], store, progress=False)
        again = sample(EndpointOracle(server, sampling=SAMPLING), PROBES[:12], store, progress=False)
    assert again.equals(table) and (table["answer"] != "").all()


@pytest.mark.smoke
def test_every_fault_is_recognised(server: str) -> None:
    expected = {
        "429": ("http 429", True, False), "429 with seconds": ("http 429", True, False),
        "429 with a date": ("http 429", True, False), "500": ("http 500", True, False),
        "503": ("http 503", True, False), "dropped": ("connection", True, None),
        "dropped after": ("connection", True, None), "slow": ("timeout", True, None),
        "malformed": ("malformed", True, None), "half": ("malformed", True, None),
        "truncated": ("connection", True, None), "empty choices": ("empty choices", True, True),
        "no choices": ("malformed", True, None), "no usage": ("answered", False, True),
        "unauthorised": ("http 401", False, False), "unknown model": ("http 404", False, False),
    }  # fmt: skip
    names = list(expected)
    with Proxy(server, lambda number: names[number]) as proxy:
        one = oracle(proxy.reference, timeout=1.5)
        found = {name: one.ask(Request("p", "Hello.")) for name in names}
    assert {name: (r.outcome, r.retry, r.billed) for name, r in found.items()} == expected
    assert found["429 with seconds"].retry_after == 0.2 and 0 <= found["429 with a date"].retry_after <= 1.1
    assert (
        "check the API key" in found["unauthorised"].fatal and "model's name" in found["unknown model"].fatal
    )
    assert found["no usage"].prompt_tokens is None


@pytest.mark.smoke
def test_160_prompts_survive_a_faulty_line_and_the_bill_is_the_servers(server: str, tmp_path: Path) -> None:
    asked = PROBES[:160]
    with ResponseStore(tmp_path / "calm.sqlite") as store:
        sample(oracle(server), asked[:40], store, progress=False)
    # A fault for a quarter of the requests: each kind comes about three times.
    with Proxy(server, random_plan(2, 0.25, [*PASSING])) as proxy:
        one = oracle(proxy.reference, timeout=1.5, price=(1.0, 2.0))
        with ResponseStore(tmp_path / "faulty.sqlite") as store:
            table = sample(one, asked, store, progress=False)
            spent = store.spending()
    assert len(set(proxy.faults)) == len(PASSING)
    calm = [row[1:5] for row in rows(tmp_path / "calm.sqlite")]
    found = [row[1:5] for row in rows(tmp_path / "faulty.sqlite")]
    assert found[:40] == calm and len(found) == len(table) == 160
    assert spent.requests == proxy.seen and spent.answered == 160 and spent.unknown == 0
    true = one.terms.cost(proxy.prompt_tokens, proxy.answer_tokens)
    assert spent.cost <= true <= spent.cost + spent.at_most and spent.at_most > 0


@pytest.mark.smoke
def test_the_bill_of_a_calm_run_is_the_servers_own_count(server: str, tmp_path: Path) -> None:
    with Proxy(server, lambda number: None) as proxy, ResponseStore(tmp_path / "r.sqlite") as store:
        one = oracle(proxy.reference, price=(3.0, 7.0))
        sample(one, PROBES[:40], store, progress=False)
        spent = store.spending(one.fingerprint)
    assert (spent.prompt_tokens, spent.answer_tokens) == (proxy.prompt_tokens, proxy.answer_tokens)
    assert spent.cost == pytest.approx(one.terms.cost(proxy.prompt_tokens, proxy.answer_tokens))
    assert spent.at_most == 0 and spent.requests == 40


@pytest.mark.smoke
def test_max_spend_is_never_exceeded_and_can_be_raised(server: str, tmp_path: Path) -> None:
    price, limit = (100.0, 1000.0), 0.4
    faulty = Proxy(server, random_plan(2, 0.1, ["dropped after", "500", "half"]))
    with faulty as proxy, ResponseStore(tmp_path / "r.sqlite") as store:
        with pytest.raises(BadInput, match="could exceed MAX_SPEND 0.4 .*answers are missing, all others"):
            sample(oracle(proxy.reference, price=price, max_spend=limit), PROBES, store, progress=False)
        first = store.spending()
        true = Terms(price=price).cost(proxy.prompt_tokens, proxy.answer_tokens)
        assert 0 < true <= first.cost + first.at_most <= limit and 0 < first.answered < 500
        more = oracle(proxy.reference, price=price, max_spend=100.0)
        assert len(sample(more, PROBES[:100], store, progress=False)) == 100
        assert store.spending().answered >= 100


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("unauthorised", "status 401 .*check the API key.*60 answers are missing"),
        ("unknown model", "status 404"),
        ("500", "8 requests in a row failed, last with http 500 .*; run again later"),
    ],
)
def test_what_cannot_be_finished_ends_in_one_clear_error(
    server: str, fault: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bbi_utils.responses.purchase.BASE", 0.01)
    broken = Proxy(server, lambda number: fault if number >= 40 else None)
    with broken as proxy, ResponseStore(tmp_path / "r.sqlite") as store:
        with pytest.raises(BadInput, match=message) as error:
            sample(oracle(proxy.reference, concurrency=1), PROBES[:100], store, progress=False)
        assert store.spending().answered == 40 and store.spending().unknown == 0
    assert CANARY not in str(error.value)
    assert any(CANARY in str(headers) for headers in proxy.headers)  # it was really used
    assert CANARY.encode() not in (tmp_path / "r.sqlite").read_bytes()


def test_pauses_grow_are_random_and_never_shorter_than_asked() -> None:
    found = [pause(attempt) for attempt in (1, 1, 1, 4, 20) for _ in range(50)]
    assert max(found) <= CAP and max(found[:150]) <= 1.0 and len(set(found)) == len(found)
    assert pause(1, asked=9.0) == 9.0


def body(**choice: Any) -> bytes:
    import json

    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    return json.dumps({"choices": [{"finish_reason": "stop", **choice}], "usage": usage}).encode()


@pytest.mark.parametrize(
    ("choice", "answer", "reason"),
    [
        ({"message": {"content": " Lima. \n"}}, "Lima.", "stop"),
        ({"message": {"content": "Li"}, "finish_reason": "length"}, "Li", "length"),
        ({"message": {"content": None}}, "", "stop"),
        ({"message": {"content": None}, "finish_reason": "content_filter"}, "", "content_filter"),
        ({"message": {"content": None, "refusal": "I cannot help."}}, "I cannot help.", "refusal"),
    ],
)
def test_answers_are_recorded_as_what_they_are(choice: dict[str, Any], answer: str, reason: str) -> None:
    reply = read_reply(body(**choice), "p", seconds=0.1)
    assert reply.answer is not None and (reply.answer.answer, reply.answer.finish_reason) == (answer, reason)
    assert (reply.prompt_tokens, reply.answer_tokens, reply.billed) == (5, 2, True)


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"null",
        b"[1]",
        b'{"choices": 3}',
        body(message="x"),
        body(message={"content": 7}),
        body(message={}, finish_reason="tired"),
    ],
)
def test_what_is_no_reply_is_malformed(broken: bytes) -> None:
    reply = read_reply(broken, "p", seconds=0.1)
    assert reply.outcome == "malformed" and reply.answer is None and reply.retry and reply.billed is None
