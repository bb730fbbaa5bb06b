"""A few real questions with what each arm answered, to be guessed at: which answer is whose?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

ARMS = ("teacher", "base", "distilled")
# Where the paper found that artifacts concentrate: these come first where the prompts have such categories.
TELLING = ("style_format", "robustness", "domain_technical")
LETTERS = "ABC"


@dataclass(frozen=True)
class Riddle:
    """A prompt, the answers under their letters, and under each letter the arm that gave it."""

    prompt: str
    said: dict[str, str]
    who: dict[str, str]


def examples_of(answers: pd.DataFrame) -> pd.DataFrame:
    """Of each pair and category the first prompt, by id, to which the three arms said three different things.

    answers: as 03 saves them. Returns pair, category, prompt_id, prompt, teacher, base, distilled.
    """
    by = ["pair", "category", "prompt_id", "prompt"]
    said = answers.pivot(index=by, columns="arm", values="answer")[list(ARMS)]
    differ = said[said.nunique(axis=1) == len(ARMS)]
    return differ.groupby(by[:2]).head(1).reset_index().rename_axis(columns=None)


def riddles(file: Path, pair: str, *, n: int = 3, seed: int = 1) -> list[Riddle]:
    """Riddles from a file of such examples, in an order drawn for each; none without the file or the pair."""
    if not file.is_file():
        return []
    kept = pd.read_csv(file, keep_default_na=False)
    own = kept[kept["pair"] == pair].sort_values(
        "category", key=lambda names: ~names.isin(TELLING), kind="stable"
    )
    rng, found = np.random.default_rng(seed), list[Riddle]()
    for row in own.head(n).to_dict("records"):
        who = dict(zip(LETTERS, rng.permutation(ARMS).tolist(), strict=True))
        found.append(Riddle(row["prompt"], {letter: row[arm] for letter, arm in who.items()}, who))
    return found
