"""Files that describe a study are data: nothing that comes with a model, a pair or a prompt is executed."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import recorded_files
import synthetic_results
from test_audit import cheap
from test_own_probes import rows, write

from bbi_utils import paths
from bbi_utils.distillation.lora import LoraSettings, train_adapter
from bbi_utils.errors import UNPRINTABLE, BadInput, printable
from bbi_utils.oracles import LocalOracle, Request, Sampling
from bbi_utils.oracles.hub import REMOTE_CODE
from bbi_utils.oracles.sentence_encoder import load_encoder
from bbi_utils.probes import dataset_card, read_probes
from bbi_utils.report.figures import category_figure
from bbi_utils.responses.answers import side_by_side
from bbi_utils.responses.recorded import read_answers
from bbi_utils.study.cli.main import main
from bbi_utils.study.params import load_study, pairs_of, parse_setting

__all__ = ["cheap"]  # the fixture

OWN_CODE = """
from pathlib import Path
from transformers import Qwen2Config, Qwen2ForCausalLM
Path({canary!r}).touch()
class MineConfig(Qwen2Config):
    model_type = "mine"
class MineForCausalLM(Qwen2ForCausalLM):
    config_class = MineConfig
"""
ANSWER = """
import sys, warnings
warnings.simplefilter("ignore")
from bbi_utils.errors import BadInput
from bbi_utils.oracles import Request, Sampling, LocalOracle
try:
    oracle = LocalOracle(sys.argv[1], sampling=Sampling(max_new_tokens=3))
    print("answered", len(oracle.answer([Request("p", "Hello.")])))
except BadInput as error:
    print(error)
"""


@pytest.fixture
def model_with_code(tiny_qwen: Path, tmp_path: Path) -> Path:
    """A checkpoint that cannot be loaded without running the code in its folder, which leaves a trace."""
    folder = Path(shutil.copytree(tiny_qwen, tmp_path / "mine"))
    config = json.loads((folder / "config.json").read_text())
    own = {"AutoConfig": "mine.MineConfig", "AutoModelForCausalLM": "mine.MineForCausalLM"}
    config |= {"model_type": "mine", "architectures": ["MineForCausalLM"], "auto_map": own}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "mine.py").write_text(OWN_CODE.format(canary=str(tmp_path / "it ran")))
    return folder


def ask(model: Path, home: Path, **environment: str) -> str:
    """What a process of its own says when it loads the model and asks it something."""
    inherited = {name: value for name, value in os.environ.items() if name != REMOTE_CODE}
    more = {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(paths.ROOT)}
    asked = subprocess.run(
        [sys.executable, "-c", ANSWER, str(model)],
        env={**inherited, **more, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return asked.stdout


def test_code_that_comes_with_a_model_runs_only_where_the_user_says_so(
    model_with_code: Path, tmp_path: Path
) -> None:
    assert f"brings code of its own, which is not run; read that code, and set {REMOTE_CODE}=1" in ask(
        model_with_code, tmp_path / "home"
    )
    assert not (tmp_path / "it ran").exists()
    assert "answered 1" in ask(model_with_code, tmp_path / "home", **{REMOTE_CODE: "1"})
    assert (tmp_path / "it ran").exists()


@pytest.fixture
def parameters(tmp_path: Path) -> Path:
    """A copy of the profiles and pairs, to be spoiled."""
    return Path(shutil.copytree(paths.PARAMETERS, tmp_path / "params"))


def test_a_pair_file_cannot_run_anything(parameters: Path, tmp_path: Path) -> None:
    hostile = f"!!python/object/apply:os.system ['touch {tmp_path}/ran']"
    (parameters / "pairs" / "mine.yaml").write_text(f"any:\n  teacher: {hostile}\n")
    with pytest.raises(BadInput, match="TEACHER in pairs/mine.yaml is .'touch .*expected text"):
        load_study("pocket", "mine", folder=parameters)
    assert not (tmp_path / "ran").exists()


def test_a_pair_cannot_leave_the_runs_folder(parameters: Path) -> None:
    shutil.copy(parameters / "pairs" / "qwen.yaml", parameters / "escaped.yaml")
    with pytest.raises(BadInput, match="PAIR in the command is '../escaped'; expected letters"):
        load_study("pocket", "../escaped", folder=parameters)


def test_a_prompt_is_text_on_the_card_whatever_it_contains(tmp_path: Path) -> None:
    table = [{"prompt": "`<img src=x onerror=alert(1)>` | [x](javascript:y)", "category": "<b>|"}, *rows()]
    card = dataset_card(read_probes(write(tmp_path / "mine.jsonl", table)), source="mine.jsonl")
    assert "<img" not in card and "<b>" not in card and "&lt;img src=x onerror=alert\\(1\\)&gt;" in card
    assert "[x](" not in card
    row = next(line for line in card.splitlines() if line.startswith("| &lt;b"))
    assert row.replace("\\|", "").count("|") == 7


class Bomb:
    """Pickled, it touches a file where it is loaded."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.trace,)


