"""Notebooks: outputs are copied clean and repeatably, and each house rule is seen when it is broken."""

from __future__ import annotations

import base64
import copy
import io
import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from notebook_rules import check_rules

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.study.cells import INJECTED
from tools import notebooks

NAME = "09_make_figures.ipynb"
FIRST = (
    "# Figures\n\n**Question.** Who can tell?\n\n**Goals.** To see.\n\n"
    "**In:** scores. **Out:** figures. **Time:** a minute."
)


def prose(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": f"m{zlib.crc32(text.encode())}", "metadata": {}, "source": text}


def code(text: str, *outputs: dict[str, Any], tag: str = "") -> dict[str, Any]:
    metadata = {"tags": [tag]} if tag else {}
    body = {"source": text, "outputs": list(outputs), "execution_count": 9, "id": f"c{len(text)}"}
    return {"cell_type": "code", "metadata": metadata | {"papermill": {"duration": 0.2}}, **body}


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def shown(**data: Any) -> dict[str, Any]:
    mime = {key.replace("_", "/", 1): value for key, value in data.items()}
    return {"output_type": "display_data", "data": mime, "metadata": {}}


def notebook(*, outputs: bool = True) -> dict[str, Any]:
    cells = [
        prose(FIRST),
        prose("The imports, and nothing that loads a model before a cell needs one."),
        code("from bbi_utils import figures"),
        prose("The parameters: every one of them can be set from outside."),
        code('PAIR = "qwen"  # which pair\nSIZES = [1, -2]  # how many', tag="parameters"),
        prose("The pair as a reader sees it, printed so that outputs can be compared."),
        code("print(PAIR)", *([stream("qwen\n")] if outputs else [])),
        prose("## What we found\n\nThe pair has a name, which is a great relief to all of us."),
        code("assert len(PAIR)"),
        prose("Next: nothing."),
    ]
    return {"cells": cells, "metadata": {"widgets": {}}, "nbformat": 4, "nbformat_minor": 5}


def write(path: Path, content: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def committed(tmp_path: Path) -> Path:
    """A notebook refreshed from its own executed copy: it breaks no rule."""
    path = write(tmp_path / NAME, notebook(outputs=False))
    notebooks.refresh(write(tmp_path / "executed" / NAME, notebook()), path)
    return path


@pytest.mark.parametrize("path", sorted(paths.NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_notebooks_keep_the_rules_and_their_outputs_are_of_this_code(path: Path) -> None:
    assert check_rules(path) == []
    assert notebooks.dumps(notebooks.read(path)) == path.read_text(encoding="utf-8")


def pages() -> list[tuple[Path, str]]:
    """Every page that a reader may follow a reference from, with its prose."""
    found = [*paths.ROOT.glob("*.md"), *paths.ROOT.glob("docs/*.md"), *paths.ROOT.glob("docs/decisions/*.md")]
    texts = [(path, path.read_text(encoding="utf-8")) for path in found if path.name != "CHANGELOG.md"]
    return texts + [(path, prose_of(path)) for path in sorted(paths.NOTEBOOKS.glob("*.ipynb"))]


def prose_of(path: Path) -> str:
    """The text cells of a notebook."""
    cells = notebooks.read(path)["cells"]
    return "\n\n".join(cell["source"] for cell in cells if cell["cell_type"] == "markdown")


@pytest.mark.parametrize(("path", "text"), pages(), ids=lambda one: one.name if isinstance(one, Path) else "")
def test_every_section_and_file_that_a_page_names_is_there(path: Path, text: str) -> None:
    own = path.name[:2] if path.suffix == ".ipynb" else ""
    sections = {
        (other.name[:2], number)
        for other in paths.NOTEBOOKS.glob("*.ipynb")
        for number in re.findall(r"^## (\d+)\. ", prose_of(other), re.MULTILINE)
    }
    named = re.findall(r"(?:\b(\d\d), )?\bsection (\d+)\b", text)
    assert {(where or own, number) for where, number in named if where or own} <= sections
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", re.sub(r"`[^`]*`", "", text))
    made = ("api/",)  # by the build of the site
    assert [link for link in links if not link.startswith(made) and not (path.parent / link).exists()] == []


def test_refreshed_notebook_is_valid_fresh_and_breaks_no_rule(committed: Path) -> None:
    nbformat.validate(nbformat.read(committed, as_version=4))
    assert check_rules(committed) == []
    content = notebooks.read(committed)
    assert content["metadata"]["bbi"]["code_hash"] == notebooks.code_hash(content)
    assert [c["execution_count"] for c in notebooks.code_cells(content)] == [1, 2, 3, 4]
    assert "papermill" not in committed.read_text() and "widgets" not in committed.read_text()


def test_two_runs_that_differ_only_in_noise_give_equal_bytes(tmp_path: Path) -> None:
    quiet, noisy = notebook(), notebook()
    quiet["cells"][6]["outputs"] = [stream("one\ntwo\n"), shown(text_plain="<Axes>")]
    noisy["cells"][6]["outputs"] = [
        stream("a warning\n", "stderr"),
        stream(" 0%|     |\r50%|##  |\n"),
        stream("one\n"),
        stream("bar\n", "stderr"),
        stream("two\n"),
        shown(**{"application_vnd.jupyter.widget-view+json": {"model_id": "x"}}),
        shown(text_plain=["<Axes at 0x7f00aabbccdd>"]),
    ]
    noisy["cells"].insert(5, code('PAIR = "qwen"', tag=INJECTED))
    noisy["metadata"]["papermill"] = {"start_time": "now"}
    found = []
    for run in (quiet, noisy):
        path = write(tmp_path / NAME, notebook(outputs=False))
        notebooks.refresh(write(tmp_path / "executed.ipynb", run), path)
        found.append(path.read_bytes())
    assert found[0] == found[1]


def test_refreshing_again_changes_nothing(committed: Path, tmp_path: Path) -> None:
    before = committed.read_bytes()
    assert notebooks.refresh(tmp_path / "executed" / NAME, committed) is False
    assert notebooks.refresh(committed, committed) is False
    assert committed.read_bytes() == before


def test_the_root_is_cut_out_of_paths(tmp_path: Path) -> None:
    run = notebook()
    run["cells"][6]["outputs"] = [stream(f"wrote {tmp_path}/runs/a.csv in {tmp_path}\n")]
    path = write(tmp_path / NAME, notebook(outputs=False))
    notebooks.refresh(write(tmp_path / "executed.ipynb", run), path, root=tmp_path)
    assert notebooks.read(path)["cells"][6]["outputs"][0]["text"] == "wrote runs/a.csv in .\n"


def test_png_keeps_its_picture_and_loses_its_metadata(tmp_path: Path) -> None:
    import matplotlib.image
    from matplotlib.figure import Figure

    def png(**metadata: str) -> str:
        fig, buffer = Figure(figsize=(1, 1)), io.BytesIO()
        fig.add_subplot().plot([1, 2])
        fig.savefig(buffer, format="png", metadata=metadata)
        return base64.b64encode(buffer.getvalue()).decode()

    found = []
    for title in ("one", "two"):
        run = notebook()
        run["cells"][6]["outputs"] = [shown(image_png=png(Title=title))]
        path = write(tmp_path / NAME, notebook(outputs=False))
        notebooks.refresh(write(tmp_path / "executed.ipynb", run), path)
        found.append(notebooks.read(path)["cells"][6]["outputs"][0]["data"]["image/png"])
    assert found[0] == found[1]
    pictures = [matplotlib.image.imread(io.BytesIO(base64.b64decode(d))) for d in (found[0], png())]
    assert (pictures[0] == pictures[1]).all()


def test_the_alternative_text_of_a_picture_is_kept_and_nothing_else_that_was_said_of_it(
    tmp_path: Path,
) -> None:
    run, picture = notebook(), {"metadata": {"image/png": {"alt": "who can tell", "width": 700}, "tags": []}}
    run["cells"][6]["outputs"] = [shown(text_plain="<Figure>") | picture]
    path = write(tmp_path / NAME, notebook(outputs=False))
    notebooks.refresh(write(tmp_path / "executed.ipynb", run), path)
    assert notebooks.read(path)["cells"][6]["outputs"][0]["metadata"] == {
        "image/png": {"alt": "who can tell"}
    }


def test_other_code_and_failed_cells_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = write(tmp_path / NAME, notebook(outputs=False))
    before = path.read_bytes()
    other, failed = notebook(), notebook()
    other["cells"][6]["source"] = "print(SIZES)"
    failed["cells"][6]["outputs"] = [
        {"output_type": "error", "ename": "ValueError", "evalue": "bad", "traceback": []}
    ]
    for run, says in ((other, "its code differs"), (failed, "code cell 3 failed with ValueError")):
        with pytest.raises(BadInput, match=says):
            notebooks.refresh(write(tmp_path / "executed.ipynb", run), path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["", "not json", "[]", '{"nbformat": 3}'])
def test_what_is_no_notebook_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    with pytest.raises(BadInput, match=NAME):
        check_rules(tmp_path / NAME)


def set_source(number: int, text: str) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        content["cells"][number]["source"] = text

    return change


BREACHES: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    ("begins with an H1", set_source(0, "Figures")),
    ("does not say **Time**", set_source(0, FIRST.replace("**Time:**", "Takes"))),
    ("asks no question", set_source(0, FIRST.replace("?", "."))),
    ("first code cell has no imports", set_source(2, "x = 1")),
    ("imports, which belong", set_source(6, "import os")),
    ("0 cells tagged `parameters`", lambda n: n["cells"][4]["metadata"].clear()),
    ("is NAME = literal", set_source(4, "SIZE = 2 * 3  # help")),
    ("is NAME = literal", set_source(4, 'print("x")  # help')),
    ("size is not UPPER_CASE", set_source(4, "size = 2  # help")),
    ("SIZE has no `# help`", set_source(4, "SIZE = 2")),
    ("SIZE has no `# help`", set_source(4, "SIZE = 2  #")),
    ("16 parameters, at most 15", set_source(4, "\n".join(f"P{i} = {i}  # help" for i in range(16)))),
    ("no sentence between", lambda n: n["cells"].insert(7, code("print(SIZES)"))),
    ("of prose are fewer", set_source(6, "print(" + ", ".join(f"x{i}" for i in range(99)) + ")")),
    ("no section", set_source(7, "Nothing.")),
    ("nothing is computed under", set_source(8, "provenance.versions_line()")),
    ("what is next", set_source(9, "Bye.")),
    ("defines a function", set_source(8, "def f():\n    return 1")),
    ("defines a function", set_source(8, "if PAIR:\n    class A:\n        pass")),
    ("shell command", set_source(6, "!pip install x")),
    ("shell command", set_source(6, "%pip install x")),
    ("13 lines of code", set_source(6, "\n".join(["print(1)"] * 13))),
    ("have more than 8 lines", set_source(6, "\n".join(["print(1)"] * 9))),
    ("absolute path", set_source(6, 'print("/home/me/x.csv")')),
    ("absolute path", set_source(6, 'print("/data")')),
    ("absolute path", set_source(5, "It lies in ~/models here.")),
    ("output: absolute path", lambda n: n["cells"][6]["outputs"].append(stream("in /opt/lib/x\n"))),
    ("secret", set_source(6, f'print("hf_{"a" * 30}")')),
    ("stale", set_source(6, "print(SIZES)")),
    ("has no outputs", lambda n: n["cells"][6]["outputs"].clear()),
    ("an image of", lambda n: n["cells"][6]["outputs"].append(shown(image_png="A" * 600_000))),
    ("without alternative", lambda n: n["cells"][6]["outputs"].append(shown(image_png="AAAA"))),
]


@pytest.mark.parametrize(("says", "breach"), BREACHES, ids=[f"{i:02d}" for i in range(len(BREACHES))])
def test_each_breach_is_seen(committed: Path, says: str, breach: Callable[[dict[str, Any]], Any]) -> None:
    content = copy.deepcopy(notebooks.read(committed))
    breach(content)
    write(committed, content)
    assert any(says in line for line in check_rules(committed)), check_rules(committed)


def test_a_function_may_be_built_by_hand_where_an_assert_shows_what_it_agrees_with(committed: Path) -> None:
    content = notebooks.read(committed)
    content["cells"][6]["source"] = "def f():\n    return 1"  # the last code cell asserts
    write(committed, content)
    assert [line for line in check_rules(committed) if "stale" not in line] == []


def test_a_notebook_that_compares_nothing_built_by_hand_with_the_package_is_seen(committed: Path) -> None:
    lesson = committed.rename(committed.with_name("07_certify.ipynb"))
    assert not any("asserts nothing" in line for line in check_rules(lesson))
    content = notebooks.read(lesson)
    content["cells"][8]["source"] = "print(PAIR)"
    write(lesson, content)
    assert any("asserts nothing" in line for line in check_rules(lesson))


def test_an_opening_that_outweighs_the_rest_is_seen(committed: Path) -> None:
    lesson = committed.rename(committed.with_name("03_distill_student.ipynb"))
    assert any(
        "imports and parameters are 60% of the code, at most 15%" in line for line in check_rules(lesson)
    )


def test_a_badly_named_notebook_is_seen(committed: Path) -> None:
    assert "not named NN_verb_noun" in check_rules(committed.rename(committed.with_name("figures.ipynb")))[0]


@pytest.mark.parametrize(
    "text",
    ["See https://arxiv.org/abs/2605.30448/v1 now.", "and/or/both, 1/2/3, text/html", "<td>a</td></tr>"],
)
def test_addresses_fractions_and_markup_are_no_absolute_paths(committed: Path, text: str) -> None:
    content = notebooks.read(committed)
    content["cells"][5]["source"] = text + " The pair as a reader sees it."
    write(committed, content)
    assert check_rules(committed) == []
