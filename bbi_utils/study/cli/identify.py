"""The command `identify`: is it still the model that was tested? It asks until it is sure (contract C6)."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bbi_utils.errors import BadInput, one_line, printable
from bbi_utils.files import read_json, write_json
from bbi_utils.oracles import Oracle, Request
from bbi_utils.oracles.references import kind_of
from bbi_utils.oracles.replay import ReplayOracle, file_and_column
from bbi_utils.progress import Progress
from bbi_utils.report.labels import plain_zero
from bbi_utils.study.cli import sample as sampling
from bbi_utils.study.cli.verdict import EXIT, fraction
from bbi_utils.tables import FEWEST_PROMPTS

if TYPE_CHECKING:
    from bbi_utils.games.identifying import Examination, Lesson
    from bbi_utils.probes import Probe
    from bbi_utils.responses.store import ResponseStore, Spending

SIDES = ("claimed", "reference")
SUSPECT = "suspect"
POOL, MOST = 200, 100
# What is drawn depends on model, seed, prompt and this number alone. Recordings count from 0, and the claimed
# model must not draw once more what the reference drew when it was recorded.
AFRESH = 1_000_000
VERDICT = "identification.json"
EPILOG = """\
The reference is what you tested: a model (a folder, a .gguf file, a hub id, an endpoint https://host/v1#model),
asked anew for what is asked of the claimed one, or answers that you recorded then: FILE, FILE#column or
FILE#model, as `audit` reads them, several to a prompt if there are (a column, column_2, column_3 and so on,
or a row each).
Questions are chosen one after the other by what earlier ones brought, and it stops as soon as it is sure:
  refuted        an answer like these is not the reference's; wrong with probability at most 1 - confidence,
                 however long it looks and whatever it asks
  certified      over the questions asked, the advantage of this adversary is less than epsilon on average;
                 another adversary may have more
  inconclusive   neither, after --most questions or all prompts
Compared is all that makes an answer: weights, precision, engine, template, system prompt and sampling. Record
the reference with the very settings that are given here. At temperature 0 equal answers say nothing, and an
engine that rounds otherwise is another model.
examples:
  python -m bbi_utils identify --claimed https://host/v1#model --reference models/tested
  python -m bbi_utils identify --claimed https://host/v1#model --reference said.jsonl#teacher --most 50
  python -m bbi_utils identify --claimed https://host/v1#model --reference models/big --suspect models/small
  python -m bbi_utils identify --claimed https://host/v1#new --reference https://host/v1#old \\
      --claimed-price 0.5 1.5 --reference-price 0.5 1.5 --max-spend 1
