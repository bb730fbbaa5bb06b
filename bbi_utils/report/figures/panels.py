"""The panels that most figures are: the forest plot, the heat map, and points along even steps."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bbi_utils.report.figures.style import (
    ARMS,
    CHANCE,
    COLUMN,
    PAGE,
    SMALLEST,
    Mark,
    Marks,
    canvas,
    pair_columns,
)
from bbi_utils.report.labels import (
    LIKELIHOOD,
    as_drawn,
    categories_in,
    heading,
    in_order,
    pairs_in,
    plain_zero,
    words,
)
from bbi_utils.report.summaries import PAPERS_THREE

RowNames = Mapping[Any, str]  # what identifies a row of a forest plot -> its name
STUDENTS = ("base", "distilled", "student")
TOP = 1.0  # the colour scale of heat maps ends at perfect distinction, so that figures compare
DARK = 0.65  # of it, from where on white letters are easier to read than black ones
ENDS_ROOM = 39.0  # points: the widest interval on one line; where cells are narrower it takes two
# What stands between the ends of an interval -> the height of a row in inches, and how far down they begin.
ROWS = {" ": (0.33, 0.5), "\n": (0.43, 0.39)}
LONGEST_NAME = 14  # characters of a category on one line


def limit_rows(limit: pd.DataFrame | None, like: pd.DataFrame) -> pd.DataFrame:
    """The rows of `summaries.limits` for the pairs, contrasts and games of an advantage table, as its own."""
    if limit is None:
        return pd.DataFrame(columns=list(dict.fromkeys([*like, "category"])))
    found = limit.rename(columns={"ceiling": "advantage"}).assign(adversary=LIKELIHOOD)
    keys = ["pair", "contrast", "game"]
    return found.merge(like[keys].drop_duplicates(), on=keys)


def over_all(limit: pd.DataFrame | None, like: pd.DataFrame) -> pd.DataFrame:
    """Those of them over all prompts."""
    found = limit_rows(limit, like)
    return found[found["category"] == "all"]


def with_limit(table: pd.DataFrame, limit: pd.DataFrame) -> pd.DataFrame:
    """The limit's rows under those of the table."""
    return pd.concat([table, limit.reindex(columns=list(table))], ignore_index=True) if len(limit) else table


def forest_figure(
    table: pd.DataFrame,
    names: RowNames,
    *,
    height: float,
    label: str = "distinguishing advantage",
    limit: pd.DataFrame | None = None,
    **rows: Any,
) -> tuple[Figure, list[Axes]]:
    """One forest plot a pair, side by side, with the line of chance at 0; rows: as `forest` takes them.

    height: of the figure, in inches; label: of the axis along which estimates lie; limit: further rows, whose
    estimates are marked in the rows of the others too.
    """
    pairs, own = pairs_in(table["pair"]), table
    table = own if limit is None else with_limit(own, limit)
    fig, axes = pair_columns(pairs, height=height, sharey=True, sharex=True)
    for ax, pair in zip(axes[0], pairs, strict=True):
        ax.axvline(0, **CHANCE)
        forest(ax, table[table["pair"] == pair], names, **rows)
        if limit is not None:
            limit_marks(ax, own[own["pair"] == pair], limit[limit["pair"] == pair], list(names), **rows)
        ax.set_xlabel(label)
    return fig, list(axes[0])


def forest(
    ax: Axes,
    table: pd.DataFrame,
    names: RowNames,
    *,
    arms: Sequence[str],
    by: Sequence[str] = ("adversary", "game"),
    value: str = "advantage",
    step: float = 0.24,
    shaded: bool = True,
) -> None:
    """From the top down a row for each of `names`, and in it each arm's estimate and interval.

    table: the columns `by`, whose values together identify a row, contrast, `value`, lower and upper.
    step: between the arms of a row, of which the height is 1; shaded: every other row.
    """
    rows = list(names)
    for odd in range(1, len(rows), 2) if shaded else ():
        ax.axhspan(odd - 0.5, odd + 0.5, color="#f5f5f5", zorder=0)
    for found in table.to_dict("records"):
        row = rows.index(tuple(found[name] for name in by))
        y = row + beside(arms.index(found["contrast"]), len(arms), step)
        point(ax, found[value], y, (found["lower"], found["upper"]), mark=ARMS[found["contrast"]])
    name_rows(ax, list(names.values()))


def limit_marks(
    ax: Axes,
    table: pd.DataFrame,
    limit: pd.DataFrame,
    rows: Sequence[Any],
    *,
    arms: Sequence[str],
    by: Sequence[str] = ("adversary", "game"),
    step: float = 0.24,
    **_: Any,
) -> None:
    """In each row of `forest` an upright bar in the arm's colour where the limit of its game lies."""
    top = limit.set_index(["contrast", "game"])["advantage"]
    for found in table.to_dict("records"):
        if (key := (found["contrast"], found["game"])) in top.index:
            y = rows.index(tuple(found[name] for name in by)) + beside(arms.index(key[0]), len(arms), step)
            ax.vlines(
                top[key], y - step / 2, y + step / 2, color=ARMS[key[0]].colour, linewidth=1.6, zorder=2
            )


def beside(place: int, count: int, step: float) -> float:
    """How far from the middle of `count` marks side by side the one at `place` stands."""
    return step * (place - (count - 1) / 2)


def name_rows(ax: Axes, names: Sequence[str]) -> None:
    """Rows from the top down at y = 0, 1, ..., each with its name and no line or tick of its own."""
    ax.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5))
    ax.grid(axis="y", visible=False)
    ax.tick_params(axis="y", length=0)


