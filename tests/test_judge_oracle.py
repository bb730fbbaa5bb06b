"""A judge without weights here: an endpoint with and without log-probabilities, and recorded verdicts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from serving import FAULTS, Proxy, respond

from bbi_utils.adversaries.judge.local import JUDGE_TEMPLATE
from bbi_utils.adversaries.judge.remote import log_odds
from bbi_utils.adversaries.judge.verdicts import judge_pairs, load_judge, to_scores
from bbi_utils.errors import BadInput
from bbi_utils.oracles import Terms
from bbi_utils.paths import WEIGHTS
from bbi_utils.responses.store import ResponseStore

TEXTS = (["Name a fruit."] * 4, ["Apples."] * 4, ["Pears.", "Plums.", "Figs.", "Apples."])


def test_letters_are_weighed_by_what_the_server_says_of_them() -> None:
    first = [["A", -0.1], [" A", -3.0], ["B", -2.5], ["The", -6.0]]
    assert log_odds("A", first) == pytest.approx(np.log(np.exp(-0.1) + np.exp(-3.0)) + 2.5)
    assert log_odds("A", [["A", -0.1], ["The", -6.0]]) == pytest.approx(
        5.9
    )  # B is at most as likely as "The"
    assert log_odds("The", [["The", -0.1], ["So", -6.0]]) == 0.0
    assert log_odds("The answer is B", [["The", -0.1], ["So", -6.0]]) == -1.0
    odd = [["**A", -0.1], ["\u2581B", -2.1], ["(B", -9.0], ["\nA", -8.0]]  # spellings of one letter add up
    assert log_odds("**A**", odd) == pytest.approx(2.0, abs=0.01)
    assert log_odds("A", [["A", 0.0], ["Sure", -9.0]]) == 9.0  # where A is certain, it is no tie


@pytest.mark.parametrize(
    ("text", "odds"),
    [
        ("A", 1),
        ("B.", -1),
        (" **A**", 1),
        ("Answer B", -1),
        ("(A)", 1),
        ("Apples are better", 0),
        ("", 0),
        ("C", 0),
        ("The answer is B", -1),
        ("A is better", 1),
        ("A careful answer is B", -1),
        ("A or B", 0),
        ("AB", 0),
        ("Answer: A\n", 1),
    ],
)
def test_without_them_only_a_letter_counts(text: str, odds: float) -> None:
    assert log_odds(text, None) == odds


def replying(judgement: dict[str, Any]) -> Any:
    """A fault for the proxy that answers itself, in the protocol's own form."""
    usage = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
    reply = json.dumps(
        {"choices": [{"finish_reason": "stop", "index": 0, **judgement}], "usage": usage}
    ).encode()
    return lambda proxy, handler, body: respond(handler, 200, reply)


def test_an_endpoint_that_always_says_a_has_advantage_0_and_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = [{"token": "A", "logprob": -0.01}, {"token": "B", "logprob": -4.6}]
    always_a = {"message": {"content": "A"}, "logprobs": {"content": [{"top_logprobs": tokens}]}}
    monkeypatch.setitem(FAULTS, "always A", replying(always_a))
    pairs = pd.DataFrame({"prompt_id": list("abcd"), "category": "x", "prompt": TEXTS[0], "teacher": TEXTS[1],
                          "student": TEXTS[2]})  # fmt: skip
    with Proxy("http://127.0.0.1:9/v1#judge", lambda number: "always A") as proxy:
        judge = load_judge(proxy.reference, answers=tmp_path / "r.sqlite", terms=Terms())
        judgements = judge_pairs(judge, pairs, pair="p", contrast="base")
        again = judge_pairs(judge, pairs, pair="p", contrast="base")
    assert (2 * to_scores(judgements)["correct"] - 1).mean() == 0 and not judgements["consistent"].any()
    assert judgements["log_odds_ab"].tolist() == pytest.approx([4.59] * 4) and again.equals(judgements)
    assert proxy.seen == 7 and judge.by_text == 0  # two orders of three pairs, and one of two equal answers


def test_a_server_that_refuses_log_probabilities_is_asked_for_a_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = json.dumps({"error": {"message": "top_logprobs is not supported"}}).encode()
    plain = replying({"message": {"content": "B"}})

    def picky(proxy: Any, handler: Any, body: bytes) -> None:
        if "logprobs" in json.loads(body):
            respond(handler, 400, said)
        else:
            plain(proxy, handler, body)

    monkeypatch.setitem(FAULTS, "picky", picky)
    with Proxy("http://127.0.0.1:9/v1#judge", lambda number: "picky") as proxy:
        judge = load_judge(proxy.reference, answers=tmp_path / "r.sqlite", terms=Terms(concurrency=1))
        assert judge(*TEXTS).tolist() == [-1.0] * 4 and judge.by_text == 4


