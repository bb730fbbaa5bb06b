"""What the plan says a study needs: a line for every adversary, and about what is measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import make_llama

from bbi_utils import paths
from bbi_utils.adversaries import EncoderSettings, all_adversaries
from bbi_utils.study.needs import BASE, Sizes, needs
from bbi_utils.study.params import Study, load_study
from bbi_utils.study.plan import duration, plan, work_of
from bbi_utils.study.shapes import PUBLISHED, shape_of
from bbi_utils.study.stages import STAGES

WITHIN = 2.0  # times more or less
SIZES: dict[str, int] = {
    "n_test": 32, "n_judge": 20, "folds": 2, "n_budget_test": 20,
    "encoder_max_length": 128, "encoder_epochs": 1,
}  # fmt: skip
LAYERS: dict[str, dict[str, int]] = {
    "all": {},
    "one of two": {"encoder_layers": 2, "encoder_trainable_layers": 1},
}
# Processes of their own: what another test has left on the heap would hide what this one takes.
CODE = """
import json, os, sys
import torch
from benchmarks.rehearsal import highest, pairs_of, stand_ins
from bbi_utils.adversaries import EncoderSettings, encoder_adversaries
from bbi_utils.games.player import held_out
from bbi_utils.study.params import load_study
from pathlib import Path

def grown(sizes):
    study = load_study("laptop", "qwen", {**made, **sizes})
    (model,) = study.encoders
    shape = {"layers": study.encoder_layers, "trainable_layers": study.encoder_trainable_layers}
    limits = {"max_length": study.encoder_max_length, "epochs": 1, "device": "cpu"}
    settings = EncoderSettings(model=model, **limits, **shape)
    make, pairs = encoder_adversaries(settings)[settings.name], pairs_of(study)
    Path("/proc/self/clear_refs").write_text("5")  # the highest so far is what there is now
    before = highest()
    held_out(make, pairs, [0], seed=0)
    print(json.dumps([model, highest() - before]), flush=True)

torch.set_num_threads(1)  # or a child would wait for its parent's threads
made = stand_ins(Path(sys.argv[1]), "laptop", "qwen")
for sizes in json.loads(sys.argv[2]):
    if (child := os.fork()) == 0:
        grown(sizes)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """The encoder and the bytes by which a process grew that trained it, for each choice of layers."""
    sizes = json.dumps([{**SIZES, **layers} for layers in LAYERS.values()])
    command = [sys.executable, "-c", CODE, str(tmp_path_factory.mktemp("needs")), sizes]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=paths.ROOT).stdout
    return dict(zip(LAYERS, map(json.loads, said.splitlines()[-len(LAYERS) :]), strict=True))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("layers", LAYERS)
def test_an_encoders_memory_is_about_what_the_plan_says(measured: dict[str, list[Any]], layers: str) -> None:
    model, grown = measured[layers]
    sizes: dict[str, Any] = {**SIZES, **LAYERS[layers], "encoders": [model], "device": "cpu"}
    shape = shape_of(model)
    assert shape is not None
    foretold = Sizes(load_study("laptop", "qwen", sizes)).fine_tuning(shape, joint=False)[0] - BASE
    assert 1e8 < foretold / WITHIN < grown < foretold * WITHIN, (foretold, grown)


@pytest.fixture
def study() -> Study:
    return load_study("paper", "qwen")


def test_every_adversary_of_the_registry_has_a_line(study: Study) -> None:
    own = study.model_copy(update={"own_adversaries": ("notebooks/my_adversary.py:Manners",)})
    registry = all_adversaries(*map(EncoderSettings, study.encoders))
    lines = {need.what: need for need in needs(own) if need.stage == "04"}
    assert {*registry, "manners", "similarity"} == lines.keys()
    assert {"stylometric", "ensemble", "roberta-base_joint"} <= registry.keys()
    assert lines["manners"].memory is None and all(lines[name].memory for name in registry)
    assert lines["roberta-base"].units == 4 * (5 + 10)  # contrasts, each fold and each two of them left out
    text = plan([own])
    assert all(f"  {name} " in text for name in lines) and "unknown" in text


def test_what_runs_elsewhere_needs_nothing_here(study: Study) -> None:
    far = study.model_copy(
        update={"teacher": "https://example.org/v1#m", "teacher_4bit": False, "judge": None}
    )
    assert {need.what for need in needs(far)} == {need.what for need in needs(study)} - {
        "teacher answers", "teacher weighs answers", "student weighs answers", "judge"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"n_test": 500}, "char_ngrams"),
        ({"encoder_max_length": 128}, "roberta-base_joint"),
        ({"encoder_layers": 6}, "roberta-base"),
        ({"batch_size": 8}, "teacher answers"),
        ({"student": "Qwen/Qwen2.5-0.5B-Instruct"}, "distillation"),
        ({"n_test": 500}, "kernel tests"),
    ],
)
def test_less_work_needs_less(study: Study, change: dict[str, object], what: str) -> None:
    sizes = {"n_judge": 500, "n_budget_test": 500} if "n_test" in change else {}
    more, less = ({need.what: need for need in needs(one)}[what]
                  for one in (study, study.model_copy(update={**change, **sizes})))  # fmt: skip
    assert more.memory and less.memory and more.seconds and less.seconds
    assert less.memory < more.memory
    # Smaller batches take no less time.
    assert less.seconds < more.seconds or "batch_size" in change


def test_shapes_come_from_configurations_and_tables(tmp_path: Path) -> None:
    shape, config = shape_of(str(make_llama(tmp_path))), json.loads((tmp_path / "config.json").read_text())
    assert shape is not None and shape.layers == config["num_hidden_layers"] and shape.numbers > 1e4
    assert (shape.width, shape.words) == (config["hidden_size"], config["vocab_size"])
    assert shape.keys == config["num_key_value_heads"] * config["head_dim"]
    assert shape_of("roberta-base") == PUBLISHED["roberta-base"] and shape_of("some/model") is None
    smol = shape_of("smol")
    assert smol is not None and (smol.layers, smol.width, smol.keys, smol.words) == (30, 576, 192, 49_152)


def test_durations_are_words() -> None:
    said = [duration(seconds) for seconds in (None, 3, 119, 600, 9000, 3e5)]
    assert said == ["unknown", "3 seconds", "119 seconds", "10 minutes", "2 hours", "3 days"]


def test_every_line_stands_by_the_notebook_that_does_it() -> None:
    study, notebooks = load_study("pocket", "qwen"), {stage.number: stage.notebook for stage in STAGES}
    found = {line.what: notebooks[line.stage] for line in (*needs(study), *work_of(study))}
    wanted = {"judge": "05_identify_teacher", "kernel tests": "06_ask_many_questions"}
    assert {name: found[name] for name in wanted} == wanted
    bought = {notebook for name, notebook in found.items() if "budget" in name or "pool" in name}
    assert bought == {"08_spend_query_budget"}