With --suspect, half of the prompts are never asked: on them it learns beforehand what tells the reference
from what you fear to get instead, and which prompts tell most. The verdict is about the reference as before
and errs no more often, whatever answers.
Answers are kept in the folder OUT as they come: give the same command again after an interruption, and
nothing is asked twice; a larger --most goes on. Another seed, epsilon or setting is another look, and wants
another OUT; the best of several verdicts is no longer at its level.
exit status: 0 certified, 1 refuted, 3 inconclusive, 2 bad input (one line on stderr), 130 stopped"""


def add_identify(command: argparse.ArgumentParser) -> None:
    """From an endpoint and what it should be to a verdict."""
    command.add_argument("--claimed", required=True, metavar="MODEL", help="what is asked who it is")
    reference = "what it is said to be: a model, or recorded answers"
    command.add_argument("--reference", required=True, metavar="MODEL", help=reference)
    suspect = "what you fear to get instead, a model or recorded answers: learned on half of the prompts"
    command.add_argument(f"--{SUSPECT}", metavar="MODEL", help=suspect)
    prompts = f"a file, or how many of the suite's (default: those recorded, or {POOL})"
    command.add_argument("--prompts", metavar="PROMPTS", help=prompts)
    epsilon = "the advantage below which it counts as the same (default: %(default)s)"
    command.add_argument("--epsilon", type=fraction, default=0.3, metavar="E", help=epsilon)
    confidence = "of the verdict (default: %(default)s)"
    command.add_argument("--confidence", type=fraction, default=0.95, metavar="C", help=confidence)
    most = "questions at most (default: %(default)s)"
    command.add_argument("--most", type=int, default=MOST, metavar="N", help=most)
    samples = "answers of a reference model to each question (default: %(default)s)"
    command.add_argument("--samples", type=int, default=4, metavar="K", help=samples)
    where = "the folder of answers and verdict (default: runs/identify/<claimed>)"
    command.add_argument("--out", metavar="OUT", help=where)
    for side in (*SIDES, SUSPECT):
        sampling.add_side(command, side)
    sampling.add_sampling(command.add_argument_group("sampling, of both alike"))
    sampling.add_limits(command.add_argument_group("endpoints"))


def run_identify(options: argparse.Namespace) -> int:
    """`identify`: everything is checked first; the verdict is written last."""
    from bbi_utils.adversaries import lexical_adversaries
    from bbi_utils.games.identifying import Examination, Lesson
    from bbi_utils.responses.store import ResponseStore

    options.concurrency = 1  # each question waits for the answer to the one before
    for name in ("most", "samples"):
        if (found := getattr(options, name)) < 1:
            raise BadInput(f"--{name} is {found}; expected a whole number from 1 on")
    out, recorded = _folder(options), kind_of(options.reference) == "recorded"
    prompts = options.prompts or (file_and_column(options.reference)[0] if recorded else str(POOL))
    given = sampling.probes_of(prompts, seed=options.seed, once=True)
    probes = [*{one.id: one for one in given}.values()]
    sides = {side: sampling.oracle_of(side, options) for side in _sides(options)}
    claimed, reference, suspect = sides["claimed"], sides["reference"], sides.get(SUSPECT)
    taught: list[Probe] = []
    if suspect is not None:
        if suspect.fingerprint == reference.fingerprint:
            raise BadInput(
                f"suspect and reference are both {options.suspect}; there is nothing to tell apart"
            )
        probes, taught = _halves(probes, seed=options.seed)
        suspect.check([Request(one.id, one.prompt) for one in taught])
    at = 0 if isinstance(claimed, ReplayOracle) else AFRESH
    _apart(claimed, reference)
    claimed.check([Request(one.id, one.prompt, at) for one in probes])
    reference.check([Request(one.id, one.prompt) for one in [*probes, *taught]])
    with ResponseStore(out / "answers.sqlite") as store:

        def told(probe: Probe) -> list[str]:
            count = (
                reference.samples(probe.prompt) if isinstance(reference, ReplayOracle) else options.samples
            )
            return [_answer(reference, probe, store, index) for index in range(count)]

        lessons: list[Lesson] = []
        if suspect is not None:
            _drawn(suspect, taught, store)
            for index in range(0 if isinstance(reference, ReplayOracle) else options.samples):
                _drawn(reference, taught, store, index)
            lessons = [Lesson(one, told(one), _answer(suspect, one, store, 0)) for one in taught]
            suspect.release()
        examination = Examination(
            probes, epsilon=options.epsilon, error=1 - options.confidence, lessons=lessons,
            make=lexical_adversaries()["word_ngrams"], seed=options.seed,
        )  # fmt: skip
        _examine(
            examination,
            lambda place: (_answer(claimed, probes[place], store, at), told(probes[place])),
            most=min(options.most, len(probes)),
        )
        spent = {" and ".join(who): store.spending(one) for one, who in _payers(sides).items()}
        empty = {side: store.said(oracle.fingerprint)[1] for side, oracle in sides.items()}
    write_json(out / VERDICT, _found(examination, probes, options, spent))
    print(printable(_told(examination, options, spent, empty, out)))
    return EXIT[examination.verdict]


def _sides(options: argparse.Namespace) -> tuple[str, ...]:
    """Who is asked: a suspect only where one is named."""
    return SIDES if options.suspect is None else (*SIDES, SUSPECT)


def _apart(claimed: Oracle, reference: Oracle) -> None:
    """Recorded answers of the claimed model are not among those that it is held against."""
    if not (isinstance(claimed, ReplayOracle) and isinstance(reference, ReplayOracle)):
        return
    same = claimed.settings["file"] == reference.settings["file"]
    if same and claimed.column in (reference.column, *reference.further):
        own = ", ".join([reference.column, *reference.further])
        way = "give the claimed answers a name of their own, that is not the reference's and a number"
        raise BadInput(f"claimed is {claimed.name}, one of the reference's own answers ({own}); {way}")


def _payers(sides: dict[str, Oracle]) -> dict[str, list[str]]:
    """Fingerprint -> the sides that it is: requests to one model are counted once."""
    found: dict[str, list[str]] = {}
    for side, oracle in sides.items():
        found.setdefault(oracle.fingerprint, []).append(side)
    return found


def _halves(probes: Sequence[Probe], *, seed: int) -> tuple[list[Probe], list[Probe]]:
    """Prompts on offer, and others that are learned on and never asked."""
    from random import Random

    if (half := len(probes) // 2) < FEWEST_PROMPTS:
        fewest = f"expected {2 * FEWEST_PROMPTS} or more"
        raise BadInput(f"{len(probes)} prompts to learn of the suspect and to ask; {fewest}")
    dealt = Random(seed).sample([*probes], len(probes))
    return dealt[half:], dealt[:half]


def _folder(options: argparse.Namespace) -> Path:
    """OUT, unless a verdict was reached there: another look is another question, with answers of its own."""
    name = re.sub(r"[^\w.-]+", "_", options.claimed.partition("://")[2] or options.claimed)
    out = Path(options.out or Path("runs") / "identify" / name)
    if out.exists() and not out.is_dir():
        raise BadInput(f"{out} is a file; give a folder to --out")
    before = read_json(out / VERDICT) or {}
    if (said := before.get("verdict", "inconclusive")) != "inconclusive":
        way = "name another folder by --out to ask anew, or move it away"
        raise BadInput(f"{out} has a verdict already ({one_line(str(said))}); {way}")
    for name, now in _about(options).items():
        if (was := before.get(name, now)) != now:
            was = one_line(str("none" if was is None else was))
            name = name.replace("_", " ")
            raise BadInput(f"{out} goes on with the {name} that it began with ({was}); name another by --out")
    return out


def _answer(oracle: Oracle, probe: Probe, store: ResponseStore, index: int) -> str:
    """One answer, from the store where it is there."""
    return _drawn(oracle, [probe], store, index)[0]


def _drawn(oracle: Oracle, probes: Sequence[Probe], store: ResponseStore, index: int = 0) -> list[str]:
    """An answer to each prompt, from the store where they are there."""
    from bbi_utils.responses.sampling import sample

    shown = len(probes) > 1 and sys.stderr.isatty()
    return [*map(str, sample(oracle, probes, store, sample_index=index, progress=shown)["answer"])]


def _about(options: argparse.Namespace) -> dict[str, Any]:
    """What a look is about: another one of these is another look."""
    drawn = ("samples", "temperature", "top_p", "max_new_tokens", "system_prompt", "prompts")
    return {
        name: getattr(options, name) for name in (*SIDES, SUSPECT, "epsilon", "confidence", "seed", *drawn)
    }


def _examine(examination: Examination, ask: Callable[[int], tuple[str, list[str]]], *, most: int) -> None:
    """Ask until a verdict is reached, or `most` questions."""
    with Progress(most, "identify", shown=sys.stderr.isatty()) as bar:
        while len(examination.asked) < most and (place := examination.next()) is not None:
            examination.hear(place, *ask(place))
            bar.say(f"identify, p = {examination.p_value:.3g}")
            bar.update()


def _found(
    examination: Examination, probes: Sequence[Probe], options: argparse.Namespace, spent: dict[str, Spending]
) -> dict[str, Any]:
    """What is written down: the verdict, on what, every question in its order, and the price."""
    asked = [probes[place] for place in examination.asked]
    rows = zip(asked, examination.outcomes, examination.wealth[1:], strict=True)
    return {
        "verdict": examination.verdict, **_about(options), "questions": len(asked), "pool": len(probes),
        "p_value": examination.p_value, "spent": {side: asdict(one) for side, one in spent.items()},
        "asked": [
            {"prompt_id": one.id, "category": one.category, "outcome": outcome, "wealth": wealth}
            for one, outcome, wealth in rows
        ],
    }  # fmt: skip


def _told(
    examination: Examination,
    options: argparse.Namespace,
    spent: dict[str, Spending],
    empty: dict[str, int],
    out: Path,
) -> str:
    """The verdict in words, the number of questions, and what they cost."""
    count, epsilon = len(examination.asked), f"{options.epsilon:g}"
    words = {
        "refuted": "what answers is not the reference",
        "certified": f"over these questions this adversary's advantage is less than {epsilon} on average",
        "inconclusive": "neither that it is another model, nor that this adversary's advantage is less than "
        f"{epsilon} on average",
    }
    lines = [f"{examination.verdict}: {words[examination.verdict]}"]
    mean = sum(examination.outcomes) / max(1, count)
    lines.append(
        f"{count} questions; p = {examination.p_value:.3g}; mean outcome {plain_zero(f'{mean:+.3f}')}"
    )
    bills = {who: one.bill(sampling.terms_of(who.split()[0], options)) for who, one in spent.items()}
    lines += [f"requests to the {side}: {bill}" for side, bill in bills.items()]
    lines += [
        f"{silent:,} answers of the {side} say nothing (of a recording also what is missing)"
        for side, silent in empty.items()
        if silent
    ]
    return "\n".join([*lines, f"every question and its outcome: {out / VERDICT}"])
