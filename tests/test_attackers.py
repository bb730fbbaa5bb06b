"""Stronger attackers find what the simple ones cannot, nothing where there is nothing; anyone can add one."""

from __future__ import annotations

import gc
import random
import sys
import weakref
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_adversaries import WORDS, advantages, make_pairs, save_encoder, settings, single_reader

from bbi_utils import adversaries, games
from bbi_utils.adversaries import (
    AUDIT_ONLY,
    EncoderSettings,
    FeatureAdversary,
    all_adversaries,
    cheap_adversaries,
    encoder_adversaries,
    load_own,
    with_ensemble,
)
from bbi_utils.adversaries.ensemble import Ensemble, stack
from bbi_utils.adversaries.stylometric import Stylometry, TokenCounts
from bbi_utils.errors import BadInput
from bbi_utils.games.player import Remembering
from bbi_utils.paths import NOTEBOOKS

STRONG = ("stylometric", "joint", "ensemble")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder(tmp_path_factory.mktemp("encoder"), "Bert")


@pytest.fixture(scope="module")
def makers(encoder: Path) -> dict:
    """The strong attackers by name; the ensemble has the joint reader among its members."""
    joint = {"joint": joint_reader(settings(encoder, epochs=1))}
    return {**cheap_adversaries(), **joint, **with_ensemble({**cheap_adversaries(), **joint})}


def joint_reader(settings: EncoderSettings):
    return encoder_adversaries(settings)[f"{settings.name}_joint"]


def asked(pairs: pd.DataFrame) -> tuple[list[str], list[str], list[str]]:
    return list(pairs["prompt"]), list(pairs["teacher"]), list(pairs["student"])


@pytest.mark.parametrize("name", ["stylometric", "joint"])
def test_swapping_flips_the_sign_equal_answers_tie_and_a_second_fit_agrees(name, makers):
    pairs = make_pairs(40, student={"opener": 0.5})
    prompts, teacher, student = asked(pairs)
    one, again = (makers[name]().fit(pairs, seed=3) for _ in range(2))
    forward = one.score_pairs(prompts, teacher, student)
    assert forward.any()
    np.testing.assert_array_equal(forward, -one.score_pairs(prompts, student, teacher))
    assert not one.score_pairs(prompts, teacher, teacher).any()
    np.testing.assert_array_equal(forward, again.score_pairs(prompts, teacher, student))
    assert one.parameters > 0


def test_the_ensemble_flips_its_sign_with_a_swapped_pair_ties_equal_answers_and_repeats_itself(makers):
    pairs = make_pairs(60, student={"opener": 0.5})
    asked, learned_from = pairs[:30].assign(fold=0), pairs[30:].assign(fold=1)
    swapped = asked.rename(columns={"teacher": "student", "student": "teacher"})
    tables = {"": asked, "swapped": swapped, "same": asked.assign(student=asked["teacher"])}
    named = [table.assign(prompt_id=table["prompt_id"] + name) for name, table in tables.items()]
    three = pd.concat([*named, learned_from], ignore_index=True)
    one, again = (with_ensemble({"length": makers["length"], "joint": makers["joint"]}) for _ in range(2))
    found = one["ensemble"].held_out(three, [0], seed=3)
    pd.testing.assert_frame_equal(found.scores, again["ensemble"].held_out(three, [0], seed=3).scores)
    score = found.scores[found.scores["game"] == "pairwise"].set_index("prompt_id")["score"]
    forward, back, tied = (score[asked["prompt_id"] + name].to_numpy() for name in tables)
    assert forward.any() and not tied.any()
    np.testing.assert_array_equal(forward, -back)


@pytest.mark.parametrize("name", STRONG)
def test_where_there_is_nothing_to_find_the_interval_covers_nothing(name, makers):
    table = advantages(makers[name], make_pairs(240, seed=5))
    assert (table["lower"] <= 0).all() and (table["upper"] >= 0).all()


