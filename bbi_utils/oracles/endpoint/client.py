"""A model behind an endpoint that speaks the OpenAI chat protocol: one HTTP request at a time, no surprises.

Nothing is retried here and nothing is stored: `ask` sends one request and says what became of it, `purchase`
decides what follows. The API key is read from the environment when it is first needed and is written nowhere.
"""

from __future__ import annotations

import functools
import hashlib
import ipaddress
import os
import re
import time
import warnings
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx2

from bbi_utils.errors import BadInput, printable
from bbi_utils.oracles.base import Answer, Request, Sampling, fingerprint_of
from bbi_utils.oracles.chat import VARIABLES, turns
from bbi_utils.oracles.endpoint.complaints import words_of
from bbi_utils.oracles.endpoint.pricing import Terms
from bbi_utils.oracles.endpoint.replies import FIELD_REFUSED, Reply, read_refusal, read_reply, read_silence

KEY_ENV = "OPENAI_API_KEY"
KEY_NAME = re.compile(r"\w*API_KEY", re.ASCII)
SHORTEST_KEY = 12  # letters
PROTOCOL = 2  # raise it when what is sent changes, so that old answers are not reused
TEMPLATE = "chat_template_kwargs"  # the field in which vLLM and its kin take a template's variables
# What a server can be spared where it refuses it, in this order; of the last two only what changes nothing.
# They are sent all the same where it does not refuse: a server may have other values by itself.
SPARABLE = (TEMPLATE, "seed", "top_p", "temperature")
NEUTRAL = {"top_p": 1.0, "temperature": 1.0}
REFUSED = ("http 400", "http 422")
VERSION = re.compile(r"api-version=[\w.-]{1,32}", re.ASCII)  # Azure's; no key looks like that
MOST_BYTES = 1 << 24  # of one reply
# OpenAI itself, and nobody else, is told the account that the environment names.
HOST_OF_ACCOUNT = "api.openai.com"
ACCOUNT = {"OpenAI-Organization": "OPENAI_ORG_ID", "OpenAI-Project": "OPENAI_PROJECT_ID"}
VERDICT_TOKENS = 8  # the longest answer of a judge, where a server gives no alternatives: "Answer A"


def is_endpoint(reference: str) -> bool:
    """Whether a model reference names an endpoint: `https://host/v1#model`."""
    return reference.lower().startswith(("http://", "https://"))


def is_loopback(host: str) -> bool:
    """Whether a host is this very machine, by any of its names."""
    if host.rstrip(".") == "localhost" or host.rstrip(".").endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)


def parse_reference(reference: str) -> tuple[str, str]:
    """Base URL and model name; raises BadInput where one is missing, or where the URL may hold a password."""
    url, _, model = reference.partition("#")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:  # its message repeats the URL, and with it whatever is in there
        raise BadInput("the URL of an endpoint cannot be read; expected https://host/v1#model-name") from None
    if "@" in parts.netloc or (parts.query and not VERSION.fullmatch(parts.query)):
        what = "has a user or a query in its URL, which would be stored and shown, and may hold a key"
        way = f"keep none but ?api-version=..., and put a key into the environment variable {KEY_ENV}"
        raise BadInput(f"the endpoint at {host or 'an unnamed host'} {what}; {way}")
    if not is_endpoint(reference) or not host:
        raise BadInput(f"endpoint {reference!r}; expected https://host/v1#model-name")
    if not model.strip():
        raise BadInput(f"endpoint {reference} names no model; expected {url.rstrip('/')}#model-name")
    return url.rstrip("/"), model.strip()


