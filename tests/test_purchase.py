"""Buying answers: patience with a server that has little room, a limit that holds, and an end when asked."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from serving import Asked, Canned, Proxy, canned_oracle, every, respond, send

from bbi_utils.errors import BadInput
from bbi_utils.responses import purchase
from bbi_utils.responses.sampling import sample
from bbi_utils.responses.store import ResponseStore


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")


def test_a_server_with_little_room_is_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It answers one request each 30 ms and sends all others away; soon few are."""
    monkeypatch.setattr("bbi_utils.responses.purchase.BASE", 0.01)
    monkeypatch.setattr("bbi_utils.responses.purchase.CAP", 0.05)
    gate = {"open at": 0.0, "sent away": 0}

    def narrow(proxy: Proxy, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        with proxy.lock:
            free = time.monotonic() >= gate["open at"]
            gate["open at"] = time.monotonic() + 0.03 if free else gate["open at"]
            gate["sent away"] += not free
        send(proxy, handler, body) if free else respond(handler, 429, b"{}")

    with Canned(every(monkeypatch, narrow)) as server, ResponseStore(tmp_path / "r") as store:
        table = sample(canned_oracle(server.reference), [Asked(n) for n in range(60)], store, progress=False)
        assert store.spending().requests == server.seen
    assert len(table) == 60 and 0 < gate["sent away"] < 8 * 60


def test_ctrl_c_does_not_wait_for_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And what was in flight is on the books as unknown."""
    monkeypatch.setattr("bbi_utils.responses.purchase.LAST_WAIT", 0.2)
    over = threading.Event()

    def silent(proxy: Proxy, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        over.wait(20)

    send = purchase.Purchase.send_what_may_be_sent

    def interrupted(self: purchase.Purchase, pool: ThreadPoolExecutor) -> None:
        send(self, pool)
        if len(self.flying) > 1:  # the first goes alone, until it is answered
            raise KeyboardInterrupt

    monkeypatch.setattr(purchase.Purchase, "send_what_may_be_sent", interrupted)
    plan = every(monkeypatch, silent)
    with Canned(lambda n: plan(n) if n else None) as server, ResponseStore(tmp_path / "r") as store:
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            one = canned_oracle(server.reference, price=(1.0, 1.0))
            sample(one, [Asked(number) for number in range(10)], store, progress=False)
        assert time.monotonic() - began < 5.0
        spent = store.spending()
        assert (spent.requests, spent.unknown, spent.answered) == (9, 8, 1) and spent.at_most > 0
        over.set()


def test_a_server_that_bills_more_than_it_may_is_found_out_by_its_first_answer(tmp_path: Path) -> None:
    """It counts tokens that nobody asked for: thinking, or a system prompt of its own."""
    limit = 0.01
    with Canned(completion_tokens=1_500) as server, ResponseStore(tmp_path / "r") as store:
        for _ in range(3):
            one = canned_oracle(server.reference, price=(0.0, 1.0), max_spend=limit)
            with pytest.raises(BadInput, match="could exceed MAX_SPEND"):
                sample(one, [Asked(number) for number in range(40)], store, progress=False)
        spent = store.spending()
    assert spent.cost == pytest.approx(server.answer_tokens / 1e6) and 0.0075 < spent.cost <= limit


def test_an_outage_ends_the_run_however_many_prompts_wait(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("bbi_utils.responses.purchase.BASE", 0.001)
    out = every(monkeypatch, lambda proxy, handler, body: respond(handler, 503, b"closed"))
    with Canned(lambda n: out(n) if n >= 20 else None) as server, ResponseStore(tmp_path / "r") as store:
        with pytest.raises(BadInput, match="in a row failed, last with http 503 .*80 answers are mis"):
            sample(canned_oracle(server.reference), [Asked(n) for n in range(100)], store, progress=False)
        assert store.spending().answered == 20
    assert server.seen <= 20 + 8 + 7 + 4  # those that flew, then one at a time; it may see another order


def test_a_server_that_asks_for_a_long_pause_ends_the_run_which_can_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    later = every(monkeypatch, lambda proxy, handler, body: respond(handler, 429, b"", Retry_After="301"))
    with Canned(lambda n: later(n) if n == 3 else None) as server, ResponseStore(tmp_path / "r") as store:
        with pytest.raises(BadInput, match=r"asks for a pause of 301 s \(http 429\); run again after that"):
            sample(canned_oracle(server.reference), [Asked(n) for n in range(20)], store, progress=False)
        kept = store.spending().answered
        table = sample(canned_oracle(server.reference), [Asked(n) for n in range(20)], store, progress=False)
        assert 3 <= kept < 20 == len(table) and server.seen == 21  # nothing that was answered is asked again


@pytest.mark.parametrize("short", [0.0, 1e-6])
def test_a_limit_waits_for_replies_that_make_room(
    short: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each may cost thirty times what it does cost, so those in flight stand in the way of the rest."""
    waits, collect = [], purchase.Purchase.collect

    def counted(self: purchase.Purchase, **how: Any) -> None:
        waits.append(how)
        collect(self, **how)

    def slowly(proxy: Proxy, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        time.sleep(0.02)
        send(proxy, handler, body)

    monkeypatch.setattr(purchase.Purchase, "collect", counted)
    probes = [Asked(number) for number in range(100, 140)]
    costs, reserved = 11e-6, (len(probes[0].prompt) + purchase.TEMPLATE_TOKENS + 12) * 1e-6
    with Canned(every(monkeypatch, slowly)) as server, ResponseStore(tmp_path / "r") as store:
        limit = 39 * costs + reserved - short
        one = canned_oracle(server.reference, price=(1.0, 1.0), max_spend=limit + 1e-12)
        if short:
            with pytest.raises(BadInput, match=r"could exceed MAX_SPEND .*; 1 answer is missing"):
                sample(one, probes, store, progress=False)
        else:
            sample(one, probes, store, progress=False)
        assert store.spending().answered == server.seen == 40 - bool(short)
    assert len(waits) <= 2 * 40  # it sleeps until a reply is there


def test_one_process_at_a_time_buys_into_a_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two would buy the same answers twice, and each could spend the limit."""
    asked, go_on = threading.Event(), threading.Event()

    def held(proxy: Proxy, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        asked.set()
        go_on.wait(20)
        send(proxy, handler, body)

    probes = [Asked(number) for number in range(5)]
    with Canned(every(monkeypatch, held)) as server, ThreadPoolExecutor(1) as other:
        one = canned_oracle(server.reference)

        def buy_all() -> int:
            with ResponseStore(tmp_path / "r") as store:
                return len(sample(one, probes, store, progress=False))

        first = other.submit(buy_all)
        assert asked.wait(20)
        with pytest.raises(BadInput, match="another process is buying answers into it; wait for that one"):
            buy_all()
        go_on.set()
        assert first.result() == buy_all() == server.seen == 5
