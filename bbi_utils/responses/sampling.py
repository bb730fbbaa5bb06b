"""Resumable, batched sampling of an oracle into the response store."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Protocol

from bbi_utils.errors import BadInput
from bbi_utils.oracles.base import Answer, Oracle, Request
from bbi_utils.oracles.chat import refuse_thoughts
from bbi_utils.oracles.endpoint.client import EndpointOracle
from bbi_utils.oracles.local import LocalOracle
from bbi_utils.progress import Each, Progress, one_by_one
from bbi_utils.responses.purchase import buy
from bbi_utils.responses.store import COLUMNS, ResponseStore
from bbi_utils.tables import repeated

if TYPE_CHECKING:
    import pandas

ROWS_OF_A_PART = 20_000


class Asked(Protocol):
    """What sampling needs of a probe."""

    @property
    def id(self) -> str: ...

    @property
    def prompt(self) -> str: ...


def plan_batches(requests: Sequence[Request], *, batch_size: int) -> list[list[Request]]:
    """Cut the complete list into batches of similar length, longest first (memory runs out early or never).

    The plan never looks at what is already answered: a resumed run computes the very batches of an
    uninterrupted one, and floating point rounds alike.
    """
    ordered = sorted(requests, key=lambda one: (-len(one.prompt), one.prompt_id))
    return [ordered[start : start + batch_size] for start in range(0, len(ordered), batch_size)]


def sample(
    oracle: Oracle,
    probes: Sequence[Asked],
    store: ResponseStore,
    *,
    sample_index: int = 0,
    batch_size: int = 64,
    progress: bool = True,
    each: Each = one_by_one,
) -> pandas.DataFrame:
    """Answer every probe that the store lacks, and return all answers in the order of `probes`.

    Columns: prompt_id, answer, finish_reason (see `oracles.base`), prompt_tokens, answer_tokens, seconds.
    `sample_index` 1, 2, ... are independent fresh answers. Nothing is loaded when nothing is missing. An
    endpoint is asked on its oracle's terms (see `purchase`), from here; `each` may have batches of others
    answered elsewhere (`study.cluster`), and only this process writes to the store. Raises BadInput for a
    repeated prompt id, a prompt that cannot be answered, a thought instead of an answer, a batch size below
    1, or a store that cannot be written.
    """
    if batch_size < 1:
        raise BadInput(f"batch_size is {batch_size}; expected a whole number >= 1.")
    ids = [probe.id for probe in probes]
    if twice := repeated(ids):
        way = "ask each prompt once (sample_index repeats it)"
        raise BadInput(f"prompt id {twice} occurs more than once; {way}.")
    have = store.known(oracle.fingerprint, sample_index=sample_index, among=ids)
    if missing := len(ids) - len(have):
        store.register(oracle.fingerprint, name=oracle.name, settings=oracle.settings)
        title = oracle.name + (f" (resumed at {len(have)})" if have else "")
        requests = [Request(one.id, one.prompt, sample_index) for one in probes]
        with Progress(missing, title, shown=progress) as bar:
            if isinstance(oracle, EndpointOracle):
                buy(oracle, requests, store, bar=bar)
            else:
                ask, size = oracle.answer, batch_size
                if isinstance(oracle, LocalOracle):
                    ask, size = functools.partial(oracle.answer, rows=batch_size), batch_size * oracle.ahead
                batches = plan_batches(requests, batch_size=size)
                compute(oracle, batches, store, have, ask=ask, bar=bar, each=each)
        del requests
    del have  # of a million ids it takes a tenth of a gigabyte
    table = answer_table(store, oracle.fingerprint, ids, sample_index=sample_index)
    for prompt_id, text in zip(table["prompt_id"], table["answer"], strict=True):
        refuse_thoughts(oracle.name, prompt_id, text)  # recorded answers, and those of a former version
    return table


def compute(
    oracle: Oracle,
    batches: Sequence[Sequence[Request]],
    store: ResponseStore,
    have: Collection[str],
    *,
    ask: Callable[[Sequence[Request]], list[Answer]],
    bar: Progress,
    each: Each = one_by_one,
) -> None:
    """Answer the batches in which an answer is missing, and store the missing ones."""
    todo = [batch for batch in batches if any(one.prompt_id not in have for one in batch)]
    oracle.check([request for batch in todo for request in batch])
    for place, answers in each(ask, todo):
        # A batch that is half there is computed whole, so that its composition is the planned one.
        fresh = [answer for answer in answers if answer.prompt_id not in have]
        store.add(oracle.fingerprint, fresh, sample_index=todo[place][0].sample_index)
        bar.update(len(fresh))


def answer_table(
    store: ResponseStore, fingerprint: str, ids: Sequence[str], *, sample_index: int
) -> pandas.DataFrame:
    """The stored answers to these prompts, in their order; with its columns even when it is empty.

    Part by part, because a column of a table takes far less memory than as many Python objects.
    """
    import pandas

    parts = []
    for start in range(0, max(1, len(ids)), ROWS_OF_A_PART):
        part = ids[start : start + ROWS_OF_A_PART]
        said = {row[0]: row for row in store.rows(fingerprint, sample_index=sample_index, among=part)}
        parts.append(pandas.DataFrame([said[prompt_id] for prompt_id in part], columns=COLUMNS))
    return pandas.concat(parts, ignore_index=True)
