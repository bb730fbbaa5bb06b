"""The game in a notebook: the same page in a frame, or a script in the player's place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bbi_utils.study.play.game import Game, State, file_of, seat
from bbi_utils.study.play.outcome import Outcome
from bbi_utils.study.play.server import Server
from bbi_utils.study.play.table import Table

if TYPE_CHECKING:
    from IPython.display import IFrame

Rule = Callable[[State], str]


_SEATS: dict[Path, ExitStack] = defaultdict(ExitStack)  # a player's file -> game and page in this kernel


def sit(table: Table, adversary: str, *, height: int = 800, **how: Any) -> tuple[Game, IFrame]:
    """A player's game and its page, to be shown below a cell; how: as `seat` takes it.

    The page has the keys once it is clicked, and lives as long as the kernel. The browser has to be on the
    kernel's machine, or to be led to it (`ssh -L`). Who sits down again ends the earlier game
    and loses none of its answers.
    """
    from IPython.display import IFrame

    mine = _SEATS[file_of(table, adversary)]
    mine.close()
    game = mine.enter_context(seat(table, adversary, **how))
    address = mine.enter_context(Server(game)).address
    return game, IFrame(address, width="100%", height=height)


def script(table: Table, name: str, rule: Rule, **how: Any) -> Outcome:
    """A rule of thumb plays, as adversary script:NAME, each time anew; how: as `seat` takes it.

    It gets what a page gets (prompt, left, right) and returns a key. It is no human: it has a folder of its
    own, and stands beside the machines alone.
    """
    own, adversary = replace(table, folder=table.folder / "scripts" / name), f"script:{name}"
    file_of(own, adversary).unlink(missing_ok=True)
    with seat(own, adversary, **how) as game:
        while not (state := game.state()).get("done"):
            game.verdict(state["card"], rule(state))
        return game.outcome()


def longer(state: State) -> str:
    """The teacher is taken for the wordier one."""
    left, right = len(state["left"]), len(state["right"])
    return "?" if left == right else "1" if left > right else "2"
