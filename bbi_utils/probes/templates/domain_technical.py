"""Probes on technical knowledge: computing, Python, medicine, law, finance, chemistry and units."""

from __future__ import annotations

import random

from bbi_utils.probes.stream import Template
from bbi_utils.probes.templates import terms
from bbi_utils.probes.templates.draws import each, pair_of, shown_as
from bbi_utils.probes.templates.lexicon import ANIMALS, AUDIENCES, COLORS, NAMES, OBJECTS

CATEGORY = "domain_technical"

_RECORDS = ("names", "numbers", "files", "cards", "books", "prices", "words", "coins", "tickets", "stamps")
_WORDS = OBJECTS + ANIMALS + COLORS


def _term_between_fields(rng: random.Random) -> dict[str, str]:
    term = rng.choice(tuple(terms.DEFINITIONS))
    field = terms.FIELD_OF[term]
    pair = [field, rng.choice([other for other in terms.FIELDS if other != field])]
    rng.shuffle(pair)
    return {"term": term} | shown_as(pair)


def _definition_between_terms(rng: random.Random) -> dict[str, str]:
    field = rng.choice(tuple(terms.FIELDS))
    pair = rng.sample(tuple(terms.FIELDS[field]), 2)
    definition = terms.FIELDS[field][rng.choice(pair)]
    return {"field": field, "definition": definition} | shown_as(pair)


def _python_type(rng: random.Random) -> dict[str, str]:
    first, second = rng.sample(_WORDS, 2)
    number = rng.randint(2, 20)
    value = rng.choice(
        (
            f"'{first} {second}'",
            f"['{first}', '{second}']",
            f"('{first}', '{second}')",
            f"{{'{first}': {number}}}",
            f"{{'{first}', '{second}'}}",
            f"{number} > {rng.randint(2, 20)}",
            f"{number}",
            f"{number}.5",
        )
    )
    return {"value": value, "_name": rng.choice(NAMES)}


def _acronym(rng: random.Random) -> dict[str, str]:
    acronym = rng.choice(tuple(terms.ACRONYMS))
    return {"acronym": acronym, "field": terms.ACRONYMS[acronym][1], "_audience": rng.choice(AUDIENCES)}


TEMPLATES = (
    Template(
        "term_field",
        (
            "Does the term {term} belong more to {_first} or to {_second}?",
            "Is \"{term}\" a word from {_first} or from {_second}?",
            "Where would I learn about the term {term}: in a book on {_first} or one on {_second}?",
            "Choose the right field for the term {term}: {_first} or {_second}.",
        ),
        _term_between_fields,
    ),
    Template(
        "term_choice",
        (
            "Which {field} term means {definition}: {_first} or {_second}?",
            "In {field}, is {definition} called \"{_first}\" or \"{_second}\"?",
            "Choose the {field} term, {_first} or {_second}, that fits this definition: {definition}.",
            "My {field} notes say \"{definition}\". Are they about the term {_first} or the term {_second}?",
        ),
        _definition_between_terms,
    ),
    Template(
        "command_purpose",
        (
            "What does the command `{command}` do? I have to tell {_audience}.",
            "Explain the terminal command `{command}` to {_audience}.",
            "How would you explain to {_audience} what `{command}` does in a terminal?",
            "Describe the purpose of `{command}` on the command line for {_audience}.",
        ),
        each(command=tuple(terms.COMMANDS), _audience=AUDIENCES),
    ),
    Template(
        "purpose_command",
        (
            "Which terminal command should {_name} use to {purpose}?",
            "{_name} wants to {purpose} on the command line. Which command does that?",
            "Name the command that lets {_name} {purpose} from a terminal.",
            "On a Linux computer, what can {_name} type to {purpose}?",
        ),
        each(purpose=tuple(terms.COMMANDS.values()), _name=NAMES),
    ),
    Template(
        "complexity",
        (
            "What is the usual time complexity of {procedure} on n {_records}?",
            "In big O notation, how long does {procedure} take for n {_records}?",
            "How does the running time of {procedure} grow with n {_records}? Use big O notation.",
            "Give the average big O running time of {procedure} for a collection of n {_records}.",
        ),
        each(procedure=tuple(terms.COMPLEXITY), _records=_RECORDS),
    ),
    Template(
        "python_type",
        (
            "Which Python type does the value {value} have in the code of {_name}?",
            "{_name} wrote x = {value} in Python. What is the type of x?",
            "What would type({value}) tell {_name} in Python?",
            "{_name} is learning Python. Name the type of this value: {value}",
        ),
        _python_type,
    ),
    Template(
        "python_error",
        (
            "Which Python error does {_name} get from {mistake}?",
            "{_name} sees an error in Python after {mistake}. Which error is it?",
            "Name the Python exception that {mistake} will raise for {_name}.",
            "A Python program of {_name} stops because of {mistake}. What is the error called?",
        ),
        each(mistake=tuple(terms.PYTHON_ERRORS), _name=NAMES),
    ),
    Template(
        "tool_choice",
        (
            "Which tool should {_name} use to {task}?",
            "{_name} has to {task} at work. What is the right tool?",
            "What does {_name} need in order to {task}?",
            "Recommend one tool that helps {_name} to {task}.",
        ),
        each(task=tuple(terms.TOOLS), _name=NAMES),
    ),
    Template(
        "element_property",
        (
            "In chemistry, what is the {property} of {element}? It is for {_audience}.",
            "Please tell {_audience} the {property} of the element {element}.",
            "I need the {property} of {element} for a lesson with {_audience}.",
            "State the {property} of {element} so that {_audience} can write it down.",
        ),
        each(property=terms.ELEMENT_PROPERTIES, element=tuple(terms.ELEMENTS), _audience=AUDIENCES),
    ),
    Template(
        "element_order",
        (
            "Which element has the higher atomic number, {_first} or {_second}?",
            "Between {_first} and {_second}, which one has more protons?",
            "Does an atom of {_first} or an atom of {_second} have more protons?",
            "Of {_first} and {_second}, name the one that comes later in the periodic table.",
        ),
        pair_of(tuple(terms.ELEMENTS)),
    ),
    Template(
        "specialist",
        (
            "Which kind of doctor should {_name} see about {problem}?",
            "{_name} needs help with {problem}. What is the right specialist called?",
            "Who treats {problem}? Please name the specialist for {_name}.",
            "Where should {_name} go with {problem}: what type of specialist is best?",
        ),
        each(problem=tuple(terms.SPECIALISTS), _name=NAMES),
    ),
    Template(
        "acronym",
        (
            "What does {acronym} stand for in {field}? I need it for {_audience}.",
            "Spell out the acronym {acronym} from {field} for {_audience}.",
            "In {field}, which words are behind the letters {acronym}? Explain it to {_audience}.",
            "Tell {_audience} the full form of {acronym}, as used in {field}.",
        ),
        _acronym,
    ),
)
