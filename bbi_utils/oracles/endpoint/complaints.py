"""What a server says of trouble, in whichever form: its words, and the names that it gives the trouble."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

# Where servers put their words, one inside another: OpenAI, Google (in a list), FastAPI (a list with the
# place of each fault), Hugging Face (a text or a list), gateways that pass on another's as `raw`, RFC 9457.
SAYING = (
    "error", "errors", "message", "msg", "detail", "details", "loc", "title", "description",
    "error_description", "error_message", "metadata", "raw",
)  # fmt: skip
NAMING = ("code", "type", "status", "param", "error_type")
TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)


def words_of(body: bytes) -> tuple[str, tuple[Any, ...]]:
    """What a server said besides its status, and the codes by which it calls the trouble."""
    try:
        found = list(_leaves(json.loads(body), "error"))
    except (ValueError, RecursionError):
        return _plain(body.decode(errors="replace").strip()), ()
    said = [leaf for name, leaf in found if name in SAYING and isinstance(leaf, str)]
    return " ".join(dict.fromkeys(said)), tuple(leaf for name, leaf in found if name in NAMING)


def _leaves(found: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Texts and numbers under the names above, each with its name."""
    if isinstance(found, dict):
        for key, value in found.items():
            if key.lower() in (*SAYING, *NAMING):
                yield from _leaves(value, key.lower())
    elif isinstance(found, list):
        for value in found:
            yield from _leaves(value, name)
    elif isinstance(found, str | int):
        yield name, found


def _plain(text: str) -> str:
    """Words that are no JSON; of a web page its title."""
    if text.startswith(("data:", "event:")):
        return "a stream of events, though none was asked for"
    if not text.startswith("<"):
        return text
    title = TITLE.search(text)
    return f"a web page{f': {html.unescape(title[1]).strip()}' if title else ''}; does the URL end in /v1?"


def error_in(content: Any) -> Any:
    """The error inside a reply that came as a success, at its top or in its first choice, if there is one."""
    if not isinstance(content, dict):
        return None
    choices = content.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    return content.get("error") or (choice.get("error") if isinstance(choice, dict) else None)


def status_in(codes: tuple[Any, ...]) -> int | None:
    """The HTTP status among the names of a trouble."""
    return next((int(code) for code in codes if re.fullmatch(r"[45]\d\d", str(code), re.ASCII)), None)
