"""A student judged on held-out prompts: fresh adversaries, the exact ceiling, similarity, health."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bbi_utils import adversaries, games, responses
from bbi_utils.games import limit, similarity
from bbi_utils.oracles.sentence_encoder import load_encoder
from bbi_utils.report.closing import CEILING
from bbi_utils.responses import contrasts_of
from bbi_utils.study.closing.training import Experiment

Measures = Iterator[tuple[str, Any, Any]]  # name, prompt ids, values
CONTRAST = "distilled"


def judged(experiment: Experiment, adapter: Path | None, seed: int) -> pd.DataFrame:
    """What is measured of a student, a row a held-out prompt: measure, prompt_id, value, category, group.

    An adversary's value is its advantage on this prompt, cross-fitted; the ceiling's is what the mean is
    taken of in `games.limit`. Distinct-2 is of all answers together, the same in every row; a share of right
    answers is there only where somebody can say.
    """
    student, told = answers_of(experiment, adapter, seed)
    table = responses.answers_table(
        experiment.test, told, pair=experiment.pair, is_correct=experiment.is_correct
    )
    pairs, parts = contrasts_of(table)[CONTRAST], []
    measures = (_games(experiment, pairs), _ceiling(experiment, student, told), _alike(experiment, pairs))
    for name, ids, values in (*measures[0], *measures[1], *measures[2], *_health(table)):
        found = pd.DataFrame({"prompt_id": np.asarray(ids), "value": np.asarray(values, dtype=float)})
        parts.append(found.assign(measure=name))
    every = pd.concat(parts, ignore_index=True)
    return every.merge(pairs[["prompt_id", "category", "group"]], on="prompt_id")


def telling(experiment: Experiment, adapter: Path, seed: int) -> pd.DataFrame:
    """The n-grams of words that still tell (`NgramAdversary.telling`), learned on all held-out prompts."""
    _, told = answers_of(experiment, adapter, seed)
    pairs = contrasts_of(responses.answers_table(experiment.test, told, pair=experiment.pair))[CONTRAST]
    adversary: Any = adversaries.lexical_adversaries()["word_ngrams"]()
    return adversary.fit(pairs, seed=experiment.settings.seed).telling(pairs, n=6)


def answers_of(
    experiment: Experiment, adapter: Path | None, seed: int
) -> tuple[Any, dict[str, pd.DataFrame]]:
    """The student, and what teacher and student say to the held-out prompts, by arm."""
    student, asked = experiment.student(adapter, seed), experiment.test
    told = {"teacher": experiment.teacher, CONTRAST: student}
    return student, {arm: experiment.said(oracle, asked) for arm, oracle in told.items()}


def _games(experiment: Experiment, pairs: pd.DataFrame) -> Measures:
    """Fresh adversaries, cross-fitted on these prompts, which no adversary of the training has seen."""
    own, encoders = experiment.settings, []
    if experiment.encoders:
        encoders = [
            adversaries.EncoderSettings(
                model=name, layers=own.encoder_layers, trainable_layers=own.encoder_trainable_layers,
                max_length=own.encoder_max_length, epochs=own.encoder_epochs,
                learning_rate=own.encoder_learning_rate, device=own.device,
            )
            for name in own.encoders
        ]  # fmt: skip
    how: dict[str, Any] = {"contrast": CONTRAST, "folds": own.folds, "seed": own.seed}
    for make in adversaries.all_adversaries(*encoders).values():
        scores, _ = games.play(make, pairs, pair=experiment.pair, **how)
        for (adversary, game), rows in scores.groupby(["adversary", "game"]):
            value = 2 * rows.groupby("prompt_id")["correct"].mean() - 1
            yield f"{adversary}, {game}", value.index, value


def _ceiling(experiment: Experiment, student: Any, told: dict[str, pd.DataFrame]) -> Measures:
    """The most that any adversary could have, and the nats of which it is made."""
    by = {"teacher": experiment.teacher, CONTRAST: student}
    weighed = responses.likelihood_table(
        experiment.test, told, by, experiment.store, pair=experiment.pair, progress=False
    )
    ratios = limit.log_ratios(weighed)
    for game in ("single", "pairwise"):
        value = limit.distances(ratios["teacher"].to_numpy(), ratios["student"].to_numpy(), game)
        yield f"{CEILING}, {game}", ratios["prompt_id"], value
    yield "nats, teacher's answers", ratios["prompt_id"], ratios["teacher"]
    yield "nats, student's answers", ratios["prompt_id"], -ratios["student"]


def _alike(experiment: Experiment, pairs: pd.DataFrame) -> Measures:
    """Similarity of the two answers."""
    encoder = load_encoder(experiment.settings.sentence_encoder, device=experiment.settings.device)
    alike, _ = similarity.compare(pairs, encoder, pair=experiment.pair, contrast=CONTRAST)
    yield "similarity", alike["prompt_id"], alike["similarity"]


def _health(table: pd.DataFrame) -> Measures:
    """Whether the student's answers are right, end, are as long and as varied, beside the teacher's."""
    for arm, side in ((CONTRAST, ""), ("teacher", "teacher: ")):
        own = table[table["arm"] == arm]
        if own["content_correct"].notna().any():
            yield f"{side}correct", own["prompt_id"], own["content_correct"]
        yield f"{side}stopped", own["prompt_id"], own["finish_reason"] == "stop"
        yield f"{side}words", own["prompt_id"], own["answer"].str.split().str.len()
        words = own["answer"].str.split()
        grams = [gram for said in words for gram in zip(said, said[1:], strict=False)]
        yield f"{side}distinct-2", own["prompt_id"], len(set(grams)) / max(1, len(grams))
