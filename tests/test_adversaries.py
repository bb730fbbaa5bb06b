"""Each adversary finds what it is made to find, nothing where there is nothing, and the same on every run."""

from __future__ import annotations

import gc
import random
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bbi_utils import games
from bbi_utils.adversaries import (
    AUDIT_ONLY,
    EncoderSettings,
    all_adversaries,
    cheap_adversaries,
    encoder_adversaries,
    lexical_adversaries,
)
from bbi_utils.errors import BadInput

WORDS = ["river", "mountain", "copper", "garden", "engine", "window", "silver", "bridge", "castle", "forest"]


def voice(rng: random.Random, *, opener: float = 0.0, words: int = 8) -> str:
    text = " ".join(rng.choice(WORDS) for _ in range(words)) + "."
    return "Sure! " + text if rng.random() < opener else text


def make_pairs(
    n: int, *, seed: int = 0, teacher: dict | None = None, student: dict | None = None
) -> pd.DataFrame:
    rng = random.Random(seed)
    rows = [
        (
            f"{i:04d}",
            f"tell me about {rng.choice(WORDS)} {i}",
            f"c{i % 2}",
            voice(rng, **(teacher or {})),
            voice(rng, **(student or {})),
        )
        for i in range(n)
    ]
    return pd.DataFrame(rows, columns=list(games.PAIR_COLUMNS))


def advantages(make, pairs) -> pd.DataFrame:
    scores, _ = games.play(make, pairs, pair="qwen", contrast="base")
    return games.advantage(scores).set_index("game")


@pytest.fixture(scope="module")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT-shaped encoder with random weights and a word-level tokenizer."""
    return save_encoder(tmp_path_factory.mktemp("encoder"), "Bert")


def save_encoder(folder: Path, family: str) -> Path:
    import torch
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    vocabulary = {
        word: i for i, word in enumerate([*specials, *WORDS, "Sure", "!", ".", "tell", "me", "about"])
    }
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    types = ["input_ids", "attention_mask"] + (["token_type_ids"] if family == "Bert" else [])
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_input_names=types,
    ).save_pretrained(folder)
    shape = (
        {"dim": 32, "n_layers": 3, "n_heads": 2, "hidden_dim": 64}
        if family == "DistilBert"
        else {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64}
    )
    config = getattr(transformers, f"{family}Config")(vocab_size=len(vocabulary), pad_token_id=0, **shape)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        getattr(transformers, f"{family}Model")(config).save_pretrained(folder)
    return folder


def settings(folder: Path, **changes) -> EncoderSettings:
    quick = {
        "epochs": 6,
        "learning_rate": 3e-3,
        "head_learning_rate": 1e-2,
        "max_length": 48,
        "device": "cpu",
    }
    return EncoderSettings(model=str(folder), **(quick | changes))


def single_reader(settings: EncoderSettings):
    return encoder_adversaries(settings)[settings.name]


def test_length_finds_a_length_difference_and_the_single_game_too():
    table = advantages(lexical_adversaries()["length"], make_pairs(120, student={"words": 5}))
    assert (table["lower"] > 0.5).all()


@pytest.mark.parametrize("name", ["word_ngrams", "char_ngrams"])
def test_ngrams_find_an_opener_that_length_alone_cannot_pin_down(name):
    pairs = make_pairs(200, student={"opener": 0.7})
    table = advantages(lexical_adversaries()[name], pairs)
    assert table.loc["pairwise", "lower"] > 0.2 and table.loc["single", "lower"] > 0.2


@pytest.mark.parametrize("name", ["length", "word_ngrams", "char_ngrams"])
def test_nothing_to_find_gives_an_interval_over_zero(name):
    table = advantages(lexical_adversaries()[name], make_pairs(300, seed=5))
    assert (table["lower"] <= 0).all() and (table["upper"] >= 0).all()


@pytest.mark.parametrize("name", ["length", "word_ngrams", "char_ngrams", "encoder"])
def test_pairs_are_scored_antisymmetrically_and_equal_answers_tie_exactly(name, tiny_encoder):
    make = (
        single_reader(settings(tiny_encoder, epochs=1)) if name == "encoder" else lexical_adversaries()[name]
    )
    pairs = make_pairs(40, student={"opener": 0.5})
    adversary = make()
    adversary.fit(pairs, seed=0)
    prompts, teacher, student = list(pairs["prompt"]), list(pairs["teacher"]), list(pairs["student"])
    forward = adversary.score_pairs(prompts, teacher, student)
    assert np.array_equal(forward, -adversary.score_pairs(prompts, student, teacher))
    assert not adversary.score_pairs(prompts, teacher, teacher).any()
    assert adversary.parameters > 0


@pytest.mark.parametrize("name", ["length", "word_ngrams", "char_ngrams"])
def test_identical_training_answers_do_no_harm(name):
    pairs = make_pairs(20).assign(student=lambda table: table["teacher"])
    assert (advantages(lexical_adversaries()[name], pairs)["advantage"] == 0).all()


@pytest.mark.parametrize("depth", [{}, {"layers": 2, "trainable_layers": 1}])
def test_the_encoder_finds_an_opener(tiny_encoder, depth):
    table = advantages(
        single_reader(settings(tiny_encoder, **depth)), make_pairs(120, student={"opener": 0.9})
    )
    assert (table["lower"] > 0.2).all()


def test_the_encoder_repeats_itself_and_leaves_the_random_state_alone(tiny_encoder):
    import torch

    pairs, runs = make_pairs(40, student={"opener": 0.5}), []
    state = torch.random.get_rng_state()
    for _ in range(2):
        make = single_reader(settings(tiny_encoder, epochs=1, trainable_layers=1))
        runs.append(games.play(make, pairs, pair="qwen", contrast="base")[0])
    pd.testing.assert_frame_equal(*runs)
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("family", ["Bert", "Roberta", "DistilBert"])
def test_split_encoders_compute_what_whole_ones_do(family, tmp_path):
    import torch

    from bbi_utils.adversaries.backbone import Trunk

    folder = save_encoder(tmp_path, family)
    outputs = []
    for trained in (None, 1):
        trunk = Trunk(settings(folder, trainable_layers=trained))
        items = trunk.read([("tell me", "river mountain."), ("about", "Sure! copper garden engine.")])
        inputs, answer = trunk.batch(items)
        with torch.no_grad():
            states = trunk.fresh()[0].eval()(**inputs).last_hidden_state
        outputs.append(states * answer[..., None])
    torch.testing.assert_close(*outputs, atol=1e-5, rtol=1e-5)


def test_frozen_states_are_read_once_and_shared_by_folds(tiny_encoder, monkeypatch):
    from bbi_utils.adversaries.backbone import Trunk

    seen: list[int] = []
    freeze = Trunk._freeze
    monkeypatch.setattr(
        Trunk, "_freeze", lambda self, fresh: (seen.append(len(fresh)), freeze(self, fresh))[1]
    )
    pairs = make_pairs(30)
    games.play(
        single_reader(settings(tiny_encoder, epochs=1, trainable_layers=1)), pairs, pair="q", contrast="b"
    )
    texts = {
        *zip(pairs["prompt"], pairs["teacher"], strict=True),
        *zip(pairs["prompt"], pairs["student"], strict=True),
    }
    assert sum(seen) == len(texts)


def test_a_fitted_reader_is_gone_when_it_is_let_go(tiny_encoder):
    """And its optimizer's moments: a collection of all garbage takes longer than a small training."""
    import torch

    def tensors() -> int:
        return sum(isinstance(thing, torch.Tensor) for thing in gc.get_objects())

    make, pairs = single_reader(settings(tiny_encoder, epochs=1)), make_pairs(20)
    make().fit(pairs, seed=0)
    gc.collect()
    gc.disable()
    try:
        before = tensors()
        reader = make().fit(pairs, seed=1)
        assert tensors() > before
        del reader
        assert tensors() == before
    finally:
        gc.enable()


