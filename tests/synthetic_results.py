"""Small made-up tables of a run, with the columns of the real ones, for the tests of figures and claims."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bbi_utils.games import limit

PAIRS = ("qwen", "llama")
CATEGORIES = (
    "factual", "arithmetic", "instruction_following", "style_format", "rewriting",
    "domain_technical", "creative", "safety", "robustness", "conversation",
)  # fmt: skip
SHIFT = {"base": 1.0, "distilled": 0.35, "teacher_resample": 0.0}
SKILL = {"length": 0.3, "ngrams": 0.8, "encoder": 0.7}


def similarity(n: int = 400, *, seed: int = 0) -> pd.DataFrame:
    rng, rows = np.random.default_rng(seed), []
    mean = {"base": 6.0, "distilled": 11.0, "teacher_resample": 13.0}
    for pair in PAIRS:
        for contrast, a in mean.items():
            values = rng.beta(a, 1.6, n)
            rows += [(pair, contrast, f"p{i:04d}", CATEGORIES[i % 10], v) for i, v in enumerate(values)]
    return pd.DataFrame(rows, columns=["pair", "contrast", "prompt_id", "category", "similarity"])


def scores(n: int = 400, *, seed: int = 0, spread: float = 0.8) -> pd.DataFrame:
    """Pairwise and single game; artifacts grow along CATEGORIES by `spread`."""
    rng, rows = np.random.default_rng(seed), []
    for pair in PAIRS:
        for contrast, shift in SHIFT.items():
            for adversary, skill in SKILL.items():
                for i in range(n):
                    where = 1 + spread * (i % 10 - 4.5) / 4.5
                    lift = skill * shift * where
                    common = (pair, contrast, adversary)
                    about = (f"p{i:04d}", CATEGORIES[i % 10], i % 5)
                    value = rng.normal(1.2 * lift)
                    rows.append((*common, "pairwise", *about, "pair", value, float(value > 0)))
                    for shown, sign in (("teacher", 1), ("student", -1)):
                        value = rng.normal(0.6 * sign * lift)
                        rows.append((*common, "single", *about, shown, value, float(value * sign > 0)))
    names = [
        "pair",
        "contrast",
        "adversary",
        "game",
        "prompt_id",
        "category",
        "fold",
        "shown",
        "score",
        "correct",
    ]
    return pd.DataFrame(rows, columns=names)


def advantages(scores: pd.DataFrame, *by: str) -> pd.DataFrame:
    """A plain stand-in for games.advantage: normal intervals over prompts, wide as if simultaneous."""
    keys, rows = ["pair", "contrast", "adversary", "game", *by], []
    for key, part in scores.groupby(keys):
        units = 2 * part.groupby("prompt_id")["correct"].mean() - 1
        half = 2.7 * units.std(ddof=1) / np.sqrt(len(units))
        rows.append((*key, len(units), units.mean(), units.mean() - half, units.mean() + half))
    return pd.DataFrame(rows, columns=[*keys, "n", "advantage", "lower", "upper"])


def differences(scores: pd.DataFrame) -> pd.DataFrame:
    """A plain stand-in for games.paired_difference, base minus distilled."""
    rows = []
    for key, part in scores.groupby(["pair", "adversary", "game"]):
        wide = part.pivot_table(index="prompt_id", columns="contrast", values="correct")
        units = 2 * (wide["base"] - wide["distilled"])
        half = 2.7 * units.std(ddof=1) / np.sqrt(len(units))
        rows.append((*key, len(units), units.mean(), units.mean() - half, units.mean() + half))
    return pd.DataFrame(rows, columns=["pair", "adversary", "game", "n", "difference", "lower", "upper"])


def judgements(n: int = 300, *, seed: int = 0, bias: float = 0.6) -> pd.DataFrame:
    rng, rows = np.random.default_rng(seed), []
    for pair in PAIRS:
        for contrast, shift in SHIFT.items():
            for i in range(n):
                signal = rng.normal(0.7 * shift)
                ab, ba = bias + signal + rng.normal(0, 0.4), bias - signal + rng.normal(0, 0.4)
                consistent = (ab > 0) != (ba > 0)
                correct = float(ab > 0) if consistent else 0.5
                rows.append((pair, contrast, f"p{i:04d}", CATEGORIES[i % 10], ab, ba, consistent, correct))
    names = [
        "pair",
        "contrast",
        "prompt_id",
        "category",
        "log_odds_ab",
        "log_odds_ba",
        "consistent",
        "correct",
    ]
    return pd.DataFrame(rows, columns=names)


def budget(n: int = 60, *, seed: int = 0, guided: float = 0.0, seeds: int = 3) -> pd.DataFrame:
    """Four strategies that buy alike; `guided` is added to the two disagreement strategies."""
    rng, rows = np.random.default_rng(seed), []
    for pair in PAIRS:
        for s, strategy in enumerate(
            ("stratified_random", "disagreement", "disagreement_known", "diversity")
        ):
            for b in (125, 250, 500, 1000):
                for k in range(seeds):
                    level = 0.80 + 0.025 * np.log2(b / 125) + rng.normal(0, 0.004) + guided * (s in (1, 2))
                    for i, v in enumerate(np.clip(level + rng.normal(0, 0.02, n), 0, 1)):
                        rows.append((pair, strategy, b, k, f"p{i:04d}", v))
    return pd.DataFrame(rows, columns=["pair", "strategy", "budget", "seed", "prompt_id", "similarity"])


def removals(n: int = 60) -> pd.DataFrame:
    """Pairwise scores with nothing removed, and with the length, which takes them all."""
    table = scores(n).query("game == 'pairwise' and adversary == 'ngrams'")
    return pd.concat([table.assign(removed="nothing"), table.assign(removed="length", correct=0.5)])


def likelihoods(n: int = 100, *, seed: int = 0) -> pd.DataFrame:
    """Answers whose log-ratio is Gaussian, about as telling as the best adversary of `scores`."""
    rng, rows = np.random.default_rng(seed), []
    for pair in PAIRS:
        for contrast, shift in SHIFT.items():
            for i in range(n):
                for shown, sign in (("teacher", 1), ("student", -1)):
                    ratio = (1.5 * shift) ** 2 / 2 * sign + 1.5 * shift * rng.normal()
                    about = (pair, contrast, f"p{i:04d}", CATEGORIES[i % 10], shown)
                    rows.append((*about, -20.0, -20.0 - ratio, True, contrast == "teacher_resample"))
    return pd.DataFrame(rows, columns=limit.LIKELIHOODS)


def loss(steps: int = 250, *, seed: int = 0) -> pd.DataFrame:
    rng, x = np.random.default_rng(seed), np.arange(steps)
    values = 0.45 + 1.6 * np.exp(-x / 30) + rng.normal(0, 0.06, steps)
    held_out = np.where((x % 10 == 0) | (x == steps - 1), 0.55 + 1.6 * np.exp(-x / 30), np.nan)
    columns = {"loss": values, "learning_rate": 2e-4, "tokens": 400, "validation": held_out}
    return pd.DataFrame({"step": x + 1, **columns})


def answers(n: int = 200, *, seed: int = 0) -> pd.DataFrame:
    rng, rows = np.random.default_rng(seed), []
    right = {"teacher": 0.93, "base": 0.75, "distilled": 0.8}
    for pair in PAIRS:
        for arm, p in right.items():
            for i in range(n):
                rows.append((pair, arm, f"p{i:04d}", "length" if i == 0 else "stop", bool(rng.random() < p)))
    return pd.DataFrame(rows, columns=["pair", "arm", "prompt_id", "finish_reason", "content_correct"])
