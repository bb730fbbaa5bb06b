"""What is exported comes back as it was, once, and a bad file leaves a store as it was."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_store import registered

from bbi_utils.errors import BadInput
from bbi_utils.oracles.base import Answer, Request
from bbi_utils.responses.export import export_answers, import_answers
from bbi_utils.responses.store import ResponseStore
from bbi_utils.study.cli.main import main

KINDS = [".jsonl", ".parquet"]
TEXTS = ["Paris.", "", "two\nlines\r\n", "π “quoted” \u2028 \\ \x00 \x1f", "🙂", "null", "1.0"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A store with answers of two known oracles and of one that is not registered."""
    file = tmp_path / "source.sqlite"
    with ResponseStore(file) as store:
        for fingerprint in ("f1", "f2"):
            store.register(
                fingerprint, name=f"teacher {fingerprint}", settings={"seed": 0, "kind": fingerprint}
            )
        for fingerprint in ("f1", "f2", "f3"):
            said = [Answer(f"p{i}", text, "length", i, 2 * i, i / 3) for i, text in enumerate(TEXTS)]
            store.add(fingerprint, said)
        store.add("f1", [Answer("p0", "Lima.", "refusal", 1, 2, 0.0)], sample_index=1)
        store.intend("f1", Request("p9", "?"), reserved=0.5)
    return file


