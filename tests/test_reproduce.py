"""The driver: order, skipping, failing, stopping and continuing, with tiny notebooks in place of the real."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import tiny_study
from tiny_study import in_this_process

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.study.params import load_study
from bbi_utils.study.run import StageFailed, failure_of, locked, reproduce
from bbi_utils.study.stages import STAGES, make_task, reason_to_run, rows_in
from tools.refresh import check_defaults, refresh_notebooks

PAIRS = ("qwen", "llama")
KERNELS = ("01", "02", "09")
# What a killed run leaves on the way, and what carries times or machine facts, is not compared.
VOLATILE = ("stages", "executed", "manifest.json", "settings.json", ".lock")


@dataclass
class Run:
    """A copy of a finished run with its notebooks and models."""

    folder: Path
    said: str = ""
    parameters: Path = paths.PARAMETERS

    @property
    def notebooks(self) -> Path:
        return self.folder / "notebooks"

    @property
    def results(self) -> Path:
        return self.folder / "run"

    def settings(self, **more: object) -> dict[str, object]:
        models = {role: str(self.folder / "models" / role) for role in ("teacher", "student", "judge")}
        return {**models, "run_dir": str(self.results), "budgets": [40, 80], **more}

    def reproduce(self, pairs: tuple[str, ...] = PAIRS, **more: object) -> str:
        stream = io.StringIO()
        folders = {"notebooks": self.notebooks, "parameters": self.parameters}
        reproduce("pocket", pairs, self.settings(**more), **folders, stream=stream)
        return stream.getvalue()

    def stages_run(self, said: str) -> list[str]:
        lines = [line.split() for line in said.splitlines() if ": done in" in line]
        return [f"{words[0]} {words[1]}" for words in lines]  # in the order in which they ended

    def files(self) -> dict[str, bytes]:
        files = (file for file in self.results.rglob("*") if file.is_file())
        relative = {file.relative_to(self.results): file for file in files}
        return {
            str(name): file.read_bytes()
            for name, file in relative.items()
            if not set(name.parts) & set(VOLATILE) and file.suffix != ".sqlite"
        }


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test starts from an environment that says nothing about the hub, and restores it."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.setenv(name, "1")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One complete run of both pairs."""
    run = Run(tmp_path_factory.mktemp("study"))
    tiny_study.write_notebooks(run.notebooks)
    tiny_study.models(run.folder / "models")
    with in_this_process():
        run.said = run.reproduce()
    return run


@pytest.fixture
def copy(finished: Run, tmp_path: Path) -> Run:
    """A copy of the finished run that a test may change."""
    shutil.copytree(finished.folder, tmp_path / "study")
    return Run(tmp_path / "study")


@pytest.fixture
def empty(finished: Run, tmp_path: Path) -> Run:
    """The notebooks and models without results."""
    for name in ("notebooks", "models"):
        shutil.copytree(finished.folder / name, tmp_path / "study" / name)
    return Run(tmp_path / "study")


def test_every_stage_runs_once_and_leaves_an_executed_copy(finished: Run) -> None:
    ran = finished.stages_run(finished.said)
    assert ran[0] == "suite 01" and ran[-1] == "all 09"
    for pair in PAIRS:
        own = [line.split()[1] for line in ran if line.startswith(pair)]
        assert own == [stage.number for stage in STAGES if stage.scope == "pair"]
        assert (finished.results / "executed" / pair / "03_distill_student.ipynb").is_file()
    assert (finished.results / "executed" / "01_build_probes.ipynb").is_file()
    assert not list(finished.results.rglob("*partial*")) and not list(finished.results.rglob("*.job.*"))


def test_plain_lines_name_reason_and_result(finished: Run) -> None:
    said = finished.said.splitlines()
    assert "suite    01 build probes (not run yet)" in said
    assert "qwen     03 distill student: done in 0:00, 0.0 GB at most" in said
    assert "\r" not in finished.said


def test_claims_and_places_end_the_output(finished: Run) -> None:
    said = " ".join(finished.said.split())
    assert "The paper's claims: 2 supported" in said
    assert "similar qwen 0.8 [abstract] 0.9 (ours) 0.8 to 1.0 above 0 supported" in said
    assert "figures " in finished.said and "executed notebooks " in finished.said


def test_only_declared_parameters_are_passed_with_the_study_s_values(finished: Run) -> None:
    assert (finished.results / "probes.jsonl").read_text() == "0 5000"
    assert (finished.results / "qwen" / "budget.parquet").read_text() == "[40, 80]"


