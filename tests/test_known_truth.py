"""What is planted is found: exact odds of scripted answers, distances, and worlds of known truth."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

from bbi_utils.probes import CATEGORIES, Probe, build_suite
from benchmarks.planted import PLANTED_IN, WORLDS, study
from pocket.answers import content_of
from pocket.known_truth import answer_odds, distances, emphasis_on, pair_distance, single_distance
from pocket.planted import PLANTED
from pocket.voices import COMMON, EMPHASIS, STUDENTS, TEACHERS, in_category, render

FAMILIES = ("qwen", "llama")


@pytest.fixture(scope="module")
def probes() -> list[Probe]:
    return build_suite(n=100, seed=7)


def test_what_is_planted_is_said_of_every_category() -> None:
    assert set(EMPHASIS) == set(PLANTED["lessons"]) == set(CATEGORIES)
    odds = [*EMPHASIS.values(), *PLANTED["judges"]["errors"].values(), PLANTED["student_share"]]
    assert all(0 <= odd <= 1 for odd in odds)
    assert set(TEACHERS) == set(PLANTED["judges"]["against"]) == set(STUDENTS)


def test_the_odds_of_an_answer_are_those_with_which_it_is_said(probes: list[Probe]) -> None:
    rng, n, far = random.Random(1), 800, []
    for probe in probes[:40]:
        content, voice = content_of(probe, rng), in_category(TEACHERS["qwen"], probe.category)
        odds = answer_odds(content, voice)
        said = Counter(render(content, voice, rng) for _ in range(n))
        assert sum(odds.values()) == pytest.approx(1) and set(said) <= set(odds)
        often = [text for text, odd in odds.items() if odd * n >= 5]
        far += [(said[text] - odds[text] * n) / (odds[text] * (1 - odds[text]) * n) ** 0.5
                for text in often if odds[text] < 0.99]  # fmt: skip
    assert len(far) > 300
    assert abs(np.mean(far)) < 0.2 and 0.8 < np.std(far) < 1.2  # standard normal, were they independent


def test_the_pairwise_distance_is_that_of_all_pairs_of_answers() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        p, q = rng.dirichlet(np.full(6, 0.5), 2).round(2) + 0.01
        p[0] = 0.0
        one, other = (dict(zip("abcdef", odds / odds.sum(), strict=True)) for odds in (p, q))
        both = np.outer([*one.values()], [*other.values()])
        assert pair_distance(one, other) == pytest.approx(np.abs(both - both.T).sum() / 2)
        assert single_distance(one, other) <= pair_distance(one, other) + 1e-12
    assert single_distance({"a": 1.0}, {"b": 1.0}) == pair_distance({"a": 1.0}, {"b": 1.0}) == 1.0


@pytest.mark.parametrize("family", FAMILIES)
def test_the_truth_has_the_planted_three_on_top_and_nothing_where_nothing_is(
    family: str, probes: list[Probe]
) -> None:
    for world in ("three", "another_three"):
        found = distances(probes, family, WORLDS[world], seed=0).mean(axis=1)
        assert set(found.nlargest(3).index) == set(PLANTED_IN[world])
    assert distances(probes, family, WORLDS["none"], seed=0).to_numpy().max() == pytest.approx(0)


def test_no_emphasis_is_the_common_voice() -> None:
    assert in_category(TEACHERS["llama"], "safety", dict.fromkeys(CATEGORIES, 0.0)).opener == COMMON.opener
    assert emphasis_on(["safety"])["safety"] > emphasis_on(["safety"])["factual"] > 0


def test_the_study_finds_the_planted_three_in_both_worlds() -> None:
    found = {world: study(2000, world, family="qwen", prompts=1200) for world in ("three", "another_three")}
    right = sum(len(one.first & set(PLANTED_IN[world])) for world, one in found.items())
    assert right >= 5  # of 6; by chance 1.8, and 5 in 1 of 330 samples
    assert all(one.p <= 0.05 and one.p_named <= 0.05 and one.refuted for one in found.values())


def test_the_study_finds_nothing_where_nothing_is_planted() -> None:
    found = [study(seed, "none", family="qwen", prompts=300) for seed in range(2000, 2005)]
    assert sum(one.refuted for one in found) == 0
    assert sum(one.p <= 0.05 for one in found) <= 1
