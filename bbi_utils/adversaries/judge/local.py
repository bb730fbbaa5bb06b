"""The language model behind the judge: log-probabilities of "A" and "B" where its answer begins."""

from __future__ import annotations

from typing import Any

import numpy as np

from bbi_utils.errors import BadInput
from bbi_utils.oracles import checkpoints
from bbi_utils.oracles.chat import prompt_ids, render
from bbi_utils.progress import Progress

JUDGE_TEMPLATE = (
    "Prompt: {prompt}\n\nAnswer A: {a}\n\nAnswer B: {b}\n\n"
    "Which answer was written by the teacher, a larger and more careful model? Reply with A or B."
)


def load_local_judge(
    model: str,
    *,
    revision: str | None = None,
    dtype: str = "auto",
    device: str = "auto",
    **settings: Any,
) -> LanguageModelJudge:
    """A causal language model as judge. ``model``: "pocket/<name>", a folder, a .gguf file or a hub id.

    Raises BadInput if it cannot be loaded, has no chat template, or lacks single tokens for "A" and "B".
    """
    checkpoint = checkpoints.resolve_model(model, revision=revision)
    tokenizer, device = checkpoints.load_tokenizer(checkpoint), checkpoints.pick_device(device)
    dtype = checkpoints.pick_dtype(dtype, device=device)
    network = checkpoints.load_model(checkpoint, quantisation="none", dtype=dtype, device=device)
    return LanguageModelJudge(checkpoint.label, network, tokenizer, **settings)


class LanguageModelJudge:
    """Callable: ``judge(prompts, a, b)`` is log p("A") - log p("B") of each question, shape (n,), in nats."""

    def __init__(
        self, name: str, model: Any, tokenizer: Any, *, batch_size: int = 32, progress: bool = False
    ) -> None:
        self.name = name
        self._model, self._tokenizer = model, tokenizer
        self._batch_size, self._progress = batch_size, progress
        self._letters = letter_tokens(tokenizer)

    def __call__(self, prompts: list[str], a: list[str], b: list[str]) -> np.ndarray:
        import torch

        # Each distinct question is asked once: equal questions get equal log odds whatever their batch.
        rows = list(zip(prompts, a, b, strict=True))
        place = {row: i for i, row in enumerate(dict.fromkeys(rows))}
        tokens = [self.question(*row) for row in place]
        self._check_length(tokens)
        order = np.argsort([len(ids) for ids in tokens], kind="stable")
        odds = np.empty(len(tokens))
        with torch.inference_mode(), Progress(len(order), "judging", shown=self._progress) as bar:
            for start in range(0, len(order), self._batch_size):
                batch = order[start : start + self._batch_size]
                odds[batch] = self._log_odds([tokens[i] for i in batch])
                bar.update(len(batch))
        return odds[[place[row] for row in rows]]

    def question(self, prompt: str, a: str, b: str) -> list[int]:
        """Token ids of the question as one user turn of the judge's chat template, up to where it answers."""
        return prompt_ids(self._tokenizer, JUDGE_TEMPLATE.format(prompt=prompt, a=a, b=b))

    def rendered(self, prompt: str, a: str, b: str) -> str:
        """The same as the text that the judge reads."""
        return render(self._tokenizer, JUDGE_TEMPLATE.format(prompt=prompt, a=a, b=b))

    @property
    def letters(self) -> dict[str, list[str]]:
        """The tokens that count as "A" and as "B", as texts."""
        decode = self._tokenizer.decode
        return {x: [decode([i]) for i in ids] for x, ids in zip("AB", self._letters, strict=True)}

    def _log_odds(self, tokens: list[list[int]]) -> np.ndarray:
        """One left-padded batch; positions count from each question's own start."""
        import torch

        width = max(map(len, tokens))
        filler = self._tokenizer.pad_token_id or 0
        ids = torch.tensor([[filler] * (width - len(row)) + row for row in tokens])
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in tokens])
        inputs = {"input_ids": ids, "attention_mask": mask}
        inputs["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)
        inputs = {name: value.to(self._model.device) for name, value in inputs.items()}
        # Nothing is generated, so keys and values need not be kept: gigabytes less for a large judge.
        logits = self._model(**inputs, logits_to_keep=1, use_cache=False).logits[:, -1].float()
        first, second = (torch.logsumexp(logits[:, ids], dim=-1) for ids in self._letters)
        return (first - second).cpu().numpy()

    def _check_length(self, tokens: list[list[int]]) -> None:
        longest = max(map(len, tokens), default=0)
        limit = getattr(self._model.config, "max_position_embeddings", None) or longest
        if longest >= limit:
            found = f"a question to judge {self.name} has {longest} tokens, its context holds {limit}"
            raise BadInput(f"{found}; use a judge with a longer context or shorter answers (max_new_tokens)")


def letter_tokens(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Token ids of "A" and of "B": each spelling (bare, after a space) that is one token for both letters.

    A spelling that only one letter has would favour that letter. Raises BadInput if there is none.
    """
    found: tuple[list[int], list[int]] = ([], [])
    for pattern in ("{}", " {}"):
        ids = [tokenizer(pattern.format(x), add_special_tokens=False)["input_ids"] for x in "AB"]
        if all(len(one) == 1 for one in ids):
            for letter, one in zip(found, ids, strict=True):
                letter.extend(i for i in one if i not in letter)
    if not found[0]:
        raise BadInput("the judge's tokenizer has no single tokens for 'A' and 'B'; choose another judge")
    return found
