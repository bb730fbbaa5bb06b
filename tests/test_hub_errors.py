"""What a model hub may answer, from a server on this machine: each is one line with the way out."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bbi_utils.errors import BadInput
from bbi_utils.oracles.checkpoints import resolve_model

# Name of a model -> status, what the hub's client calls the error, body.
REPLIES = {
    "gated": (403, "GatedRepo", b"{}"),
    "absent": (401, "RepoNotFound", b"{}"),
    "revised": (404, "RevisionNotFound", b"{}"),
    "forbidden": (403, "", b"{}"),
    "portal": (200, "", b"<html>please log in to this network</html>"),
}


class Hub(BaseHTTPRequestHandler):
    """Answers every question about a model in the one way that its name says."""

    def do_GET(self) -> None:
        found = [reply for name, reply in REPLIES.items() if name in self.path]
        status, error, body = found[0] if found else (404, "", b"{}")
        self.send_response(status)
        if error:
            self.send_header("X-Error-Code", error)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if self.command == "GET" else b"")

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Nothing on the tests' output."""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    """The hub's client looks at this server, with an empty cache and no token."""
    from huggingface_hub import constants

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gated", "hub model some/gated at revision main is gated; accept its licence .*hf auth login"),
        ("absent", "does not exist or is private; check the spelling"),
        ("revised", "no such revision; give an existing branch"),
        ("forbidden", "the hub cannot be reached .*403.*go online once, or give a folder"),
        ("portal", "the hub cannot be reached .*JSONDecodeError"),
    ],
)
def test_what_the_hub_refuses_is_named_with_the_way_out(name: str, message: str) -> None:
    with pytest.raises(BadInput, match=message) as error:
        resolve_model(f"some/{name}", revision="main")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("closes", "said"), [(True, "ReadError|RemoteProtocolError"), (False, "ReadTimeout")]
)
def test_a_hub_that_hangs_up_or_says_nothing_is_out_of_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closes: bool, said: str
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("bbi_utils.oracles.hub.SECONDS_TO_ANSWER", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        if closes:
            threading.Thread(target=hang_up, args=(server,), daemon=True).start()
        with pytest.raises(BadInput, match=f"the hub cannot be reached .({said})"):
            resolve_model("some/model", revision="main")


def hang_up(server: socket.socket) -> None:
    """Close every connection at once, until the server itself is closed."""
    with contextlib.suppress(OSError):
        while True:
            server.accept()[0].close()


def test_a_hub_that_does_not_listen_is_out_of_reach(hub: ThreadingHTTPServer) -> None:
    hub.shutdown()
    hub.server_close()
    with pytest.raises(BadInput, match="the hub cannot be reached .*refused"):
        resolve_model("some/model")
