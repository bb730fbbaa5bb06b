"""Claims: the columns, the paper's numbers, and verdicts that follow the data in both directions."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import synthetic_results as made

from bbi_utils.adversaries.judge import verdicts as judge
from bbi_utils.errors import BadInput
from bbi_utils.files import write_json
from bbi_utils.games.certificate import Certificate, certify
from bbi_utils.paths import RunPaths
from bbi_utils.report import claims, summaries
from bbi_utils.report.claims_text import read_claims
from bbi_utils.study.cli.main import main


@cache
def usual() -> summaries.Tables:
    """All tables of a run; nobody may write into them."""
    found: dict[str, Any] = {"similarity": made.similarity(300), "budget": made.budget(20)}
    found |= {"answers": made.answers(), "likelihoods": made.likelihoods(), "wealth": pd.DataFrame()}
    found |= {"removals": made.removals(60), "tests": watched(40.0, 0.01)}
    return summaries.Tables(**found, **played(made.scores(300), made.judgements(200)))


def played(scores: pd.DataFrame, verdicts: pd.DataFrame) -> dict[str, Any]:
    """The scores with the judge's among them, its verdicts, and the certificates of both."""
    scores = pd.concat([scores, judge.to_scores(verdicts)])
    return {"scores": scores, "judgements": verdicts, "certificates": certificates(scores)}


def tables(**changes: pd.DataFrame) -> summaries.Tables:
    """All tables of a run, some of them exchanged; the certificates are those of the scores."""
    if changes.keys() & {"scores", "judgements"}:
        games = {"scores": made.scores(300), "judgements": made.judgements(200), **changes}
        changes |= played(games["scores"], games["judgements"])
    return replace(usual(), **changes)


def certificates(scores: pd.DataFrame, *, epsilon: float = 0.05) -> list[Certificate]:
    parts = scores[scores["contrast"].isin(["base", "distilled"])].groupby(["pair", "contrast"])
    return [certify(part, epsilon=epsilon) for _, part in parts]


def watched(queries: float, p: float) -> pd.DataFrame:
    rows = [
        (pair, contrast, test, 300, p, queries if test == "sequential" else np.nan)
        for pair in made.PAIRS
        for contrast in ("base", "distilled", "teacher_resample")
        for test in ("sequential", "kernel, embeddings", "kernel, characters")
    ]
    return pd.DataFrame(rows, columns=["pair", "contrast", "test", "n", "p", "queries"])


@pytest.fixture(scope="module")
def frames() -> dict[str, pd.DataFrame]:
    return summaries.summarise(usual())


def row(table: pd.DataFrame, claim: str, pair: str = "qwen") -> pd.Series:
    found = table[table["claim"].str.contains(claim, regex=False) & (table["pair"] == pair)]
    assert len(found) == 1, claim
    return found.iloc[0]


def test_columns_pairs_and_unique_claims(frames: dict[str, pd.DataFrame]) -> None:
    table = claims.claim_table(frames)
    assert list(table.columns) == list(claims.COLUMNS)
    asked = {name for name, claim in claims.all_claims().items() if claim.table != "planted"}
    assert set(table["claim_id"]) == asked and list(dict.fromkeys(table["table"])) == ["paper", "checks"]
    assert set(table.loc[table["claim_id"] == "floor_4bit", "this run"]) == {"—"}  # no teacher in 4 bits
    assert list(dict.fromkeys(table["pair"])) == ["qwen", "llama"]
    assert not table.duplicated(["claim", "pair"]).any() and not table.duplicated(["claim_id", "pair"]).any()
    known = {claims.SUPPORTED, claims.CONTRADICTED, claims.UNDECIDED, claims.PASSED, claims.FAILED, "—"}
    assert set(table["verdict"]) <= known
    assert all(isinstance(value, str) and value for value in table.to_numpy().ravel())


def test_the_papers_numbers_stand_at_their_own_pair_only(frames: dict[str, pd.DataFrame]) -> None:
    table = claims.claim_table(frames)
    assert row(table, "similarity with the teacher, base")["reported"] == "0.788"
    assert row(table, "similarity with the teacher, distilled", "llama")["reported"] == "0.874"
    assert row(table, "judge names the teacher, base")["reported"] == "0.158"
    assert row(table, "judge names the teacher, base", "llama")["reported"] == "—"
    other = {name: frame.assign(pair=frame["pair"].replace("qwen", "mine")) for name, frame in frames.items()}
    beside = row(claims.claim_table(other), "similarity with the teacher, base", "mine")["reported"]
    assert beside == "0.788 (Qwen pair), 0.814 (Llama pair)"


