"""Sentences computed from tables: what they say follows the numbers, and the awkward is never left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bbi_utils.paths import RunPaths
from bbi_utils.report import claims, gains, judging, planted, reading, sentences, sites, summaries
from bbi_utils.report.labels import plain_zero

NULL = "teacher_resample"
ENDS = ["lower", "upper"]


def table(columns: str, *rows: tuple[Any, ...], pair: str = "qwen") -> pd.DataFrame:
    return pd.DataFrame(rows, columns=columns.split()).assign(pair=pair)


def advantages(null: float, *, pair: str = "qwen") -> pd.DataFrame:
    """Three adversaries' rows; `null` is the lower end of one of them on the null control."""
    rows = [(NULL, "length", "single", 0.01, -0.05, 0.07), (NULL, "word_ngrams", "pairwise", 0.1, null, 0.2)]
    for contrast, least in (("base", 0.4), ("distilled", 0.1)):
        rows.append((contrast, "length", "pairwise", least - 0.2, least - 0.3, least - 0.1))
        rows.append((contrast, "word_ngrams", "pairwise", least + 0.1, least, least + 0.2))
    return table("contrast adversary game advantage lower upper", *rows, pair=pair)


def test_a_null_control_that_rejects_is_said_in_bold_and_one_that_does_not_is_not() -> None:
    both = pd.concat([advantages(-0.1, pair="llama"), advantages(0.02, pair="qwen")])
    bad, good = reading.null_control(both).split("\n")  # the paper's pairs in the paper's order
    assert bad.startswith("- **Qwen pair.** **The null control rejects")
    assert "1 of 2 rows lies above chance" in bad and "word n-grams (two answers) with 0.100" in bad
    assert "in at most one pair in 20, the more rarely the farther" in bad
    assert good.startswith("- **Llama pair.** None of the 2 rows of the null control lies above chance")


def test_a_small_p_on_the_null_is_told_with_and_without_what_many_tests_cost() -> None:
    tests = table("contrast test p", ("base", "kernel", 0.001), (NULL, "kernel", 0.026), (NULL, "other", 0.5))
    assert "**On the null control a test rejects" in (said := reading.null_p_values(tests))
    assert "p = 0.0260 (kernel), the smallest of 2. With all 2 paid for (Bonferroni) it does not." in said
    assert "it rejects still" in reading.null_p_values(tests.replace({"p": {0.026: 0.002}}))
    quiet = tests.replace({"p": {0.026: 0.6}})
    assert "none of 2 tests rejects: p = 0.50 (other), the smallest of 2." in reading.null_p_values(quiet)
    assert "the test (kernel) does not reject: p = 0.60." in reading.null_p_values(quiet.iloc[[1]])
    alone = tests.iloc[[1]].drop(columns="test")
    assert "a test of whether categories differ rejects" in reading.null_p_values(alone)
    assert "p = 0.0260. By luck a test has a p so small at most once in 38; a" in reading.null_p_values(alone)
    assert "once in 10,000; a fault" in reading.null_p_values(alone.assign(p=0.0))
    assert "the test of whether categories differ does not" in reading.null_p_values(alone.assign(p=0.5))


def test_a_run_without_a_null_control_says_nothing_of_it() -> None:
    rows = advantages(0.0).query("contrast != @NULL")
    assert reading.null_control(rows) == reading.null_p_values(rows.assign(p=0.5)) == ""


def test_the_strongest_is_chosen_on_the_base_student_and_length_stands_beside_it() -> None:
    said = reading.told_apart(advantages(0.0))
    assert "Strongest on the base student is word n-grams (two answers) with 0.500 [0.400, 0.600]" in said
    assert "has 0.200 [0.100, 0.300], and 1 of 2 rows lies above chance" in said
    assert "Length alone has 0.200 and -0.100 on the two, in that game." in said
    assert "Strongest on the distilled" not in said
    other = advantages(0.0).replace({"advantage": {-0.1: 0.9}})  # length on the distilled student
    assert "Strongest on the distilled one is length (two answers) with 0.900 [" in reading.told_apart(other)


