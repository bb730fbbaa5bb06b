"""Run the study: its notebooks in order, each in a process of its own, skipping what has not changed."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from subprocess import DEVNULL, STDOUT, Popen, TimeoutExpired
from typing import Any, TextIO

import filelock

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.files import read_json, write_json
from bbi_utils.oracles.adapters import whole_model
from bbi_utils.oracles.hub import cached_commit
from bbi_utils.progress import FILE_VARIABLE
from bbi_utils.provenance import cores, patience, write_manifest
from bbi_utils.report.claims_text import show_claims
from bbi_utils.study import preflight, stages
from bbi_utils.study.display import Display, Lane, clock
from bbi_utils.study.needs import runs_on_gpu
from bbi_utils.study.params import DEFAULT_PROFILE, Study, load_study, pairs_of
from bbi_utils.study.plan import plan
from bbi_utils.study.settings import write_settings
from bbi_utils.study.stages import STAGES, Task, content_of, make_task

DONE = object()
OFFLINE = ("pocket", "smol")  # profiles whose models come with the repository or its environment
SECONDS_BETWEEN_LOOKS = 0.3
SECONDS_TO_END = 5.0
SECONDS_FOR_ANOTHER_RUN_TO_END = 10.0
# Errors of the machine, not of the code: the message alone says what to do.
MACHINE_ERRORS = ("No space left on device", "Permission denied", "Read-only file system", "Disk quota")


class StageFailed(Exception):
    """A notebook failed; `status` is the exit status that says so (2: the input, 1: anything else)."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


def run_task(task: Task, *, threads: int) -> Generator[None, None, dict[str, Any]]:
    """Execute one notebook, yielding while it runs, and return its record; closing this ends the notebook.

    Its executed copy takes its name only when it is complete. Raises StageFailed where the notebook fails.
    """
    job, log, progress = (task.beside(suffix) for suffix in (".job.json", ".log", ".progress.json"))
    outcome, partial = job.with_suffix(".result.json"), task.executed.with_suffix(".partial.ipynb")
    again = task.record_file.exists() or job.exists()  # what an earlier run left may save it time
    task.executed.parent.mkdir(parents=True, exist_ok=True)
    for old in (task.record_file, progress, outcome):
        old.unlink(missing_ok=True)
    write_settings(paths.RunPaths(task.study.run_dir, task.study.pair), task.study.parameters())
    before = stages.made_from(task)
    files = {"notebook": str(task.notebook), "output": str(partial)}
    write_json(job, {**files, "parameters": task.parameters})
    child = spawn(job, log, environment_of(threads=threads, progress=progress))
    try:
        while child.poll() is None:
            yield
    finally:
        end(child)
    result = read_json(outcome)
    if result is None or result["failure"]:
        raise failure_of(task, result and result["failure"], partial=partial, log=log)
    measured = {name: result[name] for name in ("seconds", "peak_memory_bytes")}
    record = stages.write_record(task, before, {**measured, "threads": threads, "again": again})
    os.replace(partial, task.executed)
    for leftover in (job, job.with_suffix(".lock"), outcome, progress):
        leftover.unlink(missing_ok=True)
    return record


def spawn(job: Path, log: Path, environment: dict[str, str]) -> Popen[bytes]:
    """A process that runs a job, in a session of its own, so that Ctrl-C reaches this process alone."""
    command = [sys.executable, "-m", "bbi_utils.study.execute", str(job)]
    where: dict[str, Any] = {"cwd": paths.ROOT, "env": environment, "start_new_session": True}
    with log.open("wb") as said:
        return Popen(command, stdin=DEVNULL, stdout=said, stderr=STDOUT, **where)


def end(child: Popen[bytes]) -> None:
    """End a process that still runs, and with it its kernel."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(SECONDS_TO_END)
        except TimeoutExpired:
            child.kill()


def environment_of(*, threads: int, progress: Path) -> dict[str, str]:
    """The environment of a notebook's process: threads that sleep, nothing that changes results at random."""
    fixed = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads)) | {
        FILE_VARIABLE: str(progress), "TOKENIZERS_PARALLELISM": "false", "PYTHONHASHSEED": "0",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8", "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "PYTHONUTF8": "1",  # whatever the terminal's encoding
        # glibc returns pieces this large when they are freed. Batches of many lengths would leave holes that
        # none of the next fits into: a notebook that trains encoders peaked at 1.57 GB, so at 1.38, as fast.
        "MALLOC_MMAP_THRESHOLD_": str(4 * 2**20),
        "PYTHONPATH": os.pathsep.join(filter(None, (str(paths.ROOT), os.environ.get("PYTHONPATH")))),
    }  # fmt: skip
    return {**os.environ, **patience(), **fixed}


def failure_of(task: Task, failure: dict[str, Any] | None, *, partial: Path, log: Path) -> StageFailed:
    """The error to show for a notebook: bad input as its message alone, anything else with its place."""
    if failure is None:
        last = log.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
        if any(words in last for words in MACHINE_ERRORS):
            way = "mend that and run again: it continues from here"
            return StageFailed(f"{paths.shown(task.executed.parent)}: {last}; {way}", status=2)
        why = f": {last}" if last else " (out of memory?)"
        return StageFailed(f"{paths.shown(task.notebook)} was killed{why}", status=1)
    message = failure["message"] or failure["error"]
    if failure["error"] in ("BadInput", "OutOfMemory") or any(words in message for words in MACHINE_ERRORS):
        return StageFailed(message, status=2)
    cell = f", cell In [{failure['cell']}]" if failure["cell"] else ""
    last = "\n".join(message.splitlines()[-3:])
    text = f"{paths.shown(task.notebook)}{cell}: {failure['error']}: {last}"
    return StageFailed(f"{text}\nexecuted so far: {paths.shown(partial)}", status=1)


