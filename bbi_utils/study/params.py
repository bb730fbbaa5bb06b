"""Profiles say how much work, pairs say which models: strict YAML into one frozen record (contract C7)."""

from __future__ import annotations

import difflib
import reprlib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from bbi_utils import paths
from bbi_utils.errors import BadInput

DEFAULT_PROFILE = "pocket"
DEFAULT_PAIRS = ("qwen", "llama")
ANY_PROFILE = "any"  # a section of a pair file that holds under every profile
# Where a run writes and whose code it executes: the user's own to say, by a setting, and no file's.
SETTINGS_ONLY = ("profile", "pair", "pairs", "run_dir", "own_adversaries")


@dataclass(frozen=True, kw_only=True)
class Study:
    """Everything a run depends on. A notebook's parameters are these names in UPPER CASE."""

    profile: str
    pair: str
    run_dir: str  # relative to the repository's root
    pairs: tuple[str, ...]  # the pairs that the last stage puts side by side
    seed: int
    # prompts
    probes: str | None = None  # the user's own prompts, a file; null: the suite
    n_probes: int
    n_distill: int
    n_test: int
    n_judge: int
    # sampling
    temperature: float
    top_p: float
    max_new_tokens: int
    system_prompt: str | None = None
    batch_size: int
    dtype: str
    device: str
    # models
    teacher: str
    teacher_revision: str | None = None
    student: str
    student_revision: str | None = None
    judge: str
    judge_revision: str | None = None
    # endpoints: whose key is in which environment variable, prices of a million prompt and answer tokens
    teacher_key: str = "OPENAI_API_KEY"
    teacher_price: tuple[float, ...] | None = None
    judge_key: str = "OPENAI_API_KEY"
    judge_price: tuple[float, ...] | None = None
    max_spend: float | None = None  # the most that one pair may cost in a run; null: no limit
    concurrency: int = 8  # requests at a time
    timeout: float = 120.0  # seconds that one request may take
    # measures and adversaries
    sentence_encoder: str
    encoders: tuple[str, ...]
    encoder_epochs: int
    encoder_learning_rate: float
    encoder_layers: int | None = None  # keep the first so many; null: all of them
    encoder_trainable_layers: int | None = None  # train the last so many of these; null: all of them
    encoder_max_length: int
    teacher_4bit: bool  # also play against the teacher in 4-bit form
    own_adversaries: tuple[str, ...] = ()  # the user's own, each file.py:ClassName
    folds: int
    queries: tuple[int, ...]  # numbers of queries at which advantage is drawn
    epsilon: float  # the advantage that the certificate asks about
    confidence: float
    # distillation
    lora_r: int
    lora_alpha: int
    lora_dropout: float
    lora_targets: str | tuple[str, ...]
    learning_rate: float
    epochs: int
    train_batch_size: int
    max_length: int
    quantisation: str
    # query budget
    budgets: tuple[int, ...]
    strategies: tuple[str, ...]
    budget_seeds: int
    n_budget_test: int

    def parameters(self) -> dict[str, Any]:
        """The study as notebook parameters: UPPER_CASE names, plain literals (tuples become lists)."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name.upper(): list(value) if isinstance(value, tuple) else value for name, value in values.items()
        }


KINDS: dict[str, Any] = typing.get_type_hints(Study)
REQUIRED = [field.name for field in fields(Study) if field.default is MISSING]


def unknown(what: str, name: str, known: Iterable[str]) -> BadInput:
    """The error for a name that is not known, with the closest known one."""
    known = sorted(known)
    close = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known)}"
    return BadInput(f"unknown {what} '{name}'; {hint}")


def kind_name(kind: Any) -> str:
    """A type as an error message words it."""
    if isinstance(kind, types.UnionType):
        return " or ".join(kind_name(part) for part in typing.get_args(kind))
    if typing.get_origin(kind) is tuple:
        return f"list of {kind_name(typing.get_args(kind)[0])}s, such as [a, b]"
    words = {int: "whole number", float: "number", str: "text", bool: "true/false", type(None): "null"}
    return words.get(kind, str(kind))


def fit(value: Any, kind: Any) -> Any:
    """The value as `kind`, without guessing (only int -> float, list -> tuple, '1e-4' -> float).

    Raises TypeError or ValueError where it does not fit.
    """
    if isinstance(kind, types.UnionType):
        for part in typing.get_args(kind):
            try:
                return fit(value, part)
            except (TypeError, ValueError):
                continue
        raise TypeError
    if typing.get_origin(kind) is tuple and isinstance(value, (list, tuple)):
        return tuple(fit(item, typing.get_args(kind)[0]) for item in value)
    if kind is float and isinstance(value, (int, float, str)) and not isinstance(value, bool):
        return float(value)  # YAML reads 1e-4 as text
    if isinstance(kind, type) and isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise TypeError


def checked(name: str, value: Any, source: str) -> Any:
    """The value fitted to the Study field `name`; raises BadInput for an unknown field or a wrong type."""
    if name not in KINDS:
        raise unknown(f"parameter in {source}", name, KINDS)
    try:
        return fit(value, KINDS[name])
    except (TypeError, ValueError):
        found = (
            f"{reprlib.repr(value):.80}"  # in full, a few lines of YAML can stand for more than memory holds
        )
        message = f"{name.upper()} in {source} is {found}; expected {kind_name(KINDS[name])}"
        raise BadInput(message) from None


def read_yaml(path: Path, what: str, name: str) -> dict[str, Any]:
    """The mapping in a YAML file; raises BadInput for a missing, broken or non-mapping file."""
    import yaml

    if not path.is_file():
        raise unknown(what, name, (file.stem for file in path.parent.glob("*.yaml")))
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"{paths.shown(path)} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise BadInput(f"{paths.shown(path)} holds {type(content).__name__}; expected `name: value` lines")
    return content


def read_pair(pair: str, profile: str, folder: Path) -> dict[str, Any]:
    """What a pair file says under a profile: its section `any`, then its section of that name."""
    path = folder / "pairs" / f"{pair}.yaml"
    sections = read_yaml(path, "pair", pair)
    known = {ANY_PROFILE, *(file.stem for file in (folder / "profiles").glob("*.yaml"))}
    for section, values in sections.items():
        if section not in known:
            raise unknown(f"section in {path.name}", str(section), known)
        if not isinstance(values, dict):
            raise BadInput(f"section '{section}' of {path.name} is empty; expected `teacher: …` and so on")
    if not {ANY_PROFILE, profile} & set(sections):
        have = ", ".join(sorted(sections))
        raise BadInput(f"pair '{pair}' has no section '{profile}' in {path.name} (it has: {have}); add one")
    return {**sections.get(ANY_PROFILE, {}), **sections.get(profile, {})}


def parse_setting(setting: str) -> tuple[str, Any]:
    """`name=value` from a command line: the name in lower case, the value read as YAML."""
    import yaml

    name, equals, text = setting.partition("=")
    if not equals or not name.strip():
        raise BadInput(f"setting '{setting}' is not understood; expected name=value, such as seed=1")
    try:
        return name.strip().lower(), yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError):
        return name.strip().lower(), text


def load_study(
    profile: str = DEFAULT_PROFILE,
    pair: str = DEFAULT_PAIRS[0],
    overrides: Mapping[str, Any] | None = None,
    *,
    pairs: Iterable[str] = (),
    folder: Path = paths.PARAMETERS,
) -> Study:
    """The study of one pair under one profile; `overrides` (any case) beat the pair, the pair the profile.

    Raises BadInput for unknown names (with the closest known one), wrong types and missing values.
    """
    values: dict[str, Any] = {
        "profile": profile, "pair": pair, "run_dir": f"runs/{profile}", "pairs": list(pairs) or [pair],
    }  # fmt: skip
    for name in ("profile", "pair"):
        if name in {key.lower() for key in overrides or {}}:
            raise BadInput(f"{name} is chosen by --{name} (make {name.upper()}=…), not by a setting")
    layers = [
        (f"profiles/{profile}.yaml", read_yaml(folder / "profiles" / f"{profile}.yaml", "profile", profile)),
        (f"pairs/{pair}.yaml", read_pair(pair, profile, folder)),
        ("the settings", {name.lower(): value for name, value in (overrides or {}).items()}),
    ]
    for source, layer in layers[:2]:
        if said := [name for name in SETTINGS_ONLY if name in layer]:
            raise BadInput(f"{source} sets {said[0].upper()}, which only the command can (--set {said[0]}=…)")
    for source, layer in layers:
        values |= {name: checked(str(name), value, source) for name, value in layer.items()}
    missing = [name for name in REQUIRED if name not in values]
    if missing:
        raise BadInput(f"profile '{profile}' with pair '{pair}' does not say {', '.join(missing)}")
    return Study(**{name: fit(value, KINDS[name]) for name, value in values.items()})
