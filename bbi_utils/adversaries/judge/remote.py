"""A judge behind an oracle: asked the same question, scored by the log-probabilities that an endpoint gives.

Servers that give the first token's alternatives show how sure the judge is; from others, and from recorded
verdicts, there is only a letter, which counts as +1 or -1. Every question is an answer in the response store:
it is bought once.
"""

from __future__ import annotations

import json
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

ALTERNATIVES = 20  # the most that the protocol offers
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
        self._oracle = self._ask_with(ALTERNATIVES)
        self.name, self._answers, self._progress = self._oracle.name, answers, progress
        self.letters = {letter: list(spellings) for letter, spellings in SPELLINGS.items()}
        self.by_text = 0

    def _ask_with(self, logprobs: int) -> Oracle:
        """The oracle, greedy, asked for so many alternatives of the first token."""
        if not is_endpoint(self._reference):
            return ReplayOracle(self._reference)
        greedy = Sampling(temperature=0.0, top_p=1.0, max_new_tokens=VERDICT_TOKENS)
        return EndpointOracle(
            self._reference, sampling=greedy, key_env=self._key_env, terms=self._terms, logprobs=logprobs
        )

    def __call__(self, prompts: list[str], a: list[str], b: list[str]) -> np.ndarray:
        texts = [self.rendered(*row) for row in zip(prompts, a, b, strict=True)]
        said = self._said([Question(prompt_id(text), text) for text in dict.fromkeys(texts)])
        self.by_text += sum(first is None for _, first in said.values())
        return np.array([log_odds(*said[prompt_id(text)]) for text in texts])

    def _said(self, questions: list[Question]) -> dict[str, Verdict]:
        """What the judge said to each question; asked without alternatives where a server refuses these."""
        try:
            with ResponseStore(self._answers) as store:
                table = sample(self._oracle, questions, store, progress=self._progress)
        except BadInput as refusal:
            if not self._gives_alternatives or "logprobs" not in str(refusal):
                raise
            self._oracle = self._ask_with(0)
            return self._said(questions)
        read = verdict_of if self._gives_alternatives else lambda text: (text, None)
        return {i: read(text) for i, text in zip(table["prompt_id"], table["answer"], strict=True)}

    @property
    def _gives_alternatives(self) -> bool:
        return bool(self._oracle.settings.get("logprobs"))

    def rendered(self, prompt: str, a: str, b: str) -> str:
        """The user's turn; the chat format around it is the server's own."""
        return JUDGE_TEMPLATE.format(prompt=prompt, a=a, b=b)


def verdict_of(said: str) -> Verdict:
    """A verdict from the JSON text that `replies.read_reply` makes."""
    verdict = json.loads(said)
    return verdict["text"], verdict["first"]


def log_odds(text: str, first: list[list[Any]] | None) -> float:
    """log p("A") - log p("B") in nats; without alternatives 1, -1 or 0: the text begins with A, B or neither.

    A letter that is not among the alternatives is taken to be as likely as the least likely of them, which is
    the most it can be: odds are understated.
    """
    if not first:
        word = text.strip(" \n*\"'`([").removeprefix("Answer ")[:2].rstrip(".,:;)* \n")
        return {"A": 1.0, "B": -1.0}.get(word, 0.0)
    alternatives = dict(map(tuple, first))
    least = min(alternatives.values())
    found = [[alternatives[s] for s in SPELLINGS[letter] if s in alternatives] or [least] for letter in "AB"]
    of_a, of_b = (np.logaddexp.reduce(values) for values in found)
    return float(of_a - of_b)