def test_a_run_in_real_kernels_makes_the_same_files(finished: Run, empty: Run) -> None:
    # Kernels take seconds each: one of each scope is started.
    with in_this_process(but=KERNELS):
        said = empty.reproduce(("qwen",))
    assert len(empty.stages_run(said)) == len(STAGES)
    mine, theirs = empty.files(), finished.files()
    assert mine.keys() == {name for name in theirs if not name.startswith("llama")}
    assert all(data == theirs[name] for name, data in mine.items() if not name.startswith("figures"))
    executed = json.loads((empty.results / "executed" / "qwen" / "02_sample_teacher.ipynb").read_text())
    assert any("injected-parameters" in cell["metadata"].get("tags", []) for cell in executed["cells"])


def test_an_unchanged_run_does_nothing_and_imports_no_model_library(copy: Run) -> None:
    code = (
        "import sys; from bbi_utils.study.run import reproduce; from pathlib import Path;"
        f"reproduce('pocket', {PAIRS!r}, {copy.settings()!r}, notebooks=Path({str(copy.notebooks)!r}));"
        "assert not {'torch', 'transformers', 'papermill', 'pandas'} & set(sys.modules)"
    )
    # The run's folder and its models have moved: that is no change.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=paths.ROOT)
    assert done.returncode == 0, done.stderr
    tasks = sum(2 if stage.scope == "pair" else 1 for stage in STAGES)
    assert done.stdout.count(": unchanged") == tasks and ": done" not in done.stdout


@pytest.mark.usefixtures("quick")
def test_a_changed_parameter_reruns_what_takes_it_and_what_follows_from_it(copy: Run) -> None:
    # 05 and 08 read what 04 wrote, but write the same bytes as before: 09 need only follow 04.
    again = {f"{pair} {number}" for pair in PAIRS for number in ("04", "05", "08")}
    assert set(copy.stages_run(copy.reproduce(folds=4))) == {*again, "all 09"}
    assert (copy.results / "qwen" / "similarity.parquet").read_text() == "4"
    assert copy.stages_run(copy.reproduce(folds=4)) == []


@pytest.mark.usefixtures("quick")
def test_another_model_in_the_same_place_is_a_change(copy: Run) -> None:
    tiny_study.write_model(copy.folder / "models" / "judge", "another")
    assert set(copy.stages_run(copy.reproduce())) == {"qwen 05", "llama 05"}


@pytest.mark.usefixtures("quick")
def test_one_pair_alone_runs_over_that_pair(copy: Run) -> None:
    said = copy.reproduce(("llama",))
    assert copy.stages_run(said) == ["all 09"]
    assert not any(line.startswith("qwen") for line in said.splitlines())


def reason(run: Run, number: str, pair: str = "qwen") -> str | None:
    stage = next(stage for stage in STAGES if stage.number == number)
    study = load_study("pocket", pair, run.settings(), pairs=PAIRS, folder=run.parameters)
    return reason_to_run(make_task(stage, study, run.notebooks))


