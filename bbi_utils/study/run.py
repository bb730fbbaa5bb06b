"""Run the study: its notebooks in order, each in a process of its own, skipping what has not changed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, TextIO

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.files import read_json, write_json
from bbi_utils.oracles.adapters import whole_model
from bbi_utils.oracles.hub import cached_commit
from bbi_utils.provenance import cores, update_manifest
from bbi_utils.report.claims_table import show_claims
from bbi_utils.study import preflight
from bbi_utils.study.display import Display
from bbi_utils.study.params import DEFAULT_PAIRS, DEFAULT_PROFILE, Study, load_study
from bbi_utils.study.plan import plan, runs_on_gpu
from bbi_utils.study.stages import STAGES, Task, content_of, made_from, make_task, reason_to_run, write_record

OFFLINE_PROFILES = ("pocket",)
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
SECONDS_BETWEEN_LOOKS = 0.3
SECONDS_TO_END = 5.0
SECONDS_FOR_AN_OLD_RUN_TO_END = 10.0
# Errors of the machine, not of the code: the message alone says what to do.
MACHINE_ERRORS = ("No space left on device", "Permission denied", "Read-only file system", "Disk quota")


class StageFailed(Exception):
    """A notebook failed; `status` is the exit status that says so (2: the input, 1: anything else)."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class Stopped(Exception):
    """The run is being stopped; nothing more to say."""


