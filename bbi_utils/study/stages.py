"""The stages of the study: what each reads and writes, and whether it has to run again."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.files import read_json, sha256_file, sha256_json, sha256_tree, write_json
from bbi_utils.oracles.adapters import adapter_folder, adapter_hash, base_of
from bbi_utils.oracles.checkpoints import identity_of
from bbi_utils.oracles.references import kind_of
from bbi_utils.oracles.replay import file_and_column
from bbi_utils.study.cells import code_hash, declared_parameters, read
from bbi_utils.study.params import Study, check
from bbi_utils.study.settings import settings_used

Scope = Literal["suite", "pair", "all"]
ROOT = paths.ROOT
LOCK = "env/requirements.lock"
STORE = "responses"
# Where files lie and how far the work is: what is in the files counts by itself.
ASIDE = ("__main__.py", "paths.py", "progress.py")
# Where a run lies and what its answers cost do not change what comes out of it.
WITHOUT_EFFECT = (
    "RUN_DIR", "TEACHER_KEY", "TEACHER_PRICE", "JUDGE_KEY", "JUDGE_PRICE", "MAX_SPEND", "CONCURRENCY",
    "TIMEOUT",
)  # fmt: skip
MODEL_PARAMETERS = ("TEACHER", "STUDENT", "JUDGE", "SENTENCE_ENCODER", "ENCODERS")


@dataclass(frozen=True)
class Stage:
    """One notebook: run once for the `suite`, once for each `pair`, or once over `all` pairs.

    `rooms` are the folders whose code and data make its outputs; `report` is none of them before 09, for what
    02 to 08 show of their results on the way changes no file. `inputs` and `outputs` are names of `RunPaths`.
    `seconds` is what the pocket profile takes on two cores, the first guess for the time left.
    """

    notebook: str
    scope: Scope
    rooms: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    seconds: float

    @property
    def number(self) -> str:
        """The two digits in front of the notebook's name."""
        return self.notebook[:2]

    @property
    def title(self) -> str:
        """The notebook's name as words, such as `distill student`."""
        return self.notebook[3:].replace("_", " ")


PROBES = ("bbi_utils/probes",)
SETTINGS = "bbi_utils/study/settings.py"
ANSWERS = (*PROBES, "bbi_utils/oracles", "bbi_utils/responses")
GAMES = (*ANSWERS, "bbi_utils/games")
PLAYERS = (*GAMES, "bbi_utils/adversaries")
STAGES = (
    Stage("01_build_probes", "suite", PROBES, inputs=(), outputs=("probes", "card"), seconds=15),
    Stage("02_sample_teacher", "pair", (*ANSWERS, SETTINGS),
          inputs=("probes",), outputs=(STORE,), seconds=145),
    Stage("03_distill_student", "pair",
          (*ANSWERS, SETTINGS, "bbi_utils/distillation", "pocket/answers", "pocket/content.py"),
          inputs=("probes", STORE), outputs=("adapter", "loss", "answers", "likelihoods"), seconds=130),
    Stage("04_train_adversaries", "pair", (*PLAYERS, SETTINGS),
          inputs=("answers", "likelihoods"),
          outputs=("similarity", "learned_scores", "removals"), seconds=200),
    Stage("05_identify_teacher", "pair", (*PLAYERS, SETTINGS),
          inputs=("answers", "learned_scores"), outputs=("judgements", "scores"), seconds=20),
    Stage("06_ask_many_questions", "pair", (*PLAYERS, SETTINGS),
          inputs=("answers", "likelihoods", "scores"), outputs=("wealth", "tests"), seconds=20),
    Stage("07_certify", "pair", (*GAMES, SETTINGS),
          inputs=("probes", "answers", "likelihoods", "scores"),
          outputs=("certificates", "recorded"), seconds=10),
    Stage("08_spend_query_budget", "pair", (*GAMES, SETTINGS, "bbi_utils/distillation"),
          inputs=("probes", STORE, "similarity"), outputs=("budget",), seconds=280),
    Stage("09_make_figures", "all", (*PLAYERS, "bbi_utils/report", "pocket/planted.yaml"),
          inputs=("loss", "answers", "likelihoods", "similarity", "scores", "judgements", "removals",
                  "wealth", "tests", "certificates", "budget"),
          outputs=("figures", "claims"), seconds=20),
)  # fmt: skip


