"""From a file or two, in whatever form, to the rows that an audit takes; prompts; one model's answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, takewhile
from pathlib import Path

from bbi_utils.errors import BadInput, one_line, some
from bbi_utils.probes.forms.known import FORMS, QUESTIONS, Form, Said, said
from bbi_utils.probes.forms.pairs import SIDES, paired, whole_talks
from bbi_utils.probes.forms.talk import answered, asked, text_of
from bbi_utils.tables import (
    Row,
    Rows,
    check_columns,
    columns_of,
    located,
    names_of,
    pick,
    read_rows,
    unpacked,
    whole,
)

# What a column is called where a file has no form that is known.
NAMES = {
    "prompt": ("prompt", "question", "instruction", "query", "input", "messages"),
    "answer": ("response", "answer", "output", "completion", "generation", "prediction", "text"),
    "model": ("model", "model_id", "model_name", "generator"),
    "id": ("prompt_id", "id", "question_id", "uid", "doc_id", "task_id", "custom_id"),
    "category": ("category",),
    "group": ("group",),
    "ended": ("finish_reason", "stop_reason"),
}


@dataclass(frozen=True)
class Choice:
    """What the user says of files, each None where the file is to speak for itself.

    form: a name in FORMS, "table" or "long". prompt, teacher, student, id: columns or dotted paths; the sides
    may be names of models too. questions: a file with the prompts of ids. by: "id" or "prompt". whole: a
    conversation is one row instead of one a turn. longest: characters after which answers are cut.
    """

    form: str | None = None
    prompt: str | None = None
    teacher: str | None = None
    student: str | None = None
    id: str | None = None
    questions: str | None = None
    by: str | None = None
    shared_only: bool = False
    whole: bool = False
    longest: int | None = None


NOTHING = Choice()


def read_pairs(paths: Sequence[Path], choice: Choice = NOTHING) -> tuple[Rows, str]:
    """Rows of contract C2 out of a file, or of two with one model each, and what was understood of them.

    Raises BadInput as `tables` does, where nothing fits, and where two readings are possible.
    """
    if choice.form not in (None, "table", "long", *FORMS):
        raise BadInput(f"--format {choice.form}; expected table, long, {', '.join(FORMS)}")
    if len(paths) == 1:
        rows = read_rows(paths[0])
        if choice.form in (None, "table") and (wide := _wide(paths[0], rows, choice)) is not None:
            return wide
        title, answers, together = told(paths[0], rows, choice)
        sides, lines = _sides(paths[0], answers, choice), [summary(paths[0], title, answers)]
    else:
        sides, lines, together = {}, [], False
        for side, path in zip(SIDES, paths, strict=True):
            own = getattr(choice, side)
            title, answers, _ = told(path, read_rows(path), choice, answer=own)
            sides[side] = _one_model(path, answers, own)
            lines.append(summary(path, title, sides[side]))
        if paths[0].resolve() == paths[1].resolve() and sides[SIDES[0]] == sides[SIDES[1]]:
            raise BadInput(f"{paths[0].name} is given twice; give a file of the other model")
    sides = with_prompts(sides, choice)
    rows, line = paired(sides, by=choice.by, shared_only=choice.shared_only or together)
    return rows, "\n".join(map(one_line, [*lines, line]))


def told(
    path: Path, rows: Rows, choice: Choice, *, answer: str | None = None
) -> tuple[str, list[Said], bool]:
    """What form the rows have, every answer in them, and whether only who is in a row was asked in it."""
    named = (answer and located(rows, answer)) or choice.prompt or choice.form in ("table", "long")
    form = None if named else FORMS[choice.form] if choice.form else _sniffed(path, rows, FORMS)
    if form is None:
        return "a long table", _each(path, rows, _long(path, rows, choice, answer)), False
    if form.again:
        rows = list(_once(rows, form))
    answers = _each(path, rows, form)
    if form is FORMS["chat"] and not any(one.answer for one in answers) and _column(rows, "answer"):
        return told(path, rows, replace(choice, form="long"))  # messages that ask, and the answer beside them
    return form.title, answers, form.together


def _once(rows: Rows, form: Form) -> Iterator[Row]:
    """The rows of what was asked under its first name in the column `again`; tasks need not share names."""
    first: dict[str, str] = {}
    for row in rows:
        asked_for, name = str([row.get(key) for key in form.keys[:2]]), str(row.get(form.again))
        if first.setdefault(asked_for, name) == name:
            yield row


def _sniffed(path: Path, rows: Rows, forms: Mapping[str, Form]) -> Form | None:
    """The form with the most columns that all rows have; raises BadInput where two have as many."""
    every = set.intersection(*(set(row) for row in rows))
    fitting = {name: form for name, form in forms.items() if form.sniffed and every >= {*form.keys}}
    most = max((len(form.keys) for form in fitting.values()), default=0)
    best = [name for name, form in fitting.items() if len(form.keys) == most]
    if len(best) > 1:
        way = f"choose by --format {' or --format '.join(best)}"
        raise BadInput(f"{path.name} can be read in {len(best)} ways; {way}")
    return forms[best[0]] if best else None


def _each(path: Path, rows: Rows, form: Form) -> list[Said]:
    """The answers in all rows; one that names no model is of the only one that is named, or of the file's."""
    found: list[Said] = []
    for number, row in enumerate(rows, start=1):
        try:
            found += form.read(row)
        except BadInput as error:
            raise BadInput(f"{path.name}, row {number}: {error}") from error
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
            what = f"{path.name}, row {number} is not as in {form.title}: {error}"
            raise BadInput(f"{what}; choose another --format, or name columns by --prompt") from error
    if not found:
        raise BadInput(f"{path.name}: {form.title} without an answer; expected some")
    named = {one.model for one in found} - {""}
    whose = named.pop() if len(named) == 1 else unpacked(path).stem
    ids = zip(found, whole([one.id for one in found]), strict=True)
    return [one._replace(model=one.model or whose, id=name or "") for one, name in ids]


