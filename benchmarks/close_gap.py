"""How much of the gap does a second round close, with the same teacher answers and no new query?

Of a finished run it takes the teacher's answers, and the settings. Each seed trains a first round (seed 0 has
the run's own), has the student answer the lessons, and trains it further in each arm with equal tokens. Then
the student answers held-out prompts, where fresh adversaries are cross-fitted and exact likelihoods give the
ceiling. What is finished is found again in `--out`, and a killed run goes on there. Gap closed is
1 - arm / control of a mean over seeds and prompts; its interval draws both anew (the pigeonhole bootstrap,
Owen 2007), and so it is about new seeds and prompts, not about new teacher answers.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bbi_utils import adversaries, games, open_study, oracles, probes, responses
from bbi_utils.distillation import (
    LoraSettings,
    encode_example,
    graded_tokens,
    lessons_of,
    train_adapter,
)
from bbi_utils.distillation.budget import replication_seed
from bbi_utils.distillation.second_round import SecondRound, train_further, weights_of
from bbi_utils.files import read_json, write_json
from bbi_utils.games import limit, similarity
from bbi_utils.oracles.sentence_encoder import load_encoder
from bbi_utils.responses import contrasts_of
from pocket.answers import is_correct


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


# Chosen on development prompts of the pocket pair qwen.
ARMS = {
    "control": Arm(tempered=False),
    "tempered": Arm(),
    "preference": Arm(preference=True, rate=0.25),
    "weighted": Arm(weighted=True),
    "both": Arm(preference=True, weighted=True, rate=0.25),
}
PLAIN = "plain"  # after the first round
STRONGEST = "strongest adversary, pairwise"
CEILING = "ceiling"
DRAWS = 5000


class Study:
    """A finished run of a pair, what its teacher has said, and a store of our own."""

    def __init__(self, run_dir: Path, pair: str, out: Path, *, development: int, encoders: bool) -> None:
        self.settings = study = open_study({"RUN_DIR": str(run_dir), "PAIR": pair})
        self.pair, self.out, self.encoders = pair, out / pair, encoders
        self.out.mkdir(parents=True, exist_ok=True)
        if not (self.out / "responses.sqlite").exists():
            shutil.copy(study.run.responses, self.out / "responses.sqlite")
        self.store = responses.ResponseStore(self.out / "responses.sqlite")
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
        self.lessons = self.taught(self.distil)
        self.pocket = study.teacher.startswith("pocket/")

    def taught(self, prompts: Sequence[Any]) -> pd.DataFrame:
        """The teacher's answers, from the store: prompt_id, prompt, category, answer, ended."""
        said = self.said(self.teacher, prompts)
        said["prompt"], said["category"] = [p.prompt for p in prompts], [p.category for p in prompts]
        said["ended"] = said["finish_reason"] == "stop"
        return lessons_of(said, self.teacher.name)

    def said(self, oracle: Any, prompts: Sequence[Any]) -> pd.DataFrame:
        table = responses.sample(
            oracle, prompts, self.store, batch_size=self.settings.batch_size, progress=False
        )
        oracle.release()
        return table

    def student(self, adapter: Path, seed: int, *, temperature: float | None = None) -> Any:
        """The student with an adapter, sampling as this seed's."""
        study = self.settings
        sampling = replace(oracles.Sampling(**study.student_sampling), seed=seed)
        if temperature is not None:
            sampling = replace(sampling, temperature=temperature)
        how = {"revision": study.student_revision, "quantisation": study.quantisation, **study.place}
        return oracles.LocalOracle(study.student, adapter=adapter, sampling=sampling, **how)

    def first(self, seed: int) -> Path:
        """The adapter of this seed's first round, trained as the run trained its own."""
        study, lessons, own = self.settings, self.lessons, replication_seed(self.settings.seed, seed)
        out = self.out / f"seed-{seed}" / "adapter"
        if seed == 0 and not out.exists():
            shutil.copytree(study.run.adapter, out)
        if not out.exists():
            held_out = self.taught(self.validation)[["prompt", "answer", "ended"]]
            train_adapter(
                study.student, list(lessons["prompt"]), list(lessons["answer"]), out=out, settings=self.lora,
                seed=own, ended=list(lessons["ended"]), development=held_out, progress=False,
                system_prompt=study.student_system_prompt, **study.place,
            )  # fmt: skip
        return out

    def tokens(self) -> int:
        """Tokens with a loss in one pass over the teacher's answers."""
        tokenizer, hidden = self.student(self.first(0), 0).tokenizer, self.settings.student_system_prompt
        rows = self.lessons.itertuples()
        return graded_tokens([
            encode_example(tokenizer, one.prompt, one.answer, system_prompt=hidden, ended=one.ended)
            for one in rows
        ])  # fmt: skip