def content(path: Path) -> list[list[tuple[Any, ...]]]:
    """Every row of both tables."""
    connection = sqlite3.connect(path)
    orders = {"fingerprints": "1", "responses": "1, 2, 3"}
    found = [
        connection.execute(f"SELECT * FROM {name} ORDER BY {by}").fetchall() for name, by in orders.items()
    ]
    connection.close()
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_both_tables_come_back_and_again_adds_nothing(
    kind: str, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, target = tmp_path / f"out/answers{kind}", tmp_path / "new/target.sqlite"
    assert main(["export", str(source), str(file)]) == 0
    assert main(["import", str(file), str(target)]) == 0
    assert content(target) == content(source)
    assert main(["import", str(file), str(target)]) == 0
    assert content(target) == content(source)
    assert capsys.readouterr().out.splitlines() == [
        f"22 answers in {file}",
        f"22 answers in {file}, 22 of them new in {target}",
        f"22 answers in {file}, 0 of them new in {target}",
    ]
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_store_has_stays_and_batches_do_not_matter(
    kind: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bbi_utils.responses.export.AT_ONCE", 5)
    file, target = tmp_path / f"answers{kind}", tmp_path / "target.sqlite"
    with ResponseStore(source) as store:
        assert export_answers(store, file, shown=False) == 22
    with ResponseStore(target) as store:
        store.add("f1", [Answer("p0", "kept", "stop", 7, 7, 7.0), Answer("p99", "own", "stop", 1, 1, 0.1)])
        assert import_answers(store, file, shown=False) == (22, 21)
        assert {i: a.answer for i, a in store.answers("f1").items() if i in ("p0", "p99")} == {
            "p0": "kept",
            "p99": "own",
        }
    with ResponseStore(source) as store, pytest.raises(BadInput, match="cannot be written"):
        export_answers(store, tmp_path / f"target.sqlite/answers{kind}", shown=False)


def test_the_two_kinds_are_one_table_and_a_part_stands_for_itself(source: Path, tmp_path: Path) -> None:
    import pandas

    with ResponseStore(source) as store:
        for kind in KINDS:
            export_answers(store, tmp_path / f"answers{kind}", shown=False)
    lines = (tmp_path / "answers.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    table = pandas.read_parquet(tmp_path / "answers.parquet")
    assert [json.loads(line) for line in lines] == table.astype(object).where(table.notna(), None).to_dict(
        "records"
    )
    (tmp_path / "part.jsonl").write_text(lines[-1] + "\n" + lines[0] + "\n", encoding="utf-8")
    with ResponseStore(tmp_path / "part.sqlite") as store:
        import_answers(store, tmp_path / "part.jsonl", shown=False)
        assert [row[0] for row in registered(store)] == ["f1"] and set(store.answers("f3")) == {"p6"}


def edit(**changes: Any) -> Callable[[list[str]], str]:
    """The last line with other values; a value of ... takes the column away."""

    def changed(lines: list[str]) -> str:
        row = {name: value for name, value in (json.loads(lines[-1]) | changes).items() if value is not ...}
        return "\n".join([*lines[:-1], json.dumps(row)])

    return changed


BAD = {
    "row 22: answer: found .*; Field required; expected what `export` writes": edit(answer=..., seconds=...),
    "row 22: answer: found None; .* valid string": edit(answer=None),
    "row 22: .* Invalid JSON: .*hex escape": edit(prompt_id="\ud800"),
    "row 22: sample_index: found -1; .* greater than or equal to 0": edit(sample_index=-1),
    "row 22: prompt_tokens: found True; .* valid integer": edit(prompt_tokens=True),
    "row 22: answer_tokens: found 1.5; .* valid integer": edit(answer_tokens=1.5),
    "row 22: answer_tokens: found .* less than 9223372036854775808": edit(answer_tokens=2**63),
    "row 22: seconds: found nan; .* finite number": edit(seconds=float("nan")),
    "row 22: finish_reason: found 'tired'; .* 'stop', 'length', ": edit(finish_reason="tired"),
    r"row 22: settings: found \[\]; Input should be an object": edit(name="x", settings="[]"),
    "row 22: fingerprint f1 has other settings than in a row before": edit(
        fingerprint="f1", name="x", settings='{"seed": 1}'
    ),
    "row 22: .* Invalid JSON: EOF .*; expected what `export`": lambda lines: "\n".join(lines)[:-9] + "}",
    "row 22: .* object": lambda lines: "\n".join([*lines[:-1], "[]"]),
    "has no answers": lambda lines: "",
}


@pytest.mark.parametrize("message", BAD)
def test_a_bad_row_is_named_and_nothing_is_imported(
    message: str, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, target = tmp_path / "answers.jsonl", tmp_path / "target.sqlite"
    with ResponseStore(source) as store:
        export_answers(store, file, shown=False)
    file.write_text(BAD[message](file.read_text(encoding="utf-8").split("\n")[:-1]), encoding="utf-8")
    with ResponseStore(target) as store:
        store.add("f1", [Answer("p0", "kept", "stop", 7, 7, 7.0)])
        with pytest.raises(BadInput, match=message):
            import_answers(store, file, shown=False)
        assert not store.connection.in_transaction
    assert content(target) == [[], [("f1", "p0", 0, "kept", "stop", 7, 7, 7.0)]]
    assert main(["import", str(file), str(target)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_fingerprint_stands_for_one_thing(source: Path, tmp_path: Path) -> None:
    with ResponseStore(source) as store:
        export_answers(store, tmp_path / "answers.parquet", shown=False)
    with ResponseStore(tmp_path / "target.sqlite") as store:
        store.register("f2", name="its name may differ", settings={"seed": 5, "kind": "f2"})
        with pytest.raises(BadInput, match="fingerprint f2 has other settings there"):
            import_answers(store, tmp_path / "answers.parquet", shown=False)
        assert store.known("f1") == set() and [row[0] for row in registered(store)] == ["f2"]


def test_a_damaged_parquet_file_is_one_clear_error(source: Path, tmp_path: Path) -> None:
    file = tmp_path / "answers.parquet"
    with ResponseStore(source) as store:
        export_answers(store, file, shown=False)
    whole = file.read_bytes()
    with ResponseStore(tmp_path / "target.sqlite") as store:
        for broken in (whole[:-30], whole[:4] + bytes(600) + whole[604:], b"not parquet"):
            file.write_bytes(broken)
            with pytest.raises(BadInput, match=r"answers.parquet cannot be read as Parquet: .*write"):
                import_answers(store, file, shown=False)
        assert store.connection.execute("SELECT count(*) FROM responses").fetchone() == (0,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export", "none.sqlite", "a.jsonl"], "none.sqlite: no such file"),
        (["export", "source.sqlite", "a.csv"], "unknown kind '.csv'; expected .jsonl or .parquet"),
        (["import", "none.jsonl", "new.sqlite"], "none.jsonl: no such file"),
        (["import", "source.sqlite", "new.sqlite"], "unknown kind '.sqlite'"),
    ],
)
def test_wrong_places_are_bad_input_and_make_no_file(
    arguments: list[str],
    message: str,
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(source.parent)
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == "" and message in said.err
    assert [path.name for path in source.parent.iterdir()] == ["source.sqlite"]
