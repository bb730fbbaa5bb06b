"""What cannot work is refused before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny_study
from conftest import CHATML, make_qwen

from bbi_utils.errors import BadInput
from bbi_utils.study import plan, preflight
from bbi_utils.study.params import Study, load_study
from bbi_utils.study.shapes import PUBLISHED, Shape


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A sound study of three model folders, with the hub's client offline."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    settings = {**tiny_study.models(tmp_path), "run_dir": str(tmp_path / "run")}
    return load_study("pocket", "qwen", settings)


def changed(study: Study, change: dict[str, Any]) -> Study:
    """The study with some parameters changed, as a user's settings change them."""
    own = {name: value for name, value in study.parameters().items() if name not in ("PROFILE", "PAIR")}
    return load_study("pocket", "qwen", {**own, **change})


def test_a_sound_study_passes(study: Study) -> None:
    preflight.check_all([study])
    preflight.check_disk(study)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"n_distill": 4900},
            "N_DISTILL asks for 4900, more than the 4000 distillation prompts among N_PROBES",
        ),
        ({"n_development": 3001}, "N_DEVELOPMENT asks for 3001, more than the 3000 that N_DISTILL leaves"),
        ({"n_distill": 4100}, "N_DISTILL asks for 4100, more than the 4000 distillation prompts"),
        ({"n_test": 1001}, "N_TEST asks for 1001, more than the 1000 test prompts"),
        ({"n_test": 5, "n_judge": 5, "n_budget_test": 5}, "N_TEST is 5; expected at least 20"),
        ({"folds": 400}, "N_TEST is 600; expected at least 800: FOLDS=400 takes two prompts a fold"),
        ({"n_judge": 601}, "N_JUDGE asks for 601, more than N_TEST=600"),
        ({"budgets": (40, 1200)}, "BUDGETS asks for 1200, more than the pool, N_DISTILL=1000"),
        ({"budgets": ()}, "BUDGETS in the settings is .*; expected a list of at least one"),
        ({"strategies": ()}, "STRATEGIES in the settings is .*; expected a list of at least one"),
        ({"budgets": [40, 40]}, "BUDGETS in the settings is \\[40, 40\\]; expected each of them once"),
        ({"seed": 2**32}, "SEED in the settings is 4294967296; expected at most 2147483647"),
        ({"learning_rate": float("nan")}, "LEARNING_RATE in the settings is nan; expected a finite number"),
        ({"temperature": float("inf")}, "TEMPERATURE in the settings is inf; expected a finite number"),
        ({"run_dir": "."}, "RUN_DIR is ., the repository, whose figures a run would replace"),
        ({"temperature": -1.0}, "TEMPERATURE in the settings is -1.0; expected 0 or more"),
        ({"top_p": 0.0}, "TOP_P in the settings is 0.0; expected more than 0"),
        ({"epochs": 0}, "EPOCHS in the settings is 0; expected more than 0"),
        ({"folds": 1}, "FOLDS in the settings is 1; expected 2 or more"),
        ({"epsilon": 1.0}, "EPSILON in the settings is 1.0; expected below 1"),
        ({"queries": (0,)}, "QUERIES in the settings is .*; expected list, each more than 0"),
        ({"own_adversaries": ("none.py:Mine",)}, "there is no file none.py"),
        ({"encoder_layers": 0}, "ENCODER_LAYERS in the settings is 0; expected more than 0"),
        ({"encoder_trainable_layers": 4}, "ENCODER_TRAINABLE_LAYERS is 4; expected null, or from 1 to"),
        ({"quantisation": "nf44"}, "did you mean 'nf4'"),
        ({"strategies": ("disagrement",)}, "did you mean 'disagreement'"),
        ({"dtype": "half"}, "unknown DTYPE value in the settings 'half'"),
        ({"device": "gpu"}, "DEVICE in the settings is 'gpu'; expected auto, cpu"),
        ({"pairs": ["../x"]}, "PAIRS in the settings is .*; expected list, each letters, digits"),
        (
            {"pairs": ["figures"]},
            "PAIRS in the settings is .'figures'.; .* none of executed, figures, stages",
        ),
        ({"judge": "./nowhere"}, "JUDGE ./nowhere does not exist"),
        ({"judge": "pocket/nobody"}, "JUDGE pocket/nobody does not exist .shipped models:"),
        ({"encoders": ("some/model",)}, "ENCODERS some/model is neither a folder nor in the local cache"),
        ({"sentence_encoder": "./nowhere"}, "SENTENCE_ENCODER ./nowhere does not exist"),
        ({"judge": "some/model"}, "neither a folder nor in the local cache"),
        ({"teacher_revision": "main"}, "is a folder and has no revision 'main'"),
    ],
)
def test_what_cannot_work_is_named(study: Study, change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message) as error:
        preflight.check_all([changed(study, change)])
    assert "\n" not in str(error.value)


