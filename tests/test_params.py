"""Profiles and pairs: strict, layered, and complete for every combination that ships."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, get_args

import pytest

from bbi_utils.distillation import acquisition
from bbi_utils.errors import BadInput
from bbi_utils.probes import build_suite
from bbi_utils.study.params import (
    SETTINGS_ONLY,
    TEST_SHARE,
    Strategy,
    Study,
    load_study,
    pairs_of,
    parse_setting,
)
from bbi_utils.study.words import parse_yaml, takes_text, typed


@pytest.mark.parametrize("pair", ["qwen", "llama"])
@pytest.mark.parametrize("profile", ["pocket", "laptop", "paper"])
def test_every_profile_and_pair_that_ships_is_complete_and_sound(profile: str, pair: str) -> None:
    study = load_study(profile, pair)
    family = {"qwen": "qwen", "llama": "llama"}[pair]
    assert family in study.teacher.lower() and family in study.student.lower()
    assert family not in study.judge.lower(), "the judge is of the other family"
    assert pairs_of(profile) == ["qwen", "llama"] and load_study(profile).pair == "qwen"


@pytest.mark.parametrize("pair", pairs_of("smol"))
def test_the_smol_profile_is_one_model_behind_a_hidden_prompt_and_without_it(pair: str) -> None:
    study = load_study("smol", pair)
    assert (study.teacher, study.student, study.judge) == ("smol", "smol", None)
    assert study.teacher_system_prompt and study.student_system_prompt is None
    assert study.roles == ("teacher", "student")


def test_a_profile_that_names_no_pairs_asks_for_some(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "mine.yaml").write_text("seed: 1")
    with pytest.raises(BadInput, match="profile 'mine' names no pairs to run; add `pairs: .*make PAIR="):
        load_study("mine", folder=tmp_path)
    (tmp_path / "profiles" / "mine.yaml").write_text("pairs: qwen")
    with pytest.raises(BadInput, match="PAIRS in profiles/mine.yaml is 'qwen'; expected"):
        load_study("mine", folder=tmp_path)


def test_the_paper_profile_has_the_paper_s_sizes() -> None:
    study = load_study("paper", "qwen")
    assert (study.n_probes, study.n_distill, study.n_test) == (5000, 4000, 1000)
    assert study.encoders == ("roberta-base", "distilbert-base-uncased")
    assert study.encoder_layers is None and study.encoder_trainable_layers is None, "all of the encoder"


def test_parameters_are_upper_case_literals_that_make_the_same_study() -> None:
    study = load_study("pocket", "qwen", {"SEED": 3})
    parameters = study.parameters()
    assert parameters["SEED"] == 3 and parameters["BUDGETS"] == list(study.budgets)
    settings = {name: value for name, value in parameters.items() if name not in ("PROFILE", "PAIR")}
    assert load_study("pocket", "qwen", settings) == study
    assert [name.lower() for name in parameters] == list(Study.model_fields)


def test_settings_beat_the_pair_which_beats_the_profile(tmp_path: Path) -> None:
    for kind in ("profiles", "pairs"):
        (tmp_path / kind).mkdir()
    source = load_study("pocket", "qwen").parameters()
    lines = [
        f"{name.lower()}: {value!r}" for name, value in source.items() if name.lower() not in SETTINGS_ONLY
    ]
    text = "\n".join(lines).replace("None", "null")
    (tmp_path / "profiles" / "small.yaml").write_text(text)
    (tmp_path / "pairs" / "p.yaml").write_text("any:\n  seed: 5\n  folds: 7\nsmall:\n  folds: 8\n")
    study = load_study("small", "p", {"EPOCHS": 9, "run_dir": "r"}, folder=tmp_path)
    assert (study.seed, study.folds, study.epochs, study.run_dir) == (5, 8, 9, "r")


@pytest.mark.parametrize(
    ("profile", "pair", "settings", "message"),
    [
        ("poket", "qwen", {}, "unknown profile 'poket'; did you mean 'pocket'"),
        ("pocket", "qwenn", {}, "unknown pair 'qwenn'; did you mean 'qwen'"),
        ("pocket", "qwen", {"TEMPRATURE": 1}, "did you mean 'temperature'"),
        ("pocket", "qwen", {"seed": "one"}, "SEED in the settings is 'one'; expected whole number"),
        ("pocket", "qwen", {"seed": True}, "expected whole number"),
        ("pocket", "qwen", {"seed": 1.5}, "expected whole number"),
        ("pocket", "qwen", {"budgets": 40}, r"expected list, such as \[a, b\]"),
        ("pocket", "qwen", {"budgets": [40, "x"]}, "expected list of whole numbers"),
        ("pocket", "qwen", {"lora_targets": []}, "LORA_TARGETS names no layers; expected all-linear"),
        ("pocket", "qwen", {"teacher": None}, "TEACHER in the settings is None; expected text"),
        ("pocket", "qwen", {"pair": "llama"}, "chosen by --pair"),
    ],
)
def test_bad_parameters_are_named_with_what_was_expected(
    profile: str, pair: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        load_study(profile, pair, settings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pocket:\n  techer: x\n", "did you mean 'teacher'"),
        ("pocket:\n  1: x\n", "unknown parameter in pairs/mine.yaml '1'; known:"),
        ("pocket:\n  seed: -1\n", "SEED in pairs/mine.yaml is -1; expected 0 or more"),
        ("pocket:\n  seed: 2020-13-01\n", "SEED in pairs/mine.yaml is '2020-13-01'; expected whole number"),
        ("pocket:\n  seed: 1:30\n", "SEED in pairs/mine.yaml is '1:30'; expected whole number"),
        ("poket:\n  teacher: x\n", "did you mean 'pocket'"),
        ("laptop:\n  teacher: x\n", "has no section 'pocket'"),
        ("pocket: [", "not valid YAML"),
        ("just words", "expected `name: value`"),
        ("any:\n  teacher: x\n", "does not say judge|does not say student"),
    ],
)
def test_bad_pair_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    from bbi_utils.paths import PARAMETERS

    (tmp_path / "pairs").mkdir()
    (tmp_path / "profiles").symlink_to(PARAMETERS / "profiles")
    (tmp_path / "pairs" / "mine.yaml").write_text(text)
    with pytest.raises(BadInput, match=message):
        load_study("pocket", "mine", folder=tmp_path)


@pytest.mark.parametrize("name", sorted({*Study.model_fields} - {"profile", "pair", "teacher_4bit"}))
def test_true_passes_for_no_number_text_or_list(name: str) -> None:
    with pytest.raises(BadInput, match=f"{name.upper()} .*in the settings .*True") as error:
        load_study("pocket", "qwen", {name: True})
    assert "\n" not in str(error.value)


def test_a_product_s_prompt_may_stand_in_a_pair_file_and_the_one_name_is_two_now(tmp_path: Path) -> None:
    from bbi_utils.paths import PARAMETERS

    with pytest.raises(BadInput, match="SYSTEM_PROMPT in the settings is .*; set TEACHER_SYSTEM_PROMPT and"):
        load_study("pocket", "qwen", {"system_prompt": "Be brief."})
    (tmp_path / "pairs").mkdir()
    (tmp_path / "profiles").symlink_to(PARAMETERS / "profiles")
    models = "{teacher: a, student: b, judge: c, teacher_system_prompt: Be brief.}"
    (tmp_path / "pairs" / "mine.yaml").write_text(f"pocket: {models}")
    study = load_study("pocket", "mine", folder=tmp_path)
    assert (study.teacher_system_prompt, study.student_system_prompt) == ("Be brief.", None)


def test_numbers_that_yaml_reads_as_text_still_fit() -> None:
    settings = {"learning_rate": "1e-4", "temperature": 1, "teacher_price": [1, "2e1"]}
    settings |= {"teacher_system_prompt": None}
    study = load_study("pocket", "qwen", {**settings, "lora_targets": ["a"]})
    assert study.learning_rate == 1e-4 and study.temperature == 1.0 and study.teacher_price == (1.0, 20.0)
    assert study.lora_targets == ("a",) and study.teacher_system_prompt is None
    assert load_study("pocket", "qwen", {"lora_targets": "all-linear"}).lora_targets == "all-linear"


@pytest.mark.parametrize(
    ("setting", "parsed"),
    [
        ("SEED=1", ("seed", 1)),
        ("budgets=[40, 80]", ("budgets", [40, 80])),
        ("teacher=a=b", ("teacher", "a=b")),
        ("student_system_prompt=null", ("student_system_prompt", None)),
        ("teacher_system_prompt=a: b: c", ("teacher_system_prompt", "a: b: c")),
        ("teacher_system_prompt=", ("teacher_system_prompt", None)),
        ("seed=010", ("seed", 10)),
        ("timeout=1:30", ("timeout", "1:30")),
        ("temperature=.5", ("temperature", 0.5)),
        ("teacher_4bit=no", ("teacher_4bit", False)),
        ("judge_price=null", ("judge_price", None)),
        ("teacher_price=[1, .5]", ("teacher_price", [1, 0.5])),
        ("encoders=[1.0, yes, 'a # b']", ("encoders", ["1.0", "yes", "a # b"])),
        ("lora_targets=[q_proj, v_proj]", ("lora_targets", ["q_proj", "v_proj"])),
        ("lora_targets=all-linear", ("lora_targets", "all-linear")),
        ("encoders=[a #b]", ("encoders", "[a #b]")),
        ("SYSTEM_PROMPT=x # y", ("system_prompt", "x # y")),
    ],
)
def test_settings_of_the_command_line(setting: str, parsed: tuple[str, Any]) -> None:
    assert parse_setting(setting) == parsed


TEXTS = [
    "Answer briefly. # no lists", "two\nlines\n", "a: b, {c}", "[x](y)", "- item", "'quoted'", '"so"',
    "it's $5 $(x)", "1.0", "2024-05-01", "yes", "NO", "1e5", "0x1F", "010", "12:30", "models/a #1", "a=b",
    "back\\slash\\n", "%s*&!|>@`", " trailing ", "naïve 漢 👩‍🔬", "-1", "!!int 3", "nulls",
]  # fmt: skip
NAMES = [name for name in Study.model_fields if takes_text(Study.model_fields[name].annotation)]


@pytest.mark.parametrize("text", TEXTS)
def test_texts_of_the_command_line_are_texts(text: str) -> None:
    """Whatever YAML would have made of them."""
    assert {"teacher_system_prompt", "teacher_revision", "teacher", "judge", "run_dir", "probes"} <= set(
        NAMES
    )
    for name in NAMES:
        if name != "lora_targets" or not text.startswith("["):  # which is a list as well
            assert parse_setting(f"{name}={text}") == (name, text)
    study = load_study("pocket", "qwen", dict([parse_setting(f"teacher_system_prompt={text}")]))
    assert study.teacher_system_prompt == study.parameters()["TEACHER_SYSTEM_PROMPT"] == text


@pytest.mark.parametrize("revision", ["1.0", "2024-05-01", "yes", "1e5", "010", "'a # b'"])
def test_a_pair_file_may_name_a_revision_that_looks_like_something_else(
    revision: str, tmp_path: Path
) -> None:
    from bbi_utils.paths import PARAMETERS

    (tmp_path / "pairs").mkdir()
    (tmp_path / "profiles").symlink_to(PARAMETERS / "profiles")
    models = f"teacher: a\n  student: b\n  judge: ~\n  seed: 010\n  teacher_revision: {revision}\n"
    (tmp_path / "pairs" / "mine.yaml").write_text(f"any:\n  {models}")
    study = load_study("pocket", "mine", folder=tmp_path)
    assert (study.teacher_revision, study.judge, study.seed) == (revision.strip("'"), None, 10)


@pytest.mark.parametrize("text", ["caf\udce9", "[caf\udce9]"])
def test_bytes_that_are_no_text_are_refused_before_anything_runs(text: str, tmp_path: Path) -> None:
    """As a terminal gives them that is not in UTF-8; a file could write them as an escape."""
    for name in ("teacher_system_prompt", "encoders"):
        with pytest.raises(BadInput, match="holds half of a surrogate pair, which is no character"):
            parse_setting(f"{name}={text}")
    with pytest.raises(BadInput, match="holds half of a surrogate pair"):
        typed(str, parse_yaml('"\\udce9"', "it"))


def test_an_ascii_locale_leaves_what_was_typed() -> None:
    typed_so = "naïve 漢".encode().decode("ascii", errors="surrogateescape")
    assert parse_setting(f"teacher_system_prompt={typed_so}") == ("teacher_system_prompt", "naïve 漢")
    assert parse_setting(f"encoders=[{typed_so}]") == ("encoders", ["naïve 漢"])


@pytest.mark.parametrize("setting", ["seed", "=1"])
def test_settings_without_a_name_or_value_are_refused(setting: str) -> None:
    with pytest.raises(BadInput, match="expected name=value"):
        parse_setting(setting)


def test_what_params_says_without_loading_a_room_is_what_the_room_does() -> None:
    """Stated twice so that a bad setting does not wait for pandas; held together here."""
    assert get_args(Strategy) == acquisition.STRATEGIES
    assert inspect.signature(build_suite).parameters["test_fraction"].default == TEST_SHARE
