"""Files that describe a study are data: nothing that comes with a model, a pair or a prompt is executed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_own_probes import rows, write

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.oracles.checkpoints import REMOTE_CODE
from bbi_utils.params import load_study
from bbi_utils.preflight import check_values
from bbi_utils.probes import dataset_card, read_probes

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
from bbi_utils.oracles import Request, Sampling, load_local
try:
    oracle = load_local(sys.argv[1], sampling=Sampling(max_new_tokens=3))
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
    with pytest.raises(BadInput, match="mine.yaml is not valid YAML"):
        load_study("pocket", "mine", folder=parameters)
    assert not (tmp_path / "ran").exists()


def test_a_pair_cannot_leave_the_runs_folder(parameters: Path) -> None:
    shutil.copy(parameters / "pairs" / "qwen.yaml", parameters / "escaped.yaml")
    with pytest.raises(BadInput, match="PAIR is '../escaped'; expected letters"):
        check_values(load_study("pocket", "../escaped", folder=parameters))


def test_a_prompt_is_text_on_the_card_whatever_it_contains(tmp_path: Path) -> None:
    table = [{"prompt": "`<img src=x onerror=alert(1)>` | [x](javascript:y)", "category": "<b>|"}, *rows()]
    card = dataset_card(read_probes(write(tmp_path / "mine.jsonl", table)), source="mine.jsonl")
    assert "<img" not in card and "<b>" not in card and "&lt;img src=x onerror=alert\\(1\\)&gt;" in card
    assert "[x](" not in card
    row = next(line for line in card.splitlines() if line.startswith("| &lt;b"))
    assert row.replace("\\|", "").count("|") == 7