def test_effects_that_were_put_in_are_found(frames: dict[str, pd.DataFrame]) -> None:
    table = claims.claim_table(frames)
    for claim in (
        "raises similarity",
        "base student (strongest)",
        "lowers its advantage",
        "still told apart",
        "differ by category, base",
    ):
        assert row(table, claim)["verdict"] == "supported"


def test_a_reader_meets_the_words_of_the_glossary(frames: dict[str, pd.DataFrame]) -> None:
    said = " ".join(claims.claim_table(frames)["this run"])
    assert not [word for word in ("pairwise", "single", "teacher resample") if word in said]
    assert "two answers" in said and "teacher again" in said


def test_without_any_effect_nothing_is_supported_but_the_null() -> None:
    scores = made.scores(300)
    flat = scores[scores["contrast"] == "teacher_resample"]
    scores = pd.concat([flat.assign(contrast=c) for c in ("base", "distilled", "teacher_resample")])
    verdicts = made.judgements(200)
    flat = verdicts[verdicts["contrast"] == "teacher_resample"]
    verdicts = pd.concat([flat.assign(contrast=c) for c in ("base", "distilled", "teacher_resample")])
    table = claims.claim_table(summaries.summarise(tables(scores=scores, judgements=verdicts)))
    for claim in (
        "base student (strongest)",
        "lowers its advantage",
        "still told apart",
        "judge's advantage (all",
        "by category, base",
    ):
        assert row(table, claim)["verdict"] == "undecided", claim
    assert row(table, "no interval of it lies above 0")["verdict"] == "passed"


def test_a_null_that_is_told_apart_fails_and_is_shown() -> None:
    scores = made.scores(300)
    leak = (scores["contrast"] == "teacher_resample") & (scores["adversary"] == "encoder")
    scores.loc[leak, "correct"] = 1.0
    table = claims.claim_table(summaries.summarise(tables(scores=scores)))
    for claim, verdict in (("by more than ε", "contradicted"), ("no interval of it", "failed")):
        assert row(table, claim)["verdict"] == verdict
        assert "encoder" in row(table, claim)["this run"]


@pytest.mark.parametrize(
    ("guided", "seeds", "verdict"),
    [(0.05, 12, "contradicted"), (-0.05, 12, "supported"), (0.0, 3, "undecided"), (0.05, 3, "undecided")],
)
def test_guided_buying_is_judged_at_every_budget_and_by_its_margin(frames, guided, seeds, verdict) -> None:
    bought = made.budget(20, guided=guided, seeds=seeds)
    kinds = {"": summaries.budget_summary, "_gain": summaries.budget_gain, "_joint": summaries.budget_joint}
    changed = {f"budget{name}": kind(bought) for name, kind in kinds.items()}
    found = row(claims.claim_table(frames | changed), "does not consistently beat")
    assert found["verdict"] == verdict and found["asked"] == "below 0.01"


def test_strongest_is_learned_even_when_length_or_judge_is_better() -> None:
    scores = made.scores(200)
    scores.loc[(scores["adversary"] == "length") & (scores["contrast"] == "base"), "correct"] = 1.0
    found = row(claims.claim_table(summaries.summarise(tables(scores=scores))), "(strongest)")
    assert "length" not in found["this run"] and "judge" not in found["this run"]


def test_a_run_without_checked_content_or_null_has_a_dash_there(frames: dict[str, pd.DataFrame]) -> None:
    bare = {
        name: frame[frame["contrast"] != "teacher_resample"] if "contrast" in frame else frame
        for name, frame in frames.items()
    }
    unchecked = summaries.answer_rates(made.answers().assign(content_correct=np.nan))
    table = claims.claim_table({**bare, "answers": unchecked})
    null = table[table["claim_id"].str.contains("null")]
    assert set(null["this run"]) == set(null["verdict"]) == {"—"}
    assert row(table, "end by themselves, base")["verdict"] == "undecided"  # 199 of 200


