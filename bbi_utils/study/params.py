"""Profiles say how much work, pairs say which models: strict YAML into one frozen record (contract C7)."""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.files import MOST_SEED
from bbi_utils.study.words import parse_yaml, read_number, typed, typed_line
from bbi_utils.tables import FEWEST_PROMPTS

DEFAULT_PROFILE = "pocket"
ANY_PROFILE = "any"  # a section of a pair file that holds under every profile
# Where a run writes and whose code it executes: the user's own to say, by a setting, and no file's.
SETTINGS_ONLY = ("profile", "pair", "pairs", "run_dir", "own_adversaries")
# What earlier versions had, and what stands in its place.
REPLACED = {"system_prompt": "TEACHER_SYSTEM_PROMPT and STUDENT_SYSTEM_PROMPT, each for itself"}
TEST_SHARE = 0.2  # of the probe suite; the rest is for distillation
ROLES = ("teacher", "student", "judge")
T = TypeVar("T")


def once_each(values: tuple[T, ...]) -> tuple[T, ...]:
    """The values, if none is there twice."""
    if len(set(values)) < len(values):
        raise ValueError("each of them once")
    return values


Number = Annotated[float, BeforeValidator(read_number), Field(allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]
Listed = Annotated[tuple[T, ...], BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v)]
Distinct = Annotated[Listed[T], AfterValidator(once_each)]
Several = Annotated[Distinct[T], Field(min_length=1)]
Strategy = Literal["stratified_random", "disagreement", "disagreement_known", "diversity"]
DEVICE = r"\A(auto|cpu|cuda(:\d+)?)\Z"
PAIR = r"\A(?!(executed|figures|stages)\Z)[A-Za-z0-9][A-Za-z0-9._-]*\Z"  # a folder in that of the run
PairName = Annotated[str, Field(pattern=PAIR)]


class Study(BaseModel, strict=True, frozen=True, extra="forbid", regex_engine="python-re"):
    """Everything a run depends on. A notebook's parameters are these names in UPPER CASE."""

    profile: str
    pair: PairName
    run_dir: str  # relative to the repository's root
    pairs: Listed[PairName]  # the pairs that the last stage puts side by side
    seed: Annotated[int, Field(ge=0, le=MOST_SEED)]
    # prompts
    probes: str | None = None  # the user's own prompts, a file; null: the suite
    n_probes: Count
    n_distill: Count
    n_development: Annotated[int, Field(ge=0)]  # never scored: the validation loss of distillation
    n_test: Count
    n_judge: Count
    # sampling
    temperature: Annotated[Number, Field(ge=0)]
    top_p: Annotated[Number, Field(gt=0, le=1)]
    max_new_tokens: Count
    # the system turn behind which a product hides, of each model alone; null: none, so its template's own
    teacher_system_prompt: str | None = None
    student_system_prompt: str | None = None
    batch_size: Count
    dtype: Literal["auto", "float32", "bfloat16", "float16"]
    device: Annotated[str, Field(pattern=DEVICE)]
    # models
    teacher: str
    teacher_revision: str | None = None
    student: str
    student_revision: str | None = None
    judge: str | None  # null: nobody judges
    judge_revision: str | None = None
    # endpoints: whose key is in which environment variable, prices of a million prompt and answer tokens
    teacher_key: str = "OPENAI_API_KEY"
    teacher_price: Listed[Number] | None = None
    judge_key: str = "OPENAI_API_KEY"
    judge_price: Listed[Number] | None = None
    max_spend: Number | None = None  # the most that one pair may cost in a run; null: no limit
    concurrency: int = 8  # requests at a time
    timeout: Number = 120.0  # seconds that one request may take
    # measures and adversaries
    sentence_encoder: str
    encoders: Distinct[str]
    encoder_epochs: Count
    encoder_learning_rate: Positive
    encoder_layers: Count | None = None  # keep the first so many; null: all of them
    encoder_trainable_layers: Count | None = None  # train the last so many of these; null: all of them
    encoder_max_length: Count
    teacher_4bit: bool  # also play against the teacher in 4-bit form
    own_adversaries: Distinct[str] = ()  # the user's own, each file.py:ClassName
    folds: Annotated[int, Field(ge=2)]
    queries: Several[Count]  # numbers of queries at which advantage is drawn
    epsilon: Annotated[Number, Field(ge=0, lt=1)]  # the advantage that the certificate asks about
    confidence: Annotated[Number, Field(gt=0.5, lt=1)]
    # distillation
    lora_r: Count
    lora_alpha: Count
    lora_dropout: Annotated[Number, Field(ge=0, lt=1)]
    lora_targets: str | Listed[str]
    learning_rate: Positive
    epochs: Count
    train_batch_size: Count
    max_length: Count
    quantisation: Literal["none", "nf4"]
    # query budget
    budgets: Several[Count]
    strategies: Several[Strategy]
    budget_seeds: Count
    n_budget_test: Count

    @model_validator(mode="after")
    def check_rest(self) -> Study:
        """Every fold has prompts, the layers to train are kept, no run replaces the committed figures."""
        if self.n_test < (least := max(FEWEST_PROMPTS, 2 * self.folds)):
            why = f"FOLDS={self.folds} takes two prompts a fold, a certificate {FEWEST_PROMPTS} in all"
            raise BadInput(f"N_TEST is {self.n_test}; expected at least {least}: {why}")
        if self.encoder_layers and (self.encoder_trainable_layers or 0) > self.encoder_layers:
            bound = f"null, or from 1 to ENCODER_LAYERS={self.encoder_layers}"
            raise BadInput(f"ENCODER_TRAINABLE_LAYERS is {self.encoder_trainable_layers}; expected {bound}")
        if not self.lora_targets:
            raise BadInput("LORA_TARGETS names no layers; expected all-linear, or a list such as [q_proj]")
        if paths.resolve(self.run_dir).resolve() == paths.ROOT:
            way = "whose figures a run would replace; expected a folder of its own, such as runs/mine"
            raise BadInput(f"RUN_DIR is {self.run_dir}, the repository, {way}")
        return self

    @model_validator(mode="after")
    def check_parts(self) -> Study:
        """No part is larger than what it is taken from (how a file of own prompts is split, 01 finds out)."""
        limits = [
            ("N_JUDGE", self.n_judge, self.n_test, f"N_TEST={self.n_test}"),
            ("N_BUDGET_TEST", self.n_budget_test, self.n_test, f"N_TEST={self.n_test}"),
            ("BUDGETS", max(self.budgets), self.n_distill, f"the pool, N_DISTILL={self.n_distill}"),
        ]
        if self.probes is None:
            test, of = int(self.n_probes * TEST_SHARE), f"prompts among N_PROBES={self.n_probes}"
            pool = self.n_probes - test
            limits.append(("N_DISTILL", self.n_distill, pool, f"the {pool} distillation {of}"))
            left = pool - self.n_distill
            limits.append(("N_DEVELOPMENT", self.n_development, left, f"the {left} that N_DISTILL leaves"))
            limits.append(("N_TEST", self.n_test, test, f"the {test} test {of}"))
        for name, value, limit, what in limits:
            if value > limit:
                raise BadInput(f"{name} asks for {value}, more than {what}; ask for at most {limit}")
        return self

    @property
    def roles(self) -> tuple[str, ...]:
        """Those that a model has in this study: a judge only where one is named."""
        return tuple(role for role in ROLES if getattr(self, role) is not None)

    def model(self, role: str) -> tuple[str, str | None]:
        """Reference and revision of the model that has a role."""
        return getattr(self, role), getattr(self, f"{role}_revision")

    def parameters(self) -> dict[str, Any]:
        """The study as notebook parameters: UPPER_CASE names, plain literals (tuples become lists)."""
        return {name.upper(): list(value) if isinstance(value, tuple) else value for name, value in self}


