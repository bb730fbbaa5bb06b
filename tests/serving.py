"""Real servers for tests: `transformers serve` on loopback, and a proxy before it that misbehaves to plan."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import formatdate
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bbi_utils.oracles import Sampling, Terms
from bbi_utils.oracles.endpoint.client import EndpointOracle
from bbi_utils.paths import WEIGHTS

SECONDS_TO_START = 90.0


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def sampling_copy(name: str, folder: Path) -> Path:
    """A shipped model that samples by default, as instruct models on the hub do: the server goes by that."""
    shutil.copytree(WEIGHTS / name, folder)
    config = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps({**config, "do_sample": True, "top_k": 0}))
    return folder


@contextlib.contextmanager
def served(log: Path) -> Iterator[Callable[[Path], str]]:
    """`transformers serve`; yields what has it load a model and says how the model is referred to."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("transformers")), "serve", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--device", "cpu", "--dtype", "float32"]
    with log.open("wb") as stream:
        server = subprocess.Popen(
            command,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + SECONDS_TO_START
        while not answers(port):
            assert server.poll() is None and time.monotonic() < deadline, log.read_text()[-2000:]
            time.sleep(0.2)
        yield partial(loaded, port)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def loaded(port: int, model: Path) -> str:
    """The endpoint reference of a model; its first answer takes longer than others and is had here."""
    asked = {"model": str(model), "messages": [{"role": "user", "content": "Hello."}], "max_tokens": 1}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS_TO_START)
    with contextlib.closing(connection):
        about = {"Content-Type": "application/json"}
        connection.request("POST", "/v1/chat/completions", json.dumps(asked), about)
        reply = connection.getresponse()
        assert reply.status == 200, reply.read()
    return f"http://127.0.0.1:{port}/v1#{model}"


def answers(port: int) -> bool:
    """Whether a server is there and well."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


class Proxy:
    """Passes requests on to a server, except where the plan says to do something else with the n-th.

    plan: request number (from 0) -> the name of a fault in `FAULTS`, or None. Counts what was passed on, and
    the tokens that the server itself reported.
    """

    def __init__(self, reference: str, plan: Callable[[int], str | None]) -> None:
        self.url, _, self.model = reference.partition("#")
        self.plan, self.lock = plan, threading.Lock()
        self.seen = self.passed_on = self.prompt_tokens = self.answer_tokens = 0
        self.faults: list[str] = []
        self.headers: list[dict[str, str]] = []

    def __enter__(self) -> Proxy:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with proxy.lock:
                    number, proxy.seen = proxy.seen, proxy.seen + 1
                    proxy.headers.append(dict(self.headers))
                fault = proxy.plan(number)
                if fault is not None:
                    proxy.faults.append(fault)
                with contextlib.suppress(
                    ConnectionError
                ):  # the client may be gone: it timed out or was killed
                    (send if fault is None else FAULTS[fault])(proxy, self, body)

            def handle_one_request(self) -> None:
                with contextlib.suppress(ConnectionError):  # the same, between two requests
                    super().handle_one_request()

            def log_message(self, *args: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def reference(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/v1#{self.model}"

    def forward(self, body: bytes) -> bytes:
        """The server's own reply, counted."""
        host = self.url.removeprefix("http://").partition("/")[0]
        connection = http.client.HTTPConnection(host, timeout=60)
        try:
            connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
            reply = connection.getresponse().read()
        finally:
            connection.close()
        usage = json.loads(reply).get("usage", {})
        with self.lock:
            self.passed_on += 1
            self.prompt_tokens += usage.get("prompt_tokens", 0)
            self.answer_tokens += usage.get("completion_tokens", 0)
        return reply


def respond(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **headers,
    }.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def send(proxy: Proxy, handler: BaseHTTPRequestHandler, body: bytes) -> None:
    respond(handler, 200, proxy.forward(body))