def second(
    study: Study, arm: Arm, seed: int, before: Path, out: Path, *, passes: float | None = None
) -> dict[str, float]:
    """Train an arm's round from the adapter `before` into `out`; seconds of each part, and tokens."""
    own, spent, lessons = replication_seed(study.settings.seed, seed), {}, study.lessons
    if arm.preference or arm.weighted:
        said = study.said(study.student(before, own), study.distil).set_index("prompt_id")
        said = said.loc[lessons["prompt_id"]]
        lessons = lessons.assign(rejected=said["answer"].to_numpy())
        lessons["rejected_ended"] = (said["finish_reason"] == "stop").to_numpy()
        lessons = lessons[lessons["rejected"] != ""].reset_index(drop=True)
        spent["own answers"] = float(said["seconds"].sum())  # as the store has it, whoever asked first
    began = time.perf_counter()
    if arm.weighted:
        maker = adversaries.cheap_adversaries()["word_ngrams"]
        lessons["weight"] = weights_of(maker, lessons, folds=study.settings.folds, seed=own)
        spent["weights"] = time.perf_counter() - began
    if not arm.preference:
        lessons = lessons.drop(columns=["rejected", "rejected_ended"], errors="ignore")
    temperature = study.settings.temperature if arm.tempered and study.settings.temperature else 1.0
    began = time.perf_counter()
    curve = train_further(
        study.settings.student, before, lessons, out=out, seed=own, progress=False,
        settings=replace(study.lora, learning_rate=arm.rate * study.lora.learning_rate),
        how=SecondRound(temperature=temperature, beta=arm.beta, anchor=arm.anchor),
        tokens=round((arm.passes if passes is None else passes) * study.tokens()),
        system_prompt=study.settings.student_system_prompt, **study.settings.place,
    )  # fmt: skip
    return spent | {"training": time.perf_counter() - began, "tokens": int(curve["tokens"].sum())}


def judged(study: Study, adapter: Path, seed: int, *, temperature: float | None = None) -> pd.DataFrame:
    """What is measured of a student, a row a held-out prompt: measure, prompt_id, category, group, value."""
    student = study.student(adapter, replication_seed(study.settings.seed, seed), temperature=temperature)
    told = {"teacher": study.said(study.teacher, study.test), "distilled": study.said(student, study.test)}
    by = {"teacher": study.teacher, "distilled": student}
    weighed = responses.likelihood_table(study.test, told, by, study.store, pair=study.pair, progress=False)
    table = responses.answers_table(
        study.test, told, pair=study.pair, is_correct=is_correct if study.pocket else None
    )
    pairs, parts = contrasts_of(table)["distilled"], []
    about = pairs[["prompt_id", "category", "group"]]

    def measured(name: str, ids: Any, values: Any) -> None:
        found = pd.DataFrame({"prompt_id": np.asarray(ids), "value": np.asarray(values, dtype=float)})
        parts.append(found.assign(measure=name))

    for (adversary, game), rows in played(study, pairs).groupby(["adversary", "game"]):
        value = 2 * rows.groupby("prompt_id")["correct"].mean() - 1
        measured(f"{adversary}, {game}", value.index, value)
    ratios = limit.log_ratios(weighed)
    for game in ("single", "pairwise"):
        value = limit.distances(ratios["teacher"].to_numpy(), ratios["student"].to_numpy(), game)
        measured(f"{CEILING}, {game}", ratios["prompt_id"], value)
    measured("nats, teacher's answers", ratios["prompt_id"], ratios["teacher"])
    measured("nats, student's answers", ratios["prompt_id"], -ratios["student"])
    encoder = load_encoder(study.settings.sentence_encoder, device=study.settings.device)
    alike, _ = similarity.compare(pairs, encoder, pair=study.pair, contrast="distilled")
    measured("similarity", alike["prompt_id"], alike["similarity"])
    for arm, side in (("distilled", ""), ("teacher", "teacher: ")):
        own = table[table["arm"] == arm]
        measured(f"{side}correct", own["prompt_id"], own["content_correct"])
        measured(f"{side}stopped", own["prompt_id"], own["finish_reason"] == "stop")
        measured(f"{side}words", own["prompt_id"], own["answer"].str.split().str.len())
        grams = [gram for text in own["answer"] for gram in zip(*[text.split()[k:] for k in (0, 1)])]  # noqa: B905
        measured(f"{side}distinct-2", own["prompt_id"], len(set(grams)) / max(1, len(grams)))
    return pd.concat(parts, ignore_index=True).merge(about, on="prompt_id")


