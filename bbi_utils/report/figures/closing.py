"""How much of the gap is gone: the share closed of the strongest adversary's advantage and of the limit."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bbi_utils.report.closing import AIM, LIMIT, STRONGEST
from bbi_utils.report.figures.panels import name_rows, point
from bbi_utils.report.figures.style import (
    CHANCE,
    PAGE,
    ROUNDS,
    SMALLEST,
    canvas,
    chance_handle,
    use_style,
)
from bbi_utils.report.labels import as_drawn, decimals, ends, in_order, pair_title, words

PANELS = {
    STRONGEST: "of the strongest adversary's\nadvantage, two answers",
    LIMIT: "of the limit,\none answer",
}
AIMED: dict[str, Any] = {"color": "#333333", "linewidth": 0.9, "linestyle": (0, (1, 2)), "zorder": 1}
LEAST = -1.0  # the page ends here; a longer bar goes on
NAMES = {"plain": "first round alone"}
UNKNOWN = "no gap to close"
CAPTION = (
    "How much of the gap a second round closes against the control, which had about as many tokens: {title}, "
    "{n} prompts, seeds: {seeds}. Bars are {level:.0%} intervals over seeds and prompts, joint over the arms "
    "of a second round, with their numbers on the right; dotted is the aim of one half."
)


@use_style()
def closing_figure(found: pd.DataFrame, *, pair: str, n: int, seeds: int, confidence: float = 0.95) -> Figure:
    """A row an arm (and round, where there are several), a panel for each of PANELS.

    found: `report.closing.summary`; its control is the line at 0. n: prompts, and seeds, that it is about.
    """
    shown = found[found["measure"].isin(PANELS) & found["difference mean"].notna()]
    rows = [(arm, number) for number in sorted(set(shown["round"]))
            for arm in in_order(shown.loc[shown["round"] == number, "arm"], ROUNDS)]  # fmt: skip
    named = {arm: NAMES.get(arm, words(arm)) for arm, _ in rows}
    names = [named[arm] if number == 1 else f"{named[arm]}, round {number}" for arm, number in rows]
    fig, axes = canvas(1, 2, size=(PAGE, 1.25 + 0.26 * len(rows)), sharey=True, sharex=True)
    for ax, (measure, said) in zip(axes[0], PANELS.items(), strict=True):
        ax.axvline(0, **CHANCE)
        ax.axvline(AIM, **AIMED)
        _panel(ax, shown[shown["measure"] == measure].set_index(["arm", "round"]), rows)
        ax.set_xlabel(f"share closed {said}")
        name_rows(ax, names)
    low, high = axes[0, 0].get_xlim()
    axes[0, 0].set_xlim(max(low, LEAST), min(max(high, 0.6), 1.02))
    fig.suptitle(as_drawn(pair_title(pair)))
    aim = Line2D([], [], label="the aim: one half", **AIMED)
    fig.legend(handles=[chance_handle("nothing closed"), aim], loc="outside lower center", ncols=2)
    fig.set_label(CAPTION.format(title=pair_title(pair), n=f"{n:,}", seeds=seeds, level=confidence))
    return fig


def _panel(ax: Axes, shown: pd.DataFrame, rows: list[tuple[str, int]]) -> None:
    for y, key in enumerate(rows):
        if key not in shown.index:
            continue
        row = shown.loc[key]
        if row["closed mean"] != row["closed mean"]:
            ax.text(0.02, y, UNKNOWN, va="center", fontsize=SMALLEST)
            continue
        interval = row["closed lower"], row["closed upper"]
        point(ax, row["closed mean"], y, interval, mark=ROUNDS[key[0]])
        told = f"{decimals(row['closed mean'])} {ends(*interval)}"
        ax.text(1.02, y, told, va="center", fontsize=SMALLEST, transform=ax.get_yaxis_transform())
