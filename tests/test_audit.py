"""Audits of recorded answers, certificates of scores: verdicts, exit statuses, no half-written files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from recorded_files import Rows, answers, rows, write

from bbi_utils.adversaries import cheap_adversaries
from bbi_utils.adversaries.features import LengthAdversary
from bbi_utils.adversaries.ngrams import WORD_GRAMS, GramCounts, NgramAdversary
from bbi_utils.errors import BadInput, OutOfMemory
from bbi_utils.files import sha256_file
from bbi_utils.games.certificate import certify
from bbi_utils.report import audit_files
from bbi_utils.report.audit import Audit, Settings, audit
from bbi_utils.report.figures import save_figure, verdict_figure
from bbi_utils.report.text import render_audit
from bbi_utils.responses.recorded import read_answers
from bbi_utils.study.cli.main import main


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two adversaries instead of all: enough for everything but their strength."""
    words = GramCounts(WORD_GRAMS)
    makers = {
        "length": LengthAdversary,
        "word_ngrams": lambda: NgramAdversary("word_ngrams", words),
    }
    monkeypatch.setattr("bbi_utils.report.audit.cheap_adversaries", lambda own=(): dict(makers))


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """No figures, which take most of the time of a small audit."""
    monkeypatch.setattr(audit_files, "figures_of", lambda audit, tables: {})


def identical(n: int = 60) -> Rows:
    return [{**row, "student": row["teacher"]} for row in rows(n)]


def null(n: int, seed: int = 10) -> Rows:
    return rows(n, teacher=answers(n, seed=seed), student=answers(n, seed=seed + 1))


def audited(folder: Path, table: Rows, *, epsilon: float = 0.1, **settings: object) -> Audit:
    return audit(read_answers(write(folder / "answers.jsonl", table)), Settings(epsilon=epsilon, **settings))  # type: ignore[arg-type]


def test_a_strong_difference_is_refuted_by_the_default_adversaries(tmp_path: Path) -> None:
    found = audited(tmp_path, rows(80))
    assert found.certificate.verdict == "refuted"
    assert set(found.scores["adversary"]) == {*cheap_adversaries(), "together"}
    assert found.kernel.p_value < 0.01 and found.sequential.queries is not None
    assert all(row.seconds is not None and row.seconds > 0 for row in found.certificate.rows)


def test_identical_answers_have_exactly_no_advantage(tmp_path: Path) -> None:
    found = audited(tmp_path, identical(80))
    rows_found = found.certificate.rows
    assert len(rows_found) >= 8 and all(row.advantage == 0.0 for row in rows_found)
    assert found.certificate.verdict != "refuted"
    assert found.kernel.p_value == 1.0 and found.sequential.queries is None
    assert "80 prompts (100%) have identical answers, which are ties" in render_audit(found)


@pytest.mark.usefixtures("cheap")
def test_a_null_file_is_not_refuted_at_any_of_several_seeds(tmp_path: Path) -> None:
    verdicts = [audited(tmp_path, null(100, seed=10 * i)).certificate.verdict for i in range(6)]
    assert "refuted" not in verdicts


@pytest.mark.usefixtures("cheap")
def test_the_null_is_reported_beside_the_student(tmp_path: Path) -> None:
    again = answers(80, seed=7, openers=(0.8, 0.2, 0.0, 0.0))
    found = audited(tmp_path, rows(80, teacher_2=again))
    assert found.null is not None and found.null.contrast == "teacher_resample"
    assert max(row.floor for row in found.null.rows) < 0.1 < max(row.floor for row in found.certificate.rows)
    said = render_audit(found)
    assert "null, teacher against teacher_2" in said and "warning" not in said
    assert set(found.scores["contrast"]) == set(found.costs["contrast"]) == {"student", "teacher_resample"}


@pytest.mark.usefixtures("cheap")
def test_a_teacher_told_from_itself_is_a_warning(tmp_path: Path) -> None:
    other = answers(80, seed=7, openers=(0.0, 0.0, 0.2, 0.8))
    assert "warning: the teacher is told from itself" in render_audit(
        audited(tmp_path, rows(80, teacher_2=other))
    )