def test_teacher_and_student_must_differ(study: Study) -> None:
    same = study.model_copy(update={"student": study.teacher + "/../teacher"})
    with pytest.raises(BadInput, match="nothing to distil"):
        preflight.check_study(same)


def test_one_model_behind_another_prompt_is_another_arm(study: Study, tiny_qwen: Path) -> None:
    both = {"teacher": str(tiny_qwen), "student": str(tiny_qwen)}
    product = changed(study, {**both, "teacher_system_prompt": "Be brief."})
    preflight.check_study(product)
    same = changed(product, {"student_system_prompt": "Be brief."})
    with pytest.raises(BadInput, match="are both .*; choose two models, or set TEACHER_SYSTEM_PROMPT"):
        preflight.check_study(same)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{%- if messages[0]['role'] == 'system' %}{{ raise_exception('No system role') }}{%- endif %}",
         "No system role; .* needs its system prompt null"),
        ("{%- set messages = messages[-1:] %}", "leaves the system prompt out .'Be brief.'.; set it to null"),
    ],
)  # fmt: skip
def test_a_template_without_room_for_a_system_prompt_is_found_before_anything_runs(
    study: Study, tmp_path: Path, template: str, message: str
) -> None:
    model = make_qwen(tmp_path / "plain", template=template + CHATML)
    preflight.check_study(changed(study, {"student": str(model)}))
    with pytest.raises(BadInput, match=message) as error:
        preflight.check_study(changed(study, {"student": str(model), "student_system_prompt": "Be brief."}))
    assert "\n" not in str(error.value)


def test_recorded_answers_take_no_system_prompt(study: Study, tmp_path: Path) -> None:
    (tmp_path / "said.jsonl").write_text("")
    said = {"teacher": str(tmp_path / "said.jsonl"), "teacher_4bit": False, "teacher_system_prompt": "Hi"}
    with pytest.raises(BadInput, match="TEACHER .* given already: set TEACHER_SYSTEM_PROMPT=null"):
        preflight.check_system_prompt(changed(study, said), "teacher")


def test_a_folder_without_safetensors_is_no_model(study: Study) -> None:
    (Path(study.judge) / "model.safetensors").unlink()
    with pytest.raises(BadInput, match="safetensors"):
        preflight.check_study(study)


@pytest.mark.parametrize("left", [0, 5, 40])
def test_a_model_whose_download_was_cut_is_refused(study: Study, left: int) -> None:
    weights = Path(study.judge) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:left])
    with pytest.raises(BadInput, match="model.safetensors is no whole safetensors file .*; get it anew"):
        preflight.check_study(study)


def test_a_model_with_a_damaged_configuration_is_refused(study: Study) -> None:
    (Path(study.teacher) / "config.json").write_text("{")
    with pytest.raises(BadInput, match="config.json cannot be read"):
        preflight.check_study(study)


def test_a_hub_model_in_the_cache_is_found_offline(study: Study, tmp_path: Path) -> None:
    model = tmp_path / "cache" / "models--some--model"
    for file, content in (("refs/main", "abc123"), ("snapshots/abc123/config.json", "{}")):
        (model / file).parent.mkdir(parents=True)
        (model / file).write_text(content)
    preflight.check_study(study.model_copy(update={"judge": "some/model"}))


def test_a_run_folder_that_cannot_be_written_is_refused(study: Study, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadInput, match="cannot write in .*RUN_DIR=another"):
        preflight.check_disk(study.model_copy(update={"run_dir": str(tmp_path / "file" / "run")}))


def test_a_disk_without_room_is_refused(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "FREE_BYTES", 10**18)
    with pytest.raises(BadInput, match="not enough disk"):
        preflight.check_disk(study)