def point(ax: Axes, x: float, y: float, ends: tuple[float, float], *, mark: Mark, size: float = 5) -> None:
    """One estimate with its interval, lying across the page; an interval of NaN is left out."""
    if ends[0] == ends[0]:
        ax.plot(ends, [y, y], color=mark.colour, linewidth=1.6, solid_capstyle="butt", zorder=3)
    look: dict[str, Any] = {"color": mark.colour, "marker": mark.marker, "markersize": size}
    ax.plot([x], [y], linestyle="none", markeredgecolor="white", markeredgewidth=0.5, zorder=4, **look)


def along_steps(
    table: pd.DataFrame, marks: Marks, *, by: str, across: str, levels: Sequence[int], step: float
) -> Iterator[tuple[str, Mark, pd.DataFrame, list[float]]]:
    """Each name that column `by` has, with its mark, its rows along the levels, and where these stand.

    Levels often double: even steps keep the small ones apart, and marks side by side the intervals.
    """
    names = in_order(table[by], marks)
    for place, name in enumerate(names):
        part = table[table[by] == name].sort_values(across)
        shift = beside(place, len(names), step)
        yield name, marks[name], part, [levels.index(at) + shift for at in part[across]]


def name_steps(ax: Axes, levels: Sequence[int], label: str) -> None:
    """The levels as names of the even steps."""
    ax.set(xticks=range(len(levels)), xticklabels=[f"{level:,}" for level in levels], xlabel=label)
    ax.grid(axis="x", visible=False)


def heat_map(
    ax: Axes,
    table: pd.DataFrame,
    *,
    categories: list[str],
    columns: Mapping[str, str],
    across: str,
    value: str,
    gap: str,
    framed: bool = False,
) -> None:
    """Cells of category x `across` with the estimate, darker for more, and below it the interval.

    columns: value of `across` -> its name. gap: between the ends of an interval, one of ROWS. Bold is what
    lies above 0; framed: what excludes 0 on either side is bold and has a frame.
    """
    names = list(columns)
    grid = table.pivot(index="category", columns=across, values=value).reindex(categories)[names]
    bare = {"cbar": False, "xticklabels": False, "yticklabels": False}  # names are written below, as words
    seaborn.heatmap(grid.astype(float), ax=ax, cmap="Purples", vmin=0, vmax=TOP, linewidths=0.8, **bare)
    for cell in table.to_dict("records"):
        x, y = names.index(cell[across]), categories.index(cell["category"])
        marked = cell["lower"] > 0 or (framed and cell["upper"] < 0)
        text: dict[str, Any] = {"ha": "center", "color": "white" if cell[value] > DARK * TOP else "black"}
        at, ends = (x + 0.5, y + ROWS[gap][1]), f"{_signed(cell['lower'])},{gap}{_signed(cell['upper'])}"
        ax.text(*at, _signed(cell[value]), va="bottom", weight="bold" if marked else "normal", **text)
        ax.text(*at, ends, va="top", fontsize=SMALLEST, linespacing=1, **text)
        if framed and marked:
            ax.add_patch(Rectangle((x + 0.03, y + 0.04), 0.94, 0.92, fill=False, ec="black", linewidth=1.1))
    turned: dict[str, Any] = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
    across_names = np.arange(len(names)) + 0.5
    ax.set_xticks(across_names, list(columns.values()), **(turned if len(names) > 6 else {"rotation": 0}))
    ax.set_yticks(np.arange(len(categories)) + 0.5, [_row(name) for name in categories], rotation=0)
    ax.set(xlabel="", ylabel="")
    ax.grid(visible=False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def heat_maps(
    table: pd.DataFrame, columns: RowNames, *, label: str, stacked: bool = False, **cells: Any
) -> Figure:
    """A heat map per student of one pair, side by side or stacked; label: what the cells are, below them.

    Categories stand in the suite's order, so that any two maps compare; cells: as `heat_map` takes them.
    """
    arms, pair = students_in(table), table["pair"].iloc[0]
    down, along = (len(arms), 1) if stacked else (1, len(arms))
    width = PAGE if len(arms) > 1 or stacked else COLUMN + 1.2
    room = 72 * (width - 1.1) / (len(columns) * along)
    cells |= {"categories": categories_in(table["category"]), "columns": columns}
    cells["gap"] = " " if room >= ENDS_ROOM else "\n"
    tall = 0.3 + ROWS[cells["gap"]][0] * len(cells["categories"])
    fig, axes = canvas(down, along, size=(width, 0.75 + down * tall), sharey=True, sharex=True)
    for ax, arm in zip(axes.flat, arms, strict=True):
        heat_map(ax, table[table["contrast"] == arm], **cells)
        ax.set_title(heading(pair, ARMS[arm].name), color=ARMS[arm].colour)
    fig.supxlabel(label, fontsize="medium")
    return fig


def daggers(table: pd.DataFrame) -> str:
    """What a dagger means, in a caption, where a category has one."""
    return " († is named in the paper)" if set(PAPERS_THREE) & set(table["category"]) else ""


def _row(category: str) -> str:
    """A category's name, on two lines where it is long, with a dagger where the paper found artifacts."""
    name = as_drawn(words(category)) + ("†" if category in PAPERS_THREE else "")
    return name.replace(" ", "\n", 1) if len(name) > LONGEST_NAME else name


def students_in(table: pd.DataFrame) -> list[str]:
    """The students found, in the order in which they are drawn."""
    return [arm for arm in STUDENTS if arm in set(table["contrast"])]


def _signed(value: float) -> str:
    """Two decimals with a true minus sign, no negative zero, and no 0 before the point."""
    return plain_zero(f"{value:.2f}").replace("0.", ".").replace("-", "\N{MINUS SIGN}")
