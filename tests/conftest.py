"""Two tiny checkpoints in real shapes (random weights, own tokenizer), saved once a session."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

CHATML = (
    "{%- for m in messages %}"
    "{{- '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"
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


def save_tokenizer(
    folder: Path, *, specials: Sequence[str], template: str, bos: str | None, eos: str
) -> None:
    """Train a 320-token byte-level BPE on four lines and save it with its chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
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
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)


def save_model(
    folder: Path, family: str, *, seed: int, eos: list[int], width: int = 64, layers: int = 2
) -> None:
    """Save a randomly initialised Qwen2- or Llama-shaped language model as safetensors."""
    import torch
    import transformers

    config_type = getattr(transformers, f"{family}Config")
    model_type = getattr(transformers, f"{family}ForCausalLM")
    config = config_type(
        vocab_size=VOCABULARY,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        eos_token_id=eos[0],
        bos_token_id=None,
        pad_token_id=None,
        initializer_range=0.3,  # spread logits: answers differ from prompt to prompt and from seed to seed
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = model_type(config)
    model.generation_config = transformers.GenerationConfig(eos_token_id=eos)
    model.save_pretrained(folder)


def make_qwen(folder: Path, *, seed: int = 1) -> Path:
    """A Qwen2-shaped checkpoint with a ChatML template and <|endoftext|> as its only declared stop."""
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    save_model(folder, "Qwen2", seed=seed, eos=[0])
    save_tokenizer(folder, specials=specials, template=CHATML, bos=None, eos="<|endoftext|>")
    return folder


def make_llama(folder: Path, *, seed: int = 2) -> Path:
    """A Llama-shaped checkpoint with Llama-3 headers, a BOS-adding tokenizer and no pad token."""
    names = ["begin_of_text", "end_of_text", "start_header_id", "end_header_id", "eot_id"]
    specials = [f"<|{name}|>" for name in names]
    save_model(folder, "Llama", seed=seed, eos=[1])
    save_tokenizer(folder, specials=specials, template=LLAMA3, bos=specials[0], eos=specials[1])
    return folder


@pytest.fixture(scope="session")
def tiny_qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny Qwen2-shaped checkpoint (do not write into it)."""
    return make_qwen(tmp_path_factory.mktemp("models") / "tiny-qwen")


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny Llama-shaped checkpoint (do not write into it)."""
    return make_llama(tmp_path_factory.mktemp("models") / "tiny-llama")
