"""How long to wait before a request is sent again: pure arithmetic, nothing sleeps here."""

from __future__ import annotations

import random

BASE, CAP = 0.5, 60.0  # seconds
GIVE_UP_AFTER = 8  # attempts of one request


def pause(attempt: int, *, retry_after: float | None, rng: random.Random) -> float:
    """Seconds before the next attempt, after the `attempt`-th (from 1) has failed.

    Exponential with full jitter (Brooker 2015), so that many clients do not come back together; never less
    than what the server asked for.
    """
    jittered = rng.uniform(0.0, min(CAP, BASE * 2.0**attempt))
    return max(jittered, retry_after or 0.0)
