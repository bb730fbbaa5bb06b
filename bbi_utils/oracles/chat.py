"""From a prompt to token ids through a model's own chat template, and back from ids to when it stops."""

from __future__ import annotations

import datetime
import re
from typing import Any

import jinja2

from bbi_utils.errors import BadInput

# Some templates write today's date into every prompt: from a variable (Llama-3) or by calling strftime_now.
DATE = datetime.date(2024, 7, 26)
PINNED_DATE = DATE.strftime("%d %b %Y")
TODAY = re.compile(r"""strftime_now\(\s*(["'])(.*?)\1\s*\)""")
# Templates of models that can think aloud first (Qwen3, SmolLM3) have it on unless told otherwise. The study
# compares answers: thoughts would fill max_new_tokens before the answer begins, whoever reads one reads the
# style of the thoughts, and a judge is asked for its first token. Templates without the variable ignore it.
VARIABLES = {"date_string": PINNED_DATE, "enable_thinking": False}
THOUGHT = "<think>"  # how such a thought begins
SENTINEL = "bbi-sentinel"


def render(tokenizer: Any, prompt: str, *, system_prompt: str | None = None) -> str:
    """The prompt as one user turn of the template, opened for the assistant's answer."""
    text = written(tokenizer, turns(prompt, system_prompt), add_generation_prompt=True)
    if " ".join((system_prompt or "").split()) not in " ".join(text.split()):
        what = f"leaves the system prompt out ({system_prompt!r:.60})"
        raise BadInput(f"chat template of {tokenizer.name_or_path} {what}; set it to null for this model.")
    if not text.rstrip().endswith(THOUGHT):
        return text
    what = f"opens every answer with a thought ({THOUGHT}) that cannot be switched off"
    way = "expected a model that answers at once, such as its instruct variant"
    raise BadInput(f"chat template of {tokenizer.name_or_path} {what}; {way}.")


def turns(prompt: str, system_prompt: str | None) -> list[dict[str, str]]:
    """A user's turn, after a system turn where there is one."""
    system = [] if system_prompt is None else [{"role": "system", "content": system_prompt}]
    return [*system, {"role": "user", "content": prompt}]


def written(tokenizer: Any, messages: list[dict[str, str]], *, add_generation_prompt: bool = False) -> str:
    """What the template makes of the turns, on the pinned date and without thinking aloud; or BadInput."""
    template = TODAY.sub(lambda call: repr(DATE.strftime(call[2])), tokenizer.get_chat_template())
    try:
        options = {"add_generation_prompt": add_generation_prompt, "tokenize": False, **VARIABLES}
        return tokenizer.apply_chat_template(messages, chat_template=template, **options)
    except (jinja2.TemplateError, ValueError, TypeError) as error:
        way = "takes these turns (a template without system turns needs its system prompt null)"
        said = f"chat template of {tokenizer.name_or_path}: {error}"
        raise BadInput(f"{said}; expected an instruct model whose template {way}.") from error


def prompt_ids(tokenizer: Any, prompt: str, *, system_prompt: str | None = None) -> list[int]:
    """Token ids of the rendered prompt. The template wrote its own BOS; the tokenizer must not."""
    text = render(tokenizer, prompt, system_prompt=system_prompt)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def end_of_turn(tokenizer: Any) -> int:
    """Id of the special token with which the template closes an assistant turn (<|im_end|>, <|eot_id|>)."""
    text = written(tokenizer, [*turns("?", None), {"role": "assistant", "content": SENTINEL}])
    closing = tokenizer(text.rpartition(SENTINEL)[2], add_special_tokens=False)["input_ids"]
    # All added tokens, whether or not the tokenizer calls them special.
    if closing and closing[0] in {*tokenizer.all_special_ids, *tokenizer.get_added_vocab().values()}:
        return int(closing[0])
    if tokenizer.eos_token_id is not None:
        return int(tokenizer.eos_token_id)
    what = "has no end-of-turn and no EOS token"
    raise BadInput(f"{tokenizer.name_or_path} {what}; its answers could not stop.")


def stop_ids(tokenizer: Any, model: Any) -> list[int]:
    """The generation config's EOS ids and the template's end of turn, sorted."""
    declared = model.generation_config.eos_token_id
    declared = [] if declared is None else declared if isinstance(declared, list) else [declared]
    return sorted({int(i) for i in declared} | {end_of_turn(tokenizer)})