@pytest.mark.usefixtures("cheap")
def test_what_was_silent_or_grouped_is_said(tmp_path: Path) -> None:
    table = rows(60)
    table[0]["teacher"], table[1]["student"], table[3]["prompt"] = None, " ", table[2]["prompt"].upper()
    said = render_audit(audited(tmp_path, table))
    assert "no answer of the teacher to 1, of the student to 1: silence counts as an answer" in said
    assert "only 59 groups of prompts" in said


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize("game", ["single", "pairwise"])
def test_one_game_alone(tmp_path: Path, game: str) -> None:
    found = audited(tmp_path, rows(60), game=game)
    assert {row.game for row in found.certificate.rows} == {game}
    assert len(audit_files.figures_of(found, audit_files.tables_of(found))) == 5


@pytest.mark.usefixtures("cheap")
def test_few_prompts_take_fewer_folds(tmp_path: Path) -> None:
    groups = [f"g{i % 5}" for i in range(30)]
    assert audited(tmp_path, rows(30, group=groups)).scores["fold"].nunique() == 2


@pytest.mark.usefixtures("cheap")
def test_the_format_of_the_file_does_not_matter(tmp_path: Path) -> None:
    tables = []
    for suffix in (".jsonl", ".csv", ".parquet"):
        read = read_answers(write(tmp_path / f"answers{suffix}", rows(40)))
        tables.append(audit(read, Settings(epsilon=0.1)).scores)
    assert tables[0].equals(tables[1]) and tables[0].equals(tables[2])


@pytest.mark.usefixtures("cheap")
def test_the_command_writes_everything_and_exits_1_when_refuted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = write(tmp_path / "answers.csv", rows(80, teacher_2=answers(80, seed=3))), tmp_path / "out"
    assert main(["audit", str(source), "--epsilon", "0.1", "--out", str(out)]) == 1
    said = capsys.readouterr()
    assert said.err == "" and "refuted at ε = 0.1" in said.out and str(out) in said.out
    certificate = json.loads((out / "certificate.json").read_text())
    assert certificate["verdict"] == "refuted" and certificate["pair"] == "answers"
    where = json.loads((out / "where.json").read_text())
    assert {'opens with "I think"', 'says "think"'} <= {habit["habit"] for habit in where["habits"]}
    assert f"{where['habits'][0]['habit']}: " in said.out
    assert len(where["examples"]) == 2 and "example 1, on which" in said.out
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["inputs"] == {"answers.csv": sha256_file(source)}
    for name, digest in manifest["outputs"].items():
        assert sha256_file(out / name) == digest
    drawn = {file.stem for file in (out / "figures").glob("*.pdf")}
    assert drawn == {"verdict", "queries", "wealth", "categories", "lengths"}
    assert not list(out.glob(".*"))


@pytest.mark.usefixtures("cheap", "undrawn")
def test_the_exit_status_is_the_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = write(tmp_path / "answers.jsonl", identical(80)), str(tmp_path / "out")
    assert main(["audit", str(source), "--epsilon", "0.2", "--out", out]) == 0
    assert "certified: ε ≤" in capsys.readouterr().out
    assert main(["audit", str(source), "--epsilon", "0.001", "--out", out]) == 3
    assert "inconclusive at ε = 0.001" in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "certificate.json").read_text())["verdict"] == "inconclusive"


@pytest.mark.usefixtures("cheap")
def test_a_second_audit_replaces_the_first_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = write(tmp_path / "a.jsonl", rows(40, teacher_2=answers(40, seed=3))), tmp_path / "out"
    first = audit(read_answers(source), Settings(epsilon=0.1))
    drawn = {"verdict": verdict_figure(first.certificate)}
    monkeypatch.setattr(audit_files, "figures_of", lambda *_: {**drawn, "categories": drawn["verdict"]})
    audit_files.write_audit(first, out, sources=[source])
    (out / "notes.txt").write_text("mine")
    assert (out / "certificate_null.json").exists() and (out / "figures" / "categories.pdf").exists()
    monkeypatch.setattr(audit_files, "figures_of", lambda *_: drawn)
    second = replace(first, null=None)
    assert audit_files.write_audit(second, out, sources=[source])[0] == out / "certificate.json"
    assert not (out / "certificate_null.json").exists()
    assert {file.stem for file in (out / "figures").glob("*.pdf")} == {"verdict"}
    assert (out / "notes.txt").read_text() == "mine"
    listed = [row["name"] for row in json.loads((out / "figures" / "MANIFEST.json").read_text())]
    assert listed == ["verdict"]


