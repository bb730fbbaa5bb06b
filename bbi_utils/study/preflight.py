"""Refuse a study that cannot work before anything runs: sizes, choices, models, disk and permissions."""

from __future__ import annotations

import math
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.files import MOST_SEED
from bbi_utils.oracles import Sampling, Terms, load_oracle
from bbi_utils.oracles.adapters import adapter_folder, base_of, check_adapter, whole_model
from bbi_utils.oracles.checkpoints import check_files
from bbi_utils.oracles.hub import cached_commit
from bbi_utils.oracles.references import WORDS, kind_of
from bbi_utils.provenance import gpus
from bbi_utils.study.params import Study, unknown
from bbi_utils.study.plan import BYTES, parameters_of

TEST_SHARE = 0.2  # of the probe suite; the rest is for distillation
CHOICES = {
    "quantisation": ("none", "nf4"),
    "dtype": ("auto", "float32", "bfloat16", "float16"),
    "strategies": ("stratified_random", "disagreement", "disagreement_known", "diversity"),
}
POSITIVE = (
    "n_probes", "n_distill", "n_test", "n_judge", "max_new_tokens", "batch_size", "encoder_epochs",
    "encoder_learning_rate", "encoder_max_length", "lora_r", "lora_alpha", "learning_rate", "epochs",
    "train_batch_size", "max_length", "budget_seeds", "n_budget_test",
)  # fmt: skip
FEWEST_TEST = 20  # prompts; fewer certify nothing
INSTALLED_ENCODER = "all-MiniLM-L6-v2"  # a package of the environment holds it
LISTS = ("budgets", "strategies", "queries", "encoders", "own_adversaries")
DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")
OF_THE_RUN = ("executed", "figures", "stages")  # folders beside those of the pairs
PAIR_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
FREE_BYTES = 500 * 2**20  # responses, checkpoints and figures of one pair; a full paper run stays below


def check_study(study: Study) -> None:
    """Raise BadInput for the first thing in the study that cannot work."""
    check_values(study)
    check_sizes(study)
    check_models(study)
    check_encoders(study)
    if study.own_adversaries:
        from bbi_utils.adversaries import own_adversaries

        own_adversaries(study.own_adversaries)  # loads the files, and raises where one cannot play


def check_values(study: Study) -> None:
    """Numbers in their range, words among those known."""
    for name in POSITIVE:
        if getattr(study, name) <= 0:
            raise BadInput(f"{name.upper()} is {getattr(study, name)}; expected more than 0")
    for name, value in study.parameters().items():
        if isinstance(value, float) and not math.isfinite(value):
            raise BadInput(f"{name} is {value}; expected a finite number")
    for name in LISTS:
        if len(set(value := getattr(study, name))) < len(value):
            raise BadInput(f"{name.upper()} is {list(value)}; expected each of them once")
    ranges = {
        "seed": 0 <= study.seed <= MOST_SEED,
        "temperature": study.temperature >= 0,
        "top_p": 0 < study.top_p <= 1,
        "lora_dropout": 0 <= study.lora_dropout < 1,
        "confidence": 0.5 < study.confidence < 1,
        "epsilon": 0 <= study.epsilon < 1,
        "queries": bool(study.queries) and min(study.queries) > 0,
        "folds": study.folds >= 2,
        "budgets": bool(study.budgets) and min(study.budgets) > 0,
        "strategies": bool(study.strategies),
        "encoder_layers": study.encoder_layers is None or study.encoder_layers > 0,
        "encoder_trainable_layers": trains_what_is_kept(study),
    }
    bounds = {"seed": f"from 0 to {MOST_SEED}", "temperature": "0 or more", "top_p": "above 0 and at most 1",
              "lora_dropout": "from 0 to below 1", "confidence": "between 0.5 and 1", "folds": "2 or more",
              "epsilon": "from 0 to below 1", "queries": "a list of numbers above 0",
              "budgets": "a list of numbers above 0", "strategies": "a list of at least one",
              "encoder_layers": "null or more than 0",
              "encoder_trainable_layers": "null, or from 1 to ENCODER_LAYERS"}  # fmt: skip
    for name, holds in ranges.items():
        if not holds:
            raise BadInput(f"{name.upper()} is {getattr(study, name)}; expected {bounds[name]}")
    for name, known in CHOICES.items():
        value = getattr(study, name)
        for word in (value,) if isinstance(value, str) else value:
            if word not in known:
                raise unknown(f"{name.upper()} value", word, known)
    if not DEVICE.fullmatch(study.device):
        raise BadInput(f"DEVICE is '{study.device}'; expected auto, cpu, cuda or cuda:N")
    if study.device.startswith("cuda") and not gpus():
        raise BadInput(f"DEVICE is {study.device} but no NVIDIA GPU was found; set DEVICE=auto or DEVICE=cpu")
    if paths.resolve(study.run_dir).resolve() == paths.ROOT:
        way = "whose figures a run would replace; expected a folder of its own, such as runs/mine"
        raise BadInput(f"RUN_DIR is {study.run_dir}, the repository, {way}")
    for pair in (study.pair, *study.pairs):  # names of folders in the run's
        if not PAIR_NAME.fullmatch(pair) or pair in OF_THE_RUN:
            taken = f", and none of {', '.join(OF_THE_RUN)}"
            raise BadInput(f"PAIR is '{pair}'; expected letters, digits, '.', '_' and '-'{taken}")


