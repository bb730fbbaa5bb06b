"""Where everything is: the repository, the files of a run, and the folder behind a model's name."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent
NOTEBOOKS = ROOT / "notebooks"
PARAMETERS = NOTEBOOKS / "params"
FIGURES = ROOT / "figures"
WEIGHTS = ROOT / "pocket" / "weights"
POCKET_PREFIX = "pocket/"


def resolve(path: str | Path) -> Path:
    """The path, taken from the repository's root when it is relative, whatever the working folder is."""
    return ROOT / Path(path).expanduser()


def script(path: str | Path) -> Path:
    """A user's own file: from the working folder where it is there, else from the repository's root."""
    given = Path(path).expanduser()
    return given if given.is_file() else resolve(path)


def shown(path: Path) -> str:
    """The path as a reader wants to see it: relative to the working folder or the repository, if inside."""
    for base in (Path.cwd(), ROOT):
        if path.is_relative_to(base):
            return str(path.relative_to(base))
    return str(path)


@dataclass(frozen=True)
class RunPaths:
    """The files of one run: `run_dir` is shared by the pairs, `pair` names the pair's own folder in it."""

    run_dir: str | Path
    pair: str = ""

    @property
    def folder(self) -> Path:
        """The run's folder, absolute."""
        return resolve(self.run_dir)

    @property
    def pair_folder(self) -> Path:
        """The pair's folder, absolute."""
        return self.folder / self.pair

    @property
    def probes(self) -> Path:
        """The probe suite, one JSON object a line."""
        return self.folder / "probes.jsonl"

    @property
    def card(self) -> Path:
        """The dataset card of the probe suite."""
        return self.folder / "probes.card.md"

    @property
    def responses(self) -> Path:
        """The response store of every oracle of the pair (contract C1)."""
        return self.pair_folder / "responses.sqlite"

    @property
    def adapter(self) -> Path:
        """The folder of the distilled student's LoRA adapter."""
        return self.pair_folder / "adapter"

    @property
    def loss(self) -> Path:
        """The loss curve of the distillation."""
        return self.pair_folder / "loss.parquet"

    @property
    def answers(self) -> Path:
        """How the arms' answers ended and, where the content can be checked, whether they are right."""
        return self.pair_folder / "answers.parquet"

    @property
    def similarity(self) -> Path:
        """Semantic similarity of teacher and student answers, one row a prompt and contrast."""
        return self.pair_folder / "similarity.parquet"

    @property
    def learned_scores(self) -> Path:
        """Scores of the learned adversaries alone, as 04 leaves them."""
        return self.pair_folder / "learned_scores.parquet"

    @property
    def costs(self) -> Path:
        """What each learned adversary cost: seconds, parameters, share of texts it had to cut.

        No stage declares it as an output, for it holds times, which no two runs share.
        """
        return self.pair_folder / "costs.parquet"

    @property
    def removals(self) -> Path:
        """Scores of adversaries on answers from which one kind of difference was removed."""
        return self.pair_folder / "removals.parquet"

    @property
    def wealth(self) -> Path:
        """The sequential test's wealth after each query."""
        return self.pair_folder / "wealth.parquet"

    @property
    def tests(self) -> Path:
        """p-values of the kernel tests and of the sequential test."""
        return self.pair_folder / "tests.parquet"

    @property
    def recorded(self) -> Path:
        """The test answers of teacher, distilled student and teacher again, as `audit` takes them."""
        return self.pair_folder / "recorded.jsonl"

    def certificate(self, contrast: str) -> Path:
        """The verdict on one contrast (contract C5)."""
        return self.pair_folder / f"certificate_{contrast}.json"

    @property
    def judgements(self) -> Path:
        """What the judge said in both orders."""
        return self.pair_folder / "judgements.parquet"

    @property
    def scores(self) -> Path:
        """Every adversary's scores, the judge's included (contract C3)."""
        return self.pair_folder / "scores.parquet"

    @property
    def budget(self) -> Path:
        """Similarity after spending a query budget, one row a strategy, budget, seed and prompt."""
        return self.pair_folder / "budget.parquet"

    @property
    def manifest(self) -> Path:
        """The pair's manifest (contract C8)."""
        return self.pair_folder / "manifest.json"

    @property
    def figures(self) -> Path:
        """The folder of the run's figures and tables."""
        return self.folder / "figures"

    @property
    def claims(self) -> Path:
        """The table claim, paper, this run, interval, holds."""
        return self.figures / "claims.csv"


def is_shipped(reference: str) -> bool:
    """Whether a model reference is "pocket/<name>"; "pocket/weights/<name>" is a folder like any other."""
    return reference.startswith(POCKET_PREFIX) and reference.count("/") == 1


def local_model(reference: str) -> Path | None:
    """The folder that a model reference names, or None where it names a model on the hub.

    "pocket/<name>" is a shipped model; a path that begins with /, ./, ../ or ~, that has more than one
    slash, or that exists is a folder (which may be missing); anything else is a hub id.
    """
    if is_shipped(reference):
        return WEIGHTS / reference.removeprefix(POCKET_PREFIX)
    looks_local = reference.startswith(("/", ".", "~")) or reference.count("/") > 1
    folder = resolve(reference)
    return folder if looks_local or folder.is_dir() else None


def hub_cache() -> Path:
    """Where the hub's client keeps downloads, by its own rules (HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME)."""
    if "HF_HUB_CACHE" in os.environ:
        return Path(os.environ["HF_HUB_CACHE"])
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
    return Path(os.environ.get("HF_HOME", cache / "huggingface")).expanduser() / "hub"


def cached_commit(reference: str, revision: str | None = None) -> str | None:
    """The commit that a hub id and revision resolve to in the local cache; None where it is not there."""
    folder = hub_cache() / ("models--" + reference.replace("/", "--"))
    name = folder / "refs" / (revision or "main")
    if name.is_file():
        return name.read_text().strip()
    return revision if revision and (folder / "snapshots" / revision).is_dir() else None