@pytest.mark.parametrize("name", STRONG)
def test_few_prompts_and_equal_answers_do_no_harm(name, makers):
    few = make_pairs(20, student={"opener": 0.9})
    assert advantages(makers[name], few)["n"].eq(20).all()
    same = few.assign(student=few["teacher"])
    assert (advantages(makers[name], same)["advantage"] == 0).all()


# Stylometry


def banded(n: int) -> pd.DataFrame:
    """The teacher writes 7 words, the student as often 4 as 10: the mean length is the same."""
    rng = random.Random(4)

    def said(words: int) -> str:
        return " ".join(rng.choice(WORDS) for _ in range(words))

    return make_pairs(n).assign(
        teacher=[said(7) for _ in range(n)], student=[said(rng.choice((4, 10))) for _ in range(n)]
    )


def test_trees_on_style_find_a_band_of_lengths_that_no_linear_model_can(makers):
    pairs = banded(160)
    found = {name: advantages(makers[name], pairs) for name in ("length", "word_ngrams", "stylometric")}
    assert (found["stylometric"]["lower"] > 0.8).all()
    for name in ("length", "word_ngrams"):
        assert (found[name]["upper"] < found["stylometric"]["lower"]).all()


def test_few_rows_are_enough_for_a_plain_difference(makers):
    table = advantages(makers["stylometric"], make_pairs(40, student={"words": 3}))
    assert (table["lower"] > 0.5).all()


UNSPACED = ["。", "你好。再见！", "สวัสดี", "ខ្មែរ"]
ODD = ["", " ", "\n\n", "¿Qué?", "🙂🙂", "```py\nx = {'a': [1]}\n```", "A\x00b", "\ud800", *UNSPACED]


def test_any_text_has_a_style():
    table = Stylometry(ODD, TokenCounts())(ODD)
    assert table.shape[0] == len(ODD) and np.isfinite(table).all()
    assert len(np.unique(table, axis=0)) > len(ODD) - 3  # only answers without words may look alike


def test_style_is_found_in_a_language_without_spaces(makers):
    rng = random.Random(0)
    body = ["".join(rng.choice("山川木火土金水") for _ in range(9)) for _ in range(160)]
    said = [b + end for b, end in zip(body, "。！" * 80, strict=True)]
    pairs = make_pairs(80).assign(teacher=said[::2], student=said[1::2])
    assert (advantages(makers["stylometric"], pairs)["lower"] > 0.8).all()


# The joint reader


def cyclic(n: int) -> pd.DataFrame:
    """Each side says each of three words equally often, but the teacher's always beats the student's."""
    rng = random.Random(1)
    beaten = [rng.randrange(3) for _ in range(n)]
    return make_pairs(n).assign(
        teacher=[WORDS[(word + 1) % 3] for word in beaten], student=[WORDS[word] for word in beaten]
    )


def test_the_joint_reader_finds_what_neither_answer_shows_alone(encoder):
    """Scores of single answers cannot win all round a cycle, where their differences add up to 0."""
    pairs, quick = cyclic(120), settings(encoder, epochs=20, max_length=16)
    joint = advantages(joint_reader(quick), pairs)
    assert list(joint.index) == ["pairwise"] and joint.loc["pairwise", "lower"] > 0.8
    assert advantages(single_reader(quick), pairs).loc["pairwise", "upper"] < 0.7


def test_answers_too_long_for_the_joint_reader_are_counted(encoder):
    make = joint_reader(settings(encoder, epochs=1, max_length=12))
    costs = games.play(make, make_pairs(20), pair="qwen", contrast="base")[1]
    assert costs.loc[0, "truncated_share"] == 1.0


# The ensemble


class Reads(FeatureAdversary):
    """Reads the number at one place of an answer; sees nothing else."""

    def __init__(self, place: int) -> None:
        self.name, self.place = f"reads_{place}", place

    def features(self, prompts, answers):
        return [float(answer.split()[self.place]) for answer in answers]


