"""What verdicts come to: advantage and certificate beside the machines', in tables and in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bbi_utils.errors import one_line
from bbi_utils.files import replacing, write_json
from bbi_utils.games.certificate import Certificate, Row, certify
from bbi_utils.games.inference.exact import Counts, lower_bound
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
        row, level = self.alone, f"{self.certificate.confidence:.0%}"
        own = self.scores[self.scores["adversary"] == self.adversary]["correct"]
        right, wrong = (int((own == one).sum()) for one in (1, 0))
        unseen = f" ({self.unseen} of them as both answers are the same)" if self.unseen else ""
        said = [
            f"{self.adversary}: {right} right, {wrong} wrong, {row.tied} undecided{unseen}.",
            f"Advantage {row.advantage:.3f}, between {row.lower:.3f} and {row.upper:.3f} ({level}). "
            + telling(row.n, tied=row.tied, confidence=self.certificate.confidence),
            *self.attention.lines,
        ]
        if self.together is not None:
            who, all_ = self.scores["adversary"].str.startswith(HUMAN), self.together
            people = self.scores[who]["adversary"].nunique()
            said.append(
                f"{people} people together, {all_.n} verdicts: advantage {all_.advantage:.3f}, between "
                f"{all_.lower:.3f} and {all_.upper:.3f} ({level}); verdicts on one prompt count as one draw."
            )
        return said + self.notes

    @property
    def table(self) -> list[list[str]]:
        """Everybody who saw two answers, strongest first, under titles; intervals hold for all at once."""
        rows = [row for row in self.certificate.rows if row.game == "pairwise"]
        rows.sort(key=lambda row: -row.advantage)
        titles = ["", "advantage", f"{self.certificate.confidence:.0%}", "pairs"]
        ends = [[f"{row.advantage:.3f}", f"{row.lower:.3f} to {row.upper:.3f}"] for row in rows]
        named = [
            one_line(row.adversary) + (" (you)" if row.adversary == self.adversary else "") for row in rows
        ]
        return [titles, *([name, *end, str(row.n)] for name, end, row in zip(named, ends, rows, strict=True))]

    def written(self, folder: Path) -> Outcome:
        """Itself, once its tables are in the folder and, last, the certificate that rests on them."""
        (folder / "certificate.json").unlink(missing_ok=True)
        tables = {"scores": self.scores, "costs": self.costs, "people": self.people}
        for name, table in tables.items():
            path = folder / f"{name}.parquet"
            if table is None:
                path.unlink(missing_ok=True)  # of people whose files are gone
                continue
            with replacing(path) as partial:
                table.to_parquet(partial, index=False)
        write_json(folder / "certificate.json", self.certificate.to_json())
        return self


def outcome_of(table: Table, adversary: str, level: Level) -> Outcome:
    """Everybody's verdicts in the table's folder, counted; `adversary` must be through."""
    players, left_out = players_of(table)
    own = players[adversary]
    scores = {name: player.scores for name, player in players.items()}
    people = pooled({name: rows for name, rows in scores.items() if name.startswith(HUMAN)})
    costs = pd.DataFrame([_cost(table, name, player) for name, player in players.items()])
    costs = costs if table.costs is None else pd.concat([table.costs, costs], ignore_index=True)
    how: dict[str, Any] = {"epsilon": level.epsilon, "confidence": level.confidence}
    listed = _listed(table.machines, list(scores.values()), people)
    return Outcome(
        adversary=adversary,
        certificate=certify(listed, costs=costs, **how),
        alone=certify(own.scores, **how).rows[0],
        together=None if people is None else certify(people, **how).rows[0],
        attention=attention_of(own.deck, own.verdicts),
        scores=listed if people is None else pd.concat([table.machines, *scores.values()], ignore_index=True),
        costs=costs,
        people=people,
        notes=[*left_out, *_of_others(players, adversary)],
        unseen=len(own.deck.tied),
    )


def telling(n: int, *, confidence: float, tied: int = 0) -> str:
    """How much advantage n pairs, so many of them undecided, can tell from a coin at all, as a sentence."""
    error, decided = (1 - confidence) / 2, n - tied
    sides = (Counts(won, decided - won, tied) for won in range(decided + 1))
    enough = [counts.advantage for counts in sides if lower_bound(counts, error=error) > 0]
    what = f"anything below {enough[0]:.2f}" if enough else "nothing"
    can = "cannot" if enough else "can"
    return f"With {decided} of {n} pairs decided, {what} {can} be told from tossing a coin."


def _listed(
    machines: pd.DataFrame | None, players: list[pd.DataFrame], people: pd.DataFrame | None
) -> pd.DataFrame:
    """The rows that are certified together: the machines' and each player's.

    Without machines nobody saw everybody's prompts: then the people as one, where they saw unlike ones.
    """
    prompts = {frozenset(rows["prompt_id"]) for rows in players}
    if machines is None and len(prompts) > 1 and people is not None:
        return people
    return pd.concat([*([] if machines is None else [machines]), *players], ignore_index=True)


def _of_others(players: Mapping[str, Player], adversary: str) -> list[str]:
    """What warns of the other players, who all count."""
    others = {name: player for name, player in players.items() if name != adversary}
    found = {name: attention_of(player.deck, player.verdicts).warnings for name, player in others.items()}
    return [f"{name}: {warning}" for name, warnings in found.items() for warning in warnings]


def _cost(table: Table, adversary: str, player: Player) -> dict[str, Any]:
    """A player's row of costs: nothing was trained, and nobody counts a human's parameters."""
    spent = {"fit_seconds": 0.0, "score_seconds": player.seconds, "parameters": 0, "truncated_share": 0.0}
    return {"pair": table.pair, "contrast": table.contrast, "adversary": adversary, **spent}
