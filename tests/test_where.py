"""Where two models differ, in words: what is named is there, and nothing is named where nothing is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from recorded_files import answers, rows

from bbi_utils.games.certificate import certify
from bbi_utils.report.habits import habits_of, script_of
from bbi_utils.report.where import Where, holm, render_where, sign_test, where


def pairs(n: int = 120, **columns: object) -> pd.DataFrame:
    """Both sides answer alike, but for the columns given."""
    alike = {"teacher": answers(n, seed=1), "student": answers(n, seed=2)}
    return pd.DataFrame(rows(n)).assign(**{**alike, **columns})


def scored(table: pd.DataFrame, right: float = 1.0) -> pd.DataFrame:
    """One adversary, right on the first so many of the prompts, surest on the last of these."""
    n = len(table)
    score = np.where(np.arange(n) < right * n, 1.0 + np.arange(n), -1.0)
    about = {"pair": "p", "contrast": "student", "adversary": "a", "game": "pairwise", "shown": "pair"}
    correct = (score > 0).astype(float)
    return table[["prompt_id", "category"]].assign(**about, fold=0, score=score, correct=correct)


def found(table: pd.DataFrame, right: float = 1.0, error: float = 0.05) -> Where:
    scores = scored(table, right)
    return where(table, scores, certify(scores, epsilon=0.1), error=error)


def habit(text: str, every: int, n: int = 120) -> list[str]:
    return [text.format(said) if i % every == 0 else said for i, said in enumerate(answers(n, seed=2))]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Certainly! {}", 'opens with "Certainly!"'),
        ("{} Hope that helps!", 'ends with "that helps!"'),
        ("{} ", "has a trailing space"),
        (" {}", "begins with white space"),
        ("{}\n\n\n.", "has two blank lines in a row"),
        ("## {}", "has a heading (#)"),
        ("- {}", "has a bulleted list"),
        ("1. {}", "has a numbered list"),
        ("**Yes** {}", "has bold text (**)"),
        ("{} It may rain.", "hedges (may, perhaps, I think)"),
        ("I'm sorry, but I cannot. {}", "refuses or apologises"),
        ("Это только пример того, как отвечает другая модель", "is written mostly in Cyrillic letters"),
        ("", "says nothing"),
        ("{} and so on and so on and so on", "has more words"),
    ],
)  # fmt: skip
def test_a_habit_is_named_with_its_share_on_each_side(text: str, named: str) -> None:
    habits = found(pairs(student=habit(text, 2))).habits
    row = habits[habits["habit"] == named].iloc[0]
    assert row["p"] <= 0.05 and row["student"] - row["teacher"] > 0.2
    if not {"hedges", "has more words", "is written"} & {named[:6], named, named[:10]}:
        assert (row["teacher"], row["student"]) == (0.0, 0.5)


def test_cut_answers_are_a_habit_where_the_file_says_how_answers_ended() -> None:
    ended = {"teacher_finish_reason": "stop", "student_finish_reason": ["length", "stop"] * 60}
    assert "is cut off" in set(found(pairs(**ended)).habits["habit"])


def test_where_nothing_differs_hardly_anything_is_named() -> None:
    table, rng, named = pairs(100), np.random.default_rng(0), 0
    for _ in range(60):
        swap = rng.random(100) < 0.5
        sides = table[["teacher", "student"]].to_numpy()
        turned = np.where(swap[:, None], sides[:, ::-1], sides)
        shuffled = table.assign(teacher=turned[:, 0], student=turned[:, 1])
        named += len(found(shuffled, 0.5).habits) > 0
    assert named <= 6  # more has a probability below 1 in 20 if it errs in 5 %
    one = found(table, 0.5)
    assert one.tested > 20 and one.habits.empty and one.examples == []
    assert "no single one tells the two apart" in "\n".join(render_where(one))


def test_prompts_of_one_group_are_one_draw() -> None:
    """One group in eight opens so, in all of its prompts: eight of twelve groups could be luck."""
    group = [f"g{i // 10}" for i in range(120)]
    said = [f"Certainly! {text}" if i < 80 else text for i, text in enumerate(answers(120, seed=2))]
    alone, grouped = found(pairs(student=said)), found(pairs(student=said, group=group))
    assert 'opens with "Certainly!"' in set(alone.habits["habit"])
    assert 'opens with "Certainly!"' not in set(grouped.habits["habit"])


def test_examples_are_the_surest_and_right_and_show_where_they_differ() -> None:
    same = "the very same words again and again, " * 20
    table = pairs(teacher=[f"{same}A{i}" for i in range(120)], student=[f"{same}B{i}\n" for i in range(120)])
    one = found(table, 0.9)
    assert [example["prompt_id"] for example in one.examples] == ["id107", "id106"]
    assert one.examples[0]["teacher"].endswith("A107") and one.examples[0]["teacher"].startswith("… ")
    said = render_where(one)
    assert "example 1, on which a (two answers) was surest, and right:" in said
    assert any(line.startswith("  student:") and line.endswith("B107\\n") for line in said)
    grouped = found(table.assign(group=["g" if i >= 50 else f"{i}" for i in range(120)]), 0.9)
    assert [example["prompt_id"] for example in grouped.examples] == ["id107", "id049"]


def test_a_reader_is_told_no_habit_twice_and_white_space_is_shown() -> None:
    one = found(pairs(student=habit("Certainly! Here you are: {} ", 1)))
    told = [row["habit"] for row in one.named()]
    assert sum("ertainly" in text for text in told) == 1 and len(told) <= 8
    assert len(one.habits) > len(told)
    assert any(line.endswith("␣") for line in render_where(one))
    assert one.to_json()["habits"][0]["student"] == 1.0


def test_tests_and_steps_are_those_of_the_textbook() -> None:
    from scipy.stats import binomtest

    n, more = np.array([10, 11, 30, 1]), np.array([10, -5, 0, 1])
    expected = [binomtest(int((k + d) // 2), int(k)).pvalue for k, d in zip(n, more, strict=True)]
    np.testing.assert_allclose(sign_test(n, more), expected)
    np.testing.assert_allclose(holm(np.array([0.04, 0.01, 0.03])), [0.06, 0.03, 0.06])
    assert holm(np.array([])).size == 0 and sign_test(np.array([]), np.array([])).size == 0


def test_scripts_and_who_is_longer() -> None:
    assert [script_of(text) for text in ("Да", "yes", "漢字", "12!")] == ["Cyrillic", "Latin", "Cjk", ""]
    teacher, student = habits_of(pairs(1, teacher=["one two"], student=["three"]))
    assert ("size", "more words") in teacher[0] and ("size", "longer words") in student[0]
