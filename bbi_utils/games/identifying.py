"""Is it still the model that was tested? Questions are chosen, and evidence is valid at any stop.

Of the reference there are k answers to each prompt, looked at only once the prompt has been asked. If the
endpoint still answers as the reference does, its answer is exchangeable with these, whichever prompt was
chosen and whatever was seen before: had prompts been chosen by their answers, one at which these agree by
luck would be chosen, and the endpoint accused of its share of bad luck. Each of the k + 1 answers gets
features that depend on itself and on the set of the others. With odds = features x weights, the weights
learned from earlier questions alone, (k + 1) exp(odds of the endpoint's) / (sum of all k + 1 exp(odds)) is
worth 1 on average, and so is a gambler's wealth, their product over the questions. It ever reaches 1 / error
with probability at most `error` (Ville 1939), however prompts are chosen, whenever one stops, and however
wrong the weights are: these decide only how soon a difference is found.

That it is the same is never shown, only that it differs by less than a tolerance. The outcome of a question
is the share of the reference's answers with lower odds than the endpoint's, less the share of those with
higher: its mean, given the past, is this adversary's advantage there. With a fixed stake the product of
1 + stake (epsilon - outcome) ever reaches 1 / error with probability at most `error` where the mean of these
advantages over the questions asked is epsilon or more (as 1 + x <= exp(x), it stays below a fair wealth).

Of a suspect, the model that one fears to get instead, words and prompts that tell it from the reference are
learned beforehand, in lessons: prompts that are never asked. The null stays what it was, and so does the bet:
whatever is known of other prompts, the answers to this one are exchangeable. Lessons count as questions whose
outcomes win nothing, and as no more than `LESSONS` of them where weights are learned, so that weights follow
what the endpoint says if it is neither of the two.

Answers that are all alike are a tie: nothing won, nothing lost. So of a deterministic reference the null is
an endpoint that says the same to the letter, and another engine that rounds otherwise is another model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from bbi_utils.games.choosing import prompt_features
from bbi_utils.games.inference.kernel_test import string_kernel
from bbi_utils.games.player import Maker, SingleAdversary

# An answer's features: mean similarity to the others, log of its length, the log-odds that an adversary gives
# it. The weights to begin with, and how far (standard deviations) earlier questions may move them. Chosen
# on 300 distillation prompts of the pocket study, as were the numbers below (LESSONS and PARTS on 200).
START, SPREAD = np.array([-4.0, 0.0, -0.5]), np.array([4.0, 1.0, 0.5])
NOISE = 1.0  # variance of an outcome beside that of what prompts are worth
FIRST, GROWTH = 8, 1.5  # questions before the adversary is trained, and from one training to the next
SQUARE = 0.75  # of an outcome, to be expected: 1 with one reference answer, 1/2 with four
SAME = 1e-9  # odds this near are equal
LESSONS = 10.0  # questions that all lessons together are worth, at most
PARTS = 5  # of the lessons; who reads one part has learned from the others


class Asked(Protocol):
    """What an examination needs of a probe."""

    @property
    def prompt(self) -> str: ...

    @property
    def category(self) -> str: ...


@dataclass(frozen=True)
class Lesson:
    """A prompt that is never asked: the reference's answers to it, one or more, and a suspect's."""

    probe: Asked
    reference: Sequence[str]
    suspect: str


class Examination:
    """`next` chooses a question, `hear` takes the answer to it; the `verdict` is that of a certificate.

    probes: the pool, each prompt once. epsilon: the tolerance. error: with which each of the two verdicts
    errs at most. make: an adversary for single answers, trained on the way; without one, similarity and
    length alone count. adaptive: whether to choose, or to ask in a random order. lessons: a suspect's, on
    prompts that the pool does not have. wealth: after each question.
    """

    def __init__(
        self,
        probes: Sequence[Asked],
        *,
        epsilon: float = 0.3,
        error: float = 0.05,
        make: Maker | None = None,
        adaptive: bool = True,
        seed: int = 0,
        lessons: Sequence[Lesson] = (),
    ) -> None:
        self.probes, self.epsilon, self.error = probes, epsilon, error
        self.asked: list[int] = []
        self.outcomes: list[float] = []
        self.wealth: list[float] = [1.0]
        self.trust = 0.0  # log of the wealth that bets on a difference below epsilon
        self._make, self._adaptive, self._seed = make, adaptive, seed
        self._adversary: SingleAdversary | None = None
        self._heard = [(one.probe, one.reference[0], one.suspect) for one in lessons]
        self._tables: list[np.ndarray] = []
        self._moved = np.zeros(len(START))  # the weights last found, in standard deviations from the first
        self._lessons = list[float]()  # the outcomes that they would have had
        self._due, self._stake = max(FIRST, GROWTH * len(lessons)), epsilon / (SQUARE + epsilon**2)
        self._luck = np.random.default_rng(seed).random(len(probes))
        known = [*probes, *(one.probe for one in lessons)]
        table = prompt_features([one.prompt for one in known], [one.category for one in known])
        self._likeness = (table @ table.T).toarray() / 2  # half for the category, half for the words
        if lessons:
            self._rehearse(lessons)

    @property
    def verdict(self) -> str:
        """refuted: another model. certified: no more than epsilon between them. Or inconclusive."""
        if max(self.wealth) >= 1 / self.error:
            return "refuted"
        return "certified" if self.trust >= math.log(1 / self.error) else "inconclusive"

    @property
    def p_value(self) -> float:
        """Of the null that it is still the reference; valid whenever one looks."""
        return 1 / max(self.wealth)

    def next(self) -> int | None:
        """The place of the question that promises most; None after a verdict, or where none is left."""
        left = np.setdiff1d(np.arange(len(self.probes)), self.asked)
        if self.verdict != "inconclusive" or not left.size:
            return None
        return int(left[np.lexsort((self._luck[left], -self.promise[left]))[0]])

    @property
    def promise(self) -> np.ndarray:
        """The outcome expected of each prompt by what like ones have brought: a Gaussian process' mean."""
        pool, count = len(self.probes), len(self._lessons)
        seen, outcomes = [*self.asked, *range(pool, pool + count)], [*self.outcomes, *self._lessons]
        if not (seen and self._adaptive):
            return np.zeros(pool)
        gram = self._likeness[np.ix_(seen, seen)] + NOISE * np.eye(len(seen))
        return np.asarray(self._likeness[:pool, seen] @ np.linalg.solve(gram, outcomes))

    def hear(self, place: int, answer: str, reference: Sequence[str]) -> None:
        """Take the endpoint's answer to a question, and the reference's, one or more, in any fixed order."""
        table = self._features(self.probes[place].prompt, [answer, *reference])
        odds = table @ self._weights()
        self.wealth.append(self.wealth[-1] * len(odds) / float(np.exp(odds).sum()))
        self.outcomes.append(_outcome(odds))
        self.trust += math.log1p(self._stake * (self.epsilon - self.outcomes[-1]))
        self.asked.append(place)
        self._heard.append((self.probes[place], reference[0], answer))
        self._tables.append(table)
        if self._make and len(self._heard) >= self._due:
            self._adversary, self._due = self._trained(self._heard), GROWTH * len(self._heard)

    def _rehearse(self, lessons: Sequence[Lesson]) -> None:
        """Learn from lessons; the adversaries that read their answers have not seen those prompts."""
        part = np.random.default_rng(self._seed).permutation(len(lessons)) % PARTS
        tables: dict[int, np.ndarray] = {}
        for one in range(PARTS):
            others = [row for row, own in zip(self._heard, part, strict=True) if own != one]
            self._adversary = self._trained(others) if self._make else None
            for at in map(int, np.flatnonzero(part == one)):
                said = lessons[at]
                tables[at] = self._features(said.probe.prompt, [said.suspect, *said.reference])
        self._tables = [tables[at] for at in range(len(lessons))]
        self._adversary = self._trained(self._heard) if self._make else None
        weights = self._weights()
        self._lessons = [_outcome(table @ weights) for table in self._tables]

    def _features(self, prompt: str, texts: Sequence[str]) -> np.ndarray:
        """Of the endpoint's answer and the reference's, less those of the endpoint's, shape (k + 1, 3)."""
        gram = string_kernel([text or " " for text in texts])
        similar = (gram.sum(axis=1) - np.diag(gram)) / (len(texts) - 1)
        judge, said = self._adversary, np.zeros(len(texts))
        if judge is not None:
            said = np.asarray(judge.score([prompt] * len(texts), texts), dtype=float)
        table = np.column_stack([similar, np.log1p([*map(len, texts)]), said])
        return table - table[0]

    def _weights(self) -> np.ndarray:
        """Those under which the wealth would have grown most so far, drawn towards the first ones."""
        from scipy.optimize import minimize

        if not self._tables:
            return START
        rows, sizes = np.vstack(self._tables), [*map(len, self._tables)]
        starts, count = np.cumsum([0, *sizes[:-1]]), len(sizes) - len(self.asked)
        worth = np.repeat([min(1.0, LESSONS / max(1, count)), 1.0], [count, len(self.asked)])

        def loss(moved: np.ndarray) -> tuple[float, np.ndarray]:
            odds = rows @ (START + SPREAD * moved)
            whole = np.logaddexp.reduceat(odds, starts)
            share = np.exp(odds - np.repeat(whole, sizes)) * np.repeat(worth, sizes)
            return float(whole @ worth + moved @ moved / 2), share @ rows * SPREAD + moved

        self._moved = minimize(loss, self._moved, jac=True, method="L-BFGS-B").x
        return np.asarray(START + SPREAD * self._moved)

    def _trained(self, heard: Sequence[tuple[Asked, str, str]]) -> SingleAdversary:
        """An adversary trained on prompts with an answer of the reference, and one that is not."""
        assert self._make is not None
        rows = [(str(at), one.prompt, one.category, 0, *said) for at, (one, *said) in enumerate(heard)]
        columns = ["prompt_id", "prompt", "category", "fold", "teacher", "student"]
        adversary = self._make()
        adversary.fit(pd.DataFrame(rows, columns=columns), seed=self._seed)
        assert isinstance(adversary, SingleAdversary)
        return adversary


def _outcome(odds: np.ndarray) -> float:
    """The share of the reference's answers with lower odds than the first, less the share with higher."""
    return float(np.where(np.abs(odds[1:]) > SAME, -np.sign(odds[1:]), 0.0).mean())
