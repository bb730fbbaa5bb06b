"""Buying answers from an endpoint: every request is written down before it is sent, and counted afterwards.

The store's ledger is the truth about money. A request that was sent and whose outcome is not known (the
process was killed, the connection dropped) counts with the most it can have cost, until and unless an outcome
is known. Before each request that most is added to what is already committed; where the sum would exceed
`max_spend`, the request is not sent before replies make room, and the run ends when none is to come. So the
limit holds whatever happens to us, as one process at a time buys into a store. A server that bills more than
the longest answer (thinking, a long system prompt of its own) is taken to do so again.

A server without an answer is found out cheaply: requests go one by one, in the order of the prompts' ids
(which are hashes), until one of them brings words. Where the first `MUTE` bring none, with 95 % confidence
two thirds of all would not: the run ends, and does not begin again with the same settings.
"""

from __future__ import annotations

import heapq
import random
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bbi_utils.errors import BadInput
from bbi_utils.oracles.base import Request
from bbi_utils.oracles.endpoint.pricing import Terms
from bbi_utils.oracles.endpoint.replies import FIELD_REFUSED
from bbi_utils.progress import Progress
from bbi_utils.responses.store import ResponseStore

if TYPE_CHECKING:
    from bbi_utils.oracles.endpoint.client import EndpointOracle
    from bbi_utils.oracles.endpoint.replies import Reply

BASE, CAP = 0.5, 60.0  # seconds between attempts: the first pause, doubled each time, and the longest
GIVE_UP_AFTER = 8  # attempts of one request, and rounds of failures of all
USELESS_AFTER = 3  # the same where each may be billed: replies came, and nobody can read them
MUTE = 8  # empty answers without one that says anything
WHY_EMPTY = {
    "length": "cut before a word: it thinks first, or may say too little",
    "content_filter": "withheld by the host's filter",
}
FIELDS = ("seed", "top_p", "temperature")  # of sampling, that a server may refuse to take
LONGEST_PAUSE = 300.0  # seconds that a server may ask for; beyond that the run ends and can be continued
LAST_WAIT = 2.0  # seconds in which replies may still arrive when a run is stopped by hand
TEMPLATE_TOKENS = 300  # the most that a server's own template and default system turn may add to a prompt


def pause(attempt: int, *, asked: float = 0.0) -> float:
    """Seconds before the next attempt, after the `attempt`-th (from 1) has failed.

    Exponential with full jitter (Brooker 2015), so that many clients do not come back together; never less
    than what the server asked for.
    """
    return max(asked, random.uniform(0.0, min(CAP, BASE * 2.0**attempt)))


@dataclass(order=True)
class Pending:
    """A request to be sent at `when` (monotonic seconds) or later; `number` keeps the order of the list.

    Of its last attempt: its row in the ledger, what was reserved for it, and how many others were answered
    when it had failed. useless: how many of its replies came and could not be read.
    """

    when: float
    number: int
    request: Request = field(compare=False)
    attempt: int = field(default=1, compare=False)
    row: int = field(default=0, compare=False)
    reserved: float = field(default=0.0, compare=False)
    answered: int = field(default=0, compare=False)
    useless: int = field(default=0, compare=False)


