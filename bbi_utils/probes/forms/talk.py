"""Texts out of the cells of others: content parts, messages, lists of turns, several samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from bbi_utils.errors import BadInput, characters

TEXTS = ("content", "text", "value", "answer", "completion", "refusal", "output")
SPOKEN = ("text", "output_text", "input_text", "refusal", "message")  # types of parts; a thought is no answer
USERS = ("user", "human", "prompter")
OTHERS = ("system", "developer", "tool", "function", "function_call", "observation", "ipython")
MODELS = ("assistant", "gpt", "model", "bot", "chatgpt", "bard", "bing")


class Exchange(NamedTuple):
    """What the user had said by then, and what was answered, "" where nothing was; turns count from 1."""

    prompt: str
    answer: str
    turn: int = 1


def text_of(cell: Any) -> str:
    """The text of a prompt or an answer, "" where there is none; raises BadInput where it is no text."""
    if cell is None or cell != cell:
        return ""
    if type(cell) in (str, int, float):
        return characters(str(cell))
    if isinstance(cell, dict):
        if cell.get("type", "text") not in SPOKEN or cell.get("thought") is True:
            return ""
        if named := [cell[name] for name in TEXTS if name in cell]:
            return text_of(next((inner for inner in named if inner is not None), None))
    if isinstance(cell, list) and (len(cell) < 2 or all(isinstance(part, dict) for part in cell)):
        return "".join(map(text_of, cell))
    raise BadInput(f"found {type(cell).__name__} {str(cell)[:40]!r}, expected text")


def is_talk(cell: Any) -> bool:
    """Whether it is a list of messages, each with its role."""
    return bool(cell) and isinstance(cell, list) and all(_role(message) for message in cell)


def exchanges(messages: list[Any]) -> list[Exchange]:
    """One exchange an answer, "" where the last word is the user's, without what systems and tools say."""
    asked: list[str] = []
    answers: list[tuple[str, list[str]]] = []
    waiting = False
    for message in messages:
        body = text_of(message.get("content", message.get("value")))
        if _role(message) in USERS:
            asked, waiting = [*asked, body], True
        elif _role(message) in MODELS:
            body = body if message.get("channel") in (None, "final") else ""  # as gpt-oss thinks
            if waiting or not answers:  # else it goes on, after a call of a tool
                answers.append(("\n\n".join(asked), []))
            answers[-1][1].append(body)
            waiting = False
        elif _role(message) not in OTHERS:
            raise BadInput(f"found the role {_role(message)!r:.40}; expected user, assistant or system")
    if waiting:
        answers.append(("\n\n".join(asked), []))
    numbered = enumerate(answers, start=1)
    return [Exchange(prompt, "\n\n".join(filter(None, parts)), turn) for turn, (prompt, parts) in numbered]


def asked(cell: Any) -> str:
    """The text of a prompt: what the user says in messages, or the text itself."""
    of_user = is_talk(cell) and any(_role(message) in USERS for message in cell)
    return exchanges(cell)[-1].prompt if of_user else text_of(cell)


def turns_of(prompts: list[Any], answers: list[Any]) -> Iterator[Exchange]:
    """One exchange a turn, of a list of questions and one of answers; what is missing is ""."""
    for turn in range(1, max(len(prompts), len(answers)) + 1):
        answer = text_of(answers[turn - 1]) if turn <= len(answers) else ""
        yield Exchange("\n\n".join(map(asked, prompts[:turn])), answer, turn)


def answered(prompt: Any, answer: Any) -> list[Exchange]:
    """Every answer in a cell: of a conversation, of a list of turns, or several samples of one prompt."""
    if is_talk(answer):
        return exchanges(answer)
    if isinstance(prompt, list) and isinstance(answer, list) and not is_talk(prompt):
        return list(turns_of(prompt, answer))
    several = answer if isinstance(answer, list) and not _parts(answer) else [answer]
    return [Exchange(asked(prompt), text_of(one)) for one in several or [None]]


def _role(message: Any) -> str | None:
    said = message.get("role") or message.get("from") if isinstance(message, dict) else None
    return str(said).casefold() if said else None


def _parts(cell: list[Any]) -> bool:
    """Whether a list is one text in parts, each with its type."""
    return bool(cell) and all(isinstance(part, dict) and "type" in part for part in cell)