class EndpointOracle:
    """A chat model that others run. Without `terms` it only stands for answers that are stored already.

    It is sent a seed for each prompt and sample, and the variables that a local template gets, so
    that one that can think aloud answers at once; whether the server heeds them, only the server knows.
    `logprobs` asks for so many alternatives of the first token (see `adversaries.judge.remote`).
    """

    def __init__(
        self,
        reference: str,
        *,
        sampling: Sampling,
        key_env: str = KEY_ENV,
        terms: Terms | None = None,
        logprobs: int = 0,
    ) -> None:
        self.base_url, self.model_name = parse_reference(reference)
        self.sampling, self.key_env, self.terms = sampling, key_env, terms
        self.logprobs, self.host = logprobs, urlsplit(self.base_url).hostname or ""
        self.on_this_machine = is_loopback(self.host)
        # Seconds that the server may be silent, and those that its reply may take to arrive.
        self.timeout = (terms or Terms()).timeout
        self.limit = "max_tokens"  # what this server takes, until it refuses it
        self.spared: set[str] = set()
        if not KEY_NAME.fullmatch(key_env):
            way = "a variable whose name ends in API_KEY, so that no file can send away another secret"
            found = f"the key of {self.name} would be read from {printable(key_env)}"
            raise BadInput(f"{found}; expected {way}")
        self.settings: dict[str, Any] = {
            "kind": "endpoint",
            "protocol": PROTOCOL,
            "base_url": self.base_url,
            "model": self.model_name,
            **sampling.settings(),
            "template": VARIABLES,
            "logprobs": logprobs,
        }
        self.fingerprint = fingerprint_of(self.settings)

    @property
    def name(self) -> str:
        """The model and the host that runs it."""
        return f"{self.model_name} at {urlsplit(self.base_url).netloc}"

    @property
    def stream(self) -> str:
        """Names this oracle's seeds."""
        return f"{self.base_url}#{self.model_name}"

    def key(self) -> str:
        """The API key; a server on this machine may do without one."""
        found = os.environ.get(self.key_env, "").strip()
        if not found and not self.on_this_machine:
            way = "set it, or name another one (TEACHER_KEY, JUDGE_KEY, --teacher-key)"
            unset = f"the environment variable {self.key_env} is not set"
            raise BadInput(f"{self.name} needs an API key and {unset}; {way}")
        if not all("!" <= letter <= "~" for letter in found):
            what = "something that no API key can: a space, a line break or an unusual letter"
            raise BadInput(f"the environment variable {self.key_env} holds {what}; set it anew")
        return found or "none"

    @functools.cached_property
    def client(self) -> Any:
        """The HTTP client, which sends this key and nothing else of the environment.

        Redirects are not followed: prompts and key go where the user said. What runs on this machine is asked
        without the proxy that the environment may name.
        """
        account = ACCOUNT if self.host == HOST_OF_ACCOUNT else {}
        named = {header: os.environ[name] for header, name in account.items() if name in os.environ}
        if urlsplit(self.base_url).query:  # Azure's, which takes its key by another name
            named["api-key"] = self.key()
        headers = {"Authorization": f"Bearer {self.key()}", "Accept": "application/json", **named}
        try:
            client = httpx2.Client(
                headers=headers,
                follow_redirects=False,
                timeout=self.timeout,
                limits=httpx2.Limits(max_connections=None),
                trust_env=not self.on_this_machine,
            )
            client.build_request("POST", self.address)
        except (ImportError, OSError, ValueError, httpx2.InvalidURL) as error:
            raise BadInput(f"{self.name} cannot be asked: {self.no_way(error)}") from None
        weakref.finalize(self, client.close)
        return client

    @property
    def address(self) -> str:
        """Where requests go."""
        url, _, query = self.base_url.partition("?")
        return f"{url.rstrip('/')}/chat/completions" + (f"?{query}" if query else "")

    def no_way(self, error: Exception) -> str:
        """Why the HTTP client cannot be made, and the way out; a proxy's URL, and password, is not shown."""
        if isinstance(error, ImportError):
            way = "`pip install socksio`, or name one that begins with http:// there"
            return f"the proxy in HTTPS_PROXY or ALL_PROXY is a SOCKS proxy; {way}"
        if isinstance(error, OSError):
            what = error.strerror or "they cannot be read"
            where = "the certificates that SSL_CERT_FILE or SSL_CERT_DIR name, or the log of SSLKEYLOGFILE"
            return f"{where}: {what}; name others, or none"
        way = "check it, and HTTPS_PROXY and ALL_PROXY where they are set"
        return f"its URL or that of a proxy cannot be read; {way}"

    def check(self, requests: Sequence[Request]) -> None:
        """Raise BadInput where nothing can be asked: no terms, a limit without a price, no key, no way."""
        if self.terms is None:
            way = "run the notebook that samples it (02, or 05 for the judge) with the same settings first"
            what = f"{len(requests)} answers are not stored, and nothing is bought here"
            raise BadInput(f"{self.name}: {what}; {way}")
        self.terms.check(self.name)
        _ = self.client  # what cannot be made is said before a request is written down
        encrypted = urlsplit(self.base_url).scheme == "https"
        if len(self.key()) >= SHORTEST_KEY and not encrypted and not self.on_this_machine:
            danger = "over http:// the API key can be read on its way"
            warnings.warn(f"{self.name}: {danger}; use https:// where you can", stacklevel=2)

    def ask(self, request: Request) -> Reply:
        """Send one request and say what became of it; raises nothing that a server or network can cause."""
        began = time.perf_counter()
        fields = self.fields(request)
        try:
            response, body = self.post(fields)
        except (httpx2.HTTPError, OSError, UnicodeError) as error:
            return read_silence(error, hide=self.key())
        how: dict[str, Any] = {"seconds": time.perf_counter() - began, "hide": self.key()}
        if response.is_success:
            most, logprobs = self.sampling.max_new_tokens, self.logprobs > 0
            reply = read_reply(body, request.prompt_id, most=most, logprobs=logprobs, **how)
        else:
            reply = read_refusal(response.status_code, response.headers, body, request.prompt_id, **how)
        return self.adapted(reply, body, fields) if reply.outcome in REFUSED else reply

    def fields(self, request: Request) -> dict[str, Any]:
        """What is sent, as the protocol names it."""
        sampling = self.sampling
        fields = {
            "model": self.model_name,
            "messages": turns(request.prompt, sampling.system_prompt),
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": self.seed_for(request),
            self.limit: sampling.max_new_tokens,
            TEMPLATE: VARIABLES,
            **({"logprobs": True, "top_logprobs": self.logprobs} if self.logprobs else {}),
        }
        return {name: value for name, value in fields.items() if name not in self.spared}

    def post(self, fields: Mapping[str, Any]) -> tuple[Any, bytes]:
        """The response and its body without the key; raises httpx2.HTTPError.

        Once it begins to arrive a body has `timeout` seconds and 16 MiB, where the HTTP client's own limit is
        on each silence, so that a trickle would never end.
        """
        with self.client.stream("POST", self.address, json=fields) as response:
            body, until = bytearray(), time.monotonic() + self.timeout
            for chunk in response.iter_bytes():
                body += chunk
                if time.monotonic() > until:
                    raise httpx2.ReadTimeout(f"no complete reply within {self.timeout:g} s")
                if len(body) > MOST_BYTES:
                    raise httpx2.ReadError(f"a reply of more than {MOST_BYTES:,} bytes")
        return response, self.without_key(bytes(body))

    def adapted(self, reply: Reply, body: bytes, sent: Mapping[str, Any]) -> Reply:
        """The same, or that a field was refused which the server can be spared: then it is not sent again.

        Where it is a value that was asked for, the way out is the one that the server leaves.
        """
        said, codes = words_of(body)
        named = [name for name in sent if re.search(rf"\b{name}\b", f"{said} {codes}")]
        spared = (name for name in SPARABLE if name in named and sent[name] == NEUTRAL.get(name, sent[name]))
        if "max_tokens" in sent and "max_completion_tokens" in said:
            self.limit = "max_completion_tokens"  # the name that some servers insist on
        elif name := next(spared, None):
            self.spared.add(name)
        elif reply.fatal and (fixed := [name for name in named if name in NEUTRAL]):
            ways = " or ".join(f"{name.upper()}={NEUTRAL[name]:g}" for name in fixed)
            return replace(reply, fatal=f"{reply.fatal.rpartition('; ')[0]}; the server leaves {ways}")
        else:
            return reply
        return Reply(FIELD_REFUSED, retry=True, billed=False)

    def without_key(self, body: bytes) -> bytes:
        """A reply without the key, which some servers repeat; words like "none" and "EMPTY" are no keys."""
        key = self.key().encode()
        return body.replace(key, b"[key]") if len(key) >= SHORTEST_KEY else body

    def seed_for(self, request: Request) -> int:
        """31 bits that depend on everything that names this answer."""
        parts = (str(self.sampling.seed), self.stream, request.prompt_id, str(request.sample_index))
        return int.from_bytes(hashlib.sha256("\x1f".join(parts).encode()).digest()[:4], "big") >> 1

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Not by batches: endpoints are asked through `sampling.sample`, which keeps the books."""
        raise TypeError("an endpoint is asked through sampling.sample, which writes every request down")

    def release(self) -> None:
        """Close the connections."""
        if client := self.__dict__.pop("client", None):
            client.close()
