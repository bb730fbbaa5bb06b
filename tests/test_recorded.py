"""Recorded answers: three formats read alike, and nothing broken gets through."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow
import pytest
from pyarrow import parquet
from recorded_files import Rows, rows, write

from bbi_utils import games
from bbi_utils.errors import BadInput
from bbi_utils.probes.forms.reading import Choice
from bbi_utils.responses.recorded import read_answers
from bbi_utils.tables import LONGEST, columns_of, read_rows, write_csv

AWKWARD = ('a, "b"\nc\r\nd', "NA", "null", " \u2028 é 漢", "x" * 200_000, "'; -- \\n", "=1+1", "\u200b")


def changed(column: str, value: object, at: int = 3, n: int = 60) -> Rows:
    table = rows(n)
    table[at][column] = value
    return table


def without(column: str) -> Rows:
    return [{name: cell for name, cell in row.items() if name != column} for row in rows()]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_every_format_gives_back_the_same_texts(tmp_path: Path, suffix: str) -> None:
    table = rows(40, teacher=[AWKWARD[i % len(AWKWARD)] for i in range(40)])
    read = read_answers(write(tmp_path / f"answers{suffix}", table)).pairs
    for name in ("prompt_id", "prompt", "category", "teacher", "student"):
        assert read[name].tolist() == [row[name] for row in table]


def test_ids_and_categories_may_be_whole_numbers_and_bom_and_blank_lines_do_no_harm(tmp_path: Path) -> None:
    table = rows(30, prompt_id=range(30), category=[i % 2 for i in range(30)])
    expected = read_answers(write(tmp_path / "a.csv", table)).pairs
    for suffix in (".jsonl", ".parquet"):
        assert read_answers(write(tmp_path / f"a{suffix}", table)).pairs.equals(expected)
    for suffix in (".jsonl", ".csv"):
        text = (tmp_path / f"a{suffix}").read_text(encoding="utf-8")
        (tmp_path / f"b{suffix}").write_text("\ufeff" + text + "\n\n", encoding="utf-8")
        assert read_answers(tmp_path / f"b{suffix}").pairs.equals(expected)
    assert expected["category"].tolist() == ["0", "1"] * 15


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
@pytest.mark.parametrize("nothing", [None, "", " \n"])
def test_silence_is_the_empty_answer_and_only_rows_without_any_answer_leave(
    tmp_path: Path, suffix: str, nothing: str | None
) -> None:
    table = rows()
    table[0]["teacher"] = table[7]["student"] = table[9]["student"] = table[9]["teacher"] = nothing
    read = read_answers(write(tmp_path / f"answers{suffix}", table))
    assert read.dropped == 1 and read.silent == {"teacher": 1, "student": 1}
    said = read.pairs.set_index("prompt_id")
    assert len(said) == 59 and said["teacher"]["id000"] == said["student"]["id007"] == ""


def test_identical_answers_are_counted_and_kept(tmp_path: Path) -> None:
    table = [{**row, "student": row["teacher"]} for row in rows()]
    read = read_answers(write(tmp_path / "answers.jsonl", table))
    assert read.identical == len(read.pairs) == 60


def test_without_categories_all_prompts_are_of_one(tmp_path: Path) -> None:
    assert set(read_answers(write(tmp_path / "a.csv", without("category"))).pairs["category"]) == {"all"}
    some = read_answers(write(tmp_path / "b.jsonl", changed("category", None))).pairs["category"]
    assert some.iloc[3] == "none" and some.nunique() == 4


def test_near_duplicate_prompts_share_a_fold(tmp_path: Path) -> None:
    table = rows()
    for i in range(0, 60, 2):
        table[i + 1]["prompt"] = f"  {table[i]['prompt'].upper()}\n"
    pairs = read_answers(write(tmp_path / "answers.jsonl", table)).pairs
    for seed in range(5):
        fold = games.assign_folds(pairs, folds=5, seed=seed)
        assert (fold[::2] == fold[1::2]).all() and len(set(fold)) == 5


def test_groups_of_the_users_own_go_first(tmp_path: Path) -> None:
    groups = [f"g{i % 6}" if i < 50 else None for i in range(60)]
    pairs = read_answers(write(tmp_path / "answers.jsonl", rows(group=groups))).pairs
    assert pairs["group"].nunique() == 6 + 10


def test_texts_that_repeat_are_grouped_whatever_they_are_called(tmp_path: Path) -> None:
    """Rows 0 and 1 ask the same, by two names; 2 and 3 have one long pair of answers, 4 and 5 a short one."""
    table = rows(40, group=[f"g{i}" for i in range(40)])
    table[1]["prompt"] = str(table[0]["prompt"]).upper()
    for copied, words in ((2, 30), (4, 5)):
        for row in table[copied : copied + 2]:
            row |= {"teacher": "well " * words, "student": "so " * words}
    found = read_answers(write(tmp_path / "answers.jsonl", table)).pairs["group"].tolist()
    assert found[0] == found[1] and found[2] == found[3] and len(set(found)) == 38


def test_the_null_leaves_out_prompts_without_a_second_answer(tmp_path: Path) -> None:
    second: list[str | None] = [f"again {i}" if i % 2 else None for i in range(60)]
    read = read_answers(write(tmp_path / "answers.parquet", rows(teacher_2=second)))
    assert read.null_pairs is not None and len(read.null_pairs) == 30
    assert read.null_pairs["student"].tolist() == second[1::2]
    assert read.null_pairs["teacher"].tolist() == read.pairs["teacher"][1::2].tolist()
    few = read_answers(write(tmp_path / "few.jsonl", rows(teacher_2=[*second[:20], *[None] * 40])))
    assert few.null_pairs is None
    assert read_answers(write(tmp_path / "none.jsonl", rows())).null_pairs is None


BROKEN_ROWS: dict[str, tuple[Rows, str]] = {
    "missing column": (without("teacher"), "lacks teacher; columns found: prompt_id, prompt"),
    "repeated id": (changed("prompt_id", "id004"), "'id004' occurs more than once"),
    "no id": (changed("prompt_id", " "), "1 rows have no prompt_id"),
    "no prompt": (changed("prompt", None), "1 rows have no prompt"),
    "too few": (rows(19), "19 different prompts"),
    "one prompt in many rows": (rows(prompt=["What?"] * 60), "1 different prompts"),
    "few groups": (rows(group=[f"g{i % 3}" for i in range(60)]), "3 groups"),
    "too few after dropping": (
        rows(asked=["yes"] * 19 + ["no"] * 41, student=[f"said {i}" if i < 19 else "" for i in range(60)]),
        "19 different prompts in 19 rows .41 more left out",
    ),
    "no teacher at all": (rows(teacher=[""] * 60), "every teacher answer is empty"),
    "huge cell": (
        changed("student", "x" * (LONGEST + 1)),
        "prompt_id 'id003', row 4, column student: 1,000,001 characters",
    ),
}


@pytest.mark.parametrize("case", BROKEN_ROWS)
@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_broken_rows_are_an_error_in_every_format(tmp_path: Path, suffix: str, case: str) -> None:
    table, message = BROKEN_ROWS[case]
    with pytest.raises(BadInput, match=message):
        read_answers(write(tmp_path / f"answers{suffix}", table))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("teacher", [["a", "b"]], "row 4: found list"),
        ("student", {"role": "assistant"}, "found dict"),
        ("student", True, "found bool"),
        ("category", ["x"], "found list"),
        ("teacher_2", True, "column teacher_2, row 4: found bool 'True', expected text"),
        ("teacher", "\ud800", "surrogate"),
        ("prompt_id", 1e400, "1 rows have no prompt_id"),
    ],
)
def test_a_cell_of_another_type_is_named_with_its_row(
    tmp_path: Path, column: str, value: object, message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        read_answers(write(tmp_path / "answers.jsonl", changed(column, value)))


def test_numbers_that_mean_the_same_id_are_a_repeat(tmp_path: Path) -> None:
    ids: list[Any] = ["5", *range(1, 60)]
    with pytest.raises(BadInput, match="'5' occurs more than once"):
        read_answers(write(tmp_path / "answers.jsonl", rows(prompt_id=ids)))


HEADER = b"prompt_id,prompt,teacher,student\n"
LINE = json.dumps(rows(1)[0])
BROKEN_BYTES: dict[str, tuple[str, bytes, str]] = {
    "empty": ("a.jsonl", b"", "is empty"),
    "empty csv": ("a.csv", b"", "is empty"),
    "empty parquet": ("a.parquet", b"", "is empty"),
    "only blank lines": ("a.jsonl", b"\n\n", "no rows"),
    "header only": ("a.csv", HEADER, "no rows"),
    "cut json": ("a.jsonl", f"{LINE}\n{LINE[:30]}".encode(), "line 2: .* one JSON object a line"),
    "json texts": ("a.jsonl", b'["a"]', "line 1: found str 'a'"),
    "deep json": ("a.jsonl", b"[" * 100_000, "line 1"),
    "key twice": ("a.jsonl", LINE.replace('"category"', '"teacher"').encode(), "key 'teacher' occurs twice"),
    "latin 1": ("a.jsonl", LINE.replace("number", "é").encode("latin-1"), "line 1, byte 0xe9"),
    "latin 1 csv": ("a.csv", HEADER + b"1,\xe9,b,c\n", "line 2"),
    "utf 16": ("a.csv", "prompt_id,prompt,teacher,student\n1,a,b,c\n".encode("utf-16"), "not UTF-8"),
    "column twice": ("a.csv", b"prompt," + HEADER + b"x,1,a,b,c\n", "'prompt' occurs twice"),
    "a cell too many": ("a.csv", HEADER + b"1,a,b,c,d\n", "line 2: 5 cells, expected 4"),
    "a cell too few": ("a.csv", HEADER + b"1,a,b,c\n2,a,b\n", "line 3: 3 cells"),
    "open quote": ("a.csv", HEADER + b'1,a,b,"c\n', "double quotes"),
    "stray quote": ("a.csv", HEADER + b'1,a,"b"x,c\n', "double quotes"),
    "no separator": ("a.csv", b"prompt_id|prompt|teacher\n1|a|b\n", "columns: prompt_id|prompt|teacher"),
    "not parquet": ("a.parquet", b"PAR1 but nothing more PAR1", "cannot be read as Parquet"),
    "unknown kind": ("a.xlsx", b"x", "unknown kind '.xlsx'"),
}


@pytest.mark.parametrize("case", BROKEN_BYTES)
def test_a_broken_file_is_one_clear_error(tmp_path: Path, case: str) -> None:
    name, data, message = BROKEN_BYTES[case]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(BadInput, match=message) as raised:
        read_answers(tmp_path / name)
    assert len(str(raised.value)) < 300


def test_a_folder_or_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is a folder"):
        read_answers(tmp_path)
    with pytest.raises(BadInput, match="no such file"):
        read_answers(tmp_path / "answers.csv")


def _columns_twice(table: pyarrow.Table) -> pyarrow.Table:
    return table.append_column("teacher", table["student"])


def _bytes(table: pyarrow.Table) -> pyarrow.Table:
    return table.set_column(3, "teacher", table["teacher"].cast(pyarrow.binary()))


def _broken_text(table: pyarrow.Table) -> pyarrow.Table:
    data = pyarrow.array([b"\xff\xfe"] * 60, pyarrow.binary())
    return table.set_column(3, "teacher", pyarrow.Array.from_buffers(pyarrow.string(), 60, data.buffers()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_columns_twice, "'teacher' occurs twice"),
        (_bytes, "found bytes"),
        (_broken_text, "'utf-8' codec can't decode byte 0xff"),
        (lambda table: table.slice(0, 0), "no rows"),
    ],
)
def test_broken_parquet_columns(
    tmp_path: Path, change: Callable[[pyarrow.Table], pyarrow.Table], message: str
) -> None:
    parquet.write_table(change(pyarrow.Table.from_pylist(rows())), tmp_path / "answers.parquet")
    with pytest.raises(BadInput, match=message):
        read_answers(tmp_path / "answers.parquet")


def test_parquet_categories_whole_numbers_with_gaps_and_cut_files(tmp_path: Path) -> None:
    path = tmp_path / "answers.parquet"
    table = pd.DataFrame(rows(prompt_id=range(60), group=[7 if i % 2 else None for i in range(60)]))
    table.astype({"category": "category", "group": "Int64"}).to_parquet(path)
    pairs = read_answers(path).pairs
    assert pairs["prompt_id"].iloc[5] == "5" and pairs["group"].nunique() == 31
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BadInput, match="cannot be read as Parquet"):
        read_answers(path)


def test_reading_leaves_the_limit_of_the_csv_module_as_it_was(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    read_answers(write(tmp_path / "answers.csv", rows()))
    assert csv.field_size_limit() == before


@pytest.mark.parametrize("odd", ["a\rb", "a\r\nb", "\r", 'a "\r" b, c', "plain", "a\nb"])
def test_what_is_written_as_csv_is_read_as_it_was(odd: str, tmp_path: Path) -> None:
    """A carriage return alone, which a model may say, is not quoted where rows end in a newline."""
    table = pd.DataFrame({"prompt_id": ["0", "1"], "teacher": [odd, "b"], "score": [0.5, 1.0]})
    write_csv(table, tmp_path / "a.csv")
    path, keys = tmp_path / "a.csv", ("prompt_id",)
    assert columns_of(path, read_rows(path), keys=keys, optional=("teacher",))["teacher"] == [odd, "b"]


def test_an_answer_that_ran_away_is_cut_where_that_is_asked_and_told(tmp_path: Path) -> None:
    table = rows(30)
    table[4]["student"] = "1" * (LONGEST + 1)
    file = write(tmp_path / "a.jsonl", table)
    with pytest.raises(BadInput, match="prompt_id 'id004', row 5, column student.* --longest N"):
        read_answers(file)
    read = read_answers(file, choice=Choice(longest=5000))
    assert read.pairs["student"].str.len().max() == 5000 and len(read.pairs) == 30
    assert "1 answers cut after 5,000 characters, as --longest says: id004" in read.understood
    assert "cut" not in read_answers(write(tmp_path / "b.csv", rows(30))).understood


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<think>\nHm. Tea?\n</think>\n\nTea.", "Tea."),
        ("Hm. Tea?</THINK>Tea.", "Tea."),
        ("<think>I go on and on", ""),
        ("<think></think><thinking>Hm.</thinking>Tea.", "Tea."),
        ("<|channel|>analysis<|message|>İ İ İ<|channel|>final<|message|>Tea.", "Tea."),
        ("Tea, and <think> is a tag.", "Tea, and <think> is a tag."),
    ],
)
def test_a_thought_is_no_part_of_an_answer(tmp_path: Path, text: str, said: str) -> None:
    table = rows(30)
    table[2]["teacher"] = text
    read = read_answers(write(tmp_path / "a.jsonl", table))
    assert read.pairs["teacher"][2] == said
    left = "1 answers with a thought, which is no part of the answer and left out: id002"
    assert (left in read.understood) == (said != text)


def test_ten_prompts_of_fifty_samples_are_refused_for_what_they_are(tmp_path: Path) -> None:
    table = [{**row, "prompt": f"Question {i % 10}?"} for i, row in enumerate(rows(500))]
    with pytest.raises(
        BadInput, match="10 different prompts in 500 rows; at least 20.* further samples"
    ) as e:
        read_answers(write(tmp_path / "a.jsonl", table))
    assert "left out" not in str(e.value)
