"""Subsets of the suite: nested, spread over the categories, fixed by the seed and the prompts alone."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from bbi_utils.errors import BadInput
from bbi_utils.probes import CATEGORIES, Probe, build_suite, take, take_development


@pytest.fixture(scope="module")
def suite() -> list[Probe]:
    return build_suite(n=600, seed=3)


@pytest.mark.parametrize("split", ["distil", "test"])
def test_subsets_nest_and_keep_to_their_split_and_to_equal_categories(suite: list[Probe], split: str) -> None:
    pool = [probe for probe in suite if probe.split == split]
    largest = take(suite, split, len(pool), 0)
    assert {probe.id for probe in largest} == {probe.id for probe in pool}
    for n in (0, 1, 9, 10, 37, 100):
        part = take(suite, split, n, 0)
        assert part == largest[:n] and len(part) == n
        counts = Counter(probe.category for probe in part)
        assert max(counts.values(), default=0) - min(counts[category] for category in CATEGORIES) <= 1


def test_the_order_depends_on_the_seed_but_not_on_the_order_of_the_suite(suite: list[Probe]) -> None:
    shuffled = random.Random(1).sample(suite, len(suite))
    assert take(shuffled, "test", 50, 0) == take(suite, "test", 50, 0)
    assert take(suite, "test", 50, 1) != take(suite, "test", 50, 0)


def test_a_category_that_runs_out_leaves_its_places_to_the_others(suite: list[Probe]) -> None:
    few = [probe for probe in suite if probe.category != "safety" or probe.split == "distil"]
    part = take(few, "test", 90, 0)
    assert len(part) == 90 and "safety" not in {probe.category for probe in part}


def test_too_many_probes_and_unknown_splits_are_refused(suite: list[Probe]) -> None:
    with pytest.raises(BadInput, match="121 probes asked of the test split, which has 120"):
        take(suite, "test", 121, 0)
    with pytest.raises(BadInput, match="'train' does not exist; choose from distil, test"):
        take(suite, "train", 1, 0)


def test_development_prompts_share_no_question_with_lessons_or_test_prompts(suite: list[Probe]) -> None:
    lessons = {probe.group for probe in take(suite, "distil", 100, 0)}
    tested = {probe.group for probe in suite if probe.split == "test"}
    chosen = take_development(suite, 60, 0, n_distill=100)
    assert len(chosen) == 60 and not {probe.group for probe in chosen} & (lessons | tested)
    assert take_development(suite, 20, 0, n_distill=100) == chosen[:20]
    with pytest.raises(BadInput, match="400 development prompts asked, but .* left .* N_DISTILL=100"):
        take_development(suite, 400, 0, n_distill=100)
