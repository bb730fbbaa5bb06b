"""Probes from a file of one's own: prompts with or without categories, in place of the suite's."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from bbi_utils.errors import BadInput
from bbi_utils.probes.forms.reading import prompt_rows
from bbi_utils.probes.near_duplicates import near_pairs
from bbi_utils.probes.suite import SPLITS, Probe, prompt_id
from bbi_utils.tables import FEWEST_PROMPTS, Row, columns_of, joined

OPTIONAL = ("category", "group", "split")


def read_probes(
    path: str | Path,
    *,
    seed: int = 0,
    test_fraction: float = 0.2,
    prompt: str | None = None,
    once: bool = False,
) -> list[Probe]:
    """The prompts of a file as probes, in the file's order; `prompt` names their column, or dotted path.

    Columns: prompt and optionally category ("all" without), group (the question asked; prompts of one group
    are never split) and split ("distil" or "test"). Near-duplicates count as one group. Without `split`,
    test_fraction of each category goes to the test split, by a hash that the seed fixes. `once`: of a prompt
    that has several rows, as answers may, the first counts.
    Raises BadInput on anything that is wrong with the file, naming row or prompt.
    """
    path = Path(path)
    rows = prompt_rows(path, prompt)
    if once:
        first: dict[str, Row] = {}
        for row in rows:
            first.setdefault(str(row["prompt"]), row)
        rows = [*first.values()]
    columns = columns_of(path, rows, keys=("prompt",), optional=OPTIONAL, labels=OPTIONAL)
    prompts = [str(prompt) for prompt in columns["prompt"]]
    if len(prompts) < FEWEST_PROMPTS:
        raise BadInput(f"{path.name} has {len(prompts)} prompts; at least {FEWEST_PROMPTS} are needed")
    labels = {name: [cell or "" for cell in columns.get(name, [None] * len(prompts))] for name in OPTIONAL}
    categories = [category.strip() or "all" for category in labels["category"]]
    groups = _groups(prompts, [group.strip() for group in labels["group"]])
    splits = _given(labels["split"], groups, path.name)
    splits = splits or _dealt(categories, groups, seed=seed, test_fraction=test_fraction)
    return [
        Probe(prompt_id(prompt), prompt, category, path.name, {}, group, split)
        for prompt, category, group, split in zip(prompts, categories, groups, splits, strict=True)
    ]


def _groups(prompts: Sequence[str], named: Sequence[str]) -> list[str]:
    """The group of each prompt: its name where it has one, joined with those of its near-duplicates."""
    roots = joined(named, links=near_pairs(prompts))
    return [named[root] or prompt_id(prompts[root]) for root in roots]


def _given(splits: Sequence[str], groups: Sequence[str], file: str) -> list[str] | None:
    """The file's own split, None where it has none; no group may lie on both sides."""
    if not any(splits):
        return None
    if wrong := [(row, split) for row, split in enumerate(splits, start=1) if split not in SPLITS]:
        row, split = wrong[0]
        raise BadInput(f"{file}, column split, row {row}: found {split!r}, expected {' or '.join(SPLITS)}")
    sides: dict[str, set[str]] = defaultdict(set)
    for group, split in zip(groups, splits, strict=True):
        sides[group].add(split)
    if both := [group for group, found in sides.items() if len(found) > 1]:
        raise BadInput(
            f"{file}: group {both[0]!r:.60}, or near-duplicates in it, lies on both sides of the split; "
            "put all of it on one"
        )
    return list(splits)


def _dealt(categories: Sequence[str], groups: Sequence[str], *, seed: int, test_fraction: float) -> list[str]:
    """Whole groups to the test split, in the order of a hash, until each category has its share there."""
    wanted = {name: round(count * test_fraction) for name, count in Counter(categories).items()}
    members: dict[str, Counter[str]] = defaultdict(Counter)
    for category, group in zip(categories, groups, strict=True):
        members[group][category] += 1
    tested = set()
    for group in sorted(members, key=lambda group: hashlib.sha256(f"own/{seed}/{group}".encode()).digest()):
        if all(wanted[category] >= count for category, count in members[group].items()):
            tested.add(group)
            for category, count in members[group].items():
                wanted[category] -= count
    return ["test" if group in tested else "distil" for group in groups]
