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
# How thoughts begin and end, in small letters: of Qwen3, DeepSeek and most others, prompted ones,
# Magistral, Seed, Kimi, Command A, MedGemma and gpt-oss, whose special tokens may be gone.
THOUGHTS = (
    ("<think>", "</think>"), ("<thinking>", "</thinking>"), ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"), ("[think]", "[/think]"), ("<seed:think>", "</seed:think>"),
    ("◁think▷", "◁/think▷"), ("<|start_thinking|>", "<|end_thinking|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"), ("<|channel|>analysis", "<|channel|>final"),
    ("<unused94>thought", "<unused95>"), ("<scratchpad>", "</scratchpad>"),
    ("assistantfinal", "assistantfinal"),
)  # fmt: skip
INVISIBLE = " \t\r\n\ufeff\u200b"  # before a marker
SENTINEL = "bbi-sentinel"
AT_ONCE = "a model that answers at once, such as its instruct variant"
ANCHOR = "\n"  # no tokenizer that keeps it joins it to a word


def thought_in(text: str) -> str | None:
    """The marker with which a text begins a thought, or ends one that began before it; None without one."""
    said = text.lower()
    for opening, closing in THOUGHTS:
        before, closed, _ = said.partition(closing)
        if said.lstrip(INVISIBLE).startswith(opening):
            return opening
        if closed and opening not in before:
            return closing
    return None


def without_thoughts(text: str) -> str:
    """What a text says after its thoughts; "" where one does not end."""
    while (marker := thought_in(text)) is not None:
        closing = next(pair[1] for pair in THOUGHTS if marker in pair)
        ended = re.search(re.escape(closing), text, re.IGNORECASE)
        text = text[ended.end() :].strip().removeprefix("<|message|>") if ended else ""
    return text


def refuse_thoughts(name: str, prompt_id: str, text: str) -> None:
    """Raise BadInput for an answer that begins with a thought, which would be compared instead of it."""
    if (marker := thought_in(text)) is not None:
        what = f"{name} thinks aloud ({marker}) in its answer to prompt {prompt_id}"
        way = f"take {AT_ONCE}, or answers without the thoughts"
        raise BadInput(f"{what}: the thought would be compared instead of the answer; {way}.")


def render(tokenizer: Any, prompt: str, *, system_prompt: str | None = None) -> str:
    """The prompt as one user turn of the template, opened for the assistant's answer."""
    text = written(tokenizer, turns(prompt, system_prompt), add_generation_prompt=True)
    plain = " ".join(text.split())
    for what, said, way in (
        ("system prompt", system_prompt or "", "set it to null for this model"),
        ("prompt", prompt, "expected a template that takes a turn as text, not as a list of parts"),
    ):
        if " ".join(said.split()) not in plain:
            leaves = f"leaves the {what} out ({said!r:.60})"
            raise BadInput(f"chat template of {tokenizer.name_or_path} {leaves}; {way}.")
    opened = next((opening for opening, _ in THOUGHTS if text.lower().rstrip().endswith(opening)), None)
    if opened is None:
        return text
    what = f"opens every answer with a thought ({opened}) that cannot be switched off"
    raise BadInput(f"chat template of {tokenizer.name_or_path} {what}; expected {AT_ONCE}.")


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


def ids_of(tokenizer: Any, text: str) -> list[int]:
    """Token ids of a rendered text. The template wrote its own BOS; the tokenizer must not."""
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def prompt_ids(tokenizer: Any, prompt: str, *, system_prompt: str | None = None) -> list[int]:
    """Token ids of the rendered prompt."""
    return ids_of(tokenizer, render(tokenizer, prompt, system_prompt=system_prompt))


def conversation_ids(
    tokenizer: Any, prompt: str, answer: str, *, system_prompt: str | None = None, ended: bool = True
) -> tuple[list[int], list[int]]:
    """Token ids of the rendered prompt, as in sampling, and of the answer behind it, with its end if `ended`.

    Both are encoded as one text: alone, an answer's first word gets another token wherever a tokenizer marks
    where words begin (Llama-2, Phi-3). Some tokenizers would join the prompt's last characters to the answer,
    which no sampling does: there the answer is encoded behind a line break. Raises BadInput where that is
    joined, too.
    """
    asked = render(tokenizer, prompt, system_prompt=system_prompt)
    lead, closing = around_answer(tokenizer)
    said, end = lead + answer + (closing if ended else ""), [end_of_turn(tokenizer)]
    answered = behind(tokenizer, asked, said) or behind(tokenizer, ANCHOR, said)
    if answered is None:
        what = "joins the end of a prompt and the beginning of its answer in one token"
        way = "expected a template that ends the one before the other begins"
        raise BadInput(f"tokenizer of {tokenizer.name_or_path} {what} ({answer!r:.40}); {way}.")
    return ids_of(tokenizer, asked), answered + (end if ended and answered[-1:] != end else [])


def behind(tokenizer: Any, before: str, text: str) -> list[int] | None:
    """Token ids of a text behind another; None where the two share a token."""
    first, whole = ids_of(tokenizer, before), ids_of(tokenizer, before + text)
    return whole[len(first) :] if whole[: len(first)] == first else None


def around_answer(tokenizer: Any) -> tuple[str, str]:
    """What the template writes between an opened turn and its answer, and from there to the end of turn."""
    opened = written(tokenizer, turns("?", None), add_generation_prompt=True)
    before, closing = past_answer(tokenizer)
    end = tokenizer.convert_ids_to_tokens(end_of_turn(tokenizer))
    lead = before[len(opened) :] if before.startswith(opened) else ""
    return lead, closing.partition(end)[0] + end if end in closing else ""


def past_answer(tokenizer: Any) -> tuple[str, str]:
    """What the template writes before and after an assistant's turn that is over."""
    text = written(tokenizer, [*turns("?", None), {"role": "assistant", "content": SENTINEL}])
    before, _, after = text.rpartition(SENTINEL)
    return before, after


def end_of_turn(tokenizer: Any) -> int:
    """Id of the special token with which the template closes an assistant turn (<|im_end|>, <|eot_id|>)."""
    # All added tokens, whether or not the tokenizer calls them special.
    special = {*tokenizer.all_special_ids, *tokenizer.get_added_vocab().values()}
    closing = (i for i in ids_of(tokenizer, past_answer(tokenizer)[1]) if i in special)
    if (end := next(closing, tokenizer.eos_token_id)) is not None:
        return int(end)
    what = "has no end-of-turn and no EOS token"
    raise BadInput(f"{tokenizer.name_or_path} {what}; its answers could not stop.")


def stop_ids(tokenizer: Any, model: Any) -> list[int]:
    """The generation config's EOS ids and the template's end of turn, sorted."""
    declared = model.generation_config.eos_token_id
    declared = [] if declared is None else declared if isinstance(declared, list) else [declared]
    return sorted({int(i) for i in declared} | {end_of_turn(tokenizer)})


def check_vocabulary(tokenizer: Any, model: Any) -> None:
    """Raise BadInput where the tokenizer writes a turn with tokens for which the model has no embeddings."""
    rows = model.get_input_embeddings().weight.shape[0]
    used = [*prompt_ids(tokenizer, "?"), end_of_turn(tokenizer), tokenizer.pad_token_id]
    if (last := max(used)) >= rows:
        word = tokenizer.convert_ids_to_tokens(last)
        what = f"writes {word!r} as token {last}, the model knows {rows} tokens"
        way = "resize its embeddings, save it (an adapter: with save_embedding_layers=True) and the tokenizer"
        raise BadInput(f"tokenizer of {tokenizer.name_or_path} {what}; {way}.")
