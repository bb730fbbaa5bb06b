"""Figures: every arm keeps its look, intervals are drawn, bytes repeat and the manifest tells the truth."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
import pytest
import synthetic_results as made
from figure_rules import check_figure
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from notebook_rules import IMAGE_BYTES

from bbi_utils import games, paths
from bbi_utils.adversaries.judge import verdicts as judge
from bbi_utils.errors import BadInput
from bbi_utils.games import limit, similarity
from bbi_utils.games.certificate import bounds_by_category, certify
from bbi_utils.games.queries import advantage_of_queries
from bbi_utils.probes import CATEGORIES
from bbi_utils.report import figures, summaries
from bbi_utils.report.figures.style import ARMS, ROUNDS, STRATEGIES
from bbi_utils.report.labels import in_words, name_of, p_value
from bbi_utils.report.text import render

matplotlib.use("Agg")
LONG = pd.DataFrame({"answer": ["word " * count for count in (12, 80, 30, 41, 7, 80)]})


@pytest.fixture(scope="module")
def drawn() -> dict[str, Figure]:
    scores, alike, verdicts, bought = (
        made.scores(100),
        made.similarity(80),
        made.judgements(80),
        made.budget(10),
    )
    orders = [judge.judge_quantities(verdicts), summaries.judge_by_order(verdicts)]
    gain = summaries.budget_gain(bought)
    return {
        "similarity": figures.similarity_figure(alike, similarity.mean_similarity(alike)),
        "advantage": figures.advantage_figure(made.advantages(scores)),
        "categories": figures.category_figure(made.advantages(scores, "category"), pair="qwen"),
        "judge": figures.judge_figure(pd.concat(orders)),
        "orders": figures.orders_figure(verdicts[verdicts["pair"] == "qwen"]),
        "budget": figures.budget_figure(summaries.budget_summary(bought), gain),
        "loss": figures.loss_figure({"qwen": made.loss(60), "llama": made.loss(60)}),
        "lengths": figures.length_figure({"teacher": LONG, "base": LONG.iloc[2:5]}),
    }


def test_arms_and_strategies_share_no_colour_and_no_marker() -> None:
    further = [mark for name, mark in ROUNDS.items() if name != "plain"]  # which is the distilled student
    assert ROUNDS["plain"] == ARMS["distilled"]
    marks = [*ARMS.values(), *STRATEGIES.values(), *further]
    assert len({m.colour for m in marks}) == len({m.marker for m in marks}) == len(marks)


def test_an_arm_has_its_colour_with_its_marker_in_every_figure(drawn: dict[str, Figure]) -> None:
    pairs = {m.colour: m.marker for m in [*ARMS.values(), *STRATEGIES.values()]}
    for fig in drawn.values():
        for line in (line for ax in fig.axes for line in ax.lines):
            if line.get_marker() not in ("None", "none", ""):
                assert pairs[str(line.get_color())] == line.get_marker()


def test_every_caption_names_its_interval_or_says_why_there_is_none(drawn: dict[str, Figure]) -> None:
    for name, fig in drawn.items():
        caption = str(fig.get_label())
        assert "{" not in caption
        assert ("95% interval" in caption or "95% t interval" in caption) or (
            name in ("loss", "orders") and "no interval" in caption
        )


def test_every_figure_keeps_the_rules(drawn: dict[str, Figure]) -> None:
    models = [f"model {place}" for place in range(20)]
    far = pd.DataFrame([[abs(i - j) / 20 for j in range(20)] for i in range(20)], models, models)
    others = {"matrix": figures.matrix_figure(far, n=400), **titled("qwen")}
    assert {name: check_figure(fig) for name, fig in (drawn | others).items() if check_figure(fig)} == {}


def test_each_breach_of_the_rules_is_seen() -> None:
    fig = figures.loss_figure({"qwen": made.loss(30)})
    fig.set_label("Too long. Says 0.235468. And more.")
    fig.axes[0].text(20, 0.5, "one", fontsize=5)
    fig.axes[0].text(20, 0.5, "two")
    found = "; ".join(check_figure(fig))
    for said in ("3 sentences", "0.235468 in", "'one' has 5.0 points", "'one' lies on 'two'"):
        assert said in found


def test_a_map_with_many_columns_is_small_and_its_intervals_can_be_read(tmp_path: Path) -> None:
    few = made.advantages(made.scores(60).query("pair == 'qwen' and game == 'pairwise'"), "category")
    table = pd.concat([few.query("adversary == 'length'").assign(adversary=f"a{i}") for i in range(14)])
    fig = figures.category_figure(table, pair="qwen")
    assert check_figure(fig) == []
    figures.save_figure(fig, "map", tmp_path, notebook="09", inputs=[])
    assert (tmp_path / "map.png").stat().st_size < IMAGE_BYTES


def test_all_maps_have_the_categories_in_one_order(drawn: dict[str, Figure]) -> None:
    table = made.advantages(made.scores(100), "category")
    costs = table.rename(columns={"advantage": "cost", "adversary": "removed"}).assign(adversary="ngrams")
    costs = costs[costs["game"] == "pairwise"].assign(cost=lambda rows: -rows["cost"])
    maps = [figures.category_figure(table, pair=pair) for pair in made.PAIRS]
    maps += [figures.removal_category_figure(costs, pair=pair, adversary="ngrams") for pair in made.PAIRS]
    orders = {tuple(label.get_text() for label in fig.axes[0].get_yticklabels()) for fig in maps}
    assert len(orders) == 1
    assert [name.rstrip("†").replace("\n", "_").replace(" ", "_") for name in orders.pop()] == [*CATEGORIES]


def test_a_figure_is_shown_with_its_alternative_text(
    drawn: dict[str, Figure], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr("IPython.display.display", lambda *_, **keywords: shown.append(keywords))
    figures.show(drawn["advantage"])
    said = shown[0]["metadata"]["image/png"]["alt"]
    assert str(drawn["advantage"].get_label()).startswith(f"{said}. Lines are")


def test_every_picture_on_a_page_has_an_alternative_text() -> None:
    pages = [*paths.ROOT.glob("*.md"), *(paths.ROOT / "docs").rglob("*.md")]
    texts = [page.read_text(encoding="utf-8") for page in pages if "_build" not in page.parts]
    for notebook in paths.NOTEBOOKS.glob("*.ipynb"):
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        texts += ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    said = re.findall(
        r"!\[([^\]]*)\]\(", "\n".join(re.sub(r"```.*?```|`[^`]*`", "", t, flags=re.S) for t in texts)
    )
    assert len(said) > 3 and all(len(words.split()) > 2 for words in said)


@pytest.mark.parametrize("name", ["advantage", "judge"])
def test_the_chance_line_is_drawn_in_every_panel(drawn: dict[str, Figure], name: str) -> None:
    for ax in drawn[name].axes:
        assert any(line.get_linestyle() == "--" for line in ax.lines)


def test_heat_map_writes_the_interval_into_every_cell(drawn: dict[str, Figure]) -> None:
    for ax in drawn["categories"].axes[:2]:
        texts = [t.get_text() for t in ax.texts]
        assert sum("," in t for t in texts) == len(made.CATEGORIES) * len(made.SKILL)


def test_a_judge_that_always_says_a_lies_in_the_shaded_quarter_of_both_orders() -> None:
    stubborn = made.judgements(20).assign(log_odds_ab=3.0, log_odds_ba=3.0)
    for ax in figures.orders_figure(stubborn).axes:
        points = next(line for line in ax.lines if line.get_linestyle() == "None")
        assert set(points.get_xdata()) == {3.0} and set(points.get_ydata()) == {-3.0}


def test_length_curves_end_at_one_and_lie_in_their_bands(drawn: dict[str, Figure]) -> None:
    ax = drawn["lengths"].axes[0]
    teacher, base = (line for line in ax.lines if line.get_marker() in "Do")
    assert list(teacher.get_xdata()) == [0, 7, 12, 30, 41, 80, 80, 80]
    assert list(base.get_xdata()) == [0, 7, 30, 41, 80]
    assert list(teacher.get_ydata())[-1] == list(base.get_ydata())[-1] == 1
    assert len(ax.collections) == 2 and "3 to 6 prompts" in str(drawn["lengths"].get_label())


def said_of(fig: Figure) -> str:
    return str(fig.get_label())


def test_captions_say_only_what_is_drawn(drawn: dict[str, Figure]) -> None:
    bought = made.budget(10)
    few = bought[bought["strategy"] != "disagreement_known"]
    gain = summaries.budget_gain(few)
    assert "'all known' has seen" in said_of(drawn["budget"])
    assert "all known" not in said_of(figures.budget_figure(summaries.budget_summary(few), gain))
    # A student above the teacher again: nothing may call that the most there is.
    alike = made.similarity(80)
    alike.loc[alike["contrast"] == "distilled", "similarity"] = 0.99
    alike = alike.drop(index=alike.index[-1])  # and one contrast of a pair lacks a prompt
    caption = said_of(figures.similarity_figure(alike, similarity.mean_similarity(alike)))
    assert "as far as" not in caption and "'teacher again' is where a perfect copy would lie" in caption
    assert "79 to 80 held-out prompts" in caption and "another" not in said_of(drawn["judge"])


def test_a_crossing_is_pointed_at_only_where_there_is_one() -> None:
    wealth = pd.DataFrame({"query": [1, 2, 3], "wealth": [1.0, 2.0, 4.0]})
    for last, says in ((4.0, "which no curve has here"), (20.0, "marked with its number")):
        drawn = wealth.replace({"wealth": {4.0: last}}).assign(pair="qwen", contrast="base")
        assert f"that crossing, {says}, is the test" in said_of(figures.wealth_figure(drawn))


def test_a_judge_of_fewer_prompts_shows_in_the_captions_of_a_verdict_and_of_queries() -> None:
    table = made.scores(60).query("pair == 'qwen' and contrast == 'base'")
    judged = table[table["game"] == "pairwise"].query("adversary == 'length'").head(40)
    both = pd.concat([table, judged.assign(adversary="judge")])
    assert "on 40 to 60 prompts" in said_of(figures.verdict_figure(certify(both, epsilon=0.1)))
    late = figures.queries_figure(advantage_of_queries(table, sizes=[2, 4]))
    assert "strongest on the base student at q = 2" in said_of(late)


def test_an_arm_has_one_name_in_figures_and_sentences() -> None:
    for name, mark in {**ARMS, **STRATEGIES}.items():
        assert mark.name == name_of(name) and "(null)" not in mark.name
    assert in_words("human:anna (pairwise)") == "human:anna (two answers)"


LONG_NAME = "GPT-4o-mini_2024-07-18 Acme vs MyFineTune_v2"


def titled(pair: str) -> dict[str, Figure]:
    """The figures of an audit whose title has more than the pair's name."""
    table = made.scores(60).query("pair == 'qwen' and contrast != 'teacher_resample'").assign(pair=pair)
    top = limit.of_queries(made.likelihoods(80).query("pair == 'qwen'"))
    verdict = certify(table.query("contrast == 'base'"), epsilon=0.1)
    by_q = advantage_of_queries(table)
    return {
        "verdict": figures.verdict_figure(verdict),
        "queries": figures.queries_figure(by_q, limit=top.assign(pair=pair), adversary="ngrams"),
        "categories": figures.category_figure(games.by_category(table), pair=pair),
    }