def test_a_tie_for_the_largest_is_said_and_nobody_is_called_stronger_who_is_not() -> None:
    # Length comes first in the table and has as much as the strongest on the base student, on both students.
    both = advantages(0.0).replace({"advantage": {0.2: 0.5, -0.1: 0.2}})
    both.loc[both["contrast"] == "distilled", "advantage"] = 0.2
    said = reading.told_apart(both.iloc[[0, 1, 3, 2, 5, 4]].iloc[::-1])
    assert "(1 other has as much)" in said and "Strongest on the distilled" not in said
    null = reading.null_control(advantages(-0.1).replace({"advantage": {0.01: 0.1}}))
    assert "the largest is length (one answer) with 0.100" in null and "(1 other has as much)." in null
    values = pd.Series({"base": 0.3, "teacher_resample": 0.3, "style_format": 0.1})
    assert reading.extreme(values) == "base student and teacher again"
    assert reading.extreme(values, least=True) == "style format"
    assert reading.extreme(pd.Series(0.0, index=list("abcd"))) == "4 of 4"
    costs = table(
        "contrast adversary removed category cost lower upper", *[("base", "a", "b", "all", 0, 0, 1)] * 3
    )
    assert "[0.000, 1.000] (2 others have as much)" in reading.removals(costs)


def test_a_copy_less_alike_than_the_base_student_would_have_lost() -> None:
    rows = [("base", 0.9, 0.8, 1.0), (NULL, 0.7, 0.6, 0.75), ("distilled - base", -0.3, -0.4, -0.2)]
    said = gains.similarity_gain(table("quantity mean lower upper", *rows).assign(n=1200))
    assert "on 1,200 prompts, where a perfect copy would have lost 0.200." in said
    assert "nearer" not in said and "overlap" in said


def test_similarity_says_little_where_a_copy_hardly_differs_or_is_surpassed() -> None:
    rows = [("base", 0.39, 0.36, 0.42), (NULL, 0.412, 0.38, 0.45), ("distilled - base", 0.064, 0.04, 0.09)]
    frame = table("quantity mean lower upper", *rows).assign(n=300)
    said = gains.similarity_gain(frame)
    assert "more alike: 0.064 [0.040, 0.090] on 300 prompts, where a perfect copy would have gained" in said
    assert "**By estimate the student is nearer to the teacher than a copy" in said
    assert "**The intervals of base student and teacher again overlap: similarity says little here.**" in said
    clear = frame.replace({"mean": {0.412: 0.6}, "lower": {0.38: 0.43}})
    assert gains.similarity_gain(clear).endswith("where a perfect copy would have gained +0.210.")


@pytest.mark.parametrize(
    ("ends", "says"),
    [
        ((0.1, 0.3), "made the answers more alike"),
        ((-0.3, -0.1), "**Distillation made the answers less alike**"),
        ((-0.1, 0.3), "more alike is undecided"),
    ],
)
def test_a_gain_in_similarity_is_read_from_its_interval(ends: tuple[float, float], says: str) -> None:
    rows = [(name, mean, 0.0, 1.0) for name, mean in (("base", 0.6), ("distilled", 0.7), (NULL, 0.8))]
    frame = table("quantity mean lower upper", *rows, ("distilled - base", sum(ends) / 2, *ends))
    frame["n"] = 60
    assert f"{says}: " in (said := gains.similarity_gain(frame))
    assert "where a perfect copy would have gained +0.200." in said


def test_rows_that_fell_rose_or_are_undecided_are_counted() -> None:
    said = reading.falls(table("lower upper", (0.1, 0.2), (-0.1, 0.2), (-0.2, -0.1)))
    assert "**In 1 of 3 rows the advantage rose.**" in said and "fell in 1 of 3 rows; undecided: 1." in said


def test_what_lies_beyond_the_floor_is_counted_and_a_rounding_that_shows_comes_first() -> None:
    rows = advantages(
        -0.1
    )  # the floor ends at 0.2; of two rows each, 0.2 and 0.5 on base, -0.1 and 0.2 after
    said = reading.ladder(rows)
    assert (
        "**" not in said.removeprefix("- **Qwen pair.**") and "teacher's own, lies at 0.200. Beyond" in said
    )
    assert "Beyond it: 1 of the base student's 2 estimates (1 with their interval) and 0 of the dist" in said
    four = table(
        "contrast adversary game advantage lower upper", ("teacher_4bit", "a", "pairwise", 0.6, 0.5, 0.7)
    )
    said = reading.ladder(pd.concat([rows, four]))
    assert (
        "**Rounding alone is told in 1 of 1 rows.** The floor, the highest end of" in said
        and "lies at 0.700" in said
    )
    assert reading.ladder(rows[rows["contrast"] == "base"]) == ""