@pytest.fixture
def sources(copy: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of everything that stages are made from, to be edited."""
    root = copy.folder / "sources"
    without = shutil.ignore_patterns("__pycache__", "weights")
    for name in ("bbi_utils", "pocket", "env", "notebooks/params"):
        shutil.copytree(paths.ROOT / name, root / name, ignore=without)
    monkeypatch.setattr("bbi_utils.study.stages.ROOT", root)
    copy.parameters = root / "notebooks" / "params"
    return root


def edited(name: str, old: str = "", new: str = "\n# edited") -> Callable[[Path], None]:
    """An edit of one file; by default a comment at its end."""

    def edit(folder: Path) -> None:
        file = next(folder.glob(name))
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new) if old else text + new)

    return edit


EVERY = {stage.number for stage in STAGES}


def using(room: str) -> set[str]:
    """The stages that say that a room makes their outputs."""
    return {stage.number for stage in STAGES if room in stage.rooms}


TEMPLATES = "sources/bbi_utils/probes/templates"
KINDS: dict[str, tuple[Callable[[Path], None], set[str]]] = {
    "a template": (edited(f"{TEMPLATES}/factual.*"), using("bbi_utils/probes")),
    "the lexicon": (edited(f"{TEMPLATES}/lexicon.*"), using("bbi_utils/probes")),
    "a new data file": (lambda study: (study / TEMPLATES / "more.yaml").write_text("a: 1") and None,
                        using("bbi_utils/probes")),
    "an answer script": (edited("sources/pocket/answers/[a-z]*.py"), using("pocket/answers")),
    "the style sheet": (edited("sources/bbi_utils/report/**/*.mplstyle"), {"09"}),
    "a figure": (edited("sources/bbi_utils/report/figures/[a-z]*.py"), {"09"}),
    "an adversary": (edited("sources/bbi_utils/adversaries/[a-z]*.py"), using("bbi_utils/adversaries")),
    "the training": (edited("sources/bbi_utils/distillation/[a-z]*.py"), using("bbi_utils/distillation")),
    "an oracle": (edited("sources/bbi_utils/oracles/[a-z]*.py"), using("bbi_utils/oracles")),
    "what all rooms stand on": (edited("sources/bbi_utils/files.py"), EVERY),
    "a progress bar": (edited("sources/bbi_utils/progress.py"), set()),
    "the driver": (edited("sources/bbi_utils/study/run.py"), set()),
    "how pocket models are made": (edited("sources/pocket/pre*.py"), set()),
    "a parameter file": (edited("sources/notebooks/params/profiles/pocket.yaml", "epochs: 3", "epochs: 2"),
                         {"03"}),
    "weights": (lambda study: tiny_study.write_model(study / "models" / "judge", "x") and None, {"05"}),
    "a notebook": (edited("notebooks/08_*.ipynb", "run = Path", "more = 1\\nrun = Path"), {"08"}),
    "the lock": (edited("sources/env/requirements.lock"), EVERY),
}  # fmt: skip


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_input_reruns_the_stages_that_depend_on_it(copy: Run, sources: Path, kind: str) -> None:
    assert sources.is_dir() and {reason(copy, number) for number in EVERY} == {None}
    edit, wanted = KINDS[kind]
    edit(copy.folder)
    assert {number for number in EVERY if reason(copy, number)} == wanted
    again = {line.split()[1] for line in copy.stages_run(copy.reproduce())}
    follow = {number for number in EVERY if number > min(wanted, default="09")}
    assert wanted <= again <= wanted | follow
    assert copy.stages_run(copy.reproduce()) == []


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("kind", "ran"), [("a figure", {"all 09"}), ("an answer script", {"qwen 03", "llama 03"})]
)
def test_what_leaves_the_files_as_they_were_reruns_nothing_else(
    copy: Run, sources: Path, kind: str, ran: set[str]
) -> None:
    KINDS[kind][0](copy.folder)
    assert sources.is_dir() and set(copy.stages_run(copy.reproduce())) == ran


@pytest.mark.usefixtures("quick")
def test_a_run_of_an_earlier_version_runs_again_and_says_why(copy: Run) -> None:
    record_file = copy.results / "qwen" / "stages" / "04.json"
    record = json.loads(record_file.read_text())
    record["made_from"] = {"code: bbi_utils.games": "0" * 64}
    record_file.write_text(json.dumps(record))
    assert "made by an earlier version" in str(reason(copy, "04"))
    assert copy.stages_run(copy.reproduce()) == ["qwen 04"]


@pytest.mark.usefixtures("quick")
def test_a_run_whose_numbers_were_other_notebooks_goes_on_and_says_so(copy: Run) -> None:
    """Before 05 was split, the budget was 06 and the figures 07; 05 wrote what 06 and 07 write now."""
    for pair in PAIRS:
        records = copy.results / pair / "stages"
        as_former(records / "08.json", records / "06.json", "06_spend_query_budget")
        (records / "07.json").unlink()
    as_former(copy.results / "stages" / "09.json", copy.results / "stages" / "07.json", "07_make_figures")
    assert reason(copy, "06") == "in an earlier version 06 was 06_spend_query_budget"
    assert reason(copy, "05") is None and reason(copy, "07") == "not run yet"
    said = copy.reproduce()
    again = {f"{pair} {number}" for pair in PAIRS for number in ("06", "07", "08")}
    assert set(copy.stages_run(said)) == {*again, "all 09"}
    assert "qwen     06 ask many questions (in an earlier version 06 was 06_spend_query_budget)" in said
    manifest = json.loads((copy.results / "qwen" / "manifest.json").read_text())
    assert set(manifest["stages"]) == {stage.notebook for stage in STAGES}
    assert copy.stages_run(copy.reproduce()) == []


def as_former(record: Path, former: Path, notebook: str) -> None:
    """Move a record to where an earlier version kept it, under the notebook's former name."""
    content = json.loads(record.read_text())
    named = next(key for key in content["made_from"] if key.endswith(".ipynb"))
    content["made_from"][f"code: {notebook}.ipynb"] = content["made_from"].pop(named)
    record.unlink()
    former.write_text(json.dumps(content))


def test_reasons_to_run(finished: Run, tmp_path: Path) -> None:
    assert reason(finished, "04") is None
    saved = {
        name: (finished.results / "qwen" / name).read_bytes() for name in ("loss.parquet", "answers.parquet")
    }
    try:
        (finished.results / "qwen" / "loss.parquet").write_text("edited")
        assert reason(finished, "03") == "outputs are missing or were edited"
        (finished.results / "qwen" / "answers.parquet").write_text("edited")
        assert reason(finished, "04") == "changed: qwen/answers.parquet"
        assert reason(finished, "08") is None  # it does not read the table
    finally:
        for name, content in saved.items():
            (finished.results / "qwen" / name).write_bytes(content)
    notebook = finished.notebooks / "05_identify_teacher.ipynb"
    text = notebook.read_text()
    try:
        notebook.write_text(text.replace('"1"', '"2"').replace('(\\"1\\")', '(\\"2\\")'))
        assert reason(finished, "05") == "changed: 05_identify_teacher.ipynb"
        notebook.write_text(text.replace("# Title", "# Other words"))
        assert reason(finished, "05") is None  # prose is not code
    finally:
        notebook.write_text(text)


def test_a_store_that_cannot_be_read_is_not_up_to_date(copy: Run) -> None:
    store = copy.results / "qwen" / "responses.sqlite"
    assert rows_in(store) == 2
    store.write_bytes(b"not a database, at all, whatever it is called")
    assert rows_in(store) == -1


def test_manifest_says_what_a_number_depended_on(finished: Run) -> None:
    manifest = json.loads((finished.results / "qwen" / "manifest.json").read_text())
    assert manifest["parameters"]["PAIR"] == "qwen" and manifest["seeds"]["SEED"] == 0
    assert set(manifest["stages"]) == {stage.notebook for stage in STAGES}
    assert manifest["models"]["teacher"]["content"].startswith("sha256:")
    assert manifest["environment"]["packages"]["torch"] and manifest["environment"]["cpu"]["cores"] >= 1
    stage = manifest["stages"]["03_distill_student"]
    assert stage["seconds"] > 0 and stage["peak_memory_bytes"] > 10**7 and stage["again"] is False
    assert len(stage["made_from"]["input: probes.jsonl"]) == 64
    assert len(stage["outputs"]["qwen/loss.parquet"]) == 64


def test_a_failing_notebook_is_named_with_its_last_lines_only(empty: Run) -> None:
    tiny_study.write_notebooks(empty.notebooks, n02='print("before")\n1 / 0')
    with pytest.raises(StageFailed) as failure:
        empty.reproduce(("qwen",))
    message = str(failure.value)
    assert failure.value.status == 1
    assert (
        "02_sample_teacher.ipynb, cell In [" in message and "ZeroDivisionError: division by zero" in message
    )
    assert "Traceback" not in message
    assert (empty.results / "executed" / "qwen" / "02_sample_teacher.partial.ipynb").is_file()
    assert not (empty.results / "executed" / "qwen" / "02_sample_teacher.ipynb").exists()
    tiny_study.write_notebooks(empty.notebooks)
    with in_this_process():
        assert empty.stages_run(empty.reproduce(("qwen",)))[0] == "qwen 02"  # 01 is not run again


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("from bbi_utils.errors import BadInput\nraise BadInput('the store is corrupt; move it away')",
         "the store is corrupt; move it away"),
        ("raise OSError(28, 'No space left on device', 'x.parquet')", "No space left on device"),
    ],
)  # fmt: skip
def test_bad_input_in_a_notebook_is_its_message_alone(empty: Run, code: str, message: str) -> None:
    tiny_study.write_notebooks(empty.notebooks, n01=code)
    with pytest.raises(StageFailed, match=message) as failure:
        empty.reproduce(("qwen",))
    assert failure.value.status == 2 and "ipynb" not in str(failure.value)


