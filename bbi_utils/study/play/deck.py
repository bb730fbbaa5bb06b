"""What a player is shown, in which order: pairs that count, and some that show whether anybody reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from bbi_utils.errors import BadInput
from bbi_utils.files import sha256_json

Kind = Literal["pair", "again", "null"]
CHECKS = 6  # one pair in so many is shown again, and as many are of the teacher beside itself
FEWEST_CHECKS = 2


@dataclass(frozen=True)
class Card:
    """Two answers to a prompt, `left` and `right`; the page sees these three texts and nothing else.

    kind: "pair" counts; "again" is an earlier pair with its sides exchanged; "null" is the teacher beside its
    own second answer. teacher_left: the teacher's answer (of a null its first one) is on the left.
    """

    kind: Kind
    prompt_id: str
    category: str
    group: str
    prompt: str
    left: str
    right: str
    teacher_left: bool = field(kw_only=True)

    def exchanged(self) -> Card:
        """The same answers, each on the other side."""
        return replace(self, left=self.right, right=self.left, teacher_left=not self.teacher_left)

    def labelled(self) -> dict[str, str]:
        """Prompt, teacher and student, for an example."""
        card = self if self.teacher_left else self.exchanged()
        return {"prompt": card.prompt, "teacher": card.left, "student": card.right}

    def sign(self, key: str) -> int:
        """What a key says: 1 that the teacher's answer is the teacher's, -1 that the other is, 0 for "?"."""
        return 0 if key == "?" else 1 if (key == "1") == self.teacher_left else -1


@dataclass(frozen=True)
class Deck:
    """The cards in their order, and what belongs to them.

    tied: prompts drawn whose two answers are one text; nobody can tell, so they are ties and not shown.
    examples: pairs of other prompts, labelled, to learn from before the first card.
    """

    cards: tuple[Card, ...]
    tied: tuple[Card, ...]
    examples: tuple[Card, ...]

    @property
    def hash(self) -> str:
        """SHA-256 of all texts and sides in order: other answers, or another draw, are another deck."""
        parts = (self.cards, self.tied, self.examples)
        return sha256_json([[list(vars(card).values()) for card in cards] for cards in parts])


def deal(
    pairs: pd.DataFrame,
    null: pd.DataFrame | None,
    *,
    n: int,
    seed: int,
    categories: Sequence[str] = (),
    examples: int = 0,
) -> Deck:
    """n prompts drawn at random by `seed`, the same ones for the same answers, each side balanced.

    pairs and null have prompt_id, prompt, category, group, teacher, student. No two of what counts, examples
    and pairs that are both the teacher's share a group: an answer seen twice would give the teacher away.
    Raises BadInput where there are too few prompts, or an unknown category.
    """
    rng = np.random.default_rng(seed)
    pool = _of(pairs, categories)
    if not 2 <= n <= len(pool):
        raise BadInput(f"{n} pairs; expected from 2 to {len(pool)}, the prompts that there are")
    drawn = pool.iloc[rng.permutation(len(pool))[:n]]
    same = drawn["teacher"] == drawn["student"]
    cards = _cards(drawn[~same], "pair", rng)
    if not cards:
        raise BadInput(f"the {n} pairs drawn have equal answers, there is nothing to tell; take more pairs")
    few = max(FEWEST_CHECKS, n // CHECKS)
    learn = _others(pairs, drawn, examples, rng)
    if len(learn) < examples:
        raise BadInput(f"{examples} examples; only {len(learn)} prompts are left for them beside {n} pairs")
    used = pd.concat([drawn, learn])
    nulls = [] if null is None else _cards(_others(null, used, few, rng), "null", rng)
    order = _with_repeats(_shuffled([*cards, *nulls], rng), few, rng)
    return Deck(tuple(order), tuple(_cards(drawn[same], "pair", rng)), tuple(_cards(learn, "pair", rng)))


def _of(pairs: pd.DataFrame, categories: Sequence[str]) -> pd.DataFrame:
    known = sorted(set(pairs["category"]))
    if unknown := [name for name in categories if name not in known]:
        raise BadInput(f"no category {unknown[0]!r}; there are {', '.join(known)}")
    return pairs[pairs["category"].isin(categories)] if categories else pairs


def _others(pairs: pd.DataFrame, used: pd.DataFrame, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """At most n pairs of unlike answers, of groups not used yet; first of the categories used."""
    free = pairs[~pairs["group"].isin(used["group"]) & (pairs["teacher"] != pairs["student"])]
    free = free.iloc[rng.permutation(len(free))]
    return free.sort_values("category", key=lambda named: ~named.isin(used["category"]), kind="stable")[:n]


def _cards(pairs: pd.DataFrame, kind: Kind, rng: np.random.Generator) -> list[Card]:
    """A card for each row, the teacher on the left in half of them; an odd one falls to either side."""
    left = rng.permutation((np.arange(len(pairs)) + rng.integers(2)) % 2 == 0)
    rows = pairs[["prompt_id", "category", "group", "prompt", "teacher", "student"]].itertuples(index=False)
    cards = [Card(kind, *map(str, row), teacher_left=True) for row in rows]
    return [card if first else card.exchanged() for card, first in zip(cards, left, strict=True)]


def _shuffled(cards: Sequence[Card], rng: np.random.Generator) -> list[Card]:
    return [cards[at] for at in rng.permutation(len(cards))]


def _with_repeats(cards: list[Card], n: int, rng: np.random.Generator) -> list[Card]:
    """At most n of the first half's pairs come once more, somewhere in the second half."""
    half = (len(cards) + 1) // 2
    chosen = _shuffled([card for card in cards[:half] if card.kind == "pair"], rng)[:n]
    again = [replace(card.exchanged(), kind="again") for card in chosen]
    return [*cards[:half], *_shuffled([*cards[half:], *again], rng)]