def _long(path: Path, rows: Rows, choice: Choice, answer: str | None) -> Form:
    """How to read a table with a prompt and an answer a row."""
    at = {role: _column(rows, role) for role in ("model", "category", "group", "ended")}
    at["id"] = _asked_for(path, rows, choice.id, "--id") or _column(rows, "id")
    at["prompt"] = _asked_for(path, rows, choice.prompt, "--prompt") or _column(rows, "prompt")
    if at["id"] is None and at["prompt"] is None:
        raise BadInput(f"{path.name} has neither prompts nor ids; name their column by --prompt or --id")
    at["answer"] = (answer and located(rows, answer)) or _answers_in(path, rows)

    def read(row: Row) -> Iterable[Said]:
        cell = {role: pick(row, column) if column else None for role, column in at.items()}
        if at["prompt"] == "instruction" and row.get("input"):
            cell["prompt"] = f"{cell['prompt']}\n\n{row['input']}"
        found = answered(cell["prompt"], cell["answer"])
        about = {"category": cell["category"], "talk": cell["group"], "ended": cell["ended"]}
        return said(cell["model"], cell["id"], found, **about)

    return Form("a long table", (), read)


def _wide(path: Path, rows: Rows, choice: Choice) -> tuple[Rows, str] | None:
    """Rows in which both models have a column; None where they have not."""
    wanted = {side: getattr(choice, side) or side for side in SIDES}
    at = {side: located(rows, name) for side, name in wanted.items()}
    if None in at.values():
        if any(at.values()) and choice.form is None:
            check_columns(path, names_of(rows), [wanted[side] for side in SIDES if at[side] is None])
        return None
    if at["teacher"] == at["student"]:
        raise BadInput(f"{path.name}: teacher and student are both in {at['teacher']}; name another column")
    at["prompt"] = _asked_for(path, rows, choice.prompt, "--prompt") or _column(rows, "prompt")
    at["prompt_id"] = _asked_for(path, rows, choice.id, "--id") or _column(rows, "id")
    wide: Rows = []
    for number, row in enumerate(rows, start=1):
        try:
            wide += _turns(row, at, number, whole_talk=choice.whole)
        except BadInput as error:
            raise BadInput(f"{path.name}, row {number}: {error}") from error
    columns = ", ".join(f"{role} in {column}" for role, column in at.items() if column not in (None, role))
    return wide, f"{path.name}: a table, {len(wide):,} rows" + (f"; {columns}" if columns else "")