def numbers(n: int, shifts: tuple[float, ...], *, seed: int = 0) -> pd.DataFrame:
    """Answers of one number a place, normal with unit variance; the teacher's mean is higher by the shift."""
    rng = np.random.default_rng(seed)
    draws = rng.normal(size=(2, n, len(shifts))) + np.array([shifts, np.zeros(len(shifts))])[:, None]
    teacher, student = ([" ".join(f"{x:.6f}" for x in row) for row in side] for side in draws)
    return make_pairs(n).assign(teacher=teacher, student=student)


def pairwise(make, pairs: pd.DataFrame) -> float:
    return advantages(make, pairs).loc["pairwise", "advantage"]


READERS = {f"reads_{place}": partial(Reads, place) for place in range(3)}
STACKED = Ensemble(READERS)


def test_noisy_members_do_not_weaken_the_strong_one():
    pairs = numbers(300, (1.0, 0.0, 0.0))
    best = max(pairwise(make, pairs) for make in READERS.values())
    assert best > 0.4
    assert pairwise(STACKED, pairs) > best - 0.05


def test_members_that_know_different_things_are_stronger_together():
    pairs = numbers(300, (0.7, 0.7, 0.7))
    best = max(pairwise(make, pairs) for make in READERS.values())
    assert pairwise(STACKED, pairs) > best + 0.08


def test_weights_are_never_negative_and_do_not_depend_on_a_members_units():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(200, 3)) + [0.8, 0.2, -0.3]
    plain = stack(scores, np.ones(200), intercept=False)
    assert plain.weights[0] > plain.weights[1] >= 0 == plain.weights[2]
    units = np.array([1e-3, 1.0, 1e4])
    other = stack(scores * units, np.ones(200), intercept=False)
    np.testing.assert_allclose(other(scores * units), plain(scores), rtol=1e-3, atol=1e-4)


def test_members_that_all_did_worse_than_chance_count_alike():
    scores = -np.abs(np.random.default_rng(0).normal(size=(50, 2)))
    found = stack(scores, np.ones(50), intercept=False)
    assert (found.weights > 0).all()


class Watched(Reads):
    """Fails if it must score a question of a group that it was trained on."""

    def fit(self, pairs, *, seed):
        self.trained = set(pairs["prompt"].str.split().str[0])
        return super().fit(pairs, seed=seed)

    def score_pairs(self, prompts, first, second):
        assert not self.trained & {prompt.split()[0] for prompt in prompts}
        return super().score_pairs(prompts, first, second)


def test_no_member_scores_a_question_it_was_trained_on_in_other_words():
    pairs = numbers(48, (1.0, 0.0))
    pairs = pairs.assign(group=[f"g{i // 3}" for i in range(48)])
    pairs["prompt"] = [f"{group} in words {i}" for i, group in enumerate(pairs["group"])]
    members = {f"reads_{place}": partial(Watched, place) for place in range(2)}
    for inner in (2, 3):
        assert pairwise(Ensemble(members, inner=inner), pairs) > 0


def test_an_ensemble_of_joint_readers_alone_says_what_is_missing(encoder):
    with pytest.raises(BadInput, match="plays the single game"):
        advantages(Ensemble({"joint": joint_reader(settings(encoder, epochs=1))}), make_pairs(20))


def test_an_ensemble_counts_its_members_parameters_and_reports_their_cuts(encoder):
    short = joint_reader(settings(encoder, epochs=1, max_length=12))
    members = {"length": cheap_adversaries()["length"], "joint": short}
    pairs = make_pairs(20)
    costs = {
        name: games.play(make, pairs, pair="qwen", contrast="base")[1].iloc[0]
        for name, make in with_ensemble(members).items()
    }
    own = 2 + 1 + 1  # two weights for pairs, and for single answers one and an intercept
    assert costs["ensemble"]["parameters"] == sum(costs[name]["parameters"] for name in members) + own
    assert costs["ensemble"]["truncated_share"] == 1.0