@pytest.mark.parametrize("pair", [LONG_NAME, "Acme_XL", "qwen"])
def test_titles_have_room_and_names_are_written_as_their_owner_does(pair: str) -> None:
    for fig in titled(pair).values():
        canvas = FigureCanvasAgg(fig)
        canvas.draw()
        for ax in (ax for ax in fig.axes if ax.get_title(loc="left") or ax.get_title()):
            text = ax.title if ax.get_title() else ax._left_title
            assert text.get_window_extent().x1 <= fig.bbox.x1
            assert text.get_text().startswith({"qwen": "Qwen pair"}.get(pair, pair[:20]))


def test_what_is_dashed_has_in_the_legend_the_colour_that_is_drawn() -> None:
    fig = titled("qwen")["queries"]
    drawn = {str(line.get_color()) for ax in fig.axes for line in ax.lines if line.get_linestyle() == "--"}
    named = {str(line.get_color()) for line in fig.legends[0].get_lines() if line.get_linestyle() == "--"}
    assert drawn == named and len(named) >= 3  # two limits, and chance


def test_the_heat_map_of_an_audit_is_bold_where_the_verdict_names_a_category() -> None:
    table = made.scores(150, spread=0.2).query("pair == 'qwen' and contrast == 'base'")
    found = bounds_by_category(table)
    named = {row.category for row in certify(table, epsilon=0.1).categories if row.floor > 0}
    assert 0 < len(named) < 10 and named == set(found[found["lower"] > 0]["category"])
    other = games.by_category(table)
    assert set(other[other["lower"] > 0]["category"]) != named  # what used to be drawn


