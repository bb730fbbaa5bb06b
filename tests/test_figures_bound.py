"""Figures of the limit: chance, thresholds and every interval are drawn, captions say what they are."""

from __future__ import annotations

import itertools

import matplotlib
import numpy as np
import pandas as pd
import pytest
import synthetic_results as made
from figure_rules import check_figure
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bbi_utils.games import limit
from bbi_utils.games.queries import advantage_of_queries
from bbi_utils.report import figures, summaries
from bbi_utils.report.figures.ladder import RUNGS, floor_band
from bbi_utils.report.figures.style import ARMS

matplotlib.use("Agg")
ERROR = 0.05


def ladder_table() -> pd.DataFrame:
    scores = made.scores(80)
    self_in_4bit = scores[scores["contrast"] == "teacher_resample"].assign(contrast="teacher_4bit")
    return made.advantages(pd.concat([scores, self_in_4bit]))


def cost_table() -> pd.DataFrame:
    rows = []
    for pair in made.PAIRS:
        for contrast, size in (("base", 0.4), ("distilled", 0.1), ("teacher_resample", 0.0)):
            for at, removed in enumerate(("length", "markup", "case", "order")):
                for place, category in enumerate(("all", *made.CATEGORIES)):
                    cost = size - 0.1 * at + 0.02 * place
                    rows.append(
                        (pair, contrast, "ngrams", removed, category, 60, 0.5, cost, cost - 0.2, cost + 0.2)
                    )
    names = [
        "pair",
        "contrast",
        "adversary",
        "removed",
        "category",
        "n",
        "advantage",
        "cost",
        "lower",
        "upper",
    ]
    return pd.DataFrame(rows, columns=names)


def wealth_table() -> pd.DataFrame:
    rate = {"base": 1.10, "distilled": 1.02, "teacher_resample": 0.995}
    return pd.DataFrame(
        [(p, c, q, r**q) for p in made.PAIRS for c, r in rate.items() for q in range(1, 301)],
        columns=["pair", "contrast", "query", "wealth"],
    )


@pytest.fixture(scope="module")
def queries() -> pd.DataFrame:
    return advantage_of_queries(made.scores(200), sizes=(1, 2, 4))


@pytest.fixture(scope="module")
def drawn(queries: pd.DataFrame) -> dict[str, Figure]:
    return {
        "queries": figures.queries_figure(queries, limit=limit_of_queries()),
        "ladder": figures.ladder_figure(ladder_table()),
        "removal": figures.removal_figure(cost_table()),
        "removal_categories": figures.removal_category_figure(cost_table(), pair="qwen", adversary="ngrams"),
        "wealth": figures.wealth_figure(wealth_table(), error=ERROR),
    }


def limit_of_queries() -> pd.DataFrame:
    return limit.of_queries(made.likelihoods(), sizes=(1, 2, 4))


def strongest(queries: pd.DataFrame, pair: str) -> pd.DataFrame:
    """The pairwise rows of the adversary with the largest advantage on the base student at one query."""
    part = queries[(queries["pair"] == pair) & (queries["game"] == "pairwise")]
    first = part[(part["q"] == 1) & (part["contrast"] == "base")].set_index("adversary")["advantage"]
    return part[part["adversary"] == first.idxmax()]


def intervals(fig: Figure) -> set[tuple[float, float]]:
    """The ends of every line drawn along one axis only, rounded: horizontal lines and vertical bars."""
    found = set()
    for ax in fig.axes[:2]:
        for line in ax.lines:
            x, y = np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
            if len(x) == 2 and y[0] == y[1]:
                found.add((round(x[0], 6), round(x[1], 6)))
        for bars in (c for c in ax.collections if isinstance(c, LineCollection)):
            found |= {(round(bar[0, 1], 6), round(bar[-1, 1], 6)) for bar in bars.get_segments()}
    return found


def legend(fig: Figure) -> str:
    return "; ".join(text.get_text() for text in fig.legends[0].get_texts())


def ends(table: pd.DataFrame) -> set[tuple[float, float]]:
    return {(round(row.lower, 6), round(row.upper, 6)) for row in table.itertuples()}


def test_an_arm_has_its_colour_with_its_marker(drawn: dict[str, Figure]) -> None:
    looks = {mark.colour: mark.marker for mark in ARMS.values()}
    for fig in drawn.values():
        marked = [
            line for ax in fig.axes for line in ax.lines if line.get_marker() not in ("None", "none", "")
        ]
        assert all(looks[str(line.get_color())] == line.get_marker() for line in marked)


