"""What answers may cost: a price, a limit, and how many requests at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bbi_utils.errors import BadInput

LONGEST = 86_400  # seconds of one request: a day


@dataclass(frozen=True)
class Terms:
    """The terms on which an endpoint is asked. Raises BadInput on a value that cannot be.

    price: of a million prompt tokens and of a million answer tokens, in any one currency, None where it is
    not known. max_spend: the most that all requests in a store may cost together, None for no limit.
    concurrency: requests at a time. timeout: seconds that one request may take.
    """

    price: Sequence[float] | None = None
    max_spend: float | None = None
    concurrency: int = 8
    timeout: float = 120.0

    def __post_init__(self) -> None:
        price = (0.0, 0.0) if self.price is None else self.price
        if len(price) != 2 or not all(0 <= each < math.inf for each in price):
            what = "of a million prompt tokens and of a million answer tokens"
            raise BadInput(f"price is {list(price)}; expected two numbers from 0 on: {what}")
        if self.max_spend is not None and not 0 <= self.max_spend < math.inf:
            raise BadInput(f"max_spend is {self.max_spend}; expected a number from 0 on, or null")
        if self.concurrency < 1:
            raise BadInput(f"concurrency is {self.concurrency}; expected 1 or more requests at a time")
        if not 0 < self.timeout <= LONGEST:
            found = f"timeout is {self.timeout}"
            raise BadInput(f"{found}; expected more than 0 and at most {LONGEST:,} seconds")

    def check(self, name: str) -> None:
        """Raise BadInput where a limit could not be kept: on spending at a price that is not known."""
        if self.max_spend is not None and self.price is None:
            what = f"the price of {name} is not given, so the limit could not be kept"
            way = "give the price of a million prompt and answer tokens ([0, 0] where it is free)"
            raise BadInput(f"MAX_SPEND is {self.max_spend:g}, but {what}; {way}")

    def cost(self, prompt_tokens: int, answer_tokens: int) -> float:
        """The price of so many tokens; 0 where it is not known."""
        of_prompt, of_answer = self.price or (0.0, 0.0)
        return (prompt_tokens * of_prompt + answer_tokens * of_answer) / 1_000_000

    def say(self, committed: float) -> str:
        """The running cost in a few words."""
        if self.price is None:
            return "no price given"
        limit = "" if self.max_spend is None else f" of {self.max_spend:g}"
        return f"{committed:.4f}{limit} spent or reserved"
