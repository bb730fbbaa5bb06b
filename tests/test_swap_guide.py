"""The table "I have …, write this" in the README: every line of it is carried out, on small models.

The names in the table are put in the place of small models, a server on loopback and files made here; the
profile is the pocket's with little work. Lines that change the teacher or the student alone run the stages
that sample and distil; the whole study with endpoints runs once.
"""

from __future__ import annotations

import io
import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from canary import assert_nowhere
from conftest import make_adapter, make_llama, make_qwen, put_in_hub_cache
from gguf_files import write_gguf
from serving import sampling_copy
from test_study import SMALL
from tiny_study import in_this_process

from bbi_utils.paths import ROOT, RunPaths
from bbi_utils.probes import build_suite
from bbi_utils.responses.store import ResponseStore
from bbi_utils.study import run as driver
from bbi_utils.study.cli.main import main
from bbi_utils.study.params import parse_setting
from bbi_utils.study.stages import STAGES

COMMIT = "c0ffee" * 6 + "0000"
CANARY = "sk-canary-7d1c2f9b"
FEW = {
    **SMALL,
    "n_distill": 20,
    "n_test": 20,
    "n_judge": 10,
    "n_budget_test": 10,
    "max_new_tokens": 8,
}


def rows() -> dict[str, str]:
    """What one has -> what one writes, as the README says it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.partition("<!-- swap -->\n")[2].partition("<!-- /swap -->")[0].splitlines()[2:]
    cells = [re.fullmatch(r"\| (.+?) \| `(.+)` \|", line) for line in table]
    assert all(cells), "a line of the table is not `| I have | command |`"
    return {cell[1]: cell[2] for cell in cells if cell}


ROWS = rows()


@dataclass(frozen=True)
class World:
    """Stand-ins for the names in the table."""

    folder: Path
    names: dict[str, str]

    def settings(self, has: str, **more: Any) -> dict[str, Any]:
        """The settings of a `make reproduce` line, with the stand-ins in their places."""
        make, target, *given = shlex.split(ROWS[has])
        assert (make, target) == ("make", "reproduce")
        found = dict(parse_setting(each) for each in given)
        assert found.pop("profile") == "laptop" and found.pop("pair") == "qwen"
        found = {
            name: self.names.get(value, value) if isinstance(value, str) else value
            for name, value in found.items()
        }
        own = re.sub(r"\W+", "_", has)
        return {**FEW, "run_dir": str(self.folder / own), **found, **more}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two model folders, an adapter, a hub cache, a file of prompts and one of recorded answers."""
    folder = tmp_path_factory.mktemp("swap")
    teacher, student = make_llama(folder / "teacher"), make_qwen(folder / "student")
    suite = build_suite(n=200, seed=3)
    asked = pd.DataFrame({"prompt": [p.prompt for p in suite], "category": [p.category for p in suite]})
    asked.to_csv(folder / "prompts.csv", index=False)
    said = {name: [f"{name}: {p.prompt[:20]}" for p in suite] for name in ("teacher", "teacher_2")}
    asked.assign(**said).to_json(folder / "answers.jsonl", orient="records", lines=True)
    names = {
        "models/teacher": str(teacher), "models/student": str(student),
        "models/adapter": str(make_adapter(teacher, folder / "adapter")),
        "models/teacher.gguf": str(write_gguf(teacher, folder / "teacher.gguf")),
        "prompts.csv": str(folder / "prompts.csv"), "answers.jsonl": str(folder / "answers.jsonl"),
    }  # fmt: skip
    return World(folder, names)


