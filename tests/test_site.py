"""The site: built here from what is committed, and every page of it opened in a real browser.

It needs the packages that `make site` installs, and a browser; without either the reason is printed.
"""

from __future__ import annotations

import functools
import http.server
import importlib.util
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
import yaml
from chromium import Tab, chromium

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.report.claims_text import read_claims
from bbi_utils.study.cells import read
from docs import content
from tools import readme

ABSENT = [name for name in ("sphinx", "myst_nb", "furo") if importlib.util.find_spec(name) is None]
WIDTHS = (1100, 400)
# What is wrong with a page at this width: pictures that are absent, without words or beyond the edge, maths
# that is still source, and a page that is wider than the screen.
FAULTS = """
Promise.resolve(window.MathJax && MathJax.startup ? MathJax.startup.promise : null).then(async () => {
  const pictures = [...document.querySelectorAll('article img')], wide = innerWidth, found = [];
  for (const picture of pictures) { picture.loading = 'eager'; await picture.decode().catch(() => null); }
  for (const picture of pictures) {
    const box = picture.getBoundingClientRect();
    if (!picture.naturalWidth || box.width < 100 || box.height < 40) found.push('not seen: ' + picture.src);
    if (box.left < 0 || box.right > wide) found.push('beyond the edge: ' + picture.src);
    if (!picture.alt.trim()) found.push('without words: ' + picture.src);
  }
  const maths = document.querySelectorAll('.math').length, drawn = document.querySelectorAll('mjx-container');
  if (drawn.length < maths || document.querySelector('mjx-merror')) found.push('maths: ' + maths);
  if (document.documentElement.scrollWidth > wide) found.push('wider than the screen');
  return {found, maths, pictures: pictures.length};
})
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, built as `make site` builds them; a warning of the builder is an error."""
    if ABSENT:
        pytest.skip(f"the site is not tested: {', '.join(ABSENT)} is missing; `make site` installs it")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-c", "docs", "-d", str(folder / "pages")]
    command += ["--fail-on-warning", "--keep-going", "--quiet", ".", str(folder / "html")]
    done = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site: Path) -> list[str]:
    """The address of every page within the site."""
    return sorted(file.relative_to(site).as_posix() for file in site.rglob("*.html"))


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Files of a folder, and no log."""

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where the site is served."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with chromium(tmp_path_factory.mktemp("browser") / "profile") as tab:
        yield tab


class Names(HTMLParser):
    """Where a page leads, and the places on it that can be led to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.places: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Keep what it links to and what it is called."""
        given = dict(attributes)
        self.links |= {given[name] or "" for name in ("href", "src") if name in given}
        self.places |= {given["id"] or ""} if "id" in given else set()


def test_no_link_is_broken(site: Path, pages: list[str]) -> None:
    read = {page: Names(site / page) for page in pages}
    broken = []
    for page, names in read.items():
        for link in names.links:
            parts = urlsplit(link)
            if parts.scheme in ("https", "data", "mailto"):
                continue
            target = (site / page).parent / unquote(parts.path) if parts.path else site / page
            found = target.is_file() and target.resolve().is_relative_to(site.resolve())
            known = read.get(target.resolve().relative_to(site.resolve()).as_posix()) if found else None
            place = unquote(urldefrag(link).fragment)
            if not found or (place and known is not None and place not in known.places):
                broken.append(f"{page} -> {link}")
    assert broken == []


def test_every_page_is_sound_in_a_browser_at_both_widths(address: str, pages: list[str], tab: Tab) -> None:
    pictures = maths = 0
    for page in (page for page in pages if page != "index.html"):  # that one leads on at once
        tab.errors.clear()
        tab.requests.clear()
        tab.open(f"{address}/{page}", width=WIDTHS[0])
        for width in WIDTHS:
            tab.resize(width)
            tab.wait(f"innerWidth === {width}")
            said = tab.value(FAULTS)
            assert (said["found"], tab.errors) == ([], []), f"{page} at {width} px"
        elsewhere = [each for each in tab.requests if not each.startswith((address, "data:"))]
        assert elsewhere == [], page
        pictures, maths = pictures + said["pictures"], maths + said["maths"]
    assert pictures >= 30 and maths >= 10  # or nothing has been looked at


def test_no_prose_is_taken_for_maths(site: Path, pages: list[str]) -> None:
    """A dollar sign too many turns the sentence up to the next one into a formula."""
    seen = 0
    for page in pages:
        text = (site / page).read_text(encoding="utf-8")
        for formula in re.findall(r'<(?:span|div) class="math[^>]*>(.*?)</(?:span|div)>', text, re.DOTALL):
            bare = re.sub(
                r"\\(?:text|math\w+|operatorname)\s*\{[^}]*\}|\\[A-Za-z]+|&\w+;|<[^>]*>", "", formula
            )
            assert not re.search(r"[A-Za-z]{4,}", bare), (page, formula)
            seen += 1
    assert seen >= 10


def test_search_finds_the_certificate(address: str, tab: Tab) -> None:
    tab.open(f"{address}/search.html?q=certificate")
    tab.wait("document.querySelector('#search-results p')?.innerText.includes('finished')")
    found = tab.value("[...document.querySelectorAll('#search-results li a')].map(a => a.pathname)")
    pages = {each.strip("/") for each in found}
    assert {"docs/contracts.html", "docs/audit_in_five_minutes.html"} <= pages
    assert any(page.startswith("docs/api/") for page in pages)
    assert any(page.startswith("notebooks/") for page in pages)


def test_the_folder_opens_at_the_first_page(address: str, tab: Tab) -> None:
    tab.open(f"{address}/index.html")
    tab.wait("location.pathname === '/docs/index.html' && document.readyState === 'complete'")
    assert tab.value("document.querySelector('h1').innerText").startswith("Can anybody still tell?")


def test_parameters_are_folded_away_and_open(address: str, site: Path, tab: Tab) -> None:
    page = next(file.name for file in sorted((site / "notebooks").glob("04_*.html")))
    tab.open(f"{address}/notebooks/{page}")
    shut = "document.querySelector('details.hide pre').checkVisibility()"
    assert tab.value(shut) is False
    tab.value("document.querySelector('details.hide summary').click()")
    assert tab.value(shut) is True


@pytest.mark.parametrize("profile", list(readme.ORDER))
def test_every_claim_and_figure_that_is_kept_has_its_place(site: Path, profile: str) -> None:
    kept = paths.committed(profile)
    figures, claims = (text_of(site / "docs" / f"{page}.html") for page in ("figures", "claims"))
    captions = [file.read_text(encoding="utf-8") for file in kept.glob("*.caption.txt")]
    assert captions and all(content.alternative(caption) in figures for caption in captions)
    rows = read_claims(kept / "claims.csv")
    assert [row["claim"] for row in rows if row["this run"] not in claims] == []


def text_of(page: Path) -> str:
    """A page's text and the words of its pictures, in one line."""
    words: list[str] = []
    parser = HTMLParser()
    parser.handle_data = words.append  # type: ignore[method-assign]
    parser.handle_starttag = lambda tag, given: words.append(dict(given).get("alt") or "")  # type: ignore[method-assign]
    parser.feed(page.read_text(encoding="utf-8"))
    return " ".join(" ".join(words).split())


