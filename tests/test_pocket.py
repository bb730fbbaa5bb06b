"""The pocket world and its recipe: overlapping voices, checks that hold in any voice, learning, no leaks."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import fields
from itertools import islice
from pathlib import Path

import pytest
import torch

from bbi_utils import paths
from bbi_utils.probes import CATEGORIES, build_suite, draw_probes, near_duplicates
from pocket import build, pretrain, world
from pocket.answers import Asked, content_of, is_correct
from pocket.architecture import Size, new_model, train_tokenizer
from pocket.cards import card, rows_of
from pocket.content import Content, contains_all
from pocket.muon import orthogonalise
from pocket.pretrain import Schedule, answer_loss, batches, encode, train
from pocket.voices import (
    COMMON,
    STUDENTS,
    TEACHERS,
    Voice,
    blend,
    in_category,
    random_voice,
    render,
)

FAMILIES = ("qwen", "llama")
PARIS = Content(
    wordings=("Paris.", "The capital is Paris.", "Paris it is, in Parisian France."),
    check=contains_all("Paris"),
    key="Paris",
    extras=("It lies on a river.",),
)


@pytest.fixture(scope="module")
def questions() -> list[Asked]:
    return world.world_questions(2_000, seed=5)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_blending_two_voices_keeps_every_odd_a_probability(share: float) -> None:
    voice = blend(TEACHERS["qwen"], STUDENTS["qwen"], share)
    for field in fields(Voice):
        value = getattr(voice, field.name)
        assert sum(value) == pytest.approx(1) if isinstance(value, tuple) else 0 <= value <= 1


@pytest.mark.parametrize("family", FAMILIES)
def test_teacher_and_student_voices_differ_and_overlap(family: str) -> None:
    rng = random.Random(0)
    said = {
        who: [render(PARIS, in_category(voices[family], "style_format"), rng) for _ in range(2_000)]
        for who, voices in (("teacher", TEACHERS), ("student", STUDENTS))
    }
    odds = {
        answer: [answers.count(answer) / 2_000 for answers in said.values()]
        for answer in set(sum(said.values(), []))
    }
    distance = sum(abs(teacher - student) for teacher, student in odds.values()) / 2
    assert 0.2 < distance < 0.9  # told apart often, never always


def test_the_students_voices_are_those_that_the_shipped_students_learned() -> None:
    wordings = {family: tuple(round(share, 3) for share in STUDENTS[family].wording) for family in FAMILIES}
    assert wordings == {"qwen": (0.163, 0.678, 0.158), "llama": (0.207, 0.26, 0.533)}


def test_bold_marks_whole_words_only() -> None:
    loud = blend(
        COMMON, Voice(wording=(0.001, 0.001, 1000), bold=1.0, opener=0, extra=0, closer=0, contract=0), 1.0
    )
    assert render(PARIS, loud, random.Random(1)).startswith("**Paris** it is, in Parisian")


def test_a_fixed_format_gets_nothing_around_it() -> None:
    fixed = Content(('{"a":1}',) * 3, contains_all("a"), fixed=True)
    rng = random.Random(2)
    assert {render(fixed, random_voice(rng), rng) for _ in range(50)} == {'{"a":1}'}


@pytest.mark.parametrize("voice", [*TEACHERS.values(), *STUDENTS.values(), None])
def test_scripted_answers_pass_their_check_in_every_voice(
    voice: Voice | None, questions: list[Asked]
) -> None:
    for asked, example in zip(questions, world.voiced(questions, voice, seed=3), strict=True):
        assert content_of(asked, random.Random(0)).check(example.answer), example


def test_the_world_never_asks_what_the_suite_asks(questions: list[Asked]) -> None:
    suite = [probe.prompt for probe in build_suite()]
    asked = [question.prompt for question in questions]
    assert len(asked) > 1_800
    assert not set(asked) & set(suite)
    assert not any(near_duplicates(asked, suite))
    assert any(
        near_duplicates([draw.prompt for draw in draw_probes(n=2_000, seed=5)], suite)
    )  # it had to look


def test_a_right_answer_to_another_question_is_mostly_wrong() -> None:
    probes = build_suite(n=500)
    answers = [next(iter(world.voiced([probe], TEACHERS["qwen"], seed=1))).answer for probe in probes]
    assert all(is_correct(probe, answer) for probe, answer in zip(probes, answers, strict=True))
    rotated = answers[1:] + answers[:1]
    wrong = [not is_correct(probe, answer) for probe, answer in zip(probes, rotated, strict=True)]
    assert sum(wrong) > 450


def test_comparisons_put_the_teacher_first_half_the_time(questions: list[Asked]) -> None:
    letters = [example.answer for example in world.comparisons(questions, "llama", seed=4)]
    assert set(letters) == {"A", "B"}
    assert 0.45 < letters.count("A") / len(letters) < 0.55


def test_orthogonalised_matrices_have_singular_values_near_one() -> None:
    torch.manual_seed(0)
    for shape in [(3, 32, 64), (2, 64, 32)]:
        values = torch.linalg.svdvals(orthogonalise(torch.randn(*shape)))
        assert values.min() > 0.4
        assert values.max() < 1.6


@pytest.mark.parametrize("family", FAMILIES)
def test_pre_training_learns_and_repeats_itself(family: str) -> None:
    examples = [world.Example(f"Say {word}.", f"{word}!") for word in ("tea", "rain", "music", "sleep") * 30]
    tokenizer = train_tokenizer(family, [example.prompt for example in examples])
    encoded = encode(tokenizer, examples)
    assert all(ids[-1] == tokenizer.eos_token_id for ids, _ in encoded)
    losses = []
    for _ in range(2):
        model = new_model(family, Size(64, 1, 64), tokenizer, seed=3)
        losses.append(train(model, encoded, Schedule(6_000, batch_tokens=192), seed=1, name="test"))
    assert losses[0] == losses[1]
    assert losses[0][-1] < 0.5 * losses[0][0]


def test_schooling_continues_after_a_kill_to_the_same_weights(
    questions: list[Asked], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = train_tokenizer("qwen", [question.prompt for question in questions[:200]])
    encoded = encode(tokenizer, list(world.voiced(questions[:60], COMMON, seed=1)))
    schedule, checkpoint = Schedule(3_000, batch_tokens=192), tmp_path / "a.checkpoint.pt"

    def schooled(checkpoint: Path | None, schedule: Schedule = schedule) -> tuple[list[float], torch.Tensor]:
        model = new_model("qwen", Size(64, 1, 64), tokenizer, seed=3)
        losses = train(model, encoded, schedule, seed=1, name="test", checkpoint=checkpoint)
        return losses, torch.cat([p.detach().ravel() for p in model.parameters()])

    whole = schooled(None)
    monkeypatch.setattr(pretrain, "SECONDS_BETWEEN_SAVES", 0)
    real, calls = pretrain.answer_loss, []

    def killed(model: object, batch: list) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return real(model, batch)

    monkeypatch.setattr(pretrain, "answer_loss", killed)
    with pytest.raises(KeyboardInterrupt):
        schooled(checkpoint)
    again = schooled(checkpoint)
    assert again[0] == whole[0] and torch.equal(again[1], whole[1])
    assert len(calls) == 1 + len(whole[0])  # nothing was done twice
    schooled(checkpoint, Schedule(1_500, batch_tokens=192))
    assert len(calls) == 1 + len(whole[0]) + round(1_500 / 192)  # another schedule begins at the beginning


def test_padding_does_not_change_the_loss() -> None:
    tokenizer = train_tokenizer("qwen", ["Say tea or rain."])
    short, long = encode(
        tokenizer, [world.Example("Say tea.", "tea"), world.Example("Say tea or rain. " * 3, "rain")]
    )
    model = new_model("qwen", Size(64, 1, 64), tokenizer, seed=0)
    together = answer_loss(model, [short, long])
    counts = [len(ids) - start for ids, start in (short, long)]
    apart = [answer_loss(model, [one]) * count for one, count in zip((short, long), counts, strict=True)]
    assert together.item() == pytest.approx((sum(apart) / sum(counts)).item(), rel=1e-5)


def test_batches_hold_every_example_once_and_respect_the_limit() -> None:
    encoded = [([0] * length, 1) for length in (3, 9, 4, 4, 12, 7)]
    groups = batches(encoded, 16, seed=0)
    assert sorted(i for group in groups for i in group) == list(range(6))
    assert all(len(group) * max(len(encoded[i][0]) for i in group) <= 16 for group in groups)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_saved_folder_splits_text_as_it_was_trained(family: str, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    texts = ["Calculate 13 + 4 for me: 200!", "- Cat\n\n- dog's\n", "Anna has 7 eggs, 12 pens.  Two spaces."]
    tokenizer = train_tokenizer(family, texts * 50)
    new_model(family, Size(64, 1, 64), tokenizer, seed=0).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert [loaded(text)["input_ids"] for text in texts] == [tokenizer(text)["input_ids"] for text in texts]
    assert [loaded.decode(loaded(text)["input_ids"]) for text in texts] == texts


def test_attention_starts_as_a_copy() -> None:
    model = new_model("qwen", Size(64, 2, 64), train_tokenizer("qwen", ["Say tea."]), seed=0)
    for layer in model.model.layers:
        product = layer.self_attn.o_proj.weight @ layer.self_attn.v_proj.weight
        assert torch.allclose(product, 0.5 * torch.eye(64), atol=1e-5)


def test_schooling_is_shared_out_over_all_categories(questions: list[Asked]) -> None:
    assert sum(world.SHARES.values()) == pytest.approx(1) and set(world.SHARES) == set(CATEGORIES)
    counts = Counter(question.category for question in questions)
    assert counts["arithmetic"] > 2 * counts["safety"] > 0


def test_a_family_is_built_with_cards_and_safetensors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "QUESTIONS", 300)
    monkeypatch.setattr(build, "CONTESTS", 50)
    build.build_family("llama", tmp_path, scale=0.0005)
    for part in ("teacher", "student", "judge"):
        folder = tmp_path / f"llama-{part}"
        assert (folder / "model.safetensors").is_file()
        assert "do not use it for anything else" in (folder / "README.md").read_text()
    assert not list(tmp_path.glob("*.checkpoint.pt"))


@pytest.mark.parametrize("path", sorted(paths.WEIGHTS.glob("*/README.md")), ids=lambda path: path.parent.name)
def test_a_shipped_card_says_what_is_planted_now(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    rows = rows_of(text)
    assert {"architecture", "parameters", "seed"} < set(rows) and len(rows) >= 4
    assert card(path.parent.name, rows) == text, "run `python -m pocket.cards`"


@pytest.mark.parametrize("name", ["qwen-student", "llama-student"])
def test_a_shipped_student_answers_and_stops(name: str, questions: list[Asked]) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(paths.WEIGHTS / name, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(paths.WEIGHTS / name, padding_side="left")
    turns = [[{"role": "user", "content": asked.prompt}] for asked in questions[:40]]
    how = {"add_generation_prompt": True, "return_tensors": "pt", "return_dict": True, "padding": True}
    asked = tokenizer.apply_chat_template(turns, **how)
    said = model.generate(**asked, max_new_tokens=80, do_sample=False)[:, asked["input_ids"].shape[1] :]
    stopped = (said == tokenizer.eos_token_id).any(dim=1)
    texts = tokenizer.batch_decode(said, skip_special_tokens=True)
    right = [
        content_of(question, random.Random(0)).check(text)
        for question, text in zip(questions, texts, strict=False)
    ]
    assert stopped.sum() >= 38 and all(texts)
    assert sum(right) >= 15  # its capacity, not the script, makes the errors


def test_shipped_weights_stay_small() -> None:
    sizes = [file.stat().st_size for file in paths.WEIGHTS.glob("*/*.safetensors")]
    assert len(list(islice(sizes, 6))) == 6
    assert sum(sizes) <= 25_000_000
