"""A GGUF file written from a model's folder, as llama.cpp's own converter does it; for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

NAMES = {
    "model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "model.layers": "blk",
}  # fmt: skip
LLAMA_ROPE = {"q_proj": "num_attention_heads", "k_proj": "num_key_value_heads"}


def write_gguf(
    folder: Path, file: Path, *, architecture: str = "llama", template: bool = True, **more: Any
) -> Path:
    """A Llama-shaped checkpoint as one GGUF file in float32; `more` are texts or numbers of its metadata.

    `extra` among them is a tensor that no such model has.
    """
    from gguf import GGUFWriter
    from safetensors.numpy import load_file
    from transformers import AutoTokenizer

    config = json.loads((folder / "config.json").read_text())
    writer = GGUFWriter(file, architecture)
    writer.add_name("tiny")
    for add, key in (
        (writer.add_block_count, "num_hidden_layers"), (writer.add_context_length, "max_position_embeddings"),
        (writer.add_embedding_length, "hidden_size"), (writer.add_feed_forward_length, "intermediate_size"),
        (writer.add_head_count, "num_attention_heads"), (writer.add_head_count_kv, "num_key_value_heads"),
        (writer.add_layer_norm_rms_eps, "rms_norm_eps"), (writer.add_vocab_size, "vocab_size"),
        (writer.add_rope_dimension_count, "head_dim"),
    ):  # fmt: skip
        add(config[key])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    write_tokenizer(writer, AutoTokenizer.from_pretrained(folder), folder, template=template)
    extra = more.pop("extra", None)
    for key, value in more.items():
        kind = writer.add_string if isinstance(value, str) else writer.add_uint16
        kind(key.replace("__", "."), value)
    for name, weights in load_file(folder / "model.safetensors").items():
        writer.add_tensor(renamed(name), interleaved(name, weights, config))
    if extra is not None:
        writer.add_tensor("rope_freqs.weight", extra)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def write_tokenizer(writer: Any, tokenizer: Any, folder: Path, *, template: bool) -> None:
    """The byte-level BPE of a folder, its special tokens, and its chat template."""
    merges = json.loads((folder / "tokenizer.json").read_text())["model"]["merges"]
    special = set(tokenizer.all_special_ids) | set(tokenizer.get_added_vocab().values())
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokenizer.convert_ids_to_tokens(range(len(tokenizer))))
    writer.add_token_types([3 if token in special else 1 for token in range(len(tokenizer))])
    writer.add_token_merges([one if isinstance(one, str) else " ".join(one) for one in merges])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_add_bos_token(False)
    if template:
        writer.add_chat_template(tokenizer.chat_template)


def renamed(name: str) -> str:
    """A tensor's name in llama.cpp's words."""
    for ours, theirs in NAMES.items():
        name = name.replace(ours, theirs)
    return name


def interleaved(name: str, weights: np.ndarray, config: dict[str, Any]) -> np.ndarray:
    """Rows of queries and keys in llama.cpp's order: it turns neighbours, transformers the two halves."""
    heads = next((config[key] for part, key in LLAMA_ROPE.items() if part in name), 0)
    if not heads:
        return weights
    halves = weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(weights.shape))