def trains_what_is_kept(study: Study) -> bool:
    """Whether the encoder layers to train are among those kept."""
    trained, kept = study.encoder_trainable_layers, study.encoder_layers
    return trained is None or 1 <= trained <= (kept or trained)


def check_sizes(study: Study) -> None:
    """Parts no larger than what they are taken from."""
    total, pool, test = splits_of(study)
    among = f"prompts of {study.probes}" if study.probes else f"prompts among N_PROBES={total}"
    if study.n_distill + study.n_test > total:
        asked = f"N_DISTILL {study.n_distill} + N_TEST {study.n_test}"
        there = f"the {total} {among}" if study.probes else f"N_PROBES {total}"
        raise BadInput(f"{asked} is more than {there}; ask for fewer, or for more probes")
    limits = (
        ("n_distill", study.n_distill, pool, f"the {pool} distillation {among}"),
        ("n_test", study.n_test, test, f"the {test} test {among}"),
        ("n_judge", study.n_judge, study.n_test, f"N_TEST={study.n_test}"),
        ("n_budget_test", study.n_budget_test, study.n_test, f"N_TEST={study.n_test}"),
        ("budgets", max(study.budgets), study.n_distill, f"the pool, N_DISTILL={study.n_distill}"),
    )
    if study.n_test < (least := max(FEWEST_TEST, 2 * study.folds)):
        why = f"FOLDS={study.folds} takes two prompts a fold, a certificate {FEWEST_TEST} in all"
        raise BadInput(f"N_TEST is {study.n_test}; expected at least {least}: {why}")
    for name, value, limit, what in limits:
        if value > limit:
            raise BadInput(f"{name.upper()} asks for {value}, more than {what}; ask for at most {limit}")


def splits_of(study: Study) -> tuple[int, int, int]:
    """How many prompts there are in all, to distil on and to test on."""
    if study.probes is None:
        test = int(study.n_probes * TEST_SHARE)
        return study.n_probes, study.n_probes - test, test
    from bbi_utils.probes import read_probes

    splits = Counter(probe.split for probe in read_probes(paths.script(study.probes), seed=study.seed))
    return splits.total(), splits["distil"], splits["test"]


def check_models(study: Study) -> None:
    """Teacher and student differ; every model folder exists and can be loaded safely."""
    kinds = {role: kind_of(getattr(study, role)) for role in ("teacher", "student", "judge")}
    teacher, student = ((study.teacher, study.teacher_revision), (study.student, study.student_revision))
    if teacher == student or same_folder(study.teacher, study.student):
        message = f"TEACHER and STUDENT are both {study.teacher}: there is nothing to distil or to tell apart"
        raise BadInput(f"{message}; choose two models")
    for role, kind in kinds.items():
        reference, revision = getattr(study, role), getattr(study, f"{role}_revision")
        if kind == "weights":
            check_model(role, reference, revision)
        else:
            check_without_weights(study, role, reference, revision)


def check_without_weights(study: Study, role: str, reference: str, revision: str | None) -> None:
    """Raise BadInput where an endpoint or recorded answers cannot take a role, or cannot be had."""
    what = WORDS[kind_of(reference)]
    if role == "student":
        way = "to compare two models as they are, `python -m bbi_utils sample` both and `audit` the answers"
        raise BadInput(f"STUDENT {reference} is {what}: nothing can be distilled into it; {way}")
    if role == "teacher" and study.teacher_4bit:
        raise BadInput(f"TEACHER {reference} is {what}: it has no 4-bit form here; set TEACHER_4BIT=false")
    price: tuple[float, ...] | None = getattr(study, f"{role}_price")
    terms = Terms(price, max_spend=study.max_spend, concurrency=study.concurrency, timeout=study.timeout)
    oracle = load_oracle(
        reference,
        revision=revision,
        sampling=Sampling(),
        key_env=getattr(study, f"{role}_key"),
        terms=terms,
    )
    oracle.check([])


