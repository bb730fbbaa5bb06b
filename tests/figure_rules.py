"""What a figure of this project has to look like: letters, numbers, caption, and what lies on what."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from bbi_utils.report.figures.save import alternative

READ_AT = 800 / 96  # inches: a page 800 pixels wide, on a screen
SMALLEST = 7.0  # points of a letter on that page
MOST_WORDS, MOST_SENTENCES, MOST_DIGITS = 70, 2, 3  # the digits are the significant ones of a decimal number
SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[A-Z'\"])")
DECIMAL = re.compile(r"\d+\.\d+")


def check_figure(fig: Figure) -> list[str]:
    """Each violation as one line; empty when there is none."""
    FigureCanvasAgg(fig).draw()
    shown = list(_shown(fig))
    return [*_caption(str(fig.get_label())), *_letters(fig, shown), *_numbers(fig, shown), *_overlaps(shown)]


def _shown(fig: Figure) -> Iterator[tuple[Text, Bbox]]:
    """Every text on the page with its place; of the ticks only those within their axis."""
    ticks = {}
    for axis in (axis for ax in fig.axes for axis in (ax.xaxis, ax.yaxis)):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            ticks |= dict.fromkeys((tick.label1, tick.label2), low <= tick.get_loc() <= high)
    for text in fig.findobj(Text):
        if text.get_visible() and text.get_text().strip() and ticks.get(text, True):
            yield text, text.get_window_extent()


def _caption(caption: str) -> Iterator[str]:
    if (count := len(SENTENCE.split(caption))) > MOST_SENTENCES:
        yield f"the caption has {count} sentences, at most {MOST_SENTENCES}"
    if (count := len(caption.split())) > MOST_WORDS:
        yield f"the caption has {count} words, at most {MOST_WORDS}"
    if not alternative(caption) or alternative(caption) == caption:
        yield "the caption's first sentence is no alternative text"


def _letters(fig: Figure, shown: list[tuple[Text, Bbox]]) -> Iterator[str]:
    scale = min(1.0, READ_AT / fig.get_figwidth())
    for text, _ in shown:
        if text.get_fontsize() * scale < SMALLEST:
            yield f"{text.get_text()!r} has {text.get_fontsize() * scale:.1f} points"


def _numbers(fig: Figure, shown: list[tuple[Text, Bbox]]) -> Iterator[str]:
    for said in (str(fig.get_label()), *(text.get_text() for text, _ in shown)):
        for number in DECIMAL.findall(said):
            if len(number.replace(".", "").lstrip("0")) > MOST_DIGITS:
                yield f"{number} in {said[:60]!r} is not round"


def _overlaps(shown: list[tuple[Text, Bbox]]) -> Iterator[str]:
    """Level texts that lie on one another; the boxes of slanted ones cross where their letters do not."""
    level = [(text, box.padded(-1)) for text, box in shown if not text.get_rotation()]
    for (one, first), (other, second) in itertools.combinations(level, 2):
        if first.overlaps(second):
            yield f"{one.get_text()!r} lies on {other.get_text()!r}"
