"""What verdicts come to: advantage and certificate beside the machines', in tables and in sentences."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bbi_utils.files import write_json
from bbi_utils.games.certificate import Certificate, Row, certify
from bbi_utils.games.inference.exact import Counts, lower_bound
from bbi_utils.report.audit_files import CERTIFICATE, beside, moved
from bbi_utils.report.labels import decimals, words
from bbi_utils.study.play.attention import Attention, attention_of
from bbi_utils.study.play.players import HUMAN, Player, players_of, pooled
from bbi_utils.study.play.table import Table


@dataclass(frozen=True)
class Level:
    """The advantage that nobody should exceed, and how sure the bounds are."""

    epsilon: float = 0.1
    confidence: float = 0.95


USUAL = Level()


@dataclass(frozen=True)
class Outcome:
    """One player's end, with everybody else's.

    scores and costs: the machines' and every player's who is through (C3). people: everybody's verdicts as
    one adversary, several on a prompt in one group, None with fewer than two people. alone, together: their
    rows of a certificate of their own. notes: a line for each file that does not count, and for whoever of
    the others does not seem to read.
    """

    adversary: str
    certificate: Certificate
    alone: Row
    together: Row | None
    attention: Attention
    scores: pd.DataFrame
    costs: pd.DataFrame
    people: pd.DataFrame | None
    notes: list[str]
    unseen: int

    @property
    def lines(self) -> list[str]:
        """The outcome in sentences."""
        row, together = self.alone, self.together
        own = self.scores[self.scores["adversary"] == self.adversary]["correct"]
        right, wrong = (int((own == one).sum()) for one in (1, 0))
        unseen = f" ({self.unseen} of them as both answers are the same)" if self.unseen else ""
        said = [
            f"{self.adversary}: {right} right, {wrong} wrong, {row.tied} undecided{unseen}.",
            f"Advantage {self._reached(row)}. "
            + telling(row.n, tied=row.tied, confidence=self.certificate.confidence),
            *self.attention.lines,
        ]
        if together is not None:
            people = sum(name.startswith(HUMAN) for name in self.scores["adversary"].unique())
            said.append(
                f"{people} people together, {together.n} verdicts: advantage {self._reached(together)}; "
                "verdicts on one prompt count as one draw."
            )
        return said + self.notes

    def _reached(self, row: Row) -> str:
        level = f"{self.certificate.confidence:.0%}"
        return f"{decimals(row.advantage)}, between {decimals(row.lower)} and {decimals(row.upper)} ({level})"

    @property
    def table(self) -> list[list[str]]:
        """Everybody who saw two answers, strongest first, under titles; intervals hold for all at once."""
        rows = [row for row in self.certificate.rows if row.game == "pairwise"]
        titles = ["", "advantage", f"{self.certificate.confidence:.0%}", "pairs"]
        return [titles, *map(self._cells, sorted(rows, key=lambda row: -row.advantage))]

    def _cells(self, row: Row) -> list[str]:
        name = words(row.adversary) + (" (you)" if row.adversary == self.adversary else "")
        return [name, decimals(row.advantage), f"{decimals(row.lower)} to {decimals(row.upper)}", str(row.n)]

    def written(self, folder: Path) -> Outcome:
        """Itself, once its tables are in the folder and, last, the certificate that rests on them."""
        tables = {"scores": self.scores, "costs": self.costs, "people": self.people}
        with beside(folder) as partial:
            for name, table in tables.items():
                if table is not None:
                    table.to_parquet(partial / f"{name}.parquet", index=False)
            write_json(partial / CERTIFICATE, self.certificate.to_json())
            moved(partial, folder, sources=(), last=CERTIFICATE, stale=[Path("people.parquet")])
        return self


def outcome_of(table: Table, adversary: str, level: Level) -> Outcome:
    """Everybody's verdicts in the table's folder, counted; `adversary` must be through."""
    players, notes = players_of(table)
    scores = {name: player.scores for name, player in players.items()}
    people = pooled({name: rows for name, rows in scores.items() if name.startswith(HUMAN)})
    everybody = pd.concat([table.machines, *scores.values()], ignore_index=True)
    # Without machines nobody saw everybody's prompts: then people who saw unlike ones are judged as one.
    unlike = table.machines is None and len({frozenset(rows["prompt_id"]) for rows in scores.values()}) > 1
    listed = people if unlike and people is not None else everybody
    spent = pd.DataFrame([_cost(table, name, player) for name, player in players.items()])
    costs = pd.concat([table.costs, spent], ignore_index=True)
    attention = {name: attention_of(player.deck, player.verdicts) for name, player in players.items()}
    for name, seen in attention.items():
        notes += [f"{name}: {warning}" for warning in seen.warnings if name != adversary]
    how = asdict(level)
    return Outcome(
        adversary=adversary,
        certificate=certify(listed, costs=costs, **how),
        alone=certify(scores[adversary], **how).rows[0],
        together=None if people is None else certify(people, **how).rows[0],
        attention=attention[adversary],
        scores=everybody,
        costs=costs,
        people=people,
        notes=notes,
        unseen=len(players[adversary].deck.tied),
    )


def telling(n: int, *, confidence: float, tied: int = 0) -> str:
    """How much advantage n pairs, so many of them undecided, can tell from a coin at all, as a sentence."""
    error, decided = (1 - confidence) / 2, n - tied
    sides = (Counts(won, decided - won, tied) for won in range(decided + 1))
    enough = [counts.advantage for counts in sides if lower_bound(counts, error=error) > 0]
    what = f"anything below {enough[0]:.2f}" if enough else "nothing"
    can = "cannot" if enough else "can"
    return f"With {decided} of {n} pairs decided, {what} {can} be told from tossing a coin."


def _cost(table: Table, adversary: str, player: Player) -> dict[str, Any]:
    """A player's row of costs: nothing was trained, and nobody counts a human's parameters."""
    seconds = sum(verdict.seconds for verdict in player.verdicts)
    spent = {"fit_seconds": 0.0, "score_seconds": seconds, "parameters": 0, "truncated_share": 0.0}
    return {"pair": table.pair, "contrast": table.contrast, "adversary": adversary, **spent}
