"""Scripted worlds with a known truth: score tables of known advantage, and oracles of known distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


def one_thread() -> None:
    """For a worker process: one core each; several that all use every core stand in one another's way."""
    import threadpoolctl
    import torch

    threadpoolctl.threadpool_limits(1)
    torch.set_num_threads(1)


SUBJECTS = ("tea", "rivers", "glass", "trains", "bread", "maps", "snow", "bees", "clocks", "paper")
WORDS = (
    "small", "old", "warm", "plain", "early", "common", "simple", "careful", "quiet",
    "steady", "useful", "clear", "bright", "heavy", "long", "open", "even", "first",
    "later", "often", "hardly", "always", "mostly", "nearly", "people", "places", "things",
    "years", "hands", "rooms", "roads", "leaves", "stones", "voices",
)  # fmt: skip
OPENERS = ("Well", "In short", "Briefly", "Overall")


def score_table(outcomes: np.ndarray) -> pd.DataFrame:
    """Outcomes 1, 0 or one half (prompts x adversaries) as the pairwise scores of contract C3."""
    n, k = outcomes.shape
    return pd.DataFrame(
        {
            "pair": "simulated",
            "contrast": "base",
            "adversary": np.tile([f"adversary {i}" for i in range(k)], n),
            "game": "pairwise",
            "prompt_id": np.repeat(np.arange(n), k).astype(str),
            "correct": outcomes.ravel(),
        }
    )


def correlated_outcomes(
    rng: np.random.Generator, n: int, *, advantage: np.ndarray, ties: np.ndarray, correlation: float
) -> np.ndarray:
    """Outcomes (n, K) of adversaries of known advantage and ties; a Gaussian copula joins their wins."""
    from scipy.special import ndtr

    common, own = rng.standard_normal((n, 1)), rng.standard_normal((n, len(advantage)))
    latent = ndtr(np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own)
    won = latent < 0.5 + advantage / (1 - ties) / 2
    return np.where(rng.random(won.shape) < ties, 0.5, won.astype(float))


@dataclass(frozen=True)
class Oracle:
    """Answers with an opener drawn from its own distribution and a body drawn alike by every oracle."""

    openers: tuple[float, ...]

    def answer(self, rng: np.random.Generator, subject: str) -> str:
        """One answer about a subject; the body depends on the subject, so that prompts differ."""
        start = SUBJECTS.index(subject)
        words = rng.choice(WORDS[start : start + 20], size=int(rng.integers(4, 9)))
        return f"{rng.choice(OPENERS, p=self.openers)}, {subject} {' '.join(words)}."


def single_distance(one: Oracle, two: Oracle) -> float:
    """Total variation distance of one answer: no adversary in the single game has more advantage."""
    return float(np.abs(np.subtract(one.openers, two.openers)).sum() / 2)


def pair_distance(one: Oracle, two: Oracle) -> float:
    """Total variation distance of (one, two) from (two, one): the most in the pairwise game."""
    both = np.outer(one.openers, two.openers)
    return float(np.abs(both - both.T).sum() / 2)


def answer_pairs(rng: np.random.Generator, n: int, teacher: Oracle, student: Oracle) -> pd.DataFrame:
    """n prompts, each answered once by each oracle, as `games.play` takes them."""
    subjects = [SUBJECTS[i % len(SUBJECTS)] for i in range(n)]
    return pd.DataFrame(
        {
            "prompt_id": [f"{i:06}" for i in range(n)],
            "prompt": [
                f"What is there to say about {subject}, number {i}?" for i, subject in enumerate(subjects)
            ],
            "category": subjects,
            "teacher": [teacher.answer(rng, subject) for subject in subjects],
            "student": [student.answer(rng, subject) for subject in subjects],
        }
    )
