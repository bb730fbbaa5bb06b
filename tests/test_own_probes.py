"""Prompts of one's own: read as they are, split so that no question lies on both sides, errors named."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bbi_utils.errors import BadInput
from bbi_utils.probes import categories_in, dataset_card, load_probes, read_probes, save_probes, take
from bbi_utils.probes.suite import prompt_id

WORDS = [
    "river",
    "stone",
    "lantern",
    "harbour",
    "orchard",
    "violin",
    "glacier",
    "copper",
    "meadow",
    "thunder",
]


def rows(n: int = 100) -> list[dict[str, Any]]:
    """Prompts of two categories that share few letters with one another."""
    return [
        {
            "prompt": f"Tell me about the {WORDS[i % 10]} and the {WORDS[i // 10]} of village {i * 7919:06}.",
            "category": ("billing", "shipping")[i % 2],
        }
        for i in range(n)
    ]


def write(path: Path, table: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in table), encoding="utf-8")
    return path


def test_prompts_keep_their_order_and_each_category_gives_a_fifth(tmp_path: Path) -> None:
    probes = read_probes(write(tmp_path / "mine.jsonl", rows()), seed=3)
    assert [probe.prompt for probe in probes] == [row["prompt"] for row in rows()]
    assert probes[0].id == prompt_id(rows()[0]["prompt"])
    assert Counter((probe.category, probe.split) for probe in probes) == {
        ("billing", "distil"): 40,
        ("billing", "test"): 10,
        ("shipping", "distil"): 40,
        ("shipping", "test"): 10,
    }
    again = read_probes(tmp_path / "mine.jsonl", seed=3)
    assert again == probes != read_probes(tmp_path / "mine.jsonl", seed=4)


def test_all_three_formats_say_the_same_and_the_probe_file_takes_them(tmp_path: Path) -> None:
    table = pd.DataFrame(rows())
    table.to_csv(tmp_path / "mine.csv", index=False)
    table.to_parquet(tmp_path / "mine.parquet")
    write(tmp_path / "mine.jsonl", rows())
    found = [read_probes(tmp_path / f"mine.{kind}") for kind in ("csv", "parquet", "jsonl")]
    splits = [[(probe.id, probe.split) for probe in probes] for probes in found]
    assert splits[0] == splits[1] == splits[2]
    save_probes(tmp_path / "probes.jsonl", found[0])
    assert load_probes(tmp_path / "probes.jsonl") == found[0]
    assert categories_in(found[0]) == ["billing", "shipping"]
    chosen = take(found[0], "test", 10, 0)
    assert Counter(probe.category for probe in chosen) == {"billing": 5, "shipping": 5}
    card = dataset_card(found[0], source="mine.csv")
    assert "file mine.csv;" in card and "| shipping |" in card and "hand-written template" not in card


def test_wordings_of_one_question_stay_on_one_side(tmp_path: Path) -> None:
    table = [{**row, "group": i // 4} for i, row in enumerate(rows())]
    table += [{**row, "prompt": row["prompt"].replace(".", "!").upper(), "group": None} for row in rows()]
    sides: dict[str, set[str]] = {}
    for probe in read_probes(write(tmp_path / "mine.jsonl", table)):
        sides.setdefault(probe.group, set()).add(probe.split)
    assert len(sides) == 25 and all(len(found) == 1 for found in sides.values())


def test_prompts_come_from_a_named_place_or_another_form(tmp_path: Path) -> None:
    table = [{"ask": {"text": f"Why {i}?"}, "category": "c"} for i in range(20)]
    deep = read_probes(write(tmp_path / "deep.jsonl", table), prompt="ask.text")
    form = [{"instruction": f"Why {i}?", "output": "x", "generator": "m", "dataset": "c"} for i in range(20)]
    assert read_probes(write(tmp_path / "form.jsonl", form))[3].prompt == deep[3].prompt == "Why 3?"
    assert {probe.category for probe in deep} == {"c"}
    with pytest.raises(BadInput, match="nothing at --prompt where; columns: ask, category"):
        read_probes(tmp_path / "deep.jsonl", prompt="where")


def test_a_split_of_ones_own_is_kept(tmp_path: Path) -> None:
    table = [{**row, "split": "test" if i < 30 else "distil"} for i, row in enumerate(rows())]
    probes = read_probes(write(tmp_path / "mine.jsonl", table))
    assert [probe.split for probe in probes] == ["test"] * 30 + ["distil"] * 70
    table[99]["prompt"] = table[0]["prompt"].lower()
    with pytest.raises(BadInput, match="both sides"):
        read_probes(write(tmp_path / "mine.jsonl", table))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda table: [{"x": "y"} for _ in table], "lacks prompt"),
        (lambda table: [*table, table[0]], "more than once"),
        (lambda table: [*table, {"prompt": "  "}], "1 rows have no prompt"),
        (lambda table: [*table, {"prompt": True}], "row 101: found bool"),
        (lambda table: [*table, {"prompt": "x", "category": ["a"]}], "found list"),
        (lambda table: table[:19], "19 prompts; at least 20"),
        (
            lambda table: [{**row, "split": "train"} for row in table],
            "found 'train', expected distil or test",
        ),
    ],
)
def test_a_broken_file_is_named(spoil: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=message):
        read_probes(write(tmp_path / "mine.jsonl", spoil(rows())))
