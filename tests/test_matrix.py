"""Many models at once: copies are nearest, nothing is found where nothing is, the page is whole."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bbi_utils.adversaries.ridge import VIEWS, ends, out_of_fold, ridge, skeleton, view_of
from bbi_utils.errors import BadInput
from bbi_utils.probes.forms.many import files_in, read_models
from bbi_utils.probes.forms.reading import Choice
from bbi_utils.report.figures.matrix import tree_of
from bbi_utils.report.matrix import ASKED, LENGTH, TOGETHER, _nearest, compare_all
from bbi_utils.report.matrix_files import render_matrix, summary, write_matrix
from bbi_utils.study.cli.main import main

OPENERS = {"plain": "", "polite": "Of course! ", "polite too": "Of course! ", "terse": "Result: "}
WORDS = ("river", "stone", "lamp", "cloud", "paper", "green", "seven", "walks", "sings", "turns")


def answers(openers: dict[str, str] = OPENERS, *, n: int = 60, often: float = 0.9) -> pd.DataFrame:
    """Every model says ten random words to each prompt, most often after its own opening."""
    rng, rows = np.random.default_rng(3), []
    for model, opening in openers.items():
        for i in range(n):
            said = (opening if rng.random() < often else "") + " ".join(rng.choice(WORDS, 10))
            rows.append((model, f"p{i:02}", f"prompt {i}", "all", f"g{i}", said))
    return pd.DataFrame(rows, columns=["model", "prompt_id", "prompt", "category", "group", "answer"])


def test_an_advantage_below_0_is_no_nearer_than_a_copy() -> None:
    rows = [("a", "a's copy", 0.0, -0.02, 0.02), ("a", "b", -0.004, -0.18, 0.17), ("a", "c", 0.1, 0.0, 0.2)]
    found = pd.DataFrame(rows, columns=["first", "second", "advantage", "lower", "upper"])
    near = _nearest(["a", "b"], found.assign(adversary=TOGETHER)).set_index("model")
    assert near.loc["a", ["nearest", "next_one"]].tolist() == ["a's copy", "b"]
    assert near.loc["b", ["nearest", "advantage"]].tolist() == ["a", -0.004]


def test_copies_are_each_others_nearest_and_others_are_told_apart() -> None:
    found = compare_all(answers())
    near = found.nearest.set_index("model")
    assert near.loc["polite", "nearest"] == "polite too" and near.loc["polite too", "nearest"] == "polite"
    assert near.loc["polite", "lower"] <= 0 < near.loc["plain", "lower"]
    square = found.distances()
    assert square.loc["plain", "terse"] > 0.6 and square.loc["polite", "polite too"] < 0.4
    first = tree_of(square)[0, :2].astype(int)
    assert {found.models[place] for place in first} == {"polite", "polite too"}


def test_equal_answers_tie_exactly_and_cannot_be_told_apart() -> None:
    one = answers({"plain": ""})
    found = compare_all(pd.concat([one, one.assign(model="copy")]))
    assert (found.scores["correct"] == 0.5).all() and (found.advantages["advantage"] == 0).all()


def test_two_samples_of_one_model_are_told_apart_no_more_often_than_stated() -> None:
    """Twelve models that differ in nothing: no interval of the 66 pairs lies above 0."""
    found = compare_all(answers({f"m{i}": "" for i in range(12)}))
    assert len(found.advantages) == 2 * 66 and (found.advantages["lower"] <= 0).all()


def test_with_teachers_only_they_are_compared_with_everybody() -> None:
    found = compare_all(answers(), teachers=["plain"])
    assert set(found.advantages["first"]) | set(found.advantages["second"]) == set(OPENERS)
    assert len(found.advantages) == 2 * 3 and found.distances().isna().to_numpy().sum() == 6
    assert set(found.nearest["nearest"][found.nearest["model"] != "plain"]) == {"plain"}


def test_prompts_of_one_group_count_as_one_draw() -> None:
    table = answers({"plain": "", "polite": "Of course! "}, n=120)
    alone, grouped = (
        compare_all(part).advantages.set_index("adversary").loc[TOGETHER]
        for part in (table, table.assign(group=table["prompt_id"].str[:2]))
    )
    assert grouped["upper"] - grouped["lower"] > 1.02 * (alone["upper"] - alone["lower"])


def test_silence_tells() -> None:
    table = answers({"plain": "", "copy": ""})
    silent = (table["model"] == "copy") & (table["prompt_id"] < "p30")
    found = compare_all(table[~silent]).advantages.set_index("adversary")
    assert found.loc[TOGETHER, "lower"] > 0 and found.loc[TOGETHER, "n"] == 60
    assert found.loc[LENGTH, "advantage"] > 0.2


def test_what_a_file_of_battles_lacks_was_not_asked() -> None:
    table = answers({"plain": "", "copy": ""})
    copied = dict(table.loc[table["model"] == "plain", ["prompt_id", "answer"]].to_numpy())
    table = table.assign(answer=table["prompt_id"].map(copied))
    some = table[~((table["model"] == "copy") & (table["prompt_id"] < "p30"))]
    found = compare_all(some.assign(apart=True)).advantages
    assert set(found["n"]) == {30} and (found["advantage"] == 0).all()
    assert set(compare_all(some.assign(apart=some["model"] == "plain")).advantages["n"]) == {60}


def test_models_without_common_prompts_are_not_compared_and_nothing_is_certified() -> None:
    """Each is silent where the other speaks, which looks like no difference at all."""
    table = answers({"a": "", "b": "", "c": ""}, n=80)
    first = table["prompt_id"] < "p40"
    some = table[(table["model"] == "c") | (first == (table["model"] == "a"))]
    found = compare_all(some, replace(ASKED, epsilon=0.99))
    assert found.uncompared == 1 and set(found.advantages["second"]) == {"c"} and found.verdict != "certified"
    assert np.isnan(found.distances().loc["a", "b"])
    assert "1 pairs have too few prompts in common" in summary(found)
    with pytest.raises(BadInput, match="no two models have 20 prompts in common"):
        compare_all(some[some["model"] != "c"])


def test_white_space_is_silence_and_one_text_is_one_question() -> None:
    table = answers({"plain": "", "copy": ""})
    silent = (table["model"] == "copy") & (table["prompt_id"] < "p30")
    gone, blank = (compare_all(part) for part in (table[~silent], table.assign(
        answer=table["answer"].mask(silent, " \n"))))  # fmt: skip
    assert gone.advantages.equals(blank.advantages)
    same = table.assign(prompt=table["prompt"].replace("prompt 1", "prompt 0"))
    assert compare_all(same).scores["group"].nunique() == 59


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t[t["model"] == "plain"], "answers of 1 model"),
        (lambda t: t[t["prompt_id"] < "p10"], "10 prompts; at least 20"),
        (lambda t: pd.concat([t, t.head(3)]), "3 answers are of a model and prompt"),
    ],
)
def test_what_cannot_be_compared_is_refused(change, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        compare_all(change(answers()))


def test_an_unknown_teacher_is_refused() -> None:
    with pytest.raises(BadInput, match="no answers of the teacher 'gpt'; there are plain"):
        compare_all(answers(), teachers=["gpt"])


def test_the_page_holds_picture_and_tables_and_models_of_any_name(tmp_path: Path) -> None:
    table = answers().replace({"model": {"terse": "<b>terse</b>"}})
    source = tmp_path / "answers.jsonl"
    source.write_text("{}\n", encoding="utf-8")
    page, *files = write_matrix(compare_all(table), tmp_path / "out", sources=[source])
    text = page.read_text(encoding="utf-8")
    assert page.name == "matrix.html" and "data:image/png;base64," in text
    assert '<img alt="Advantage between every two of' in text
    assert "&lt;b&gt;terse&lt;/b&gt;" in text and "<b>terse" not in text and "polite too" in text
    assert {"advantages.csv", "nearest.csv", "scores.parquet", "manifest.json"} <= {
        file.name for file in files
    }
    manifest = json.loads((page.parent / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["parameters"]["seed"] == 0 and "nearest.csv" in manifest["outputs"]


def audited(folder: Path, table: pd.DataFrame, *options: str) -> int:
    """What the command ends with on a folder of one file a model."""
    source = folder / "answers"
    source.mkdir()
    for model, own in table.groupby("model"):
        rows = own.rename(columns={"answer": "response"}).drop(columns=["model", "group"])
        rows.to_json(source / f"{model}.jsonl", orient="records", lines=True)
    return main(["audit", str(source), "--epsilon", "0.1", "--out", str(folder / "out"), *options])


def test_a_folder_of_many_models_is_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audited(tmp_path, answers(), "--all-pairs") == 1
    said = capsys.readouterr().out
    assert "4 models, 6 pairs, 60 prompts" in said and "polite too.jsonl: a long table" in said
    near = pd.read_csv(tmp_path / "out" / "nearest.csv").set_index("model")["nearest"]
    assert near["polite"] == "polite too" and (tmp_path / "out" / "matrix.html").is_file()


def test_models_that_say_the_same_are_not_refuted(tmp_path: Path) -> None:
    one = answers({"a": ""})
    assert audited(tmp_path, pd.concat([one, one.assign(model="b")]), "--teacher", "a") in (0, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "many models; add --all-pairs, or --teacher NAME"),
        (["--teacher", "gpt"], "no answers of the teacher 'gpt'; there are plain, polite"),
        (["--all-pairs", "--game", "single"], "many models play the pairwise game alone"),
        (["--all-pairs", "--teacher", "plain"], "every two models, or all with one; give one of them"),
        (["--all-pairs", "--seed", "-1"], "seed -1; expected a whole number from 0"),
        (["--all-pairs", "--folds", "31"], "31 folds of 60 different prompts; expected 2 to 30"),
    ],
)
def test_what_is_asked_of_many_models_is_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert audited(tmp_path, answers(), *options) == 2
    assert message in capsys.readouterr().err and not (tmp_path / "out").exists()


def rows_of(path: Path, *said: tuple[str, str, str]) -> Path:
    """A long table of id, prompt and answer."""
    table = pd.DataFrame(said, columns=["prompt_id", "prompt", "response"])
    table.to_json(path, orient="records", lines=True)
    return path


def test_prompts_meet_by_id_and_samples_share_a_group(tmp_path: Path) -> None:
    one = rows_of(
        tmp_path / "one.jsonl", ("1", "Why?", "So."), ("1", "Why?", "Because."), ("2", "How?", "Thus.")
    )
    two = rows_of(
        tmp_path / "two.jsonl", ("2", "how? ", "Hm."), ("2", "how? ", "Er."), ("1", "Why?", "Well.")
    )
    rows, lines = read_models([one, two])
    keys = [(row["model"], row["prompt_id"], row["group"]) for row in rows]
    assert keys[:3] == [("one", "1", "why?"), ("one", "1, sample 2", "why?"), ("one", "2", "how?")]
    assert keys[3:] == [("two", "2", "how?"), ("two", "2, sample 2", "how?"), ("two", "1", "why?")]
    assert lines.count("long table") == 2


def test_a_model_with_more_samples_is_not_told_by_that(tmp_path: Path) -> None:
    one = rows_of(tmp_path / "one.jsonl", *[(str(i // 3), f"Q{i // 3}?", f"So {i}.") for i in range(9)])
    two = rows_of(tmp_path / "two.jsonl", *[(str(i // 2), f"Q{i // 2}?", f"Hm {i}.") for i in range(6)])
    rows, lines = read_models([one, two])
    assert [row["answer"] for row in rows if row["prompt_id"].startswith("1")] == [
        "So 3.",
        "So 4.",
        "Hm 2.",
        "Hm 3.",
    ]
    assert lines.splitlines()[2] == "3 further samples left out: some model has 2 a prompt at most"
    assert not any(row["apart"] for row in rows)


def test_battles_ask_only_who_fights(tmp_path: Path) -> None:
    files = [Path(__file__).parent / "answers" / "arena.jsonl"]
    assert all(row["apart"] for row in read_models(files)[0])
    one = rows_of(tmp_path / "one.jsonl", ("1", "Why?", "So."))
    assert read_models([one], Choice(shared_only=True))[0][0]["apart"]


def test_a_name_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"prompt": "Why?", "response": "So.", "model": "m\ncertified at"}) + "\n")
    assert read_models([path])[1].count("\n") == 0
    found = compare_all(answers().replace({"model": {"terse": "m\ncertified"}}))
    assert "\nm certified  " in render_matrix(found) and "\ncertified" not in render_matrix(found)


def test_joined_by_their_text_two_prompts_never_share_an_id(tmp_path: Path) -> None:
    one = rows_of(tmp_path / "one.jsonl", ("1", "Why?", "So."), ("2", "How?", "Thus."))
    two = rows_of(tmp_path / "two.jsonl", ("1", "how?", "Hm."), ("2", "When?", "Now."))
    rows, _ = read_models([one, two], Choice(by="prompt"))
    assert len({row["prompt_id"] for row in rows}) == 3 and rows[1]["prompt_id"] == rows[2]["prompt_id"]


def test_an_id_at_two_prompts_and_a_model_in_two_files_are_refused(tmp_path: Path) -> None:
    one = rows_of(tmp_path / "one.jsonl", ("1", "Why?", "So."))
    two = rows_of(tmp_path / "two.jsonl", ("1", "How?", "Thus."))
    with pytest.raises(
        BadInput, match="id '1' stands at 'Why\\?' of one and at 'How\\?' of two.*--by prompt"
    ):
        read_models([one, two])
    assert len(read_models([one, two], Choice(by="prompt"))[0]) == 2
    with pytest.raises(BadInput, match="answers of one, as a file before it"):
        read_models([one, one])
    (tmp_path / "none").mkdir()
    with pytest.raises(BadInput, match="has no files"):
        files_in([tmp_path / "none"])
    with pytest.raises(BadInput, match="has folders within, such as none"):
        files_in([tmp_path])
    with pytest.raises(BadInput, match="one.jsonl has nothing at --student answr"):
        read_models([one], Choice(student="answr"))


def test_the_skeleton_keeps_layout_and_capitals_alone() -> None:
    assert skeleton("Hi, NASA has 12 **bold** items\n- x") == "Aa, A a 0 **a** a\n- a"


def test_ends_are_those_of_the_answer_and_of_its_lines() -> None:
    found = ends("Yes it is.\nBye")
    assert {"^Yes", "^Yes it is .", "$Bye", "$. Bye", "<Yes it", ">.", "<Bye", ">Bye"} <= set(found)


@pytest.mark.parametrize("view", VIEWS)
def test_views_of_any_text_have_rows_of_length_one_or_zero(view: str) -> None:
    counts = view_of(view, ["", "a b c", "x\n\ny", "\N{SNOWMAN}"])
    lengths = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)).ravel())
    assert np.isclose(lengths, 1).sum() + (lengths == 0).sum() == 4 and lengths[1] > 0


def test_leaving_out_by_formula_is_leaving_out_by_hand() -> None:
    """The penalty that the formula prefers is the one that errs least when each row is really left out."""
    from bbi_utils.adversaries.ridge import PENALTIES

    rng = np.random.default_rng(0)
    table = rng.normal(0.3, 1.0, (25, 8))
    gram = table @ table.T
    errors = []
    for penalty in PENALTIES * np.linalg.eigvalsh(gram).clip(0).mean():
        left = []
        for i in range(25):
            rest = np.arange(25) != i
            dual = np.linalg.solve(gram[np.ix_(rest, rest)] + penalty * np.eye(24), np.ones(24))
            left.append(gram[i, rest] @ dual)
        errors.append((((1 - np.array(left)) ** 2).mean(), penalty, np.sqrt(np.mean(np.square(left)))))
    _, best, spread = min(errors)
    by_hand = np.linalg.solve(gram + best * np.eye(25), np.ones(25)) / spread
    assert np.allclose(ridge(gram), by_hand)


def test_scores_out_of_fold_do_not_see_their_own_fold() -> None:
    rng = np.random.default_rng(1)
    table, fold = rng.normal(0.5, 1.0, (40, 5)), np.arange(40) % 4
    scores = out_of_fold(table @ table.T, fold)
    changed = table.copy()
    changed[fold == 0] *= -1.0
    assert np.allclose(out_of_fold(changed @ changed.T, fold)[fold == 0], -scores[fold == 0])
