"""Answers to guess at: each category's first on which all differ, shuffled, and whole again from the file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bbi_utils.report.examples import ARMS, TELLING, examples_of, riddles
from bbi_utils.report.figures import save_table

SAID = {  # category -> the answers of each of its prompts, in the arms' order
    "arithmetic": [("4", "4", "5"), ("NA", 'a, "b"\n\nc', "")],
    "robustness": [("yes", "no", "Yes"), ("so", "as", "ever")],
    "creative": [("x", "x", "x")],
}


def answers() -> pd.DataFrame:
    rows = [
        (pair, arm, f"{category}{i}", category, f"{category} {i}?", said)
        for pair in ("one", "two")
        for category, each in SAID.items()
        for i, three in enumerate(each)
        for arm, said in zip((*ARMS, "teacher_4bit"), (*three, "other"), strict=True)
    ]
    return pd.DataFrame(rows, columns=["pair", "arm", "prompt_id", "category", "prompt", "answer"])


def test_of_each_category_the_first_prompt_on_which_all_three_differ() -> None:
    found = examples_of(answers())
    first = {("arithmetic", "arithmetic1"), ("robustness", "robustness0")}
    assert set(zip(found["category"], found["prompt_id"], strict=True)) == first
    assert len(found) == 4 and list(found.columns[-3:]) == list(ARMS)


def test_a_riddle_has_every_answer_under_the_letter_of_who_gave_it(tmp_path: Path) -> None:
    save_table(examples_of(answers()), "examples", tmp_path, notebook="09", inputs=[])
    found = riddles(tmp_path / "examples.csv", "two")
    assert [riddle.prompt for riddle in found] == ["robustness 0?", "arithmetic 1?"]  # a telling one first
    for riddle, said in zip(found, (SAID["robustness"][0], SAID["arithmetic"][1]), strict=True):
        assert {riddle.who[letter]: text for letter, text in riddle.said.items()} == dict(
            zip(ARMS, said, strict=True)
        )
    assert "robustness" in TELLING and riddles(tmp_path / "examples.csv", "two") == found
    orders = {
        tuple(riddles(tmp_path / "examples.csv", "two", seed=seed)[0].who.values()) for seed in range(60)
    }
    assert len(orders) == 6


def test_without_a_file_or_the_pair_there_is_nothing_to_guess(tmp_path: Path) -> None:
    assert riddles(tmp_path / "examples.csv", "two") == []
    save_table(examples_of(answers()), "examples", tmp_path, notebook="09", inputs=[])
    assert riddles(tmp_path / "examples.csv", "three") == []
