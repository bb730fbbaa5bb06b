"""Is it still the model that was tested? Fair whatever is chosen, quick where it is another."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from serving import Canned

from bbi_utils.adversaries import lexical_adversaries
from bbi_utils.games import identifying
from bbi_utils.games.identifying import Examination, Lesson
from bbi_utils.responses.store import ResponseStore
from bbi_utils.study.cli.main import main

SECRET = "sk-0123456789abcdef"
WORDS = np.array(
    ["red", "old", "new", "tall", "warm", "plain", "early", "quiet", "steady", "bright", "heavy"]
)


@dataclass(frozen=True)
class Probe:
    id: str
    prompt: str
    category: str


def probes(n: int) -> list[Probe]:
    return [
        Probe(f"{i:03}", f"Say something of {'songs' if i % 4 == 0 else 'sums'} {i}.", "c") for i in range(n)
    ]


def says(rng: np.random.Generator, mark: str = ".") -> str:
    return " ".join(rng.choice(WORDS, rng.integers(3, 7))) + mark


def examine(
    one: Examination, rng: np.random.Generator, mark: Callable[[str], str], *, k: int = 3
) -> Examination:
    """Until the end: the endpoint's answers end as `mark` says, the reference's in a full stop."""
    while (place := one.next()) is not None:
        one.hear(place, says(rng, mark(one.probes[place].prompt)), [says(rng) for _ in range(k)])
    return one


def test_the_wealth_is_fair_to_the_last_digit() -> None:
    """Were the endpoint's answer any of the k + 1, each as likely, a question would be worth 1 on average."""
    rng = np.random.default_rng(0)
    texts = [says(rng, mark) for mark in (".", "!", "?", "", ".")] + [""]
    makes = (None, lexical_adversaries()["word_ngrams"])
    for make in makes:
        growth = []
        for place in range(len(texts)):
            one = Examination(probes(20), make=make)
            history = np.random.default_rng(1)
            for asked in range(10):  # a past, from which it has learned
                one.hear(asked, says(history, "!"), [says(history), says(history)])
            before = one.wealth[-1]
            one.hear(10, texts[place], texts[:place] + texts[place + 1 :])
            growth.append(one.wealth[-1] / before)
        assert np.mean(growth) == pytest.approx(1.0, abs=1e-9) and np.ptp(growth) > 0.1


def taught(rng: np.random.Generator, n: int = 40, mark: str = " la la!") -> list[Lesson]:
    """Lessons of a suspect whose answers end as `mark` says where they are of songs."""
    about = [Probe(f"lesson {one.id}", f"{one.prompt} Please.", "c") for one in probes(n)]
    marks = [mark if "songs" in one.prompt else "." for one in about]
    return [
        Lesson(one, [says(rng) for _ in range(3)], says(rng, own))
        for one, own in zip(about, marks, strict=True)
    ]


def test_the_wealth_is_fair_whatever_lessons_taught() -> None:
    """The answers to one question in any order, after a suspect's lessons: 1 on average."""
    texts, growth = [says(np.random.default_rng(0), mark) for mark in (".", "!", "?", ".")], []
    for place in range(len(texts)):
        how = {"make": lexical_adversaries()["word_ngrams"], "lessons": taught(np.random.default_rng(1))}
        one = Examination(probes(20), **how)
        one.hear(0, texts[place], texts[:place] + texts[place + 1 :])
        growth.append(one.wealth[-1])
    assert np.mean(growth) == pytest.approx(1.0, abs=1e-9) and np.ptp(growth) > 0.1


def test_lessons_say_what_to_ask_first_and_find_the_suspect_sooner() -> None:
    def ask(seed: int, *, known: bool) -> Examination:
        rng = np.random.default_rng(seed)
        how = {"make": lexical_adversaries()["word_ngrams"], "lessons": taught(rng) if known else ()}
        one = Examination(probes(60), seed=seed, epsilon=0.01, **how)
        return examine(one, rng, lambda prompt: " la la!" if "songs" in prompt else ".")

    with_it, without = ([ask(seed, known=known) for seed in range(5)] for known in (True, False))
    assert all(one.verdict == "refuted" for one in with_it)
    assert all(place % 4 == 0 for one in with_it for place in one.asked[:2])  # songs
    assert np.median([len(one.asked) for one in with_it]) < np.median([len(one.asked) for one in without])


