"""Refuse a study that cannot work before anything runs: models, endpoints, disk and permissions."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.oracles import Sampling, Terms, chat, gguf, load_oracle, quantised
from bbi_utils.oracles.adapters import adapter_folder, base_of, check_adapter, resolve_adapted, whole_model
from bbi_utils.oracles.checkpoints import check_files, hash_now, load_tokenizer, loading
from bbi_utils.oracles.hub import cached_commit, cached_folder
from bbi_utils.oracles.references import WORDS, kind_of
from bbi_utils.probes.forms.reading import prompt_rows
from bbi_utils.provenance import gpus
from bbi_utils.study.needs import BYTES
from bbi_utils.study.params import Study
from bbi_utils.study.plan import parameters_of

ENCODERS = ("sentence_encoder", "encoders")
INSTALLED_ENCODER = "all-MiniLM-L6-v2"  # a package of the environment holds it
FREE_BYTES = 500 * 2**20  # responses, checkpoints and figures of one pair; a full paper run stays below


def check_all(studies: Sequence[Study]) -> None:
    """Every study, and that they share what the pairs have to share."""
    if len({(study.run_dir, study.probes, study.n_probes, study.seed) for study in studies}) > 1:
        names = "run_dir, probes, n_probes and seed"
        raise BadInput(f"the pairs of one run must agree on {names}; run them one by one")
    for study in studies:
        check_study(study)


def check_study(study: Study) -> None:
    """Raise BadInput for the first thing in the study that cannot work on this machine."""
    if study.device.startswith("cuda") and not gpus():
        raise BadInput(f"DEVICE is {study.device} but no NVIDIA GPU was found; set DEVICE=auto or DEVICE=cpu")
    check_prompts(study)
    check_oracles(study)
    for role, names in (("sentence_encoder", (study.sentence_encoder,)), ("encoders", study.encoders)):
        for name in names:
            if kind_of(name) != "weights":
                raise BadInput(f"{role.upper()} {name} has no weights here; expected a folder or a hub id")
            if not name.endswith(INSTALLED_ENCODER):
                check_model(role, name, None)
    if study.own_adversaries:
        from bbi_utils.adversaries import own_adversaries

        own_adversaries(study.own_adversaries)  # loads the files, and raises where one cannot play


def check_prompts(study: Study) -> None:
    """A file of own prompts can be read and is long enough; 01 compares and splits them."""
    if study.probes is not None:
        total = len(prompt_rows(paths.script(study.probes)))
        if study.n_distill + study.n_test > total:
            asked = f"N_DISTILL {study.n_distill} + N_TEST {study.n_test}"
            there = f"the {total} prompts of {study.probes}"
            raise BadInput(f"{asked} is more than {there}; ask for fewer, or for more probes")


def check_oracles(study: Study) -> None:
    """Teacher and student differ; each can be loaded safely or asked."""
    # Refuses a URL with a password, unshown.
    kinds = {role: kind_of(getattr(study, role)) for role in study.roles}
    if asked_of(study, "teacher") == asked_of(study, "student"):
        message = f"TEACHER and STUDENT are both {study.teacher}: there is nothing to distil or to tell apart"
        raise BadInput(f"{message}; choose two models, or set TEACHER_SYSTEM_PROMPT")
    for role, kind in kinds.items():
        if kind == "weights":
            check_model(role, *study.model(role))
        else:
            check_without_weights(study, role)
    for role in ("teacher", "student"):
        check_system_prompt(study, role)
    for role, asked in (("teacher", study.teacher_4bit), ("student", study.quantisation == "nf4")):
        if asked and kinds[role] == "weights":
            check_four_bit(*whole_model(*study.model(role)))


def asked_of(study: Study, role: str) -> tuple[str, str | None, str | None]:
    """Model, revision and system prompt of a role: what makes it another one than the other."""
    reference, revision = study.model(role)
    folder = paths.local_model(reference)
    return str(folder.resolve() if folder else reference), revision, getattr(study, f"{role}_system_prompt")


def check_four_bit(reference: str, revision: str | None) -> None:
    """Raise BadInput where a model that is here, as a folder or in the cache, has no 4-bit form."""
    folder = paths.local_model(reference) or cached_folder(reference, revision)
    if folder is not None and gguf.file_of(reference) is None:
        with loading(f"configuration of {reference}"):
            quantised.check(folder, name=reference)


def check_system_prompt(study: Study, role: str) -> None:
    """Raise BadInput where a model's template has no place for its system prompt, or it is recorded answers.

    A hub model that is not here yet is found out when it comes.
    """
    hidden, (reference, revision) = getattr(study, f"{role}_system_prompt"), study.model(role)
    kind = kind_of(reference)
    if hidden is None or kind == "endpoint":
        return
    if kind == "recorded":
        way = f"set {role.upper()}_SYSTEM_PROMPT=null"
        raise BadInput(f"{role.upper()} {reference} is {WORDS[kind]}, given already: {way}")
    if not wanted_from_hub(*whole_model(reference, revision)):
        chat.render(tokenizer_of(reference, revision), "?", system_prompt=hidden)


def tokenizer_of(reference: str, revision: str | None) -> Any:
    """A model's tokenizer. A GGUF file that is not converted yet is not converted only to have a look."""
    file = gguf.file_of(reference)
    if file is None or gguf.folder_of(hash_now(file)).is_dir():
        return load_tokenizer(resolve_adapted(reference, revision=revision))
    tokenizer = gguf.read_tokenizer(file)
    tokenizer.name_or_path = reference
    return tokenizer