def _turns(row: Row, at: Mapping[str, str | None], number: int, *, whole_talk: bool) -> Rows:
    """The row, or a row for each of its turns or samples."""
    cells = {role: pick(row, column) if column else None for role, column in at.items()}
    cells["prompt_id"] = cells["prompt_id"] if at["prompt_id"] else str(number)
    if not any(isinstance(cells[role], list | dict) for role in ("prompt", *SIDES)):
        return [{**row, **cells}]
    name, prompt = text_of(cells["prompt_id"]), cells["prompt"]
    sides = {side: list(said(side, name, answered(prompt, cells[side]))) for side in SIDES}
    sides = {side: whole_talks(own) for side, own in sides.items()} if whole_talk else sides
    new = paired(sides)[0]
    kept = [{key: cell for key, cell in one.items() if key in SIDES or cell is not None} for one in new]
    return [{**row, **one} for one in kept]


def _asked_for(path: Path, rows: Rows, name: str | None, option: str) -> str | None:
    """The column that an option names; raises BadInput where there is none."""
    if name is not None and (at := located(rows, name)) is None:
        raise BadInput(f"{path.name} has nothing at {option} {name}; columns: {some(names_of(rows), 12)}")
    return at if name is not None else None


def _column(rows: Rows, role: str) -> str | None:
    return next((at for name in NAMES[role] if (at := located(rows, name)) is not None), None)


def _answers_in(path: Path, rows: Rows) -> str:
    """The one column that can hold answers; raises BadInput where none can, or several."""
    found = [at for name in NAMES["answer"] if (at := located(rows, name)) is not None]
    if len(found) == 1:
        return found[0]
    what = f"answers in {' or in '.join(found)}" if found else "no column of answers that is known"
    way = "name columns by --prompt and --teacher (and --student), or the file's form by --format"
    raise BadInput(f"{path.name}: {what}; columns: {some(names_of(rows), 12)}; {way}")


def _sides(path: Path, answers: Sequence[Said], choice: Choice) -> dict[str, list[Said]]:
    """The answers of teacher and student in one file: those that are named, or the two that are there."""
    models = Counter(one.model for one in answers)
    named = [getattr(choice, side) for side in SIDES]
    if None not in named and named[0] == named[1]:
        raise BadInput(f"{path.name}: teacher and student are both {named[0]}; name another model")
    if None in named and len(models) != 2:
        way = "name two by --teacher and --student, or compare all by --all-pairs"
        way = "give a second file" if len(models) == 1 else way
        raise BadInput(f"{path.name} has answers of {some(models, 12)}; {way}")
    if unknown := [name for name in named if name is not None and name not in models]:
        what = f"{unknown[0]} is no column and no model of {path.name}"
        raise BadInput(f"{what}; models: {some(models, 12)}")
    for at, other in ((0, 1), (1, 0)):
        named[at] = named[at] or next(model for model in models if model != named[other])
    names = zip(SIDES, named, strict=True)
    return {side: [one for one in answers if one.model == name] for side, name in names}


def _one_model(path: Path, answers: list[Said], own: str | None) -> list[Said]:
    """The answers of the one model that a file is taken for."""
    models = Counter(one.model for one in answers)
    if len(models) > 1 and own not in models:
        raise BadInput(f"{path.name} has answers of {some(models, 12)}; name one by --teacher or --student")
    return [one for one in answers if len(models) == 1 or one.model == own]


def with_prompts(sides: dict[str, list[Said]], choice: Choice) -> dict[str, list[Said]]:
    """The answers with their prompts from the file of questions; without one, an id stands for its prompt.

    As one answer a conversation, where that was chosen.
    """
    prompts = {}
    if choice.questions is not None:
        prompts = {(one.id, one.turn): one for one in questions_of(Path(choice.questions))}
    found = {side: [_prompted(one, prompts) for one in answers] for side, answers in sides.items()}
    return {side: whole_talks(answers) for side, answers in found.items()} if choice.whole else found