def test_marks_are_replaced_by_what_is_kept_and_an_unknown_one_is_an_error() -> None:
    said = content.filled("before\n<!-- show claims pocket -->\n<!-- a remark -->\nafter")
    assert said.startswith("before\n**") and said.endswith("\n<!-- a remark -->\nafter")
    assert content.claims("pocket") in readme.README.read_text(encoding="utf-8")
    with pytest.raises(BadInput, match="expected one of claims, gallery, output, names"):
        content.filled("<!-- show clams pocket -->")
    with pytest.raises(BadInput, match="no cell of a notebook has this code"):
        content.output("no_such_function(")


def test_what_is_not_kept_yet_is_a_sentence() -> None:
    said = readme.ABSENT.format("mine")
    assert content.claims("mine") == said == content.gallery("mine")


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        ("**Figure.** Loss of *both* students. Lines are 95% intervals.", "Loss of both students"),
        ("Figure. Who tells? Everybody.", "Who tells?"),
        ("Advantage, 2 Pr[correct] - 1, at 0.5 and more", "Advantage, 2 Pr[correct] - 1, at 0.5 and more"),
    ],
)
def test_a_figure_s_words_are_its_caption_s_first_sentence(caption: str, words: str) -> None:
    assert content.alternative(caption) == words


def test_every_room_and_module_has_its_place_in_the_api() -> None:
    pages = content.api_pages()
    whole = "\n".join(pages.values())
    files = paths.PACKAGE.rglob("*.py")
    names = {".".join(file.relative_to(paths.ROOT).with_suffix("").parts) for file in files}
    modules = {name.removesuffix(".__init__") for name in names if not name.endswith("__main__")}
    assert set(re.findall(r"automodule:: (\S+)", whole)) == modules
    empty = [line for line in whole.splitlines() if re.fullmatch(r"\| \{py:\w+\}.*\|\s*\|", line)]
    assert empty == []  # a room or a module without a first line