@dataclass(frozen=True)
class Task:
    """A stage of one study in one run folder, with everything needed to run it or to skip it."""

    stage: Stage
    study: Study
    notebook: Path
    parameters: dict[str, Any]  # those that the notebook declares
    settings: dict[str, Any]  # those that it takes from what other notebooks of the pair declare

    @property
    def record_file(self) -> Path:
        """What the last completed run of this stage was made from and made."""
        return record_file(self.stage, self.study)

    def beside(self, suffix: str) -> Path:
        """A file beside the record, such as the log of the last run."""
        return self.record_file.with_suffix(suffix)

    @property
    def executed(self) -> Path:
        """The executed copy of the notebook."""
        branch = self.study.pair if self.stage.scope == "pair" else ""
        folder = paths.RunPaths(self.study.run_dir).folder
        return folder / "executed" / branch / f"{self.stage.notebook}.ipynb"

    def files(self, names: Sequence[str]) -> dict[str, Path]:
        """Inputs or outputs by their names in the run's folder, for each pair that the stage sees."""
        pairs = self.study.pairs if self.stage.scope == "all" else (self.study.pair,)
        runs = [paths.RunPaths(self.study.run_dir, pair) for pair in pairs]
        found = [getattr(run, name) for name in names for run in runs]
        files = [file for one in found for file in (one if isinstance(one, tuple) else (one,))]
        return {file.relative_to(runs[0].folder).as_posix(): file for file in files}


def record_file(stage: Stage, study: Study) -> Path:
    """Where a stage keeps its record: in the pair's folder, or in the run's for what the pairs share."""
    run = paths.RunPaths(study.run_dir, study.pair if stage.scope == "pair" else "")
    return run.pair_folder / "stages" / f"{stage.number}.json"


def record_of(stage: Stage, study: Study) -> dict[str, Any] | None:
    """The stage's record; None where there is none, or where its number was another notebook."""
    record = read_json(record_file(stage, study))
    return None if record is None or _notebook_of(record) not in ("", stage.notebook) else record


def _notebook_of(record: dict[str, Any]) -> str:
    """The notebook that a record is about; empty where it does not say."""
    named = (name for name in record.get("made_from", ()) if name.endswith(".ipynb"))
    return next(named, "").removeprefix("code: ").removesuffix(".ipynb")


def make_task(stage: Stage, study: Study, notebooks: Path = paths.NOTEBOOKS) -> Task:
    """The task of a stage: the notebook's declared parameters take their values from the study.

    Raises BadInput where the notebook declares a name the study does not know, or a default of another type.
    """
    notebook = notebooks / f"{stage.notebook}.ipynb"
    values = study.parameters()
    declared = declared_parameters(notebook)
    check({name.lower(): default for name, default in declared.items()}, notebook.name)
    taken = {name: values[name] for name in sorted(settings_used(notebook) - declared.keys())}
    return Task(stage, study, notebook, {name: values[name] for name in declared}, taken)


def content_of(reference: str) -> str:
    """What a model reference stands for: the hash of its folder or file, or the hub id or endpoint itself.

    An adapter's folder stands for the adapter and for what its base stands for.
    """
    if (kind := kind_of(reference)) == "recorded":
        file, column = file_and_column(reference)
        return f"sha256:{hash_of(paths.script(file))}#{column}"
    if kind == "endpoint":
        return reference
    if (adapter := adapter_folder(reference)) is not None:
        base, revision = base_of(adapter)
        version = f"@{revision}" if revision else ""
        return f"adapter:{adapter_hash(adapter)} on {content_of(base)}{version}"
    path = paths.local_model(reference)
    return identity_of(path, name=reference) if path is not None and path.exists() else reference


def meaning_of(name: str, value: Any) -> Any:
    """A parameter's value as far as results depend on it: files count by content, not by where they lie."""
    if name == "PROBES" and value is not None:
        return f"sha256:{hash_of(paths.script(value))}"
    if name == "OWN_ADVERSARIES":
        return [own_content(where) for where in value]
    if name not in MODEL_PARAMETERS or value is None:
        return value
    return [content_of(item) for item in value] if isinstance(value, list) else content_of(value)