def test_captions_say_how_many_prompts_and_what_the_intervals_are(drawn: dict[str, Figure]) -> None:
    for name, fig in drawn.items():
        caption = str(fig.get_label())
        assert "{" not in caption and "prompts" in caption
        assert ("no interval" if name == "wealth" else "95% interval") in caption
    assert "200 questions" in str(drawn["queries"].get_label())
    assert "80 held-out prompts" in str(drawn["ladder"].get_label())
    assert "60 prompts" in str(drawn["removal"].get_label())


def test_every_figure_keeps_the_rules(drawn: dict[str, Figure]) -> None:
    limits = summaries.limits(made.likelihoods())
    bound = {"ladder with limit": figures.ladder_figure(ladder_table(), limit=limits)}
    assert {name: check_figure(fig) for name, fig in (drawn | bound).items() if check_figure(fig)} == {}


@pytest.mark.parametrize("name", ["queries", "ladder", "removal"])
def test_the_chance_line_is_drawn_in_every_panel(drawn: dict[str, Figure], name: str) -> None:
    for ax in drawn[name].axes:
        straight = [
            set(line.get_ydata()) | set(line.get_xdata()) for line in ax.lines if line.get_linestyle() == "--"
        ]
        assert any(0 in points for points in straight)


def test_every_interval_is_drawn(drawn: dict[str, Figure], queries: pd.DataFrame) -> None:
    ladder = ladder_table()
    for pair in made.PAIRS:
        assert ends(strongest(queries, pair)) <= intervals(drawn["queries"])
    assert ends(ladder[ladder["game"] == "pairwise"]) <= intervals(drawn["ladder"])
    costs = cost_table()
    assert ends(costs[costs["category"] == "all"]) <= intervals(drawn["removal"])
    for ax in drawn["removal_categories"].axes[:2]:
        assert sum("," in text.get_text() for text in ax.texts) == 4 * len(made.CATEGORIES)


def test_limits_are_dashed_and_only_drawn_for_what_is_not_the_null(drawn, queries) -> None:
    for ax, pair in zip(drawn["queries"].axes, made.PAIRS, strict=True):
        curves = {
            str(line.get_color()): line
            for line in ax.lines
            if line.get_linestyle() == "--" and len(line.get_xdata()) == 3
        }
        assert set(curves) == {ARMS["base"].colour, ARMS["distilled"].colour}
        base = limit_of_queries().query(f"pair == '{pair}' and contrast == 'base' and game == 'pairwise'")
        assert list(curves[ARMS["base"].colour].get_ydata()) == list(base["advantage"])
        # Hollow and with the arm's marker: without colour, too, one limit is told from the other.
        assert all(line.get_markerfacecolor() == "white" for line in curves.values())
        assert len([area for area in ax.collections if isinstance(area, PolyCollection)]) == 2
    assert "the limit" in legend(drawn["queries"])
    assert "the limit" not in legend(figures.queries_figure(queries))


def test_the_strongest_on_the_base_student_is_drawn_unless_another_is_asked_for(
    queries: pd.DataFrame,
) -> None:
    for ax, pair in zip(figures.queries_figure(queries).axes, made.PAIRS, strict=True):
        name = strongest(queries, pair)["adversary"].iloc[0].replace("ngrams", "n-grams")
        assert ax.get_title(loc="left") == f"{pair.capitalize()} pair, {name}"
    chosen = figures.queries_figure(queries, adversary="length")
    assert chosen.axes[0].get_title(loc="left") == "Qwen pair, length"
    assert "flatters" in str(figures.queries_figure(queries).get_label())
    assert "flatters" not in str(chosen.get_label())