def test_lessons_of_a_suspect_accuse_the_reference_no_more_often() -> None:
    accused = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        one = Examination(probes(15), epsilon=0.01, error=0.2, seed=seed, lessons=taught(rng, 20))
        accused.append(examine(one, rng, lambda _: ".").verdict == "refuted")
    assert np.mean(accused) <= 0.2 + 2 * np.sqrt(0.2 * 0.8 / 60)


def test_the_reference_itself_is_rarely_accused_however_long_it_looks() -> None:
    """Watched after each of 15 questions, in 150 worlds, at a level of 0.2 so that few worlds say much."""
    accused = [
        examine(
            Examination(probes(15), epsilon=0.01, error=0.2, seed=seed),
            np.random.default_rng(seed),
            lambda _: ".",
        ).verdict
        == "refuted"
        for seed in range(150)
    ]
    assert np.mean(accused) <= 0.2 + 2 * np.sqrt(0.2 * 0.8 / 150)


def test_another_model_is_found_and_questions_go_where_it_differs() -> None:
    def songs_only(prompt: str) -> str:
        return " la la la la!" if "songs" in prompt else "."

    def ask(adaptive: bool, seed: int) -> Examination:
        one = Examination(probes(100), adaptive=adaptive, seed=seed, epsilon=0.01)
        return examine(one, np.random.default_rng(seed), songs_only)

    chosen, random = ([ask(adaptive, seed) for seed in range(5)] for adaptive in (True, False))
    assert all(one.verdict == "refuted" and one.p_value <= 0.05 for one in chosen)
    counts = [np.median([len(one.asked) for one in some]) for some in (chosen, random)]
    assert counts[0] < counts[1]
    last = [place % 4 == 0 for one in chosen for place in one.asked[-3:]]
    assert np.mean(last) > 0.7  # a quarter of all prompts


def test_equal_answers_win_nothing_and_certify() -> None:
    one = Examination(probes(60), epsilon=0.3)
    while (place := one.next()) is not None:
        one.hear(place, "Lima.", ["Lima."] * 4)
    assert one.wealth == pytest.approx([1.0] * len(one.wealth)) and one.verdict == "certified"
    assert len(one.asked) == 30 and one.next() is None


