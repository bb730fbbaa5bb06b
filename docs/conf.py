"""Sphinx over the repository as it lies: a page keeps its file's path, so that links hold in both places."""

from __future__ import annotations

import gc
import re
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from bbi_utils import __version__  # noqa: E402
from docs import content  # noqa: E402

gc.set_threshold(100_000, 50, 100)  # pages are large trees and hardly any garbage: a sixth of the time

project = "Bounded behavioral indistinguishability"
author = copyright = "the contributors of this repository"
release = __version__
root_doc = "docs/index"
include_patterns = [
    "*.md",
    "docs/**",
    "notebooks/**.ipynb",
    "notebooks/**.md",
    "benchmarks/README.md",
    "env/HARDWARE.md",
]
exclude_patterns = [".*", "docs/_build", "runs", "figures", "tests", "tools", "pocket", "bbi_utils", "build"]
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax"]
extensions += ["sphinx-mathjax-offline", "sphinx_copybutton", "sphinx.ext.githubpages"]

nb_execution_mode = "off"  # the outputs are those of the run that is kept here
nb_number_source_lines = False
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_dmath_double_inline = True  # a formula on a line of its own, within a paragraph, is displayed
myst_heading_anchors = 4
default_role = "literal"
suppress_warnings = ["ref.python"]  # two rooms have a class Row, each its own
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_display_short_literal_types = True
python_maximum_signature_line_length = 90
copybutton_exclude = ".linenos, .gp, .go"
copybutton_selector = (
    "div.highlight-sh pre, div.highlight-bash pre, div.highlight-python pre, div.cell_input pre"
)

html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/icon.svg"
toc_object_entries_show_parents = "hide"
html_copy_source = False
html_domain_indices = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5c8a", "color-brand-content": "#0b5c8a"},
    "dark_css_variables": {"color-brand-primary": "#7cc4ee", "color-brand-content": "#7cc4ee"},
}


SENT_ON = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{project}</title>
<meta http-equiv="refresh" content="0; url=docs/index.html">
<p><a href="docs/index.html">{project}</a></p>
</html>
"""
FOLDED = {
    "hide_mode": "input",
    "prompt_show": "Show the parameters",
    "prompt_hide": "Hide the parameters",
}


class Readable(SphinxTransform):
    """What the reader of a site needs beyond the page as it is on a code host."""

    default_priority = 400

    def apply(self, **_: Any) -> None:
        """Parameters are folded away, captions are alternative texts too, folders have pages."""
        for cell in self.document.findall(nodes.container):
            if "tag_parameters" in cell["classes"] and "hide_mode" not in cell:
                cell.attributes |= FOLDED
            if cell.get("nb_element") == "cell_code":
                captioned(cell)
        for link in self.document.findall(addnodes.pending_xref):
            if link.get("reftype") == "myst" and link.get("refdomain") is None:
                folder = (ROOT / self.env.docname).parent / link["reftarget"]
                if (page := content.folder_page(folder)) is not None:
                    link.attributes |= {"refdomain": "doc", "reftarget": page[0], "reftargetid": page[1]}


def captioned(cell: nodes.container) -> None:
    """Give the figures of a cell, in order, their captions' first sentences as alternative texts."""
    said = [paragraph.astext() for paragraph in cell.findall(nodes.paragraph)]
    captions = [text for text in said if text.startswith("Figure.")]
    images = [image for image in cell.findall(nodes.image) if not image.get("alt")]
    for image, caption in zip(images, captions, strict=False):
        image["alt"] = content.alternative(caption)


def fill(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put in place of its marks what a page of docs/ shows from elsewhere."""
    if docname.startswith("docs/"):
        source[0] = content.filled(source[0])


def write_api(app: Sphinx) -> None:
    """A page for every room, into docs/api; pages of rooms that are gone go too."""
    folder, pages = ROOT / "docs" / "api", content.api_pages()
    folder.mkdir(exist_ok=True)
    for old in set(folder.glob("*.md")) - {folder / f"{room}.md" for room in pages}:
        old.unlink()
    for room, text in pages.items():
        file = folder / f"{room}.md"
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def as_text(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are plain text: a bar or a lone star is itself, and an item goes on without indentation."""
    item = False
    for number, line in enumerate(lines):
        parts = re.split(r"(`+[^`]*`+)", line)
        parts[::2] = [re.sub(r"\||\*(?=\.)", r"\\\g<0>", part) for part in parts[::2]]
        begins = line.startswith("* ")
        item = begins or (item and bool(line.strip()))
        lines[number] = ("  " if item and not begins and line[0] != " " else "") + "".join(parts)


def open_at_index(app: Sphinx, failure: Exception | None) -> None:
    """The first page of the site is docs/index.html; who opens the folder is sent there."""
    if failure is None:
        (Path(app.outdir) / "index.html").write_text(SENT_ON, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.add_transform(Readable)
    app.connect("builder-inited", write_api)
    app.connect("source-read", fill)
    app.connect("autodoc-process-docstring", as_text)
    app.connect("build-finished", open_at_index)