def played(study: Study, pairs: pd.DataFrame) -> pd.DataFrame:
    """Scores of fresh adversaries, cross-fitted on held-out prompts."""
    own, settings = study.settings, []
    if study.encoders:
        settings = [
            adversaries.EncoderSettings(
                model=name, layers=own.encoder_layers, trainable_layers=own.encoder_trainable_layers,
                max_length=own.encoder_max_length, epochs=own.encoder_epochs,
                learning_rate=own.encoder_learning_rate, device=own.device,
            )
            for name in own.encoders
        ]  # fmt: skip
    makers = adversaries.all_adversaries(*settings)
    how: dict[str, Any] = {"pair": study.pair, "contrast": "distilled", "folds": own.folds, "seed": own.seed}
    return pd.concat([games.play(make, pairs, **how)[0] for make in makers.values()], ignore_index=True)


def telling(study: Study, adapter: Path, seed: int) -> pd.DataFrame:
    """The n-grams of words that still tell, learned anew on all held-out prompts."""
    student = study.student(adapter, replication_seed(study.settings.seed, seed))
    told = {"teacher": study.said(study.teacher, study.test), "distilled": study.said(student, study.test)}
    pairs = contrasts_of(responses.answers_table(study.test, told, pair=study.pair))["distilled"]
    adversary = adversaries.cheap_adversaries()["word_ngrams"]()
    adversary.fit(pairs, seed=study.settings.seed)
    return adversary.telling(pairs, n=6)  # type: ignore[attr-defined]


def cell(
    study: Study, name: str, arm: Arm | None, seed: int, rounds: int, passes: float | None = None
) -> list[pd.DataFrame]:
    """One arm and seed: what was measured after each round, from its folder where it is there."""
    adapter, parts = study.first(seed), []
    for number in range(1, rounds + 1):
        folder = study.out / f"seed-{seed}" / (name if number == 1 else f"{name}-{number}")
        done = folder.with_suffix(".parquet")
        if not done.exists():
            if not folder.with_suffix(".json").exists():
                cost = {} if arm is None else second(study, arm, seed, adapter, folder, passes=passes)
                write_json(folder.with_suffix(".json"), cost)
            after = adapter if arm is None else folder
            judged(study, after, seed).to_parquet(done, index=False)
            telling(study, after, seed).to_csv(folder.with_suffix(".grams.csv"), index=False)
        cost = read_json(folder.with_suffix(".json")) or {}
        print(f"{study.pair}, seed {seed}, {name}, round {number}: {cost}", flush=True)
        parts.append(pd.read_parquet(done).assign(arm=name, seed=seed, round=number, **cost))
        adapter = adapter if arm is None else folder
    return parts


Drawn = Callable[[pd.DataFrame], np.ndarray]


