"""The arms of a second round: each trains the same first round further on the same teacher answers."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from bbi_utils import adversaries, oracles, probes, responses
from bbi_utils.distillation import (
    LoraSettings,
    encode_example,
    graded_tokens,
    lessons_of,
    train_adapter,
)
from bbi_utils.distillation.budget import replication_seed
from bbi_utils.distillation.second_round import SecondRound, train_further, weights_of
from bbi_utils.errors import BadInput
from bbi_utils.files import read_json, sha256_json, write_json
from bbi_utils.oracles.adapters import adapter_hash
from bbi_utils.paths import resolve, shown
from bbi_utils.report.closing import CONTROL, PLAIN
from bbi_utils.study.settings import open_study

Checker = Callable[[probes.Probe, str], bool]
RECORD = "made_from.json"


@dataclass(frozen=True)
class Arm:
    """What a second round learns from. `rate`: of the first round's; the rest as in `SecondRound`."""

    preference: bool = False
    weighted: bool = False
    tempered: bool = True
    rate: float = 1.0
    beta: float = 0.3
    anchor: float = 1.0
    passes: float = 2.0  # over the teacher's answers; a pair costs both of its answers


# Chosen on development prompts of the pocket pair qwen, but for "slow", which came later. PLAIN is the
# student after its first round.
ARMS: dict[str, Arm | None] = {
    PLAIN: None,
    CONTROL: Arm(tempered=False),
    "slow": Arm(tempered=False, rate=0.25),
    "tempered": Arm(),
    "preference": Arm(preference=True, rate=0.25),
    "weighted": Arm(weighted=True),
    "both": Arm(preference=True, weighted=True, rate=0.25),
}


