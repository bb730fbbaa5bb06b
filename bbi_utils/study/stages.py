"""The stages of the study: what each reads and writes, and whether it has to run again."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.files import read_json, sha256_json, sha256_tree, write_json
from bbi_utils.oracles.adapters import adapter_folder, adapter_hash, base_of
from bbi_utils.oracles.checkpoints import content_hash
from bbi_utils.oracles.references import kind_of
from bbi_utils.study.lineage import declared_parameters, lineage
from bbi_utils.study.params import Study, checked, unknown

Scope = Literal["suite", "pair", "all"]
STORE = "{pair}/responses.sqlite"
# Where a run lies and what its answers cost do not change what comes out of it.
WITHOUT_EFFECT = (
    "RUN_DIR", "TEACHER_KEY", "TEACHER_PRICE", "JUDGE_KEY", "JUDGE_PRICE", "MAX_SPEND", "CONCURRENCY",
    "TIMEOUT",
)  # fmt: skip
MODEL_PARAMETERS = ("TEACHER", "STUDENT", "JUDGE", "SENTENCE_ENCODER", "ENCODERS")


@dataclass(frozen=True)
class Stage:
    """One notebook: run once for the `suite`, once for each `pair`, or once over `all` pairs.

    Inputs and outputs are relative to the run's folder; a trailing slash means a folder. `seconds` is how
    long the pocket profile takes on two cores, the first guess for the time left.
    """

    notebook: str
    scope: Scope
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


STAGES = (
    Stage("01_build_probes", "suite", (), ("probes.jsonl", "probes.card.md"), 15),
    Stage("02_sample_teacher", "pair", ("probes.jsonl",), (STORE,), 145),
    Stage(
        "03_distill_student",
        "pair",
        ("probes.jsonl", STORE),
        ("{pair}/adapter/", "{pair}/loss.parquet", "{pair}/answers.parquet", STORE),
        100,
    ),
    Stage(
        "04_train_adversaries",
        "pair",
        ("probes.jsonl", STORE, "{pair}/adapter/"),
        ("{pair}/similarity.parquet", "{pair}/learned_scores.parquet", "{pair}/removals.parquet"),
        200,
    ),
    Stage(
        "05_identify_teacher",
        "pair",
        ("probes.jsonl", STORE, "{pair}/adapter/", "{pair}/learned_scores.parquet"),
        (
            "{pair}/judgements.parquet",
            "{pair}/scores.parquet",
            "{pair}/tests.parquet",
            "{pair}/wealth.parquet",
            "{pair}/certificate_base.json",
            "{pair}/certificate_distilled.json",
            "{pair}/recorded.jsonl",
        ),
        40,
    ),
    Stage(
        "06_spend_query_budget",
        "pair",
        ("probes.jsonl", STORE, "{pair}/similarity.parquet"),
        ("{pair}/budget.parquet",),
        280,
    ),
    Stage(
        "07_make_figures",
        "all",
        (
            "probes.jsonl",
            STORE,
            "{pair}/loss.parquet",
            "{pair}/answers.parquet",
            "{pair}/similarity.parquet",
            "{pair}/scores.parquet",
            "{pair}/judgements.parquet",
            "{pair}/removals.parquet",
            "{pair}/wealth.parquet",
            "{pair}/tests.parquet",
            "{pair}/certificate_base.json",
            "{pair}/certificate_distilled.json",
            "{pair}/budget.parquet",
        ),
        ("figures/", "figures/claims.csv"),
        20,
    ),
)


@dataclass(frozen=True)
class Task:
    """A stage of one study in one run folder, with everything needed to run it or to skip it."""

    stage: Stage
    study: Study
    notebook: Path
    parameters: dict[str, Any]

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return paths.RunPaths(self.study.run_dir).folder

    @property
    def home(self) -> Path:
        """Where this stage keeps its record: the pair's folder, or the run's for what the pairs share."""
        return self.folder / self.study.pair if self.stage.scope == "pair" else self.folder

    @property
    def record_file(self) -> Path:
        """What the last completed run of this stage was made from and made."""
        return self.home / "stages" / f"{self.stage.number}.json"

    @property
    def executed(self) -> Path:
        """The executed copy of the notebook."""
        branch = self.study.pair if self.stage.scope == "pair" else ""
        return self.folder / "executed" / branch / f"{self.stage.notebook}.ipynb"

    def files(self, patterns: Iterable[str]) -> list[str]:
        """Relative names of inputs or outputs, for each pair the stage sees."""
        pairs = self.study.pairs if self.stage.scope == "all" else (self.study.pair,)
        return list(dict.fromkeys(pattern.format(pair=pair) for pattern in patterns for pair in pairs))


def make_task(stage: Stage, study: Study, notebooks: Path = paths.NOTEBOOKS) -> Task:
    """The task of a stage: the notebook's declared parameters take their values from the study.

    Raises BadInput where the notebook declares a name the study does not know, or a default of another type.
    """
    notebook = notebooks / f"{stage.notebook}.ipynb"
    values = study.parameters()
    declared = declared_parameters(notebook)
    for name, default in declared.items():
        if name not in values:
            raise unknown(f"parameter in {notebook.name}", name, (known.lower() for known in values))
        checked(name.lower(), default, notebook.name)
    return Task(stage, study, notebook, {name: values[name] for name in declared})


def content_of(reference: str) -> str:
    """What a model reference stands for: the hash of its folder or file, or the hub id or endpoint itself.

    An adapter's folder stands for the adapter and for what its base stands for.
    """
    if kind_of(reference) == "recorded":
        file, _, column = reference.partition("#")
        return f"sha256:{hash_of(paths.script(file))}#{column}"
    if kind_of(reference) == "endpoint":
        return reference
    adapter = adapter_folder(reference)
    if adapter is not None:
        base, revision = base_of(adapter)
        version = f"@{revision}" if revision else ""
        return f"adapter:{adapter_hash(adapter)} on {content_of(base)}{version}"
    folder = paths.local_model(reference)
    return f"sha256:{content_hash(folder)}" if folder is not None and folder.is_dir() else reference


def meaning_of(name: str, value: Any) -> Any:
    """A parameter's value as far as results depend on it: files count by content, not by where they lie."""
    if name == "PROBES" and value is not None:
        return f"sha256:{hash_of(paths.script(value))}"
    if name == "OWN_ADVERSARIES":
        return [own_content(where) for where in value]
    if name not in MODEL_PARAMETERS:
        return value
    return [content_of(item) for item in value] if isinstance(value, list) else content_of(value)