class Counting(Reads):
    """Counts how often anybody was trained."""

    trainings = 0

    def fit(self, pairs, *, seed):
        type(self).trainings += 1
        return super().fit(pairs, seed=seed)


def test_members_and_ensemble_share_their_trainings_and_still_say_what_they_took():
    pairs = numbers(60, (1.0,))
    players = with_ensemble({"reads_0": partial(Counting, 0)})
    tables, costs = zip(
        *(games.play(make, pairs, pair="p", contrast="c", folds=3) for make in players.values()), strict=True
    )
    # Three trainings for the games on two thirds of the prompts, and three on one third for the weights.
    assert Counting.trainings == 6
    fresh, _ = games.play(partial(Reads, 0), pairs, pair="p", contrast="c", folds=3)
    pd.testing.assert_frame_equal(tables[0], fresh)
    assert costs[1].loc[0, "fit_seconds"] > costs[0].loc[0, "fit_seconds"]


def test_a_training_on_other_pairs_or_with_another_seed_is_a_new_one():
    player, pairs = Remembering(partial(Reads, 0)), numbers(40, (1.0,)).assign(fold=np.arange(40) % 4)
    first = player.held_out(pairs, [0], seed=0)
    assert player.held_out(pairs.copy(), [0], seed=0) is first
    swapped = pairs.assign(teacher=pairs["student"], student=pairs["teacher"])
    others = [(pairs, [1], 0), (pairs, [0], 1), (pairs[1:], [0], 0), (swapped, [0], 0)]
    for other, left_out, seed in others:
        assert player.held_out(other, left_out, seed=seed) is not first


class Living(Reads):
    """Notes all of its kind that are still alive."""

    alive: weakref.WeakSet = weakref.WeakSet()

    def fit(self, pairs, *, seed):
        gc.collect()
        self.alive.add(self)
        assert len(self.alive) == 1  # the one that is trained now
        return super().fit(pairs, seed=seed)


@pytest.mark.parametrize("folds", [2, 3])
def test_no_fitted_member_outlives_its_scores(folds):
    """A large encoder's copies would fill the memory: while one is trained, and after play, none is kept."""
    players = with_ensemble({name: partial(Living, place) for place, name in enumerate(("one", "two"))})
    for make in players.values():
        games.play(make, numbers(60, (1.0, 0.5)), pair="p", contrast="c", folds=folds)
    gc.collect()
    assert not Living.alive


# One's own

COUNTS = """\
import numpy as np

from bbi_utils.adversaries import FeatureAdversary


class Exclamations(FeatureAdversary):
    name = "exclamations"

    def features(self, prompts, answers):
        return np.array([[answer.count("!"), answer.count("?")] for answer in answers])
"""
WHOLE = """\
import numpy as np


class Longer:
    name = "longer"

    def fit(self, pairs, *, seed):
        gap = pairs["teacher"].str.len() - pairs["student"].str.len()
        self.sign = np.sign(gap.sum())

    def score_pairs(self, prompts, first, second):
        return np.array([self.sign * (len(a) - len(b)) for a, b in zip(first, second)])
"""


def own_file(folder: Path, text: str) -> Path:
    path = folder / "mine.py"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("text", "name"), [(COUNTS, "Exclamations"), (WHOLE, "Longer")])
def test_an_adversary_in_a_file_of_at_most_fifteen_lines_plays(tmp_path, text, name):
    assert len(text.splitlines()) <= 15
    players = cheap_adversaries(own=[f"{own_file(tmp_path, text)}:{name}"])
    table = advantages(players[name.lower()], make_pairs(80, student={"opener": 0.8}))
    assert table.loc["pairwise", "lower"] > 0.3
    assert ("single" in table.index) == (text is COUNTS)


