"""The forms in which others write answers down: for each what tells it, and how its rows are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from bbi_utils.errors import BadInput
from bbi_utils.probes.forms.talk import Exchange, answered, asked, exchanges, text_of, turns_of
from bbi_utils.tables import Row, loads, pick


class Said(NamedTuple):
    """One answer; prompt is "" where the file only has ids, id is "" where it has none, answer where silent.

    talk: the conversation or question that an answer belongs to, if that is more than its prompt. ended: why
    the answer ended, as far as the file says so.
    """

    model: str
    id: str
    prompt: str
    answer: str
    turn: int = 1
    category: str = ""
    talk: str = ""
    ended: str = ""


@dataclass(frozen=True)
class Form:
    """keys: what every row has. read: its answers. together: who is not in a row was not asked in it.

    again: the column by which rows tell the same answers once more. sniffed: whether it is told by its keys.
    """

    title: str
    keys: tuple[str, ...]
    read: Callable[[Row], Iterable[Said]]
    together: bool = False
    again: str = ""
    sniffed: bool = True


def said(
    model: Any,
    name: Any,
    found: Iterable[Exchange],
    *,
    category: Any = None,
    talk: Any = None,
    ended: Any = None,
) -> Iterator[Said]:
    """The exchanges of one model as answers."""
    if not (every := list(found)):
        raise BadInput("found nothing that was asked or answered; expected a conversation")
    whole = (text_of(name) or every[0].prompt) if len(every) > 1 and every[-1].turn > 1 else ""
    for one in every:
        about = (text_of(category), text_of(talk) or whole, text_of(ended))
        yield Said(text_of(model), text_of(name), *one, *about)


def alpaca(row: Row) -> Iterator[Said]:
    prompt = "\n\n".join(filter(None, (text_of(row["instruction"]), text_of(row.get("input")))))
    yield from said(row["generator"], None, answered(prompt, row["output"]), category=row.get("dataset"))


def alpaca_pair(row: Row) -> Iterator[Said]:
    for side in ("1", "2"):
        model = row.get(f"generator_{side}") or f"output_{side}"
        both = {**row, "generator": model, "output": row[f"output_{side}"]}
        yield from alpaca(both)


def fastchat(row: Row) -> Iterator[Said]:
    for choice in row["choices"]:
        found = turns_of([], choice["turns"])
        yield from said(row["model_id"], row["question_id"], found, category=row.get("category"))


def vicuna(row: Row) -> Iterator[Said]:
    yield from said(row["model_id"], row["question_id"], answered(None, row["text"]))


def vicuna_page(row: Row) -> Iterator[Said]:
    for model, answer in row["answers"].items():
        yield from said(model, row["id"], answered(row["question"], answer), category=row.get("category"))


def battle(row: Row) -> Iterator[Said]:
    for side in "ab":
        talk = _unwritten(row[f"conversation_{side}"])
        yield from said(row[f"model_{side}"], row.get("question_id", row.get("id")), exchanges(talk))


def battle_turns(row: Row) -> Iterator[Said]:
    prompts = _unwritten(row["prompt"])
    for side in "ab":
        found = answered(prompts, _unwritten(row[f"response_{side}"]))
        yield from said(row[f"model_{side}"], row.get("id"), found)


def lm_eval(row: Row, *, column: str = "resps") -> Iterator[Said]:
    asked_for = row["arguments"]  # since 0.4.3 an object, before it a list
    prompt = pick(asked_for, "gen_args_0.arg_0" if isinstance(asked_for, dict) else "0.0")
    if len(row["resps"]) != 1 or not all(isinstance(one, str) for one in row["resps"][0]):
        raise BadInput("its answers are likelihoods of given choices; take a task that generates text")
    answers = row["resps"][0] if column == "resps" else row[column]
    yield from said(None, row["doc_id"], answered(asked(prompt), answers))


def inspect(row: Row) -> Iterator[Said]:
    output = row["output"]
    model = pick(row, "eval.model") or output.get("model")
    for one in output.get("choices") or [{"message": output.get("completion")}]:
        found = answered(row["input"], one["message"])
        ended = one.get("stop_reason") or ("error" if row.get("error") else None)
        yield from said(model, row["id"], found, ended=ended)


def helm(row: Row) -> Iterator[Said]:
    if row.get("reference_index") is not None or row.get("request_mode") == "calibration":
        raise BadInput("it asks for likelihoods of given choices; take a scenario that generates text")
    request, changed = row["request"], pick(row, "instance.perturbation.name")
    prompt = request.get("prompt") or request.get("messages")
    # Several trials show other examples before the same question, and a perturbation asks it in other words.
    parts = (pick(row, "instance.id"), changed, f"trial {row['train_trial_index']}")
    name, talk = "/".join(str(part) for part in parts if part), pick(row, "instance.id")
    model = pick(row, "adapter_spec.model") or request.get("model")
    for one in pick(row, "result.completions") or [{}]:  # of a request that failed, nothing
        found = answered(prompt, one.get("text"))
        yield from said(model, name, found, talk=talk, ended=pick(one, "finish_reason.reason"))


def openai_batch(row: Row) -> Iterator[Said]:
    body = pick(row, "response.body") or {}
    given = body.get("choices") or [{"text": body.get("output")}]
    for choice in given:  # of a request that failed, nothing
        answer = choice.get("message", choice.get("text"))
        found, ended = [Exchange("", text_of(answer))], choice.get("finish_reason")
        yield from said(body.get("model"), row["custom_id"], found, ended=ended)


def evalplus(row: Row) -> Iterator[Said]:
    answer = row.get("solution", row.get("completion"))
    yield from said(row.get("model"), row["task_id"], answered(row.get("prompt"), answer))


def chat(row: Row) -> Iterator[Said]:
    name = next((row[name] for name in ("uid", "id", "question_id", "custom_id") if name in row), None)
    model = row.get("model", row.get("model_id"))
    talk = row["messages"] if "messages" in row else row["conversations"]
    ended = row.get("finish_reason", row.get("stop_reason"))
    yield from said(model, name, exchanges(talk), category=row.get("category"), ended=ended)


def question(row: Row) -> Iterator[Said]:
    name = next(row[name] for name in ("question_id", "custom_id", "uid", "task_id") if name in row)
    body = row.get("body", row)
    given = next((body[key] for key in ("turns", "messages", "input", "prompt", "text") if key in body), None)
    found = (
        turns_of(given, []) if "turns" in body and isinstance(given, list) else [Exchange(asked(given), "")]
    )
    yield from said(None, name, found, category=row.get("category"))


def _unwritten(cell: Any) -> Any:
    """A list that a table could only hold as its text in JSON."""
    return loads(cell) if isinstance(cell, str) and cell[:1] == "[" else cell


FORMS = {
    "alpaca_eval": Form("alpaca_eval outputs", ("instruction", "output", "generator"), alpaca),
    "alpaca_pairs": Form("alpaca_eval annotations", ("instruction", "output_1", "output_2"),
                         alpaca_pair, together=True),
    "fastchat": Form("FastChat answers", ("question_id", "model_id", "choices"), fastchat),
    "vicuna": Form("Vicuna's answers", ("question_id", "model_id", "text"), vicuna),
    "vicuna_page": Form("Vicuna's web page", ("id", "question", "answers"), vicuna_page),
    "arena": Form("arena battles", ("model_a", "model_b", "conversation_a", "conversation_b"),
                  battle, together=True),
    "arena_turns": Form("arena battles", ("model_a", "model_b", "prompt", "response_a", "response_b"),
                        battle_turns, together=True),
    "lm_eval": Form("lm-evaluation-harness samples", ("doc_id", "arguments", "resps"),
                    lm_eval, again="filter"),
    "lm_eval_filtered": Form("lm-evaluation-harness samples, filtered",
                             ("doc_id", "arguments", "resps", "filtered_resps"),
                             partial(lm_eval, column="filtered_resps"), again="filter", sniffed=False),
    "inspect": Form("an inspect log", ("id", "epoch", "input", "output"), inspect),
    "helm": Form("a HELM scenario state", ("instance", "request", "train_trial_index"), helm),
    "openai_batch": Form("OpenAI batch output", ("custom_id", "response"), openai_batch),
    "evalplus": Form("EvalPlus samples", ("task_id", "solution"), evalplus),
    "humaneval": Form("HumanEval samples", ("task_id", "completion"), evalplus),
    "sharegpt": Form("ShareGPT conversations", ("conversations",), chat),
    "chat": Form("conversations", ("messages",), chat),
}  # fmt: skip
QUESTIONS = {
    "turns": Form("questions", ("question_id", "turns"), question),
    "vicuna": Form("questions", ("question_id", "text"), question),
    "batch": Form("batch requests", ("custom_id", "body"), question),
    "prompts": Form("questions", ("uid", "prompt"), question),
    "tasks": Form("tasks", ("task_id", "prompt"), question),
}
