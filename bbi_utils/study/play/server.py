"""The page: on this machine alone, under an address that nobody guesses, nothing fetched from elsewhere."""

from __future__ import annotations

import json
import secrets
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bbi_utils.errors import BadInput, one_line
from bbi_utils.study.play.game import Game

PAGE = Path(__file__).parent / "page"
FILES = {"": "text/html", "page.js": "text/javascript", "page.css": "text/css"}
# Even if an answer were taken for HTML, its scripts would not run and its images would not be fetched.
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:"
HEADERS = {
    "Cache-Control": "no-store", "Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}  # fmt: skip
LARGEST = 1000  # bytes of a verdict


class Server(ThreadingHTTPServer):
    """Serves one game from now on until its block ends, if it has one; `address` is for the player alone.

    Raises OSError where the port is taken.
    """

    daemon_threads = True

    def __init__(self, game: Game, *, port: int = 0) -> None:
        self.game, self.token, self.ended = game, secrets.token_urlsafe(16), threading.Event()
        super().__init__(("127.0.0.1", port), Handler)
        threading.Thread(target=self.serve_forever, args=[0.05], daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.server_address[1]}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A page that was closed before it had its answer is no error."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Three files, what to show, and verdicts; anything else is not found."""

    server: Server

    def do_GET(self) -> None:
        name = self._name()
        if name in FILES:
            self._send(200, (PAGE / (name or "index.html")).read_bytes(), f"{FILES[name]}; charset=utf-8")
        elif name in ("begin", "state"):
            self._answer(getattr(self.server.game, name))
        else:
            self._send(404, b"not found", "text/plain")

    def do_POST(self) -> None:
        if self._name() != "verdict":
            self._send(404, b"not found", "text/plain")
            return
        size = self.headers.get("Content-Length") or ""
        body = self.rfile.read(min(int(size), LARGEST) if size.isdecimal() else 0)
        self._answer(lambda: self.server.game.verdict(**_verdict(body)))

    def _name(self) -> str | None:
        """What is asked for, if the token before it is right."""
        token, _, name = self.path.removeprefix("/").partition("/")
        return name if secrets.compare_digest(token.encode(), self.server.token.encode()) else None

    def _answer(self, state: Any) -> None:
        """A state as JSON; what is wrong, in a line, where it cannot be had."""
        status = 200
        try:
            said = state()
        except (BadInput, OSError) as error:
            status, said = 400, {"error": one_line(str(error))}
        self._send(status, json.dumps(said).encode(), "application/json")
        if self.server.game.done:
            self.server.ended.set()

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        about = {"Content-Type": kind, "Content-Length": str(len(body))}
        for name, value in {**about, **HEADERS}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: the terminal is for the player."""


def _verdict(body: bytes) -> dict[str, Any]:
    """A card's number and a key, from the page."""
    try:
        said = json.loads(body)
        return {"card": int(said["card"]), "key": str(said["key"])}
    except (ValueError, TypeError, KeyError) as error:
        raise BadInput(f"a verdict that cannot be read: {error}; expected a card and a key") from error