def test_removals_are_counted_over_all_prompts_and_the_dearest_is_named() -> None:
    rows = [
        ("base", "stylometric", "markup", "all", 0.2, 0.1, 0.3),
        ("base", "a", "case", "all", 0.0, -0.1, 0.1),
    ]
    costs = table("contrast adversary removed category cost lower upper", *rows)
    costs = pd.concat([costs, costs.assign(category="safety", cost=0.9)])
    said = reading.removals(costs)
    assert (
        "Removals, base student: 1 of 2 found to cost advantage; largest: stylometric without markup, 0.200"
        in said
    )


def test_who_comes_nearest_to_the_limit_is_named_and_where_there_is_none_nobody_is() -> None:
    rows = [("base", "length", "single", 0.1, 0.0, 0.2), ("base", "judge", "pairwise", 0.4, 0.3, 0.5)]
    shares = table(
        "contrast adversary game share lower upper", *rows, ("other", "judge", "single", np.nan, 0.0, 1.0)
    )
    assert reading.reached(shares).endswith(
        "limit, base student: judge (two answers) reaches 0.400 [0.300, 0.500] of it."
    )
    assert reading.reached(shares[shares["contrast"] == "other"]) == ""


def test_growth_is_read_from_both_ends_and_a_null_that_grows_comes_first() -> None:
    rows = [
        ("base", 1, 0.2, 0.1, 0.3),
        ("base", 8, 0.8, 0.6, 0.9),
        (NULL, 1, 0.0, -0.1, 0.1),
        (NULL, 8, 0.1, -0.3, 0.4),
    ]
    growth = table("contrast q advantage lower upper", *rows)
    fair = "base student: 0.200 at q = 1, 0.800 [0.600, 0.900] at 8, lower end first above 0.5 at q = 8."
    assert reading.grows(growth) == f"- **Qwen pair.** {fair}"
    bad = growth.replace({"lower": {-0.3: 0.01}})
    assert reading.grows(bad) == f"- **Qwen pair.** **the null control leaves 0 at q = 8**; {fair}"
    assert "lower end never above 0.5" in reading.grows(growth.replace({"lower": {0.6: 0.5}}))


def test_tests_are_counted_and_one_that_stays_open_says_so() -> None:
    rows = [
        ("base", "kernel", 90, 0.01, np.nan),
        ("base", "sequential", 90, 0.2, np.nan),
        (NULL, "kernel", 90, 0.9, 1),
    ]
    tests = table("contrast test n p queries", *rows)
    assert reading.tested(tests).endswith(
        "base student: 1 of 2 tests rejects at 5% each; watched, undecided after 90 queries."
    )
    told = tests.replace({"p": {0.2: 0.04}}).fillna({"queries": 40.0})
    assert reading.tested(told).endswith(
        "2 of 2 tests reject at 5% each; watched, two models after 40 queries."
    )


def test_a_test_that_rejects_on_the_null_control_is_trusted_nowhere_else_without_a_word() -> None:
    """One rule for all tests: of kernels, of whether categories differ, of where artifacts sit."""
    word = "**that test rejects on the null control, too (p = 0.0060): near that size p proves little**"
    rows = [("base", "a", 9, 0.004, 5.0), ("base", "b", 9, 0.004, 5.0), ("distilled", "a", 9, 0.4, 5.0)]
    tests = table("contrast test n p queries", *rows, (NULL, "a", 9, 0.006, np.nan), (NULL, "b", 9, 0.4, 1.0))
    said = reading.tested(tests)
    assert (
        f"5 queries. Its test (a) rejects with p = 0.0040: {word}. distilled" in said
        and said.count(word) == 1
    )
    assert "once in 167; a fault" in reading.null_p_values(tests)
    differ = table("contrast p most", ("base", 0.004, "x"), ("distilled", 0.4, "y"), (NULL, 0.006, "z"))
    assert f"most in x; {word}; distilled" in (said := sites.categories(differ)) and said.count(word) == 1
    assert word not in sites.categories(differ.replace({"p": {0.006: 0.06}}))
    three = [("base", "paper", "x", 0.3, 0.002, 1.0), (NULL, "paper", "x", -0.3, 1.0, 0.003)]
    said = sites.concentrated(table("contrast named_by named statistic p p_below", *three))
    assert f"two-sided p = 0.0040), {word}." in said and said.count(word) == 1