def test_a_notebook_whose_kernel_dies_is_a_failure(empty: Run) -> None:
    tiny_study.write_notebooks(empty.notebooks, n01="os._exit(9)")
    with pytest.raises(StageFailed) as failure:
        empty.reproduce(("qwen",))
    assert failure.value.status == 1 and "01_build_probes.ipynb" in str(failure.value)


@pytest.mark.usefixtures("quick")
def test_a_disk_too_full_to_say_what_happened_is_bad_input(finished: Run, tmp_path: Path) -> None:
    stage = next(stage for stage in STAGES if stage.number == "02")
    task = make_task(
        stage, load_study("pocket", "qwen", finished.settings(), pairs=PAIRS), finished.notebooks
    )
    log = tmp_path / "02.log"
    log.write_text("Traceback ...\nOSError: [Errno 28] No space left on device\n")
    failed = failure_of(task, None, partial=tmp_path / "x.ipynb", log=log)
    assert failed.status == 2 and "No space left on device; mend that and run again" in str(failed)


def test_a_notebook_that_leaves_out_an_output_is_refused(empty: Run) -> None:
    tiny_study.write_notebooks(empty.notebooks, n01='(run / "probes.jsonl").write_text("x")')
    with pytest.raises(BadInput, match="without writing probes.card.md"):
        empty.reproduce(("qwen",))