def sources() -> list[Path]:
    """What becomes a page: Markdown and notebooks."""
    named = [paths.ROOT / name for name in ("benchmarks/README.md", "env/HARDWARE.md")]
    documents = [*paths.ROOT.glob("*.md"), *(paths.ROOT / "docs").glob("*.md")]
    return [
        *named,
        *documents,
        *(paths.ROOT / "docs/decisions").glob("*.md"),
        *paths.NOTEBOOKS.rglob("*.ipynb"),
        *paths.NOTEBOOKS.rglob("*.md"),
    ]


def test_every_page_has_its_place_in_the_table_of_contents() -> None:
    index = paths.ROOT / "docs" / "index.md"
    trees = re.findall(r"```\{toctree\}\n(.*?)```", index.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]
    places = [re.sub(r".*<(.*)>", r"\1", line) for line in lines]
    listed = {file for place in places for file in index.parent.glob(f"{place}.*")}
    found = {file.resolve() for file in listed}
    assert [file for file in sources() if file not in found | {index}] == []


def test_links_lead_to_files_of_the_repository() -> None:
    broken = []
    for file in sources():
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".ipynb":
            cells = read(file)["cells"]
            text = "\n".join(cell["source"] for cell in cells if cell["cell_type"] == "markdown")
        text = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
        links = re.findall(r"\]\((?!https?:|mailto:|#)([^)\s#]+)[^)]*\)", text)
        broken += [(file.name, link) for link in links if not (file.parent / link).exists()]
    assert [
        each for each in broken if not each[1].startswith("api/")
    ] == []  # those are written when building


def test_folders_have_pages() -> None:
    assert content.folder_page(paths.FIGURES / "pocket") == ("docs/figures", "pocket")
    assert content.folder_page(paths.ROOT / "docs" / ".." / "benchmarks") == ("benchmarks/README", None)
    assert content.folder_page(paths.ROOT / "tests") is None


def test_the_pages_are_published_as_they_are_built() -> None:
    flow = yaml.safe_load((paths.ROOT / ".github/workflows/pages.yml").read_text(encoding="utf-8"))
    steps = [step for job in flow["jobs"].values() for step in job["steps"]]
    assert any("make site" in step.get("run", "") for step in steps)
    assert any(step.get("with", {}).get("path") == "docs/_build/html" for step in steps)
    assert "docs/_build/html" in (paths.ROOT / "Makefile").read_text(encoding="utf-8")
