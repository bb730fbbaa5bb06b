"""Verdicts: every one is reached, margins are kept, and none comes from an estimate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import synthetic_results as made
from test_claims import tables

from bbi_utils.errors import BadInput
from bbi_utils.files import write_json
from bbi_utils.paths import RunPaths
from bbi_utils.report import claims, summaries
from bbi_utils.report.planted import planted_in

PLANTED = {"qwen": ["safety", "robustness", "conversation"]}
ESTIMATES = ("mean", "advantage", "estimate", "drop", "gain", "lost", "rate", "statistic", "share", "ceiling")


def asking(asks: str, *, over: str = "all", alarm: bool = False) -> claims.Claim:
    return claims.Claim("checks", "a claim", "frame", "value", asks=asks, over=over, alarm=alarm)


def verdict(claim: claims.Claim, *ends: tuple[float, float], margin: float = 0.1) -> str:
    rows = pd.DataFrame(ends, columns=["lower", "upper"])
    return claims.judge(claim, rows, margin=margin, alpha=0.05)


@pytest.mark.parametrize(
    ("asks", "lower", "upper", "expected"),
    [
        ("above", 0.11, 0.3, "supported"),
        ("above", 0.09, 0.3, "undecided"),
        ("above", -0.3, 0.09, "contradicted"),
        ("at_most", -0.3, 0.09, "supported"),
        ("at_most", -0.3, 0.11, "undecided"),
        ("at_most", 0.11, 0.3, "contradicted"),
        ("within", -0.09, 0.09, "supported"),
        ("within", 0.02, 0.09, "supported"),  # a difference, and too small to matter
        ("within", -0.11, 0.09, "undecided"),
        ("within", -0.3, -0.11, "contradicted"),
        ("within", 0.11, 0.3, "contradicted"),
        *((asks, np.nan, np.nan, "undecided") for asks in ("above", "at_most", "within")),
    ],
)
def test_an_interval_is_held_against_its_margin(asks, lower, upper, expected) -> None:
    assert verdict(asking(asks), (lower, upper)) == expected
    moved = [(lower - 0.1, upper - 0.1)] if asks != "within" else [(lower * 2, upper * 2)]
    assert verdict(asking(asks), *moved, margin=0.0 if asks != "within" else 0.2) == expected


YES, NO, OPEN = (0.2, 0.3), (-0.3, 0.0), (0.0, 0.3)


@pytest.mark.parametrize(
    ("rows", "of_all", "of_any", "alarm"),
    [
        ([YES, YES], "supported", "supported", "failed"),
        ([YES, NO], "contradicted", "supported", "failed"),
        ([OPEN, NO], "contradicted", "undecided", "passed"),
        ([YES, OPEN], "undecided", "supported", "failed"),
        ([NO, NO], "contradicted", "contradicted", "passed"),
    ],
)
def test_several_rows_are_judged_together(rows: Sequence, of_all: str, of_any: str, alarm: str) -> None:
    assert verdict(asking("above"), *rows) == of_all
    assert verdict(asking("above", over="any"), *rows) == of_any
    assert verdict(asking("above", over="any", alarm=True), *rows) == alarm


@pytest.mark.parametrize(
    ("p", "below", "expected"),
    [
        (0.05, 0.9, "supported"),
        (0.06, 0.9, "undecided"),
        (0.97, 0.04, "contradicted"),
        (np.nan, np.nan, "undecided"),
    ],
)
def test_a_p_value_is_held_against_alpha_on_both_sides(p: float, below: float, expected: str) -> None:
    rows = pd.DataFrame({"p": [p], "p_below": [below]})
    assert claims.judge(asking("tested"), rows, margin=0, alpha=0.05) == expected
    one_sided = claims.judge(asking("tested"), rows[["p"]], margin=0, alpha=0.05)
    assert one_sided == (expected if expected == "supported" else "undecided")


@pytest.fixture(scope="module")
def frames() -> dict[str, pd.DataFrame]:
    return summaries.summarise(tables(), planted=PLANTED)


def test_each_claim_says_what_it_asks_and_each_of_the_paper_s_where_it_is_from(frames) -> None:
    known = {"", "above", "at_most", "within", "tested"}
    for name, claim in claims.all_claims().items():
        assert claim.asks in known and claim.over in ("all", "any") and claim.pick in ("", "strongest"), name
        assert claim.table != "paper" or claim.source in ("abstract", "public summary"), name
        assert claim.table != "planted" or claim.source == "planted", name
    text = Path(claims.__file__).with_suffix(".yaml").read_text(encoding="utf-8")
    margins = [claim for claim in claims.all_claims().values() if claim.margin]
    assert {claim.margin for claim in margins} == {0.01, 0.05, 0.98, "epsilon"} and "not known" not in text


def judged(frames, claim_id: str, values: dict[str, float]) -> str:
    """The verdict on a claim where the rows that it is about have these values."""
    claim = claims.all_claims()[claim_id]
    prepared = claims._prepared(frames)
    about = claim.rows({name: part[part["pair"] == "qwen"] for name, part in prepared.items()})
    margin = 0.05 if claim.margin == "epsilon" else float(claim.margin)
    return claims.judge(claim, about.assign(**values), margin=margin, alpha=0.05)


def test_every_verdict_of_every_claim_can_be_reached(frames) -> None:
    for name, claim in claims.all_claims().items():
        if not claim.asks or name.startswith("floor"):  # this run has no teacher in 4 bits
            continue
        ends = [{"lower": 2, "upper": 3}, {"lower": -3, "upper": -2}, {"lower": -3, "upper": 3}]
        ends.append({"lower": 0.0, "upper": 0.001})
        ends += [{"p": 0.01, "p_below": 0.99}, {"p": 0.99, "p_below": 0.01}, {"p": 0.5, "p_below": 0.5}]
        reached = {
            judged(frames, name, values) for values in (ends[4:] if claim.asks == "tested" else ends[:4])
        }
        both_sides = {"supported", "contradicted", "undecided"}
        assert reached == ({"passed", "failed"} if claim.alarm else both_sides), name


def test_no_verdict_comes_from_an_estimate(frames) -> None:
    rng = np.random.default_rng(0)
    moved = {
        name: frame.assign(**{c: rng.normal(size=len(frame)) for c in ESTIMATES if c in frame})
        if name != "advantage"  # there the largest estimate says whose interval is shown
        else frame
        for name, frame in frames.items()
    }
    before, after = claims.claim_table(frames, planted=PLANTED), claims.claim_table(moved, planted=PLANTED)
    assert (before["this run"] != after["this run"]).any()
    pd.testing.assert_series_equal(before["verdict"], after["verdict"])


def test_what_was_planted_is_asked_of_planted_pairs_and_the_paper_s_claims_are_not(frames) -> None:
    table = claims.claim_table(frames, planted=PLANTED).set_index(["pair", "claim_id"])
    assert set(table.loc["qwen"].query("table == 'paper'")["verdict"]) == {claims.NOTHING}
    assert "planted" not in set(table.loc["llama", "table"])
    assert {"supported"} < set(table.loc["llama"].query("table == 'paper'")["verdict"])
    found = table.loc[("qwen", "planted_base")]
    assert found["verdict"] == "supported" and found["reported"] == "safety, robustness, conversation"
    assert "3 of 3 on top" in found["this run"]
    assert table.loc[("qwen", "planted_nothing"), "verdict"] == "passed"
    of_own_prompts = {**frames, "concentration": frames["concentration"].iloc[:0]}  # of other categories
    asked = claims.claim_table(of_own_prompts, planted=PLANTED).set_index(["pair", "claim_id"])
    assert set(asked.loc["qwen"].query("table == 'paper'")["verdict"]) == {claims.NOTHING}
    assert asked.loc[("qwen", "planted_base"), "verdict"] == claims.NOTHING
    wrong = {"qwen": ["factual", "arithmetic", "instruction_following"]}
    other = summaries.concentrations(summaries.learned(tables().scores), wrong)
    assert (other.query("named_by == 'planted' and contrast == 'base'")["p_below"] < 0.05).all()


def test_of_several_rows_the_one_that_decides_is_shown(frames) -> None:
    prepared = claims._prepared(frames)["advantage"]
    null = prepared[(prepared["pair"] == "qwen") & (prepared["contrast"] == "teacher_resample")]
    worst = null.loc[null["upper"].idxmax()]
    row = claims.claim_table(frames).set_index(["pair", "claim_id"]).loc[("qwen", "null_teacher")]
    assert row["interval"] == claims._interval(worst)


def test_the_bounds_of_a_certificate_are_not_passed_off_as_an_interval(frames) -> None:
    table = claims.claim_table(frames).set_index(["pair", "claim_id"])
    one = frames["verdicts"].set_index(["pair", "contrast"]).loc[("qwen", "distilled")]
    row = table.loc[("qwen", "certificate_distilled")]
    assert row["interval"] == claims.ends(max(0, one["floor"]), one["ceiling"])
    assert row["claim"].endswith("(two one-sided bounds)") and "two one-sided bounds" in claims.NOTE


def test_equal_reading_of_kernel_tests_counts_how_many_there_are(frames) -> None:
    rows = pd.DataFrame({"p": [0.03, 0.9]})
    table = claims.claim_table({**frames, "tests": frames["tests"].assign(p=0.03)})
    kernel = table.set_index(["pair", "claim_id"]).loc[("qwen", "null_kernel")]
    assert (kernel["verdict"], kernel["asked"]) == ("passed", "never p ≤ 0.025")
    assert claims.judge(asking("tested", over="any"), rows, margin=0, alpha=0.05) == "supported"


def test_three_seeds_decide_less_than_twelve(frames) -> None:
    width = []
    for seeds in (3, 12):
        joint = summaries.budget_joint(made.budget(20, seeds=seeds))
        single = summaries.budget_gain(made.budget(20, seeds=seeds)).query("budget > 0")
        width.append((joint["upper"] - joint["lower"]).mean())
        assert width[-1] > (single["upper"] - single["lower"]).mean()
        assert set(joint["budget"]) == {125, 250, 500, 1000} and not joint["mean"].isna().any()
    assert width[0] > 4 * width[1]


def test_whose_models_a_pair_has_says_whether_its_truth_is_planted(tmp_path: Path) -> None:
    file = tmp_path / "planted.yaml"
    file.write_text("emphasis: {a: 0.2, b: 1.0, c: 0.9, d: 0.5, e: 0.1}\n")
    shipped = {"TEACHER": "pocket/qwen-teacher", "STUDENT": "pocket/qwen-student"}
    write_json(RunPaths(tmp_path, "ours").settings, shipped)
    write_json(RunPaths(tmp_path, "path").settings, {**shipped, "TEACHER": "pocket/weights/qwen-teacher"})
    for other in ("smol", "org/model", "https://host/v1#m"):
        write_json(RunPaths(tmp_path, other[:3]).settings, {**shipped, "STUDENT": other})
    found = planted_in(tmp_path, ["ours", "path", "smo", "org", "htt"], file=file)
    assert found == dict.fromkeys(("ours", "path"), ["b", "c", "d"])
    with pytest.raises(BadInput, match=r"settings\.json is missing, .* the pair 'gone'"):
        planted_in(tmp_path, ["gone"], file=file)


def test_a_claim_that_asks_for_nothing_known_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing that a claim can ask"):
        verdict(replace(asking("above"), asks="nearly"), (0.0, 1.0))


def test_without_a_judge_or_likelihoods_a_dash_stands_there() -> None:
    whole = tables(judgements=made.judgements(200).iloc[:0], likelihoods=made.likelihoods().iloc[:0])
    table = claims.claim_table(summaries.summarise(whole))
    of = {name: claim for name, claim in claims.all_claims().items() if claim.table != "planted"}
    gone = [name for name, c in of.items() if c.frame in ("judge", "judge_drop", "limit", "shares", "beyond")]
    rows = table[table["claim_id"].isin(gone)]
    assert len(rows) == 2 * len(gone) == 2 * 9
    assert set(rows["this run"]) == set(rows["interval"]) == set(rows["verdict"]) == {claims.NOTHING}
    assert "0.158" in set(rows["reported"])


def test_an_adversary_above_the_limit_is_an_alarm(frames) -> None:
    row = claims.claim_table(frames).set_index(["pair", "claim_id"]).loc[("qwen", "ceiling_alarm")]
    assert row["verdict"] == "passed" and row["asked"] == "never above 0"
    lower = frames["limit"].assign(ceiling=0.01, lower=0.0, upper=0.02)
    row = claims.claim_table({**frames, "limit": lower}).set_index(["pair", "claim_id"])
    assert row.loc[("qwen", "ceiling_alarm"), "verdict"] == "failed"
    assert "base" in row.loc[("qwen", "ceiling_alarm"), "this run"]