def test_certificates_of_base_and_distilled_stand_among_the_claims_with_their_bounds(frames) -> None:
    found, table = usual().certificates, claims.claim_table(frames)
    for arm in ("base", "distilled"):
        line = row(table, f"certificate for ε = 0.05 at q = 1, {arm} student")
        one = next(c for c in found if (c.pair, c.contrast) == ("qwen", arm))
        assert line["this run"].startswith(one.verdict) and line["verdict"] == "—"
        floor, ceiling = (float(end) for end in line["interval"].strip("[]").split(", "))
        assert floor == pytest.approx(max(0.0, *(r.floor for r in one.rows)), abs=5e-4)
        assert ceiling == pytest.approx(one.certified_epsilon, abs=5e-4)


@pytest.mark.parametrize(
    ("queries", "p", "student", "null"),
    [(40.0, 0.01, "supported", "failed"), (np.nan, 0.3, "undecided", "passed")],
)
def test_a_difference_is_to_be_established_for_students_only(frames, queries, p, student, null) -> None:
    table = claims.claim_table(frames | {"tests": watched(queries, p)})
    assert row(table, "prompt by prompt: distilled")["verdict"] == student
    assert row(table, "are not established")["verdict"] == row(table, "no kernel test")["verdict"] == null


def test_always_a_judge_has_first_and_second_cancelling() -> None:
    verdicts = made.judgements(50).assign(log_odds_ab=1.0, log_odds_ba=1.0, consistent=False, correct=0.5)
    orders = summaries.judge_by_order(verdicts).set_index("quantity")["estimate"]
    assert set(orders["teacher_first_advantage"]) == {1.0}
    assert set(orders["teacher_second_advantage"]) == {-1.0}
    drop = summaries.judge_drop(verdicts).set_index("quantity")
    assert (drop.loc["all_pairs_advantage", "drop"] == 0).all()
    assert drop.loc["consistent_advantage", "drop"].isna().all()


def test_judge_drop_is_the_difference_of_the_two_estimates() -> None:
    verdicts = made.judgements(150)
    each = judge.judge_quantities(verdicts).set_index(["pair", "contrast", "quantity"])["estimate"]
    for found in summaries.judge_drop(verdicts).itertuples():
        base, distilled = (each[found.pair, arm, found.quantity] for arm in ("base", "distilled"))
        assert found.drop == pytest.approx(base - distilled)
        assert found.lower < found.drop < found.upper


def test_category_test_is_calibrated_without_and_powerful_with_a_difference() -> None:
    rng = np.random.default_rng(0)
    p_values = []
    for _ in range(60):
        frame = pd.DataFrame({"prompt_id": [f"p{i}" for i in range(100)]})
        frame = frame.assign(pair="qwen", contrast="base", fold=0)
        frame["category"], frame["correct"] = np.arange(100) % 5, rng.integers(0, 2, 100) * 1.0
        p_values.append(summaries.categories_differ(frame.astype({"category": str}), draws=99)["p"].iloc[0])
    assert np.mean(np.array(p_values) <= 0.05) <= 0.15
    assert min(p_values) >= 0.01
    strong = frame.assign(correct=(frame["category"] == 0) * 1.0).astype({"category": str})
    assert summaries.categories_differ(strong, draws=99)["p"].iloc[0] == 0.01


def test_artifacts_are_ranked_by_category_and_agree_with_the_test_on_the_first_three() -> None:
    scores = made.scores(300)
    found = summaries.artifacts_by_category(scores)
    differ = summaries.categories_differ(scores, draws=9).set_index(["pair", "contrast"])["most"]
    for (pair, contrast), part in found.groupby(["pair", "contrast"]):
        assert part["advantage"].is_monotonic_decreasing and part["n"].sum() == 300
        assert contrast != "base" or ", ".join(part["category"][:3]) == differ[pair, contrast]
        assert ((part["lower"] < part["advantage"]) & (part["advantage"] < part["upper"])).all()
    null = found[found["contrast"] == "teacher_resample"]
    assert (null["lower"] < 0).all() and (null["upper"] > 0).all()
    assert (found[found["contrast"] == "base"].groupby("pair")["lower"].max() > 0).all()