@pytest.mark.usefixtures("cheap", "undrawn")
@pytest.mark.parametrize("broken", ["figures_of", "_manifest"])
def test_a_failure_leaves_the_older_audit_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    source, out = write(tmp_path / "answers.jsonl", rows(40)), tmp_path / "out"
    call = ["audit", str(source), "--epsilon", "0.1", "--game", "single", "--out", str(out)]
    assert main(call) == 1
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "x")

    monkeypatch.setattr(audit_files, broken, full)
    assert main([*call, "--seed", "1"]) == 2
    assert main([*call, "--out", str(tmp_path / "new")]) == 2 and not (tmp_path / "new").exists()
    assert {file: file.read_bytes() for file in out.rglob("*") if file.is_file()} == before


BAD_CALLS: dict[str, tuple[list[str], str]] = {
    "no epsilon": ([], "--epsilon"),
    "epsilon 0": (["--epsilon", "0"], "expected a number between 0 and 1"),
    "epsilon 1": (["--epsilon", "1"], "expected a number between 0 and 1"),
    "epsilon nan": (["--epsilon", "nan"], "expected a number between 0 and 1"),
    "epsilon in words": (["--epsilon", "small"], "'small'"),
    "confidence in percent": (["--epsilon", "0.1", "--confidence", "95"], "--confidence"),
    "unknown game": (["--epsilon", "0.1", "--game", "chess"], "invalid choice"),
    "one fold": (["--epsilon", "0.1", "--folds", "1"], "1 folds"),
    "negative seed": (["--epsilon", "0.1", "--seed", "-1"], "seed -1"),
    "huge seed": (["--epsilon", "0.1", "--seed", str(2**32)], "from 0 to 2147483647"),
    "confidence of all but 1": (["--epsilon", "0.1", "--confidence", f"{1 - 1e-15}"], "confidence 1;"),
    "name in no encoding": (["--epsilon", "0.1", "--name", "a\udc80"], "control characters"),
    "no own adversary": (["--epsilon", "0.1", "--own", "mine.py:Mine"], "mine.py"),
    "too few prompts": (["--epsilon", "0.1"], "at least 20"),
}


