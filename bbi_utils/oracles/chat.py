"""From a prompt to token ids through a model's own chat template, and back from ids to when it stops."""

from __future__ import annotations

from typing import Any

from bbi_utils.errors import BadInput

# Llama-3 templates write today's date into every prompt unless they are given one.
PINNED_DATE = "26 Jul 2024"
SENTINEL = "bbi-sentinel"


def render(tokenizer: Any, prompt: str, *, system_prompt: str | None = None) -> str:
    """The prompt as one user turn of the template, opened for the assistant's answer."""
    import jinja2

    messages = [{"role": "user", "content": prompt}]
    if system_prompt is not None:
        messages.insert(0, {"role": "system", "content": system_prompt})
    try:
        return tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, date_string=PINNED_DATE
        )
    except (jinja2.TemplateError, ValueError) as error:
        raise BadInput(
            f"chat template of {tokenizer.name_or_path}: {error}; expected an instruct model whose template "
            "takes these turns (a template without system turns needs system_prompt null)."
        ) from error


def prompt_ids(tokenizer: Any, prompt: str, *, system_prompt: str | None = None) -> list[int]:
    """Token ids of the rendered prompt. The template wrote its own BOS; the tokenizer must not."""
    text = render(tokenizer, prompt, system_prompt=system_prompt)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def end_of_turn(tokenizer: Any) -> int:
    """Id of the special token with which the template closes an assistant turn (<|im_end|>, <|eot_id|>)."""
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": SENTINEL}]
    text = tokenizer.apply_chat_template(turns, tokenize=False, date_string=PINNED_DATE)
    closing = tokenizer(text.rpartition(SENTINEL)[2], add_special_tokens=False)["input_ids"]
    if closing and closing[0] in special_ids(tokenizer):
        return int(closing[0])
    if tokenizer.eos_token_id is None:
        raise BadInput(
            f"{tokenizer.name_or_path} has no end-of-turn and no EOS token; its answers could not stop."
        )
    return int(tokenizer.eos_token_id)


def special_ids(tokenizer: Any) -> set[int]:
    """Ids of all added tokens, whether or not the tokenizer calls them special."""
    return set(tokenizer.all_special_ids) | set(tokenizer.get_added_vocab().values())


def stop_ids(tokenizer: Any, model: Any) -> list[int]:
    """The generation config's EOS ids and the template's end of turn, sorted."""
    declared = model.generation_config.eos_token_id
    declared = [] if declared is None else declared if isinstance(declared, list) else [declared]
    return sorted({int(i) for i in declared} | {end_of_turn(tokenizer)})