def test_rungs_climb_in_order_and_the_floor_spans_what_the_teacher_reaches_against_itself(drawn) -> None:
    table = ladder_table()
    for ax, pair in zip(drawn["ladder"].axes, made.PAIRS, strict=True):
        heights = {str(line.get_color()): [] for line in ax.lines}
        for line in ax.lines:
            if line.get_marker() not in ("None", "none", ""):
                heights[str(line.get_color())].append(float(line.get_ydata()[0]))
        order = [sorted(heights[ARMS[rung].colour]) for rung in RUNGS[:4]]
        assert all(
            a < b
            for lower, upper in zip(order, order[1:], strict=False)
            for a, b in zip(lower, upper, strict=True)
        )
        part = table[(table["pair"] == pair) & (table["game"] == "pairwise")]
        floor = part[part["contrast"].isin(RUNGS[:2])]
        band = floor_band(part)
        assert band == (floor["lower"].min(), floor["upper"].max())
        spans = [patch.get_bbox().intervalx for patch in ax.patches if isinstance(patch, Rectangle)]
        assert any(tuple(span) == pytest.approx(band) for span in spans)


@pytest.mark.parametrize("name", ["ladder", "advantage", "categories"])
def test_the_limit_has_a_row_of_its_own_and_a_mark_in_every_other(name: str) -> None:
    table, limits = made.advantages(made.scores(60)), summaries.limits(made.likelihoods())
    if name == "categories":
        by_category = made.advantages(made.scores(60), "category")
        fig = figures.category_figure(by_category, pair="qwen", limit=limits)
        assert len(fig.axes[0].texts) == 2 * 4 * len(made.CATEGORIES)
    else:
        draw = getattr(figures, f"{name}_figure")
        fig = draw(table, limit=limits)
        assert "the limit" in fig.axes[0].get_yticklabels()[-1].get_text()
        games = {"pairwise"} if name == "ladder" else {"single", "pairwise"}
        top = limits.query("pair == 'qwen' and category == 'all'")
        top = top[top["game"].isin(games)]
        marks = [c for c in fig.axes[0].collections if isinstance(c, LineCollection)]
        assert {round(c.get_segments()[0][0][0], 9) for c in marks} == set(top["ceiling"].round(9))
        assert len(marks) == 3 * len(made.SKILL) * len(games)
        assert ends(top) <= intervals(fig)
        assert "best possible" in legend(fig) and "the limit" not in legend(draw(table))


def test_a_rung_that_was_not_played_is_left_out() -> None:
    fig = figures.ladder_figure(made.advantages(made.scores(40)))
    assert ARMS["teacher_4bit"].name not in str(fig.get_label())


def test_cells_whose_interval_excludes_no_cost_are_framed(drawn: dict[str, Figure]) -> None:
    table = cost_table()
    for ax, contrast in zip(drawn["removal_categories"].axes[:2], ("base", "distilled"), strict=True):
        part = table[
            (table["pair"] == "qwen") & (table["contrast"] == contrast) & (table["category"] != "all")
        ]
        marked = ((part["lower"] > 0) | (part["upper"] < 0)).sum()
        assert 0 < marked < len(part)
        assert len(ax.patches) == marked == sum(text.get_weight() == "bold" for text in ax.texts)


def test_wealth_marks_the_first_crossing_of_its_threshold(drawn: dict[str, Figure]) -> None:
    table = wealth_table()
    for ax, pair in zip(drawn["wealth"].axes, made.PAIRS, strict=True):
        assert ax.get_yscale() == "log"
        assert any(set(line.get_ydata()) == {1 / ERROR} and line.get_linestyle() == "--" for line in ax.lines)
        over = table[(table["pair"] == pair) & (table["wealth"] >= 1 / ERROR)]
        assert {text.get_text() for text in ax.texts} == set(
            map(str, over.groupby("contrast")["query"].min())
        )


def test_numbers_of_crossings_that_lie_close_together_do_not_touch() -> None:
    crossings = {"base": 77, "teacher_4bit": 84, "distilled": 86, "teacher_resample": 3}
    rows = [
        ("qwen", arm, q, 0.5 if q < at else 21.0 * 1.3 ** (q - at))
        for arm, at in crossings.items()
        for q in range(1, 301)
    ]
    fig = figures.wealth_figure(pd.DataFrame(rows, columns=["pair", "contrast", "query", "wealth"]))
    fig.draw_without_rendering()
    boxes = {text.get_text(): text.get_window_extent() for text in fig.axes[0].texts}
    assert set(boxes) == {str(at) for at in crossings.values()}
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes.values(), 2))
    marks = [fig.axes[0].transData.transform((at, 20.0)) for at in crossings.values()]
    assert not any(box.contains(*mark) for box in boxes.values() for mark in marks)
    assert all(box.x0 >= fig.axes[0].get_window_extent().x0 for box in boxes.values())
