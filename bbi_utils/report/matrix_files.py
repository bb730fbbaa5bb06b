"""What a comparison of many models leaves behind: tables, a page to read, a manifest; all or none."""

import base64
import html
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from string import Template

import pandas as pd
from matplotlib.figure import Figure

from bbi_utils.errors import one_line
from bbi_utils.files import write_json
from bbi_utils.report import figures
from bbi_utils.report.audit_files import beside, made, moved
from bbi_utils.report.figures.save import alternative
from bbi_utils.report.figures.style import use_style
from bbi_utils.report.labels import aligned, decimals, ends
from bbi_utils.report.matrix import Matrix
from bbi_utils.tables import write_csv

PAGE = "matrix.html"
MOST_ROWS = 500  # of the table of pairs on the page; all are in advantages.csv
TEXT = Template(
    """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$title</title><style>
body{font:16px/1.5 sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
:root{color-scheme:light dark}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
td,th{padding:.2rem .7rem;text-align:left}tbody tr:nth-child(even){background:#8882}
img{max-width:100%;background:#fff}figcaption{font-size:.9em}</style>
<h1>$title</h1><p>$summary</p>
<figure><img alt="$alt" src="data:image/png;base64,$image">
<figcaption>$caption</figcaption></figure>
<h2>Whose answers are these?</h2>
<p>Of each model the one it is told apart from least. "undecided" says that the interval does not lie above 0:
nobody here told the two apart, which does not make them alike. The runner-up shows how clear the choice
is.</p>$nearest
<h2>Every two models, the most alike first</h2>$pairs</html>
"""
)


def write_matrix(matrix: Matrix, folder: Path, *, sources: Sequence[Path]) -> list[Path]:
    """Write the page, advantages.csv, nearest.csv, scores.parquet, figure, manifest; the page is first."""
    n = int(matrix.scores["prompt_id"].nunique())
    figure = figures.matrix_figure(matrix.distances(), n=n)
    with beside(folder) as partial:
        for name, table in (("advantages", matrix.advantages), ("nearest", matrix.nearest)):
            write_csv(table, partial / f"{name}.csv", float_format="%.6f")
        matrix.scores.to_parquet(partial / "scores.parquet", index=False)
        inputs = [partial / "scores.parquet"]
        figures.save_figure(figure, "matrix", partial / "figures", notebook="audit", inputs=inputs)
        (partial / PAGE).write_text(page(matrix, figure), encoding="utf-8")
        manifest = made(matrix.settings, sources, partial, seconds=matrix.seconds)
        write_json(partial / "manifest.json", {**manifest, "models": matrix.models})
        return moved(partial, folder, sources=sources, last=PAGE)


def page(matrix: Matrix, figure: Figure) -> str:
    """The page, with its picture inside it, so that one file can be sent to anybody."""
    image = BytesIO()
    with use_style():
        figure.savefig(image, format="png", dpi=160)
    found = matrix.together.sort_values("advantage").assign(interval=_ends)
    found = found[["first", "second", "n", "advantage", "interval"]]
    return TEXT.substitute(
        title=html.escape(f"Who is like whom: {matrix.settings.name}"),
        summary=html.escape(summary(matrix)),
        image=base64.b64encode(image.getvalue()).decode(),
        alt=html.escape(alternative(str(figure.get_label()))),
        caption=html.escape(str(figure.get_label())),
        nearest=_table(_nearest(matrix)),
        pairs=_table(found.head(MOST_ROWS)),
    )


def summary(matrix: Matrix) -> str:
    """In two sentences: how much was compared, and how many pairs nobody told apart."""
    found = matrix.together
    alike = int((found["lower"] <= 0).sum())
    return (
        f"{len(matrix.models)} models, {len(found):,} pairs, {found['n'].max():,} prompts, "
        f"{matrix.settings.confidence:.0%} intervals over all pairs together. {alike:,} pairs are undecided; "
        "in the others the two are told apart."
    ) + (f" {matrix.uncompared:,} pairs have too few prompts in common." if matrix.uncompared else "")


def render_matrix(matrix: Matrix) -> str:
    """The same in a terminal: the verdict, and of each model its nearest."""
    found = matrix.advantages.loc[matrix.advantages["lower"].idxmax()]
    names = one_line(f"{found['first']} and {found['second']}")
    most = f"{names}, at least {max(0.0, found['lower']):.3f}"
    asked = f"{matrix.verdict} at ε = {matrix.settings.epsilon:g} for all pairs together"
    said = f"{asked}; farthest apart: {most} ({found['adversary']})"
    shown = _nearest(matrix)
    rows = [[_cell(cell) for cell in row] for row in shown.to_numpy()]
    heads = [name.replace("_", " ") for name in shown]
    return "\n".join([said, summary(matrix), "", *aligned([heads, *rows], left=2)])


def _nearest(matrix: Matrix) -> pd.DataFrame:
    """Each model beside its nearest, as a reader sees it."""
    near = matrix.nearest.assign(interval=_ends, verdict=_verdict)
    return near[["model", "nearest", "advantage", "interval", "verdict", "next_one", "next_advantage"]]


def _cell(cell: object) -> str:
    return one_line(str(cell)) if not isinstance(cell, float) else "" if cell != cell else decimals(cell)


def _ends(table: pd.DataFrame) -> list[str]:
    return [ends(low, high) for low, high in zip(table["lower"], table["upper"], strict=True)]


def _verdict(table: pd.DataFrame) -> list[str]:
    return ["told apart" if low > 0 else "undecided" for low in table["lower"]]


def _table(table: pd.DataFrame) -> str:
    named = table.rename(columns=lambda name: name.replace("_", " "))
    return named.to_html(index=False, border=0, float_format=decimals, na_rep="")
