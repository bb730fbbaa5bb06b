"""What a run would do, without doing it: models, memory, generations and tokens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bbi_utils import paths
from bbi_utils.oracles import gguf
from bbi_utils.oracles.adapters import whole_model
from bbi_utils.oracles.checkpoints import count_numbers
from bbi_utils.oracles.endpoint.client import VERDICT_TOKENS
from bbi_utils.oracles.hub import cached_commit
from bbi_utils.oracles.references import kind_of
from bbi_utils.provenance import cores, gpus
from bbi_utils.study.needs import BYTES, CORE, GPU, needs, precision, runs_on_gpu
from bbi_utils.study.params import Study
from bbi_utils.study.shapes import PUBLISHED

ELSEWHERE = {"endpoint": "runs elsewhere", "recorded": "recorded answers"}
WORKING_MEMORY = 1.25  # caches and activations beside the weights, as a factor


@dataclass(frozen=True)
class Work:
    """One line of the plan: who answers or reads how often, with at most how many new tokens in all."""

    stage: str
    what: str
    times: int
    tokens: int


def parameters_of(reference: str) -> float | None:
    """Parameter count: exact for a folder or GGUF file (from headers), published or named for a hub id.

    An adapter's folder counts as its base. None where it is not known, and for what has no weights here.
    """
    if kind_of(reference) != "weights":
        return None
    reference, _ = whole_model(reference)
    if (file := gguf.file_of(reference)) is not None:
        return float(gguf.count_numbers(file, name=reference))
    folder = paths.local_model(reference)
    if folder is not None:
        return float(sum(count_numbers(file) for file in folder.glob("*.safetensors"))) or None
    named = re.search(r"(\d+(?:\.\d+)?)B\b", reference)
    if reference in PUBLISHED:
        return PUBLISHED[reference].numbers
    return float(named[1]) * 1e9 if named else None


def memory_of(reference: str, *, kind: str) -> float | None:
    """Expected bytes to hold and run a model in `kind`; None where its size is unknown."""
    count = parameters_of(reference)
    return None if count is None else count * BYTES[kind] * WORKING_MEMORY


def work_of(study: Study) -> list[Work]:
    """How often each model answers; tokens are upper bounds, for every answer may stop early."""
    trainings, most = len(study.strategies) * study.budget_seeds, study.max_new_tokens
    rounds, bought = trainings * len(study.budgets), trainings * sum(study.budgets)
    rows = [
        ("02", "teacher answers the distillation prompts", study.n_distill, most),
        ("02", "teacher answers the development prompts", study.n_development, most),
        ("02", "teacher answers the test prompts, twice (the null control)", 2 * study.n_test, most),
        ("02", "the teacher's 4-bit form answers the test prompts", study.teacher_4bit * study.n_test, most),
        ("03", "base student answers the test prompts", study.n_test, most),
        ("03", "distilled student answers the test prompts", study.n_test, most),
        ("03", "examples seen in distillation", study.n_distill * study.epochs, 0),
        ("05", "pairs read by the judge, in both orders, for three contrasts", verdicts_of(study), 0),
        ("08", "base student answers the pool, to find disagreement", study.n_distill, most),
        ("08", f"examples seen in {rounds} distillations on a budget", bought * study.epochs, 0),
        ("08", "answers of the students on a budget", rounds * study.n_budget_test, most),
    ]
    return [Work(stage, what, times, times * each) for stage, what, times, each in rows if times]


def verdicts_of(study: Study) -> int:
    """How often the judge is asked, where there is one."""
    return 6 * study.n_judge if study.judge else 0


def gigabytes(size: float | None) -> str:
    """Bytes as a reader wants them."""
    if size is None:
        return "unknown"
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB"


def model_line(study: Study, role: str) -> str:
    """What is known of a role's model: revision, number of parameters and expected memory."""
    reference, revision = study.model(role)
    if (kind := kind_of(reference)) != "weights":
        return f"  {role:<8} {reference} ({ELSEWHERE[kind]})"
    how = study.quantisation if role == "student" and study.quantisation != "none" else precision(study)
    version = "GGUF file" if gguf.file_of(reference) else "local folder"
    if paths.local_model(reference) is None:
        commit = cached_commit(reference, revision)
        version = f"revision {revision or 'default branch'}"
        version += f", in the cache as {commit[:12]}" if commit else ""
    count = parameters_of(reference)
    size = "?" if count is None else f"{count / 1e9:.2f} B" if count >= 1e8 else f"{count / 1e6:.1f} M"
    need = gigabytes(memory_of(reference, kind=how))
    version += ", behind a system prompt" if getattr(study, f"{role}_system_prompt", None) else ""
    return f"  {role:<8} {reference:<36} {size:>8}  {how:<9} about {need:<8} ({version})"