def own_content(where: str) -> str:
    """What stands for a user's own adversary: its file's hash and the class; a module's name stays a name."""
    source, _, name = where.rpartition(":")
    return f"sha256:{hash_of(paths.script(source))}:{name}" if source.endswith(".py") else where


def made_from(task: Task) -> dict[str, str]:
    """Everything the outputs depend on, as name -> hash: code, lock, parameters, models, input files.

    A response store has no stable bytes and keeps growing, so it is known by the stage that fills it; what
    others add to it (03 its students' answers, 05 an endpoint's verdicts) spares only asking twice.
    An edit that leaves an input's bytes as they were does not go on to the stages that read it.
    """
    shared = sorted(file for file in (ROOT / "bbi_utils").glob("*.py") if file.name not in ASIDE)
    beneath = sha256_json({file.name: sha256_file(file) for file in shared})  # what all rooms stand on
    parts = {f"code: {room}": hash_of(ROOT / room) for room in task.stage.rooms}
    parts |= {"code: bbi_utils": beneath, f"lock: {LOCK}": hash_of(ROOT / LOCK)}
    parts[f"code: {task.notebook.name}"] = code_hash(read(task.notebook))
    for name, value in {**task.parameters, **task.settings}.items():
        if name not in WITHOUT_EFFECT:
            parts[f"parameter: {name}"] = sha256_json(meaning_of(name, value))
    for name, path in task.files(task.stage.inputs).items():
        parts[f"input: {name}"] = filled_by(task, path) if path.suffix == ".sqlite" else hash_of(path)
    return parts


def filled_by(task: Task, store: Path) -> str:
    """The hash that stands for a store: what the earlier stages that wrote to it were made from."""
    earlier = [stage for stage in STAGES if stage.number < task.stage.number and STORE in stage.outputs]
    records = [read_json(store.parent / "stages" / f"{stage.number}.json") or {} for stage in earlier]
    return sha256_json([record.get("made_from") for record in records])


def hash_of(path: Path) -> str:
    """SHA-256 of a file or folder, `missing` where there is none."""
    return sha256_tree(path) if path.exists() else "missing"


def rows_in(path: Path) -> int:
    """The number of rows in all tables of a SQLite file; -1 where it cannot be read."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as store:
            tables = store.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            return sum(store.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] for (table,) in tables)
    except sqlite3.Error:
        return -1


def outputs_of(task: Task) -> dict[str, str | int]:
    """Output name -> hash, or number of rows for a store."""
    files = task.files(task.stage.outputs).items()
    return {name: rows_in(path) if path.suffix == ".sqlite" else hash_of(path) for name, path in files}


def reason_to_run(task: Task) -> str | None:
    """Why a stage has to run, in a few words; None when its record, inputs and outputs all still agree."""
    record = record_of(task.stage, task.study)
    if record is None:
        former = _notebook_of(read_json(task.record_file) or {})
        return f"in an earlier version {task.stage.number} was {former}" if former else "not run yet"
    if f"lock: {LOCK}" not in record["made_from"]:
        return "made by an earlier version, which recorded less"
    before, now = record["made_from"], made_from(task)
    changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        return f"changed: {changed[0].partition(': ')[2]}{more}"
    there, recorded = outputs_of(task), record["outputs"]
    stores = {name: rows for name, rows in there.items() if isinstance(rows, int)}
    grown = {name: rows for name, rows in stores.items() if rows >= recorded.get(name, 0)}
    return None if there == recorded | grown else "outputs are missing or were edited"


def write_record(task: Task, before: dict[str, str], measured: dict[str, Any]) -> dict[str, Any]:
    """Record a completed stage; raises BadInput where it left an output unwritten."""
    outputs = outputs_of(task)
    if names := ", ".join(name for name, value in outputs.items() if value in ("missing", -1)):
        raise BadInput(f"{task.notebook.name} ended without writing {names}; does it use RUN_DIR and PAIR?")
    record = {"made_from": before, "outputs": outputs, **measured}
    write_json(task.record_file, record)
    return record