def test_a_validation_loss_that_rises_or_never_falls_is_said() -> None:
    fell = table("step validation", (1, 2.0), (2, np.nan), (3, 1.5), (4, 1.0))
    assert reading.learned(fell).endswith("loss fell: 2.000 at first, 1.000 at the end.")
    rose = table("step validation", (1, 2.0), (2, 2.5), (3, 1.0), (4, 1.2))
    assert "2.500 on the way (step 2): **it rose first**; the lowest was 1.000 (step 3)." in reading.learned(
        rose
    )
    assert "**did not fall**" in reading.learned(rose.head(2))
    assert reading.learned(fell.assign(validation=np.nan)) == reading.learned(fell[["step", "pair"]]) == ""


def answers(before: float, after: float, *, n: int = 400) -> pd.DataFrame:
    """Right in these shares in the first of two categories; in the other always, as the teacher in both."""
    rows = []
    for arm, share in (("teacher", 1.0), ("base", before), ("distilled", after)):
        for i in range(n):
            rows.append((arm, f"p{i}", "factual", float(i < share * n)))
            rows.append((arm, f"q{i}", "safety", 1.0))
    return table("arm prompt_id category content_correct", *rows)


def test_content_that_got_worse_is_a_finding_and_too_few_prompts_leave_it_undecided() -> None:
    said = reading.content(answers(0.8, 0.6))
    assert "all prompts 0.900 before and 0.800 after, **less often** (lost 0.100" in said
    assert "fared worst, factual 0.800 before and 0.600 after, **less often**" in said
    assert "factual 0.800 before and 0.600 after, undecided" in reading.content(answers(0.8, 0.6, n=10))
    assert "all prompts 0.800 before and 0.900 after, more often" in reading.content(answers(0.6, 0.8))
    assert reading.content(answers(0.8, 0.6).assign(content_correct=np.nan)) == ""


def test_content_lost_over_all_prompts_is_the_quantity_of_the_claims() -> None:
    planted_loss = answers(0.8, 0.75, n=60)
    row = summaries.content_lost(planted_loss).set_index("contrast").loc["base - distilled"]
    assert f"after, undecided (lost {sentences.value(row, 'lost')});" in reading.content(planted_loss)


def judged(*rows: tuple[str, str, bool, float]) -> pd.DataFrame:
    numbered = [(f"p{i}", *row) for i, row in enumerate(rows)]
    return table("prompt_id teacher student consistent correct", *numbered)


def test_a_judge_that_takes_the_longer_answer_is_shown_by_where_length_misleads() -> None:
    long_teacher, short_teacher = ("long answer", "short", True, 1.0), ("short", "long answer", True, 0.0)
    rows = [*[long_teacher] * 30, *[short_teacher] * 10, ("a", "bb", False, 0.5), ("a", "b", True, 1.0)]
    said = judging.length(judged(*rows))
    assert (
        "**100.0% of 40 consistent verdicts on answers of different length went to the longer one**" in said
    )
    assert "longer in 75.0%; where it was the shorter, the judge was right in 0 of 10." in said
    fair = judging.length(judged(*[long_teacher] * 20, *[("short", "long answer", True, 1.0)] * 20))
    assert "50.0% of 40" in fair and "right in 20 of 20" in fair and fair.count("**") == 2
    assert judging.length(judged(*[long_teacher] * 20)).endswith("The teacher's was the longer in 100.0%.")
    assert "No verdict" in judging.length(judged(("a", "b", True, 1.0)))


def said_in(*counts: int) -> pd.DataFrame:
    return pd.DataFrame({"answer": [" ".join(["word"] * count) for count in counts]})