# What pydantic expected, in our words: the kind of a value, then its range or pattern.
KINDS = {"int_type": "whole number", "float_type": "number", "string_type": "text", "bool_type": "true/false"}
RANGES = {
    "tuple_type": "list, such as [a, b]", "too_short": "a list of at least one", "value_error": "{error}",
    "greater_than": "more than {gt}", "greater_than_equal": "{ge} or more", "less_than": "below {lt}",
    "less_than_equal": "at most {le}", "finite_number": "a finite number",
    DEVICE: "auto, cpu, cuda or cuda:N",
    PAIR: "letters, digits, '.', '_' and '-', and none of executed, figures, stages",
}  # fmt: skip


def unknown(what: str, name: str, known: Iterable[str]) -> BadInput:
    """The error for a name that is not known, with the closest known one."""
    known = sorted(known)
    close = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known)}"
    return BadInput(f"unknown {what} '{name}'; {hint}")


def wanted(error: ErrorDetails) -> str:
    """What pydantic expected; the place of a list's item is a number."""
    context, in_list = error.get("ctx", {}), any(isinstance(place, int) for place in error["loc"])
    kind = context.get("pattern", error["type"])
    if kind in KINDS:
        return f"list of {KINDS[kind]}s, such as [a, b]" if in_list else KINDS[kind]
    words = RANGES[kind].format(**context) if kind in RANGES else error["msg"]
    return f"list, each {words}" if in_list else words


def shortened(value: Any) -> str:
    """The start of a value's repr: a few lines of YAML can stand for more than memory holds."""
    return f"{reprlib.repr(value):.80}"


