"""What the words of a command line or of a YAML file stand for, by the type of what they set.

YAML would cut `Be brief. # no lists` at the comment and read the revisions 1.0, yes and 2024-05-01 as a
number, a truth and a date. Here texts are texts, and of YAML there is only what it says of lists and
mappings.
"""

from __future__ import annotations

from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml

from bbi_utils.errors import BadInput, characters

NULLS = ("", "~", "null", "Null", "NULL")
SWITCHES = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def parse_yaml(text: str, source: str) -> Any:
    """Lists and mappings of words; raises BadInput where a text is no YAML."""
    try:
        return yaml.load(text, yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadInput(f"{source} is not valid YAML: {' '.join(str(error).split())}") from None


def typed(kind: Any, said: Any) -> Any:
    """What a word, or a list of words, stands for where a value of this type is wanted."""
    if not isinstance(said, list):
        return word(said, text=takes_text(kind))
    texts = any(takes_text(item) for item in items_of(kind))
    return [word(one, text=texts) for one in said]


def typed_line(kind: Any, said: str) -> Any:
    """The same of what was typed on a command line: a text to the letter, a list as YAML has it.

    Where either may stand, a list is what begins with a bracket.
    """
    said = as_typed(said)
    listed = items_of(kind) and said.lstrip().startswith("[")
    if takes_text(kind) and not listed:
        return word(said, text=True)
    try:
        found = parse_yaml(said, "it")
    except BadInput:
        return said  # refused by name, as no list
    return typed(kind, found)


def as_typed(said: str) -> str:
    """What was typed, in UTF-8 also where the locale speaks ASCII; raises BadInput on other encodings."""
    try:
        return said.encode(errors="surrogateescape").decode()
    except UnicodeError:
        return characters(said, f"{said!r:.60} holds ")


def word(said: Any, *, text: bool) -> Any:
    """One word as a text, or as nothing, yes or no, or a number (no date, no time, nothing octal).

    Raises BadInput for what is no text, as a terminal gives that writes é in another encoding.
    """
    if not isinstance(said, str):
        return said
    characters(said, f"{said!r:.60} holds ")
    if said in NULLS:
        return None
    return said if text else SWITCHES.get(said.lower(), read_number(said, kind=int))


def read_number(value: Any, *, kind: type[int] | type[float] = float) -> Any:
    """The number in a text, a whole one where it can be and `kind` is int; anything else as it is."""
    try:
        return kind(value) if isinstance(value, str) else value
    except ValueError:
        return value if kind is float else read_number(value)


def takes_text(kind: Any) -> bool:
    """Whether a type has room for any text, or for one of some."""
    return any(one is str or get_origin(one) is Literal for one in alternatives(kind))


def items_of(kind: Any) -> list[Any]:
    """The types of the items of the lists that a type has room for."""
    return [get_args(one)[0] for one in alternatives(kind) if get_origin(one) is tuple]


def alternatives(kind: Any) -> list[Any]:
    """The types that a value may have, without what bounds them."""
    if get_origin(kind) in (Union, UnionType):
        return [one for part in get_args(kind) for one in alternatives(part)]
    return alternatives(get_args(kind)[0]) if get_origin(kind) is Annotated else [kind]
