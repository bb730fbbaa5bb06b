"""The players who are through: their files, as rows of the scores table (C3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bbi_utils.errors import BadInput, one_line
from bbi_utils.games.scores import SCORE_COLUMNS
from bbi_utils.study.play.deck import Deck, deal
from bbi_utils.study.play.table import Table
from bbi_utils.study.play.verdicts import Verdict, read

HUMAN = "human:"
EVERYBODY = "human"  # the adversary that is everybody's verdicts together


@dataclass(frozen=True)
class Player:
    """A player who is through."""

    deck: Deck
    verdicts: Sequence[Verdict]
    scores: pd.DataFrame


def players_of(table: Table) -> tuple[dict[str, Player], list[str]]:
    """adversary -> who is through, and a line for each file that does not count."""
    players, left_out = {}, []
    for path in sorted(table.folder.glob("*.jsonl")):
        try:
            adversary, player = _player(path, table)
            players[adversary] = player
        except BadInput as error:
            left_out.append(f"{path.name} is not counted: {one_line(str(error))}")
    return players, left_out


def _player(path: Path, table: Table) -> tuple[str, Player]:
    """Who a file is of, and the player; raises BadInput where it does not count."""
    header, verdicts = read(path)
    deck = deal(table.pairs, table.null, **header.asked)
    if header.adversary.rpartition(":")[2] != path.stem:  # one file a player, whoever sent it
        raise BadInput(f"it is {header.adversary}'s, by its first line")
    if header.deck != deck.hash:
        raise BadInput("it was played on other answers than these")
    if len(verdicts) < len(deck.cards):
        raise BadInput(f"{len(verdicts)} of {len(deck.cards)} are judged so far")
    labels = {"pair": table.pair, "contrast": table.contrast, "adversary": header.adversary}
    return header.adversary, Player(deck, verdicts, scores_of(deck, verdicts, **labels))


def scores_of(deck: Deck, verdicts: Sequence[Verdict], **labels: str) -> pd.DataFrame:
    """Rows of the scores table (C3, game pairwise, fold -1) of the cards that count; "?" is a tie.

    labels: pair, contrast, adversary.
    """
    said = [(card, card.sign(verdict.key)) for card, verdict in zip(deck.cards, verdicts, strict=True)]
    said = [(card, sign) for card, sign in said if card.kind == "pair"] + [(card, 0) for card in deck.tied]
    rows = pd.DataFrame(
        [(card.prompt_id, card.category, card.group, float(sign), (sign + 1) / 2) for card, sign in said],
        columns=["prompt_id", "category", "group", "score", "correct"],
    )
    return rows.assign(**labels, game="pairwise", fold=-1, shown="pair")[[*SCORE_COLUMNS, "group"]]


def pooled(scores: Mapping[str, pd.DataFrame]) -> pd.DataFrame | None:
    """Several people's verdicts as those of one adversary, None of fewer than two.

    People who judge one prompt are not independent: as C3 has it of several samples of a prompt, each
    verdict has a prompt id of its own, and the prompt's group.
    """
    if len(scores) < 2:
        return None
    parts = [rows.assign(prompt_id=rows["prompt_id"] + f" {name}") for name, rows in scores.items()]
    return pd.concat(parts, ignore_index=True).assign(adversary=EVERYBODY)
