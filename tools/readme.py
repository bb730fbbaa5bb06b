"""What the README shows of the committed run: its claims beside the paper's, and what the run took."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.files import read_json, replacing
from bbi_utils.report.claims import NOTHING, Row, all_claims, read_claims
from bbi_utils.study.params import Study
from bbi_utils.study.stages import STAGES, make_task
from bbi_utils.study.verify import TOLERANCES, load_tolerances

README = paths.ROOT / "README.md"


def refresh_readme(study: Study, *, figures: Path, readme: Path = README) -> None:
    """Write the claims in `figures`, and time and machine of the run of `study`, between their markers."""
    tolerances = load_tolerances(figures / "expected" / TOLERANCES)
    text = readme.read_text(encoding="utf-8")
    text = between(
        text,
        f"results {study.profile}",
        "\n" + results(read_claims(figures / "claims.csv"), tolerances) + "\n",
    )
    took = measured(study)
    if took is None:
        print("README.md keeps its time and memory: part of this run had been run before in its folder")
    else:
        text = between(text, f"measured {study.profile}", took)
    with replacing(readme) as partial:
        partial.write_text(text, encoding="utf-8")


def between(text: str, name: str, content: str) -> str:
    """The text with everything between <!-- name --> and <!-- /name --> replaced; BadInput without these."""
    marked = re.compile(rf"(<!-- {name} -->).*?(<!-- /{name} -->)", re.DOTALL)
    if len(marked.findall(text)) != 1:
        raise BadInput(f"README.md: expected one <!-- {name} --> … <!-- /{name} -->; put the markers back")
    return marked.sub(lambda match: match[1] + content + match[2], text)


def results(rows: Sequence[Row], tolerances: Mapping[str, Any]) -> str:
    """A Markdown table of one line a claim, the pairs side by side where they differ."""
    pairs = list(dict.fromkeys(row["pair"] for row in rows))
    lines = [["claim", "paper", *(f"this run, {pair}" for pair in pairs), "holds", "tolerance"]]
    lines.append(["---"] * len(lines[0]))
    for claim_id in dict.fromkeys(row["claim_id"] for row in rows):
        found = {row["pair"]: row for row in rows if row["claim_id"] == claim_id}
        here = [estimate(found[pair]) if pair in found else NOTHING for pair in pairs]
        columns = ("claim", "paper", "holds")
        claim, paper, holds = (joined([row[name] for row in found.values()]) for name in columns)
        lines.append([claim, paper, *here, holds, tolerance_of(claim_id, tolerances)])
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
        record = read_json(task.record_file)
        if record is None:
            found = f"{task.stage.notebook} has no record in {study.run_dir}"
            raise BadInput(f"{found}; run `make reproduce` first")
        records.append(record)
    return records
