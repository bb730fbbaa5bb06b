"""What the README shows of the committed run: its claims beside the paper's, and what the run took."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.files import read_json, replacing
from bbi_utils.report.claims import NOTHING, TABLES, all_claims, counted
from bbi_utils.report.claims_text import Row, by_table, read_claims, reported
from bbi_utils.study.params import Study
from bbi_utils.study.stages import STAGES, make_task, record_of
from bbi_utils.study.verify import TOLERANCES, load_tolerances

README = paths.ROOT / "README.md"
# Whose results the README shows, and in which order: the first table at once, the others folded away.
ORDER = {"smol": ("paper", "checks"), "pocket": ("planted", "checks", "paper")}
ABSENT = (
    "The results of profile `{0}` are not in this repository yet: `make reproduce PROFILE={0}`, then "
    "`make refresh PROFILE={0}`, puts them here."
)


def refresh_readme(study: Study, *, readme: Path = README) -> None:
    """Write what is kept of the study's profile, and time and machine of its run, between their markers."""
    if study.profile not in ORDER:
        print(f"{readme.name} shows nothing of profile {study.profile!r}: it stays as it is")
        return
    text = with_results(readme.read_text(encoding="utf-8"), study.profile)
    took = measured(study)
    if took is None:
        print(f"{readme.name} keeps its time and memory: part of this run had been run before in its folder")
    else:
        text = between(text, f"measured {study.profile}", f"took {took}")
    with replacing(readme) as partial:
        partial.write_text(text, encoding="utf-8")


def with_results(text: str, profile: str, *, figures: Path | None = None) -> str:
    """The README's text with the figure and the tables kept of a profile, or a sentence that none are."""
    folder = figures or paths.committed(profile)
    if not (folder / "claims.csv").is_file():
        picture, tables = ABSENT.format(profile), ABSENT.format(profile)
    else:
        picture = figure(folder, profile)
        tolerances = load_tolerances(folder / "expected" / TOLERANCES)
        tables = results(read_claims(folder / "claims.csv"), tolerances, order=ORDER[profile])
    return between(
        between(text, f"figure {profile}", f"\n{picture}\n"), f"results {profile}", f"\n{tables}\n"
    )


def figure(folder: Path, profile: str) -> str:
    """The figure of all advantages, with its own caption."""
    caption = (folder / "advantage.caption.txt").read_text(encoding="utf-8").strip()
    what = "Advantage of every adversary on the base student, the distilled student and the teacher itself"
    return f"![{what}](figures/{profile}/advantage.png)\n\n*{caption}*"


def between(text: str, name: str, content: str) -> str:
    """The text with everything between <!-- name --> and <!-- /name --> replaced; BadInput without these."""
    marked = re.compile(rf"(<!-- {name} -->).*?(<!-- /{name} -->)", re.DOTALL)
    if len(marked.findall(text)) != 1:
        raise BadInput(f"README.md: expected one <!-- {name} --> … <!-- /{name} -->; put the markers back")
    return marked.sub(lambda match: match[1] + content + match[2], text)


def results(rows: Sequence[Row], tolerances: Mapping[str, Any], *, order: Sequence[str]) -> str:
    """The tables of claims in Markdown, in this order; all but the first are folded away."""
    parts: list[str] = []
    for name, part in sorted(by_table(rows).items(), key=lambda item: order.index(item[0])):
        said = f"{TABLES[name]}: {counted([row['verdict'] for row in part])}"
        table = one_table(part, tolerances)
        folded = f"<details><summary>{said}</summary>\n\n{table}\n\n</details>"
        parts.append(folded if parts else f"**{said}**\n\n{table}")
    return "\n\n".join(parts)


def one_table(rows: Sequence[Row], tolerances: Mapping[str, Any]) -> str:
    """A Markdown table of one line per claim, the pairs side by side where they differ."""
    pairs = list(dict.fromkeys(row["pair"] for row in rows))
    lines = [["claim", "reported", *(f"this run, {pair}" for pair in pairs), "asked", "verdict", "tolerance"]]
    lines.append(["---"] * len(lines[0]))
    for claim_id in dict.fromkeys(row["claim_id"] for row in rows):
        found = {row["pair"]: row for row in rows if row["claim_id"] == claim_id}
        here = [estimate(found[pair]) if pair in found else NOTHING for pair in pairs]
        claim, asked, verdict = (
            joined([row[name] for row in found.values()]) for name in ("claim", "asked", "verdict")
        )
        known = joined([reported(row) for row in found.values()])
        lines.append([claim, known, *here, asked, verdict, tolerance_of(claim_id, tolerances)])
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def estimate(row: Row) -> str:
    """What the run found, with its interval where there is one."""
    return row["this run"] if row["interval"] == NOTHING else f"{row['this run']} {row['interval']}"


def joined(values: Sequence[str]) -> str:
    """One value if all are the same, else all, in the order of the pairs."""
    return " / ".join(values if len(set(values)) > 1 else values[:1])


def tolerance_of(claim_id: str, tolerances: Mapping[str, Any]) -> str:
    """How far `make verify` lets a claim's estimate move on another machine."""
    claim = all_claims()[claim_id]
    rule = tolerances.get(f"{claim.frame}.csv", {}).get("columns", {}).get(claim.column)
    return f"± {rule:g}" if isinstance(rule, (int, float)) else NOTHING


def measured(study: Study) -> str | None:
    """Wall time and memory of the run as its stages recorded them (pairs side by side), and its machine.

    None where a stage had been run or begun before: it may have reused work, and its time says too little.
    """
    studies = [study.model_copy(update={"pair": pair}) for pair in study.pairs]
    lanes = [records_of(one, scopes=("pair",)) for one in studies]
    shared = records_of(studies[0], scopes=("suite", "all"))
    if any(record["again"] for record in (*shared, *(r for lane in lanes for r in lane))):
        return None
    seconds = sum(r["seconds"] for r in shared) + max(sum(r["seconds"] for r in lane) for lane in lanes)
    memory = sum(max(r["peak_memory_bytes"] for r in lane) for lane in lanes)
    manifest = read_json(paths.RunPaths(study.run_dir, study.pair).manifest) or {}
    cpu = manifest.get("environment", {}).get("cpu", {})
    machine = f"{cpu.get('cores', '?')} cores of an {cpu.get('model', 'unknown processor')}"
    return f"{seconds / 60:.0f} minutes and at most {memory / 1e9:.1f} GB of memory on {machine}"


def records_of(study: Study, *, scopes: Sequence[str]) -> list[dict[str, Any]]:
    """What each stage of these scopes recorded; BadInput where one has not been run."""
    tasks = [make_task(stage, study) for stage in STAGES if stage.scope in scopes]
    records = []
    for task in tasks:
        record = record_of(task.stage, study)
        if record is None:
            found = f"{task.stage.notebook} has no record in {study.run_dir}"
            raise BadInput(f"{found}; run `make reproduce` first")
        records.append(record)
    return records