class Runner:
    """Runs tasks in child processes and can stop them all."""

    def __init__(self, display: Display, *, lock_file: int | None = None) -> None:
        self.display, self.lock_file = display, lock_file
        self.children: set[subprocess.Popen[bytes]] = set()
        self.stopping = threading.Event()
        self.starting = threading.Lock()  # so that nothing starts once everything is stopped

    def run_tasks(self, lane: str, tasks: Sequence[Task], *, threads: int) -> None:
        """Bring each task up to date in turn; raises StageFailed, BadInput or Stopped where one fails."""
        for task in tasks:
            if self.stopping.is_set():
                raise Stopped
            why = reason_to_run(task)
            record = None if why is None else self.run_task(lane, task, why=why, threads=threads)
            note_in_manifests(task)
            self.display.finish(lane, task, record=record)

    def run_task(self, lane: str, task: Task, *, why: str, threads: int) -> dict[str, Any]:
        """Execute one notebook and record it; its executed copy takes its name only when it is complete."""
        job = task.record_file.with_suffix(".job.json")
        again = task.record_file.exists() or job.exists()  # what an earlier run left may save it time
        before = prepare(task)
        partial = task.executed.with_suffix(".partial.ipynb")
        parameters = task.parameters
        write_json(job, {"notebook": str(task.notebook), "output": str(partial), "parameters": parameters})
        progress_file = task.record_file.with_suffix(".progress.json")
        self.display.start(lane, task, why=why, progress_file=progress_file)
        log = task.record_file.with_suffix(".log")
        status = self.run_child(job, log, environment_of(task, threads=threads, progress_file=progress_file))
        result = read_json(job.with_suffix(".result.json"))
        if self.stopping.is_set():
            raise Stopped
        if status or result is None:
            raise failure_of(task, (result or {}).get("failure"), partial=partial, log=log)
        measured = {"seconds": result["seconds"], "peak_memory_bytes": result["peak_memory_bytes"]}
        record = write_record(task, before, {**measured, "threads": threads, "again": again})
        os.replace(partial, task.executed)
        for leftover in (job, job.with_suffix(".result.json"), progress_file):
            leftover.unlink(missing_ok=True)
        return record

    def run_child(self, job: Path, log: Path, environment: Mapping[str, str]) -> int:
        """Run a job to its end in a session of its own, so that Ctrl-C reaches this process alone."""
        with log.open("wb") as stream, self.starting:
            if self.stopping.is_set():
                raise Stopped
            child = subprocess.Popen(
                [sys.executable, "-m", "bbi_utils.study.execute", str(job)],
                cwd=paths.ROOT,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=() if self.lock_file is None else (self.lock_file,),
            )
            self.children.add(child)
        try:
            return child.wait()
        finally:
            self.children.discard(child)

    def stop(self) -> None:
        """End every child, and with it its kernel."""
        with self.starting:
            self.stopping.set()
        children = list(self.children)
        for child in children:
            child.terminate()
        for child in children:
            try:
                child.wait(SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                child.kill()


def prepare(task: Task) -> dict[str, str]:
    """Forget the task's old record and make its folders; returns what the task is made from."""
    task.record_file.parent.mkdir(parents=True, exist_ok=True)
    task.executed.parent.mkdir(parents=True, exist_ok=True)
    for name in (".json", ".progress.json", ".job.result.json"):
        task.record_file.with_suffix(name).unlink(missing_ok=True)
    return made_from(task)


def environment_of(task: Task, *, threads: int, progress_file: Path) -> dict[str, str]:
    """The environment of a notebook's process: threads, offline, nothing that changes results at random."""
    fixed = {
        "BBI_PROGRESS": str(progress_file),
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONHASHSEED": "0",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(paths.ROOT), os.environ.get("PYTHONPATH")))),
    }
    offline = OFFLINE if task.study.profile in OFFLINE_PROFILES else {}
    return {**offline, **os.environ, **fixed}


def failure_of(task: Task, failure: dict[str, Any] | None, *, partial: Path, log: Path) -> StageFailed:
    """The error to show for a notebook: bad input as its message alone, anything else with its place."""
    if failure is None:
        tail = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        if tail and any(words in tail[0] for words in MACHINE_ERRORS):
            way = "mend that and run again: it continues from here"
            return StageFailed(f"{paths.shown(task.executed.parent)}: {tail[0]}; {way}", status=2)
        said = f": {tail[0]}" if tail else " (out of memory?)"
        return StageFailed(f"{paths.shown(task.notebook)} was killed{said}", status=1)
    message = failure["message"] or failure["error"]
    if failure["error"] in ("BadInput", "OutOfMemory") or any(words in message for words in MACHINE_ERRORS):
        return StageFailed(message, status=2)
    cell = f", cell In [{failure['cell']}]" if failure["cell"] else ""
    last = "\n".join(message.splitlines()[-3:])
    text = f"{paths.shown(task.notebook)}{cell}: {failure['error']}: {last}"
    return StageFailed(f"{text}\nexecuted so far: {paths.shown(partial)}", status=1)


def note_in_manifests(task: Task) -> None:
    """Put a stage's record into the manifest of each pair it belongs to, where it is not there yet."""
    record = read_json(task.record_file)
    study = task.study
    for pair in (study.pair,) if task.stage.scope == "pair" else study.pairs:
        path = paths.RunPaths(study.run_dir, pair).manifest
        known = (read_json(path) or {}).get("stages", {})
        if record is not None and known.get(task.stage.notebook) != record:
            own = task.stage.scope == "pair"
            old = read_json(path) or {}
            update_manifest(
                path,
                parameters=study.parameters() if own else old.get("parameters", {}),
                models=models_of(study) if own else old.get("models", {}),
                stage=task.stage.notebook,
                record=record,
            )


def models_of(study: Study) -> dict[str, dict[str, str | None]]:
    """Each model's reference, asked revision, resolved commit (hub) and content hash (folder, file)."""
    found: dict[str, dict[str, str | None]] = {}
    for role in ("teacher", "student", "judge"):
        reference, revision = getattr(study, role), getattr(study, f"{role}_revision")
        content: str | None = content_of(reference)
        base, pinned = whole_model(reference, revision)  # an adapter's base, else the model itself
        commit = cached_commit(base, pinned) if content_of(base) == base else None
        content = None if content == reference else content
        found[role] = {"reference": reference, "revision": revision, "commit": commit, "content": content}
    return found


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[int | None]:
    """Hold the run's folder for this process and its children; waits a little for a killed run to end."""
    try:
        import fcntl
    except ImportError:  # Windows has no flock; two runs at a time in one folder are then the user's risk
        yield None
        return
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        deadline, waited = time.monotonic() + SECONDS_FOR_AN_OLD_RUN_TO_END, False
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    message = f"another run is at work in {paths.shown(folder)}"
                    raise BadInput(f"{message}; wait for it, or set RUN_DIR=another/folder") from None
                waited = True
                time.sleep(0.2)
        if waited:
            time.sleep(2.0)  # a kernel notices within a second that its parent is gone
        yield handle
    finally:
        os.close(handle)


def load_studies(
    profile: str, pairs: Sequence[str], overrides: Mapping[str, Any], *, parameters: Path = paths.PARAMETERS
) -> list[Study]:
    """The studies of a run, one a pair, checked; raises BadInput for anything that cannot work."""
    if not pairs or len(set(pairs)) < len(pairs):
        raise BadInput(f"pairs are {', '.join(pairs) or 'none'}; name each pair once")
    studies = [load_study(profile, pair, overrides, pairs=pairs, folder=parameters) for pair in pairs]
    if profile in OFFLINE_PROFILES:
        for name, value in OFFLINE.items():
            os.environ.setdefault(name, value)
    preflight.check_all(studies)
    return studies


def reproduce(
    profile: str = DEFAULT_PROFILE,
    pairs: Sequence[str] = DEFAULT_PAIRS,
    overrides: Mapping[str, Any] | None = None,
    *,
    dry_run: bool = False,
    notebooks: Path = paths.NOTEBOOKS,
    parameters: Path = paths.PARAMETERS,
    stream: TextIO | None = None,
) -> None:
    """Run every stage that is not up to date, then print the claims; with `dry_run` only print the plan.

    Raises BadInput before anything runs, StageFailed when a notebook fails, KeyboardInterrupt when stopped.
    """
    studies = load_studies(profile, pairs, overrides or {}, parameters=parameters)
    if dry_run:
        print(plan(studies), file=stream or sys.stdout)
        return
    tasks = [[make_task(stage, study, notebooks) for stage in STAGES] for study in studies]
    for study in studies:
        preflight.check_disk(study)
        preflight.check_downloads(study)
    began = time.monotonic()
    display = Display(stream)
    with locked(paths.RunPaths(studies[0].run_dir).folder) as lock_file:
        run_all(tasks, Runner(display, lock_file=lock_file))
    show_claims(paths.RunPaths(studies[0].run_dir), stream=display.stream, seconds=time.monotonic() - began)


def run_all(tasks: list[list[Task]], runner: Runner) -> None:
    """The suite's stage, then the pairs (side by side on a CPU, in turn on a GPU), then what is over all."""
    studies = [own[0].study for own in tasks]
    side_by_side = len(tasks) > 1 and not any(runs_on_gpu(study) for study in studies)
    threads = max(1, cores() // len(tasks)) if side_by_side else cores()
    of_pair = {own[0].study.pair: [task for task in own if task.stage.scope == "pair"] for own in tasks}
    for scope, lanes in (
        ("suite", {"suite": [task for task in tasks[0] if task.stage.scope == "suite"]}),
        ("pair", of_pair),
        ("all", {"all": [task for task in tasks[0] if task.stage.scope == "all"]}),
    ):
        workers = len(lanes) if scope == "pair" and side_by_side else 1
        run_lanes(lanes, runner, workers=workers, threads=threads if scope == "pair" else cores())


def run_lanes(lanes: Mapping[str, list[Task]], runner: Runner, *, workers: int, threads: int) -> None:
    """Run lanes in threads while showing them; the first failure stops the others and is raised."""
    for name, tasks in lanes.items():
        runner.display.open(name, tasks)
    with ThreadPoolExecutor(workers) as pool:
        waiting: set[Future[None]] = {
            pool.submit(runner.run_tasks, name, tasks, threads=threads) for name, tasks in lanes.items()
        }
        try:
            while waiting:
                done, waiting = wait(waiting, timeout=SECONDS_BETWEEN_LOOKS, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                runner.display.tick()
        except BaseException:
            runner.stop()
            raise
        finally:
            runner.display.close(*lanes)