@pytest.fixture
def until(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Carries out a line of the table with the real notebooks, up to the one named."""

    def carry_out(settings: dict[str, Any], last: str) -> RunPaths:
        monkeypatch.setattr(driver, "STAGES", tuple(stage for stage in STAGES if stage.number <= last))
        monkeypatch.setattr(driver, "show_claims", lambda *args, **kwargs: None)  # the last stage writes them
        driver.reproduce("pocket", ["qwen"], settings, stream=io.StringIO())
        return RunPaths(settings["run_dir"], "qwen")

    return carry_out


def oracles(run: RunPaths) -> dict[str, dict[str, Any]]:
    """Name -> settings of everything that answered."""
    with ResponseStore(run.responses) as store:
        found = store.connection.execute("SELECT name, settings FROM fingerprints").fetchall()
    return {f"{name} {number}": json.loads(settings) for number, (name, settings) in enumerate(found)}


def test_every_line_of_the_table_has_its_test() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert len(ROWS) >= 9 and all(text.count(f'"{has}"') == 1 for has in ROWS)


@pytest.mark.smoke
@pytest.mark.filterwarnings("default")
def test_hub_models(world: World, until: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for role in ("teacher", "student"):
        model = Path(world.names[f"models/{role}"])
        put_in_hub_cache(tmp_path, model, name=f"org/{role}", commit=COMMIT, branch="main")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    # The hub's client has read its environment when the tests began; a run's own processes read it anew.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with in_this_process(but=("02",)):
        run = until(world.settings("two models on the hub"), "03")
    models = json.loads(run.manifest.read_text())["models"]
    assert models["teacher"]["commit"] == COMMIT == models["student"]["commit"]
    assert {each["model"] for each in oracles(run).values()} == {
        f"hub:org/teacher@{COMMIT}",
        f"hub:org/student@{COMMIT}",
    }


@pytest.mark.smoke
@pytest.mark.usefixtures("quick")
@pytest.mark.filterwarnings("default")
def test_folders(world: World, until: Any) -> None:
    run = until(world.settings("two folders, each from `save_pretrained`"), "02")
    assert {each["quantisation"] for each in oracles(run).values()} == {"none", "nf4"}


@pytest.mark.smoke
@pytest.mark.usefixtures("quick")
@pytest.mark.filterwarnings("default")
def test_a_gguf_file(world: World, until: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BBI_CACHE", str(world.folder / "cache"))
    run = until(world.settings("a `.gguf` file and a folder from `save_pretrained`"), "02")
    assert all(each["model"].startswith("gguf:") for each in oracles(run).values())
    models = json.loads(run.manifest.read_text())["models"]
    assert models["teacher"]["reference"] == world.names["models/teacher.gguf"]
    assert str(world.folder / "cache") not in run.manifest.read_text()


@pytest.mark.smoke
@pytest.mark.usefixtures("quick")
@pytest.mark.filterwarnings("default")
def test_one_model_behind_a_hidden_prompt_teaches_the_bare_one(world: World, until: Any) -> None:
    run = until(world.settings("one model: behind a hidden prompt as teacher, bare as student"), "03")
    told = {(each["system_prompt"], each["quantisation"]) for each in oracles(run).values()}
    assert told == {("Be brief.", "none"), ("Be brief.", "nf4"), (None, "nf4")}
    assert len({each["model"] for each in oracles(run).values()}) == 1


@pytest.mark.smoke
@pytest.mark.usefixtures("quick")
@pytest.mark.filterwarnings("default")
def test_an_adapter_on_a_base(world: World, until: Any) -> None:
    run = until(world.settings("a teacher that is an adapter on a base"), "02")
    assert all("+adapter:" in each["model"] for each in oracles(run).values())


@pytest.mark.smoke
@pytest.mark.usefixtures("quick")
@pytest.mark.filterwarnings("default")
def test_without_4_bits(world: World, until: Any) -> None:
    run = until(world.settings("no wish for 4 bits"), "03")
    assert {each["quantisation"] for each in oracles(run).values()} == {"none"}


@pytest.mark.smoke
@pytest.mark.usefixtures("quick")
@pytest.mark.filterwarnings("default")
def test_own_prompts(world: World, until: Any) -> None:
    run = until(world.settings("prompts of my own", n_distill=30, n_test=30, n_development=0), "02")
    with ResponseStore(run.responses) as store:
        ids = {one for (one,) in store.connection.execute("SELECT DISTINCT prompt_id FROM responses")}
    own = pd.read_json(run.probes, lines=True).set_index("id")["prompt"]
    assert len(ids) == 60 and set(own[sorted(ids)]) <= set(pd.read_csv(world.names["prompts.csv"])["prompt"])


@pytest.mark.smoke
@pytest.mark.usefixtures("quick")
@pytest.mark.filterwarnings("default")
def test_a_recorded_teacher(world: World, until: Any) -> None:
    settings = world.settings("a teacher that is gone, its answers recorded", n_distill=30, n_test=30)
    run = until(settings, "02")
    with ResponseStore(run.responses) as store:
        answers = {one for (one,) in store.connection.execute("SELECT answer FROM responses")}
    assert answers and all(answer.startswith(("teacher: ", "teacher_2: ")) for answer in answers)


@pytest.fixture(scope="module")
def endpoint(world: World, serve: Callable[[Path], str]) -> str:
    """A pocket teacher behind a real server, whose key is a canary."""
    return serve(sampling_copy("qwen-teacher", world.folder / "served"))


@pytest.fixture
def judge(world: World, serve: Callable[[Path], str]) -> str:
    """A pocket judge behind a real server, which gives no log-probabilities: its text is read."""
    return serve(sampling_copy("qwen-judge", world.folder / "judging"))


@pytest.mark.smoke
@pytest.mark.filterwarnings("default")
def test_the_whole_study_with_teacher_and_judge_behind_endpoints(
    world: World,
    endpoint: str,
    judge: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.setenv("JUDGE_API_KEY", CANARY)
    named = World(
        world.folder,
        {**world.names, "https://host/v1#model": endpoint, "models/student": "pocket/qwen-student"},
    )
    settings = named.settings("a teacher behind an endpoint, a student here")
    judging = World(world.folder, {**named.names, "https://host/v1#model": judge})
    settings |= {
        k: v for k, v in judging.settings("a judge behind an endpoint").items() if k.startswith("judge")
    }
    # What endpoints do not change is played small; the key goes by the environment into a real kernel.
    settings |= {"encoders": [], "budgets": [10], "budget_seeds": 1}
    with in_this_process(but=("02",)):
        driver.reproduce("pocket", ["qwen"], settings)
    run = RunPaths(settings["run_dir"], "qwen")
    remote = [each for each in oracles(run).values() if each.get("kind") == "endpoint"]
    here = [name for name, each in oracles(run).items() if "kind" not in each]
    # Teacher and judge, and nobody else.
    assert len(remote) == 2 and len(here) + len(remote) == len(oracles(run))
    assert here and all(name.startswith("pocket/qwen-student") for name in here)
    with ResponseStore(run.responses) as store:
        spent = store.spending()
    assert spent.requests == spent.answered and 0 < spent.cost < settings["max_spend"]
    assert "certificate" in "".join(path.name for path in run.pair_folder.iterdir())
    sampled = (run.folder / "executed" / "qwen" / "02_sample_teacher.ipynb").read_text()
    assert "weights were loaded:    False" in sampled
    assert_nowhere(CANARY, run.folder, *capfd.readouterr())


@pytest.mark.smoke
def test_two_finished_models_and_their_recorded_answers(
    world: World, endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.chdir(tmp_path)
    few = pd.read_csv(world.names["prompts.csv"]).iloc[:24]
    few.to_csv(tmp_path / "prompts.csv", index=False)
    names = {**world.names, "https://host/v1#model": endpoint, "prompts.csv": "prompts.csv"}
    command = shlex.split(ROWS["two finished models of any kind, nothing to distil"])
    assert command[:3] == ["python", "-m", "bbi_utils"]
    assert (
        main([names.get(word, word) for word in command[3:]] + ["--max-new-tokens", "8", "--device", "cpu"])
        == 0
    )
    audit = shlex.split(ROWS["recorded answers of both"])
    assert main(audit[3:]) in (0, 1, 3)
    assert (tmp_path / "runs" / "audit" / "said" / "certificate.json").is_file()
