"""Does the plan hold? Every step of a profile at its sizes, with small models that stand in for its own.

Standing in: for teacher, student and judge Llamas of random weights, 2 layers 256 wide, with SmolLM2's
tokenizer (49,152 tokens; the real models have 128,256 or 151,936) and sharpened logits; for every encoder a
Bert of 2 layers, 256 wide, with MiniLM's tokenizer; for answers words of SmolLM2's vocabulary drawn by Zipf's
law, as many as an answer may have tokens. Random weights hardly ever stop, so the models' own answers are as
long. Prompts, lessons, folds, arms, adversaries and budgets are those of the profile.

Each step is a process of its own and does the share of its work that is printed; its seconds, of computing on
one core, are extrapolated in proportion. Beside them what `study.needs` says of the very same stand-ins.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bbi_utils import games, probes
from bbi_utils.errors import BadInput
from bbi_utils.study.needs import Need, needs
from bbi_utils.study.params import Study, load_study
from benchmarks import program
from benchmarks.worlds import one_thread

WIDTH, LAYERS = 256, 2
SHARP = 40.0  # a few tokens have nearly all of the probability, as those of a trained model
Done = tuple[float, float]  # units done, of how many
Step = Callable[[Study], Done]


def stand_ins(folder: Path, profile: str, pair: str) -> dict[str, Any]:
    """Settings of a study that name small models of random weights, made in the folder, one for each."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertModel, LlamaConfig, LlamaForCausalLM

    from bbi_utils.oracles.checkpoints import load_tokenizer, resolve_model
    from bbi_utils.oracles.sentence_encoder import encoder_folder

    talker, reader = load_tokenizer(resolve_model("smol")), AutoTokenizer.from_pretrained(encoder_folder())
    wide = {"hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": WIDTH // 64}
    wide |= {"intermediate_size": 4 * WIDTH, "max_position_embeddings": 4096}
    for seed, role in enumerate(("teacher", "student", "judge")):
        torch.manual_seed(seed)
        config = LlamaConfig(**wide, vocab_size=len(talker), tie_word_embeddings=True,
                             bos_token_id=talker.bos_token_id, eos_token_id=talker.eos_token_id)  # fmt: skip
        model = LlamaForCausalLM(config)
        model.model.norm.weight.data *= SHARP
        model.save_pretrained(folder / role)
        talker.save_pretrained(folder / role)
    names = {role: str(folder / role) for role in ("teacher", "student", "judge")}
    study, model = load_study(profile, pair), BertModel(BertConfig(**wide, vocab_size=len(reader)))
    encoders = {name: folder / name.rsplit("/", 1)[-1] for name in (study.sentence_encoder, *study.encoders)}
    for where in encoders.values():
        model.save_pretrained(where)
        reader.save_pretrained(where)
    here = {"device": "cpu", "dtype": "float32", "sentence_encoder": str(encoders[study.sentence_encoder])}
    revisions = dict.fromkeys(("teacher_revision", "student_revision", "judge_revision"))
    return {**names, **here, **revisions, "encoders": [str(encoders[name]) for name in study.encoders]}


# What the steps work on.


def words(count: int, length: int, *, seed: int) -> list[str]:
    """Texts of so many tokens each: words drawn by Zipf's law, in lines of sentences."""
    from bbi_utils.oracles.checkpoints import load_tokenizer, resolve_model

    known = (word for word in load_tokenizer(resolve_model("smol")).get_vocab() if word[:1] == "Ġ")
    plain = sorted(word[1:] for word in known if word[1:].isalpha())
    rng = np.random.default_rng(seed)
    rng.shuffle(plain)
    chance = 1 / (10 + np.arange(len(plain)))
    drawn = rng.choice(len(plain), size=(count, length), p=chance / chance.sum())
    return [" ".join(plain[i] for i in row[:-1]).capitalize() + "." for row in drawn]


def suite_of(study: Study, part: str, count: int) -> list[probes.Probe]:
    suite = probes.build_suite(n=study.n_probes, seed=study.seed)
    return probes.take(suite, part, count, study.seed)


def pairs_of(study: Study) -> pd.DataFrame:
    """The answers of one contrast, with their folds; made once in a process."""
    if not MADE:
        MADE.append(new_pairs(study))
    return MADE[0]


MADE: list[pd.DataFrame] = []


def new_pairs(study: Study) -> pd.DataFrame:
    asked = suite_of(study, "test", study.n_test)
    about = pd.DataFrame([(p.id, p.prompt, p.category, p.group) for p in asked],
                         columns=["prompt_id", "prompt", "category", "group"])  # fmt: skip
    sides = enumerate(("teacher", "student"))
    said = {side: words(len(about), study.max_new_tokens, seed=seed) for seed, side in sides}
    pairs = about.assign(**said).sort_values("prompt_id").reset_index(drop=True)
    return pairs.assign(fold=games.assign_folds(pairs, folds=study.folds, seed=study.seed))


def oracle_of(study: Study, role: str) -> Any:
    from bbi_utils.oracles import LocalOracle, Sampling

    sampling = Sampling(max_new_tokens=study.max_new_tokens, temperature=study.temperature, top_p=study.top_p)
    quantisation = study.quantisation if role == "student" else "none"
    return LocalOracle(getattr(study, role), quantisation=quantisation, dtype=study.dtype,
                       device=study.device, sampling=sampling)  # fmt: skip


def scores_of(study: Study) -> pd.DataFrame:
    """Scores of every adversary of the registry, in all contrasts and both games, by chance alone."""
    from bbi_utils.adversaries import EncoderSettings, all_adversaries

    rng, about = np.random.default_rng(0), pairs_of(study)[["prompt_id", "category", "fold", "group"]]
    tables = []
    for contrast in CONTRASTS:
        for adversary in all_adversaries(*map(EncoderSettings, study.encoders)):
            for game, shown in (("pairwise", "pair"), ("single", "teacher"), ("single", "student")):
                score = rng.normal(0.3, size=len(about))
                labels = {"pair": study.pair, "contrast": contrast, "adversary": adversary, "game": game}
                right = score > 0 if shown != "student" else score < 0
                tables.append(about.assign(**labels, shown=shown, score=score, correct=right.astype(float)))
    return pd.concat(tables, ignore_index=True)


CONTRASTS = ("base", "distilled", "teacher_resample", "teacher_4bit")

# The steps.


def suite(study: Study) -> Done:
    suite_of(study, "test", study.n_test)
    return study.n_probes, study.n_probes


def answering(study: Study, *, role: str, of: int) -> Done:
    from bbi_utils.oracles import Request

    asked = suite_of(study, "test", min(study.batch_size, of))
    oracle_of(study, role).answer([Request(one.id, one.prompt) for one in asked])
    return len(asked), of


def distilling(study: Study, *, of: int, steps: int = 2) -> Done:
    from bbi_utils.distillation.examples import encode_all
    from bbi_utils.distillation.lora import LoraSettings, TrainingRun, build_student
    from bbi_utils.oracles import checkpoints

    checkpoint = checkpoints.resolve_model(study.student)
    tokenizer, size = checkpoints.load_tokenizer(checkpoint), study.train_batch_size
    asked = [one.prompt for one in suite_of(study, "distil", steps * size)]
    said = words(len(asked), study.max_new_tokens, seed=0)
    examples = encode_all(tokenizer, asked, said, system_prompt=None, max_length=study.max_length)
    settings = LoraSettings(r=study.lora_r, batch_size=size, quantisation=study.quantisation, epochs=1)
    model = build_student(checkpoint, settings, dtype=study.dtype, device=study.device, seed=0)
    run = TrainingRun(model, examples, settings, pad=tokenizer.pad_token_id, seed=0, device=study.device)
    model.train()
    for step in range(steps):
        run.step(step)
    return len(asked), of * study.epochs


def weighing(study: Study, *, role: str, of: int) -> Done:
    from bbi_utils.oracles.base import Said

    oracle, count = oracle_of(study, role), min(64, of)
    asked, said = suite_of(study, "test", count), words(count, study.max_new_tokens, seed=0)
    oracle.log_likelihoods(
        [Said(one.prompt, oracle.cut(one.prompt, text)[: study.max_new_tokens], False)
         for one, text in zip(asked, said, strict=True)], progress=False)  # fmt: skip
    return count, of


def comparing(study: Study, *, of: int) -> Done:
    from bbi_utils.games.similarity import compare
    from bbi_utils.oracles.sentence_encoder import load_encoder

    encoder, some = load_encoder(study.sentence_encoder, device=study.device), pairs_of(study).head(100)
    compare(some, encoder, pair=study.pair, contrast="base")
    return 2 * len(some), of


def playing(study: Study, *, name: str, of: int, steps: int = 4) -> Done:
    """An adversary trained once, and its scores: an encoder on so many batches, the ensemble on a fold."""
    from bbi_utils.adversaries import EncoderSettings, all_adversaries, with_ensemble
    from bbi_utils.adversaries.features import LengthAdversary
    from bbi_utils.games.player import held_out

    shape = {"layers": study.encoder_layers, "trainable_layers": study.encoder_trainable_layers}
    shape |= {"epochs": study.encoder_epochs, "max_length": study.encoder_max_length, "device": study.device}
    makes = all_adversaries(*(EncoderSettings(model=model, **shape) for model in study.encoders))
    some = pairs = pairs_of(study)
    if name == "ensemble":
        members = with_ensemble({f"length {k}": LengthAdversary for k in range(len(makes) - 1)})
        held_out(members["ensemble"], pairs, [0], seed=0)
        return 1, len(CONTRASTS) * study.folds
    if name.removesuffix("_joint") in map(name_of, study.encoders):
        some = pairs.groupby("fold").head(-(-steps * EncoderSettings.batch_size // (study.folds - 1)))
    held_out(makes[name], some, [0], seed=0)
    return len(some) / len(pairs), of


def name_of(model: str) -> str:
    return Path(model).name


def judging(study: Study, *, of: int) -> Done:
    from bbi_utils.adversaries.judge.local import LanguageModelJudge
    from bbi_utils.oracles import checkpoints

    checkpoint = checkpoints.resolve_model(str(study.judge))
    model = checkpoints.load_model(checkpoint, quantisation="none", dtype=study.dtype, device=study.device)
    tokenizer, size = checkpoints.load_tokenizer(checkpoint), study.batch_size
    judge, some = (
        LanguageModelJudge("stand-in", model, tokenizer, batch_size=size),
        pairs_of(study).head(size),
    )
    try:
        judge(list(some["prompt"]), list(some["teacher"]), list(some["student"]))
    except BadInput as refusal:  # after all of its work: random weights say neither A nor B
        if "begins with A or B" not in str(refusal):
            raise
    return len(some), of


def testing(study: Study, *, of: int) -> Done:
    from bbi_utils.games.inference import kernel_test

    pairs = pairs_of(study)
    texts = [*pairs["teacher"], *pairs["student"]]
    vectors = np.random.default_rng(0).normal(size=(len(texts), 384))
    for gram in (kernel_test.embedding_kernel(vectors), kernel_test.string_kernel(texts)):
        kernel_test.swap_test(gram, groups=pairs["group"])
    return 1, of


def betting(study: Study) -> Done:
    """The sequential test of one contrast."""
    from bbi_utils.adversaries import lexical_adversaries
    from bbi_utils.games import sequential

    sequential.prequential(lexical_adversaries()["word_ngrams"], pairs_of(study), seed=0)
    return 1, len(CONTRASTS)


def verdicts(study: Study) -> Done:
    """Advantages, differences, categories, queries and the certificate, of all contrasts."""
    from bbi_utils.games.certificate import certify
    from bbi_utils.games.queries import advantage_of_queries

    scores = scores_of(study)
    games.advantage(scores)
    games.paired_difference(scores)
    games.by_category(scores)
    advantage_of_queries(scores, sizes=study.queries)
    certify(scores[scores["contrast"] == "base"], epsilon=study.epsilon)
    return 1, 1


def limits(study: Study) -> Done:
    """The limit of all contrasts, at every number of queries."""
    from bbi_utils.games import limit
    from bbi_utils.report.summaries import limits as at_one

    rng, about = np.random.default_rng(0), pairs_of(study)[["prompt_id", "category", "group"]]
    parts = []
    for contrast in CONTRASTS:
        for shown, sign in (("teacher", 1), ("student", -1)):
            own = {"pair": study.pair, "contrast": contrast, "shown": shown, "log_teacher": -20.0}
            ratio = sign * 0.5 + rng.normal(size=len(about))
            parts.append(about.assign(**own, log_student=-20.0 - ratio, exact=True, same=False))
    table = pd.concat(parts, ignore_index=True)
    at_one(table)
    limit.of_queries(table, sizes=study.queries)
    return 1, 1


def choosing(study: Study) -> Done:
    """What every strategy buys, for one of the seeds."""
    from bbi_utils.distillation.budget import plan_cells

    pool = suite_of(study, "distil", study.n_distill)
    table = pd.DataFrame({"id": [p.id for p in pool], "category": [p.category for p in pool]})
    rng = np.random.default_rng(0)
    disagreement = pd.Series(rng.random(len(pool)), index=table["id"])
    plan_cells(table, rng.normal(size=(len(pool), 384)), disagreement, strategies=study.strategies,
               budgets=study.budgets, replications=1, seed=0)  # fmt: skip
    return 1, study.budget_seeds


def drawing(study: Study) -> Done:
    """The figures of all adversaries, of queries and of categories, and their files."""
    from bbi_utils import figures
    from bbi_utils.games.queries import advantage_of_queries

    scores = scores_of(study)
    level = {"confidence": study.confidence}
    pictures = {
        "advantage": figures.advantage_figure(games.advantage(scores), **level),
        "ladder": figures.ladder_figure(games.advantage(scores), **level),
        "queries": figures.queries_figure(advantage_of_queries(scores, sizes=study.queries), **level),
        "categories": figures.category_figure(games.by_category(scores), pair=study.pair, **level),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, figure in pictures.items():
            figures.save_figure(figure, name, inputs=[], folder=Path(folder), notebook="09_make_figures")
    return 1, 1


def steps_of(study: Study) -> dict[tuple[str, str], Step]:
    """(stage, what) -> the step; those that the plan has a line for go by that line."""
    found: dict[tuple[str, str], Step] = {("01", "the suite"): suite}
    exact = {"distillation": distilling, "judge": judging, "kernel tests": testing, "similarity": comparing}
    for need in needs(study):
        step: Any = exact.get(need.what)
        role = "teacher" if need.what.startswith("teacher") else "student"
        if step is None and need.stage == "04":
            step = partial(playing, name=need.what)
        elif step is None and "answer" in need.what:
            step = partial(weighing if "weighs" in need.what else answering, role=role)
        if step is not None:  # students on a budget are what "distillation" and "student answers" measure
            found[need.stage, need.what] = partial(step, of=need.units)
    found |= {("06", "sequential tests"): betting, ("07", "verdicts and queries"): verdicts}
    found |= {("07", "the limit"): limits, ("08", "what to buy"): choosing, ("09", "figures"): drawing}
    return dict(sorted(found.items(), key=lambda item: item[0][0]))


def highest() -> float:
    """The most memory that this process has had, in bytes; not that of the one it was started from."""
    said = Path("/proc/self/status").read_text()
    return 1024 * float(said.partition("VmHWM:")[2].split()[0])


def measured(step: Step, study: Study) -> tuple[float, float, float, float]:
    """Units done and of how many, seconds of computing, peak memory."""
    one_thread()
    import sentence_transformers  # noqa: F401  (loading the libraries is no part of a step, and no share of it)
    import sklearn.linear_model  # noqa: F401
    from transformers import BertModel, LlamaForCausalLM  # noqa: F401

    pairs_of(study)  # nor is what the steps work on
    began = time.process_time()
    done, of = step(study)
    return done, of, time.process_time() - began, highest()


def alone(step: Step, study: Study) -> tuple[float, float, float, float]:
    """What `measured` returns, from a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(measured, step, study).result()


def line(stage: str, what: str, step: Step, study: Study, need: Need | None) -> str:
    """One step as measured, and what the plan says of it; seconds are of one core."""
    try:
        done, of, spent, peak = alone(step, study)
    except Exception as error:  # what breaks at true size is what the walk is for: it goes on
        return f"  {stage} {what:<30} BROKE: {type(error).__name__}: {str(error)[:200]}"
    share, whole = min(1.0, done / of), spent * max(1.0, of / done)
    said = f"  {stage} {what:<30} {share:7.2%}  {spent:6.1f} s, whole {whole:7.0f} s  {peak / 1e9:5.2f} GB"
    if need is None or need.memory is None or need.seconds is None:
        return said
    return f"{said}  plan {need.seconds:7.0f} s  {need.memory / 1e9:5.2f} GB"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--profiles", nargs="+", default=["laptop", "paper"], help="which (default: both)")
    parser.add_argument("--pair", default="qwen", help="default: %(default)s")
    parser.add_argument("--only", nargs="+", metavar="WHAT", help="steps, or stages, of these names alone")
    parser.add_argument("--minutes", type=float, default=60, help="begin none after (default: %(default)s)")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=JSON", help="other sizes")
    options = parser.parse_args(arguments)
    others = {name: json.loads(value) for name, value in (one.split("=", 1) for one in options.set)}
    until = time.monotonic() + 60 * options.minutes
    if hasattr(os, "sched_setaffinity"):  # the plan and its steps are then of one core
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for profile in options.profiles:
        with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
            settings = stand_ins(Path(folder), profile, options.pair)
            study = load_study(profile, options.pair, {**settings, **others})
            planned = {(need.stage, need.what): need for need in needs(study)}
            print(f"{profile}: share done, computing, peak memory; what the plan says", flush=True)
            for (stage, what), step in steps_of(study).items():
                if options.only and not {stage, what} & set(options.only):
                    continue
                if time.monotonic() > until:
                    print(f"  {stage} {what:<30} not begun: the time is up", flush=True)
                else:
                    print(line(stage, what, step, study, planned.get((stage, what))), flush=True)


if __name__ == "__main__":
    program(main)
