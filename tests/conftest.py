"""Tiny checkpoints in real shapes (random weights, own tokenizer), two of them saved once; a small disk."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from serving import served
from tiny_study import in_this_process, keep_modules


def pytest_configure() -> None:
    """A core for each worker and all that it starts; threads of several on one core wait for one another."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with whole notebooks in them come first, so that no worker is left alone with one at the end."""
    long = {item.path for item in items if item.get_closest_marker("smoke")}
    items.sort(key=lambda item: item.path not in long)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Whatever a test loads is loaded for good."""
    keep_modules()


@pytest.fixture(autouse=True, scope="module")
def environment_of_its_own() -> Iterator[None]:
    """The driver keeps the pocket profile offline for the rest of its process; here that ends with a file."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


CHATML = (
    "{%- for m in messages %}"
    "{{- '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"
)
# Qwen2.5 adds a system turn of its own; Qwen3 closes an empty thought where it is told not to think.
QWEN25 = (
    "{%- if messages[0]['role'] != 'system' %}"
    "{{- '<|im_start|>system\nYou are Qwen.<|im_end|>\n' }}{%- endif %}" + CHATML
)
QWEN3 = (
    "{%- for m in messages %}{{- '<|im_start|>' + m['role'] + '\n' }}"
    "{%- if m['role'] == 'assistant' and loop.last %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}"
    "{{- m['content'] + '<|im_end|>\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}"
    "{%- if enable_thinking is defined and enable_thinking is false %}"
    "{{- '<think>\n\n</think>\n\n' }}{%- endif %}{%- endif %}"
)
# Like the original it begins with the BOS token and, unless it is told otherwise, writes today's date.
LLAMA3 = (
    "{{- bos_token }}"
    "{%- if date_string is not defined %}{%- set date_string = strftime_now('%d %b %Y') %}{%- endif %}"
    "{%- if messages[0]['role'] == 'system' %}{%- set system = messages[0]['content'] %}"
    "{%- set messages = messages[1:] %}{%- else %}{%- set system = '' %}{%- endif %}"
    "{{- '<|start_header_id|>system<|end_header_id|>\n\n' }}"
    "{{- 'Today Date: ' + date_string + '\n\n' + system + '<|eot_id|>' }}"
    "{%- for m in messages %}"
    "{{- '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n' }}"
    "{{- m['content'] + '<|eot_id|>' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif %}"
)
CORPUS = [
    "What is the capital of France? The capital of France is Paris.",
    "Name three fruits. Apples, pears and plums.",
    "Reply with A or B. Which answer was written by the teacher?",
    "Write one short sentence about rain. The rain fell softly on the roof.",
]
VOCABULARY = 320
CONTEXT = 512
MEGABYTES = 4  # of the small disk