def check_encoders(study: Study) -> None:
    """Encoders exist and can be loaded safely, as models do."""
    for role, names in (("sentence_encoder", (study.sentence_encoder,)), ("encoders", study.encoders)):
        for name in names:
            if kind_of(name) != "weights":
                raise BadInput(f"{role.upper()} {name} has no weights here; expected a folder or a hub id")
            if not name.endswith(INSTALLED_ENCODER):
                check_model(role, name, None)


def same_folder(first: str, second: str) -> bool:
    """Whether two references name one folder."""
    folders = (paths.local_model(first), paths.local_model(second))
    return all(folders) and len({folder.resolve() for folder in folders if folder}) == 1


def check_model(role: str, reference: str, revision: str | None) -> None:
    """Raise BadInput for a folder that is missing or holds no model, or a hub model that cannot be had."""
    folder = paths.local_model(reference)
    if folder is None:
        if offline() and wanted_from_hub(reference, revision):
            way = "give a folder that exists, or use PROFILE=laptop or PROFILE=paper, which download models"
            raise BadInput(f"{role.upper()} {reference} is neither a folder nor in the local cache; {way}")
        return
    if not folder.is_dir():
        known = sorted(path.parent.name for path in paths.WEIGHTS.glob("*/config.json"))
        there = f"shipped models: {', '.join(known) or 'none, build them with `make pocket`'}"
        way = there if paths.is_shipped(reference) else "expected a folder from save_pretrained"
        raise BadInput(f"{role.upper()} {reference} does not exist ({way})")
    if revision is not None:
        raise BadInput(f"{role.upper()} {reference} is a folder and has no revision '{revision}'; drop it")
    if role == "teacher" and adapter_folder(reference):  # a student to distil and a judge are whole models
        return check_model("base of the teacher's adapter", *base_of(check_adapter(folder)))
    check_files(folder, name=reference)


def offline() -> bool:
    """Whether the hub's client has been told to stay offline."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON")


def check_disk(study: Study, *, needed: int = FREE_BYTES) -> None:
    """Raise BadInput where the run's folder cannot be written or its disk is nearly full."""
    folder = paths.RunPaths(study.run_dir, study.pair).pair_folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        message = f"cannot write in {paths.shown(folder)}: {error.strerror}"
        raise BadInput(f"{message}; give yourself write permission or set RUN_DIR=another/folder") from None
    free = shutil.disk_usage(folder).free
    if free < needed:
        found = f"{free / 1e9:.1f} GB free at {paths.shown(folder)}, {needed / 1e9:.1f} GB needed"
        raise BadInput(f"not enough disk: {found}; free some or set RUN_DIR=another/folder")


def check_downloads(study: Study) -> None:
    """Raise BadInput where the hub models that are not in the cache yet would not fit on its disk."""
    from huggingface_hub import constants

    roles = ("teacher", "student", "judge")
    models = {(getattr(study, role), getattr(study, f"{role}_revision")) for role in roles}
    models = {whole_model(name, revision) for name, revision in models if kind_of(name) == "weights"}
    absent = [name for name, revision in models if wanted_from_hub(name, revision)]
    needed = sum((parameters_of(name) or 0) * BYTES["bfloat16"] for name in absent)
    cache = Path(constants.HF_HUB_CACHE)
    disk = next(path for path in (cache, *cache.parents) if path.exists())
    free = shutil.disk_usage(disk).free
    if needed > free:
        what = (
            f"{', '.join(sorted(absent))} need {needed / 1e9:.0f} GB, {free / 1e9:.0f} GB are free at {disk}"
        )
        raise BadInput(f"not enough disk for the models: {what}; free some or set HF_HOME=another/folder")


def wanted_from_hub(reference: str, revision: str | None) -> bool:
    """Whether a model would have to be downloaded."""
    return paths.local_model(reference) is None and cached_commit(reference, revision) is None


def check_all(studies: Sequence[Study]) -> None:
    """Every study, and that they share what the pairs have to share."""
    shared = {(study.run_dir, study.probes, study.n_probes, study.seed) for study in studies}
    if len(shared) > 1:
        names = "run_dir, probes, n_probes and seed"
        raise BadInput(f"the pairs of one run must agree on {names}; run them one by one")
    for study in studies:
        check_study(study)