def own_content(where: str) -> str:
    """What stands for a user's own adversary: its file's hash and the class; a module's name stays a name."""
    source, _, name = where.rpartition(":")
    return f"sha256:{hash_of(paths.script(source))}:{name}" if source.endswith(".py") else where


def made_from(task: Task) -> dict[str, str]:
    """Everything the outputs depend on, as name -> hash: code, parameters, models, input files.

    A response store has no stable bytes and keeps growing, so it is known by the stages that filled it.
    """
    parts = {f"code: {name}": value for name, value in lineage(task.notebook).items()}
    for name, value in task.parameters.items():
        if name not in WITHOUT_EFFECT:
            parts[f"parameter: {name}"] = sha256_json(meaning_of(name, value))
    for name in task.files(task.stage.inputs):
        path = task.folder / name
        parts[f"input: {name}"] = filled_by(task, name) if name.endswith(".sqlite") else hash_of(path)
    return parts


def filled_by(task: Task, name: str) -> str:
    """The hash that stands for a store: what the earlier stages that wrote to it were made from."""
    earlier = [stage for stage in STAGES if stage.number < task.stage.number and STORE in stage.outputs]
    home = (task.folder / name).parent / "stages"
    records = [read_json(home / f"{stage.number}.json") or {} for stage in earlier]
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


def describe_outputs(task: Task) -> dict[str, str | int]:
    """Output name -> hash, or number of rows for a store."""
    names = task.files(task.stage.outputs)
    return {
        name: rows_in(task.folder / name) if name.endswith(".sqlite") else hash_of(task.folder / name)
        for name in names
    }


def outputs_are(task: Task, recorded: dict[str, Any]) -> bool:
    """Whether the outputs are still as recorded; a store may have grown since."""
    found = describe_outputs(task)
    return found.keys() == recorded.keys() and all(
        value >= recorded[name] if isinstance(value, int) else value == recorded[name]
        for name, value in found.items()
    )


def reason_to_run(task: Task) -> str | None:
    """Why a stage has to run, in a few words; None when its record, inputs and outputs all still agree."""
    record = read_json(task.record_file)
    if record is None:
        return "not run yet"
    before, now = record["made_from"], made_from(task)
    changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        return f"changed: {changed[0].partition(': ')[2]}{more}"
    return None if outputs_are(task, record["outputs"]) else "outputs are missing or were edited"


def write_record(task: Task, before: dict[str, str], measured: dict[str, Any]) -> dict[str, Any]:
    """Record a completed stage; raises BadInput where it left an output unwritten."""
    outputs = describe_outputs(task)
    unwritten = [name for name, value in outputs.items() if value in ("missing", -1)]
    if unwritten:
        names = ", ".join(unwritten)
        raise BadInput(f"{task.notebook.name} ended without writing {names}; does it use RUN_DIR and PAIR?")
    record = {"made_from": before, "outputs": outputs, **measured}
    write_json(task.record_file, record)
    return record