def explained(errors: Sequence[ErrorDetails], values: Mapping[str, Any], source: str) -> BadInput:
    """The error for the first parameter that is wrong; one that may be two things has an error for each."""
    first, name = errors[0], str(errors[0]["loc"][0])
    if first["type"] == "extra_forbidden":
        if name in REPLACED:
            return BadInput(f"{name.upper()} in {source} is no parameter any more; set {REPLACED[name]}")
        return unknown(f"parameter in {source}", name, Study.model_fields)
    if first["type"] == "literal_error":
        known = re.findall("'(.+?)'", first["ctx"]["expected"])
        return unknown(f"{name.upper()} value in {source}", shortened(first["input"]).strip("'"), known)
    words = " or ".join(dict.fromkeys(wanted(error) for error in errors if error["loc"][0] == name))
    return BadInput(f"{name.upper()} in {source} is {shortened(values[name])}; expected {words}")


def check(values: Mapping[str, Any], source: str) -> None:
    """Raise BadInput for the first of some parameters that the study does not know or cannot take."""
    named = {str(name): value for name, value in values.items()}  # YAML reads 1 and yes as no text
    try:
        Study.model_validate(named)
    except ValidationError as invalid:
        errors = [error for error in invalid.errors() if error["loc"] and error["type"] != "missing"]
        if errors:
            raise explained(errors, named, source) from None


def read_yaml(path: Path, what: str, name: str) -> dict[str, Any]:
    """The mapping in a YAML file, in words; raises BadInput for a missing, broken or non-mapping file."""
    if not path.is_file():
        raise unknown(what, name, (file.stem for file in path.parent.glob("*.yaml")))
    try:
        content = parse_yaml(path.read_text(encoding="utf-8"), paths.shown(path))
    except UnicodeDecodeError as error:
        raise BadInput(f"{paths.shown(path)} is not valid YAML: {error}") from None
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
    return understood({**sections.get(ANY_PROFILE, {}), **sections.get(profile, {})})


def pairs_of(profile: str, folder: Path = paths.PARAMETERS) -> list[str]:
    """The pairs that a profile is run with where none is named, as its file says."""
    path = folder / "profiles" / f"{profile}.yaml"
    pairs = understood(read_yaml(path, "profile", profile)).get("pairs")
    if not pairs:
        way = f"add `pairs: [...]` to {path.name}, or name them (--pair, make PAIR=...)"
        raise BadInput(f"profile '{profile}' names no pairs to run; {way}")
    check({"pairs": pairs}, f"profiles/{profile}.yaml")
    return list(pairs)


def understood(said: Mapping[str, Any]) -> dict[str, Any]:
    """What a file says of parameters, each word as what it stands for; unknown ones as they are."""
    fields = Study.model_fields
    return {n: typed(fields[n].annotation, value) if n in fields else value for n, value in said.items()}


def parse_setting(setting: str) -> tuple[str, Any]:
    """`name=value` from a command line: the name in lower case, a text as it was typed (`null`: none)."""
    name, equals, said = setting.partition("=")
    if not equals or not (name := name.strip().lower()):
        raise BadInput(f"setting '{setting}' is not understood; expected name=value, such as seed=1")
    field = Study.model_fields.get(name)
    return name, typed_line(field.annotation, said) if field else said


def load_study(
    profile: str = DEFAULT_PROFILE,
    pair: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    pairs: Iterable[str] = (),
    folder: Path = paths.PARAMETERS,
) -> Study:
    """The study of one pair under one profile; `overrides` (any case) beat the pair, the pair the profile.

    Without a name it is the first of the pairs that the profile is run with. Raises BadInput for unknown
    names (with the closest known one), wrong types and missing values.
    """
    settings = {name.lower(): value for name, value in (overrides or {}).items()}
    for name in ("profile", "pair"):
        if name in settings:
            raise BadInput(f"{name} is chosen by --{name} (make {name.upper()}=…), not by a setting")
    pair = pair or pairs_of(profile, folder)[0]
    of_profile = understood(read_yaml(folder / "profiles" / f"{profile}.yaml", "profile", profile))
    # What is run where none is named, and here one is.
    check({"pairs": of_profile.pop("pairs", [])}, f"profiles/{profile}.yaml")
    files = {f"profiles/{profile}.yaml": of_profile, f"pairs/{pair}.yaml": read_pair(pair, profile, folder)}
    for source, said in files.items():
        if name := next((name for name in SETTINGS_ONLY if name in said), ""):
            raise BadInput(f"{source} sets {name.upper()}, which only the command can (--set {name}=…)")
    values = {"profile": profile, "pair": pair, "run_dir": f"runs/{profile}", "pairs": list(pairs) or [pair]}
    check(values, "the command")
    for source, said in {**files, "the settings": settings}.items():
        check(said, source)
        values |= said
    try:
        return Study.model_validate(values)
    except ValidationError as invalid:
        errors = invalid.errors()
    if missing := [str(error["loc"][0]) for error in errors if error["type"] == "missing"]:
        raise BadInput(f"profile '{profile}' with pair '{pair}' does not say {', '.join(missing)}")
    raise errors[0]["ctx"]["error"]
