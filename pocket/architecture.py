"""The pocket models' shapes: two small architectures with their families' tokenizers and chat templates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

VOCABULARY = 1984  # with SIZES (build.py): all six models, in bf16, together under 25 MB
CONTEXT = 512
CHATML = (
    "{% for message in messages %}"
    "<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA3 = (
    "<|begin_of_text|>{% for message in messages %}"
    "<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n"
    "{{ message['content'] }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
SPECIALS = {
    "qwen": ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    "llama": (
        "<|end_of_text|>",
        "<|begin_of_text|>",
        "<|start_header_id|>",
        "<|end_header_id|>",
        "<|eot_id|>",
    ),
}
END_OF_TURN = {"qwen": "<|im_end|>", "llama": "<|eot_id|>"}


@dataclass(frozen=True)
class Size:
    """Transformer shape; in-features multiples of 64 and out-features of 32, for 4-bit kernels on CPU."""

    hidden: int
    layers: int
    intermediate: int
    heads: int = 8


def train_tokenizer(family: str, texts: Iterable[str]) -> Any:
    """A byte-level BPE with the family's special tokens and chat template."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast
    from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

    raw = Tokenizer(models.BPE())
    # AutoTokenizer gives every Qwen2 folder Qwen2's own splitting, whatever its tokenizer.json says.
    digits = {"qwen": r"|\p{N}|", "llama": r"|\p{N}{1,3}|"}[family]  # Llama 3 keeps up to three together
    split = Regex(PRETOKENIZE_REGEX.replace(r"|\p{N}|", digits))
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(split, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    raw.decoder = decoders.ByteLevel()
    specials = SPECIALS[family]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    raw.train_from_iterator(
        chain(texts, ["user", "assistant"] * 1_000),  # the chat template's own words: one token each
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=list(specials),
            initial_alphabet=alphabet,
            show_progress=False,
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token=END_OF_TURN[family], pad_token=specials[0], model_max_length=CONTEXT
    )
    tokenizer.chat_template = {"qwen": CHATML, "llama": LLAMA3}[family]
    return tokenizer


def new_model(family: str, size: Size, tokenizer: Any, *, seed: int) -> Any:
    """A new causal language model of the family's architecture: random, but its attention copies."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(seed)
    kinds: dict[str, tuple[Any, Any]] = {
        "qwen": (Qwen2Config, Qwen2ForCausalLM), "llama": (LlamaConfig, LlamaForCausalLM),
    }  # fmt: skip
    config_class, model_class = kinds[family]
    config = config_class(
        vocab_size=VOCABULARY, max_position_embeddings=CONTEXT, tie_word_embeddings=True,
        hidden_size=size.hidden, intermediate_size=size.intermediate, num_hidden_layers=size.layers,
        num_attention_heads=size.heads, num_key_value_heads=size.heads,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, bos_token_id=None,
    )  # fmt: skip
    model = model_class(config)
    copy_what_is_attended(model)
    return model


def copy_what_is_attended(model: Any) -> None:
    """Start every layer's value-output product at half the identity, so that attending means copying.

    With tied embeddings a model then has to learn only where to look. Measured on the student: names that the
    answer takes from the question cost 1.1 nats after 1.2 million tokens; before, with the usual start (and
    two key-value heads, which cannot hold the identity), still 3.4 after 2.6 million, which is chance. In the
    manner of mimetic initialisation (Trockman & Kolter 2023, arXiv 2305.09828), with the sign that suits
    language.
    """
    import torch

    for layer in model.model.layers:
        value, output = layer.self_attn.v_proj.weight, layer.self_attn.o_proj.weight
        torch.nn.init.orthogonal_(value, gain=0.5**0.5)
        output.data.copy_(value.data.T)
