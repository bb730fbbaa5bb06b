"""The answers of two models set side by side: joined by id or by prompt, and what had no partner counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from bbi_utils.errors import BadInput
from bbi_utils.files import sha256_text
from bbi_utils.probes.forms.known import Said
from bbi_utils.tables import Rows

SIDES = ("teacher", "student")
WAY = "name what joins them: --by id or --by prompt"
Key = tuple[str, int]  # id or prompt, and the turn


def paired(
    answers: Mapping[str, Sequence[Said]], *, by: str | None = None, shared_only: bool = False
) -> tuple[Rows, str]:
    """Rows of contract C2, and a line on how the two met.

    answers: side -> what it said. by: "id" or "prompt"; by default the id, if prompts agree with it. A model
    was asked as often as `times` says, and what both were asked. So an answer that only one of them
    has is None for the other, a difference like any; with shared_only such rows say that they were not asked.
    Further samples of the teacher are a second answer. Raises BadInput where nothing is shared.
    """
    if by == "id" and any(not one.id for side in SIDES for one in answers[side]):
        raise BadInput("--by id, and there are answers without one; name the column by --id")
    if by == "id" and (name := _twofold(answers)) and _shared_prompts(answers):
        raise BadInput(f"--by id, and id {name!r:.40} stands at two prompts of one model; join --by prompt")
    by = by or _meeting(answers)
    said = {side: _by_key(answers[side], by, _in_two_cases(answers)) for side in SIDES}
    both = said["teacher"].keys() & said["student"].keys()
    if not both:
        raise BadInput(f"the two models share no {by}; {WAY}, or name the column by --id or --prompt")
    most = {side: times(map(len, said[side].values())) for side in SIDES}
    rows: Rows = []
    for key in {**said["teacher"], **said["student"]}:
        asked = {"asked": "yes" if key in both else "no"} if shared_only else {}
        own = {side: said[side].get(key, []) for side in SIDES}
        rows += [{**row, **asked} for row in _samples(key, own, min(most.values()), by)]
    alone = {side: len(said[side]) - len(both) for side in SIDES}
    line = _line(by, len(both), alone, most, shared_only=shared_only)
    kept = sum(row[name] is not None for row in rows for name in (*SIDES, "teacher_2"))
    left = sum(map(len, answers.values())) - kept
    return rows, line + (f", {left:,} further samples without a partner left out" if left else "")


def times(counts: Iterable[int]) -> int:
    """How often a model was asked: as often as it answered every twentieth prompt or more.

    So a row that stands twice by accident does not make it silent on all other prompts.
    """
    ordered = sorted(counts, reverse=True)
    return ordered[(len(ordered) - 1) // 20]


def plain(prompt: str) -> str:
    """The prompt without its letter case and spacing, in which near-duplicates differ."""
    return " ".join(prompt.casefold().split())


def key_of(one: Said, by: str) -> Key:
    """What answers to one prompt share."""
    return (one.id if by == "id" else plain(one.prompt)), one.turn


def name_of(key: Key, one: Said, by: str, *, sample: int) -> str:
    """The id of a prompt's row, `sample` counting from 0; `one` is the answer that words it."""
    name, turn = key[0] if by == "id" else sha256_text(one.prompt)[:16], key[1]
    return name + (f", turn {turn}" if turn > 1 else "") + (f", sample {sample + 1}" if sample else "")


def whole_talks(answers: Sequence[Said]) -> list[Said]:
    """Each conversation as one answer, its turns' after one another, to what was asked first."""
    found: list[Said] = []
    last = 0
    for one in answers:
        if one.turn > last >= 1 and found and (found[-1].id, found[-1].talk) == (one.id, one.talk):
            found[-1] = found[-1]._replace(answer=f"{found[-1].answer}\n\n{one.answer}", ended=one.ended)
        else:
            found.append(one)
        last = one.turn
    return [one._replace(answer=one.answer.strip()) for one in found]