def test_lengths_come_apart_only_where_both_bands_do() -> None:
    short, long = said_in(*[5] * 100), said_in(*[9] * 100)
    said = reading.lengths({"teacher": short, "base": long, "teacher_resample": short})
    medians, base, null = said.split(". ")
    assert medians == "Words in the median answer: teacher 5, base student 9, teacher again 5"
    assert "base student lies at most 100.0% of answers (at length 5) from that of teacher" in base
    assert base.endswith("**the bands come apart**") and null.endswith("overlap everywhere, undecided.")
    few = reading.lengths({"teacher": said_in(5, 5), "base": said_in(9, 9)})
    assert "100.0%" in few and "undecided" in few and "**" not in few


def test_students_that_run_on_are_named() -> None:
    rows = [("teacher", 0.99, 0.97, 1.0), ("base", 0.5, 0.4, 0.6), ("distilled", 0.98, 0.95, 1.0)]
    frame = table("arm rate lower upper", *rows).assign(quantity="stopped")
    said = reading.stopped(frame)
    assert "teacher 99.0%, base student 50.0%, distilled student 98.0%; **run on" in said
    assert "**run on more often than the teacher: base student**." in said
    assert said.startswith("- **Qwen pair.** **More than 2% of an arm's answers are cut off.** ")
    fine = reading.stopped(frame[frame["arm"] != "base"])
    assert "no student is found to run on more often" in fine and "cut off" not in fine
    asked = {c.margin for name, c in claims.all_claims().items() if "of answers end by themselves" in c.claim}
    assert asked == {1 - reading.FEW}  # few in the sentences is few in the claims


def quantities(contrast: str, every: tuple[float, float, float], *, kept: int = 80) -> pd.DataFrame:
    rows = [
        ("kept_fraction", 100, kept / 100, 0.0, 1.0),
        ("consistent_advantage", kept, 0.5 if kept else np.nan, 0.2, 0.8),
        ("all_pairs_advantage", 100, *every),
        ("first_position_rate", 100, 0.6, 0.52, 0.68),
    ]
    return table("quantity n estimate lower upper", *rows).assign(contrast=contrast)


def test_a_judge_is_read_on_all_pairs_beside_the_filter_and_the_null_comes_first() -> None:
    base, null = quantities("base", (0.4, 0.2, 0.6)), quantities(NULL, (0.3, 0.1, 0.5), kept=0)
    said = judging.advantage(pd.concat([base, null]))
    assert (
        "again: 0.300 [0.100, 0.500] on all pairs, by itself above chance**; no verdict is consistent" in said
    )
    assert (
        "base student: 0.400 [0.200, 0.600] on all pairs, by itself above chance; 0.500 on the 80.0% of"
        in said
    )
    assert "it picks A 60.0% of the time (leans to A)" in said
    assert "undecided;" in judging.advantage(quantities("base", (0.1, -0.1, 0.3)))
    assert judging.advantage(base.head(0)) == ""


def test_what_a_judge_lost_is_read_from_its_interval() -> None:
    rows = [("all_pairs_advantage", 0.2, 0.1, 0.3), ("consistent_advantage", 0.1, -0.1, 0.3)]
    said = judging.drop(table("quantity drop lower upper", *rows))
    assert "all-pairs advantage 0.200 [0.100, 0.300], it fell; consistent advantage 0.100" in said
    assert said.endswith("[-0.100, 0.300], undecided.")
    nothing = table("quantity drop lower upper", ("all_pairs_advantage", np.nan, np.nan, np.nan))
    assert judging.drop(nothing) == ""


def test_categories_are_ordered_only_where_they_differ() -> None:
    rows = [("base", 0.001, "safety, style_format"), ("distilled", 0.3, "factual"), (NULL, 0.02, "creative")]
    rows += [("teacher_4bit", 0.4, "factual")]
    said = sites.categories(table("contrast p most", *rows))
    assert "base student: they differ (p = 0.0010), most in safety, style format" in said
    assert "distilled student: undecided whether they differ (p = 0.30)" in said and "factual" not in said
    assert "; 4-bit teacher: undecided whether" in said
    assert "creative" not in said  # the null is told by null_p_values