def note_in_manifest(study: Study) -> None:
    """Write the pair's manifest (contract C8) where it lacks a stage's record as it is now."""
    path = paths.RunPaths(study.run_dir, study.pair).manifest
    found = {stage.notebook: stages.record_of(stage, study) for stage in STAGES}
    records = {notebook: record for notebook, record in found.items() if record is not None}
    if (read_json(path) or {}).get("stages") != records:
        write_manifest(path, parameters=study.parameters(), models=models_of(study), stages=records)


def models_of(study: Study) -> dict[str, dict[str, str | None]]:
    """Each model's reference, asked revision, resolved commit (hub) and content hash (folder, file)."""
    found = {}
    for role in study.roles:
        reference, revision = study.model(role)
        base, pinned = whole_model(reference, revision)  # an adapter's base, else the model itself
        commit = cached_commit(base, pinned) if content_of(base) == base else None
        content = None if (known := content_of(reference)) == reference else known
        found[role] = {"reference": reference, "revision": revision, "commit": commit, "content": content}
    return found


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the run's folder for this process; raises BadInput where another run does not end soon."""
    try:
        with filelock.FileLock(folder / ".lock", timeout=SECONDS_FOR_ANOTHER_RUN_TO_END):
            yield
    except filelock.Timeout:
        message = f"another run is at work in {paths.shown(folder)}"
        raise BadInput(f"{message}; wait for it, or set RUN_DIR=another/folder") from None


def load_studies(
    profile: str, pairs: Sequence[str], overrides: Mapping[str, Any], *, parameters: Path
) -> list[Study]:
    """The studies of a run, one a pair, checked; raises BadInput for anything that cannot work."""
    if not pairs or len(set(pairs)) < len(pairs):
        raise BadInput(f"pairs are {', '.join(pairs) or 'none'}; name each pair once")
    studies = [load_study(profile, pair, overrides, pairs=pairs, folder=parameters) for pair in pairs]
    if profile in OFFLINE:
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
            os.environ.setdefault(name, "1")
    preflight.check_all(studies)
    return studies


def reproduce(
    profile: str = DEFAULT_PROFILE,
    pairs: Sequence[str] | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    dry_run: bool = False,
    notebooks: Path = paths.NOTEBOOKS,
    parameters: Path = paths.PARAMETERS,
    stream: TextIO | None = None,
    threads: int | None = None,
) -> None:
    """Run every stage that is not up to date, then print the claims; with `dry_run` only print the plan.

    pairs: None takes those that the profile names. threads: of a notebook; None shares out all cores.

    Raises BadInput before anything runs, StageFailed when a notebook fails, KeyboardInterrupt when stopped.
    """
    stream = stream or sys.stdout
    pairs = pairs_of(profile, parameters) if pairs is None else pairs
    studies = load_studies(profile, pairs, overrides or {}, parameters=parameters)
    if dry_run:
        print(plan(studies), file=stream)
        return
    tasks = [[make_task(stage, study, notebooks) for stage in STAGES] for study in studies]
    for study in studies:
        preflight.check_disk(study)
        preflight.check_downloads(study)
    began, run = time.monotonic(), paths.RunPaths(studies[0].run_dir)
    with locked(run.folder):
        for scope in ("suite", "pair", "all"):
            staged = [[task for task in own if task.stage.scope == scope] for own in tasks]
            lanes = [Lane(study.pair, own) for study, own in zip(studies, staged, strict=True)]
            lanes = lanes if scope == "pair" else [Lane(scope, staged[0])]
            run_lanes(lanes, studies, stream=stream, threads=threads)
    show_claims(run, stream=stream, seconds=time.monotonic() - began)


def run_lanes(
    lanes: Sequence[Lane], studies: Sequence[Study], *, stream: TextIO, threads: int | None = None
) -> None:
    """Run lanes side by side on a CPU, in turn on a GPU; the first failure stops them all and is raised."""
    at_once = 1 if any(map(runs_on_gpu, studies)) else len(lanes)
    display = Display(lanes, stream)
    threads = threads or max(1, cores() // at_once)
    work = [run_lane(lane, studies, display, threads=threads) for lane in lanes]
    going = list(work)
    try:
        while going:
            going = [one for one in going[:at_once] if next(one, DONE) is not DONE] + going[at_once:]
            display.tick()
            time.sleep(SECONDS_BETWEEN_LOOKS if going else 0)
    finally:
        for one in work:
            one.close()
        display.close()


def run_lane(
    lane: Lane, studies: Sequence[Study], display: Display, *, threads: int
) -> Generator[None, None, None]:
    """Bring each stage of a lane up to date in turn, yielding while one runs."""
    for task in lane.tasks:
        title = f"{lane.name:<8} {task.stage.number} {task.stage.title}"
        record, result = None, "unchanged"
        if (why := stages.reason_to_run(task)) is not None:
            display.say(f"{title} ({why})", plain_only=True)
            lane.start(task)
            record = yield from run_task(task, threads=threads)
            result = f"done in {clock(record['seconds'])}, {record['peak_memory_bytes'] / 1e9:.1f} GB at most"
        lane.finish(task, record)
        for study in [task.study] if task.stage.scope == "pair" else studies:
            note_in_manifest(study)
        display.say(f"{title}: {result}")
