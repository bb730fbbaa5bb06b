"""How what the tables name is worded and ordered for a reader."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bbi_utils.errors import one_line
from bbi_utils.probes import CATEGORIES

GAMES = {"single": "one answer", "pairwise": "two answers"}
LONGEST_LABEL = 40  # characters
PAPERS = ("qwen", "llama")  # the paper's pairs, in its order
LIKELIHOOD = "likelihood"  # the adversary that nobody beats, as the tables name it
# Arms and strategies of which an identifier's own words do not say enough.
NAMES = {
    "base": "base student",
    "distilled": "distilled student",
    "teacher_4bit": "4-bit teacher",
    "teacher_resample": "teacher again",
    "disagreement_known": "disagreement, all known",
}


def words(name: str) -> str:
    """An identifier as a reader says it: style_format -> style format."""
    return one_line(name).replace("_", " ").replace("ngrams", "n-grams").replace(LIKELIHOOD, "the limit")


def name_of(name: str) -> str:
    """An arm or a strategy as a reader says it, in every figure and sentence: base -> base student."""
    return NAMES.get(name, words(name))


def with_game(adversary: str, game: str) -> str:
    """An adversary with its game: length (two answers)."""
    return f"{adversary} ({GAMES.get(game, words(game))})"


def in_words(filed: str) -> str:
    """The same of one that certificates have filed as `word_ngrams (pairwise)`."""
    adversary, _, game = filed.rpartition(" (")
    return with_game(words(adversary), game.removesuffix(")"))


def game_of(adversary: str, game: str) -> str:
    """The label of an adversary's row in one game."""
    return f"{words(adversary)}\n{GAMES.get(game, words(game))}"


def as_drawn(text: str) -> str:
    """A user's text as a label, cut where it is long; the style reads no formulas in it."""
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"


def pair_title(pair: str) -> str:
    """A pair as a heading has it: a plain word with a capital, any other name as its owner writes it."""
    name = one_line(pair)
    return f"{name.capitalize() if name.isalpha() and name.islower() else name} pair"


def heading(pair: str, rest: str, mark: str = ",") -> str:
    """A panel's pair and what is said of it, on two lines where one has no room for both."""
    title = as_drawn(pair_title(pair))
    both = f"{title}{mark} {rest}"
    return both if len(both) <= LONGEST_LABEL else f"{title}\n{as_drawn(rest)}"


def p_value(p: float) -> str:
    """As it is printed, and never as 0, which no test gives."""
    return f"p = {p:.4f}" if p >= 5e-5 else "p < 0.0001"


def plain_zero(text: str) -> str:
    """The text with no zero that has a minus sign: what rounds to 0 lies on neither side of it."""
    return re.sub(r"(?<!\w)-(?=0\.?0*(?![\d.]))", "", text)


def decimals(value: float) -> str:
    """A number with three decimals as tables and sentences print it."""
    return plain_zero(f"{value:.3f}")


def ends(lower: float, upper: float) -> str:
    """An interval as it is printed: [0.441, 0.734]."""
    return f"[{decimals(lower)}, {decimals(upper)}]"


def pairs_in(names: Iterable[str]) -> list[str]:
    """The pairs found, in the paper's order."""
    return in_order(names, PAPERS)


def in_order(found: Iterable[str], known: Iterable[str]) -> list[str]:
    """What was found: the known ones in their own order, then the others alphabetically."""
    have, order = set(found), list(known)
    return [k for k in order if k in have] + sorted(have - set(order))


def categories_in(names: Iterable[str]) -> list[str]:
    """The categories found in the suite's order, on every map alike; a user's own are alphabetical."""
    return in_order(names, CATEGORIES)


def listed(names: Iterable[str]) -> str:
    """One, two and three."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def how_many(counts: Iterable[int]) -> str:
    """How many units the rows of a figure rest on: one number, or the fewest and the most."""
    fewest, most = min(found := list(counts)), max(found)
    return f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"


def aligned(rows: Iterable[Sequence[str]], *, left: int) -> list[str]:
    """The rows as lines of a table whose first `left` columns are flush left and whose others right."""
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        cells = [f"{cell:{'<' if at < left else '>'}{widths[at]}}" for at, cell in enumerate(row)]
        lines.append("  ".join(cells).rstrip())
    return lines
