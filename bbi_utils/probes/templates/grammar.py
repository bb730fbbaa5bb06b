"""The little English grammar that slots and scripted answers need."""

from __future__ import annotations

from bbi_utils.probes.templates.sheets import shared


def with_article(noun: str) -> str:
    """The noun with "a" or "an" before it, by its first letter ("an old cup")."""
    return ("an " if noun[:1].lower() in "aeiou" and not noun.lower().startswith("uni") else "a ") + noun


def sentence_case(text: str) -> str:
    """The text with its first letter capital and the rest as it is."""
    return text[:1].upper() + text[1:]


def plural(noun: str) -> str:
    """The regular plural, with the irregular nouns of the lexicon."""
    return shared().tables["irregular_plurals"].get(noun, noun + "s")


def wrong_article(noun: str) -> str:
    """The article that the noun must not have."""
    return "a" if with_article(noun).startswith("an ") else "an"


def inside(sentence: str) -> str:
    """The sentence, or its subject, as it stands inside another."""
    return sentence.replace("The ", "the ")
