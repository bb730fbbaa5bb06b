"""How likely the teacher and each contrast's model find the answers of both: what limits come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from bbi_utils.errors import BadInput
from bbi_utils.files import sha256_json
from bbi_utils.oracles import likelihood
from bbi_utils.oracles.base import Oracle, Said
from bbi_utils.oracles.local import LocalOracle
from bbi_utils.probes import Probe
from bbi_utils.responses.answers import NULL, TEACHER
from bbi_utils.responses.store import ResponseStore

if TYPE_CHECKING:
    import numpy
    import pandas as pd

KINDS = {"pair": str, "contrast": str, "prompt_id": str, "category": str, "shown": str,
         "log_teacher": float, "log_student": float, "exact": bool, "same": bool}  # fmt: skip
# As `store.TOKENS`: files without it are as good. said: the hash of prompt, tokens and end.
WEIGHED = """
CREATE TABLE IF NOT EXISTS weighed (
    fingerprint TEXT NOT NULL, said TEXT NOT NULL, nats REAL NOT NULL, PRIMARY KEY (fingerprint, said)
) WITHOUT ROWID;
"""
Job = tuple[str, str, bool]  # whose likelihood (fingerprint), of which arm's answers, by their kept tokens?


def likelihood_table(
    probes: Sequence[Probe],
    told: Mapping[str, pd.DataFrame],
    oracles: Mapping[str, Oracle],
    store: ResponseStore,
    *,
    pair: str,
    progress: bool = True,
) -> pd.DataFrame:
    """Two rows a contrast and prompt, the teacher's answer and the other's, with KINDS as columns, and group
    where probes share one.

    `told` has each arm's answers to the probes, as `sample` returns them, `oracles` who gave them. `exact`:
    both were asked about the very tokens that were sampled, which takes one vocabulary and tokens that the
    store has kept; else about the text as each one's own tokenizer cuts it. `same`: both are one and the
    same oracle. A contrast of which an oracle is missing has no rows. Each model is loaded once and
    released, and what it has weighed is kept in the store, so that a killed run goes on there. Raises
    BadInput for an oracle without weights on this machine.
    """
    import pandas as pd

    have = {arm: weights_of(oracle) for arm, oracle in oracles.items()}
    contrasts = [arm for arm in have if arm != TEACHER] if TEACHER in have else []
    kept = {arm: store.tokens(have[arm].fingerprint, sample_index=int(arm == NULL)) for arm in have}
    alike = {arm: have[arm].tokenizer.get_vocab() == have[TEACHER].tokenizer.get_vocab() for arm in contrasts}
    found = _weigh(probes, told, have, kept, alike, store, progress=progress)
    about = {"prompt_id": [one.id for one in probes], "category": [one.category for one in probes]}
    if len({one.group for one in probes}) < len(probes):
        about["group"] = [one.group for one in probes]
    parts = [pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in KINDS.items()})]
    for arm in contrasts:
        own, other = have[TEACHER].fingerprint, have[arm].fingerprint
        for shown, by in (("teacher", TEACHER), ("student", arm)):
            part = pd.DataFrame(about).assign(pair=pair, contrast=arm, shown=shown, same=own == other)
            part["log_teacher"] = found[own, by, alike[arm]]
            part["log_student"] = found[other, by, alike[arm]]
            part["exact"] = [alike[arm] and one.id in kept[by] for one in probes]
            parts.append(part[list(dict.fromkeys([*KINDS, *about]))])
    return pd.concat(parts[1:] or parts, ignore_index=True)


def weights_of(oracle: Oracle) -> LocalOracle:
    """The oracle, if its weights are on this machine; likelihoods of any other cannot be known: BadInput."""
    if isinstance(oracle, LocalOracle):
        return oracle
    what = f"{oracle.name} gives no likelihoods of answers; expected a model with its weights on this machine"
    raise BadInput(f"{what}: an endpoint's or recorded answers have no limit to be held against.")


def _weigh(
    probes: Sequence[Probe],
    told: Mapping[str, pd.DataFrame],
    oracles: Mapping[str, LocalOracle],
    kept: Mapping[str, Mapping[str, tuple[int, ...]]],
    alike: Mapping[str, bool],
    store: ResponseStore,
    *,
    progress: bool,
) -> dict[Job, numpy.ndarray]:
    """Every log-likelihood that a contrast needs, each once."""
    model = {oracles[arm].fingerprint: oracles[arm] for arm in (TEACHER, *alike) if alike}
    jobs: dict[Job, list[Said]] = {}
    for arm, by_tokens in alike.items():
        for by in (TEACHER, arm):
            for oracle in (oracles[TEACHER], oracles[arm]):
                known = kept[by] if by_tokens else {}
                job = (oracle.fingerprint, by, by_tokens)
                jobs[job] = jobs.get(job) or said_by(oracle, probes, told[by], known)
    found: dict[Job, numpy.ndarray] = {}
    for fingerprint, oracle in model.items():
        own = {job: said for job, said in jobs.items() if job[0] == fingerprint}
        said_in_all = [one for said in own.values() for one in said]
        there, keep = before(store, fingerprint, said_in_all), partial(keep_weighed, store, fingerprint)
        values = oracle.log_likelihoods(said_in_all, known=there, keep=keep, progress=progress)
        oracle.release()
        for place, job in enumerate(own):
            found[job] = values[place * len(probes) : (place + 1) * len(probes)]
    return found


def named(said: Said) -> str:
    """What the store knows an answer by that was weighed."""
    return sha256_json([likelihood.ENGINE, said.prompt, said.tokens, said.ended])


def before(store: ResponseStore, fingerprint: str, said: Sequence[Said]) -> dict[Said, float]:
    """Those of these that this oracle has weighed already, in nats."""
    with store.transaction():
        store.connection.execute(WEIGHED)
        query = "SELECT said, nats FROM weighed WHERE fingerprint = ?"
        known = dict(store.connection.execute(query, (fingerprint,)).fetchall())
    names = {one: named(one) for one in set(said)} if known else {}
    return {one: known[name] for one, name in names.items() if name in known}


def keep_weighed(store: ResponseStore, fingerprint: str, found: Mapping[Said, float]) -> None:
    """Write a batch down; what is there already stays as it is."""
    rows = [(fingerprint, named(one), nats) for one, nats in found.items()]
    with store.transaction():
        insert = "INSERT INTO weighed VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        store.connection.executemany(insert, rows)


def said_by(
    oracle: LocalOracle, probes: Sequence[Probe], answers: pd.DataFrame, kept: Mapping[str, tuple[int, ...]]
) -> list[Said]:
    """The answers as this oracle would say them: by their kept tokens, or as its tokenizer cuts them."""
    found = []
    for probe, text, reason in zip(probes, answers["answer"], answers["finish_reason"], strict=True):
        ended = reason == "stop"
        if (sampled := kept.get(probe.id)) is not None:
            tokens = sampled[:-1] if ended else sampled
        else:
            tokens = oracle.cut(probe.prompt, text)
        found.append(Said(probe.prompt, tokens, ended))
    return found
