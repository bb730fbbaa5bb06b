"""The probe suite: same seed same suite, unique, no near-duplicates, a split that no question crosses."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
import random
import re
import subprocess
import sys
import time
from collections import Counter
from inspect import signature
from itertools import combinations
from pathlib import Path

import pytest

from bbi_utils.errors import BadInput
from bbi_utils.probes import (
    CATEGORIES,
    Probe,
    Template,
    build_suite,
    dataset_card,
    draw_probes,
    load_probes,
    load_templates,
    near_duplicates,
    near_pairs,
    save_probes,
)
from bbi_utils.probes import jaccard as own_jaccard
from bbi_utils.probes.stream import group_of
from bbi_utils.probes.templates.sheets import shared
from pocket.answers import script_of
from pocket.content import Content

TEMPLATES = [
    pytest.param(category, template, id=f"{category}-{template.name}")
    for category in CATEGORIES
    for template in load_templates(category)
]


@pytest.fixture(scope="module")
def suite() -> list[Probe]:
    return build_suite(n=5000, seed=0)


def jaccard(first: str, second: str) -> float:
    """The measure once more, written independently of the package."""
    sets = []
    for prompt in (first, second):
        text = f" {' '.join(re.findall('[a-z0-9]+', prompt.lower()))} "
        sets.append({text[at : at + 5] for at in range(max(1, len(text) - 4))})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def answer(template: Template, category: str, slots: dict[str, str], rng: random.Random) -> Content:
    content = script_of(category, template.name)(slots, rng)
    assert isinstance(content, Content)
    return content


def test_the_same_seed_gives_the_same_suite_in_another_process(suite: list[Probe]) -> None:
    code = (
        "from bbi_utils.probes import build_suite; import hashlib;"
        "print(hashlib.sha256(repr(build_suite(n=300, seed=5)).encode()).hexdigest())"
    )
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[1])},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(hashes) == 1
    assert build_suite(n=300, seed=5) != build_suite(n=300, seed=6)


def test_the_suite_is_the_published_one_to_the_byte(suite: list[Probe], tmp_path: Path) -> None:
    save_probes(tmp_path / "probes.jsonl", suite)
    digest = hashlib.sha256((tmp_path / "probes.jsonl").read_bytes()).hexdigest()
    assert digest == "f915cb6a698cf2d0d17297d0207da6c10f3144ef14c3db18d2f5e9c3f224dc14"


def test_five_thousand_unique_probes_in_ten_equal_categories(suite: list[Probe]) -> None:
    assert len({probe.id for probe in suite}) == len({probe.prompt for probe in suite}) == 5000
    sizes = Counter((probe.category, probe.split) for probe in suite)
    assert sizes == {
        (category, split): size for category in CATEGORIES for split, size in (("distil", 400), ("test", 100))
    }
    templates = {
        category: {probe.template for probe in suite if probe.category == category} for category in CATEGORIES
    }
    assert all(len(names) >= 12 for names in templates.values())


def test_fifty_thousand_unique_probes_within_a_minute() -> None:
    before = time.process_time()  # of this process, so that a busy machine does not fail the test
    large = build_suite(n=50_000, seed=1)
    assert time.process_time() - before < 60
    assert len({probe.id for probe in large}) == 50_000
    assert Counter(probe.split for probe in large) == {"distil": 40_000, "test": 10_000}


def test_no_question_crosses_the_split(suite: list[Probe]) -> None:
    splits: dict[str, set[str]] = {}
    for probe in suite:
        splits.setdefault(probe.group, set()).add(probe.split)
    assert all(len(found) == 1 for found in splits.values())


def test_no_near_duplicates_by_brute_force(suite: list[Probe]) -> None:
    rng = random.Random(0)
    # Near-duplicates sit within a template, so compare all pairs there, and some pairs at large.
    for template in rng.sample(sorted({probe.template for probe in suite}), 30):
        prompts = [probe.prompt for probe in suite if probe.template == template]
        assert all(jaccard(first, second) < 0.85 for first, second in combinations(prompts, 2))
    test = [probe.prompt for probe in suite if probe.split == "test"]
    distil = [probe.prompt for probe in suite if probe.split == "distil"]
    for prompt in rng.sample(test, 10):
        assert all(jaccard(prompt, other) < 0.85 for other in distil)


@pytest.mark.parametrize("threshold", [0.3, 0.6, 0.85, 1.0])
def test_near_pairs_equal_brute_force(threshold: float) -> None:
    prompts = [draw.prompt for draw in draw_probes("factual", n=150, seed=3)] + ["", "a", "A!", "??", "a b"]
    prompts += [prompts[0].upper(), prompts[1].replace(" ", "  ")]
    expected = [
        (later, earlier)
        for later in range(len(prompts))
        for earlier in range(later)
        if jaccard(prompts[later], prompts[earlier]) >= threshold
    ]
    # Texts shorter than one gram are padded here and not in the oracle above; their own pairs still agree.
    assert near_pairs(prompts, threshold=threshold) == expected
    assert near_pairs(prompts, 100, threshold) == [pair for pair in expected if pair[0] >= 100]


def test_near_duplicates_of_a_suite_are_found() -> None:
    prompts = [
        "What is the capital of France?",
        "what is  THE capital of France",
        "What is the opposite of day?",
    ]
    assert near_duplicates(prompts, prompts[:1]) == [True, True, False]
    assert near_duplicates(prompts, []) == [False] * 3
    assert near_duplicates([], prompts) == []


def test_probes_survive_the_disk(suite: list[Probe], tmp_path: Path) -> None:
    path = tmp_path / "run" / "probes.jsonl"
    save_probes(path, suite)
    assert load_probes(path) == suite
    assert [file.name for file in path.parent.iterdir()] == ["probes.jsonl"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[:-40], "cut off"),
        (lambda text: "", "empty"),
        (lambda text: text + "{\n", "Invalid JSON"),
        (lambda text: text + "[]\n", r"found \[\]; .* an object"),
        (lambda text: text + text, "twice"),
        (lambda text: text.replace('"prompt": "', '"prompt": "x', 1), "not the hash"),
        (lambda text: re.sub(r'"split": "\w+"', '"split": "train"', text, count=1), "unknown split"),
        (
            lambda text: re.sub(r'"slots": \{', '"slots": {"n": 1, ', text, count=1),
            "slots > n: found 1; .* valid string",
        ),
    ],
)
def test_a_damaged_file_is_refused(suite: list[Probe], tmp_path: Path, damage, message: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "probes.jsonl"
    save_probes(path, [probe for probe in suite if probe.slots][:3])
    path.write_text(damage(path.read_text("utf-8")), "utf-8")
    with pytest.raises(BadInput, match=message):
        load_probes(path)


def test_missing_file_and_unwritable_folder(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot read"):
        load_probes(tmp_path / "none.jsonl")
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot write"):
        save_probes(tmp_path / "file" / "probes.jsonl", [])


@pytest.mark.parametrize(
    "bad", [{"n": 0}, {"n": -5}, {"n": 2.5}, {"n": True}, {"n": 10**6}, {"n": 10, "test_fraction": 1.0}]
)
def test_bad_sizes_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(BadInput, match="expected"):
        build_suite(**bad)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="choose from"):
        load_templates("poetry")


def test_asking_for_more_than_the_templates_yield_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = Template(
        "tiny", ("Say {word} to me now, please.",), lambda rng: {"word": rng.choice(("yes", "no"))}
    )
    monkeypatch.setattr("bbi_utils.probes.stream.load_templates", lambda category: (tiny,))
    with pytest.raises(BadInput, match="more than the templates yield"):
        build_suite(n=100)


def test_drawing_is_fast_endless_and_repeatable() -> None:
    draws = list(draw_probes(None, n=1000, seed=1))
    assert draws == list(draw_probes(None, n=1000, seed=1))
    assert Counter(draw.category for draw in draws) == dict.fromkeys(CATEGORIES, 100)
    framed = sum(draw.prompt.startswith(tuple(shared().words["lead_ins"])) for draw in draws)
    assert 400 < framed < 650


def test_the_group_ignores_order_case_and_typing() -> None:
    group = group_of("capital", {"a": "France", "b": "x"})
    assert group == group_of("capital", {"b": "X", "a": "france", "typed": "Frnace"})
    assert group != group_of("capital", {"a": "Spain", "b": "x"})
    assert group != group_of("language", {"a": "France", "b": "x"})


def test_the_card_counts_and_states_its_limits(suite: list[Probe]) -> None:
    card = dataset_card(suite)
    assert "5,000 prompts" in card and "Jaccard" in card and "does not cover" in card
    assert all(f"| {category} |" in card for category in CATEGORIES)
    assert json.dumps(card) and "0 to 0" in dataset_card([])


def test_the_measure_for_two_prompts_agrees_with_an_independent_one(suite: list[Probe]) -> None:
    prompts = [probe.prompt for probe in suite[:60]]
    for first, second in combinations(prompts, 2):
        assert own_jaccard(first, second) == pytest.approx(jaccard(first, second))
    assert own_jaccard("What is 2 + 2?", "what is 2...2") == 1 == own_jaccard("a", "A!")


def is_script(name: str, member: object) -> bool:
    """Whether a module's member is one of its public functions of slots and a generator."""
    return inspect.isfunction(member) and name[0] != "_" and "slots" in signature(member).parameters


