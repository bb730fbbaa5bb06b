"""Silence is an answer: what a side left unanswered, or cut, tells it from the other like any word."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recorded_files import Rows, answers, rows, write

from bbi_utils import games
from bbi_utils.adversaries import Factories, lexical_adversaries
from bbi_utils.adversaries.features import LengthAdversary
from bbi_utils.adversaries.judge import judge_pairs
from bbi_utils.adversaries.missing import Missing, ends
from bbi_utils.adversaries.ngrams import WORD_GRAMS, GramCounts, NgramAdversary
from bbi_utils.errors import BadInput
from bbi_utils.games import similarity
from bbi_utils.games.certificate import Certificate, certify
from bbi_utils.oracles.base import was_cut
from bbi_utils.probes import build_suite, take
from bbi_utils.probes.forms.reading import Choice
from bbi_utils.report.audit import Audit, Settings, audit
from bbi_utils.report.audit_files import tables_of
from bbi_utils.report.text import headline, render_audit
from bbi_utils.responses.answers import answers_table, contrasts_of
from bbi_utils.responses.recorded import read_answers

N = 300


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three adversaries instead of all, so that an audit takes a second."""
    words = GramCounts(WORD_GRAMS)
    makers: Factories = {"length": LengthAdversary, "missing": Missing()}
    makers["word_ngrams"] = lambda: NgramAdversary("word_ngrams", words)
    monkeypatch.setattr("bbi_utils.report.audit.cheap_adversaries", lambda own=(): dict(makers))


def twins(n: int = N, **columns: object) -> Rows:
    """A student that repeats its teacher, but for the columns given."""
    said = answers(n, seed=5)
    return rows(n, **{"teacher": said, "student": list(said), **columns})  # type: ignore[arg-type]


def without(at: list[int] | np.ndarray, side: str, n: int = N, nothing: str | None = "") -> Rows:
    table = twins(n)
    for i in at:
        table[i][side] = nothing
    return table


def audited(folder: Path, table: Rows, *, epsilon: float = 0.1) -> Audit:
    return audit(read_answers(write(folder / "answers.jsonl", table)), Settings(epsilon=epsilon))


def drawn(share: float, seed: int = 0) -> np.ndarray:
    return np.flatnonzero(np.random.default_rng(seed).random(N) < share)


@pytest.mark.parametrize("side", ["teacher", "student"])
@pytest.mark.parametrize("nothing", [None, "", " \n"])
def test_a_side_that_is_silent_on_two_prompts_of_five_and_else_agrees_is_refuted(
    tmp_path: Path, side: str, nothing: str | None
) -> None:
    found = audited(tmp_path, without(drawn(0.4), side, nothing=nothing))
    certificate, silent = found.certificate, len(drawn(0.4))
    assert certificate.verdict == "refuted" and {"missing (single)", "missing (pairwise)"} <= set(
        certificate.refuted_by
    )
    assert certificate.prompts == N and certificate.share == 1
    row = next(row for row in certificate.rows if (row.adversary, row.game) == ("missing", "pairwise"))
    assert row.advantage == silent / N and row.tied == N - silent
    assert f"{silent} of" not in headline(certificate)
    said = render_audit(found)
    assert f"no answer of the {side} to {silent}" in said or f"of the {side} to {silent}:" in said


