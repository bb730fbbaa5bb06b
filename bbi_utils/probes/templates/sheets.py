"""The words of the suite: YAML sheets of lists, tables, records and templates, checked when they are read."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from bbi_utils.errors import BadInput, first_problem

FOLDER = Path(__file__).parent
Text: TypeAlias = Annotated[str, Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Entry(_Strict):
    """A template as written: slots, each with the way it is filled, and which of them to keep (or all)."""

    slots: dict[Text, Annotated[dict[Text, Text], Field(min_length=1, max_length=1)]]
    keep: str = ""
    phrasings: Annotated[list[Text], Field(min_length=1)]

    @field_validator("slots", mode="before")
    @classmethod
    def _a_bare_name_is_one_of_its_list(cls, slots: Any) -> Any:
        if not isinstance(slots, dict):
            return slots
        return {name: {"one_of": way} if isinstance(way, str) else way for name, way in slots.items()}


class Sheet(_Strict):
    """One file. words: lists. tables: entry to value. records: entry to its fields. about: for the card."""

    about: str = ""
    words: dict[Text, Annotated[list[Text], Field(min_length=1)]] = {}
    tables: dict[Text, dict[Text, Text]] = {}
    records: dict[Text, dict[Text, dict[Text, Text]]] = {}
    templates: dict[Text, Entry] = {}

    @model_validator(mode="after")
    def _entries_have_the_same_fields(self) -> Sheet:
        for name, rows in self.records.items():
            expected = next(iter(rows.values()), {}).keys()
            for entry, row in rows.items():
                if row.keys() != expected:
                    raise ValueError(f"{name} > {entry} has {list(row)}, expected {list(expected)}")
        return self

    @property
    def lists(self) -> dict[str, list[str]]:
        """All that slots are drawn from: the lists, and the entries of tables and records."""
        tables = {name: list(rows) for name, rows in self.tables.items()}
        return self.words | tables | {name: list(rows) for name, rows in self.records.items()}

    def column(self, name: str) -> dict[str, str]:
        """The values of a table by entry, or those of one field of records ("countries.capital")."""
        table, _, field = name.partition(".")
        return {k: row[field] for k, row in self.records[table].items()} if field else self.tables[table]

    def members(self, table: str) -> dict[str, list[str]]:
        """Each entry of a table whose values name lists, with the words of its list."""
        return {entry: self.words[name] for entry, name in self.tables[table].items()}


class _EachKeyOnce(yaml.CSafeLoader):  # type: ignore[misc]
    """YAML that may not say a key twice, where plain YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} occurs twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


@cache
def shared() -> Sheet:
    """The lists, tables and records that every category may draw from: lexicon, facts and terms."""
    return read_sheet(
        FOLDER / "terms.yaml", read_sheet(FOLDER / "facts.yaml", read_sheet(FOLDER / "lexicon.yaml"))
    )


@cache
def sheet(category: str) -> Sheet:
    """The sheet of one category, and beside its lists those that all share."""
    return read_sheet(FOLDER / f"{category}.yaml", shared())


def read_sheet(path: Path, beside: Sheet | None = None) -> Sheet:
    """The sheet in a file, with the lists, tables and records of another beside its own.

    Raises BadInput on a file that is wrong, naming file and entry, what was found and what was expected.
    """
    beside = beside or Sheet()
    try:
        read = Sheet.model_validate(yaml.load(path.read_text(encoding="utf-8"), _EachKeyOnce))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadInput(f"{path.name}, line {line}: found {error.problem}, expected a YAML sheet") from error
    except ValidationError as error:
        quotes = " in quotes" * (error.errors()[0]["type"] == "string_type")
        raise BadInput(f"{path.name}, {first_problem(error)}{quotes}") from error
    if twice := read.lists.keys() & beside.lists.keys():
        raise BadInput(f"{path.name}: found a second list named {min(twice)!r}; give it a name of its own")
    both = {kind: getattr(beside, kind) | getattr(read, kind) for kind in ("words", "tables", "records")}
    return read.model_copy(update=both)
