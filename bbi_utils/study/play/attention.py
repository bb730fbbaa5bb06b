"""Does anybody read? What the cards that do not count, the keys and the times say of a player."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bbi_utils.report.where import sign_test
from bbi_utils.study.play.deck import Deck
from bbi_utils.study.play.verdicts import Verdict

BY_CHANCE = 0.01  # a key so often is no coin's doing
FASTEST = 1.0  # seconds; in less nobody reads two answers


@dataclass(frozen=True)
class Attention:
    """Counts over all cards shown; `seconds` is the median of a verdict.

    agreed: of the pairs shown `again`, those of which the same was said. named: of the `nulls`, those where
    one answer was named though both are the teacher's.
    """

    keys: Counter[str]
    again: int
    agreed: int
    nulls: int
    named: int
    seconds: float

    @property
    def warnings(self) -> list[str]:
        """What only a player does who does not read, one line each; none of it changes the advantage."""
        left, decided, found = self.keys["1"], self.keys["1"] + self.keys["2"], []
        if sign_test(decided, 2 * left - decided) <= BY_CHANCE:
            key = "1" if 2 * left > decided else "2"
            found.append(
                f"Warning: key {key} in {self.keys[key]} of {decided} decided verdicts; sides are balanced."
            )
        if not decided:
            found.append("Warning: ? on every pair.")
        if self.seconds < FASTEST:
            found.append(f"Warning: half of the verdicts took less than {FASTEST:g} second.")
        return found

    @property
    def lines(self) -> list[str]:
        """The same for a reader, warnings last."""
        said = [f"A verdict took {self.seconds:.1f} s (median)."]
        if self.again:
            said.append(
                f"Shown again with the sides exchanged: the same was said of {self.agreed} of {self.again} "
                "pairs (a coin says it of half of them, one key of none)."
            )
        if self.nulls:
            said.append(f"Of {self.nulls} pairs that are both the teacher's, one was named in {self.named}.")
        return said + self.warnings


def attention_of(deck: Deck, verdicts: Sequence[Verdict]) -> Attention:
    """The counts, from a deck that is played to the end."""
    said = list(zip(deck.cards, (verdict.key for verdict in verdicts), strict=True))
    first = {card.prompt_id: card.sign(key) for card, key in said if card.kind == "pair"}
    again = [card.sign(key) == first[card.prompt_id] for card, key in said if card.kind == "again"]
    nulls = [key != "?" for card, key in said if card.kind == "null"]
    return Attention(
        keys=Counter(key for _, key in said),
        again=len(again),
        agreed=sum(again),
        nulls=len(nulls),
        named=sum(nulls),
        seconds=statistics.median(verdict.seconds for verdict in verdicts),
    )