def refusing(*steps: tuple[Any, str]) -> Any:
    """A server that answers "B", but refuses a request of which a step's test holds, in that step's words."""
    plain = replying({"message": {"content": "B"}})

    def does(proxy: Any, handler: Any, body: bytes) -> None:
        asked = json.loads(body)
        words = next((words for test, words in steps if test(asked)), None)
        if words is None:
            plain(proxy, handler, body)
        else:
            respond(handler, 400, json.dumps({"error": {"message": words}}).encode())

    return does


def no_logprobs(body: dict[str, Any]) -> bool:
    return bool(body.get("logprobs"))


@pytest.mark.parametrize(
    ("steps", "asked"),
    [
        ([(no_logprobs, "Logprobs are off for this deployment")], (None, 0.0)),
        ([(no_logprobs, "This deployment gives no log probabilities.")], (None, 0.0)),
        ([(lambda body: body.get("top_logprobs", 0) > 5, "top_logprobs may be 5 at most")], (5, 0.0)),
        ([(lambda body: body["temperature"] != 1, "'temperature' is always 1")], (20, 1.0)),
        (
            [(no_logprobs, "no 'logprobs'"), (lambda b: b["temperature"] != 1, "temperature: 1 only")],
            (None, 1.0),
        ),
    ],
)
def test_a_judge_is_asked_as_its_server_can_be_asked(
    steps: list[Any], asked: tuple[int | None, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[dict[str, Any]] = []
    does = refusing(*steps)

    def logged(proxy: Any, handler: Any, body: bytes) -> None:
        sent.append(json.loads(body))
        does(proxy, handler, body)

    monkeypatch.setitem(FAULTS, "picky", logged)
    with Proxy("http://127.0.0.1:9/v1#judge", lambda number: "picky") as proxy:
        judge = load_judge(proxy.reference, answers=tmp_path / "r.sqlite", terms=Terms(concurrency=1))
        assert judge(*TEXTS).tolist() == [-1.0] * 4 and judge.by_text == 4
    assert (sent[-1].get("top_logprobs"), sent[-1]["temperature"]) == asked and len(sent) <= 4 + 3


def test_a_judge_of_which_no_word_is_a_verdict_is_refused_after_a_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chats = replying({"message": {"content": "Both have their merits."}})
    monkeypatch.setitem(FAULTS, "chats", chats)
    many = ([f"Name fruit {i}." for i in range(40)], ["Apples."] * 40, ["Pears."] * 40)
    with Proxy("http://127.0.0.1:9/v1#judge", lambda number: "chats") as proxy:
        judge = load_judge(proxy.reference, answers=tmp_path / "r.sqlite", terms=Terms())
        for _ in range(2):
            with pytest.raises(BadInput, match="none of its first 8 answers names A or B .*Both have their"):
                judge(*many)
    assert proxy.seen == 8


def test_recorded_verdicts_are_a_judge_too(tmp_path: Path) -> None:
    questions = [JUDGE_TEMPLATE.format(prompt=p, a=a, b=b) for p, a, b in zip(*TEXTS, strict=True)]
    rows = pd.DataFrame({"prompt": questions, "verdict": ["A", "B", "Answer A.", "neither"]})
    rows.to_json(tmp_path / "verdicts.jsonl", orient="records", lines=True)
    judge = load_judge(f"{tmp_path / 'verdicts.jsonl'}#verdict", answers=tmp_path / "r.sqlite")
    assert judge(*TEXTS).tolist() == [1.0, -1.0, 1.0, 0.0]
    with pytest.raises(BadInput, match="has no answer in column verdict to 1 of 1"):
        judge(["Another?"], ["a"], ["b"])


@pytest.mark.smoke
def test_a_real_server_judges_as_the_model_here_does(serve: Callable[[Path], str], tmp_path: Path) -> None:
    """`transformers serve` gives no log-probabilities: its letters are compared with the signs here."""
    prompts = ["What is the capital of Peru?", "Name a fruit.", "Say hello.", "What is 2 + 3?"]
    a = ["The capital of Peru is Lima.", "Certainly. A pear is a fruit.", "Hello.", "The answer is **5**."]
    b = ["Lima", "pear!", "Okay, hello! Hope that helps!", "5"]
    here = load_judge("pocket/llama-judge", device="cpu", dtype="float32")(prompts, a, b)
    reference, kept = serve(WEIGHTS / "llama-judge"), tmp_path / "r.sqlite"
    found = load_judge(reference, answers=kept, terms=Terms(concurrency=2))(prompts, a, b)
    with ResponseStore(kept) as store:
        assert store.spending().answered == 4
    assert np.sign(found).tolist() == np.sign(here).tolist()
