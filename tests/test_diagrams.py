"""The diagrams: as their code draws them, legible on light and dark screens, nothing over an edge."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from chromium import chromium

from docs import draw as diagrams

SVG = "{http://www.w3.org/2000/svg}"
NAMES = sorted(diagrams.DIAGRAMS)
LEGIBLE = 4.5  # the contrast that WCAG 2.1 (1.4.3) asks of text


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb, as WCAG has it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def over(tint: str, share: float, ground: str) -> str:
    """A colour laid thinly over another."""
    pairs = [(int(tint[at : at + 2], 16), int(ground[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(share * top + (1 - share) * below):02x}" for top, below in pairs)


def test_what_is_kept_is_what_the_code_draws(tmp_path: Path) -> None:
    for file in diagrams.write(tmp_path):
        kept = diagrams.FOLDER / file.name
        assert kept.read_bytes() == file.read_bytes(), f"{file.name} is stale: run `python -m docs.draw`"
    assert sorted(file.stem for file in diagrams.FOLDER.iterdir()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_diagram_says_what_it_is_and_needs_nothing_from_elsewhere(name: str) -> None:
    root = ElementTree.parse(diagrams.FOLDER / f"{name}.svg").getroot()
    assert root.get("role") == "img" and root.get("aria-label") == root.findtext(f"{SVG}title")
    text = (diagrams.FOLDER / f"{name}.svg").read_text(encoding="utf-8").replace(SVG[1:-1], "")
    assert "http" not in text and "url(" not in text and "<script" not in text
    assert "prefers-color-scheme:dark" in text


@pytest.mark.parametrize("shade", [0, 1], ids=["light", "dark"])
def test_every_text_stands_out_from_what_it_lies_on(shade: int) -> None:
    colour = {name: shades[shade] for name, shades in diagrams.COLOURS.items()}
    inks = {*diagrams.TINTS, "ink", "soft"}
    for ink in inks:
        for ground in ("card", "box"):
            assert contrast(colour[ink], colour[ground]) >= LEGIBLE, (ink, ground)
    for name, share in diagrams.TINTS.items():
        tinted = over(colour[name], share, colour["card"])
        assert min(contrast(colour[ink], tinted) for ink in (name, "soft")) >= LEGIBLE, name
    assert contrast(colour["card"], colour["someone"]) >= LEGIBLE  # `score` on its filled part


def test_in_a_browser_no_text_hangs_over_the_edge_and_both_screens_are_served(tmp_path: Path) -> None:
    with chromium(tmp_path / "profile") as tab:
        for name in NAMES:
            grounds = []
            for dark in (False, True):
                tab.open((diagrams.FOLDER / f"{name}.svg").as_uri(), width=400, dark=dark)
                boxes = tab.value(
                    "[...document.querySelectorAll('text')].map(t => [t.textContent, t.getBBox().x,"
                    " t.getBBox().x + t.getBBox().width])"
                )
                assert boxes
                assert [b for b in boxes if b[1] < 12 or b[2] > diagrams.WIDTH - 12] == [], name
                grounds.append(tab.value("getComputedStyle(document.querySelector('rect')).fill"))
            assert grounds == ["rgb(255, 255, 255)", "rgb(22, 27, 34)"]
        assert tab.errors == []
