"""The answers of many models: one file with a column of models, or one file a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bbi_utils.errors import BadInput, one_line
from bbi_utils.probes.forms.known import Said
from bbi_utils.probes.forms.pairs import Key, key_of, name_of, plain, times
from bbi_utils.probes.forms.reading import NOTHING, Choice, summary, told, with_prompts
from bbi_utils.tables import Rows, located, read_rows


def files_in(paths: Sequence[Path]) -> list[Path]:
    """The files, and those in folders by name; BadInput where a folder has none, or folders within it."""
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        seen = sorted(one for one in path.iterdir() if not one.name.startswith("."))
        if not (inside := [one for one in seen if one.is_file()]):
            raise BadInput(f"{path} has no files; expected one for each model")
        if within := [one.name for one in seen if one.is_dir()]:
            raise BadInput(f"{path} has folders within, such as {within[0]}; give all files themselves")
        found += inside
    return found


def read_models(files: Sequence[Path], choice: Choice = NOTHING) -> tuple[Rows, str]:
    """Rows of model, prompt_id, prompt, category, group, answer and apart, and what files were taken for.

    apart: whether what a file has no answer of the model to was never asked of it. A prompt's samples count
    as far as every model has as many of some prompt. Prompts are one where their ids are, or, with `by`
    "prompt" or without ids everywhere, where their texts are, but for letter case and spacing. Raises
    BadInput as `reading.read_pairs`, where an id stands at two prompts, and where two files have answers of
    one model.
    """
    said: dict[str, list[Said]] = {}
    lines, apart = [], set()
    for path in files:
        rows = read_rows(path)
        if choice.student is not None and located(rows, choice.student) is None:
            raise BadInput(f"{path.name} has nothing at --student {choice.student}, where answers should be")
        title, answers, together = told(path, rows, choice, answer=choice.student)
        lines.append(one_line(summary(path, title, answers)))
        apart |= {one.model for one in answers if together or choice.shared_only}
        if twice := said.keys() & {one.model for one in answers}:
            raise BadInput(f"{path.name} has answers of {min(twice)}, as a file before it; keep one of them")
        for one in answers:
            said.setdefault(one.model, []).append(one)
    said = with_prompts(said, choice)
    by = choice.by or ("id" if all(one.id for answers in said.values() for one in answers) else "prompt")
    about = _prompts(said, by)
    counted = (Counter(key_of(one, by) for one in answers) for answers in said.values())
    most = min(times(each.values()) for each in counted)
    rows = [
        {**row, "apart": model in apart}
        for model, answers in said.items()
        for row in _rows(model, answers, about, by, most=most)
    ]
    if left := sum(map(len, said.values())) - len(rows):
        lines.append(f"{left:,} further samples left out: some model has {most} a prompt at most")
    return rows, "\n".join(lines)


def _prompts(said: Mapping[str, Iterable[Said]], by: str) -> dict[Key, Said]:
    """Each prompt as the first that has it says; raises BadInput where an id stands at two prompts."""
    found: dict[Key, Said] = {}
    for one in (one for answers in said.values() for one in answers):
        first = found.setdefault(key_of(one, by), one)
        if by == "id" and one.turn == 1 and plain(first.prompt) != plain(one.prompt):
            two = f"{first.prompt!r:.40} of {first.model} and at {one.prompt!r:.40} of {one.model}"
            raise BadInput(f"id {one.id!r:.40} stands at {two}; join by their text: --by prompt")
    return found


def _rows(model: str, answers: Sequence[Said], about: Mapping[Key, Said], by: str, *, most: int) -> Rows:
    """A row an answer; a prompt's further samples, up to `most`, are prompts of their own, in its group."""
    seen: Counter[Key] = Counter()
    rows: Rows = []
    for one in answers:
        key = key_of(one, by)
        if seen[key] < most:
            first, label = about[key], name_of(key, about[key], by, sample=seen[key])
            group = first.talk or plain(first.prompt)
            row = {"prompt": first.prompt, "category": first.category or "all", "group": group}
            rows.append({"model": model, "prompt_id": label, **row, "answer": one.answer})
        seen[key] += 1
    return rows
