"""The words of the suite as YAML: what is wrong with a sheet is said in one line, with file and entry."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bbi_utils.errors import BadInput
from bbi_utils.probes import CATEGORIES, stream
from bbi_utils.probes.templates.draws import draw_of
from bbi_utils.probes.templates.sheets import Entry, read_sheet, shared, sheet

GOOD = """
words:
  fish: [carp, pike]
tables:
  sounds: {cow: moo}
records:
  towns:
    Rome: {river: Tiber, country: Italy}
    Cologne: {river: Rhine, country: Germany}
templates:
  ask:
    slots: {kind: fish, "first, second": {different: fish}, animal: {likely: sounds}}
    phrasings: ["Is {first} a {kind} or a {second} or a {animal}?"]
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[carp, pike]", "[carp, yes]", r"words > fish > 1: found True; .* valid string in quotes"),
        ("{cow: moo}", "{cow: 12}", r"tables > sounds > cow: found 12; .* valid string in quotes"),
        ("{cow: moo}", "{2024-01-01: moo}", r"found datetime.date\(2024, 1, 1\); .* in quotes"),
        ("[carp, pike]", "[]", r"words > fish: found \[\]; .* at least 1 item"),
        ("words:", "word:", r"word: found .* not permitted"),
        ("{river: Rhine, ", "{", r"towns > Cologne has \['country'\], expected \['river', 'country'\]"),
        ("kind: fish", "kind: [fish]", r"slots > kind: found \['fish'\]"),
        ("    slots:", "    solts:", r"templates > ask > slots: found .* Field required"),
        ("words:", "words: {}\nwords:", r"line 3: found 'words' occurs twice"),
        ("[carp, pike]", "[carp, pike", r"line 4: found .* expected a YAML sheet"),
    ],
)
def test_a_broken_sheet_is_named_in_one_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD and read_sheet(write(tmp_path, GOOD)).words["fish"] == ["carp", "pike"]
    with pytest.raises(BadInput, match=f"^mine.yaml, .*{message}") as error:
        read_sheet(write(tmp_path, GOOD.replace(old, new, 1)))
    assert "\n" not in str(error.value)


def test_a_list_that_another_sheet_has_too_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "words: {animals: [cat]}")
    with pytest.raises(BadInput, match="mine.yaml: found a second list named 'animals'"):
        read_sheet(path, shared())
    assert read_sheet(path).words == {"animals": ["cat"]}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: fish", "kind: fishes", "found 'fishes', expected a list"),
        ("{animal}?", "{color}?", "found 'color', expected a list, table, function or earlier slot"),
        ("{animal}?", "{animal?", "cannot be drawn and asked: expected '}'"),
        ("first, second", "first, second, third", "cannot be drawn and asked: Sample larger"),
        ("{different: fish}", "{diffrent: fish}", "found 'diffrent', expected a list, table, function"),
        ("{likely: sounds}", "{draw: solve}", "cannot be drawn and asked: solve"),
        ("{likely: sounds}", "{draw: ask}", "found 'ask', expected a list, table, function"),
    ],
)
def test_a_template_that_cannot_be_asked_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, message: str
) -> None:
    broken = read_sheet(write(tmp_path, GOOD.replace(old, new, 1)))
    monkeypatch.setattr(stream, "sheet", lambda category: broken)
    stream.load_templates.cache_clear()
    with pytest.raises(BadInput, match=f"^safety.yaml, templates > ask: {message}"):
        stream.load_templates("safety")


def test_slots_are_filled_in_their_order_as_the_sheet_says() -> None:
    slots = {
        "place": "places",
        "where": {"where": "{place}"},
        "animal": {"likely": "animals"},
        "an_animal": {"article": "{animal}"},
        "b, a": {"different": "objects, colors"},
        "options": {"sorted": "{b}, {a}"},
        "country": "countries",
        "city": {"countries.capital": "{country}"},
        "both": {"text": "{country} and {city}"},
    }
    keep = "where, place, an_animal, animal, b, a, options, both"
    entry = Entry.model_validate({"slots": slots, "keep": keep, "phrasings": ["?"]})
    draw = draw_of(entry, shared())
    drawn = draw(random.Random(4))
    assert list(drawn) == keep.split(", ")
    assert drawn == draw(random.Random(4)) != draw(random.Random(5))
    assert drawn["where"] == shared().tables["where"][drawn["place"]]
    assert drawn["an_animal"].split(" ", 1)[1] == drawn["animal"]
    country, city = drawn["both"].split(" and ")
    assert shared().records["countries"][country]["capital"] == city
    assert drawn["options"] == ", ".join(sorted((drawn["a"], drawn["b"])))


def test_every_list_that_a_table_names_exists_and_every_category_says_what_it_is_about() -> None:
    tables = {"arithmetic": "kinds", "instruction_following": "classes", "style_format": "json_fields"}
    for category in CATEGORIES:
        assert sheet(category).about and sheet(category).templates
        assert all(sheet(category).members(tables.get(category, "classes")).values())