def test_the_example_beside_the_notebooks_is_short_and_plays():
    """Named as the notebook says, from the repository's root, whatever the working folder is."""
    assert len((NOTEBOOKS / "my_adversary.py").read_text(encoding="utf-8").splitlines()) <= 15
    pairs = make_pairs(80)
    pairs["student"] = [answer + (" Maybe!" if i % 4 else "") for i, answer in enumerate(pairs["student"])]
    table = advantages(load_own("notebooks/my_adversary.py:Manners"), pairs)
    assert list(table.index) == ["pairwise", "single"] and (table["lower"] > 0.3).all()


def test_ones_own_is_in_the_ensemble_of_all(tmp_path):
    players = all_adversaries(own=[f"{own_file(tmp_path, COUNTS)}:Exclamations"])
    assert list(players)[-2:] == ["exclamations", "ensemble"]
    pairs = make_pairs(40, student={"opener": 0.8})
    alone, with_it = (
        games.play(table["ensemble"], pairs, pair="p", contrast="c")[1]["parameters"].item()
        for table in (all_adversaries(), players)
    )
    # Two features: two weights a game and an intercept; and the ensemble's weight of it in each game.
    assert with_it == alone + 5 + 2


def test_a_new_module_of_the_room_is_one_more_adversary_and_nothing_else_is_touched(tmp_path, monkeypatch):
    text = (
        COUNTS
        + """

def factories():
    return {"exclamations": Exclamations}
"""
    )
    (tmp_path / "exclamations.py").write_text(text, encoding="utf-8")
    before = list(cheap_adversaries())
    monkeypatch.setattr(adversaries, "__path__", [*adversaries.__path__, str(tmp_path)])
    names = [*before, "exclamations"]
    assert list(cheap_adversaries()) == names
    assert list(all_adversaries()) == [*(name for name in names if name not in AUDIT_ONLY), "ensemble"]
    del sys.modules["bbi_utils.adversaries.exclamations"]


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        (COUNTS, "Exclamations", "expected file.py:ClassName"),
        (COUNTS, "{folder}/other.py:Exclamations", "there is no file"),
        (COUNTS, "{folder}/mine.py:Question", "no class Question; it has Exclamations"),
        (COUNTS, "no_such_module_at_all:Exclamations", "cannot be loaded: ModuleNotFoundError"),
        ("def :", "{folder}/mine.py:Any", "cannot be loaded: SyntaxError"),
        (COUNTS.replace("features", "feature"), "{folder}/mine.py:Exclamations", "cannot be made: TypeError"),
        (COUNTS.replace("name =", "title ="), "{folder}/mine.py:Exclamations", "has the name None"),
        (WHOLE.replace("score_pairs", "compare"), "{folder}/mine.py:Longer", "has no score_pairs"),
        (WHOLE.replace(", *, seed", ""), "{folder}/mine.py:Longer", "cannot be called as fit"),
        (COUNTS.replace("exclamations", "length"), "{folder}/mine.py:Exclamations", "called 'length'"),
    ],
)
def test_what_is_wrong_with_ones_own_is_said(tmp_path, text, where, message):
    own_file(tmp_path, text)
    with pytest.raises(BadInput, match=message):
        cheap_adversaries(own=[where.format(folder=tmp_path)])


def test_ones_own_may_be_called_neither_ensemble_nor_twice(tmp_path):
    path = own_file(tmp_path, COUNTS.replace("exclamations", "ensemble"))
    with pytest.raises(BadInput, match="two adversaries are called 'ensemble'"):
        all_adversaries(own=[f"{path}:Exclamations"])
    with pytest.raises(BadInput, match="two adversaries are called 'ensemble'"):
        cheap_adversaries(own=[f"{path}:Exclamations"] * 2)


def test_features_that_are_no_numbers_are_refused_before_they_score(tmp_path):
    path = own_file(tmp_path, COUNTS.replace('answer.count("?")', "np.nan"))
    with pytest.raises(BadInput, match="exclamations gave features of shape"):
        load_own(f"{path}:Exclamations")().fit(make_pairs(20), seed=0)
