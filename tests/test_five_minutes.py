"""The page "audit my models in five minutes": its commands are carried out, on small files of answers."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from recorded_files import rows, write

from bbi_utils.paths import ROOT
from bbi_utils.responses.recorded import read_answers
from bbi_utils.study.cli.main import main, parser
from bbi_utils.study.cli.verdict import EXIT

PAGE = (ROOT / "docs" / "audit_in_five_minutes.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
LINES = "".join(BLOCKS).replace("\\\n", " ").splitlines()
COMMANDS = [shlex.split(line)[3:] for line in LINES if line.startswith("python -m bbi_utils ")]
AUDITS = [command for command in COMMANDS if command[0] in ("audit", "certify")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the files that the page names."""
    said = rows(40)
    write(tmp_path / "answers.jsonl", said)
    (tmp_path / "answers").mkdir()
    for place, column in (("teacher", "teacher"), ("student", "student"), ("answers/a", "teacher"),
                          ("answers/b", "student"), ("answers/c", "teacher")):  # fmt: skip
        own = [{"id": row["prompt_id"], "prompt": row["prompt"], "answer": row[column]} for row in said]
        (tmp_path / f"{place}.json").write_text(json.dumps(own), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_audits_on_the_page_end_in_a_verdict(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(AUDITS) >= 5
    for command in AUDITS:
        status = main(command)
        said = capsys.readouterr()
        assert status in EXIT.values() and not said.err, (command, said.err)
    assert {"certificate.json", "scores.parquet", "MANIFEST.json", "figures"} & {
        file.name for file in (folder / "runs" / "audit" / "answers").iterdir()
    } >= {"certificate.json", "scores.parquet", "figures"}


def test_two_shipped_models_make_a_file_that_an_audit_takes(folder: Path) -> None:
    (command,) = [command for command in COMMANDS if command[0] == "sample"]
    few = ["24" if word == "200" else "said.jsonl" if word == "answers.jsonl" else word for word in command]
    assert few != command and main([*few, "--max-new-tokens", "8"]) == 0
    assert len(read_answers(folder / "said.jsonl").pairs) == 24


def test_the_other_lines_are_commands_and_targets_that_exist() -> None:
    (game,) = [command for command in COMMANDS if command not in AUDITS and command[0] != "sample"]
    assert parser().parse_args(game).command == "play"
    makes = [line.split()[1] for line in LINES if line.startswith("make ")]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert makes and all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in makes)
    known = ("make ", "python -m bbi_utils ", "source .venv/bin/activate")
    assert [line for line in LINES if not line.startswith(known)] == []


def test_the_row_and_the_exit_statuses_on_the_page_are_right(tmp_path: Path) -> None:
    row = json.loads(re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)[1])  # type: ignore[index]
    file = write(tmp_path / "row.jsonl", [{**row, "prompt": f"{row['prompt']} {i}"} for i in range(24)])
    recorded = read_answers(file)
    assert len(recorded.pairs) == 24 and recorded.null_pairs is not None
    for verdict, status in EXIT.items():
        assert f"| {status} | {verdict} |" in PAGE
