"""How requests to an endpoint travel: to that host alone, and with an end to how long a reply may be."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

LOOPBACK = ("localhost", "127.0.0.1", "::1")
MOST_BYTES = 1 << 24  # of one reply
# The client adds what its own environment variables say (OPENAI_ORG_ID, OPENAI_CUSTOM_HEADERS), to any host.
SENT = ("host", "accept", "accept-encoding", "connection", "content-type", "content-length", "user-agent")
ACCOUNT = ("openai-organization", "openai-project")
HOST_OF_ACCOUNT = "api.openai.com"


def http_client(base_url: str, *, key: str, timeout: float) -> Any:
    """The official client's own HTTP client with four things changed.

    Of headers only the usual ones and this key are sent, to OpenAI itself also the account that the
    environment names. Redirects are not followed: prompts and key go where the user said. A reply has
    `timeout` seconds to arrive and 16 MiB, where the client's own limit is on each silence, so that a trickle
    would never end. What runs on this machine is asked without the proxy that the environment may name.
    """
    import httpx2
    import openai

    class Bounded(httpx2.SyncByteStream):
        """A body that raises ReadTimeout or ReadError where it goes on for too long."""

        def __init__(self, stream: Any) -> None:
            self.stream, self.until = stream, time.monotonic() + timeout

        def __iter__(self) -> Iterator[bytes]:
            size = 0
            for chunk in self.stream:
                size += len(chunk)
                if time.monotonic() > self.until:
                    raise httpx2.ReadTimeout(f"no complete reply within {timeout:g} s")
                if size > MOST_BYTES:
                    raise httpx2.ReadError(f"a reply of more than {MOST_BYTES:,} bytes")
                yield chunk

        def close(self) -> None:
            self.stream.close()

    def bound(response: Any) -> None:
        response.stream = Bounded(response.stream)

    host = urlsplit(base_url).hostname
    sent = (*SENT, *ACCOUNT) if host == HOST_OF_ACCOUNT else SENT

    def strip(request: Any) -> None:
        for name in list(request.headers):
            if name not in sent and not name.startswith("x-stainless-"):  # these are the client's own
                del request.headers[name]
        request.headers["Authorization"] = f"Bearer {key}"

    return openai.DefaultHttpxClient(
        follow_redirects=False,
        timeout=timeout,
        event_hooks={"request": [strip], "response": [bound]},
        trust_env=host not in LOOPBACK,
    )
