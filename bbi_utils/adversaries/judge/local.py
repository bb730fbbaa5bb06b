"""The language model behind the judge: log-probabilities of "A" and "B" where its answer begins."""

from __future__ import annotations

from typing import Any

import numpy as np

from bbi_utils.errors import BadInput
from bbi_utils.oracles import checkpoints
from bbi_utils.oracles.chat import THOUGHTS, check_vocabulary, conversation_ids, prompt_ids, render
from bbi_utils.progress import Progress

JUDGE_TEMPLATE = (
    "Prompt: {prompt}\n\nAnswer A: {a}\n\nAnswer B: {b}\n\n"
    "Which answer was written by the teacher, a larger and more careful model? Reply with A or B."
)
MARKS = "▁ĠĊ "  # how vocabularies write that a token begins with white space
LEAST = 1e-8  # probability of both letters together, on average: with less, a judge does not answer with one


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
    check_vocabulary(tokenizer, network)
    return LanguageModelJudge(checkpoint.label, network, tokenizer, **settings)


class LanguageModelJudge:
    """Callable: ``judge(prompts, a, b)`` is log p("A") - log p("B") of each question, shape (n,), in nats.

    It reads `model` at the tokens `letter_ids` of "A" and of "B", behind `lead`, which its template writes.
    """

    def __init__(
        self, name: str, model: Any, tokenizer: Any, *, batch_size: int = 32, progress: bool = False
    ) -> None:
        self.name = name
        self.model, self.tokenizer = model, tokenizer
        self._batch_size, self._progress = batch_size, progress
        self.lead, self.letter_ids = letter_tokens(tokenizer)
        vocabulary = tokenizer.get_vocab()
        self._thoughts = [vocabulary[name] for name in vocabulary if name.lower() in dict(THOUGHTS)]
        # A model that reads pictures as well keeps this in a part of its configuration.
        self._context = getattr(model.config.get_text_config(), "max_position_embeddings", None)

    def __call__(self, prompts: list[str], a: list[str], b: list[str]) -> np.ndarray:
        import torch

        # Each distinct question is asked once: equal questions get equal log odds whatever their batch.
        rows = list(zip(prompts, a, b, strict=True))
        place = {row: i for i, row in enumerate(dict.fromkeys(rows))}
        tokens = [self.question(*row) for row in place]
        self._check_length(tokens)
        order = np.argsort([len(ids) for ids in tokens], kind="stable")
        said = np.empty((3, len(tokens)))
        with torch.inference_mode(), Progress(len(order), "judging", shown=self._progress) as bar:
            for start in range(0, len(order), self._batch_size):
                batch = order[start : start + self._batch_size]
                said[:, batch] = self._said([tokens[i] for i in batch])
                bar.update(len(batch))
        odds, letter, thought = said
        if len(odds) and letter.mean() < max(LEAST, thought.mean()):
            found = f"judge {self.name} begins with A or B at a probability of {letter.mean():.1g}"
            raise BadInput(f"{found}, with a thought at {thought.mean():.1g}; use one that answers at once")
        return odds[[place[row] for row in rows]]

    def question(self, prompt: str, a: str, b: str) -> list[int]:
        """Token ids of the question as one user turn of the judge's chat template, up to where it answers."""
        return prompt_ids(self.tokenizer, JUDGE_TEMPLATE.format(prompt=prompt, a=a, b=b))

    def rendered(self, prompt: str, a: str, b: str) -> str:
        """The same as the text that the judge reads."""
        return render(self.tokenizer, JUDGE_TEMPLATE.format(prompt=prompt, a=a, b=b))

    @property
    def letters(self) -> dict[str, list[str]]:
        """The tokens that count as "A" and as "B", as texts."""
        decode = self.tokenizer.decode
        return {x: [decode([i]) for i in ids] for x, ids in zip("AB", self.letter_ids, strict=True)}

    def _said(self, tokens: list[list[int]]) -> np.ndarray:
        """Log odds, and the probabilities that a letter, or a thought, comes first: shape (3, n).

        One left-padded batch; positions count from each question's own start. A letter may come at once, or
        after what the template writes before an answer: both count.
        """
        import torch

        tokens = [row + self.lead for row in tokens]
        width, steps = max(map(len, tokens)), len(self.lead) + 1
        filler = self.tokenizer.pad_token_id or 0
        ids = torch.tensor([[filler] * (width - len(row)) + row for row in tokens])
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in tokens])
        inputs = {"input_ids": ids, "attention_mask": mask}
        inputs["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)
        inputs = {name: value.to(self.model.device) for name, value in inputs.items()}
        # Nothing is generated, so keys and values need not be kept: gigabytes less for a large judge.
        logits = self.model(**inputs, logits_to_keep=steps, use_cache=False).logits[:, -steps:].float()
        total = torch.logsumexp(logits, dim=-1)
        led = logits[:, range(steps - 1), self.lead] - total[:, 1:]
        way = torch.nn.functional.pad(led.cumsum(dim=-1), (1, 0))  # log-probability of coming to each step
        a, b, thought = (
            torch.logsumexp(torch.logsumexp(logits[:, :, those], dim=-1) + way, dim=-1)
            for those in (*self.letter_ids, self._thoughts)
        )
        chances = (torch.exp(one - total[:, 0]) for one in (torch.logaddexp(a, b), thought))
        return torch.stack([a - b, *chances]).cpu().numpy()

    def _check_length(self, tokens: list[list[int]]) -> None:
        longest = max(map(len, tokens), default=0)
        if self._context is not None and longest >= self._context:
            found = f"a question to judge {self.name} has {longest} tokens, its context holds {self._context}"
            raise BadInput(f"{found}; use a judge with a longer context or shorter answers (max_new_tokens)")


def letter_tokens(tokenizer: Any) -> tuple[list[int], tuple[list[int], list[int]]]:
    """What the template writes before an answer, and the tokens of "A" and of "B", as ids.

    A letter is as the template writes it, and each spelling, bare or after white space, that is one token for
    both letters: one that only one letter has would favour it. Raises BadInput if there is none.
    """
    a, b = (conversation_ids(tokenizer, "?", letter, ended=False)[1] for letter in "AB")
    alike = next((k for k, (one, other) in enumerate(zip(a, b, strict=False)) if one != other), len(a))
    vocabulary = tokenizer.get_vocab()
    marks = [name[:-1] for name in vocabulary if name[-1:] == "A" and not name[:-1].strip(MARKS)]
    found = {(vocabulary[f"{m}A"], vocabulary[f"{m}B"]) for m in marks if f"{m}B" in vocabulary}
    found |= {(a[-1], b[-1])} if len(a) == len(b) == alike + 1 else set()
    if not found:
        raise BadInput("the judge's tokenizer has no single tokens for 'A' and 'B'; choose another judge")
    return a[:alike], ([one for one, _ in sorted(found)], [other for _, other in sorted(found)])