def test_t_interval_covers_at_its_level_and_admits_when_it_cannot_know() -> None:
    rng = np.random.default_rng(1)
    inside = [lo < 0 < hi for _, lo, hi in (summaries.mean_interval(rng.normal(size=4)) for _ in range(600))]
    assert 0.92 < np.mean(inside) < 0.98
    assert np.isnan(summaries.mean_interval([0.3])[1:]).all()


def test_budget_gain_of_the_reference_shape_and_missing_reference() -> None:
    gain = summaries.budget_gain(made.budget(5))
    assert "stratified_random" not in set(gain["strategy"])
    assert set(gain["budget"]) == {0, 125, 250, 500, 1000}
    of = gain[(gain["pair"] == "qwen") & (gain["strategy"] == "diversity")].set_index("budget")["gain"]
    assert of[0] == pytest.approx(of[[125, 250, 500, 1000]].mean())
    with pytest.raises(BadInput, match="stratified_random"):
        summaries.budget_gain(made.budget(5).query("strategy != 'stratified_random'"))


def written_run(folder: Path, whole: summaries.Tables) -> None:
    """The files of a run of both pairs."""
    for one in whole.certificates:
        write_json(RunPaths(folder, one.pair).certificate(one.contrast), one.to_json())
    for pair in made.PAIRS:
        settings = {"TEACHER": "a/teacher", "STUDENT": "a/student", "CONFIDENCE": 0.9, "SEED": 3}
        write_json(RunPaths(folder, pair).settings, settings)
        for name in (field.name for field in fields(whole) if field.name != "certificates"):
            frame = getattr(whole, name)
            frame[frame["pair"] == pair].to_parquet(folder / pair / f"{name}.parquet")


def test_tables_and_certificates_are_read_from_a_run_and_a_missing_one_is_named(tmp_path: Path) -> None:
    whole = tables(wealth=watched(9.0, 0.5))
    written_run(tmp_path, whole)
    read = summaries.load_tables(summaries.table_files(tmp_path, made.PAIRS))
    assert len(read.scores) == len(whole.scores)
    assert sorted(read.certificates, key=str) == sorted(whole.certificates, key=str)
    for missing in ("llama/certificate_base.json", "llama/budget.parquet"):
        (tmp_path / missing).unlink()
        with pytest.raises(BadInput, match=missing):
            summaries.table_files(tmp_path, made.PAIRS)


def test_one_command_judges_a_run_anew_from_its_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = {"scores": made.scores(80), "judgements": made.judgements(80), "similarity": made.similarity(80)}
    whole, run = tables(wealth=watched(9.0, 0.5), **small), RunPaths(tmp_path)
    assert main(["claims", "--run-dir", str(tmp_path)]) == 2
    assert "holds no run of any pair" in capsys.readouterr().err
    written_run(tmp_path, whole)
    assert main(["claims", "--run-dir", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "The paper's claims: " in said and "Our own checks: " in said and claims.NOTE in said
    read = summaries.load_tables(summaries.table_files(tmp_path, made.PAIRS))
    expected = claims.claim_table(summaries.summarise(read, confidence=0.9, seed=3), confidence=0.9)
    assert read_claims(run.claims) == expected.to_dict("records")
    before = run.claims.read_bytes()
    (tmp_path / "llama" / "scores.parquet").unlink()
    assert main(["claims", "--run-dir", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "llama/scores.parquet: no such table" in error and error.count("\n") == 1
    assert run.claims.read_bytes() == before
    assert main(["claims", "--run-dir", str(tmp_path), "--pair", "qwen"]) == 0
    assert {row["pair"] for row in read_claims(run.claims)} == {"qwen"}


def test_what_takes_weight_from_a_gain_stands_beside_its_claim(frames: dict[str, pd.DataFrame]) -> None:
    alike, again = frames["similarity"], frames["similarity"]["quantity"] == "teacher_resample"
    base = alike[alike["quantity"] == "base"].assign(quantity="teacher_resample")
    less = {**frames, "similarity": pd.concat([alike[~again], base])}
    beside = row(claims.claim_table(less), "raises similarity")
    plain = row(claims.claim_table({**frames, "similarity": alike[~again]}), "raises similarity")
    assert beside["this run"].startswith(f"{plain['this run']}. By estimate the student is nearer")
    assert beside["this run"].endswith("similarity says little here") and beside["verdict"] == "supported"
