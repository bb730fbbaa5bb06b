"""Recorded answers as an oracle: a file that says what a model answered, when the model itself is gone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.files import sha256_file
from bbi_utils.oracles.base import Answer, Request, fingerprint_of, was_cut
from bbi_utils.probes.forms.reading import answers_of
from bbi_utils.tables import SUFFIXES, unpacked


def is_recorded(reference: str) -> bool:
    """Whether a model reference names a file of recorded answers: `FILE`, `FILE#column` or `FILE#model`."""
    return _is_table(file_and_column(reference)[0])


def file_and_column(reference: str) -> tuple[str, str]:
    """The file and the column, "" without one; a `#` may be in the name of either.

    Of all places to divide at, the first that leaves a file that is there, or else the name of a table.
    """
    parts = reference.split("#")
    cuts = [("#".join(parts[:at]), "#".join(parts[at:])) for at in range(1, len(parts) + 1)]
    tables = [cut for cut in cuts if _is_table(cut[0])]
    there = [cut for cut in tables if paths.script(cut[0]).is_file()]
    return (there or tables or cuts)[0]


def _is_table(file: str) -> bool:
    return unpacked(Path(file)).suffix.lower() in SUFFIXES


class ReplayOracle:
    """Answers a prompt with what the file says of it; further samples are in `<column>_2` and so on.

    The reference is `FILE` or `FILE#column`; without a column it is `teacher`, as in a file for `audit`. Of a
    file in another form it is `FILE#model`, and `FILE` where it has one model.
    Prompts are matched by their text. Raises BadInput on a file that cannot be read (see `tables`),
    a prompt that occurs twice, and prompts or samples that the file does not answer.
    """

    def __init__(self, reference: str) -> None:
        file, column = file_and_column(reference)
        self.path, self.column = paths.script(file), column or "teacher"
        digest = sha256_file(self.path) if self.path.is_file() else None
        self.settings: dict[str, Any] = {"kind": "replay", "file": digest, "column": self.column}
        self.fingerprint = fingerprint_of(self.settings)
        self.stream = self.fingerprint  # nothing is drawn here; notebook 02 shows every oracle's
        self._answers = answers_of(self.path, column)

    @property
    def name(self) -> str:
        """The file's name and the column."""
        return f"{self.path.name}#{self.column}"

    @property
    def further(self) -> list[str]:
        """The columns of further samples."""
        most = max((index for _, index in self._answers), default=0)
        return [f"{self.column}_{index + 1}" for index in range(1, most + 1)]

    def samples(self, prompt: str) -> int:
        """How many answers to a prompt the file has."""
        return next(index for index in count() if (prompt, index) not in self._answers)

    def check(self, requests: Sequence[Request]) -> None:
        """Raise BadInput where the file has no answer to a prompt."""
        missing = [r for r in requests if (r.prompt, r.sample_index) not in self._answers]
        if missing:
            index = missing[0].sample_index
            column = f"{self.column}_{index + 1}" if index else self.column
            to = f"{len(missing)} of {len(requests)} prompts, such as {missing[0].prompt!r:.60}"
            way = "record them, or ask only what it answers"
            raise BadInput(f"{self.path.name} has no answer in column {column} to {to}; {way}")

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """The recorded answers, in order. Their tokens are not in the file, and how they ended may be."""
        self.check(requests)
        said = [(one.prompt_id, *self._answers[one.prompt, one.sample_index]) for one in requests]
        return [Answer(i, text, "length" if was_cut(why) else "stop", 0, 0, 0.0) for i, text, why in said]

    def release(self) -> None:
        """Nothing is loaded that could be dropped."""
