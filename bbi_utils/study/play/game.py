"""The game between two verdicts: which card is shown, and nothing about whose answer is where."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from bbi_utils.errors import BadInput
from bbi_utils.study.play.deck import Deck, deal
from bbi_utils.study.play.outcome import USUAL, Level, Outcome, outcome_of
from bbi_utils.study.play.table import Table
from bbi_utils.study.play.verdicts import KEYS, Header, Record, Verdict

State = dict[str, Any]


class Game:
    """One player at one deck. A verdict is on the disk before the next card is handed out.

    clock: seconds, for the time that a verdict took.
    """

    def __init__(
        self, deck: Deck, record: Record, ending: Callable[[], Outcome], *, clock: Callable[[], float]
    ) -> None:
        self._deck, self._record, self._ending, self._clock = deck, record, ending, clock
        self._one_at_a_time = threading.RLock()
        self._shown: tuple[int, float] = (0, 0.0)  # the card last handed out for the first time, and when

    def __enter__(self) -> Game:
        return self

    def __exit__(self, *_: object) -> None:
        """Let others have the player's file."""
        self._record.close()

    @property
    def done(self) -> bool:
        """Whether every card has its verdict."""
        return len(self._record.verdicts) == len(self._deck.cards)

    @cached_property
    def _end(self) -> Outcome:
        return self._ending()

    def outcome(self) -> Outcome:
        """What came of it, worked out and written once; raises BadInput before the last verdict."""
        with self._one_at_a_time:
            if not self.done:
                found = f"{len(self._record.verdicts)} of {len(self._deck.cards)} pairs are judged"
                raise BadInput(f"{found}; play to the end first, nothing is told before")
            return self._end

    def begin(self) -> State:
        """Labelled examples, of other prompts, where there are some and nothing is judged; else `state`."""
        if not self._deck.examples or self._record.verdicts:
            return self.state()
        return {"examples": [card.labelled() for card in self._deck.examples]}

    def state(self) -> State:
        """What a page shows: `card` (counted from 1) of `of`, prompt, left, right; at the end `done`."""
        with self._one_at_a_time:
            at, of = len(self._record.verdicts), len(self._deck.cards)
            if self.done:
                return {"done": True, "of": of, "lines": self._end.lines, "table": self._end.table}
            if self._shown[0] != at + 1:
                self._shown = (at + 1, self._clock())
            card = self._deck.cards[at]
            return {"card": at + 1, "of": of, "prompt": card.prompt, "left": card.left, "right": card.right}

    def verdict(self, card: int, key: str) -> State:
        """Record a key for a card and hand out the next; of another than the one shown it is not taken.

        Raises BadInput on another key than 1, 2 or ?, and OSError where the disk does not take it.
        """
        if key not in KEYS:
            raise BadInput(f"key {key!r:.20}; expected {', '.join(KEYS)}")
        with self._one_at_a_time:
            number, since = self._shown
            if card == number == len(self._record.verdicts) + 1:
                self._record.add(Verdict(key, round(self._clock() - since, 3)))
            return self.state()


def seat(
    table: Table,
    adversary: str,
    *,
    n: int = 30,
    seed: int = 0,
    categories: Sequence[str] = (),
    examples: int = 0,
    level: Level = USUAL,
    clock: Callable[[], float] = time.monotonic,
) -> Game:
    """A player's game at this table, begun or taken up again; what came of it is written at its end.

    adversary: the name in the scores, such as "human:anna". Raises BadInput as `deal` and `Record` do.
    """
    named = sorted(set(categories))
    asked: dict[str, Any] = {"n": n, "seed": seed, "categories": named, "examples": examples}
    deck = deal(table.pairs, table.null, **asked)
    header = Header(adversary, table.pair, table.contrast, **asked, deck=deck.hash)
    record = Record(file_of(table, adversary), header)
    return Game(deck, record, lambda: outcome_of(table, adversary, level).written(table.folder), clock=clock)


def file_of(table: Table, adversary: str) -> Path:
    """Where a player's verdicts are; raises BadInput where the name could not be a file's."""
    name = adversary.rpartition(":")[2]
    if not re.fullmatch(r"[\w-][\w.-]{0,39}", name):
        raise BadInput(f"name {name!r:.60}; expected at most 40 letters, digits, dots, - or _")
    return table.folder / f"{name}.jsonl"
