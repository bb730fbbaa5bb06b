"""A sweep: the study for every pair, seed and budget, each in a run folder of its own, and one table."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bbi_utils import paths
from bbi_utils.errors import BadInput, OutOfMemory
from bbi_utils.progress import Each, one_by_one
from bbi_utils.report.claims import NOTHING, counted
from bbi_utils.report.claims_text import read_claims
from bbi_utils.report.labels import aligned
from bbi_utils.study.display import clock
from bbi_utils.study.params import load_study
from bbi_utils.study.run import StageFailed, load_studies, reproduce

if TYPE_CHECKING:
    import pandas as pd

SWEPT = ("seed", "n_distill")  # what a sweep sets itself
KEY = ("pair", "seed", "budget")


@dataclass(frozen=True)
class Run:
    """One run of a sweep, and what it takes to carry it out on any machine that sees its folder."""

    profile: str
    pair: str
    seed: int
    budget: int
    settings: Mapping[str, Any]
    notebooks: Path
    threads: int | None = None

    @property
    def folder(self) -> Path:
        """Where it writes."""
        return paths.resolve(self.settings["run_dir"])


@dataclass(frozen=True)
class Outcome:
    """How a run ended: seconds of this attempt, and where it failed, why and with which exit status."""

    seconds: float
    failure: str = ""
    status: int = 0


def plan_sweep(
    profile: str,
    pairs: Sequence[str],
    seeds: Sequence[int],
    budgets: Sequence[int],
    settings: Mapping[str, Any],
    *,
    notebooks: Path = paths.NOTEBOOKS,
    threads: int | None = None,
) -> list[Run]:
    """The runs, each checked as `reproduce` checks its own; no seeds or budgets: the profile's.

    A budget is how many teacher answers the student learns from (N_DISTILL), and of the BUDGETS that 08
    spends those stay that it has room for. Raises BadInput for what cannot work, before any run begins.
    """
    if taken := [name for name in SWEPT if name in settings]:
        raise BadInput(f"a sweep sets {taken[0].upper()} itself; give the values to --seeds and --budgets")
    if any(len(set(given)) < len(given) for given in (pairs, seeds, budgets)):
        raise BadInput("a pair, seed or budget is named twice; name each once")
    top, runs = paths.resolve(settings.get("run_dir") or f"runs/sweep-{profile}"), []
    for pair in pairs:
        usual = load_study(profile, pair, settings)
        for seed, budget in itertools.product(seeds or [usual.seed], budgets or [usual.n_distill]):
            own = {**settings, "seed": seed, "n_distill": budget}
            own.setdefault("budgets", [one for one in usual.budgets if one <= budget] or [budget])
            own["run_dir"] = str(top / f"{pair}-seed{seed}-budget{budget}")
            load_studies(profile, [pair], own, parameters=paths.PARAMETERS)
            runs.append(Run(profile, pair, seed, budget, own, notebooks, threads))
    return runs


def carry_out(run: Run) -> Outcome:
    """Bring one run up to date, its words in log.txt; a failure is an outcome, for the others go on."""
    if not run.folder.is_dir():
        way = "set RUN_DIR to a folder that all nodes share"
        return Outcome(0.0, f"this node does not see {run.folder}; {way}", 2)
    began = time.monotonic()
    with (run.folder / "log.txt").open("w", encoding="utf-8") as log:
        try:
            how: dict[str, Any] = {"notebooks": run.notebooks, "stream": log, "threads": run.threads}
            reproduce(run.profile, [run.pair], run.settings, **how)
        except (BadInput, OutOfMemory) as failure:
            return Outcome(time.monotonic() - began, str(failure), 2)
        except StageFailed as failure:
            return Outcome(time.monotonic() - began, str(failure), failure.status)
    return Outcome(time.monotonic() - began)


def sweep(runs: Sequence[Run], *, each: Each = one_by_one) -> Iterator[tuple[Run, Outcome]]:
    """Carry the runs out, and yield each with its outcome as it ends."""
    for run in runs:
        run.folder.mkdir(parents=True, exist_ok=True)
    for place, outcome in each(carry_out, runs):
        yield runs[place], outcome


def table_of(runs: Sequence[Run]) -> pd.DataFrame:
    """The claims of all runs, under one another: the columns of claims.csv, with seed and budget."""
    import pandas as pd

    parts = []
    for run in runs:
        rows = pd.DataFrame(read_claims(paths.RunPaths(run.folder).claims))
        parts.append(rows.assign(pair=run.pair, seed=run.seed, budget=run.budget))
    table = pd.concat(parts, ignore_index=True)
    return table[[*KEY, *(name for name in table if name not in KEY)]]


def in_short(table: pd.DataFrame) -> str:
    """Of each claim, pair and budget: what the seeds found, its median and range, and their verdicts."""
    rows = [("claim", "pair", "budget", "median (lowest to highest) over seeds", "verdicts")]
    for (_, pair, budget), own in table.groupby(["claim_id", "pair", "budget"], sort=False):
        verdicts = counted(list(own["verdict"]))
        if (found := spread(list(own["this run"]))) or verdicts != "numbers only":
            rows.append((own["claim"].iloc[0], pair, f"{budget:,}", found, verdicts))
    return "\n".join(aligned(rows, left=len(rows[0])))


def spread(said: Sequence[str]) -> str:
    """Median and range of the numbers that cells begin with; "" where one begins with another word."""
    try:
        numbers = [float(cell.split()[0].rstrip(",;").rstrip("%")) for cell in said if cell != NOTHING]
    except ValueError:
        return ""
    if not numbers:
        return ""
    middle = f"{statistics.median(numbers):.3g}"
    return middle if len(numbers) == 1 else f"{middle} ({min(numbers):.3g} to {max(numbers):.3g})"


def line_of(run: Run, outcome: Outcome, *, done: int, of: int) -> str:
    """One line of a run that has ended."""
    how = f"failed: {outcome.failure}" if outcome.failure else f"done in {clock(outcome.seconds)}"
    return f"{done} of {of}  {run.folder.name}: {how}"
