"""What more queries reveal: advantage against the number of prompts answered by the same oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bbi_utils.errors import BadInput
from bbi_utils.report.figures.categories import STUDENTS
from bbi_utils.report.figures.style import (
    ARMS,
    CHANCE,
    as_drawn,
    canvas,
    chance_handle,
    counted,
    in_order,
    legend_below,
    pair_title,
    pairs_in,
    use_style,
    width_of,
    words,
)
from bbi_utils.responses.answers import NULL

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BOUND: dict[str, Any] = {"linewidth": 1.0, "linestyle": "--", "alpha": 0.75, "zorder": 2}
CAPTION = (
    "Advantage in the {game} game when q prompts are answered by the same oracle and their scores are "
    "summed, by the adversary named above each panel{chosen}. {n} prompts in disjoint groups of q within a "
    "fold, averaged over random divisions into groups. Bars are {level:.0%} intervals, valid at any number "
    "of prompts, each by itself; they widen with q, as fewer groups are left, and leave 0 only by more than "
    "cross-fitting may cause. Dashed lines in an arm's "
    "colour: min(1, q e), e being its estimate at q = 1; no adversary exceeds this for e = total variation "
    "distance, but one that ignores the size of a single score may, for its own e. Not drawn for the null "
    "control. Dashed in black: chance."
)
CHOSEN = (
    ", of those on all prompts the one with the largest estimate on the {student} at q = 1, which flatters "
    "that curve a little"
)


def queries_figure(
    queries: pd.DataFrame, *, game: str = "pairwise", adversary: str | None = None, confidence: float = 0.95
) -> Figure:
    """Curves of one adversary a pair, one line a contrast, with intervals, bounds and the chance line.

    queries: `queries.advantage_of_queries`. adversary: the one to draw; without it, each pair's strongest at
    q = 1 on the base student (or, without one, on the next of `STUDENTS`). Raises BadInput if it finds none.
    """
    table = queries[queries["game"] == game]
    pairs, arms = pairs_in(table["pair"]), in_order(table["contrast"], ARMS)
    student = next((arm for arm in STUDENTS if arm in arms), STUDENTS[0])
    sizes = sorted(int(q) for q in table["q"].unique())
    lowest: list[float] = []
    prompts: list[int] = []
    with use_style():
        fig, axes = canvas(1, max(1, len(pairs)), size=(width_of(len(pairs)), 3.0), sharey=True)
        for ax, pair in zip(axes[0], pairs, strict=True):
            drawn = adversary or _strongest(table[table["pair"] == pair], student)
            part = table[(table["pair"] == pair) & (table["adversary"] == drawn)]
            if part.empty:
                raise BadInput(f"figure of queries: no rows of {drawn!r} for pair {pair!r} and game {game!r}")
            _panel(ax, part, arms, sizes)
            lowest.append(float(part["lower"].min()))
            prompts += list(part.loc[part["q"] == sizes[0], "n"] * sizes[0])
            ax.set_title(f"{as_drawn(pair_title(pair))}, {words(drawn)}")
        axes[0, 0].set(ylabel="distinguishing advantage", ylim=(min(-0.1, *lowest) - 0.04, 1.04))
        legend_below(fig, [ARMS[arm] for arm in arms], extra=[_bound_handle(), chance_handle("chance")])
    chosen = "" if adversary else CHOSEN.format(student=ARMS[student].name)
    fig.set_label(CAPTION.format(game=game, chosen=chosen, n=counted(prompts), level=confidence))
    return fig


def _strongest(table: pd.DataFrame, student: str) -> str:
    first = table[(table["q"] == table["q"].min()) & (table["contrast"] == student)]
    first = first[first["n"] == first["n"].max()]  # a judge of a few prompts would end the curves early
    if first.empty:
        raise BadInput(
            f"figure of queries: no scores of {student!r} to find the strongest adversary by; name one"
        )
    return str(first.sort_values(["advantage", "adversary"], ascending=[False, True])["adversary"].iloc[0])


def _panel(ax: Axes, table: pd.DataFrame, arms: list[str], sizes: list[int]) -> None:
    ax.axhline(0, **CHANCE)
    drawn = [arm for arm in arms if arm in set(table["contrast"])]
    for i, arm in enumerate(drawn):
        part = table[table["contrast"] == arm].sort_values("q")
        mark, at = ARMS[arm], [sizes.index(int(q)) for q in part["q"]]
        if arm != NULL:
            ax.plot(at, part["bound"], color=mark.colour, **BOUND)
        x = [place + 0.13 * (i - (len(drawn) - 1) / 2) for place in at]
        ax.vlines(x, part["lower"], part["upper"], color=mark.colour, linewidth=1.6, zorder=3)
        ax.plot(x, part["advantage"], color=mark.colour, marker=mark.marker, linewidth=0.9, zorder=4)
    ax.set(xticks=range(len(sizes)), xticklabels=[str(q) for q in sizes], xlabel="queries q")
    ax.grid(axis="x", visible=False)


def _bound_handle() -> Any:
    from matplotlib.lines import Line2D

    style = {name: value for name, value in BOUND.items() if name != "zorder"}
    return Line2D([], [], color=ARMS["base"].colour, label="min(1, q × advantage at 1)", **style)
