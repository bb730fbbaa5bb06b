"""What the site shows that no page has by hand: claims, figures, a notebook's output, the package's pages."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.report.claims_text import read_claims
from bbi_utils.report.figures import save
from bbi_utils.study.cells import code_cells, read
from bbi_utils.study.verify import TOLERANCES, load_tolerances
from tools.readme import ABSENT, ORDER, results

MARK = re.compile(r"^<!-- show (\w+) (.+?) -->$", re.MULTILINE)


def filled(text: str) -> str:
    """A page's text with every line `<!-- show WHAT OF -->` replaced; BadInput where WHAT is unknown."""
    return MARK.sub(lambda found: shown(found[1], found[2]), text)


def shown(what: str, of: str) -> str:
    """What stands in the place of one mark, in Markdown."""
    if what not in SHOWN:
        raise BadInput(f"<!-- show {what} {of} -->: expected one of {', '.join(SHOWN)} after `show`")
    return SHOWN[what](of)


def claims(profile: str) -> str:
    """The tables of claims of a profile's kept run, as the README has them."""
    folder = paths.committed(profile)
    if not (folder / "claims.csv").is_file():
        return ABSENT.format(profile)
    tolerances = load_tolerances(folder / "expected" / TOLERANCES)
    return results(read_claims(folder / "claims.csv"), tolerances, order=ORDER[profile])


def gallery(profile: str) -> str:
    """Every figure that is kept of a profile's run, with its caption and its PDF."""
    manifest = paths.committed(profile) / save.MANIFEST
    if not manifest.is_file():
        return ABSENT.format(profile)
    kept = json.loads(manifest.read_text(encoding="utf-8"))
    drawn = [row for row in kept if f"{row['name']}.png" in row["files"]]
    return "\n\n".join(one_figure(profile, row["name"], row["caption"]) for row in drawn)


def one_figure(profile: str, name: str, caption: str) -> str:
    """One figure under a heading of its own."""
    file, heading = f"../figures/{profile}/{name}", name.replace("_", " ").capitalize()
    words = re.sub(r"([\[\]])", r"\\\1", alternative(caption))
    return f"### {heading}\n\n![{words}]({file}.png)\n\n{caption} ([PDF]({file}.pdf))"


def alternative(caption: str) -> str:
    """The text in place of a figure: the first sentence of its caption, without marks."""
    plain = re.sub(r"[*`]", "", caption).removeprefix("Figure.").strip()
    return save.alternative(plain)


def output(code: str) -> str:
    """What the first notebook cell with `code` in it printed, as it is committed; BadInput without one."""
    for notebook in sorted(paths.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        for cell in code_cells(read(notebook)):
            if code in cell["source"]:
                said = "".join(each["text"] for each in cell["outputs"] if each["output_type"] == "stream")
                return f"```text\n{said.strip()}\n```"
    raise BadInput(f"<!-- show output {code} -->: no cell of a notebook has this code; name another")


def names(package: str) -> str:
    """What a package's PUBLIC offers by name, each with the first line of its docstring."""
    offers, rows = importlib.import_module(package), []
    for name in offers.PUBLIC:
        thing = getattr(offers, name)
        role, full = ("mod", thing.__name__) if isinstance(thing, ModuleType) else ("obj", whole_name(thing))
        rows.append((f"{{py:{role}}}`{name} <{full}>`", first_line(thing)))
    return table("name", rows)


def whole_name(thing: type | Callable[..., object]) -> str:
    """The dotted name of a class or function where it is defined."""
    return f"{thing.__module__}.{thing.__qualname__}"


def table(head: str, rows: list[tuple[str, str]]) -> str:
    """Two columns: a link, and what is behind it."""
    return "\n".join([f"| {head} | what it is |", "| --- | --- |", *(f"| {a} | {b} |" for a, b in rows)])


def first_line(thing: object) -> str:
    """The first line of a docstring, as a cell of a table."""
    return (inspect.getdoc(thing) or "").split("\n")[0].replace("|", r"\|")


SHOWN: dict[str, Callable[[str], str]] = {
    "claims": claims,
    "gallery": gallery,
    "output": output,
    "names": names,
}


def api_pages(package: str = "bbi_utils") -> dict[str, str]:
    """A page for every room (a package with its modules), by its dotted name, in Markdown."""
    found = list(pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."))
    modules = {each.name: each.ispkg for each in found if not each.name.endswith("__main__")}
    rooms = [package, *(name for name, is_room in modules.items() if is_room)]
    return {
        room: api_page(room, [name for name in modules if name.rpartition(".")[0] == room], rooms)
        for room in rooms
    }


def api_page(room: str, inside: list[str], rooms: list[str]) -> str:
    """What a room says of itself, what is in it, and each of its modules with its functions and classes."""
    parts = [f"# {room}", documented(room)]
    if hasattr(importlib.import_module(room), "PUBLIC"):
        parts += ["## What a notebook needs most", names(room)]
    rows = [(f"{{py:mod}}`{each}`", first_line(importlib.import_module(each))) for each in inside]
    parts += ["## What is in it", table("module", rows)]
    below = [each for each in inside if each in rooms]
    if below:
        tree = "\n".join(f"{each.rpartition('.')[2]} <{each}>" for each in below)
        parts.append(f"```{{toctree}}\n:hidden:\n{tree}\n```")
    for module in (each for each in inside if each not in rooms):
        parts += [f"## {module.rpartition('.')[2]}", documented(module)]
    return "\n\n".join(parts) + "\n"


def documented(module: str) -> str:
    """The directive that shows a module's docstring, and those of its own functions and classes."""
    return f"```{{eval-rst}}\n.. automodule:: {module}\n   :members:\n   :ignore-module-all:\n```"


def folder_page(folder: Path) -> tuple[str, str | None] | None:
    """The page that stands for a folder of the repository, and the place on it; None where there is none."""
    folder = folder.resolve()
    if folder.parent == paths.FIGURES and folder.is_dir():
        return "docs/figures", folder.name
    if (folder / "README.md").is_file():
        return f"{folder.relative_to(paths.ROOT)}/README", None
    return None