def test_a_model_that_differs_by_the_tolerance_is_rarely_certified(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions on which the adversary is always right and coin tosses in turn: one half on average."""
    monkeypatch.setattr(identifying, "SPREAD", np.zeros(3))  # so that the signs below stay as they are
    certified = 0
    for seed in range(200):
        rng, one = np.random.default_rng(seed), Examination(probes(40), epsilon=0.5, error=0.2)
        for place in range(40):
            alike = 1.0 if place % 2 == 0 else rng.choice((-1.0, 1.0))
            table = np.array([[0.0, 0.0, 0.0], [alike, 0.0, 0.0]])
            monkeypatch.setattr(one, "_features", lambda prompt, texts, table=table: table)
            one.hear(place, "", [""])
            if one.trust >= np.log(1 / one.error):
                certified += 1
                break
    assert 0 < certified / 200 <= 0.2 + 2 * np.sqrt(0.2 * 0.8 / 200)


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Thirty prompts with two answers of a model that always says what the canned server does."""
    rows = [
        {"prompt": f"What is the capital of Peru, asked for the {i}th time?", "teacher": "Lima."}
        for i in range(30)
    ]
    pd.DataFrame(rows).assign(
        teacher_2="Lima.", other="It is Lima, of course!", other_2="Lima it is, friend!"
    ).to_json(tmp_path / "said.jsonl", orient="records", lines=True)
    return tmp_path / "said.jsonl"


def command(server: Canned, reference: str, out: Path, *more: str) -> list[str]:
    named = ["identify", "--claimed", server.reference, "--reference", reference, "--out", str(out)]
    return [*named, "--claimed-price", "1", "2", *more]


def test_the_model_that_was_tested_is_certified_and_another_refuted(
    recorded: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    with Canned() as server:
        assert main(command(server, str(recorded), recorded.parent / "same")) == 0
        said = capsys.readouterr().out
        assert said.startswith("certified: over these questions this adversary's advantage is less than 0.3")
        assert "requests to the claimed:" in said and "cost" in said
        asked = server.passed_on
        assert main(command(server, f"{recorded}#other", recorded.parent / "other")) == 1
        assert capsys.readouterr().out.startswith("refuted")
    found = json.loads((recorded.parent / "other" / "identification.json").read_text())
    assert found["verdict"] == "refuted" and found["p_value"] <= 0.05
    assert found["questions"] == len(found["asked"]) == server.passed_on - asked < 15
    assert found["spent"]["claimed"]["cost"] == pytest.approx(found["questions"] * (9 * 1 + 2 * 2) / 1e6)
    kept = b"".join(file.read_bytes() for file in recorded.parent.rglob("*") if file.is_file())
    assert SECRET.encode() not in kept and SECRET not in said
    assert server.headers[0]["Authorization"] == f"Bearer {SECRET}"


def test_an_interrupted_examination_goes_on_and_pays_no_question_twice(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = recorded.parent / "out"
    with Canned(lambda number: "unauthorised" if number == 4 else None) as server:
        assert main(command(server, str(recorded), out)) == 2
        assert "key" in capsys.readouterr().err and not (out / "identification.json").exists()
        assert server.passed_on == 4
        assert main(command(server, str(recorded), out)) == 0
        found = json.loads((out / "identification.json").read_text())
        assert server.passed_on == found["questions"] == found["spent"]["claimed"]["answered"]
        capsys.readouterr()
        assert main(command(server, str(recorded), out)) == 2  # a verdict is there
    assert "has a verdict already (certified)" in capsys.readouterr().err


def test_a_suspect_is_learned_on_prompts_that_are_never_asked(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pd.read_json(recorded, lines=True)
    more = table.assign(prompt=table["prompt"].str.replace("Peru", "Chile"))
    pd.concat([table, more]).to_json(recorded, orient="records", lines=True)
    with Canned() as server:
        out, feared = recorded.parent / "out", ["--suspect", str(recorded)]
        assert main(command(server, f"{recorded}#other", out, *feared)) == 1
        found = json.loads((out / "identification.json").read_text())
        assert found["suspect"] == str(recorded) and found["pool"] == 30
        assert server.passed_on == found["questions"] < 10
        capsys.readouterr()
        assert main(command(server, str(recorded), recorded.parent / "same", *feared)) == 2
        assert "nothing to tell apart" in capsys.readouterr().err


def test_few_questions_are_inconclusive_and_more_of_them_go_on(recorded: Path) -> None:
    out = recorded.parent / "out"
    with Canned() as server:
        assert main(command(server, str(recorded), out, "--most", "3")) == 3
        assert main(command(server, str(recorded), out)) == 0
        assert server.passed_on == json.loads((out / "identification.json").read_text())["questions"]


def test_a_model_beside_itself_gives_fresh_answers(tmp_path: Path, tiny_qwen: Path) -> None:
    named = ["--claimed", str(tiny_qwen), "--reference", str(tiny_qwen), "--prompts", "20", "--most", "2"]
    short = ["--max-new-tokens", "6", "--device", "cpu", "--samples", "2", "--out", str(tmp_path / "out")]
    assert main(["identify", *named, *short]) == 3
    found = json.loads((tmp_path / "out" / "identification.json").read_text())
    assert found["questions"] == 2 and any(one["wealth"] != 1.0 for one in found["asked"])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--most", "0"], "--most is 0"),
        (["--samples", "0"], "--samples is 0"),
        (["--epsilon", "1.5"], "between 0 and 1"),
        (["--prompts", "7"], "at least 20"),
        (["--prompts", "25"], "has no answer in column teacher"),
        (["--claimed-key", "HOME"], "API_KEY"),
        (["--max-spend", "0"], "could exceed MAX_SPEND"),
        (["--seed", "-1"], "--seed is -1; expected a whole number from 0"),
        (["--seed", "4294967296"], "--seed is 4294967296"),
        (["--temperature", "inf"], "temperature is inf; expected a finite number"),
        (["--timeout", "1e300"], "timeout is 1e+300; expected more than 0 and at most 86,400"),
        (["--confidence", "1e-17"], "between 0 and 1"),
    ],
)
def test_bad_input_is_one_line(
    recorded: Path, more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Canned() as server:
        assert main(command(server, str(recorded), recorded.parent / "out", *more)) == 2
        assert server.passed_on == 0
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1
    assert not (recorded.parent / "out" / "identification.json").exists()


def test_a_model_does_not_draw_again_what_it_drew_when_it_was_recorded(
    tmp_path: Path, tiny_qwen: Path, tiny_llama: Path
) -> None:
    said, out = tmp_path / "said.jsonl", tmp_path / "out"
    drawn = ["--max-new-tokens", "6", "--device", "cpu", "--temperature", "1"]
    models = ["--teacher", str(tiny_qwen), "--student", str(tiny_llama)]
    assert main(["sample", "20", *models, *drawn, "--out", str(said)]) == 0
    named = ["--claimed", str(tiny_qwen), "--reference", f"{said}#teacher", "--most", "20"]
    main(["identify", *named, *drawn, "--out", str(out)])
    known = pd.read_json(said, lines=True).set_index("prompt_id")
    with ResponseStore(out / "answers.sqlite") as store:
        rows = store.connection.execute(
            "SELECT prompt_id, answer FROM responses WHERE sample_index >= ?", [9]
        )
        heard = dict(rows.fetchall())
    assert len(heard) >= 3
    for column in ("teacher", "teacher_2"):
        assert not any(known.at[one, column] == answer for one, answer in heard.items())


def test_the_reference_s_own_answers_are_no_claim(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for column in ("teacher", "teacher_2"):
        asked = ["identify", "--claimed", f"{recorded}#{column}", "--reference", f"{recorded}#teacher"]
        assert main([*asked, "--out", str(recorded.parent / "out")]) == 2
        assert (
            f"#{column}, one of the reference's own answers (teacher, teacher_2);" in capsys.readouterr().err
        )
    asked = ["identify", "--claimed", f"{recorded}#other_2", "--reference", f"{recorded}#teacher"]
    assert main([*asked, "--out", str(recorded.parent / "out")]) == 1


def test_answers_in_columns_and_in_rows_are_the_same_reference(recorded: Path) -> None:
    table = pd.read_json(recorded, lines=True).assign(teacher_3="It is Lima.")
    table.to_json(recorded, orient="records", lines=True)
    columns = ["teacher", "teacher_2", "teacher_3"]
    rows = table.melt("prompt", columns, value_name="answer").assign(model="teacher").drop(columns="variable")
    rows.to_json(recorded.with_name("rows.jsonl"), orient="records", lines=True)
    found = []
    with Canned() as server:
        for number, reference in enumerate(
            (f"{recorded}#teacher", f"{recorded.with_name('rows.jsonl')}#teacher")
        ):
            out = recorded.parent / f"out-{number}"
            main(command(server, reference, out))
            found.append(json.loads((out / "identification.json").read_text()))
    assert found[0]["verdict"] == found[1]["verdict"] and found[0]["asked"] == found[1]["asked"]
    assert any(round(3 * one["outcome"], 6) == 1 for one in found[0]["asked"])  # one of three is another


def test_one_model_on_both_sides_is_paid_once(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = recorded.parent / "out"
    with Canned() as server:
        same = command(server, server.reference, out, "--reference-price", "1", "2")
        assert main([*same, "--prompts", str(recorded), "--most", "2", "--samples", "2"]) == 3
        found = json.loads((out / "identification.json").read_text())["spent"]
        assert found.keys() == {"claimed and reference"} and found["claimed and reference"]["requests"] == 6
        assert server.passed_on == 6
    assert capsys.readouterr().out.count("requests to the claimed and reference: ") == 1


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--seed", "1"], "goes on with the seed that it began with (0)"),
        (["--epsilon", "0.9"], "goes on with the epsilon that it began with (0.3)"),
        (["--confidence", "0.8"], "goes on with the confidence that it began with (0.95)"),
        (["--temperature", "1"], "goes on with the temperature that it began with (0.7)"),
    ],
)
def test_another_look_wants_another_folder(
    recorded: Path, more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = recorded.parent / "out"
    with Canned() as server:
        assert main(command(server, str(recorded), out, "--most", "2")) == 3
        assert main(command(server, str(recorded), out, *more)) == 2
        assert server.passed_on == 2
    assert said in capsys.readouterr().err


def test_answers_that_say_nothing_are_told(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = pd.read_json(recorded, lines=True).drop(columns="teacher_2")
    table.loc[::2, "teacher"] = None
    table.to_json(recorded, orient="records", lines=True)
    with Canned() as server:
        main(command(server, str(recorded), recorded.parent / "out"))
    assert re.search(r"\n\d+ answers of the reference say nothing", capsys.readouterr().out)


def test_a_reference_that_is_not_there_is_bad_input(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Canned() as server:
        assert main(command(server, str(recorded.with_name("gone.jsonl")), recorded.parent / "out")) == 2
    assert "gone.jsonl" in capsys.readouterr().err
