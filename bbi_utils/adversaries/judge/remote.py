"""A judge behind an oracle: asked the same question, scored by the log-probabilities that an endpoint gives.

Servers that give the first token's alternatives show how sure the judge is; from others, and from recorded
verdicts, there is only a text. It counts as +1 or -1 where just one of the letters A and B stands alone in it
(an A before most words is an article), and as 0 otherwise. A judge whose first texts all count as 0 is
refused. Every question is an answer in the response store: it is bought once.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bbi_utils.adversaries.judge.local import JUDGE_TEMPLATE
from bbi_utils.errors import BadInput
from bbi_utils.oracles.base import Oracle, Sampling
from bbi_utils.oracles.endpoint.client import KEY_ENV, VERDICT_TOKENS, EndpointOracle, is_endpoint
from bbi_utils.oracles.endpoint.pricing import Terms
from bbi_utils.oracles.replay import ReplayOracle
from bbi_utils.probes.suite import prompt_id
from bbi_utils.responses.sampling import sample
from bbi_utils.responses.store import ResponseStore

# Alternatives of the first token: the most that the protocol offers, what smaller servers give, and none.
ALTERNATIVES = (20, 5, 0)
LETTER = re.compile(r"\b(?:A(?!\s+(?!(?:is|was|or|and|because)\b)[a-z])|B)\b")
AROUND = " \t\n*\"'`([\u2581\u0120"  # what may stand before a letter in its token
TRIAL = 8  # questions whose answers show whether there is anything to read
SPELLINGS = {letter: (letter, f" {letter}") for letter in "AB"}
# The text, and [token, log-probability] of each alternative to its first token.
Verdict = tuple[str, list[list[Any]] | None]


@dataclass(frozen=True)
class Question:
    """What the oracle is asked, under the hash of its text."""

    id: str
    prompt: str


class OracleJudge:
    """Callable as `LanguageModelJudge`: log p("A") - log p("B") of each question, shape (n,), in nats.

    reference: an endpoint, or a file whose `prompt` column holds the questions. answers: the response store
    that keeps what was said. `by_text` counts the questions that were answered without log-probabilities.
    """

    def __init__(
        self,
        reference: str,
        *,
        answers: Path,
        key_env: str = KEY_ENV,
        terms: Terms | None = None,
        progress: bool = False,
    ) -> None:
        self._reference, self._key_env, self._terms = reference, key_env, terms
        self._asks = {"alternatives": ALTERNATIVES[0], "temperature": 0.0}
        self._oracle = self._asked_so()
        self.name, self._answers, self._progress = self._oracle.name, answers, progress
        self.letters = {letter: list(spellings) for letter, spellings in SPELLINGS.items()}
        self.by_text = 0

    def _asked_so(self) -> Oracle:
        """The oracle, asked for so many alternatives of the first token, at this temperature."""
        if not is_endpoint(self._reference):
            return ReplayOracle(self._reference)
        logprobs, temperature = int(self._asks["alternatives"]), self._asks["temperature"]
        how = Sampling(temperature=temperature, top_p=1.0, max_new_tokens=VERDICT_TOKENS)
        its: dict[str, Any] = {"key_env": self._key_env, "terms": self._terms}
        return EndpointOracle(self._reference, sampling=how, logprobs=logprobs, **its)

    def __call__(self, prompts: list[str], a: list[str], b: list[str]) -> np.ndarray:
        texts = [self.rendered(*row) for row in zip(prompts, a, b, strict=True)]
        questions = [Question(prompt_id(text), text) for text in dict.fromkeys(texts)]
        said = self._said(questions[:TRIAL])
        if questions and not any(map(readable, said.values())):
            found = f"judge {self.name}: none of its first {len(said)} answers names A or B"
            seen = next(iter(said.values()))[0]
            raise BadInput(f"{found} (such as {seen!r:.60}); choose a judge that answers with a letter")
        said |= self._said(questions[TRIAL:]) if questions[TRIAL:] else {}
        self.by_text += sum(first is None for _, first in said.values())
        return np.array([log_odds(*said[prompt_id(text)]) for text in texts])

    def _said(self, questions: list[Question]) -> dict[str, Verdict]:
        """What the judge said to each question; asked otherwise where a server refuses how it is asked."""
        try:
            with ResponseStore(self._answers) as store:
                table = sample(self._oracle, questions, store, progress=self._progress)
        except BadInput as refusal:
            if not self._asks_otherwise(str(refusal)):
                raise
            self._oracle = self._asked_so()
            return self._said(questions)
        gives = bool(self._oracle.settings.get("logprobs"))
        read = verdict_of if gives else lambda text: (text, None)
        return {i: read(text) for i, text in zip(table["prompt_id"], table["answer"], strict=True)}

    def _asks_otherwise(self, refusal: str) -> bool:
        """Whether there is another way to ask: with fewer alternatives, or at a server's only temperature."""
        fewer = [count for count in ALTERNATIVES if count < self._asks["alternatives"]]
        if fewer and re.search(r"log.?prob", refusal, re.IGNORECASE):
            self._asks["alternatives"] = fewer[0]
        elif self._asks["temperature"] == 0.0 and "TEMPERATURE=1" in refusal:
            self._asks["temperature"] = 1.0
        else:
            return False
        return True

    def rendered(self, prompt: str, a: str, b: str) -> str:
        """The user's turn; the chat format around it is the server's own."""
        return JUDGE_TEMPLATE.format(prompt=prompt, a=a, b=b)


def verdict_of(said: str) -> Verdict:
    """A verdict from the JSON text that `replies.read_reply` makes."""
    verdict = json.loads(said)
    return verdict["text"], verdict["first"]


def readable(verdict: Verdict) -> bool:
    """Whether there is anything to read a verdict from."""
    text, first = verdict
    return any(_of_letters(first)) or bool(LETTER.search(text))


def log_odds(text: str, first: list[list[Any]] | None) -> float:
    """log p("A") - log p("B") in nats; without alternatives 1, -1 or 0, by the letter in the text.

    So too where neither letter is among the alternatives. If one is not, it is taken to be as likely as the
    least likely of them, which is the most it can be: odds are understated.
    """
    found = _of_letters(first)
    if first is None or not any(found):
        letters = set(LETTER.findall(text))
        return (letters == {"A"}) - float(letters == {"B"})
    least = min(odds for _, odds in first)
    of_a, of_b = (np.logaddexp.reduce(values or [least]) for values in found)
    return float(of_a - of_b)


def _of_letters(first: list[list[Any]] | None) -> list[list[float]]:
    """The log-probabilities of every way to begin with A, and with B."""
    alternatives: dict[str, float] = dict(map(tuple, first or ()))
    return [[odds for token, odds in alternatives.items() if token.strip(AROUND) == x] for x in "AB"]
