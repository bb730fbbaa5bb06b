"""Scripted answers to the domain-technical probes."""

from __future__ import annotations

import ast
import random
from collections.abc import Callable

from bbi_utils.probes.templates.grammar import sentence_case, with_article
from bbi_utils.probes.templates.sheets import shared
from pocket.answers.checks import names_first
from pocket.content import Content, Slots, contains_all

TABLES, RECORDS, ELEMENTS = shared().tables, shared().records, shared().records["elements"]
DEFINITIONS = {term: row["definition"] for term, row in RECORDS["terms"].items()}


def _exactly(span: str) -> Callable[[str], bool]:
    """A check for spans that hold symbols: found as written, apart from case, spaces and Markdown marks."""

    def squeeze(text: str) -> str:
        return "".join(text.lower().replace("*", "").replace("`", "").split())

    return lambda answer: squeeze(span) in squeeze(answer)


def term_field(slots: Slots, rng: random.Random) -> Content:
    term = slots["term"]
    field = RECORDS["terms"][term]["field"]
    other = slots["_second"] if slots["_first"] == field else slots["_first"]
    wordings = (
        f"{sentence_case(field)}.",
        f"The term {term} belongs to {field}.",
        f"It comes from {field}, where {term} means {DEFINITIONS[term]}.",
    )
    extras = (f"It is a common term in {field}.",)
    return Content(wordings, names_first(field, other), key=field, extras=extras)


def term_choice(slots: Slots, rng: random.Random) -> Content:
    pair = (slots["_first"], slots["_second"])
    term, other = pair if DEFINITIONS[pair[0]] == slots["definition"] else pair[::-1]
    wordings = (
        f"{sentence_case(term)}.",
        f"The right term is {term}.",
        f"That is the meaning of {term}, a term used in {slots['field']}.",
    )
    extras = (f"The other term, {other}, means {DEFINITIONS[other]}.",)
    return Content(wordings, names_first(term, other), key=term, extras=extras)


def command_purpose(slots: Slots, rng: random.Random) -> Content:
    command = slots["command"]
    purpose = TABLES["commands"][command]
    wordings = (
        f"To {purpose}.",
        f"The command {command} is used to {purpose}.",
        f"You type {command} in a terminal when you want to {purpose}.",
    )
    extras = ("It is a very common command.", "The manual explains all of its options.")
    return Content(wordings, contains_all(purpose), key=purpose, extras=extras)


def purpose_command(slots: Slots, rng: random.Random) -> Content:
    purpose, name = slots["purpose"], slots["_name"]
    command = next(command for command, text in TABLES["commands"].items() if text == purpose)
    wordings = (
        f"Use {command}.",
        f"The command {command} will {purpose}.",
        f"To {purpose}, {name} can type {command} in a terminal.",
    )
    extras = ("It is a very common command.", "The manual explains all of its options.")
    return Content(wordings, contains_all(command), key=command, extras=extras)


def complexity(slots: Slots, rng: random.Random) -> Content:
    procedure = slots["procedure"]
    order, reason = RECORDS["complexity"][procedure].values()
    wordings = (
        f"{order}.",
        f"{sentence_case(procedure)} takes {order} time.",
        f"The time complexity is {order}, because {reason}.",
    )
    extras = (f"Here n is the number of {slots['_records']}.",)
    return Content(wordings, _exactly(order), key=order, extras=extras)


def python_type(slots: Slots, rng: random.Random) -> Content:
    value = slots["value"]
    kind = "bool" if " > " in value and "'" not in value else type(ast.literal_eval(value)).__name__
    name = {
        "str": "a string of text",
        "list": "a list of items",
        "tuple": "a tuple of items",
        "dict": "a dictionary with keys and values",
        "set": "a set of items",
        "bool": "a truth value",
        "int": "a whole number",
        "float": "a number with a decimal point",
    }[kind]
    return Content(
        (f"{kind}", f"The type is {kind}.", f"It is {name}, so Python gives it the type {kind}."),
        contains_all(kind),
        key=kind,
        extras=("You can check it with the function type.",),
    )


def python_error(slots: Slots, rng: random.Random) -> Content:
    error = TABLES["python_errors"][slots["mistake"]]
    wordings = (
        f"{error}.",
        f"Python raises {error}.",
        f"The cause is {slots['mistake']}, so {slots['_name']} gets {error}.",
    )
    extras = ("The last line of the message names the error.",)
    return Content(wordings, contains_all(error), key=error, extras=extras)


def tool_choice(slots: Slots, rng: random.Random) -> Content:
    tool = TABLES["tool_for"][slots["task"]]
    a_tool = with_article(tool)
    wordings = (
        f"{sentence_case(a_tool)}.",
        f"{slots['_name']} should use {a_tool}.",
        f"To {slots['task']}, the right tool is {a_tool}.",
    )
    extras = ("It is made for exactly this task.", f"Please handle the {tool} with care.")
    return Content(wordings, contains_all(tool), key=tool, extras=extras)


def element_property(slots: Slots, rng: random.Random) -> Content:
    element, wanted = slots["element"], slots["property"]
    symbol, number, state = ELEMENTS[element].values()
    value = {"chemical symbol": symbol, "atomic number": number, "state at room temperature": state}[wanted]
    said = with_article(state) if value == state and state != "solid" else value
    wordings = (
        f"{sentence_case(value)}.",
        f"The {wanted} of {element} is {value}.",
        f"For {element}, the periodic table says that the {wanted} is {said}.",
    )
    extras = (f"The symbol {symbol} stands for {element}.",) if value != symbol else ()
    return Content(wordings, contains_all(value), key=value, extras=extras)


def element_order(slots: Slots, rng: random.Random) -> Content:
    pair = sorted((slots["_first"], slots["_second"]), key=lambda element: int(ELEMENTS[element]["number"]))
    small, large = pair
    number = ELEMENTS[large]["number"]
    wordings = (
        f"{sentence_case(large)}.",
        f"It is {large}, with {number} protons.",
        f"An atom of {large} has {number} protons, more than an atom of {small}.",
    )
    extras = (f"An atom of {small} has {ELEMENTS[small]['number']}.",)
    return Content(wordings, names_first(large, small), key=large, extras=extras)


def specialist(slots: Slots, rng: random.Random) -> Content:
    doctor = TABLES["specialists"][slots["problem"]]
    a_doctor = with_article(doctor)
    wordings = (
        f"{sentence_case(a_doctor)}.",
        f"{slots['_name']} should see {a_doctor}.",
        f"For {slots['problem']}, the right specialist is {a_doctor}.",
    )
    extras = ("A family doctor can help to find one.", "In an emergency, please call for help at once.")
    return Content(wordings, contains_all(doctor), key=doctor, extras=extras)


def acronym(slots: Slots, rng: random.Random) -> Content:
    acronym = slots["acronym"]
    words, field = RECORDS["acronyms"][acronym].values()
    wordings = (
        f"{sentence_case(words)}.",
        f"{acronym} stands for {words}.",
        f"In {field}, the letters {acronym} are short for {words}.",
    )
    return Content(wordings, contains_all(words), key=words, extras=(f"It is a common term in {field}.",))
