"""How many questions does it take, chosen or at random? And how often does `identify` accuse the reference?

null: both answers from one scripted oracle; `identify` looks after every question and never stops by itself.
long: the same with heavy-tailed features drawn in place of texts: 500 questions, and 60 after lessons.
worlds: teacher and student differ in two of ten subjects; the exact likelihood ratio is known.
runs: the finished runs named by --run (such as runs/smol/concierge), every contrast, adversary `together`;
with --more, on so many prompts of a split that the run never asked, which its teacher, the teacher in 4 bits
and the base student answer now (kept in --out, where a killed run goes on).
live: the pocket teacher as reference; what answers is itself, its base student, or the other pair's teacher.
Beside it a kernel test that may ask as many questions, at random. suspect: the same with lessons of one of
them on 150 other prompts. endpoint: the command behind a real server, without and with `--suspect`.

The numbers in `games.identifying`, folds and pool in `games.choosing`, and the adversary `together` were
chosen on distillation prompts of smol and pocket. Here test prompts are asked, unless --split says otherwise.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from bbi_utils.adversaries import cheap_adversaries, lexical_adversaries, with_sum
from bbi_utils.games.choosing import POOL, advantage_by_order, judged, queries_needed
from bbi_utils.games.identifying import Examination, Lesson
from bbi_utils.games.inference.kernel_test import string_kernel, swap_test
from bbi_utils.games.limit import log_ratios
from bbi_utils.oracles import Sampling, load_oracle
from bbi_utils.probes import Probe, build_suite, load_probes, take
from bbi_utils.responses.answers import answers_table, contrasts_of, read_answers_table
from bbi_utils.responses.sampling import sample
from bbi_utils.responses.store import ResponseStore
from bbi_utils.study.cli.main import main as command
from bbi_utils.study.settings import open_study
from benchmarks import program
from benchmarks.coverage import share
from benchmarks.worlds import OPENERS, SUBJECTS, Oracle, answer_pairs, one_thread

LEVEL, SAMPLES = 0.05, 4
TEACHER, STUDENT = (0.85, 0.05, 0.05, 0.05), (0.05, 0.05, 0.05, 0.85)
TELLING = SUBJECTS[:2]
SHOWN_Q = (1, 2, 4, 8, 16)


def probes_about(subjects: Sequence[str]) -> list[Probe]:
    rows = [(f"{i:04}", f"Say something about {one}, number {i}.", one) for i, one in enumerate(subjects)]
    return [Probe(i, text, one, one, {}, i, "test") for i, text, one in rows]


def null(seed: int, *, questions: int) -> bool:
    """Whether the reference itself is ever accused in so many questions."""
    oracle, rng = Oracle((0.7, 0.1, 0.1, 0.1)), np.random.default_rng(seed)
    probes = probes_about([SUBJECTS[i % len(SUBJECTS)] for i in range(2 * questions)])
    one = Examination(probes, epsilon=1e-3, error=LEVEL, make=lexical_adversaries()["word_ngrams"], seed=seed)
    while len(one.asked) < questions and (place := one.next()) is not None:
        said = [oracle.answer(rng, probes[place].category) for _ in range(SAMPLES + 1)]
        one.hear(place, said[0], said[1:])
    return one.verdict == "refuted"


class Drawn(Examination):
    """Features are drawn, not read, and weights stay for 25 questions, so that it may look for long."""

    _draws = 0

    def _features(self, prompt: str, texts: Sequence[str]) -> np.ndarray:
        rng = np.random.default_rng([self._seed, self._draws])
        table = np.asarray(rng.standard_t(3, size=(len(texts), 3)) * (0.2, 0.5, 2.0))
        self._draws += 1
        if texts[0]:  # a suspect's
            table[0] += (-0.2, 0.5, -2.0)
        return table - table[0]

    def _weights(self) -> np.ndarray:
        if len(self.asked) % 25 == 0:
            self._kept = super()._weights()
        return self._kept


def long(seed: int, *, questions: int, taught: int = 0) -> bool:
    """Whether the reference itself is ever accused in so many questions, perhaps after lessons."""
    probes = probes_about([SUBJECTS[i % len(SUBJECTS)] for i in range(questions + taught)])
    probes, others = probes[:questions], probes[questions:]
    lessons = [Lesson(probe, [""] * SAMPLES, "suspect") for probe in others]
    one = Drawn(probes, epsilon=1e-3, error=LEVEL, adaptive=False, seed=seed, lessons=lessons)
    for place in range(questions):
        if one.verdict == "refuted":
            return True
        one.hear(place, "", [""] * SAMPLES)
    return one.verdict == "refuted"


def known_truth(seed: int, *, prompts: int) -> pd.DataFrame:
    """Scores of an adversary that learns, and exact ones, which also know what each prompt is worth."""
    rng, (teacher, student) = np.random.default_rng(seed), (Oracle(TEACHER), Oracle(STUDENT))
    pairs = answer_pairs(rng, prompts, teacher, student)
    same = ~pairs["category"].isin(TELLING)
    pairs.loc[same, "student"] = [teacher.answer(rng, one) for one in pairs.loc[same, "category"]]
    found = judged(lexical_adversaries()["word_ngrams"], pairs, pair=str(seed), contrast="two subjects")
    ratio = dict(zip(OPENERS, np.log(np.divide(TEACHER, STUDENT)), strict=True))
    said = pairs.set_index("prompt_id")
    texts = [said.at[i, shown] for i, shown in zip(found["prompt_id"], found["shown"], strict=True)]
    tells = found["category"].isin(TELLING).to_numpy(float)
    exact = [ratio[text.partition(",")[0]] for text in texts] * tells
    return pd.concat([found, found.assign(adversary="likelihood, exact", score=exact, worth=tells)])


def of_run(folder: Path) -> pd.DataFrame:
    """Scores of the test prompts of a finished run, every contrast, and exact ones in the very same order."""
    parts, make = [], with_sum(cheap_adversaries())["together"]
    weighed = log_ratios(pd.read_parquet(folder / "likelihoods.parquet"))
    for contrast, pairs in contrasts_of(read_answers_table(folder / "answers.parquet")).items():
        found = judged(make, pairs, pair=folder.name, contrast=contrast)
        own = weighed[weighed["contrast"] == contrast].set_index("prompt_id")
        exact = [own.at[i, shown] for i, shown in zip(found["prompt_id"], found["shown"], strict=True)]
        parts += [found, found.assign(adversary="likelihood, same order", score=exact)]
    return pd.concat(parts)


def of_more(
    folder: Path, count: int, out: Path, *, split: str, after: int | None, contrasts: Sequence[str]
) -> pd.DataFrame:
    """Scores on prompts that a finished run did not ask, of what does not depend on its training."""
    study = open_study({"RUN_DIR": str(folder.parent), "PAIR": folder.name})
    first = study.n_test if after is None else after
    probes = take(load_probes(study.run.probes), split, first + count, study.seed)[first:]
    teacher = (study.teacher, study.teacher_revision, "none", study.teacher_sampling)
    student = (study.student, study.student_revision, study.quantisation, study.student_sampling)
    models = {"teacher": teacher, "teacher_4bit": (*teacher[:2], "nf4", teacher[3]), "base": student}
    models = {arm: models[arm] for arm in ("teacher", *contrasts)}
    told: dict[str, pd.DataFrame] = {}
    out.mkdir(parents=True, exist_ok=True)
    with ResponseStore(out / f"{folder.parent.name}-{folder.name}.sqlite") as store:
        for arm, (name, revision, bits, sampling) in models.items():
            how: dict[str, Any] = {"quantisation": bits, "sampling": Sampling(**sampling), **study.place}
            oracle = load_oracle(name, revision=revision, **how)
            told[arm] = sample(oracle, probes, store, batch_size=study.batch_size)
            oracle.release()
    make = with_sum(cheap_adversaries())["together"]
    answers = contrasts_of(answers_table(probes, told, pair=folder.name))
    return pd.concat(judged(make, pairs, pair=folder.name, contrast=name) for name, pairs in answers.items())


def report(scores: pd.DataFrame, *, pool: int, confidence: float) -> str:
    """Advantage at a few numbers of queries in both orders, and how many reach 0.8."""
    keys = ["pair", "contrast", "adversary"]
    curves = advantage_by_order(scores, pool=pool)
    curves = curves[curves["q"].isin(SHOWN_Q)].pivot(index=keys, columns=["order", "q"], values="advantage")
    curves.columns = [f"{order} {q}" for order, q in curves.columns]
    needed = queries_needed(scores, pool=pool, confidence=confidence).set_index(keys).drop(columns="game")
    return curves.join(needed.add_prefix("0.8: ")).round(2).T.to_string()


def answered(prompts: int) -> tuple[list[Probe], dict[str, list[list[str]]]]:
    """Test prompts, and by model its answers to each: of the reference one more than it needs."""
    probes = take(build_suite(n=5000, seed=0), "test", prompts, 0)
    models = {"itself": ("qwen-teacher", "none", SAMPLES + 1), "base student": ("qwen-student", "nf4", 1),
              "other teacher": ("llama-teacher", "none", 1)}  # fmt: skip
    said: dict[str, list[list[str]]] = {}
    with tempfile.TemporaryDirectory() as folder, ResponseStore(Path(folder) / "said.sqlite") as store:
        for who, (name, bits, samples) in models.items():
            how = Sampling(temperature=0.7, top_p=1.0, max_new_tokens=80)
            oracle = load_oracle(f"pocket/{name}", sampling=how, quantisation=bits)  # type: ignore[arg-type]
            tables = [sample(oracle, probes, store, sample_index=i, progress=False) for i in range(samples)]
            said[who] = [list(texts) for texts in zip(*(one["answer"] for one in tables), strict=True)]
            oracle.release()
    return probes, said


def live(
    seed: int,
    *,
    probes: list[Probe],
    said: dict[str, list[list[str]]],
    who: str,
    adaptive: bool,
    most: int,
    suspect: str | None = None,
) -> tuple[bool, int, bool]:
    """Whether `identify` accuses, after how many questions, and whether a kernel test with as many does.

    Each time half of the prompts are on offer, and the reference's samples change places. On the other half
    the lessons of a suspect are given.
    """
    rng = np.random.default_rng(seed)
    dealt, order = rng.permutation(len(probes)), rng.permutation(SAMPLES + 1)
    places, others = np.split(dealt, [len(probes) // 2])
    offered = [probes[place] for place in places]

    def answers(place: int) -> tuple[str, list[str]]:
        own = [said["itself"][place][i] for i in order]
        return (own[-1] if who == "itself" else said[who][place][0]), own[:-1]

    make, lessons = lexical_adversaries()["word_ngrams"], list[Lesson]()
    if suspect is not None:
        lessons = [Lesson(probes[at], answers(at)[1], said[suspect][at][0]) for at in map(int, others)]
    how: dict[str, Any] = {"epsilon": 1e-3, "error": LEVEL, "adaptive": adaptive, "seed": seed}
    one = Examination(offered, make=make, lessons=lessons, **how)
    while len(one.asked) < most and (at := one.next()) is not None:
        one.hear(at, *answers(int(places[at])))
    count = max(20, len(one.asked))
    asked = [answers(int(place)) for place in rng.permutation(places)[:count]]
    gram = string_kernel([text or " " for text in [a for a, _ in asked] + [own[0] for _, own in asked]])
    kernel = swap_test(gram, permutations=999, seed=seed).p_value <= LEVEL
    return one.verdict == "refuted", len(one.asked), kernel


def endpoint(runs: int, *, prompts: str, suspects: Sequence[str] = ("", "pocket/qwen-student")) -> None:
    """The command itself, from start to verdict, against models behind `transformers serve`."""
    from tests.serving import sampling_copy, served

    print("reference qwen-teacher; price at 0.5 and 1.5 a million prompt and answer tokens")
    with tempfile.TemporaryDirectory() as name, served(Path(name) / "server.log") as serve:
        folder = Path(name)
        for model in ("qwen-student", "llama-teacher", "qwen-teacher"):
            claimed = serve(sampling_copy(model, folder / model))
            for seed, suspect in itertools.product(range(runs), suspects):
                out = folder / f"{model} {seed} {Path(suspect).name}"
                about = ["--claimed", claimed, "--reference", "pocket/qwen-teacher", "--out", str(out)]
                about += ["--suspect", suspect] if suspect else []
                how = ["--prompts", prompts, "--seed", str(seed), "--max-new-tokens", "80"]
                status = command(["identify", *about, *how, "--claimed-price", "0.5", "1.5"])
                found = json.loads((out / "identification.json").read_text())
                cost = found["spent"]["claimed"]["cost"]
                print(
                    f"behind the endpoint {model}, suspect {suspect or 'none'}: exit status {status}, "
                    f"{found['questions']} questions, price {cost:.2g}", flush=True
                )  # fmt: skip


def world(seed: int, *, prompts: int) -> pd.DataFrame:
    """The fewest whole queries that reach 0.8 in one world, 50 prompts on offer; infinite where none do."""
    curves = advantage_by_order(known_truth(seed, prompts=prompts), pool=50)
    curves["q"] = curves["q"].where(curves["advantage"] >= 0.8, np.inf)
    return curves.groupby(["adversary", "order"], sort=False)["q"].min().unstack("order").reset_index()


def show_worlds(tables: Sequence[pd.DataFrame]) -> None:
    """Medians over worlds, and their ratio with its interval over worlds."""
    for adversary, rows in pd.concat(tables).groupby("adversary", sort=False):
        own, rng = rows[["random", "chosen"]].to_numpy(), np.random.default_rng(0)
        random, chosen = np.median(own, axis=0)
        again = np.median(own[rng.integers(len(own), size=(2000, len(own)))], axis=1)
        low, high = np.quantile(again[:, 1] / again[:, 0], (0.025, 0.975))
        print(
            f"  {adversary:<20} random {random:.1f}, chosen {chosen:.1f} queries to 0.8 (medians); "
            f"ratio {chosen / random:.2f} [{low:.2f}, {high:.2f}]"
        )


def show_live(found: Sequence[tuple[bool, int, bool]], who: str, adaptive: bool) -> None:
    """Shares of the repeats, and the median number of questions where it accused."""
    accused, asked, kernel = map(np.array, zip(*found, strict=True))
    median = np.median(asked[accused]) if accused.any() else np.nan
    print(f"  {who:<28} {'chosen' if adaptive else 'random':<7} accused in "
          f"{share(int(accused.sum()), len(found))}, median of {median:.0f} questions; "
          f"kernel test with as many {share(int(kernel.sum()), len(found))}", flush=True)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    every = ("null", "long", "worlds", "runs", "live", "suspect", "endpoint")
    parser.add_argument("--only", nargs="+", choices=every, default=every, help="parts (default: all)")
    parser.add_argument("--worlds", type=int, default=1000, help="null worlds (default: %(default)s)")
    parser.add_argument("--questions", type=int, default=60, help="in each (default: %(default)s)")
    parser.add_argument("--run", nargs="*", default=[], metavar="DIR", help="pairs' folders of finished runs")
    parser.add_argument("--more", type=int, default=0, help="prompts that these runs did not ask")
    parser.add_argument("--split", choices=["test", "distil"], default="test", help="whose (default: test)")
    parser.add_argument("--after", type=int, help="so many of the split (default: the run's test prompts)")
    both = ("teacher_4bit", "base")
    parser.add_argument("--contrasts", nargs="+", choices=both, default=both, help="there (default: both)")
    parser.add_argument("--pool", type=int, default=POOL, help="prompts on offer (default: %(default)s)")
    parser.add_argument("--confidence", type=float, default=0.95, help="of ratios (default: %(default)s)")
    parser.add_argument("--out", default="runs/identify", help="for their answers (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=100, help="of each live case (default: %(default)s)")
    parser.add_argument("--prompts", type=int, default=300, help="that models answer (default: %(default)s)")
    parser.add_argument("--served", type=int, default=3, help="runs a served model (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: %(default)s)")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    with Pool(options.workers, initializer=one_thread) as pool:

        def each(one: Callable[[int], Any], count: int) -> list[Any]:
            return list(tqdm(pool.imap(one, range(count), chunksize=2), total=count, disable=None))

        if "null" in options.only:
            accused = each(partial(null, questions=options.questions), options.worlds)
            what = f"{options.worlds} null worlds, watched for {options.questions} questions"
            print(f"{what}: accused in {share(sum(accused), options.worlds)}")
        if "long" in options.only:
            accused = each(partial(long, questions=500), options.worlds)
            print(f"the same for 500 drawn questions: accused in {share(sum(accused), options.worlds)}")
            accused = each(partial(long, questions=60, taught=30), options.worlds)
            print(f"60, after 30 lessons of a suspect: accused in {share(sum(accused), options.worlds)}")
        if "worlds" in options.only:
            print("20 worlds of 600 prompts, two of ten subjects differ")
            show_worlds(each(partial(world, prompts=600), 20))
        if "live" in options.only:
            probes, said = answered(options.prompts)
            print(f"reference qwen-teacher, {SAMPLES} answers each, half of {len(probes)} prompts on offer")
            for who, adaptive in itertools.product(said, (True, False)):
                how = {"who": who, "adaptive": adaptive, "most": 100}
                show_live(
                    each(partial(live, probes=probes, said=said, **how), options.repeats), who, adaptive
                )
        if "suspect" in options.only:
            probes, said = answered(options.prompts)
            for who, suspect in itertools.product([*said][::-1], ("base student", None)):
                case = {"probes": probes, "said": said, "who": who, "suspect": suspect}
                found = each(partial(live, adaptive=True, most=60, **case), options.repeats)
                show_live(found, f"{who}, {'known' if suspect else 'no'} suspect", True)
    for folder in map(Path, options.run if "runs" in options.only else ()):
        if options.more:
            which = {"split": options.split, "after": options.after, "contrasts": options.contrasts}
            scores = of_more(folder, options.more, Path(options.out), **which)
        else:
            scores = of_run(folder)
        print(report(scores, pool=options.pool, confidence=options.confidence))
    if "endpoint" in options.only:
        endpoint(options.served, prompts="200")


if __name__ == "__main__":
    program(main)