def test_names_are_unique_and_every_template_has_an_answer() -> None:
    names = [template.name for category in CATEGORIES for template in load_templates(category)]
    assert len(set(names)) == len(names)
    for category in CATEGORIES:
        module = importlib.import_module(f"pocket.answers.{category}")
        scripts = {name for name, member in vars(module).items() if is_script(name, member)}
        assert scripts == {template.name for template in load_templates(category)}


@pytest.mark.parametrize(("category", "template"), TEMPLATES)
def test_scripted_answers_pass_their_own_check(category: str, template: Template) -> None:
    rng = random.Random(template.name)
    assert len(template.phrasings) >= 4
    for _ in range(30):
        slots = template.draw(rng)
        for phrasing in template.phrasings:
            prompt = phrasing.format(**slots)
            assert prompt.strip() and "{" not in phrasing.format(**dict.fromkeys(slots, "x")).replace(
                "{{", ""
            )
        content = answer(template, category, slots, rng)
        assert len(content.wordings) == 3
        for text in content.wordings:
            assert content.check(text), (slots, text)
            if content.key:
                assert content.check(re.sub(rf"\b{re.escape(content.key)}\b", f"**{content.key}**", text))
            assert len(text.split()) <= 45, text


@pytest.mark.parametrize(("category", "template"), TEMPLATES)
def test_another_question_s_answer_mostly_fails(category: str, template: Template) -> None:
    rng = random.Random(template.name)
    passed, tried = 0, 0
    for _ in range(40):
        first, second = (answer(template, category, template.draw(rng), rng) for _ in range(2))
        if first.key != second.key and first.key and second.key:
            tried += 1
            passed += first.check(second.wordings[0])
    assert passed <= 0.4 * tried
