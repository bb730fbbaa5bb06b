"""A headless Chromium for tests, driven by its DevTools protocol; no more than the few commands they need."""

from __future__ import annotations

import base64
import contextlib
import http.client
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websocket

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
SECONDS = 40.0


class Refused(Exception):
    """The browser does not do what it was told."""


class Tab:
    """One page: what it evaluates, which keys it gets, and everything that it asked the network for."""

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(address, suppress_origin=True, timeout=SECONDS)
        self._numbers = itertools.count(1)
        self.requests: list[str] = []
        self.errors: list[str] = []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command's result; what happens meanwhile is kept."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            said = json.loads(self._socket.recv())
            if said.get("id") == number:
                if "error" in said:
                    raise Refused(said["error"]["message"])
                return dict(said["result"])
            self._keep(said)

    def _keep(self, said: dict[str, Any]) -> None:
        about = said.get("params", {})
        if said["method"] == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"])
        elif said["method"] == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(about["exceptionDetails"])[:300])
        elif said["method"] == "Runtime.consoleAPICalled" and about["type"] in ("error", "assert"):
            self.errors.append(json.dumps(about["args"])[:300])
        elif said["method"] == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.errors.append(about["entry"]["text"])

    def value(self, expression: str) -> Any:
        """What the expression is in the page; a promise is waited for."""
        done = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def wait(self, expression: str) -> Any:
        """The expression's value, once it is true."""
        end = time.monotonic() + SECONDS
        while True:
            with contextlib.suppress(Refused):  # the page goes on to another at this moment
                if found := self.value(expression):
                    return found
            assert time.monotonic() < end, f"{expression} never came; errors: {self.errors}"
            time.sleep(0.005)

    def press(self, key: str) -> None:
        """Press and release a key, as a keyboard does."""
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=key)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def open(self, address: str, *, width: int = 1100, dark: bool = False) -> None:
        """Load a page, for a reader with such a screen."""
        self.resize(width)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.value("window.before = true")
        self.call("Page.navigate", url=address)
        self.wait("!window.before && document.readyState === 'complete'")

    def resize(self, width: int) -> None:
        """Give the screen another width."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def picture(self, path: Path) -> None:
        """The page as a PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def close(self) -> None:
        self._socket.close()


@contextlib.contextmanager
def chromium(folder: Path) -> Iterator[Tab]:
    """A tab of a browser that is gone afterwards; the test is skipped where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser to drive: none of {', '.join(NAMES)} is installed")
    command = [found, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
    command += [
        "--no-first-run",
        "--disable-background-networking",
        f"--user-data-dir={folder}",
        "about:blank",
    ]
    with (folder.parent / "chromium.log").open("wb") as log:
        browser = subprocess.Popen(command, stdout=log, stderr=log)
    tab = None
    try:
        tab = Tab(_address(folder, browser))
        yield tab
    finally:
        if tab is not None:
            tab.close()
        browser.terminate()
        try:
            browser.wait(SECONDS)
        except subprocess.TimeoutExpired:
            browser.kill()
            browser.wait()


def _address(folder: Path, browser: subprocess.Popen[bytes]) -> str:
    """Where the one tab listens."""
    port, end = folder / "DevToolsActivePort", time.monotonic() + SECONDS
    while not (port.is_file() and port.read_text().count("\n")):
        assert browser.poll() is None and time.monotonic() < end, "the browser did not start"
        time.sleep(0.02)
    connection = http.client.HTTPConnection("127.0.0.1", int(port.read_text().split()[0]), timeout=SECONDS)
    connection.request("GET", "/json/list")
    pages = json.loads(connection.getresponse().read())
    connection.close()
    return next(str(page["webSocketDebuggerUrl"]) for page in pages if page["type"] == "page")