class Experiment:
    """A finished run of a pair, what its teacher has said, and a folder of our own for all that follows.

    run_dir, pair: the run. out: where the results go, a folder a pair. passes: over the teacher's answers, of
    every arm (None: its own). development: so many development prompts take the place of the test prompts, to
    tune on. encoders: the run's encoders are adversaries too. is_correct: of a prompt and an answer, whether
    it is right (None: nobody can say). Raises BadInput where there is no such run, or where `out` holds the
    results of another one.
    """

    def __init__(
        self,
        run_dir: str | Path,
        pair: str,
        out: str | Path,
        *,
        passes: float | None = None,
        development: int = 0,
        encoders: bool = False,
        is_correct: Checker | None = None,
    ) -> None:
        self.settings = study = open_study({"RUN_DIR": str(run_dir), "PAIR": pair})
        self.pair, self.out, self.encoders = pair, resolve(out) / pair, encoders
        self.is_correct = is_correct
        if passes is not None and not 0 < passes < math.inf:
            raise BadInput(f"passes is {passes:g}; expected a number above 0")
        self.arms = {name: arm and replace(arm, passes=passes or arm.passes) for name, arm in ARMS.items()}
        suite = probes.load_probes(study.run.probes)
        self.lora = LoraSettings(**study.lora)
        self.distil = probes.take(suite, "distil", study.n_distill, study.seed)
        spare = probes.take_development(
            suite, max(development, study.n_development), study.seed, n_distill=study.n_distill
        )
        self.validation = spare[: study.n_development]
        self.test = spare if development else probes.take(suite, "test", study.n_test, study.seed)
        sampling = oracles.Sampling(**study.teacher_sampling)
        self.teacher = oracles.load_oracle(
            study.teacher, revision=study.teacher_revision, sampling=sampling, **study.place
        )
        self.store = self._begin()
        self.lessons = self.taught(self.distil)

    def _begin(self) -> responses.ResponseStore:
        """The store with the run's answers in it, once `out` is found to be free or this run's own."""
        study, record = self.settings, self.out / RECORD
        made_from = {
            "the teacher": self.teacher.fingerprint,
            "the lessons": sha256_json([probe.id for probe in self.distil]),
            "the held-out prompts": sha256_json([probe.id for probe in self.test]),
            "the student": sha256_json([study.student, study.student_sampling, self.lora.shaping()]),
            "the first round": adapter_hash(study.run.adapter),
            "the adversaries": [study.folds, study.encoders if self.encoders else []],
            **{f"the arm {name}": arm and asdict(arm) for name, arm in self.arms.items()},
        }
        known = read_json(record) or dict(made_from)
        known |= {f"the arm {name}": arm for name, arm in known.pop("the arms", {}).items()}
        known |= {
            name: made_from[name] for name in made_from if name.startswith("the arm ") and name not in known
        }
        if other := [name for name, value in made_from.items() if known.get(name) != value]:
            found = f"{shown(self.out)} holds results for which {', '.join(other)} differed"
            raise BadInput(f"{found}; name another folder, or move it away")
        self.out.mkdir(parents=True, exist_ok=True)
        store = self.out / "responses.sqlite"
        if not store.exists():
            shutil.copy(study.run.responses, store)
        write_json(record, known)
        return responses.ResponseStore(store)

    def taught(self, prompts: Sequence[Any]) -> pd.DataFrame:
        """The teacher's answers, from the store: prompt_id, prompt, category, answer, ended."""
        said = self.said(self.teacher, prompts)
        said["prompt"], said["category"] = [p.prompt for p in prompts], [p.category for p in prompts]
        said["ended"] = said["finish_reason"] == "stop"
        return lessons_of(said, self.teacher.name)

    def said(self, oracle: Any, prompts: Sequence[Any]) -> pd.DataFrame:
        """An oracle's answers as `responses.sample` returns them; those in the store are not asked again."""
        table = responses.sample(
            oracle, prompts, self.store, batch_size=self.settings.batch_size, progress=False
        )
        oracle.release()
        return table

    def own_answers(self, adapter: Path, seed: int) -> pd.DataFrame:
        """The lessons with what the student itself answers: rejected, rejected_ended; no empty ones."""
        said = self.said(self.student(adapter, seed), self.distil).set_index("prompt_id")
        said = said.loc[self.lessons["prompt_id"]]
        lessons = self.lessons.assign(
            rejected=said["answer"].to_numpy(),
            rejected_ended=(said["finish_reason"] == "stop").to_numpy(),
            seconds=said["seconds"].to_numpy(),  # as the store has it, whoever asked first
        )
        return lessons[lessons["rejected"] != ""].reset_index(drop=True)

    def student(self, adapter: Path | None, seed: int) -> Any:
        """The student with an adapter (None: as it was before), sampling as this seed's."""
        study = self.settings
        sampling = replace(
            oracles.Sampling(**study.student_sampling), seed=replication_seed(study.seed, seed)
        )
        how = {"revision": study.student_revision, "quantisation": study.quantisation, **study.place}
        return oracles.LocalOracle(study.student, adapter=adapter, sampling=sampling, **how)

    def first(self, seed: int) -> Path:
        """The adapter of this seed's first round, trained as the run trained its own, which is that of 0."""
        out = self.out / f"seed-{seed}" / "adapter"
        if seed == 0 and not out.exists():
            partial = out.with_name(".adapter.partial")  # a copy that was killed is no adapter
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(self.settings.run.adapter, partial).rename(out)
        if not out.exists():
            self.distil_into(out, self.lessons, seed, self.lora)
        return out

    def distil_into(self, out: Path, lessons: pd.DataFrame, seed: int, lora: LoraSettings) -> None:
        """Train a first round of the run's student on these lessons into the folder `out`."""
        study, held_out = self.settings, self.taught(self.validation)[["prompt", "answer", "ended"]]
        train_adapter(
            study.student, list(lessons["prompt"]), list(lessons["answer"]), out=out, settings=lora,
            seed=replication_seed(study.seed, seed), ended=list(lessons["ended"]), development=held_out,
            progress=False, system_prompt=study.student_system_prompt, **study.place,
        )  # fmt: skip

    def after(self, name: str, seed: int, number: int = 1) -> Path:
        """The adapter of an arm after so many second rounds; that of PLAIN is the first round's."""
        if self.arms[name] is None:
            return self.first(seed)
        return self.out / f"seed-{seed}" / (name if number == 1 else f"{name}-{number}")

    @cached_property
    def tokens(self) -> int:
        """Tokens with a loss in one pass over the teacher's answers."""
        tokenizer, hidden = self.student(self.first(0), 0).tokenizer, self.settings.student_system_prompt
        rows = self.lessons.itertuples()
        return graded_tokens([
            encode_example(tokenizer, one.prompt, one.answer, system_prompt=hidden, ended=one.ended)
            for one in rows
        ])  # fmt: skip

    def temperature(self, arm: Arm) -> float:
        """That of an arm's log-probabilities: that of the sampling, unless this is greedy."""
        return self.settings.temperature if arm.tempered and self.settings.temperature else 1.0

    def weights(self, lessons: pd.DataFrame, seed: int) -> Any:
        """Those of an arm that is weighted, by an adversary of word n-grams."""
        maker = adversaries.cheap_adversaries()["word_ngrams"]
        own = replication_seed(self.settings.seed, seed)
        return weights_of(maker, lessons, folds=self.settings.folds, seed=own)


def train_arm(experiment: Experiment, arm: Arm, seed: int, before: Path, out: Path) -> dict[str, float]:
    """Train an arm's round from the adapter `before` into `out`; seconds of each part, and tokens."""
    lessons, spent, study = experiment.lessons, dict[str, float](), experiment.settings
    if arm.preference or arm.weighted:
        lessons = experiment.own_answers(before, seed)
        spent["own answers"] = float(lessons.pop("seconds").sum())
    if arm.weighted:
        began = time.perf_counter()
        lessons["weight"] = experiment.weights(lessons, seed)
        spent["weights"] = time.perf_counter() - began
    if not arm.preference:
        lessons = lessons.drop(columns=["rejected", "rejected_ended"], errors="ignore")
    began = time.perf_counter()
    curve = train_further(
        study.student, before, lessons, out=out, seed=replication_seed(study.seed, seed), progress=False,
        settings=replace(experiment.lora, learning_rate=arm.rate * experiment.lora.learning_rate),
        how=SecondRound(temperature=experiment.temperature(arm), beta=arm.beta, anchor=arm.anchor),
        tokens=round(arm.passes * experiment.tokens), system_prompt=study.student_system_prompt,
        **study.place,
    )  # fmt: skip
    return spent | {"training": time.perf_counter() - began, "tokens": int(curve["tokens"].sum())}