def check_without_weights(study: Study, role: str) -> None:
    """Raise BadInput where an endpoint or recorded answers cannot take a role, or cannot be had."""
    reference, revision = study.model(role)
    what = WORDS[kind_of(reference)]
    if role == "student":
        way = "to compare two models as they are, `python -m bbi_utils sample` both and `audit` the answers"
        raise BadInput(f"STUDENT {reference} is {what}: nothing can be distilled into it; {way}")
    if role == "teacher" and study.teacher_4bit:
        raise BadInput(f"TEACHER {reference} is {what}: it has no 4-bit form here; set TEACHER_4BIT=false")
    price: tuple[float, ...] | None = getattr(study, f"{role}_price")
    terms = Terms(price, max_spend=study.max_spend, concurrency=study.concurrency, timeout=study.timeout)
    key = getattr(study, f"{role}_key")
    load_oracle(reference, revision=revision, sampling=Sampling(), key_env=key, terms=terms).check([])


def check_model(role: str, reference: str, revision: str | None) -> None:
    """Raise BadInput for a folder that is missing or holds no model, or a hub model that cannot be had."""
    folder, named = paths.local_model(reference), f"{role.upper()} {reference}"
    file = gguf.file_of(reference)
    if file is not None:
        if role in ENCODERS or revision is not None:
            way = (
                "an encoder is a folder or a hub id" if role in ENCODERS else f"it has no revision {revision}"
            )
            raise BadInput(f"{named} is a GGUF file; {way}")
        gguf.checked(file, name=reference)
    elif folder is None:
        offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON")
        if offline and wanted_from_hub(reference, revision):
            way = "give a folder that exists, or use PROFILE=laptop or PROFILE=paper, which download models"
            raise BadInput(f"{named} is neither a folder nor in the local cache; {way}")
    elif not folder.is_dir():
        known = sorted(path.parent.name for path in paths.WEIGHTS.glob("*/config.json"))
        there = f"shipped models: {', '.join(known) or 'none, build them with `make pocket`'}"
        way = (
            there
            if paths.is_shipped(reference)
            else "expected a folder from save_pretrained, or a .gguf file"
        )
        raise BadInput(f"{named} does not exist ({way})")
    elif revision is not None:
        raise BadInput(f"{named} is a folder and has no revision '{revision}'; drop it")
    elif role == "teacher" and adapter_folder(reference):  # a student to distil and a judge are whole models
        check_model("base of the teacher's adapter", *base_of(check_adapter(folder)))
    else:
        check_files(folder, name=reference)


def check_disk(study: Study) -> None:
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
    if free < FREE_BYTES:
        found = f"{free / 1e9:.1f} GB free at {paths.shown(folder)}, {FREE_BYTES / 1e9:.1f} GB needed"
        raise BadInput(f"not enough disk: {found}; free some or set RUN_DIR=another/folder")


def check_downloads(study: Study) -> None:
    """Raise BadInput where the hub models that are not in the cache yet would not fit on its disk."""
    from huggingface_hub import constants

    kinds = {role: kind_of(getattr(study, role)) for role in study.roles}
    models = {whole_model(*study.model(role)) for role, kind in kinds.items() if kind == "weights"}
    absent = sorted(name for name, revision in models if wanted_from_hub(name, revision))
    needed = sum((parameters_of(name) or 0) * BYTES["bfloat16"] for name in absent)
    cache = Path(constants.HF_HUB_CACHE)
    disk = next(path for path in (cache, *cache.parents) if path.exists())
    free = shutil.disk_usage(disk).free
    if needed > free:
        what = f"{', '.join(absent)} need {needed / 1e9:.0f} GB, {free / 1e9:.0f} GB are free at {disk}"
        raise BadInput(f"not enough disk for the models: {what}; free some or set HF_HOME=another/folder")


def wanted_from_hub(reference: str, revision: str | None) -> bool:
    """Whether a model would have to be downloaded."""
    return paths.local_model(reference) is None and cached_commit(reference, revision) is None