@dataclass
class Purchase:
    """One call of `buy`: what is waiting, what is in flight, what is committed, and why it stopped."""

    oracle: EndpointOracle
    terms: Terms
    store: ResponseStore
    bar: Progress
    waiting: list[Pending]
    flying: dict[Future[Reply], Pending] = field(default_factory=dict)
    committed: float = 0.0
    silent_until: float = 0.0  # no request is sent before this moment
    failures: int = 0  # in a row, of any request
    last_failed: int = 0  # the ledger's row of the latest request that failed
    answered: int = 0
    spoke: int = 0  # answers that say something, and those that do not, stored ones included
    mute: int = 0
    excess: float = 1.0  # how many times what it may a request has cost, at the most
    stopped: str | None = None

    def run(self) -> None:
        """Send and record until nothing waits, or until a reason to stop; raises BadInput with it."""
        spending = self.store.spending()
        self.committed = spending.cost + spending.at_most
        self.excess = max(1.0, self.store.excess(self.oracle.fingerprint))
        self.spoke, self.mute = self.store.said(self.oracle.fingerprint)
        self.stopped = self.silence("")
        pool = ThreadPoolExecutor(self.terms.concurrency, thread_name_prefix="buy")
        try:
            while self.flying or (self.waiting and not self.stopped):
                self.send_what_may_be_sent(pool)
                self.collect(timeout=self.seconds_to_wait)
        except BaseException:
            self.collect(timeout=LAST_WAIT, return_when="ALL_COMPLETED")
            raise
        finally:
            pool.shutdown(wait=False)  # nobody who presses Ctrl-C waits for a time-out
        if self.stopped:
            missing = f"{len(self.waiting)} answer{'s are' if len(self.waiting) > 1 else ' is'} missing"
            raise BadInput(f"{self.oracle.name}: {self.stopped}; {missing}, all others are kept")

    def send_what_may_be_sent(self, pool: ThreadPoolExecutor) -> None:
        """Fill the free places with requests whose time has come, each written down first."""
        while self.seconds_to_wait == 0.0:
            reserved = self.reserve_for_next
            if self.exceeds_limit:  # and nothing is in flight that could make room
                found = f"{self.terms.say(self.committed)}, up to {reserved:.2g} more"
                limit = f"MAX_SPEND {self.terms.max_spend:g} ({found})"
                self.stopped = f"the next request could exceed {limit}; raise it and run again"
                return
            item = heapq.heappop(self.waiting)
            item.reserved = reserved
            item.row = self.store.intend(self.oracle.fingerprint, item.request, reserved=reserved)
            self.committed += reserved
            self.flying[pool.submit(self.oracle.ask, item.request)] = item

    @property
    def seconds_to_wait(self) -> float | None:
        """Until the next request may be sent; None where only a reply can change anything."""
        if not self.waiting or self.stopped or len(self.flying) >= self.places:
            return None
        if self.flying and self.exceeds_limit:
            return None  # what they cost less than was reserved may be enough
        return max(0.0, max(self.waiting[0].when, self.silent_until) - time.monotonic())

    @property
    def places(self) -> int:
        """Requests at a time: one until this server says something, then fewer by each failure in a row."""
        return max(1, self.at_once - self.failures)

    @property
    def at_once(self) -> int:
        """Requests at a time where nothing fails."""
        return self.terms.concurrency if self.spoke and self.answered else 1

    @property
    def exceeds_limit(self) -> bool:
        """Whether the next request could cost more than is left."""
        limit = self.terms.max_spend
        return limit is not None and self.committed + self.reserve_for_next > limit

    @property
    def reserve_for_next(self) -> float:
        """The most that the next request can cost on this server, for all that is known of it."""
        return self.most_it_can_cost(self.waiting[0].request) * self.excess

    def most_it_can_cost(self, request: Request) -> float:
        """No token is shorter than a byte, and no answer longer than it may be."""
        sampling = self.oracle.sampling
        letters = len(request.prompt.encode()) + len((sampling.system_prompt or "").encode())
        return self.terms.cost(letters + TEMPLATE_TOKENS, sampling.max_new_tokens)

    def collect(self, *, timeout: float | None, return_when: str = FIRST_COMPLETED) -> None:
        """Wait for replies, at least one if any is in flight, and record those that are there."""
        if not self.flying:
            time.sleep(timeout or 0.0)
            return
        for future in wait(self.flying, timeout, return_when).done:
            self.record(self.flying.pop(future), future.result())

    def record(self, item: Pending, reply: Reply) -> None:
        """Outcome, cost and answer in one transaction; then again, on, or the end."""
        cost = self.cost_of(reply)
        self.store.conclude(item.row, reply, cost=cost)
        self.committed += 0.0 if cost is None else cost - item.reserved
        if cost:
            self.excess = max(self.excess, cost / self.most_it_can_cost(item.request))
        self.bar.say(f"{self.oracle.name}, {self.terms.say(self.committed)}")
        if reply.answer is not None:
            if item.row > self.last_failed:  # what was sent before it says nothing of the server now
                self.failures = 0
            self.answered += 1
            self.spoke, self.mute = self.spoke + (not reply.useless), self.mute + reply.useless
            self.bar.update()
            why = reply.why or WHY_EMPTY.get(reply.answer.finish_reason, "")
            self.stopped = self.stopped or self.silence(why)
            return
        if reply.outcome == FIELD_REFUSED:  # it goes again at once, without that field
            heapq.heappush(self.waiting, item)
            return
        self.failures, item.useless = self.failures + 1, item.useless + reply.useless
        self.last_failed = max(self.last_failed, item.row)
        if reason := self.reason_to_stop(item, reply):
            self.stopped = self.stopped or reason
        else:
            self.postpone(item, reply)
        heapq.heappush(self.waiting, item)

    def cost_of(self, reply: Reply) -> float | None:
        """What it cost; None where that is not known."""
        if reply.billed is False:
            return 0.0
        if reply.prompt_tokens is None or reply.answer_tokens is None:
            return None
        return self.terms.cost(reply.prompt_tokens, reply.answer_tokens)

    def silence(self, why: str) -> str | None:
        """The reason to stop where nothing but empty answers came, now or before; or None."""
        if self.spoke or self.mute < MUTE:
            return None
        found = f"its {self.mute} answers so far are all empty{why and f' ({why})'}"
        way = "change what it is asked with (its model, system prompt, number of new tokens), which asks anew"
        return f"{found}, and no more like them are bought; {way}"

    def reason_to_stop(self, item: Pending, reply: Reply) -> str | None:
        """The server's own, too many failures of this prompt or of all, or too long a pause; or None."""
        if reply.fatal:
            return reply.fatal
        failed, spent = None, item.attempt >= GIVE_UP_AFTER and not self.only_waits(item, reply)
        if self.rounds >= (USELESS_AFTER if reply.useless else GIVE_UP_AFTER):
            failed = f"{self.failures} requests in a row failed"
        elif not reply.retry or spent or item.useless >= USELESS_AFTER:
            failed = f"prompt {item.request.prompt_id} failed {item.attempt} times"
        if failed:
            why = f" ({reply.why})" if reply.why else ""
            way = "check the URL and the model's name, and run again" if reply.useless else "run again later"
            return f"{failed}, last with {reply.outcome}{why}; {way}"
        if (asked := reply.retry_after or 0.0) > LONGEST_PAUSE:
            return f"the server asks for a pause of {asked:.0f} s ({reply.outcome}); run again after that"
        return None

    @property
    def rounds(self) -> int:
        """How often in a row there were only failures: once of all that flew, then of one at a time."""
        return max(0, self.failures - self.at_once + 1)

    def only_waits(self, item: Pending, reply: Reply) -> bool:
        """Whether the server answered others meanwhile and has no room for this one: that is no failure."""
        return reply.outcome == "http 429" and self.answered > item.answered

    def postpone(self, item: Pending, reply: Reply) -> None:
        """To after a pause. One that the server asked for holds for everything; so does one after failures of
        nothing but, when other requests would only fail as well."""
        now, asked = time.monotonic(), reply.retry_after or 0.0
        silence = pause(self.rounds, asked=asked) if self.rounds else asked
        self.silent_until = max(self.silent_until, now + silence)
        item.when = now + pause(item.attempt, asked=asked)
        item.attempt += not self.only_waits(item, reply)
        item.answered = self.answered