@pytest.mark.parametrize("case", BAD_CALLS)
def test_bad_input_is_one_line_2_and_nothing_written(
    tmp_path: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, message = BAD_CALLS[case]
    source = write(tmp_path / "answers.jsonl", rows(10 if case == "too few prompts" else 30))
    assert main(["audit", str(source), *arguments, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and message in said.err
    assert sorted(tmp_path.iterdir()) == [source]


def test_the_folder_asked_for_must_not_be_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write(tmp_path / "answers.jsonl", rows(30))
    assert main(["audit", str(source), "--epsilon", "0.1", "--out", str(source)]) == 2
    assert "is a file" in capsys.readouterr().err


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize("in_the_way", ["figures", "scores.parquet"])
def test_what_is_in_the_way_is_named_before_anything_is_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_the_way: str
) -> None:
    source, out = write(tmp_path / "answers.jsonl", rows(40)), tmp_path / "out"
    done = audit(read_answers(source), Settings(epsilon=0.1))
    drawn = {"verdict": verdict_figure(done.certificate)}
    monkeypatch.setattr(audit_files, "figures_of", lambda *_: drawn)
    out.mkdir()
    (out / "certificate.json").write_text("{}")
    if in_the_way == "figures":
        (out / in_the_way).write_text("a file")
    else:
        (out / in_the_way).mkdir()
    with pytest.raises(BadInput, match=f"{in_the_way} is in the way"):
        audit_files.write_audit(done, out, sources=[source])
    assert sorted(file.name for file in out.iterdir()) == ["certificate.json", in_the_way]


@pytest.mark.usefixtures("cheap")
def test_twenty_prompts_with_odd_categories_are_audited_and_drawn(tmp_path: Path) -> None:
    odd = ("$x_1^{$", "\\frac{ 漢字", "long " * 1000)
    source = write(tmp_path / "a.jsonl", rows(20, category=[odd[i % 3] for i in range(20)]))
    done = audit(read_answers(source), Settings(epsilon=0.1, name="$x^{$" * 40))
    assert done.sequential.queries is None and set(done.sequential.wealth) == {1.0}
    drawn = audit_files.figures_of(done, audit_files.tables_of(done))
    save_figure(drawn["categories"], "categories", tmp_path, notebook="audit", inputs=[source])
    assert (tmp_path / "categories.pdf").is_file()


@pytest.mark.usefixtures("cheap", "undrawn")
@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (ZeroDivisionError("a fault"), 70, "Traceback"),
        (MemoryError(), 2, "error: out of memory"),
        (OutOfMemory("m ran out of memory; lower batch_size"), 2, "error: m ran out of memory; lower"),
        (ModuleNotFoundError("no", name="numpy"), 2, "package numpy is missing; set up"),
    ],
)
def test_what_goes_wrong_never_ends_with_the_status_of_a_verdict(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    status: int,
    said: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("bbi_utils.report.audit.audit", fail)
    source, out = write(tmp_path / "answers.jsonl", rows(40)), tmp_path / "out"
    assert main(["audit", str(source), "--epsilon", "0.1", "--out", str(out)]) == status
    assert said in capsys.readouterr().err and not out.exists()


def scores(advantage: float, *, n: int = 400, **labels: str) -> pd.DataFrame:
    """Pairwise scores of one adversary with almost exactly this advantage."""
    right = np.arange(n) < round(n * (1 + advantage) / 2)
    table: dict[str, object] = {"pair": "p", "contrast": "base", "adversary": "a", "game": "pairwise"}
    table |= {"category": "c", "fold": 0, "score": 1.0, **labels}
    return pd.DataFrame(
        {**table, "prompt_id": [f"id{i:03}" for i in range(n)], "correct": right.astype(float)}
    )


def test_the_verdict_figure_draws_every_bound_and_epsilon() -> None:
    table = pd.concat([scores(0.3), scores(0.1, adversary="b")])
    student = certify(table.assign(contrast="student"), epsilon=0.15)
    null = certify(table.assign(contrast="teacher_resample", correct=0.5), epsilon=0.15)
    figure = verdict_figure(student, null)
    drawn = [tuple(float(x) for x in line.get_xdata()) for line in figure.axes[0].lines]  # type: ignore[union-attr]
    for row in (*student.rows, *null.rows):
        assert (row.lower, row.upper) in drawn and (row.advantage,) in drawn
    assert (0.15, 0.15) in drawn and (0.0, 0.0) in drawn
    assert "student: refuted at ε = 0.15" in figure.get_label() and "teacher again" in figure.get_label()
    assert "teacher again" not in verdict_figure(student).get_label()


def legend(figure: Figure) -> str:
    return "; ".join(text.get_text() for text in figure.legends[0].get_texts())


def test_the_verdict_figure_draws_the_limit_of_one_query_and_of_no_other() -> None:
    table = scores(0.3).assign(contrast="base")
    limit = pd.DataFrame(
        {"pair": table["pair"].iloc[0], "contrast": ["base", "distilled"], "game": "pairwise",
         "category": "all", "n": 300, "ceiling": [0.7, 0.2], "lower": [0.6, 0.1], "upper": [0.8, 0.3]}
    )  # fmt: skip
    figure = verdict_figure(certify(table, epsilon=0.15), limit=limit)
    drawn = [tuple(float(x) for x in line.get_xdata()) for line in figure.axes[0].lines]  # type: ignore[union-attr]
    assert (0.6, 0.8) in drawn and (0.1, 0.3) not in drawn and "the limit" in legend(figure)
    two = verdict_figure(certify(table.assign(shown="pair"), epsilon=0.15, q=2), limit=limit)
    assert "the limit" not in legend(two)


def certified(folder: Path, table: pd.DataFrame, *arguments: str, epsilon: float = 0.2) -> int:
    table.to_parquet(folder / "scores.parquet")
    return main(["certify", str(folder / "scores.parquet"), "--epsilon", str(epsilon), *arguments])


@pytest.mark.parametrize(("advantage", "status"), [(0.0, 0), (0.6, 1), (0.2, 3)])
def test_certify_exits_with_the_verdict_and_writes_it(tmp_path: Path, advantage: float, status: int) -> None:
    assert certified(tmp_path, scores(advantage)) == status
    verdict = json.loads((tmp_path / "certificate.json").read_text())["verdict"]
    assert {"certified": 0, "refuted": 1, "inconclusive": 3}[verdict] == status


def test_certify_takes_scores_as_csv(tmp_path: Path) -> None:
    table = scores(0.6)
    table.to_csv(tmp_path / "scores.csv", index=False)
    assert main(["certify", str(tmp_path / "scores.csv"), "--epsilon", "0.2"]) == 1
    said = (tmp_path / "certificate.json").read_text()
    assert certified(tmp_path, table) == 1 and (tmp_path / "certificate.json").read_text() == said


def test_certify_takes_one_pair_and_contrast_with_its_costs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = pd.concat([scores(0.6), scores(0.0, contrast="teacher_resample")])
    assert certified(tmp_path, both) == 2
    assert "choose --contrast base or teacher_resample" in capsys.readouterr().err
    assert certified(tmp_path, both, "--contrast", "distilled") == 2
    assert "it has base, teacher_resample" in capsys.readouterr().err
    assert not (tmp_path / "certificate.json").exists()
    costs = {"pair": "p", "contrast": ["base", "teacher_resample"], "adversary": "a", "parameters": [3, 4]}
    pd.DataFrame({**costs, "fit_seconds": 1.0, "score_seconds": [0.5, 9.0]}).to_parquet(
        tmp_path / "costs.parquet"
    )
    out = tmp_path / "mine.json"
    assert certified(tmp_path, both, "--contrast", "base", "--out", str(out)) == 1
    row = json.loads(out.read_text())["rows"][0]
    assert (row["seconds"], row["parameters"]) == (1.5, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"correct": 0.7}, "not 0, 0.5 or 1"),
        ({"correct": np.nan}, "not 0, 0.5 or 1"),
        ({"score": np.nan}, "finite"),
        ({"prompt_id": "same"}, "one row per prompt"),
    ],
)
def test_certify_gives_no_verdict_on_broken_scores(
    tmp_path: Path, change: dict[str, object], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert certified(tmp_path, scores(0.0).assign(**change)) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and message in said.err
    assert [file.name for file in tmp_path.iterdir()] == ["scores.parquet"]


def test_certify_wants_a_pair_for_every_score_and_finite_costs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert certified(tmp_path, scores(0.0).assign(pair=[None, *["p"] * 399])) == 2
    assert "1 scores have no pair" in capsys.readouterr().err
    costs = {"adversary": ["a"], "fit_seconds": 1.0, "score_seconds": 1.0, "parameters": np.inf}
    pd.DataFrame(costs).to_parquet(tmp_path / "costs.parquet")
    assert certified(tmp_path, scores(0.0)) == 2
    assert "parameters must be a finite number" in capsys.readouterr().err


@pytest.mark.parametrize("out", [".", "scores.parquet"])
def test_certify_writes_over_nothing_but_a_file_of_its_own(
    tmp_path: Path, out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert certified(tmp_path, scores(0.0), "--out", str(tmp_path / out)) == 2
    assert "no file that a certificate may replace" in capsys.readouterr().err
    assert len(pd.read_parquet(tmp_path / "scores.parquet")) == 400


@pytest.mark.usefixtures("cheap", "undrawn")
def test_the_answers_are_never_written_over(tmp_path: Path) -> None:
    source = write(tmp_path / "wealth.parquet", rows(40))
    with pytest.raises(BadInput, match="would write over .*wealth.parquet"):
        audit_files.write_audit(
            audit(read_answers(source), Settings(epsilon=0.1)), tmp_path, sources=[source]
        )
    assert list(tmp_path.iterdir()) == [source]


def test_certify_needs_a_readable_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.parquet").write_text("no table")
    scores(0.0).drop(columns="correct").to_parquet(tmp_path / "lacking.parquet")
    scores(0.0).head(0).to_parquet(tmp_path / "empty.parquet")
    cases = {
        "text": "cannot be read",
        "lacking": "lacks correct",
        "empty": "no rows",
        "missing": "no such file",
    }
    for name, message in cases.items():
        assert main(["certify", str(tmp_path / f"{name}.parquet"), "--epsilon", "0.1"]) == 2
        assert message in capsys.readouterr().err
    assert main(["certify", str(tmp_path), "--epsilon", "0.1"]) == 2
    assert "is a folder" in capsys.readouterr().err
    scores(0.0).to_parquet(tmp_path / "scores.parquet")
    pd.DataFrame({"adversary": ["a", "a"], "fit_seconds": 1, "score_seconds": 1, "parameters": 1}).to_parquet(
        tmp_path / "twice.parquet"
    )
    assert certified(tmp_path, scores(0.0), "--costs", str(tmp_path / "twice.parquet")) == 2
    assert "twice" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["audit", "certify"])
def test_help_names_the_exit_statuses(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    said = capsys.readouterr().out
    assert end.value.code == 0 and "0 certified, 1 refuted, 3 inconclusive, 2 bad input" in said


def test_settings_are_checked_in_python_too() -> None:
    for bad in ({"epsilon": 0.0}, {"epsilon": 0.1, "confidence": 1.0}, {"epsilon": 0.1, "game": "x"}):
        with pytest.raises(BadInput):
            Settings(**bad)  # type: ignore[arg-type]


def test_a_reshuffled_null_keeps_every_answer_with_its_prompt() -> None:
    null_audits = pytest.importorskip("benchmarks.null_audits")
    pairs, _ = null_audits.null_file(24, 0)
    shuffled = null_audits.reshuffled(pairs, np.random.default_rng(0))
    swapped = shuffled["teacher"] != pairs["teacher"]
    assert 0 < swapped.sum() < 24
    for before, after in zip(pairs.itertuples(), shuffled.itertuples(), strict=True):
        assert {before.teacher, before.student} == {after.teacher, after.student}
    assert null_audits.refuted(1, prompts=24, seed=0, epsilons=(0.1,)) == [False]


@pytest.mark.usefixtures("cheap", "undrawn")
def test_two_files_of_another_form_are_joined_told_and_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, files = rows(60), []
    for side in ("teacher", "student"):
        form = [
            {"instruction": row["prompt"], "output": row[side], "generator": f"the {side}"} for row in table
        ]
        files.append(tmp_path / f"{side}.json")
        files[-1].write_text(json.dumps(form[: 60 if side == "teacher" else 58]))
    out = tmp_path / "out"
    assert main(["audit", *map(str, files), "--epsilon", "0.1", "--out", str(out)]) == 1
    first, second, third, *_ = capsys.readouterr().out.splitlines()
    assert first == "teacher.json: alpaca_eval outputs, 60 answers to 60 prompts, of the teacher"
    assert second == "student.json: alpaca_eval outputs, 58 answers to 58 prompts, of the student"
    assert third.startswith(
        "joined by prompt: 58 in both, 2 only of the teacher (missing answers of the other"
    )
    manifest = json.loads((out / "manifest.json").read_text())
    twins = [tmp_path / folder / "a.jsonl" for folder in ("one", "two")]
    for twin in twins:
        twin.parent.mkdir()
        twin.write_text(twin.parent.name)
    named = audit_files.made(Settings(epsilon=0.1), twins, out, seconds=0)["inputs"]
    assert named == {twin.as_posix(): sha256_file(twin) for twin in twins}
    assert set(manifest["inputs"]) == {"teacher.json", "student.json"}
    assert json.loads((out / "certificate.json").read_text())["pair"] == "teacher_vs_student"
    assert main(["audit", *map(str, [*files, files[0]]), "--epsilon", "0.1"]) == 2
    assert "many models; add --all-pairs" in capsys.readouterr().err


def test_of_many_prompts_some_are_drawn_by_group_whatever_was_answered(
    cheap: None, undrawn: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bbi_utils.report.audit.MOST", 40)
    table = rows(120, group=[f"g{i // 2}" for i in range(120)])
    found = audited(tmp_path, table)
    kept = found.recorded.pairs
    assert len(kept) == 40 and (kept["group"].value_counts() == 2).all()
    assert found.certificate.share == pytest.approx(1 / 3) and found.recorded.dropped == 0
    assert "drawn at random from 120 before" in render_audit(found)
    audit_files.write_audit(found, tmp_path / "out", sources=[tmp_path / "answers.jsonl"])
    prompts = json.loads((tmp_path / "out" / "manifest.json").read_text())["prompts"]
    assert (prompts["compared"], prompts["drawn_from"]) == (40, 120)
    other = audited(tmp_path, [{**row, "teacher": row["student"]} for row in table])
    assert [*other.recorded.pairs["prompt_id"]] == [*kept["prompt_id"]]
    again = audited(tmp_path, table, seed=1)
    assert [*again.recorded.pairs["prompt_id"]] != [*kept["prompt_id"]]