def cost_lines(study: Study) -> list[str]:
    """How often endpoints are asked, if there are any, and what their answers may cost."""
    times = study.n_distill + study.n_development + 2 * study.n_test
    answers = times, study.max_new_tokens, study.teacher_price
    verdicts, lines = (verdicts_of(study), VERDICT_TOKENS, study.judge_price), []
    for role, (times, tokens, price) in {"teacher": answers, "judge": verdicts}.items():
        if role in study.roles and kind_of(getattr(study, role)) == "endpoint":
            cost = price and f"answers cost at most {times * tokens * price[1] / 1e6:.4g}, prompts are extra"
            asked = f"{times:,} requests, at most {times * tokens:,} answer tokens"
            lines.append(f"  {role}: {asked} ({cost or 'price not given'})")
    limit = "no MAX_SPEND" if study.max_spend is None else f"MAX_SPEND {study.max_spend:g}"
    return ["", f"endpoints ({limit})", *lines] if lines else []


def need_lines(study: Study) -> list[str]:
    """Memory and time of each step that takes much, and what the times rest on."""
    speed = f"a GPU at {GPU / 1e9:,.0f} billion operations a second, a guess"
    if not runs_on_gpu(study):
        speed = f"{cores()} cores at {CORE / 1e9:.0f} billion operations a second"
        speed += f", shared by {len(study.pairs)} pairs" * (len(study.pairs) > 1)
    lines = [f"memory and time of each step, at most ({speed})"]
    for need in needs(study):
        took = f"{gigabytes(need.memory):>8}  {duration(need.seconds):>11}"
        lines.append(f"  {need.stage}  {need.units:>9,}  {need.what:<34}{took}")
    judged = "the judge comes in 05" if study.judge else "nobody judges"
    counted = f"adversaries (04 from length on): {study.folds} folds, and what the ensemble needs besides"
    return [*lines, f"  {counted}; {judged}"]


def duration(seconds: float | None) -> str:
    """Seconds as a reader wants them."""
    if seconds is None:
        return "unknown"
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def plan_of(study: Study) -> str:
    """The plan of one pair, as text."""
    where = gpus()[0] if runs_on_gpu(study) and gpus() else "CPU"
    title = f"pair {study.pair} (profile {study.profile}, seed {study.seed}, this machine: {where})"
    lines = [title, "", "models", *(model_line(study, role) for role in study.roles)]
    needs = [memory_of(getattr(study, role), kind=precision(study)) for role in study.roles]
    peak = max(filter(None, needs), default=None)
    lines += [f"  one at a time: about {gigabytes(peak)} at the peak", "", "work"]
    work = work_of(study)
    for item in work:
        bound = f"  at most {item.tokens:>11,} new tokens" if item.tokens else ""
        lines.append(f"  {item.stage}  {item.times:>9,}  {item.what:<62}{bound}".rstrip())
    total, tokens = sum(item.times for item in work if item.tokens), sum(item.tokens for item in work)
    lines += [f"  in all {total:,} generations, at most {tokens:,} new tokens", *cost_lines(study), ""]
    budgets = ", ".join(map(str, study.budgets))
    lines += [*need_lines(study), ""]
    lines += [f"query budgets {budgets} of {study.n_distill} ({study.budget_seeds} seeds)"]
    return "\n".join(lines)


def plan(studies: Sequence[Study]) -> str:
    """The plan of a run over all its pairs."""
    folder = paths.shown(paths.RunPaths(studies[0].run_dir).folder)
    bodies = "\n\n".join(plan_of(study) for study in studies)
    return f"Dry run: nothing is run or written.\n\n{bodies}\n\nresults would go to {folder}"