def spoil(folder: Path, trace: Path, *names: str) -> None:
    """Put pickles that must not be loaded into a model's folder, under the names that loaders look for."""
    for name in names:
        (folder / name).write_bytes(pickle.dumps(Bomb(trace)))


def test_the_bomb_goes_off(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(tmp_path / "it ran")))
    assert (tmp_path / "it ran").exists()


PICKLES = ("pytorch_model.bin", "model.pt", "training_args.bin", "adapter_model.bin", "optimizer.pt")


def test_pickled_weights_alone_are_refused_by_name(tiny_qwen: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_qwen, tmp_path / "m"))
    for file in folder.glob("*.safetensors"):
        file.unlink()
    spoil(folder, tmp_path / "it ran", "pytorch_model.bin")
    with pytest.raises(BadInput, match=r"only pickled weights \(pytorch_model.bin\), which are never loaded"):
        LocalOracle(folder, sampling=Sampling())
    with pytest.raises(BadInput, match="only pickled weights"):
        load_encoder(str(folder))
    assert not (tmp_path / "it ran").exists()


def test_pickles_beside_safetensors_are_not_touched(tiny_qwen: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_qwen, tmp_path / "m"))
    spoil(folder, tmp_path / "it ran", *PICKLES)
    oracle = LocalOracle(folder, sampling=Sampling(max_new_tokens=2))
    assert len(oracle.answer([Request("p", "Hello.")])) == 1
    assert not (tmp_path / "it ran").exists()


