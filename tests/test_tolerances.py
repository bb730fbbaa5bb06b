"""Comparing tables: agreement, each way to disagree, and clear errors for what cannot be compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from bbi_utils.errors import BadInput
from bbi_utils.study.verify import compare_tables, failures, load_tolerances, report
from tools.refresh import save_expected

RULES = """advantage.csv:
  keys: [pair, adversary]
  columns: {n: exact, advantage: 0.05, note: ignore}
"""
TABLE = "pair,adversary,n,advantage,note\nqwen,length,100,0.300000,a\nqwen,ngrams,100,0.500000,b\n"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    run, expected = tmp_path / "figures", tmp_path / "expected"
    run.mkdir()
    expected.mkdir()
    (run / "advantage.csv").write_text(TABLE)
    (expected / "advantage.csv").write_text(TABLE)
    (expected / "tolerances.yaml").write_text(RULES)
    return run, expected


def test_equal_tables_agree(folders: tuple[Path, Path]) -> None:
    checks = compare_tables(*folders)
    assert len(checks) == 4 and not failures(checks)
    assert report(checks).endswith("all 4 values agree")


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("0.300000,a", "0.350000,z", []),
        ("0.300000", "0.351000", ["advantage"]),
        ("length,100", "length,99", ["n"]),
        ("0.300000", "nan", ["advantage"]),
        ("0.300000", "", ["advantage"]),
        ("qwen,ngrams,100,0.500000,b\n", "", ["(row)"]),
        ("qwen,ngrams", "qwen,words", ["(row)", "(row)"]),
    ],
)
def test_differences(folders: tuple[Path, Path], old: str, new: str, wrong: list[str]) -> None:
    (folders[0] / "advantage.csv").write_text(TABLE.replace(old, new))
    checks = compare_tables(*folders)
    assert [c.column for c in failures(checks)] == wrong
    assert len(report(checks).splitlines()) == 2 + len(wrong)


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ("[]", "mapping"),
        ("a.csv: {keys: [x]}", "keys"),
        ("a.csv: {keys: [x], columns: {y: -1}}", "-1"),
        ("a.csv: {keys: [x], columns: {y: about}}", "about"),
        ("a.csv: {keys: [x], columns: {y: true}}", "True"),
        ("advantage.csv: {keys: [nobody], columns: {}}", "nobody"),
        ("advantage.csv: {keys: [pair], columns: {}}", "more than one row"),
        ("advantage.csv: {keys: [pair, adversary], columns: {n: exact}}", "note"),
        ("gone.csv: {keys: [pair], columns: {}}", "gone.csv"),
    ],
)
def test_malformed_tolerances_are_named(folders: tuple[Path, Path], rules: str, says: str) -> None:
    (folders[1] / "tolerances.yaml").write_text(rules)
    with pytest.raises(BadInput, match=says):
        compare_tables(*folders)


def test_a_table_missing_in_the_run_is_named(folders: tuple[Path, Path]) -> None:
    (folders[0] / "advantage.csv").unlink()
    with pytest.raises(BadInput, match="advantage.csv"):
        compare_tables(*folders)


def test_a_table_without_rows_agrees_with_one_without_rows_only(folders: tuple[Path, Path]) -> None:
    for folder in folders:
        (folder / "advantage.csv").write_text(TABLE.splitlines()[0] + "\n")
    assert compare_tables(*folders) == []
    (folders[0] / "advantage.csv").write_text(TABLE)
    assert [c.column for c in failures(compare_tables(*folders))] == ["(row)", "(row)"]


def test_saving_expected_tables_makes_them_agree(folders: tuple[Path, Path]) -> None:
    (folders[0] / "advantage.csv").write_text(TABLE.replace("0.3", "0.9"))
    assert failures(compare_tables(*folders))
    save_expected(*folders)
    assert not failures(compare_tables(*folders))


def test_the_shipped_tolerances_are_well_formed() -> None:
    shipped = Path(__file__).parent.parent / "figures" / "pocket" / "expected" / "tolerances.yaml"
    assert "advantage.csv" in load_tolerances(shipped)
