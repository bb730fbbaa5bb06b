"""A model behind an endpoint that speaks the OpenAI chat protocol: one HTTP request at a time, no surprises.

Nothing is retried here and nothing is stored: `ask` sends one request and says what became of it, `purchase`
decides what follows. The API key is read from the environment when it is first needed and is written nowhere.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import time
import warnings
import weakref
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx2

from bbi_utils.errors import BadInput, printable
from bbi_utils.oracles.base import Answer, Request, Sampling, fingerprint_of
from bbi_utils.oracles.chat import VARIABLES, turns
from bbi_utils.oracles.endpoint.pricing import Terms
from bbi_utils.oracles.endpoint.replies import Reply, read_refusal, read_reply, read_silence, words_of

KEY_ENV = "OPENAI_API_KEY"
KEY_NAME = re.compile(r"\w*API_KEY", re.ASCII)
SHORTEST_KEY = 12  # letters
PROTOCOL = 2  # raise it when what is sent changes, so that old answers are not reused
TEMPLATE = "chat_template_kwargs"  # the field in which vLLM and its kin take a template's variables
LOOPBACK = ("localhost", "127.0.0.1", "::1")
MOST_BYTES = 1 << 24  # of one reply
# OpenAI itself, and nobody else, is told the account that the environment names.
HOST_OF_ACCOUNT = "api.openai.com"
ACCOUNT = {"OpenAI-Organization": "OPENAI_ORG_ID", "OpenAI-Project": "OPENAI_PROJECT_ID"}
VERDICT_TOKENS = 8  # the longest answer of a judge, where a server gives no alternatives: "Answer A"


def is_endpoint(reference: str) -> bool:
    """Whether a model reference names an endpoint: `https://host/v1#model`."""
    return reference.lower().startswith(("http://", "https://"))


def parse_reference(reference: str) -> tuple[str, str]:
    """Base URL and model name; raises BadInput where one is missing, or where the URL holds a password."""
    url, _, model = reference.partition("#")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:  # its message repeats the URL, and with it whatever is in there
        raise BadInput("the URL of an endpoint cannot be read; expected https://host/v1#model-name") from None
    if "@" in parts.netloc or parts.query:
        what = "has a key or password in its URL, where it would be stored and shown"
        way = f"put it into the environment variable {KEY_ENV}"
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
        self.logprobs, self.host = logprobs, urlsplit(self.base_url).hostname
        self.on_this_machine = self.host in LOOPBACK
        # Seconds that the server may be silent, and those that its reply may take to arrive.
        self.timeout = (terms or Terms()).timeout
        self.limit, self.says_template = "max_tokens", True  # what this server takes, until it refuses it
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
        client = httpx2.Client(
            headers={"Authorization": f"Bearer {self.key()}", "Accept": "application/json", **named},
            follow_redirects=False,
            timeout=self.timeout,
            limits=httpx2.Limits(max_connections=None),
            trust_env=not self.on_this_machine,
        )
        weakref.finalize(self, client.close)
        return client

    def check(self, requests: Sequence[Request]) -> None:
        """Raise BadInput where nothing can be asked: no terms, a limit without a price, or no key."""
        if self.terms is None:
            way = "run the notebook that samples it (02, or 05 for the judge) with the same settings first"
            what = f"{len(requests)} answers are not stored, and nothing is bought here"
            raise BadInput(f"{self.name}: {what}; {way}")
        self.terms.check(self.name)
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
        except httpx2.HTTPError as error:
            return read_silence(error, hide=self.key())
        seconds = time.perf_counter() - began
        if response.is_success:
            return read_reply(body, request.prompt_id, seconds=seconds, logprobs=self.logprobs > 0)
        if response.status_code in (400, 422) and self.adapts(words_of(body)[0], fields):
            return Reply("field refused", retry=True, billed=False)
        return read_refusal(response, body, request.prompt_id, seconds=seconds, hide=self.key())

    def fields(self, request: Request) -> dict[str, Any]:
        """What is sent, as the protocol names it."""
        sampling = self.sampling
        return {
            "model": self.model_name,
            "messages": turns(request.prompt, sampling.system_prompt),
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": self.seed_for(request),
            self.limit: sampling.max_new_tokens,
            **({TEMPLATE: VARIABLES} if self.says_template else {}),
            **({"logprobs": True, "top_logprobs": self.logprobs} if self.logprobs else {}),
        }

    def post(self, fields: Mapping[str, Any]) -> tuple[Any, bytes]:
        """The response and its body without the key; raises httpx2.HTTPError.

        Once it begins to arrive a body has `timeout` seconds and 16 MiB, where the HTTP client's own limit is
        on each silence, so that a trickle would never end.
        """
        with self.client.stream("POST", f"{self.base_url}/chat/completions", json=fields) as response:
            body, until = bytearray(), time.monotonic() + self.timeout
            for chunk in response.iter_bytes():
                body += chunk
                if time.monotonic() > until:
                    raise httpx2.ReadTimeout(f"no complete reply within {self.timeout:g} s")
                if len(body) > MOST_BYTES:
                    raise httpx2.ReadError(f"a reply of more than {MOST_BYTES:,} bytes")
        return response, self.without_key(bytes(body))

    def adapts(self, said: str, sent: Mapping[str, Any]) -> bool:
        """Whether the server refused a field that it can be spared; it is not sent to it again."""
        if "max_tokens" in sent and "max_completion_tokens" in said:
            self.limit = "max_completion_tokens"  # the name that some servers insist on
        elif TEMPLATE in sent and TEMPLATE in said:
            self.says_template = False
        else:
            return False
        return True

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