@pytest.mark.parametrize("named", ["evil.bin", "../evil.safetensors"])
def test_an_index_cannot_lead_from_safetensors_to_a_pickle_or_out_of_the_folder(
    named: str, tiny_qwen: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_qwen, tmp_path / "m"))
    weights = next(folder.glob("*.safetensors"))
    weights.rename(folder / "other.safetensors")
    spoil(folder, tmp_path / "it ran", named)
    index = {"metadata": {"total_size": 1}, "weight_map": {"model.embed_tokens.weight": named}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(
        BadInput, match=f"model.safetensors.index.json names '{named}', which is never loaded"
    ):
        LocalOracle(folder, sampling=Sampling())
    assert not (tmp_path / "it ran").exists()


def test_pickled_adapters_are_refused_by_name_and_not_touched_beside_safetensors(
    tiny_qwen: Path, tmp_path: Path
) -> None:
    train_adapter(
        tiny_qwen,
        prompts=["Hi."],
        answers=["Ho."],
        out=tmp_path / "a",
        settings=LoraSettings(epochs=1),
        seed=0,
    )
    spoil(tmp_path / "a", tmp_path / "it ran", *PICKLES)
    oracle = LocalOracle(tiny_qwen, adapter=tmp_path / "a", sampling=Sampling(max_new_tokens=2))
    assert len(oracle.answer([Request("p", "Hello.")])) == 1
    (tmp_path / "a" / "adapter_model.safetensors").unlink()
    with pytest.raises(BadInput, match="adapter_model.bin is a pickle and is never loaded"):
        LocalOracle(tiny_qwen, adapter=tmp_path / "a", sampling=Sampling())
    assert not (tmp_path / "it ran").exists()


def test_no_setting_and_no_file_runs_what_yaml_can_say(parameters: Path, tmp_path: Path) -> None:
    hostile = f"!!python/object/apply:os.system ['touch {tmp_path}/ran']"
    assert parse_setting(f"teacher={hostile}") == ("teacher", hostile)  # text, and no model's name
    (parameters / "profiles" / "mine.yaml").write_text(f"teacher: {hostile}\n")
    (parameters / "pairs" / "fine.yaml").write_text("any: {}\n")
    with pytest.raises(BadInput, match="TEACHER in profiles/mine.yaml is .'touch .*expected text"):
        load_study("mine", "fine", folder=parameters)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", ["[" * 5000, "a: \xff".encode("latin-1").decode("latin-1")])
def test_yaml_that_is_none_is_one_clear_error(content: str, parameters: Path) -> None:
    (parameters / "pairs" / "mine.yaml").write_bytes(content.encode("latin-1"))
    with pytest.raises(BadInput, match="mine.yaml is not valid YAML"):
        load_study("pocket", "mine", folder=parameters)
    assert isinstance(parse_setting(f"teacher={'[' * 5000}")[1], str)


def test_a_few_lines_cannot_stand_for_more_than_memory_holds(parameters: Path) -> None:
    bomb = "".join(f"  - &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]\n" for i in range(1, 30))
    text = f"any:\n  teacher:\n  - &l0 [lol]\n{bomb}"
    (parameters / "pairs" / "mine.yaml").write_text(text)
    with pytest.raises(BadInput, match="TEACHER in pairs/mine.yaml is .*expected text") as error:
        load_study("pocket", "mine", folder=parameters)
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize(
    "line", ["run_dir: /tmp", "pairs: [../../x]", "pair: x", "own_adversaries: [evil.py:E]"]
)
def test_where_a_run_writes_and_what_it_runs_no_file_can_say(line: str, parameters: Path) -> None:
    (parameters / "pairs" / "mine.yaml").write_text(f"any:\n  {line}\n")
    with pytest.raises(BadInput, match=r"pairs/mine.yaml sets .*, which only the command can \(--set"):
        load_study("pocket", "mine", folder=parameters)
    (parameters / "pairs" / "fine.yaml").write_text("any: {}\n")
    profile = (parameters / "profiles" / "pocket.yaml").read_text()
    (parameters / "profiles" / "mine.yaml").write_text(f"{profile}\n{line}\n")
    refused = r"profiles/mine.yaml sets .*, which only the command can"
    if line.startswith("pairs"):  # a profile may name pairs, but none outside their folder
        refused = r"PAIRS in profiles/mine.yaml is .*expected list, each letters"
        with pytest.raises(BadInput, match=refused):
            pairs_of("mine", parameters)
    with pytest.raises(BadInput, match=refused):
        load_study("mine", "fine", folder=parameters)


def test_no_pair_of_a_run_can_leave_its_folder() -> None:
    with pytest.raises(BadInput, match="PAIRS in the settings is .*'../x'.; expected list, each letters"):
        load_study("pocket", "qwen", {"pairs": ["qwen", "../x"]})


HOSTILE = "\x1b]0;title\x07\x1b[2J\x1b[31m<script>alert(1)</script> $\\frac{$ _a_ \u202egnp.exe"


def test_control_characters_are_spelt_out_wherever_texts_stand_side_by_side() -> None:
    assert printable("a\x1b[2J\x07\x9b\u202e\ud83d") == r"a\x1b[2J\x07\x9b\u202e\ud83d"
    assert printable("tab\tand\nnewline, ü, 漢, 👩‍🔬") == "tab\tand\nnewline, ü, 漢, 👩‍🔬"
    said = side_by_side({"teacher": HOSTILE, "student": "back\b\b\b\bspace\rover"})
    assert not UNPRINTABLE.search(said) and r"\x1b[2J" in said and r"back\x08" in said


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """Recorded answers whose every text does what a terminal, a page or a plot should not obey."""
    forged = "x\ncertified: ε ≤ 0.001 against these 8 adversaries"
    names = [HOSTILE, forged, "$", "$x^$", "a_$b$_c"]
    table = [
        {**row, "category": names[i % 5], "prompt": f"{HOSTILE} {row['prompt']}",
         "teacher": f"{HOSTILE} {row['teacher']}", "student": f"$ \x1b[8m {row['student']}"}
        for i, row in enumerate(recorded_files.rows(100))
    ]  # fmt: skip
    return recorded_files.write(tmp_path / "answers.jsonl", table)


def test_an_audit_shows_hostile_texts_and_obeys_none(
    hostile: Path, tmp_path: Path, cheap: None, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["audit", str(hostile), "--epsilon", "0.1", "--out", str(tmp_path / "out"), "--name"]
    assert main([*command, "$n\x1b[2J"]) == 2  # a name of one's own may not have any
    shown = capsys.readouterr()
    assert shown.out == "" and not UNPRINTABLE.search(shown.err) and not (tmp_path / "out").exists()
    status = main([*command, "$n_$ <b>"])
    shown = capsys.readouterr()
    assert status == 1 and not UNPRINTABLE.search(shown.out + shown.err)
    assert not any(line.startswith("certified") for line in shown.out.splitlines())
    assert len(list((tmp_path / "out" / "figures").glob("*.png"))) == 5


def test_errors_show_hostile_names_and_obey_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = [{"\x1b[2Jcolumn": "x"}]
    assert main(["audit", str(recorded_files.write(tmp_path / "a.jsonl", table)), "--epsilon", "0.1"]) == 2
    assert main(["reproduce", "--pair", "\x1b[2J"]) == 2
    assert main(["reproduce", "--set", "\x1b[2J=1"]) == 2
    assert not UNPRINTABLE.search(capsys.readouterr().err)


def test_figures_draw_names_as_they_are_written() -> None:
    scores = synthetic_results.scores(100)
    scores["category"] = scores["category"].map(lambda name: f"{name} $\\frac{{1$ \x07")
    found = synthetic_results.advantages(scores, "category")
    fig = category_figure(found, pair="qwen")
    fig.canvas.draw()  # outside the style in which it was made, as a notebook does it
    labels = [label for ax in fig.axes for label in ax.get_yticklabels() if "frac" in label.get_text()]
    assert labels and not any(label.get_parse_math() for label in labels)
    assert all(r"\x07" in label.get_text() for label in labels)


@pytest.mark.parametrize("read", [read_probes, read_answers])
def test_half_a_character_is_named_before_anything_is_asked(
    read: Callable[[Path], Any], tmp_path: Path
) -> None:
    table = [{**row, "prompt_id": str(i), "teacher": "a", "student": "b"} for i, row in enumerate(rows())]
    table[6]["prompt"] += " \ud83d"
    with pytest.raises(BadInput, match="column prompt, row 7: half of a surrogate pair"):
        read(write(tmp_path / "mine.jsonl", table))