def draws_of(table: pd.DataFrame, *, draws: int = DRAWS, seed: int = 0) -> Drawn:
    """A function from one arm's rows of one measure to its mean, first as it is and then in each draw."""
    rng = np.random.default_rng(seed)
    seeds, prompts = sorted(table["seed"].unique()), sorted(table["prompt_id"].unique())
    group = table.drop_duplicates("prompt_id").set_index("prompt_id")["group"][prompts]
    unit = pd.factorize(group)[0]
    times = [rng.multinomial(n, np.full(n, 1 / n), size=draws) for n in (len(seeds), unit.max() + 1)]
    of_seed, of_unit = (np.vstack([np.ones((1, one.shape[1])), one]) for one in times)
    of_prompt = of_unit[:, unit]

    def drawn(rows: pd.DataFrame) -> np.ndarray:
        wide = rows.pivot(index="seed", columns="prompt_id", values="value").reindex(seeds, columns=prompts)
        there, value = wide.notna().to_numpy(float), wide.fillna(0.0).to_numpy()
        total, count = (((of_seed @ one) * of_prompt).sum(axis=1) for one in (value, there))
        with np.errstate(invalid="ignore"):
            return total / count

    return drawn


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Of each arm, round and measure the mean, the difference from control, the gap closed; with ends."""
    drawn, means = draws_of(table), {}
    for key, rows in table.groupby(["round", "arm", "measure"], sort=False):
        means[key] = drawn(rows)
    for number, arm in dict.fromkeys(key[:2] for key in means):
        contest = [v for k, v in means.items() if k[:2] == (number, arm) and is_pairwise(k[2])]
        means[number, arm, STRONGEST] = np.max(contest, axis=0)
    rows = []
    for (number, arm, measure), values in means.items():
        row: list[Any] = [arm, number, measure, *ends(values)]
        control = means.get((number, "control", measure))
        apart = [np.nan] * 6
        if control is not None and arm != "control":
            gap = measure == STRONGEST or measure.endswith(("single", "pairwise")) or "nats" in measure
            with np.errstate(divide="ignore", invalid="ignore"):
                apart = [*ends(values - control), *(ends(1 - values / control) if gap else [np.nan] * 3)]
        rows.append(row + apart)
    kinds = [f"{kind}{end}" for kind in ("", "difference ", "closed ") for end in ("mean", "lower", "upper")]
    return pd.DataFrame(rows, columns=["arm", "round", "measure", *kinds])


def is_pairwise(measure: str) -> bool:
    return measure.endswith("pairwise") and not measure.startswith(CEILING)


def ends(values: np.ndarray) -> list[float]:
    """The estimate and its 95 % percentile interval."""
    return [float(values[0]), *map(float, np.nanquantile(values[1:], [0.025, 0.975]))]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--run", type=Path, default="runs/pocket", help="a finished run (default: %(default)s)"
    )
    parser.add_argument("--pair", default="qwen", help="of it (default: %(default)s)")
    parser.add_argument("--out", type=Path, default="runs/close_gap", help="(default: %(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--arms", nargs="+", default=[PLAIN, *ARMS], choices=[PLAIN, *ARMS])
    parser.add_argument(
        "--passes", type=float, help="over the teacher's answers, of each arm (default: its own)"
    )
    parser.add_argument("--rounds", type=int, default=1, help="each from the last one's adapter")
    parser.add_argument("--encoders", action="store_true", help="the run's encoders are adversaries too")
    parser.add_argument(
        "--development", type=int, default=0, help="so many development prompts for the test's"
    )
    options = parser.parse_args(arguments)
    out = options.out.resolve()
    study = Study(
        options.run.resolve(), options.pair, out, development=options.development, encoders=options.encoders
    )
    arms: dict[str, Arm | None] = {PLAIN: None, **ARMS}
    parts = []
    for seed in options.seeds:
        for name in options.arms:
            rounds = 1 if arms[name] is None else options.rounds
            parts += cell(study, name, arms[name], seed, rounds, options.passes)
    table = summary(pd.concat(parts, ignore_index=True))
    table.to_csv(study.out / "summary.csv", index=False)
    with pd.option_context("display.width", 250, "display.max_rows", None, "display.max_colwidth", 40):
        print(table.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