def test_cut_texts_are_counted(tiny_encoder):
    make = single_reader(settings(tiny_encoder, epochs=1, max_length=12))
    _, costs = games.play(make, make_pairs(20), pair="qwen", contrast="base")
    assert costs.loc[0, "truncated_share"] == 1.0


def test_wrong_encoders_are_named(tiny_encoder, tmp_path):
    with pytest.raises(BadInput, match="trainable"):
        single_reader(settings(tiny_encoder, layers=9))()
    with pytest.raises(BadInput, match="missing-encoder"):
        single_reader(settings(tmp_path / "missing-encoder"))()


def test_all_adversaries_are_keyed_by_their_names_without_loading_anything():
    made = all_adversaries(EncoderSettings(model="roberta-base"), EncoderSettings(model="owner/other"))
    readers = ["roberta-base", "roberta-base_joint", "other", "other_joint"]
    assert set(cheap_adversaries()) > AUDIT_ONLY
    cheap = [name for name in cheap_adversaries() if name not in AUDIT_ONLY]
    assert list(made) == [*cheap, *readers, "ensemble"]
    assert {"length", "word_ngrams", "char_ngrams", "stylometric"} <= made.keys()


def test_fitting_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for make in lexical_adversaries().values():
            advantages(make, make_pairs(60))


def test_telling_ngrams_name_the_tell_and_add_up_to_the_score():
    pairs = make_pairs(150, student={"opener": 0.7})
    adversary = lexical_adversaries()["word_ngrams"]().fit(pairs, seed=0)
    top = adversary.telling(pairs, n=3)
    assert top["side"].tolist() == ["teacher"] * 3 + ["student"] * 3
    students = top[top["side"] == "student"]
    assert set(students["ngram"]) == {"Sure", "!", "Sure !"}
    assert (students["student_share"] > 0.5).all() and not students["teacher_share"].any()
    every = adversary.telling(pairs, n=10**6)["contribution"].sum()
    scores = adversary.score_pairs(list(pairs["prompt"]), list(pairs["teacher"]), list(pairs["student"]))
    assert every == pytest.approx(scores.mean())


def test_two_adversaries_of_one_name_are_refused():
    with pytest.raises(BadInput, match="two adversaries are called 'x'"):
        all_adversaries(EncoderSettings(model="a/x"), EncoderSettings(model="b/x"))