def test_where_artifacts_sit_is_read_from_both_tails_and_of_the_paper_alone() -> None:
    three = "style_format, safety"
    rows = [("base", "paper", three, 0.27, 0.001, 1.0), ("distilled", "paper", three, -0.3, 0.99, 0.01)]
    rows += [("base", "planted", "x", 0.5, 0.0001, 1.0), (NULL, "paper", three, 0.1, 0.2, 0.8)]
    said = sites.concentrated(table("contrast named_by named statistic p p_below", *rows))
    assert "Advantage in style format, safety: teacher again: undecided (+0.100, two-sided p = 0.40)" in said
    assert "base student: more than elsewhere (+0.270, two-sided p = 0.0020)" in said and "+0.500" not in said
    assert "distilled student: **less than elsewhere** (-0.300, two-sided p = 0.0200)" in said
    found = table("contrast named_by named statistic p p_below", (NULL, "paper", three, 0.1, 0.01, 0.99))
    assert "teacher again: **more than elsewhere**" in sites.concentrated(found)


def test_a_side_is_named_as_often_as_the_level_says_where_artifacts_sit_anywhere() -> None:
    """Naming the side of the smaller p at its own 5 % would name one in a tenth of null worlds."""
    p = (np.arange(1000) + 0.5) / 1000
    rows = [(NULL, "paper", "x", 0.5 - one, one, 1 - one) for one in p]
    said = sites.concentrated(table("contrast named_by named statistic p p_below", *rows))
    assert said.count("than elsewhere") == 50 and "two-sided p = 1.00)" in said


def test_no_zero_has_a_minus_sign_and_no_other_text_loses_one() -> None:
    assert plain_zero("[-0.000, 0.1], -0% and -0.00") == "[0.000, 0.1], 0% and 0.00"
    kept = "-0.001, -0.0001, -10, -0.5%, phi-0, v-0.000"
    assert plain_zero(kept) == kept
    falls = ("distilled - base", -0.0001, -0.0002, -0.00001)
    rows = [("base", 0.5, 0.4, 0.6), (NULL, 0.5, 0.4, 0.6), falls]
    assert "-0.000" not in gains.similarity_gain(table("quantity mean lower upper", *rows).assign(n=9))


def test_buying_is_read_from_the_mean_over_the_budgets() -> None:
    a, b = "disagreement_known", "diversity"
    rows = [(a, 0, 0.02, 0.01, 0.03), (a, 16, 0.02, -1.0, 1.0), (a, 32, -0.1, -0.15, -0.05)]
    rows += [(b, 0, 0.0, -0.1, 0.1), (b, 16, 0.1, 0.05, 0.15), (b, 32, 0.1, 0.05, 0.15)]
    said = gains.bought(table("strategy budget gain lower upper", *rows))
    assert (
        "disagreement, all known: better than random on average (0.020 [0.010, 0.030]), better at 0, " in said
    )
    assert (
        "worse at 1, undecided at 1; diversity: undecided on average (0.000 [-0.100, 0.100]), better at 2, w"
        in said
    )
    alone = table("strategy budget gain lower upper", (a, 0, 0.1, np.nan, np.nan))
    assert "all known: undecided on average (0.100, no interval)" in gains.bought(alone)


def test_texts_are_shown_in_a_notebook_and_empty_ones_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    reading.show("one", "", "two")
    assert capsys.readouterr().out.count("Markdown") == 2


def settle(folder: Path, pair: str, **settings: str | None) -> None:
    run = RunPaths(folder, pair)
    run.pair_folder.mkdir()
    run.settings.write_text(json.dumps(settings))


def test_what_was_planted_is_told_of_pocket_models_and_of_no_others(tmp_path: Path) -> None:
    pocket = {"TEACHER": "pocket/qwen-teacher", "STUDENT": "pocket/qwen-student"}
    settle(tmp_path, "ours", **pocket, JUDGE="pocket/llama-judge")
    settle(tmp_path, "real", TEACHER="smol", STUDENT="smol", JUDGE=None)
    settle(tmp_path, "half", **{**pocket, "TEACHER": "org/name"}, JUDGE="org/judge")
    told = planted.note(tmp_path, "ours")
    assert told == planted.note(tmp_path, "real", "ours") == planted.note(tmp_path) == planted.note_of(pocket)
    assert "100% in style format, robustness; 90% in domain technical" in told and "\n" not in told
    assert planted.note(tmp_path, "real", "half") == planted.note(tmp_path, "none") == ""
    judge = planted.judge_note(tmp_path, "ours")
    assert "8% of the teacher's answers and 30% of the others" in judge and "`pocket/llama-judge`" in judge
    assert planted.judge_note(tmp_path, "real") == planted.judge_note(tmp_path, "half") == ""