def save_tokenizer(
    folder: Path,
    *,
    specials: Sequence[str],
    template: str,
    bos: str | None,
    eos: str,
    plain: Sequence[str] = (),
) -> None:
    """Train a 320-token byte-level BPE on four lines and save it with its chat template.

    `plain` are added tokens that decoding keeps, as <think> is in Qwen3.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(plain),
        special_tokens=list(specials),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(CORPUS, trainer)
    if (
        bos is not None
    ):  # as Llama-3's own tokenizer does: tokenising a templated string would add a second BOS
        from tokenizers.processors import TemplateProcessing

        single = [(bos, bpe.token_to_id(bos))]
        bpe.post_processor = TemplateProcessing(single=f"{bos} $A", pair=None, special_tokens=single)
    extra: dict[str, Any] = {"bos_token": bos} if bos else {}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token=eos, additional_special_tokens=list(specials), **extra
    )
    tokenizer.add_tokens(list(plain))
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)


def save_model(
    folder: Path,
    family: str,
    *,
    seed: int,
    eos: list[int],
    dtype: str = "float32",
    shard: str = "1GB",
    **shape: Any,
) -> None:
    """Save a randomly initialised language model as safetensors, in files of at most `shard`.

    `shape` adds to the configuration or replaces what is in it.
    """
    import torch
    import transformers

    config_type = getattr(transformers, f"{family}Config")
    model_type = getattr(transformers, f"{family}ForCausalLM")
    settings = {
        "vocab_size": VOCABULARY,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": CONTEXT,
        "tie_word_embeddings": True,
        "eos_token_id": eos[0],
        "bos_token_id": None,
        "pad_token_id": None,
        # Spread logits: answers differ from prompt to prompt and from seed to seed.
        "initializer_range": 0.3,
    }
    config = config_type(**settings | shape)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = model_type(config).to(getattr(torch, dtype))
    model.generation_config = transformers.GenerationConfig(eos_token_id=eos)
    model.save_pretrained(folder, max_shard_size=shard)


def make_qwen(
    folder: Path, *, seed: int = 1, family: str = "Qwen2", template: str = CHATML, **saved: Any
) -> Path:
    """A Qwen-shaped checkpoint with a ChatML template and <|endoftext|> as its only declared stop."""
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    plain = ["<think>", "</think>"] if template == QWEN3 else []
    save_model(folder, family, seed=seed, **{"eos": [0]} | saved)
    save_tokenizer(folder, specials=specials, template=template, bos=None, eos=specials[0], plain=plain)
    return folder


def make_llama(folder: Path, *, seed: int = 2, **saved: Any) -> Path:
    """A Llama-shaped checkpoint with Llama-3 headers, a BOS-adding tokenizer and no pad token."""
    names = ["begin_of_text", "end_of_text", "start_header_id", "end_header_id", "eot_id", "eom_id"]
    specials = [f"<|{name}|>" for name in names]
    save_model(folder, "Llama", seed=seed, **{"eos": [1]} | saved)
    save_tokenizer(folder, specials=specials, template=LLAMA3, bos=specials[0], eos=specials[1])
    return folder


def as_published(folder: Path, **settings: Any) -> None:
    """Write a configuration as the models on the hub have it: by the names of transformers 4."""
    config = json.loads((folder / "config.json").read_text())
    config["torch_dtype"] = config.pop("dtype")
    config["rope_theta"] = config.pop("rope_parameters")["rope_theta"]
    (folder / "config.json").write_text(json.dumps(config | settings, indent=2))


LLAMA3_ROPE = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": 64}  # fmt: skip
FAMILIES = ("qwen2", "qwen2.5", "qwen3", "llama3.1", "llama3.2")


def make_family(folder: Path, family: str) -> Path:
    """A checkpoint as a family publishes its models: in bfloat16, in several files with an index."""
    saved: dict[str, Any] = {"dtype": "bfloat16", "shard": "60KB"}
    if family == "qwen2":
        make_qwen(folder, **saved)
    elif family == "qwen2.5":
        make_qwen(folder, template=QWEN25, eos=[2, 0], **saved)
    elif family == "qwen3":
        # Its heads are wider than hidden_size / num_attention_heads, and their norms are learned.
        make_qwen(folder, family="Qwen3", template=QWEN3, eos=[2, 0], head_dim=64, **saved)
    else:
        make_llama(folder, eos=[1, 5, 4], tie_word_embeddings=family == "llama3.2", **saved)
    as_published(folder, **({"rope_scaling": LLAMA3_ROPE} if family.startswith("llama") else {}))
    return folder


def make_adapter(base: Path, folder: Path) -> Path:
    """A LoRA adapter with random weights on `base`, as peft's save_pretrained leaves it."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from bbi_utils.oracles.adapters import peft_warnings

    config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    with torch.random.fork_rng(), peft_warnings():
        torch.manual_seed(0)
        get_peft_model(AutoModelForCausalLM.from_pretrained(base), config).save_pretrained(folder)
    return folder


def put_in_hub_cache(home: Path, model: Path, *, name: str, commit: str, branch: str) -> None:
    """Add a checkpoint to the cache: files as blobs, linked from the commit's snapshot, named by a branch."""
    folder = home / "hub" / ("models--" + name.replace("/", "--"))
    for part in ("blobs", "refs", f"snapshots/{commit}"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for file in model.iterdir():
        shutil.copy(file, folder / "blobs" / f"{commit}-{file.name}")
        (folder / "snapshots" / commit / file.name).symlink_to(f"../../blobs/{commit}-{file.name}")
    (folder / "refs" / branch).write_text(commit)


@pytest.fixture(scope="session")
def tiny_qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny Qwen2-shaped checkpoint (do not write into it)."""
    return make_qwen(tmp_path_factory.mktemp("models") / "tiny-qwen")


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny Llama-shaped checkpoint (do not write into it)."""
    return make_llama(tmp_path_factory.mktemp("models") / "tiny-llama")


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], str]]:
    """Puts a model's folder behind a real server, of which one is enough: starting it takes seconds."""
    with served(tmp_path_factory.mktemp("serving") / "server.log") as serve:
        yield serve


@dataclass(frozen=True)
class Asked:
    """A probe as sampling needs it."""

    id: str
    prompt: str


@pytest.fixture
def quick() -> Iterator[None]:
    """Notebooks run without kernels in this test."""
    with in_this_process():
        yield


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes; mounting one takes root, or the test is skipped."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "none", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no small disk can be mounted here: there is no `mount`")
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> None:
    """Leave no byte free."""
    with contextlib.suppress(OSError), (disk / "ballast").open("ab", buffering=0) as file:
        for size in (65536, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))
