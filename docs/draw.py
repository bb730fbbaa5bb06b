"""The diagrams of site, README and notebooks: `python -m docs.draw` writes docs/diagrams/*.svg.

Each lies on a card of its own, light or dark as the reader's screen is, so that it can be read on any page.
Units are those of the picture, 560 wide: on a telephone letters are about two thirds of their size here.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from bbi_utils import paths
from bbi_utils.files import replacing

FOLDER = paths.ROOT / "docs" / "diagrams"
WIDTH = 560
Point = tuple[float, float]

# What is drawn -> its colour on a light and on a dark screen; arms are coloured as they are in figures.
COLOURS = {
    "card": ("#ffffff", "#161b22"),
    "edge": ("#d5dde5", "#39424e"),
    "ink": ("#17212b", "#eef2f6"),
    "soft": ("#52606d", "#a9b6c3"),
    "line": ("#6b7a89", "#93a1af"),
    "box": ("#f1f4f7", "#232b35"),
    "teacher": ("#17212b", "#eef2f6"),
    "again": ("#007a59", "#3fc79a"),
    "base": ("#ad4900", "#ff9a4d"),
    "distilled": ("#005f96", "#64b8f2"),
    "someone": ("#7a3fa0", "#c79be8"),
}
TINTS = {"teacher": 0.07, "again": 0.1, "base": 0.1, "distilled": 0.1, "someone": 0.1}


def style() -> str:
    """The style sheet: a class for each thing as text (t-), as line (l-) and as filled shape (f-)."""

    def rules(shade: int) -> str:
        said = [
            f".t-{name}{{fill:{colour[shade]}}}.l-{name}{{stroke:{colour[shade]}}}.f-{name}{{fill:{colour[shade]}}}"
            for name, colour in COLOURS.items()
        ]
        return "".join(said)

    tints = "".join(f".f-{name}.tint{{fill-opacity:{share}}}" for name, share in TINTS.items())
    fonts = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
    shapes = (
        ".line{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}.thick{stroke-width:3.4}"
    )
    return f"text{{{fonts}}}{shapes}{rules(0)}{tints}@media(prefers-color-scheme:dark){{{rules(1)}}}"


def svg(height: float, title: str, parts: Sequence[str]) -> str:
    """A whole picture on its card; the title is what a screen reader says."""
    said, size = escape(title), f'viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" height="{height:g}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{said}">',
        f"<title>{said}</title>",
        f"<style>{style()}</style>",
        framed(0.75, 0.75, WIDTH - 1.5, height - 1.5, fill="card", edge="edge", round=12),
        *parts,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def framed(
    x: float, y: float, wide: float, high: float, *, fill: str = "box", edge: str = "line", round: float = 8
) -> str:
    """A rectangle with round corners, filled and framed (two shapes: the fill of an arm is a tint)."""
    size = f'x="{x:g}" y="{y:g}" width="{wide:g}" height="{high:g}" rx="{round:g}"'
    return f'<rect class="f-{fill}" {size}/><rect class="line l-{edge}" {size}/>'


def path(way: str, *, what: str = "line", dashed: str = "") -> str:
    """A line along an SVG path."""
    dash = f' stroke-dasharray="{dashed}"' if dashed else ""
    return f'<path class="line l-{what}" d="{way}"{dash}/>'


def text(
    x: float,
    y: float,
    said: str,
    *,
    size: float = 15,
    what: str = "ink",
    bold: bool = False,
    at: str = "middle",
) -> str:
    """One line of text with its baseline at y; `at` is start, middle or end."""
    look = f'font-size="{size:g}" text-anchor="{at}"' + (' font-weight="650"' if bold else "")
    return f'<text class="t-{what}" x="{x:g}" y="{y:g}" {look}>{escape(said)}</text>'


def box(x: float, y: float, wide: float, high: float, name: str, *more: str, what: str = "ink") -> str:
    """A named box with smaller lines below its name, all centred; `what` is the colour of its edge."""
    tinted = what in TINTS
    lines, middle = 1 + len(more), x + wide / 2
    first = y + high / 2 - (lines - 1) * 9.5 + 5.5
    below = [text(middle, first + 19 * row, said, size=14, what="soft") for row, said in enumerate(more, 1)]
    fill, edge = (f"{what} tint", what) if tinted else ("box", "line")
    name_of = text(middle, first, name, size=16, what=what, bold=True)
    return "".join([framed(x, y, wide, high, fill=fill, edge=edge), name_of, *below])


def arrow(*points: Point, what: str = "line", dashed: bool = False) -> str:
    """A line through the points with a head at its end."""
    (x0, y0), (x1, y1) = points[-2:]
    long = max(((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5, 1e-9)
    dx, dy = (x1 - x0) / long, (y1 - y0) / long
    back = (x1 - 8 * dx, y1 - 8 * dy)
    wings = [(back[0] - 4.6 * dy, back[1] + 4.6 * dx), (back[0] + 4.6 * dy, back[1] - 4.6 * dx)]
    way = "M" + "L".join(f"{x:g} {y:g}" for x, y in [*points[:-1], back])
    head = " ".join(f"{x:.5g},{y:.5g}" for x, y in [(x1, y1), *wings])
    line = path(way, what=what, dashed="5 4" if dashed else "")
    return f'{line}<polygon class="f-{what}" points="{head}"/>'


# Where an arm's box begins, what is in it, and its colour; and what the scores come to.
ARMS: tuple[tuple[int, str, tuple[str, ...], str], ...] = (
    (24, "teacher", ("asked again",), "again"),
    (156, "teacher", (), "teacher"),
    (288, "distilled", ("student",), "distilled"),
    (420, "base", ("student",), "base"),
)
ENDS = (
    (24, "advantage", "how much better"),
    (200, "certificate", "for an asked ε"),
    (376, "figures", "and claims"),
)


def pipeline() -> str:
    """From prompts to a certificate: what is made of what."""
    asks = ("who wrote this? length, words, style,", "encoders, a judge, you")
    parts = [box(130, 22, 300, 62, "prompts", "of ten kinds: to distil on, to test on")]
    parts.append(path("M280 84V106M82 106H478"))
    for x, name, more, what in ARMS:
        parts.append(box(x, 128, 116, 62, name, *more, what=what))
        parts += [arrow((x + 58, 106), (x + 58, 126)), arrow((x + 58, 192), (x + 58, 246))]
    parts += [
        arrow((274, 159), (286, 159), what="distilled"),
        arrow((418, 159), (406, 159), what="distilled"),
        text(280, 214, "learns from", size=14, what="distilled"),
        text(280, 232, "its answers", size=14, what="distilled"),
        text(412, 223, "starts as", size=14, what="distilled"),
        box(24, 248, 512, 46, "answers, side by side"),
        arrow((280, 294), (280, 322)),
        box(70, 324, 420, 84, "adversaries", *asks, what="someone"),
        arrow((280, 408), (280, 436)),
        box(130, 438, 300, 46, "scores: one table for all"),
    ]
    for x, name, said in ENDS:
        parts.append(arrow((280, 484), (280, 500), (x + 80, 500), (x + 80, 520)))
        parts.append(box(x, 522, 160, 62, name, said))
    return svg(606, "From prompts to a certificate", parts)


def asked(top: int, *, dashed: bool = False) -> list[str]:
    """A prompt, and both models that may get it; dashed: the student gets it instead of the teacher."""
    y = top + 55
    return [
        box(24, top + 30, 84, 50, "prompt"),
        box(148, top, 104, 46, "teacher", what="teacher"),
        box(148, top + 64, 104, 46, "student", what="distilled"),
        arrow((108, y), (128, y), (128, y - 32), (146, y - 32)),
        arrow((108, y), (128, y), (128, y + 32), (146, y + 32), dashed=dashed),
    ]


def games() -> str:
    """One answer, or two: what the adversary sees and says."""
    parts = [
        text(24, 38, "One answer", size=18, bold=True, at="start"),
        text(24, 60, "A coin, unseen, picks who answers.", what="soft", at="start"),
        *asked(82, dashed=True),
        path("M252 105H276V137"),
        path("M252 169H276V137", dashed="5 4"),
        arrow((276, 137), (296, 137)),
        box(298, 112, 100, 50, "answer"),
        arrow((398, 137), (418, 137)),
        box(420, 112, 116, 50, "adversary", what="someone"),
        text(536, 190, "“the teacher’s” or", what="someone", at="end"),
        text(536, 210, "“the student’s”", what="someone", at="end"),
        path("M24 238H536", what="edge"),
        text(24, 274, "Two answers", size=18, bold=True, at="start"),
        text(24, 296, "Both answer; a coin, unseen, picks the order.", what="soft", at="start"),
        *asked(318),
        arrow((252, 341), (264, 341), (284, 405), (296, 405)),
        arrow((252, 405), (264, 405), (284, 341), (296, 341)),
        box(298, 318, 100, 46, "answer A"),
        box(298, 382, 100, 46, "answer B"),
        arrow((398, 341), (408, 341), (408, 373), (418, 373)),
        path("M398 405H408V373"),
        box(420, 348, 116, 50, "adversary", what="someone"),
        text(536, 450, "“A is the teacher’s” or “B is”", what="someone", at="end"),
        path("M24 474H536", what="edge"),
        text(280, 506, "advantage = 2 · Pr[correct] − 1", size=17, bold=True),
        text(280, 530, "0: a coin does as well · 1: always right", what="soft"),
    ]
    return svg(552, "The two games", parts)


def folds(count: int = 5) -> str:
    """Who is scored when: no prompt is ever scored by who has seen it."""
    parts = [
        text(24, 38, "All prompts", size=18, bold=True, at="start"),
        framed(24, 52, 376, 46, fill="distilled tint", edge="distilled"),
        text(212, 80, "the student learns from these: never scored", what="distilled"),
        framed(408, 52, 128, 46),
        text(472, 80, "to test on", bold=True),
        path("M408 102L128 146M536 102V146", dashed="5 4"),
    ]
    for number in range(count):
        parts += turn(number, count=count, y=150 + 50 * number)
    end = 150 + 50 * count
    parts += [
        text(24, end + 28, "Each test prompt is scored once,", at="start", bold=True, size=16),
        text(24, end + 49, "by adversaries that never saw it.", at="start", bold=True, size=16),
        text(24, end + 76, "Prompts that belong together, such as wordings", what="soft", at="start"),
        text(24, end + 96, "of one question, stay in one part.", what="soft", at="start"),
    ]
    return svg(end + 118, "Cross-fitting: never scored on what it was trained on", parts)


def turn(number: int, *, count: int, y: float) -> list[str]:
    """One round: its own part is scored, adversaries are trained on the others."""
    parts, wide = [text(24, y + 26, f"round {number + 1}", what="soft", at="start")], 408 / count
    for part in range(count):
        x, scored = 128 + part * wide, part == number
        fill, edge, ink = ("someone", "someone", "card") if scored else ("box", "edge", "soft")
        parts.append(framed(x + 2, y, wide - 4, 40, fill=fill, edge=edge, round=6))
        said = "score" if scored else "train"
        parts.append(text(x + wide / 2, y + 26, said, what=ink, bold=scored))
    return parts


# Verdict, why, colour; and for three adversaries the bounds with the estimate between: the first one tells.
OUTCOMES = (
    ("Certified", ("every upper bound", "is at most ε"), "again"),
    ("Refuted", ("some lower bound", "is above ε"), "base"),
    ("Inconclusive", ("neither: more", "prompts would decide"), "distilled"),
)
BOUNDS = (
    ((242, 296, 346), (236, 268, 300), (232, 276, 322)),
    ((396, 450, 500), (240, 286, 330), (262, 308, 352)),
    ((318, 374, 428), (238, 280, 322), (250, 300, 350)),
)
ASKED = 372


def certificate() -> str:
    """Three outcomes, by where the bounds of the adversaries lie."""
    parts = [text(ASKED, 34, "ε, the asked advantage", bold=True)]
    for row in range(len(OUTCOMES)):
        parts += outcome(row, y=52 + row * 124)
    bottom = 52 + len(OUTCOMES) * 124 - 16
    parts += [
        path(f"M{ASKED} 42V{bottom}", what="ink", dashed="2 5"),
        arrow((220, bottom + 22), (528, bottom + 22)),
        text(222, bottom + 44, "0", what="soft", at="start"),
        text(526, bottom + 44, "advantage, with its bounds", what="soft", at="end"),
    ]
    return svg(bottom + 60, "The three outcomes of a certificate", parts)


def outcome(row: int, *, y: float) -> list[str]:
    """One verdict, with the bounds that lead to it; all of them do where it is certified."""
    name, why, what = OUTCOMES[row]
    parts = [
        framed(220, y, 316, 108, edge="box"),
        text(24, y + 40, name, size=18, what=what, bold=True, at="start"),
    ]
    parts += [text(24, y + 64 + 19 * line, said, what="soft", at="start") for line, said in enumerate(why)]
    for number, (lower, estimate, upper) in enumerate(BOUNDS[row]):
        at, shade = y + 25 + 29 * number, what if number == 0 or row == 0 else "line"
        parts.append(path(f"M{lower} {at}H{upper}", what=f"{shade} thick"))
        parts.append(f'<circle class="f-{shade}" cx="{estimate}" cy="{at}" r="6"/>')
    return parts


DIAGRAMS = {"pipeline": pipeline, "games": games, "folds": folds, "certificate": certificate}


def write(folder: Path = FOLDER) -> list[Path]:
    """Draw all of them; equal code gives equal bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, draw in DIAGRAMS.items():
        with replacing(folder / f"{name}.svg") as partial:
            partial.write_text(draw(), encoding="utf-8")
        files.append(folder / f"{name}.svg")
    return files


if __name__ == "__main__":
    for file in write():
        print(paths.shown(file))