def _prompted(one: Said, prompts: Mapping[tuple[str, int], Said]) -> Said:
    if (known := prompts.get((one.id, one.turn))) is not None:
        return one._replace(prompt=known.prompt, category=one.category or known.category)
    if prompts:
        raise BadInput(f"the file of --questions has no {one.id!r:.60}, turn {one.turn}; give all of them")
    return one if one.prompt else one._replace(prompt=f"{one.id}, turn {one.turn}")


def questions_of(path: Path) -> list[Said]:
    """The prompts in a file of questions, or in one of answers; raises BadInput where there are none."""
    rows = read_rows(path)
    if (form := _sniffed(path, rows, QUESTIONS) or _sniffed(path, rows, FORMS)) is not None:
        return _each(path, rows, form)
    if (at := _column(rows, "prompt")) is None:
        check_columns(path, names_of(rows), ["prompt"])
    return [Said("", "", asked(pick(row, str(at))), "") for row in rows]


def prompt_rows(path: Path, prompt: str | None = None) -> Rows:
    """Rows with a column prompt: those of the file, or each first turn once in a file of another form."""
    rows = read_rows(path)
    if (at := _asked_for(path, rows, prompt, "--prompt") or located(rows, "prompt")) is not None:
        given = [pick(row, at) for row in rows]
        texts = [asked(cell) if isinstance(cell, list | dict) else cell for cell in given]
        return [{**row, "prompt": text} for row, text in zip(rows, texts, strict=True)]
    first = {one.prompt: one.category or None for one in questions_of(path) if one.turn == 1}
    return [{"prompt": text, "category": category} for text, category in first.items()]


def answers_of(path: Path, name: str) -> dict[tuple[str, int], tuple[str, str | None]]:
    """Prompt and sample -> what a model said and why it ended there; `name` is its column's, or its own.

    Further samples are in `<column>_2`, `<column>_3` and so on, or stand in further rows. Raises BadInput as
    `read_pairs`.
    """
    rows = read_rows(path)
    if located(rows, name or "teacher") is not None:
        return _in_columns(path, rows, name or "teacher")
    found: dict[tuple[str, int], tuple[str, str | None]] = {}
    seen: Counter[str] = Counter()
    for one in _one_model(path, told(path, rows, NOTHING)[1], name):
        if one.turn == 1:
            found[one.prompt, seen[one.prompt]] = one.answer.strip(), one.ended or None
            seen[one.prompt] += 1
    return found


def _in_columns(path: Path, rows: Rows, column: str) -> dict[tuple[str, int], tuple[str, str | None]]:
    further = takewhile(lambda name: located(rows, name) is not None, (f"{column}_{n}" for n in count(2)))
    names, found = (column, *further), {}
    optional = (*names[1:], *(f"{name}_finish_reason" for name in names))
    columns = columns_of(path, rows, keys=("prompt",), required=(column,), optional=optional)
    for index, name in enumerate(name for name in names if name in columns):
        ends = columns.get(f"{name}_finish_reason", [None] * len(rows))
        for prompt, answer, ended in zip(columns["prompt"], columns[name], ends, strict=True):
            if index == 0 or answer is not None:  # nothing says that it was not asked again
                found[str(prompt), index] = (answer or "").strip(), ended
    return found


def summary(path: Path, title: str, answers: Sequence[Said]) -> str:
    models = Counter(one.model for one in answers)
    prompts = len({(one.id or one.prompt, one.turn) for one in answers})
    talks = len({(one.model, one.id, one.talk) for one in answers if one.turn > 1})
    turns = f" (in {talks:,} conversations: a row a turn, or one each with --whole)" if talks else ""
    bare = "" if any(one.prompt for one in answers) else ", without their text (give it by --questions FILE)"
    what = f"{prompts:,} prompts{turns}{bare}"
    return f"{path.name}: {title}, {len(answers):,} answers to {what}, of {some(models, 12)}"