def test_models_that_do_not_fit_on_the_disk_are_refused(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PUBLISHED, "some/model", Shape(1e18, 1, 1, 1, 1))
    with pytest.raises(BadInput, match="some/model need .* GB"):
        preflight.check_downloads(study.model_copy(update={"judge": "some/model"}))


def test_pairs_of_one_run_agree_on_what_they_share(study: Study) -> None:
    with pytest.raises(BadInput, match="must agree"):
        preflight.check_all([study, study.model_copy(update={"pair": "llama", "seed": 1})])


HERE = "http://127.0.0.1:9/v1#m"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"teacher": HERE}, "TEACHER http://127.0.0.1:9/v1#m is an endpoint: .* set TEACHER_4BIT=false"),
        ({"student": HERE}, "nothing can be distilled into it; .* `python -m bbi_utils sample`"),
        ({"judge": "http://127.0.0.1:9/v1"}, "names no model; expected http://127.0.0.1:9/v1#model-name"),
        ({"judge": "https://host.example/v1#m"}, "NO_SUCH_API_KEY is not set"),
        (
            {"judge": HERE, "judge_key": "HF_TOKEN"},
            "read from HF_TOKEN; expected a variable whose name ends in",
        ),
        ({"judge": HERE, "judge_revision": "main"}, "is an endpoint: it has no revision main"),
        ({"judge": HERE, "max_spend": 1.0}, "MAX_SPEND is 1, but the price of m at 127.0.0.1:9 is not given"),
        ({"judge": HERE, "judge_price": (1.0,)}, "price is .1.0.; expected two numbers"),
        ({"judge": HERE, "judge_price": (1.0, -1.0)}, "expected two numbers from 0 on"),
        ({"judge": HERE, "judge_price": (1.0, float("nan"))}, "JUDGE_PRICE .*; expected list, each a finite"),
        ({"judge": HERE, "judge_price": (0.0, 0.0), "max_spend": -1.0}, "max_spend is -1.0"),
        ({"judge": HERE, "concurrency": 0}, "concurrency is 0"),
        ({"judge": HERE, "timeout": 0.0}, "timeout is 0.0"),
        ({"judge": "nowhere.jsonl"}, "nowhere.jsonl: no such file"),
    ],
)
def test_an_endpoint_that_cannot_work_is_named(study: Study, change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message) as error:
        preflight.check_all([changed(study, {"judge_key": "NO_SUCH_API_KEY", **change})])
    assert "\n" not in str(error.value)


def test_an_endpoint_may_be_teacher_and_judge_and_the_plan_says_what_it_may_cost(study: Study) -> None:
    asked = {"teacher": HERE, "teacher_4bit": False, "teacher_price": (1.0, 10.0), "judge": HERE + "2"}
    both = changed(study, {**asked, "max_spend": 5.0})
    with pytest.raises(BadInput, match="the price of m2 at"):
        preflight.check_all([both])
    both = changed(both, {"judge_price": [0, 0]})
    preflight.check_all([both])
    preflight.check_downloads(both)
    text = plan.plan([both])
    assert "teacher  http://127.0.0.1:9/v1#m (runs elsewhere)" in text and "endpoints (MAX_SPEND 5)" in text
    answers = (both.n_distill + both.n_development + 2 * both.n_test) * both.max_new_tokens
    assert f"at most {answers:,} answer tokens (answers cost at most {answers * 1e-5:.4g}" in text


def test_a_plan_counts_what_the_study_asks_for(study: Study) -> None:
    text = plan.plan([study])
    assert "nothing is run or written" in text
    work = {(item.stage, item.what): item for item in plan.work_of(study)}
    bought = len(study.strategies) * study.budget_seeds * sum(study.budgets)
    assert work["08", "examples seen in 48 distillations on a budget"].times == bought * study.epochs
    assert sum(item.tokens for item in work.values()) % study.max_new_tokens == 0


def test_sizes_of_models_come_from_files_tables_or_names(study: Study) -> None:
    assert plan.parameters_of(study.teacher) == 2
    assert plan.parameters_of("Qwen/Qwen2.5-7B-Instruct") == 7.62e9
    assert plan.parameters_of("some/new-3.5B-chat") == 3.5e9
    assert plan.parameters_of("some/model") is None
    paper = load_study("paper", "qwen")
    assert "7.62 B" in plan.plan([paper]) and "about 19.1 GB" in plan.plan([paper])