def test_a_file_in_which_one_model_has_half_as_many_rows_is_refuted(tmp_path: Path) -> None:
    assert audited(tmp_path, without(list(range(N // 2, N)), "student")).certificate.verdict == "refuted"


def test_the_same_rows_marked_as_never_asked_leave_a_verdict_on_the_half_that_was(tmp_path: Path) -> None:
    table = without(list(range(N // 2, N)), "student")
    for i, row in enumerate(table):
        row["asked"] = i < N // 2
    found = audited(tmp_path, table)
    assert found.certificate.verdict == "certified" and found.certificate.share == 0.5
    assert "on 150 of 300 prompts (50.0%)" in headline(found.certificate)
    assert "150 rows left out: 150 never asked" in render_audit(found)
    assert found.certificate.to_json()["share"] == 0.5


def test_two_files_of_which_one_has_half_as_many_rows(tmp_path: Path) -> None:
    said = {"a": twins(), "b": twins()[::2]}
    files = [
        write(
            tmp_path / f"{name}.jsonl", [{"prompt": row["prompt"], "response": row["teacher"]} for row in own]
        )
        for name, own in said.items()
    ]
    counted, asked = (read_answers(*files, choice=Choice(shared_only=only)) for only in (False, True))
    found, left = (audit(read, Settings(epsilon=0.1)).certificate for read in (counted, asked))
    assert counted.silent == {"teacher": 0, "student": N // 2}
    assert (found.verdict, found.share) == ("refuted", 1) and "missing (pairwise)" in found.refuted_by
    assert asked.never_asked == N // 2 and (left.verdict, left.share) == ("certified", 0.5)


def test_prompts_that_a_server_refuses_one_arm_of_the_study_tell_it_apart() -> None:
    probes = take(build_suite(n=300, seed=1), "test", 60, 0)
    teacher = pd.DataFrame({"prompt_id": [p.id for p in probes], "answer": "Yes.", "finish_reason": "stop"})
    base, refused = teacher.copy(), teacher.index % 5 < 2
    base.loc[refused, ["answer", "finish_reason"]] = ["", "content_filter"]
    pairs = contrasts_of(answers_table(probes, {"teacher": teacher, "base": base}, pair="x"))["base"]
    assert len(pairs) == 60 and ends(pairs, "student").count("silent") == refused.sum()
    for make in (Missing(), LengthAdversary):
        scores, _ = games.play(make, pairs, pair="x", contrast="base")
        assert certify(scores, epsilon=0.1, asked=60).verdict == "refuted"


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
@pytest.mark.parametrize("words", [("yes", "no"), (1, 0), ("TRUE", "False")])
def test_never_asked_is_read_from_every_format(
    tmp_path: Path, suffix: str, words: tuple[object, object]
) -> None:
    said = [f"said {i}" if i >= 7 else "" for i in range(60)]
    table = twins(60, student=said, asked=[words[i < 7] for i in range(60)])
    read = read_answers(write(tmp_path / f"a{suffix}", table))
    assert (read.never_asked, read.dropped, len(read.pairs)) == (7, 7, 53) and "asked" not in read.pairs


def test_another_word_for_never_asked_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="column asked, row 3: found 'maybe'; expected yes or no"):
        read_answers(write(tmp_path / "a.csv", twins(60, asked=["yes", "no", *["maybe"] * 58])))


def test_what_both_sides_answered_cannot_be_said_to_be_never_asked(tmp_path: Path) -> None:
    """Else a student passes that answers otherwise on just those prompts."""
    table = twins(60, asked=["no" if i % 5 == 4 else "yes" for i in range(60)])
    with pytest.raises(BadInput, match="column asked, row 5: no, and both sides answered it; say yes"):
        read_answers(write(tmp_path / "a.jsonl", table))


def test_what_neither_side_answered_leaves_and_the_share_says_so(tmp_path: Path) -> None:
    table = without(list(range(30)), "student")
    for row in table[:30]:
        row["teacher"] = None
    found = audited(tmp_path, table)
    assert found.certificate.verdict == "certified" and found.certificate.prompts == 270
    assert found.certificate.share == 0.9 and "on 270 of 300 prompts (90.0%)" in headline(found.certificate)
    assert "30 rows left out: 0 never asked, the others answered by neither side" in render_audit(found)


def test_sides_silent_on_different_subjects_are_told_apart_though_equally_often_silent(
    tmp_path: Path,
) -> None:
    table = twins()
    for i, row in enumerate(table):
        if i % 3 < 2 and i < 200:
            row["teacher" if i % 3 else "student"] = ""
    found = audited(tmp_path, table)
    silent = found.recorded.silent
    assert silent["teacher"] == pytest.approx(silent["student"], abs=1)
    assert "missing (pairwise)" in found.certificate.refuted_by


def test_sides_silent_at_random_and_equally_often_cannot_be_told_apart(tmp_path: Path) -> None:
    """Who said nothing to this prompt was a coin toss, so nobody can name the teacher."""
    refuted = []
    for seed in range(8):
        table, coin = twins(), np.random.default_rng(seed).random((N, 2))
        for row, (silent, which) in zip(table, coin, strict=True):
            if silent < 0.4:
                row["teacher" if which < 0.5 else "student"] = ""
        refuted += audited(tmp_path, table, epsilon=0.05).certificate.refuted_by
    assert not refuted


@pytest.mark.parametrize("reason", ["length", "MAX_TOKENS", "content_filter"])
def test_a_student_whose_answers_are_cut_is_refuted_by_that_alone(tmp_path: Path, reason: str) -> None:
    reasons = np.where(np.isin(np.arange(N), drawn(0.4)), reason, "stop").tolist()
    table = twins(teacher_finish_reason=["stop"] * N, student_finish_reason=reasons)
    found = audited(tmp_path, table)
    assert set(found.certificate.refuted_by) == {"missing (single)", "missing (pairwise)"}
    assert f"cut answers: 0 of the teacher, {len(drawn(0.4))} of the student" in render_audit(found)


def test_finish_reasons_of_one_side_alone_say_nothing_of_a_difference(tmp_path: Path) -> None:
    found = audited(tmp_path, twins(student_finish_reason=["length"] * N))
    assert found.certificate.verdict == "certified"
    assert "finish reasons of the student alone, which are not compared" in found.recorded.understood


def test_where_both_sides_answer_everything_it_ties_on_every_prompt(tmp_path: Path) -> None:
    scores = audited(tmp_path, rows(N)).scores.query("adversary == 'missing'")
    assert (scores["score"] == 0).all() and (scores["correct"] == 0.5).all() and len(scores) == 3 * N


def test_its_sign_comes_from_the_training_folds_alone() -> None:
    """Where silence changes its author between the folds, a sign learned on the others is always wrong."""
    pairs = read_pairs(40)
    fold = games.assign_folds(pairs, folds=2, seed=0)
    for at, own in enumerate(fold):
        pairs.loc[at, "teacher" if own else "student"] = ""
    scores, _ = games.play(Missing(), pairs, pair="x", contrast="y", folds=2)
    assert (scores["correct"] == 0).all()


def read_pairs(n: int) -> pd.DataFrame:
    table = pd.DataFrame(twins(n))
    return table.sort_values("prompt_id", ignore_index=True)


def test_prompts_that_neither_side_answered_are_refused_by_the_games() -> None:
    pairs = read_pairs(30)
    pairs.loc[[3, 5], ["teacher", "student"]] = ["  ", None]
    with pytest.raises(BadInput, match="2 prompts were answered by neither side; leave these out"):
        games.play(LengthAdversary, pairs, pair="x", contrast="y")


def test_the_null_keeps_a_silent_second_answer_and_leaves_out_what_was_not_asked_again(
    tmp_path: Path,
) -> None:
    again = [*answers(40, seed=9), *[None] * 10, *[""] * 10]
    table = rows(60, teacher_2=again, teacher_2_finish_reason=["length"] * 60)
    null = read_answers(write(tmp_path / "a.parquet", table)).null_pairs
    assert null is not None and len(null) == 50 and (null["student"] == "").sum() == 10
    assert set(null["student_finish_reason"]) == {"length"} and "teacher_2" not in null


class Letters:
    """An encoder that counts letters."""

    max_seq_length = None

    def encode(self, texts: list[str], **_: object) -> np.ndarray:
        counts = np.array([[1 + text.count(letter) for letter in "abc"] for text in texts], dtype=float)
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def test_nothing_is_like_silence_but_silence() -> None:
    pairs = read_pairs(4)
    pairs["teacher"], pairs["student"] = ["abc", "", "a", ""], ["abc", "abc", "", ""]
    found, _ = similarity.compare(pairs, Letters(), pair="x", contrast="y")
    assert found["similarity"].tolist() == [1.0, 0.0, 0.0, 1.0]


def test_the_judge_is_shown_that_there_is_no_answer() -> None:
    asked: list[tuple[str, ...]] = []

    def judge(prompts: list[str], a: list[str], b: list[str]) -> np.ndarray:
        asked.extend(zip(prompts, a, b, strict=True))
        return np.array(
            [float(one != "(no answer)") - float(two != "(no answer)") for one, two in zip(a, b, strict=True)]
        )

    pairs = read_pairs(3).assign(prompt="?", teacher=["x", "y", "z"], student=["", "y", ""])
    found = judge_pairs(judge, pairs, pair="x", contrast="y")
    assert asked[:3] == [("?", "x", "(no answer)"), ("?", "y", "y"), ("?", "z", "(no answer)")]
    assert found["correct"].tolist() == [1.0, 0.5, 1.0] and found["consistent"].tolist() == [
        True,
        False,
        True,
    ]


def test_contrasts_of_other_prompts_are_compared_on_those_that_both_have() -> None:
    base, distilled = read_pairs(60), read_pairs(60).iloc[10:]
    base.loc[base.index % 2 == 0, "student"] = ""
    played = [
        games.play(LengthAdversary, pairs, pair="x", contrast=name)[0]
        for name, pairs in (("base", base), ("distilled", distilled))
    ]
    gain = games.paired_difference(pd.concat(played)).set_index("game").loc["pairwise"]
    assert gain["n"] == 50 and gain["advantage"] == 0.5


def test_the_studys_adversaries_meet_the_empty_answer() -> None:
    pairs = read_pairs(120)
    pairs.loc[pairs.index % 5 < 2, "student"] = " "
    for make in lexical_adversaries().values():
        scores, _ = games.play(make, pairs, pair="x", contrast="y")
        assert certify(scores, epsilon=0.1).verdict == "refuted"


def test_a_certificate_is_of_no_more_prompts_than_were_asked() -> None:
    scores, _ = games.play(LengthAdversary, rows_of(40), pair="x", contrast="y")
    assert certify(scores, epsilon=0.1).share is None and certify(scores, epsilon=0.1, asked=80).share == 0.5
    with pytest.raises(BadInput, match="30 prompts asked, but 40 are scored"):
        certify(scores, epsilon=0.1, asked=30)
    contents = certify(scores, epsilon=0.1, asked=80).to_json()
    assert Certificate.from_json(contents).share == 0.5
    del contents["share"]  # as a certificate of before has none
    assert Certificate.from_json(contents).share is None


def rows_of(n: int) -> pd.DataFrame:
    return pd.DataFrame(rows(n))


def test_ends_are_silent_cut_or_whole() -> None:
    pairs = pd.DataFrame({"teacher": [" ", "a", "b", "c"], "student": ["x"] * 4})
    assert ends(pairs, "teacher") == ["silent", "whole", "whole", "whole"]
    pairs["teacher_finish_reason"] = ["length", "length", "stop", None]
    pairs["student_finish_reason"] = "stop"
    assert ends(pairs, "teacher") == ["silent", "cut", "whole", "whole"]


def test_the_manifest_and_the_tables_have_what_was_left_out(tmp_path: Path) -> None:
    found = audited(tmp_path, without([0, 1], "student"))
    assert json.loads(json.dumps(found.certificate.to_json()))["prompts"] == N
    assert "missing" in set(tables_of(found)["costs.parquet"]["adversary"])


def test_a_file_s_words_for_an_end_are_those_of_servers() -> None:
    cut = (
        "length",
        "FinishReason.MAX_TOKENS",
        "Recitation",
        "abort",
        "incomplete",
        "content_filter",
        "timeout",
    )
    assert all(map(was_cut, cut)) and not any(map(was_cut, ("stop", "end_turn", "refusal", "", None, 1.0)))


def test_a_finish_reason_that_nobody_knows_is_told(tmp_path: Path) -> None:
    ends = ["stop", "unheard-of", "length"] * 20
    read = read_answers(write(tmp_path / "a.jsonl", twins(60, teacher_finish_reason=ends)))
    assert "not known, taken for whole answers: 'unheard-of' (20)" in read.understood
    assert "not known" not in read_answers(write(tmp_path / "b.jsonl", twins(60))).understood


@pytest.mark.parametrize("ended", ["finish_reason", "Stop_Reason"])
def test_a_table_of_one_model_says_which_answers_were_cut(tmp_path: Path, ended: str) -> None:
    """Texts are equal: only the column tells a student that is always cut."""
    files = []
    for model, why in (("t", "stop"), ("s", "length")):
        table = [{"prompt": f"What is {i}?", "response": f"said {i}", ended: why} for i in range(60)]
        files.append(write(tmp_path / f"{model}.jsonl", table))
    read = read_answers(*files)
    assert read.cut == {"teacher": 0, "student": 60} and read.identical == 60
    assert audit(read, Settings(epsilon=0.1)).certificate.verdict == "refuted"


def test_two_that_hardly_answered_the_same_prompts_are_not_certified(tmp_path: Path) -> None:
    """Each is silent where the other speaks: nobody could tell, and there is nothing to compare."""
    table = twins(200)
    for i, row in enumerate(table[10:]):
        row["student" if i % 2 else "teacher"] = ""
    with pytest.raises(BadInput, match="10 of 200 prompts have an answer of both.*asked the same"):
        read_answers(write(tmp_path / "a.jsonl", table))
    few = read_answers(write(tmp_path / "b.jsonl", table[:25]))
    assert few.silent == {"teacher": 8, "student": 7}  # fewer than the 10 that both answered