def test_a_parameter_that_the_study_does_not_know_is_refused_before_anything_runs(empty: Run) -> None:
    tiny_study.write_notebook(empty.notebooks / "08_spend_query_budget.ipynb", {"BUGETS": [1]}, "1")
    with pytest.raises(BadInput, match="'bugets'; did you mean 'budgets'"):
        empty.reproduce()
    assert not empty.results.exists()


@pytest.mark.usefixtures("quick")
def test_refresh_takes_outputs_only_from_the_same_code_and_parameters(empty: Run) -> None:
    empty.reproduce()
    study = load_study("pocket", "qwen", empty.settings(teacher="x", student="x", judge="x"), pairs=PAIRS)
    study = study.model_copy(update={"run_dir": str(empty.results)})
    with pytest.raises(BadInput, match="RUN_DIR = 'runs/pocket', profile 'pocket' "):
        check_defaults(empty.notebooks / "03_distill_student.ipynb", study)
    check_defaults(
        empty.notebooks / "03_distill_student.ipynb", study.model_copy(update={"run_dir": "runs/pocket"})
    )
    for notebook in empty.notebooks.glob("*.ipynb"):
        notebook.write_text(
            notebook.read_text().replace("RUN_DIR = 'runs/pocket'", f"RUN_DIR = {study.run_dir!r}")
        )
    with pytest.raises(BadInput, match="has changed since it was run"):
        refresh_notebooks(study, empty.notebooks)
    empty.reproduce()
    assert len(refresh_notebooks(study, empty.notebooks)) == len(STAGES)
    assert refresh_notebooks(study, empty.notebooks) == []


def start_and_wait_for(run: Run, marker: Path) -> subprocess.Popen[bytes]:
    """Start a driver in a process of its own; returns when a notebook has written the marker."""
    code = (
        # A shell's background job ignores interrupts, and so would everything that it starts.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "import sys; from pathlib import Path; from bbi_utils.study.run import reproduce;"
        f"reproduce('pocket', ('qwen',), {run.settings()!r}, notebooks=Path({str(run.notebooks)!r}))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=paths.ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 180
    while not marker.exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    return process


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_leaves_no_process_behind_and_continues(finished: Run, empty: Run, how: int) -> None:
    wait = 'marker = run / "marker"\nif not marker.exists():\n    marker.write_text(str(os.getpid()))\n'
    code = tiny_study.CODE["02_sample_teacher"][1] + "\n" + wait + "    time.sleep(120)\n"
    tiny_study.write_notebooks(empty.notebooks, n02=code)
    marker = empty.results / "marker"
    process = start_and_wait_for(empty, marker)
    process.send_signal(how)
    process.wait(timeout=60)
    kernel = int(marker.read_text())
    deadline = time.monotonic() + 30
    while is_running(kernel):
        assert time.monotonic() < deadline, "the kernel outlived its driver"
        time.sleep(0.1)
    with in_this_process():
        assert empty.stages_run(empty.reproduce(("qwen",)))[0] == "qwen 02"
    stages = empty.results / "qwen" / "stages"
    assert [json.loads((stages / f"0{n}.json").read_text())["again"] for n in (2, 3)] == [True, False]
    mine = {name: data for name, data in empty.files().items() if name.startswith("qwen") or "/" not in name}
    theirs = finished.files()
    assert {name: data for name, data in mine.items() if name != "marker"} == {
        name: data for name, data in theirs.items() if name.startswith("qwen") or "/" not in name
    }


def test_two_runs_do_not_share_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bbi_utils.study.run.SECONDS_FOR_ANOTHER_RUN_TO_END", 0.3)
    with locked(tmp_path), pytest.raises(BadInput, match="another run is at work"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass
