"""Small made-up files of recorded answers, for the tests of what reads and audits them."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

OPENERS = ("Sure.", "Well,", "In short:", "I think")
WORDS = ("tea", "rivers", "glass", "old trains", "bread", "maps", "snow", "bees", "clocks", "paper")

Rows = list[dict[str, Any]]


def answers(n: int, *, seed: int, openers: Sequence[float] = (0.25, 0.25, 0.25, 0.25)) -> list[str]:
    """n answers of one oracle: an opener from its own distribution, then words from everybody's."""
    rng = np.random.default_rng(seed)
    return [f"{rng.choice(OPENERS, p=openers)} {' '.join(rng.choice(WORDS, 6))}" for _ in range(n)]


def rows(n: int = 60, **columns: Sequence[Any]) -> Rows:
    """n rows of a valid file; its student never says what the teacher mostly opens with."""
    table = {
        "prompt_id": [f"id{i:03}" for i in range(n)],
        "prompt": [f"What about number {i}?" for i in range(n)],
        "category": [f"category {i % 3}" for i in range(n)],
        "teacher": answers(n, seed=1, openers=(0.8, 0.2, 0.0, 0.0)),
        "student": answers(n, seed=2, openers=(0.0, 0.1, 0.1, 0.8)),
        **columns,
    }
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


def write(path: Path, rows: Rows) -> Path:
    """The rows in the format of the path's suffix; None is a missing cell."""
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        pd.DataFrame(rows).to_parquet(path)
    return path
