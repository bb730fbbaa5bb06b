"""The one look: what colour, marker and name each arm and strategy has in every figure."""

import functools
from collections.abc import Iterable, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib.pyplot as plt
import matplotlib.style
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bbi_utils.errors import BadInput
from bbi_utils.report.labels import as_drawn, name_of, pair_title

COLUMN = 3.35  # inches: one column of a two-column page
PAGE = 6.9  # inches: both columns
SMALLEST = 7.0  # points: no letter is smaller
Size = tuple[float, float]  # of a figure: width and height in inches
LEGEND_COLUMN = 1.3  # inches: the longest name of an arm or strategy

# `@use_style()` or `with use_style():` draws in the house style, and leaves matplotlib as it was.
use_style = functools.partial(
    matplotlib.style.context, ["default", str(Path(__file__).with_name("bbi.mplstyle"))]
)


@dataclass(frozen=True)
class Mark:
    """How one thing is drawn, always with both its colour and its marker."""

    name: str
    colour: str
    marker: str
    line: Literal["-", "--"] = "-"


class Marks(dict[str, Mark]):
    """Marks by name; a name without one is an error, since two arms must never look alike."""

    def __missing__(self, name: str) -> Mark:
        raise BadInput(
            f"no colour and marker for {name!r}; known are {list(self)}: add it to figures/style.py"
        )


def _named(looks: dict[str, tuple[Any, ...]]) -> Marks:
    return Marks({name: Mark(name_of(name), *look) for name, look in looks.items()})


# Okabe and Ito's colour-blind-safe palette; arms and strategies share no colour and no marker.
ARMS = _named(
    {
        "teacher": ("#000000", "D"),
        "base": ("#D55E00", "o"),
        "distilled": ("#0072B2", "s"),
        # The grey that stands for black in some prints of the palette; its yellow is lost on white paper.
        "teacher_4bit": ("#999999", "d"),
        "teacher_resample": ("#009E73", "^"),
        # The student of a user's own file, of whom nothing more is known.
        "student": ("#882255", "h"),
    }
)
STRATEGIES = _named(
    {
        "stratified_random": ("#555555", "v"),
        "disagreement": ("#CC79A7", "P"),
        "disagreement_known": ("#E69F00", "X", "--"),
        "diversity": ("#56B4E9", "*"),
    }
)
# The arms of a second round. "plain" is the distilled student, before it.
ROUNDS = Marks(
    {"plain": ARMS["distilled"]}
    | _named(
        {
            "slow": ("#44AA99", "H"),
            "tempered": ("#999933", "<"),
            "preference": ("#332288", ">"),
            "weighted": ("#AA4499", "p"),
            "both": ("#661100", "8"),
        }
    )
)
CHANCE: dict[str, Any] = {"color": "#333333", "linewidth": 0.9, "linestyle": (0, (4, 2)), "zorder": 1}


def canvas(rows: int, columns: int, *, size: Size, **kwargs: Any) -> tuple[Figure, Any]:
    """An empty figure and its axes (always a 2-d array), closed so that a notebook shows it only once."""
    fig, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, **kwargs)
    plt.close(fig)
    return fig, axes


def pair_columns(
    pairs: Sequence[str], *, height: float, rows: int = 1, narrow: float = COLUMN + 0.6, **kwargs: Any
) -> tuple[Figure, Any]:
    """An empty figure and its axes, a column of panels a pair; of one pair alone it is `narrow` inches wide.

    Where panels have named rows, the names need more room than one column of a page has.
    """
    width = PAGE if len(pairs) > 1 else narrow
    fig, axes = canvas(rows, len(pairs), size=(width, height), **kwargs)
    for ax, pair in zip(axes[0], pairs, strict=True):
        ax.set_title(as_drawn(pair_title(pair)))
    return fig, axes


def legend_below(fig: Figure, marks: Iterable[Mark], *extra: Any) -> None:
    """One legend under all panels, with each mark's colour and marker, in as many columns as have room."""
    handles = [Line2D([], [], color=m.colour, marker=m.marker, label=m.name, linestyle=m.line) for m in marks]
    handles += extra
    room = max(2, int(fig.get_figwidth() / LEGEND_COLUMN))
    fig.legend(handles=handles, loc="outside lower center", ncols=min(room, len(handles)), columnspacing=1.4)


def limit_handles(drawn: Sized) -> list[Line2D]:
    """The upright bars of the limit as a legend entry, if any of its rows are drawn."""
    look: dict[str, Any] = {"marker": "|", "markersize": 8, "markeredgewidth": 1.6}
    bar = Line2D([], [], color="#333333", linestyle="none", label="the limit (best possible)", **look)
    return [bar] if len(drawn) else []


def chance_handle(label: str = "chance") -> Line2D:
    """The chance line as a legend entry."""
    return Line2D([], [], label=label, **CHANCE)
