"""The one look: what colour, marker and name each arm, strategy and adversary has in every figure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bbi_utils.errors import BadInput, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE = Path(__file__).with_name("bbi.mplstyle")
COLUMN = 3.35  # inches: one column of a two-column page
PAGE = 6.9  # inches: both columns
LONGEST_LABEL = 40  # characters
LEGEND_COLUMN = 1.3  # inches: the longest name of an arm or strategy


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
            f"no colour and marker for {name!r}; known are {list(self)}: add it to figures/look.py"
        )


# Okabe and Ito's colour-blind-safe palette; arms and strategies share no colour and no marker.
ARMS = Marks(
    {
        "teacher": Mark("teacher", "#000000", "D"),
        "base": Mark("base student", "#D55E00", "o"),
        "distilled": Mark("distilled student", "#0072B2", "s"),
        # The grey that stands for black in some prints of the palette; its yellow is lost on white paper.
        "teacher_4bit": Mark("teacher, 4-bit", "#999999", "d"),
        "teacher_resample": Mark("teacher again (null)", "#009E73", "^"),
        # The student of a user's own file, of whom nothing more is known.
        "student": Mark("student", "#882255", "h"),
    }
)
STRATEGIES = Marks(
    {
        "stratified_random": Mark("stratified random", "#555555", "v"),
        "disagreement": Mark("disagreement", "#CC79A7", "P"),
        "disagreement_known": Mark("disagreement, all known", "#E69F00", "X", "--"),
        "diversity": Mark("diversity", "#56B4E9", "*"),
    }
)
CHANCE: dict[str, Any] = {"color": "#333333", "linewidth": 0.9, "linestyle": (0, (4, 2)), "zorder": 1}


def use_style() -> AbstractContextManager[None]:
    """A context in which matplotlib draws in the house style, and after which it is as it was."""
    import matplotlib.style

    return matplotlib.style.context(["default", str(STYLE)])


def canvas(rows: int, columns: int, *, size: tuple[float, float], **kwargs: Any) -> tuple[Figure, Any]:
    """An empty figure and its axes (always a 2-d array), closed so that a notebook shows it only once."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, **kwargs)
    plt.close(fig)
    return fig, axes


def width_of(panels: int) -> float:
    """Inches: a column and room for the names of its rows, or a page for several panels side by side."""
    return PAGE if panels > 1 else COLUMN + 0.6


def name_rows(ax: Axes, names: Sequence[str]) -> None:
    """Rows from the top down at y = 0, 1, ..., each with its name and no line or tick of its own."""
    ax.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5))
    ax.grid(axis="y", visible=False)
    ax.tick_params(axis="y", length=0)


def words(name: str) -> str:
    """An identifier as a reader says it: style_format -> style format."""
    return one_line(name).replace("_", " ").replace("ngrams", "n-grams")


def pairs_in(names: Iterable[str]) -> list[str]:
    """The pairs found, in the paper's order."""
    return in_order(names, ("qwen", "llama"))


def as_drawn(text: str) -> str:
    """A user's text as a label, cut where it is long; the style reads no formulas in it."""
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"


def pair_title(pair: str) -> str:
    """The heading of a pair's panel."""
    return f"{one_line(pair).capitalize()} pair"


def in_order(found: Iterable[str], known: Iterable[str]) -> list[str]:
    """What was found: the known ones in their own order, then the others alphabetically."""
    have, order = set(found), list(known)
    return [k for k in order if k in have] + sorted(have - set(order))


def counted(counts: Iterable[int]) -> str:
    """How many units the rows of a figure rest on: one number, or the fewest and the most."""
    fewest, most = min(found := list(counts)), max(found)
    return f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"


def point(ax: Axes, x: float, y: float, ends: tuple[float, float], *, mark: Mark, size: float = 5) -> None:
    """One estimate with its interval, lying across the page; an interval of NaN is left out."""
    if ends[0] == ends[0]:
        ax.plot(ends, [y, y], color=mark.colour, linewidth=1.6, solid_capstyle="butt", zorder=3)
    style: dict[str, Any] = {
        "color": mark.colour,
        "marker": mark.marker,
        "linestyle": "none",
        "markersize": size,
    }
    ax.plot([x], [y], markeredgecolor="white", markeredgewidth=0.5, zorder=4, **style)


def legend_below(fig: Figure, marks: Iterable[Mark], *, extra: Iterable[Any] = ()) -> None:
    """One legend under all panels, with each mark's colour and marker, in as many columns as have room."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=m.colour, marker=m.marker, label=m.name, linestyle=m.line) for m in marks]
    handles += list(extra)
    room = max(2, int(fig.get_figwidth() / LEGEND_COLUMN))
    fig.legend(handles=handles, loc="outside lower center", ncols=min(room, len(handles)), columnspacing=1.4)


def chance_handle(label: str) -> Any:
    """The chance line as a legend entry."""
    from matplotlib.lines import Line2D

    style: dict[str, Any] = {k: v for k, v in CHANCE.items() if k != "zorder"}
    return Line2D([], [], label=label, **style)