def _by_key(answers: Sequence[Said], by: str, apart: Collection[str]) -> dict[Key, list[Said]]:
    """The answers to each prompt; apart: prompts which letter case tells from another."""
    found: dict[Key, list[Said]] = defaultdict(list)
    for one in answers:
        key = key_of(one, by)
        if by == "prompt" and key[0] in apart:
            key = " ".join(one.prompt.split()), one.turn
        found[key].append(one)
    return found


def _in_two_cases(answers: Mapping[str, Sequence[Said]]) -> set[str]:
    """Prompts of which one model answered several that differ in letter case alone."""
    texts = {(side, " ".join(one.prompt.split())) for side in SIDES for one in answers[side]}
    counted = Counter((side, plain(text)) for side, text in texts)
    return {text for (_, text), count in counted.items() if count > 1}


def _shared_prompts(answers: Mapping[str, Sequence[Said]]) -> set[str]:
    teacher, student = ({plain(one.prompt) for one in answers[side]} for side in SIDES)
    return (teacher & student) - {""}


def _twofold(answers: Mapping[str, Sequence[Said]]) -> str | None:
    """An id that stands at two prompts of one model, as where tasks that count alike share a file."""
    texts = {(side, one.id, plain(one.prompt)) for side in SIDES for one in answers[side] if one.turn == 1}
    counted = Counter((side, name) for side, name, prompt in texts if prompt)
    return next((name for (_, name), count in sorted(counted.items()) if count > 1), None)


def _meeting(answers: Mapping[str, Sequence[Said]]) -> str:
    """What the two share, id or prompt; raises BadInput where these would pair them differently."""
    ids = [{one.id: plain(one.prompt) for one in answers[side] if one.turn == 1} for side in SIDES]
    shared = ids[0].keys() & ids[1].keys()
    if "" in ids[0] or "" in ids[1] or not shared or _twofold(answers):
        return "prompt"
    unlike = [name for name in shared if ids[0][name] != ids[1][name] and ids[0][name] and ids[1][name]]
    same = len(set(ids[0].values()) & set(ids[1].values()) - {""})
    if not unlike or not same:  # no prompt alike: each model has its own template around it
        return "id"
    if 2 * len(unlike) > len(shared):  # ids that only count the rows
        return "prompt"
    example = min(unlike)
    what = f"{len(unlike)} of {len(shared)} shared ids stand at different prompts, such as {example!r:.40}"
    raise BadInput(f"{what}: {ids[0][example]!r:.40} and {ids[1][example]!r:.40}; {WAY}")


def _samples(key: Key, said: dict[str, list[Said]], asked: int, by: str) -> Rows:
    """The rows of one prompt, at most one for each time that both were asked."""
    one, turn = next(one for side in SIDES for one in said[side]), key[1]
    name = name_of((key[0], 1), one, by, sample=0)
    several = asked > 1 or turn > 1
    talk = next((other.talk for side in SIDES for other in said[side] if other.talk), "")
    group: Any = talk or (name if several else None)
    rows = []
    for at in range(asked):
        got = {side: said[side][at] for side in SIDES if at < len(said[side])}
        if not got:
            break
        if asked + at < len(said["teacher"]):
            got["teacher_2"] = said["teacher"][asked + at]
        label = name_of(key, one, by, sample=at)
        about = {"prompt_id": label, "prompt": one.prompt, "category": one.category or None, "group": group}
        answers = {side: got[side].answer if side in got else None for side in (*SIDES, "teacher_2")}
        ends = {f"{side}_finish_reason": own.ended for side, own in got.items() if own.ended}
        rows.append({**about, **answers, **ends})
    return rows


def _line(by: str, both: int, alone: dict[str, int], most: dict[str, int], *, shared_only: bool) -> str:
    """How the two met, and what becomes of what one of them alone was asked."""
    parts = [f"joined by {by}: {both:,} in both"]
    parts += [f"{count:,} only of the {side}" for side, count in alone.items() if count]
    if any(alone.values()):
        missing = "missing answers of the other; --shared-only if they were never asked"
        parts[-1] += f" ({'left out as never asked' if shared_only else missing})"
    if max(most.values()) > 1:
        parts.append(f"up to {most['teacher']} and {most['student']} samples a prompt")
    return ", ".join(parts)