def buy(oracle: EndpointOracle, requests: Sequence[Request], store: ResponseStore, *, bar: Progress) -> None:
    """Ask the endpoint what the store has no answer to, and store each answer as it arrives.

    All requests have one sample index. Warns where one name stood for several models, for what is found of a
    mixture holds for none of them, and where the server takes no seed, top_p or temperature. Raises BadInput,
    with everything that was answered kept, where the spending limit could be exceeded, where the server
    refuses for good or says nothing to anything, and where a prompt failed too often.
    """
    with store.sole_buyer():
        # Looked up now: another process may have bought some before this one could begin.
        ids, index = [one.prompt_id for one in requests], requests[0].sample_index
        have = store.known(oracle.fingerprint, sample_index=index, among=ids)
        missing = [one for one in requests if one.prompt_id not in have]
        oracle.check(missing)
        assert oracle.terms is not None, "EndpointOracle.check refuses an oracle without terms"
        in_order = sorted(missing, key=lambda one: one.prompt_id)
        waiting = [Pending(0.0, number, request) for number, request in enumerate(in_order)]
        Purchase(oracle, oracle.terms, store, bar, waiting).run()
    if refused := [name for name in FIELDS if name in oracle.spared]:
        what = f"the server takes no {' and no '.join(refused)}: what it does by itself applies"
        warnings.warn(f"{oracle.name}: {what}", stacklevel=3)
    served = store.spending(oracle.fingerprint).served
    if len(served) > 1:
        what = f"the server says that {len(served)} models answered ({', '.join(served)})"
        way = "name one of them, so that all answers are from the same"
        warnings.warn(f"{oracle.name}: {what}; {way}", stacklevel=3)
