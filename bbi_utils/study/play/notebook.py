"""The game in a notebook: the same page in a frame, or a script in the player's place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bbi_utils.study.play.game import Game, State, file_of, seat
from bbi_utils.study.play.outcome import Outcome
from bbi_utils.study.play.server import Server
from bbi_utils.study.play.table import Table

if TYPE_CHECKING:
    from IPython.display import IFrame

Rule = Callable[[State], str]


def frame(game: Game, *, height: int = 800) -> IFrame:
    """The page below a cell, served as long as the kernel lives; it has the keys once it is clicked.

    The browser has to be on the kernel's machine, or to be led to it (`ssh -L`).
    """
    from IPython.display import IFrame

    return IFrame(Server(game).address, width="100%", height=height)


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
