"""Hub ids, offline: models in a cache laid out as the hub's client leaves it, by branch and by commit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import make_family, put_in_hub_cache

from bbi_utils import paths
from bbi_utils.oracles import LocalOracle, Request, Sampling
from bbi_utils.oracles.hub import FILES, UNREAD, cached_commit

FIRST, SECOND = "a" * 40, "b" * 40
GREEDY = Sampling(temperature=0, max_new_tokens=5)
# Each process reads where the cache is, and that it is offline, once: when it starts.
ASK = """
import json, sys
from bbi_utils.errors import BadInput
from bbi_utils.oracles import Request, Sampling, LocalOracle
from bbi_utils.study.params import load_study
from bbi_utils.study.preflight import check_all
from bbi_utils.study.run import models_of

def ask(model, revision):
    try:
        oracle = LocalOracle(
            model, revision=revision, device="cpu", sampling=Sampling(temperature=0, max_new_tokens=5)
        )
        return oracle.settings["model"], oracle.name, oracle.answer([Request("p", "Hello.")])[0].answer
    except BadInput as error:
        return str(error)

references, models = json.loads(sys.argv[1])
study = load_study("pocket", "qwen", models)
check_all([study])
print(json.dumps([[ask(*reference) for reference in references], models_of(study)]))
"""


def ask(home: Path, references: list[Any], models: dict[str, Any]) -> Any:
    """What a process of its own, offline with this cache, finds behind each reference and in the study."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environment |= {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(paths.ROOT)}
    command = [sys.executable, "-c", ASK, json.dumps([references, models])]
    asked = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert asked.returncode == 0, asked.stderr
    return json.loads(asked.stdout)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A cache that holds two commits of one model and nothing else."""
    for family, commit, branch in (("qwen3", FIRST, "main"), ("llama3.2", SECOND, "v2")):
        model = make_family(tmp_path / family, family)
        put_in_hub_cache(tmp_path / "home", model, name="some/model", commit=commit, branch=branch)
    return tmp_path / "home"


def write_adapter(folder: Path, model: Path, **settings: Any) -> str:
    """An adapter on a checkpoint, whose configuration names another place for its base."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from bbi_utils.oracles.adapters import peft_warnings

    config = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM")
    with peft_warnings():
        get_peft_model(AutoModelForCausalLM.from_pretrained(model), config).save_pretrained(folder)
    config_file = folder / "adapter_config.json"
    config_file.write_text(json.dumps(json.loads(config_file.read_text()) | settings))
    return str(folder)


def test_a_hub_id_is_loaded_from_the_cache_by_branch_and_by_commit(home: Path, tmp_path: Path) -> None:
    adapter = write_adapter(
        tmp_path / "mine", tmp_path / "llama3.2", base_model_name_or_path="some/model", revision="v2"
    )
    references = [["some/model", None], ["some/model", "v2"], ["some/model", SECOND], [adapter, None],
                  ["some/model", "v3"]]  # fmt: skip
    models = {"teacher": adapter, "student": "some/model", "judge": "some/model", "judge_revision": "v2"}
    found, manifest = ask(home, references, models)
    hello = [Request("p", "Hello.")]
    first, second = (
        LocalOracle(tmp_path / family, sampling=GREEDY, device="cpu").answer(hello)[0].answer
        for family in ("qwen3", "llama3.2")
    )
    assert found[0] == [f"hub:some/model@{FIRST}", "some/model", first]
    assert found[1] == found[2] == [f"hub:some/model@{SECOND}", "some/model", second]
    assert found[3][0].startswith(f"hub:some/model@{SECOND}+adapter:")
    assert found[3][1:] == ["some/model + mine", second]  # fresh LoRA weights change nothing
    assert "hub model some/model at revision v3 is not in the local cache" in found[4]
    commits = {role: (one["revision"], one["commit"]) for role, one in manifest.items()}
    assert commits == {"teacher": (None, SECOND), "student": (None, FIRST), "judge": ("v2", SECOND)}


def test_a_commit_is_found_by_branch_and_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    model = tmp_path / "models--a--b"
    (model / "refs").mkdir(parents=True)
    (model / "snapshots" / "c0ffee").mkdir(parents=True)
    (model / "snapshots" / "c0ffee" / "config.json").touch()
    (model / "refs" / "main").write_text("c0ffee")
    assert cached_commit("a/b") == "c0ffee" == cached_commit("a/b", "c0ffee")
    assert cached_commit("a/b", "v2") is None and cached_commit("a/c") is None
    assert cached_commit("no id") is None


def test_weights_that_lie_there_twice_are_fetched_once() -> None:
    from huggingface_hub.utils import filter_repo_objects

    there = ["config.json", "model-00001-of-00002.safetensors", "model.safetensors.index.json"]
    more = ["consolidated.safetensors", "consolidated-00001-of-00002.safetensors", "original/params.json"]
    wanted = filter_repo_objects(
        [*there, *more, "pytorch_model.bin"], allow_patterns=FILES, ignore_patterns=UNREAD
    )
    assert list(wanted) == there
