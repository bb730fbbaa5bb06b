"""Answers in the forms in which people have them: each read from a small file, and pairs of files joined."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from bbi_utils.errors import BadInput
from bbi_utils.oracles.base import Request
from bbi_utils.oracles.replay import ReplayOracle, is_recorded
from bbi_utils.probes.forms.known import FORMS, Said
from bbi_utils.probes.forms.many import read_models
from bbi_utils.probes.forms.reading import NOTHING, Choice, answers_of, prompt_rows, read_pairs, told
from bbi_utils.probes.forms.talk import exchanges
from bbi_utils.tables import Rows, read_rows

FILES = Path(__file__).parent / "answers"
Q = ("Why is the sea salty?", "Name two rivers.", "How do bees find home?")
A = ("Rain washes salt out of rocks.", "The Elbe and the Po.", "They read the sun.")
B = ("Because of minerals.", "Nile, Rhine.", "By landmarks and light.")
HARNESS = [f"Question: {q}\nAnswer:" for q in Q]
HELM = [f"Q: {q}\nA:" for q in Q]
CODE = [f"def f():\n    return {i} + {k}\n" for i in range(3) for k in range(2)]
BLANK = ("", "", "")


def said(name: str, choice: Choice = NOTHING) -> tuple[str, list[Said]]:
    title, answers, _ = told(FILES / name, read_rows(FILES / name), choice)
    return title, answers


# file -> its form, the model, and what was asked and answered in the first turns.
ONE_MODEL: dict[str, tuple[str, str, Any, Any]] = {
    "alpaca_eval.json": ("alpaca_eval", "tern-1", Q, A),
    "fastchat.jsonl": ("fastchat", "tern-1", BLANK, A),
    "arena_hard_v01.jsonl": ("fastchat", "tern-1", BLANK, A),
    "arena_hard_v2.jsonl": ("chat", "tern-1", Q, A),
    "vicuna.jsonl": ("vicuna", "tern-1", BLANK, A),
    "samples_lm_eval.jsonl": ("lm_eval", "samples_lm_eval", HARNESS, A),
    "samples_lm_eval_old.jsonl": ("lm_eval", "samples_lm_eval_old", HARNESS, A),
    "inspect.json": ("inspect", "port/tern-1", Q, A),
    "helm.json": ("helm", "port/tern-1", HELM, (*A[:2], "")),
    "openai_batch.jsonl": ("openai_batch", "tern-1", BLANK, ("I would rather not.", A[1], "")),
    "openai_responses.jsonl": ("openai_batch", "tern-1", BLANK, A),
    "evalplus.jsonl": ("evalplus", "evalplus", [""] * 6, CODE),
    "sharegpt.json": ("sharegpt", "sharegpt", Q, A),
}


@pytest.mark.parametrize("name", ONE_MODEL)
def test_every_answer_of_a_form_is_read(name: str) -> None:
    form, model, prompts, answers = ONE_MODEL[name]
    title, found = said(name)
    assert title == FORMS[form].title and {one.model for one in found} == {model}
    first = [one for one in found if one.turn == 1]
    assert [one.prompt for one in first] == list(prompts) and [one.answer for one in first] == list(answers)
    assert said(name, Choice(form=form)) == (title, found)


# Files in answers/made come out of the writers of the projects themselves (fschat 0.2.36, lm-eval 0.4.13,
# inspect-ai 0.3.285, crfm-helm 0.5.16, evalplus 0.3.1), which were given our sentences.
MADE: dict[str, tuple[str, str, Any, Any]] = {
    "fastchat.jsonl": ("fastchat", "gpt-4", BLANK[:2], A[:2]),
    "samples_own.jsonl": ("lm_eval", "samples_own", HARNESS[:2], [f" {a}" for a in A[:2]]),
    "inspect.eval": ("inspect", "mockllm/model", Q[:2], A[:2]),
    "inspect.json": ("inspect", "mockllm/model", Q[:2], A[:2]),
    "helm.json": ("helm", "port/tern-1", HELM[:2], A[:2]),
    "evalplus.jsonl": ("evalplus", "evalplus", BLANK[:2], [f"def f():\n    return {i}\n" for i in range(2)]),
}


@pytest.mark.parametrize("name", MADE)
def test_what_the_projects_themselves_write_is_read(name: str) -> None:
    form, model, prompts, answers = MADE[name]
    title, found = said(f"made/{name}")
    first = [one for one in found if one.turn == 1]
    assert title == FORMS[form].title and {one.model for one in found} == {model}
    assert [one.prompt for one in first] == list(prompts) and [one.answer for one in first] == list(answers)
    assert {one.ended for one in first} <= {"", "stop", "length"}


def test_the_filtered_answers_of_the_harness_come_where_they_are_asked_for() -> None:
    found = said("samples_lm_eval.jsonl", Choice(form="lm_eval_filtered"))[1]
    assert [one.answer for one in found] == ["Rain", "The", "They"]


TWO_MODELS = {
    "alpaca_pairs.json": ["Why is the sea salty?", 3],
    "arena_turns.csv": ["Why is the sea salty?", 6],
    "vicuna_page.json": ["Why is the sea salty?", 3],
    "long.jsonl": ["Why is the sea salty?", 3],
}


@pytest.mark.parametrize("name", TWO_MODELS)
def test_a_file_with_two_models_is_a_pair(name: str) -> None:
    rows, line = read_pairs([FILES / name])
    assert [rows[0]["prompt"], len(rows)] == TWO_MODELS[name]
    assert (rows[0]["teacher"], rows[0]["student"]) == (A[0], B[0]) and "tern-1, gull-2" in line
    turned, _ = read_pairs([FILES / name], Choice(teacher="gull-2", student="tern-1"))
    assert [(row["student"], row["teacher"]) for row in turned] == [
        (row["teacher"], row["student"]) for row in rows
    ]


def test_what_a_model_thinks_in_a_channel_or_part_of_its_own_is_no_answer() -> None:
    asked = {"role": "user", "content": "Four?"}
    said = [
        {"role": "assistant", "channel": name, "content": name}
        for name in ("analysis", "commentary", "final")
    ]
    assert [one.answer for one in exchanges([asked, *said])] == ["final"]
    parts = [{"text": "Hm.", "thought": True}, {"text": "Four."}]
    assert [one.answer for one in exchanges([asked, {"role": "model", "content": parts}])] == ["Four."]


def test_turns_of_a_conversation_are_rows_of_one_group_and_a_missing_turn_is_missing() -> None:
    rows, _ = read_pairs([FILES / "arena_turns.csv"])
    assert [row["prompt_id"] for row in rows[:2]] == ["30", "30, turn 2"]
    assert {row["group"] for row in rows[:2]} == {"30"} and rows[1]["prompt"] == f"{Q[0]}\n\nAnd why?"
    assert (rows[1]["teacher"], rows[1]["student"]) == ("So it is.", "")


def test_battles_that_only_one_of_the_two_fought_were_never_asked_of_the_other() -> None:
    with pytest.raises(BadInput, match="tern-1, gull-2, auk-3; name two by --teacher and --student"):
        read_pairs([FILES / "arena.jsonl"])
    rows, _ = read_pairs([FILES / "arena.jsonl"], Choice(teacher="tern-1", student="gull-2"))
    assert [row["asked"] for row in rows] == ["yes"] * 4 + ["no"] * 2
    assert rows[3]["teacher"] == "So it is." and rows[3]["student"] == "I read it."


@pytest.mark.parametrize(
    ("answers", "questions", "turns"),
    [
        ("fastchat.jsonl", "fastchat_questions.jsonl", 6),
        ("vicuna.jsonl", "vicuna_questions.jsonl", 3),
        ("openai_batch.jsonl", "openai_batch_requests.jsonl", 3),
    ],
)
def test_questions_give_the_prompts_of_ids(tmp_path: Path, answers: str, questions: str, turns: int) -> None:
    choice, copy = Choice(questions=str(FILES / questions)), tmp_path / answers
    copy.write_bytes((FILES / answers).read_bytes())
    rows, _ = read_pairs([FILES / answers, copy], choice)
    assert len(rows) == turns and rows[0]["prompt"] == Q[0]
    bare, line = read_pairs([FILES / answers, copy])
    assert bare[0]["prompt"] == f"{rows[0]['prompt_id']}, turn 1" and "give it by --questions" in line
    assert [row["prompt"] for row in prompt_rows(FILES / questions)] == list(Q)


def test_columns_may_be_named_and_lie_deep() -> None:
    old = Choice(prompt="question", teacher="old", student="NEW", id="Id")
    rows, line = read_pairs([FILES / "export.csv"], old)
    assert [(row["prompt_id"], row["prompt"], row["teacher"], row["student"]) for row in rows] == [
        (str(i + 1), Q[i], A[i], B[i]) for i in range(3)
    ]
    assert "teacher in Old, student in New" in line
    deep = Choice(
        prompt="request.messages",
        id="request.id",
        teacher="old.choices.0.message.content",
        student="new.choices.-1.message",
    )
    rows, _ = read_pairs([FILES / "dotted.jsonl"], deep)
    assert [(row["prompt_id"], row["prompt"], row["student"]) for row in rows][0] == ("7", Q[0], B[0])
    rows, _ = read_pairs([FILES / "export.csv"] * 2, old)
    assert [(row["prompt_id"], row["teacher"], row["student"]) for row in rows][1] == ("2", A[1], B[1])


@pytest.mark.parametrize(("name", "second"), [("turns.jsonl", ", turn 2"), ("samples.jsonl", ", sample 2")])
def test_lists_in_cells_are_turns_where_prompts_are_too_and_samples_otherwise(name: str, second: str) -> None:
    rows, _ = read_pairs([FILES / name])
    assert [row["prompt_id"] for row in rows][:2] == ["0", "0" + second]
    assert [row["group"] for row in rows] == ["0", "0", "1", "1", "2", "2"]


def write(path: Path, rows: Rows) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def model(path: Path, answers: dict[Any, str | None], prompts: dict[Any, str] | None = None) -> Path:
    named = prompts or {name: f"Question {name}?" for name in answers}
    return write(path, [{"id": k, "prompt": named[k], "response": a} for k, a in answers.items()])


def test_what_only_one_file_has_is_missing_from_the_other_and_told(tmp_path: Path) -> None:
    a = model(tmp_path / "a.jsonl", {i: f"a{i}" for i in range(5)})
    b = model(tmp_path / "b.jsonl", {i: f"b{i}" for i in range(2, 9)})
    rows, line = read_pairs([a, b])
    by_id = {row["prompt_id"]: (row["teacher"], row["student"]) for row in rows}
    assert by_id["0"] == ("a0", None) and by_id["8"] == (None, "b8") and by_id["3"] == ("a3", "b3")
    assert len(rows) == 9 and "3 in both, 2 only of the teacher, 4 only of the student (missing" in line
    rows, line = read_pairs([a, b], Choice(shared_only=True))
    assert [row["prompt_id"] for row in rows if row["asked"] == "yes"] == ["2", "3", "4"]
    assert len(rows) == 9 and "left out as never asked" in line


def test_ids_that_only_count_rows_are_not_what_joins(tmp_path: Path) -> None:
    prompts = {i: f"Question {i}?" for i in range(6)}
    turned = {i: f"Question {5 - i}?" for i in range(6)}
    a = model(tmp_path / "a.jsonl", {i: f"a{i}" for i in range(6)}, prompts)
    b = model(tmp_path / "b.jsonl", {i: f"b{i}" for i in range(6)}, turned)
    rows, line = read_pairs([a, b])
    assert [(row["teacher"], row["student"]) for row in rows] == [(f"a{i}", f"b{5 - i}") for i in range(6)]
    assert "joined by prompt" in line
    swapped = {**prompts, 1: "Question 2?", 2: "Question 1?"}
    c = model(tmp_path / "c.jsonl", {i: f"c{i}" for i in range(6)}, swapped)
    with pytest.raises(BadInput, match="2 of 6 shared ids stand at different prompts, such as '1'"):
        read_pairs([a, c])
    rows, _ = read_pairs([a, c], Choice(by="prompt"))
    assert [row["student"] for row in rows] == ["c0", "c2", "c1", "c3", "c4", "c5"]
    templates = {i: f"<user>{i}" for i in range(6)}
    rows, line = read_pairs([a, model(tmp_path / "d.jsonl", {i: f"d{i}" for i in range(6)}, templates)])
    assert [row["student"] for row in rows] == [f"d{i}" for i in range(6)] and "joined by id" in line
    apart = model(tmp_path / "e.jsonl", {f"x{i}": "e" for i in range(6)})
    with pytest.raises(BadInput, match="share no prompt"):
        read_pairs([a, apart])


def test_ids_that_stand_at_two_prompts_of_one_file_do_not_join(tmp_path: Path) -> None:
    """Two tasks that count alike in one file: the second one is no further sample of the first."""

    def file(name: str, tasks: str) -> Path:
        rows = [
            {"id": i, "prompt": f"{task} {i}?", "response": f"{name}{task}{i}"}
            for task in tasks
            for i in range(3)
        ]
        return write(tmp_path / f"{name}.jsonl", rows)

    a, b = file("a", "PQ"), file("b", "P")
    rows, line = read_pairs([a, b])
    assert [row["student"] for row in rows] == ["bP0", "bP1", "bP2", None, None, None] and "by prompt" in line
    assert all(row["teacher_2"] is None for row in rows)
    turned = read_pairs([a, file("c", "QP")])[0]
    assert [row["student"] for row in turned] == [f"c{row['teacher'][1:]}" for row in turned]
    with pytest.raises(BadInput, match="--by id, and id '0' stands at two prompts of one model"):
        read_pairs([a, b], Choice(by="id"))
    other = file("d", "XY")  # no prompt alike: each sample has its own examples before the question
    with pytest.raises(BadInput, match="share no prompt; name what joins them: --by id"):
        read_pairs([a, other])
    assert [row["student"] for row in read_pairs([a, other], Choice(by="id"))[0]][:2] == ["dX0", "dY0"]


def test_prompts_that_letter_case_tells_apart_in_one_file_are_two(tmp_path: Path) -> None:
    """Else what the student lacks of the one is taken for a sample of the other."""
    a = model(
        tmp_path / "a.jsonl",
        {i: f"a{i}" for i in range(4)},
        dict(enumerate(("Polish it", "polish  it", "Go", "No"))),
    )
    b = model(
        tmp_path / "b.jsonl", {"x": "b1", "y": "b2", "z": "b3"}, {"x": "polish it", "y": "GO", "z": "No "}
    )
    rows, _ = read_pairs([a, b])
    assert [(row["teacher"], row["student"]) for row in rows] == [
        ("a0", None),
        ("a1", "b1"),
        ("a2", "b2"),
        ("a3", "b3"),
    ]


def test_tasks_with_other_filters_in_one_file_of_the_harness_are_all_read(tmp_path: Path) -> None:
    def row(i: int, name: str) -> dict[str, Any]:
        return {"doc_id": i % 2, "arguments": [[f"Q{i}?", {}]], "resps": [[f"r{i}"]], "filter": name}

    rows = [
        row(0, "strict"),
        row(0, "loose"),
        row(1, "strict"),
        row(1, "loose"),
        row(2, "none"),
        row(3, "none"),
    ]
    path = write(tmp_path / "a.jsonl", rows)
    assert [one.answer for one in told(path, read_rows(path), NOTHING)[1]] == ["r0", "r1", "r2", "r3"]


def test_samples_meet_samples_and_a_teachers_further_one_is_its_second(tmp_path: Path) -> None:
    def file(name: str, counts: list[int]) -> Path:
        rows = [{"task_id": i, "solution": f"{name}{i}.{k}"} for i, n in enumerate(counts) for k in range(n)]
        return write(tmp_path / f"{name}.jsonl", rows)

    rows, line = read_pairs([file("a", [3, 3, 3]), file("b", [2, 2, 1])])
    assert [(row["prompt_id"], row["teacher"], row["student"], row["teacher_2"]) for row in rows] == [
        ("0", "a0.0", "b0.0", "a0.2"),
        ("0, sample 2", "a0.1", "b0.1", None),
        ("1", "a1.0", "b1.0", "a1.2"),
        ("1, sample 2", "a1.1", "b1.1", None),
        ("2", "a2.0", "b2.0", "a2.2"),
        ("2, sample 2", "a2.1", None, None),  # asked twice as everywhere, and silent
    ]
    assert [row["group"] for row in rows] == ["0", "0", "1", "1", "2", "2"]
    assert "up to 3 and 2 samples a prompt" in line


def test_further_samples_of_the_student_are_not_dropped_in_silence(tmp_path: Path) -> None:
    a = write(tmp_path / "a.jsonl", [{"task_id": i, "solution": "a"} for i in range(3)])
    b = write(tmp_path / "b.jsonl", [{"task_id": i, "solution": f"b{k}"} for i in range(3) for k in range(5)])
    rows, line = read_pairs([a, b])
    assert [row["student"] for row in rows] == ["b0"] * 3
    assert "up to 1 and 5 samples a prompt, 12 further samples without a partner left out" in line
    one, five = (write(tmp_path / f"copy_{of.name}", read_rows(of)) for of in (a, b))
    assert "without a partner" not in read_pairs([a, one])[1] and len(read_pairs([b, five])[0]) == 15


def test_a_conversation_is_a_row_a_turn_or_one_row(tmp_path: Path) -> None:
    def model(name: str, turns: int) -> Path:
        def choices(i: int) -> list[dict[str, list[str]]]:
            return [{"turns": [f"{name}{i}.{k}.{t}" for t in range(turns)]} for k in range(2)]

        rows = [{"question_id": i, "model_id": name, "choices": choices(i)} for i in range(3)]
        return write(tmp_path / f"{name}.jsonl", rows)

    files = [model("a", 2), model("b", 3)]
    turns, line = read_pairs(files)
    assert len(turns) == 3 * 2 * 3 and "in 3 conversations: a row a turn, or one each with --whole" in line
    whole, _ = read_pairs(files, Choice(whole=True))
    assert [(row["prompt_id"], row["teacher"], row["student"]) for row in whole[:2]] == [
        ("0", "a0.0.0\n\na0.0.1", "b0.0.0\n\nb0.0.1\n\nb0.0.2"),
        ("0, sample 2", "a0.1.0\n\na0.1.1", "b0.1.0\n\nb0.1.1\n\nb0.1.2"),
    ]
    assert len(whole) == 6 and len({row["group"] for row in whole}) == 3
    many, _ = read_models(files, Choice(whole=True))
    assert len(many) == 12 and many[0]["answer"] == "a0.0.0\n\na0.0.1"
    lists = {"prompt_id": 1, "prompt": ["Tea?", "Why?"], "teacher": ["No.", "Bah."], "student": ["Yes.", ""]}
    one = write(tmp_path / "wide.jsonl", [lists])
    assert len(read_pairs([one])[0]) == 2
    (row,), _ = read_pairs([one], Choice(whole=True))
    assert (row["teacher"], row["student"]) == ("No.\n\nBah.", "Yes.")


def test_a_row_that_stands_twice_makes_nobody_silent(tmp_path: Path) -> None:
    def file(name: str, counts: list[int]) -> Path:
        rows = [{"task_id": i, "solution": f"{name}{i}.{k}"} for i, n in enumerate(counts) for k in range(n)]
        return write(tmp_path / f"{name}.jsonl", rows)

    rows, line = read_pairs([file("a", [2] * 60), file("b", [2] + [1] * 59)])
    assert len(rows) == 60 and all(row["student"] and row["teacher_2"] for row in rows)
    assert "1 further samples without a partner left out" in line
    rows, _ = read_pairs([file("a", [2] * 60), file("c", [2] * 4 + [1] * 56)])
    assert sum(row["student"] is None for row in rows) == 56  # asked twice, and silent


ROW = {"prompt_id": 1, "prompt": "Why?", "teacher": "a", "student": "b"}
AWKWARD = 'one\rtwo\u2028three\r\n"four"; five\t'
TABLES = {
    "array.jsonl": json.dumps([{**ROW, "teacher": AWKWARD}]),
    "lines.json": json.dumps({**ROW, "teacher": AWKWARD}, ensure_ascii=False) + "\n" + json.dumps(ROW) + "\n",
    "printed.json": json.dumps({"data": [{**ROW, "teacher": AWKWARD}]}, indent=2),
    "semicolons.csv": '\ufeffPrompt_ID;Prompt;TEACHER;Student\n1.0;Why?;"{}";b\n',
    "commas.csv": 'prompt_id,prompt,teacher,student\n1,Why?,"{}",b\n',
    "tabs.tsv": 'prompt_id\tprompt\tteacher\tstudent\n1\tWhy?\t"{}"\tb\n',
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("packed", ["", ".gz", ".zst"])
def test_tables_of_every_kind_give_back_the_same_text(tmp_path: Path, name: str, packed: str) -> None:
    data = TABLES[name].replace("{}", AWKWARD.replace('"', '""')).encode()
    path = tmp_path / f"{name}{packed}"
    if packed == ".zst":
        with pyarrow.output_stream(str(path), compression="zstd") as stream:
            stream.write(data)
    else:
        path.write_bytes(gzip.compress(data) if packed else data)
    row = read_pairs([path])[0][0]
    assert (row["prompt_id"].removesuffix(".0"), row["teacher"], row["student"]) == ("1", AWKWARD, "b")
    assert is_recorded(str(path)) and not is_recorded("org/model")


def test_numbers_stay_as_they_are_written(tmp_path: Path) -> None:
    text = '{"prompt_id": 7, "prompt": "2+2?", "teacher": 4, "student": 4.0}\n'
    text += '{"prompt_id": 8, "prompt": "1/3?", "teacher": 0.30, "student": 1e-3}\n'
    (tmp_path / "a.jsonl").write_text(text)
    rows = read_pairs([tmp_path / "a.jsonl"])[0]
    assert [(row["teacher"], row["student"]) for row in rows] == [("4", "4.0"), ("0.30", "1e-3")]
    columns = {"id": [1.0, 2.0], "prompt": ["a", "b"], "response": [4.0, None]}  # as pandas leaves them
    parquet.write_table(pyarrow.table(columns), tmp_path / "b.parquet")
    other = write(
        tmp_path / "c.jsonl", [{"id": i, "prompt": p, "response": 4} for i, p in ((1, "a"), (2, "b"))]
    )
    rows = read_pairs([other, tmp_path / "b.parquet"])[0]
    assert [row["prompt_id"] for row in rows] == ["1", "2"]


REFUSED = {
    "two readings": (
        [{"question_id": 1, "model_id": "m", "text": "x", "choices": []}],
        "2 ways; choose by --format fastchat or --format vicuna",
    ),
    "two columns": ([{"prompt": "p", "response": "a", "output": "b"}], "answers in response or in output"),
    "no answers": ([{"prompt": "p", "x": "a"}], "no column of answers that is known; columns: prompt, x"),
    "one model": ([{"prompt": "p", "response": "a", "model": "m"}], "has answers of m; give a second file"),
    "likelihoods": (
        [{"doc_id": 0, "arguments": [["p", " A"]], "resps": [[["-1.5", "True"]], [["-2", "False"]]]}],
        "row 1: its answers are likelihoods",
    ),
    "not as it seems": (
        [{"question_id": 1, "model_id": "m", "choices": [{"index": 0}]}],
        "row 1 is not as in FastChat answers: 'turns'",
    ),
    "no text": ([{"prompt": "p", "teacher": {"x": 1}, "student": "b"}], "row 1: found dict"),
    "a role": ([{"messages": [{"role": "judge", "content": "Fine."}]}], "row 1: found the role 'judge'"),
    "neither": ([{"response": "a"}], "neither prompts nor ids"),
    "no row": ([{"prompt": "p", "teacher": "a", "student": "b"}, None], "line 2: found NoneType 'None'"),
    "an empty row": ([[[]]], "line 1: found list"),
    "half a character": (
        [{"prompt": ["\ud800"], "teacher": ["a"], "student": ["b"]}],
        "row 1: half of a surro",
    ),
    "half a character in a form": (
        [{"instruction": "p\udc00", "output": "a", "generator": "m"}],
        "row 1: half of a surrogate pair",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_unclear_is_refused_in_one_line_with_the_way_out(tmp_path: Path, case: str) -> None:
    rows, message = REFUSED[case]
    with pytest.raises(BadInput, match=message) as raised:
        read_pairs([write(tmp_path / "a.jsonl", rows)])
    assert "\n" not in str(raised.value)


def test_what_is_named_but_not_there_is_refused() -> None:
    for choice, message in (
        (Choice(form="alpaca"), "--format alpaca; expected table, long, alpaca_eval"),
        (Choice(by="id"), "--by id, and there are answers without one"),
        (Choice(teacher="auk"), "auk is no column and no model of long.jsonl; models: tern-1, gull-2"),
        (Choice(prompt="where"), "nothing at --prompt where"),
        (Choice(questions=str(FILES / "vicuna_questions.jsonl")), "--questions has no"),
    ):
        with pytest.raises(BadInput, match=message):
            read_pairs([FILES / "long.jsonl"], choice)


def test_one_model_is_no_pair(tmp_path: Path) -> None:
    """A slip that would certify anything: the same column, model or file for both sides."""
    wide = write(tmp_path / "wide.jsonl", [{"prompt": "p", "teacher": "a", "student": "b"}])
    with pytest.raises(BadInput, match="teacher and student are both in student"):
        read_pairs([wide], Choice(teacher="student"))
    with pytest.raises(BadInput, match="teacher and student are both tern-1"):
        read_pairs([FILES / "long.jsonl"], Choice(teacher="tern-1", student="tern-1"))
    with pytest.raises(BadInput, match="alpaca_eval.json is given twice"):
        read_pairs([FILES / "alpaca_eval.json"] * 2)
    both = read_pairs([FILES / "long.jsonl"] * 2, Choice(teacher="tern-1", student="gull-2"))[0]
    assert (both[0]["teacher"], both[0]["student"]) == (A[0], B[0])


@pytest.mark.parametrize(
    "broken",
    [{"header.json": "[]"}, {"header.json": "{}"}, {"samples/1.json": "[1]"}, {"samples/1.json": "{"}],
)
def test_a_damaged_log_of_inspect_is_one_clear_error(tmp_path: Path, broken: dict[str, str]) -> None:
    with zipfile.ZipFile(tmp_path / "a.eval", "w") as log:
        for name, text in {
            "header.json": '{"eval": {"model": "m"}}',
            "samples/1.json": "{}",
            **broken,
        }.items():
            log.writestr(name, text)
    with pytest.raises(BadInput, match="a.eval cannot be read as Eval: .*; it is damaged"):
        read_rows(tmp_path / "a.eval")


def test_one_models_answers_stand_in_for_it(tmp_path: Path) -> None:
    assert answers_of(FILES / "long.jsonl", "gull-2") == {
        (q, 0): (b, None) for q, b in zip(Q, B, strict=True)
    }
    batch = answers_of(FILES / "openai_batch.jsonl", "")
    assert batch["", 1] == (A[1], "stop")
    oracle = ReplayOracle(f"{FILES / 'alpaca_eval.json'}")
    answers = oracle.answer([Request("x", Q[2])])
    assert (answers[0].answer, answers[0].finish_reason) == (A[2], "stop")
    with pytest.raises(BadInput, match="answers of tern-1, gull-2"):
        ReplayOracle(str(FILES / "long.jsonl"))