def test_categories_of_two_prompts_each_are_not_said_to_be_alike() -> None:
    table = made.scores(60).query("pair == 'qwen' and contrast == 'base'")
    few = table.assign(category=table["prompt_id"].str[1:].astype(int) // 2)
    assert "(all 30 at once): no lower bound is above 0, nor could one be with so few" in render(
        certify(few, epsilon=0.1)
    )
    null = made.scores(200).query("pair == 'qwen' and contrast == 'teacher_resample'")
    assert "no lower bound is above 0\n" in render(certify(null, epsilon=0.1))


def test_no_p_value_is_nought() -> None:
    assert [p_value(p) for p in (0.5, 0.0010, 0.00006, 0.00004, 0.0)] == [
        "p = 0.5000", "p = 0.0010", "p = 0.0001", "p < 0.0001", "p < 0.0001",
    ]  # fmt: skip


def test_an_unknown_arm_is_an_error_and_not_a_second_grey() -> None:
    table = made.advantages(made.scores(40)).replace({"contrast": {"base": "bass"}})
    with pytest.raises(BadInput, match="bass"):
        figures.advantage_figure(table)


def test_figures_leave_no_open_figure_and_no_changed_style() -> None:
    import matplotlib.pyplot as plt

    before, size = plt.get_fignums(), matplotlib.rcParams["font.size"]
    figures.loss_figure({"qwen": made.loss(30)})
    assert plt.get_fignums() == before
    assert matplotlib.rcParams["font.size"] == size


def test_saved_bytes_repeat_and_hold_no_metadata(tmp_path: Path) -> None:
    source = tmp_path / "qwen" / "loss.parquet"
    source.parent.mkdir()
    source.write_bytes(b"loss")
    for folder in ("a", "b"):
        fig = figures.loss_figure({"qwen": made.loss(30)})
        figures.save_figure(fig, "loss", tmp_path / folder, notebook="09", inputs=[source])
    names = sorted(p.name for p in (tmp_path / "a").iterdir())
    assert names == ["MANIFEST.json", "loss.caption.txt", "loss.pdf", "loss.png"]
    for name in names:
        data = (tmp_path / "a" / name).read_bytes()
        assert data == (tmp_path / "b" / name).read_bytes()
        assert b"CreationDate" not in data and b"Software" not in data and b"matplotlib" not in data.lower()


def test_manifest_is_sorted_true_and_without_absolute_paths(tmp_path: Path) -> None:
    source = tmp_path / "qwen" / "loss.parquet"
    source.parent.mkdir()
    source.write_bytes(b"loss")
    out = tmp_path / "figures"
    for name in ("b", "a", "b"):
        fig = figures.loss_figure({"qwen": made.loss(30)})
        figures.save_figure(fig, name, out, notebook="09_make_figures", inputs=[source])
    figures.save_table(pd.DataFrame({"x": [1 / 3]}), "t", out, notebook="09_make_figures", inputs=[source])
    text = (out / "MANIFEST.json").read_text()
    rows = json.loads(text)
    assert [r["name"] for r in rows] == ["a", "b", "t.csv"]
    assert str(tmp_path) not in text
    assert rows[0]["inputs"] == {"qwen/loss.parquet": hashlib.sha256(b"loss").hexdigest()}
    for row in rows:
        for name, digest in row["files"].items():
            assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    assert (out / "t.csv").read_text() == "x\n0.333333\n"


def test_two_writers_lose_no_manifest_row(tmp_path: Path) -> None:
    table = pd.DataFrame({"x": [1]})
    with ThreadPoolExecutor(8) as pool:
        jobs = [
            pool.submit(figures.save_table, table, f"t{i}", tmp_path, notebook="09", inputs=[])
            for i in range(24)
        ]
        for job in jobs:
            job.result()
    assert len(json.loads((tmp_path / "MANIFEST.json").read_text())) == 24


def test_a_missing_input_stops_before_anything_is_written(tmp_path: Path) -> None:
    fig = figures.loss_figure({"qwen": made.loss(30)})
    with pytest.raises(BadInput, match="loss.parquet"):
        figures.save_figure(fig, "loss", tmp_path / "out", notebook="09", inputs=[tmp_path / "loss.parquet"])
    assert not (tmp_path / "out").exists()


def test_figures_import_no_model_library() -> None:
    code = (
        "import sys, bbi_utils.report.figures, bbi_utils.report.summaries, bbi_utils.report.claims\n"
        "import bbi_utils.study.verify\n"
        "print([m for m in ('torch', 'transformers', 'peft', 'bitsandbytes', 'sentence_transformers')"
        " if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


def test_a_figure_is_found_in_the_module_of_its_name_and_what_is_none_is_not() -> None:
    modules = {file.stem for file in Path(str(figures.__file__)).parent.glob("*.py")}
    drawn = modules - {"__init__", "panels", "save", "style"}
    assert "advantage" in drawn and all(callable(getattr(figures, f"{name}_figure")) for name in drawn)
    for name in ("nobody_figure", "panels_figure", "nobody"):
        assert not hasattr(figures, name)