def status(code: int, **headers: str) -> Callable[..., None]:
    said = json.dumps({"error": {"message": f"status {code}", "type": "planned"}}).encode()
    return lambda proxy, handler, body: respond(handler, code, said, **headers)


def drop(proxy: Proxy, handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """Hang up without a word."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def drop_after(proxy: Proxy, handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """The server has done the work, and its reply is lost."""
    proxy.forward(body)
    drop(proxy, handler, body)


def slow(proxy: Proxy, handler: BaseHTTPRequestHandler, body: bytes) -> None:
    time.sleep(2.5)
    send(proxy, handler, body)


def changed(change: Callable[[bytes], bytes]) -> Callable[..., None]:
    return lambda proxy, handler, body: respond(handler, 200, change(proxy.forward(body)))


def truncate(proxy: Proxy, handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """Less than the header promised."""
    reply = proxy.forward(body)
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(reply)))
    handler.end_headers()
    handler.wfile.write(reply[: len(reply) // 2])
    handler.wfile.flush()
    drop(proxy, handler, body)


def edited(**fields: Any) -> Callable[[bytes], bytes]:
    return lambda reply: json.dumps({**json.loads(reply), **fields}).encode()


FAULTS: dict[str, Callable[..., None]] = {
    "429": status(429),
    "429 with seconds": status(429, Retry_After="0.2"),
    "429 with a date": lambda proxy, handler, body: status(
        429, Retry_After=formatdate(time.time() + 1, usegmt=True)
    )(proxy, handler, body),
    "500": status(500),
    "503": status(503),
    "dropped": drop,
    "dropped after": drop_after,
    "slow": slow,
    "malformed": changed(lambda reply: b"<html>busy</html>"),
    "half": changed(lambda reply: reply[: len(reply) // 2]),
    "truncated": truncate,
    "empty choices": changed(edited(choices=[])),
    "no choices": changed(edited(choices=None)),
    "no usage": changed(edited(usage=None)),
    "unauthorised": status(401),
    "unknown model": status(404),
}


def random_plan(seed: int, share: float, faults: list[str]) -> Callable[[int], str | None]:
    """A fault for this share of the requests, drawn anew for each; the same for the same seed."""

    def plan(number: int) -> str | None:
        rng = random.Random(f"{seed}/{number}")
        return rng.choice(faults) if rng.random() < share else None

    return plan


SAID = {"choices": [{"finish_reason": "stop", "message": {"content": "Lima."}}]}
USAGE = {"prompt_tokens": 9, "completion_tokens": 2}


class Canned(Proxy):
    """A server that always says the same, except where the plan has something else for the n-th request."""

    def __init__(self, plan: Callable[[int], str | None] = lambda number: None, **usage: int) -> None:
        super().__init__("http://127.0.0.1:1/v1#canned", plan)
        self.usage = {**USAGE, **usage}

    def forward(self, body: bytes) -> bytes:
        with self.lock:
            self.passed_on += 1
            self.prompt_tokens += self.usage["prompt_tokens"]
            self.answer_tokens += self.usage["completion_tokens"]
        return json.dumps({**SAID, "usage": self.usage}).encode()


@dataclass(frozen=True)
class Asked:
    """A probe as sampling needs it."""

    number: int

    @property
    def id(self) -> str:
        return f"p{self.number:03}"

    @property
    def prompt(self) -> str:
        return f"Question {self.number}?"


def canned_oracle(reference: str, *, timeout: float = 30.0, **terms: Any) -> EndpointOracle:
    """An endpoint oracle on these terms."""
    sampling = Sampling(temperature=0.0, top_p=1.0, max_new_tokens=12)
    return EndpointOracle(reference, sampling=sampling, terms=Terms(**terms, timeout=timeout))


def every(monkeypatch: pytest.MonkeyPatch, does: Callable[..., None]) -> Callable[[int], str]:
    """A plan by which every request meets this fault."""
    monkeypatch.setitem(FAULTS, "this one", does)
    return lambda number: "this one"
