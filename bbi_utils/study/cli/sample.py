"""The command `sample`: any two models and some prompts become a file of recorded answers (contract C2)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bbi_utils.errors import BadInput
from bbi_utils.study.cli.command import add_command

if TYPE_CHECKING:
    import pandas as pd

    from bbi_utils.oracles import Oracle, Sampling, Terms
    from bbi_utils.probes import Probe

SIDES = ("teacher", "student")
EPILOG = """\
PROMPTS is a .jsonl, .csv or .parquet file with a column prompt (and, if you like, category and group),
or a whole number: so many prompts of this project's own suite.
MODEL is a folder from save_pretrained (a model, or an adapter on one), a hub id, pocket/<name>,
an endpoint https://host/v1#model, or recorded answers FILE or FILE#column.
examples:
  python -m bbi_utils sample prompts.csv --teacher https://host/v1#big --student models/small --out said.jsonl
  python -m bbi_utils sample 500 --teacher models/old --student models/new --out said.jsonl
  python -m bbi_utils audit said.jsonl --epsilon 0.1
Answers are kept in a store beside OUT as they come: give the same command again after an interruption and
nothing is asked twice. exit status: 0 done, 2 bad input (one line on stderr)"""


def add_sample(commands: Any) -> None:
    """The command from two models to recorded answers."""
    text = "ask two models the same prompts and record the answers for `audit`"
    command = add_command(commands, "sample", run=run_sample, text=text, epilog=EPILOG)
    command.add_argument("prompts", metavar="PROMPTS", help="a file of prompts, or how many of the suite's")
    for side in SIDES:
        command.add_argument(f"--{side}", required=True, metavar="MODEL", help=f"the {side}")
    command.add_argument("--out", required=True, metavar="OUT", help="a new .jsonl, .csv or .parquet file")
    for side in SIDES:
        _add_side(command, side)
    _add_sampling(command)
    _add_terms(command)


def _add_side(command: Any, side: str) -> None:
    group = command.add_argument_group(f"the {side}")
    group.add_argument(f"--{side}-revision", metavar="REV", help="branch, tag or commit of a hub model")
    group.add_argument(f"--{side}-4bit", action="store_true", help="load its weights in 4 bits")
    group.add_argument(
        f"--{side}-key", default="OPENAI_API_KEY", metavar="NAME",
        help="for an endpoint: the environment variable with its key (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        f"--{side}-price", nargs=2, type=float, metavar=("IN", "OUT"),
        help="for an endpoint: the price of a million prompt and of a million answer tokens",
    )  # fmt: skip


def _add_sampling(command: Any) -> None:
    group = command.add_argument_group("sampling, of both alike")
    group.add_argument("--temperature", type=float, default=0.7, help="(default: %(default)s)")
    group.add_argument("--top-p", type=float, default=1.0, help="(default: %(default)s)")
    group.add_argument("--max-new-tokens", type=int, default=256, help="(default: %(default)s)")
    group.add_argument("--system-prompt", help="a system turn (default: the template's own)")
    group.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    group.add_argument("--batch-size", type=int, default=16, help="prompts at a time (default: %(default)s)")
    group.add_argument("--dtype", default="auto", help="auto, float32, bfloat16 or float16")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    group.add_argument(
        "--once", action="store_true", help="no second teacher answer: saves a third, and the null control"
    )


def _add_terms(command: Any) -> None:
    group = command.add_argument_group("endpoints")
    group.add_argument("--max-spend", type=float, metavar="X", help="stop before both cost more (no limit)")
    group.add_argument("--concurrency", type=int, default=8, help="requests at a time (default: %(default)s)")
    group.add_argument("--timeout", type=float, default=120.0, help="seconds (default: %(default)s)")


def run_sample(options: argparse.Namespace) -> int:
    """`sample`: everything is checked first; OUT is written last, whole or not at all."""
    from bbi_utils.oracles import Request
    from bbi_utils.responses.store import ResponseStore

    out = out_file(options.out)
    probes = probes_of(options.prompts, seed=options.seed)
    oracles = {side: oracle_of(side, options) for side in SIDES}
    if oracles["teacher"].fingerprint == oracles["student"].fingerprint:
        raise BadInput(f"teacher and student are both {options.teacher}; there is nothing to tell apart")
    wanted = [("teacher", "teacher", 0), ("teacher_2", "teacher", 1), ("student", "student", 0)]
    wanted = [each for each in wanted if not (options.once and each[0] == "teacher_2")]
    for _, side, index in wanted:
        oracles[side].check([Request(probe.id, probe.prompt, index) for probe in probes])
    answers: dict[str, pd.DataFrame] = {}
    with ResponseStore(out.with_suffix(".sqlite")) as store:
        for column, side, index in wanted:
            answers[column] = answers_of(oracles[side], probes, store, index, options)
            if options.once or column != "teacher":  # one model at a time is loaded
                oracles[side].release()
        bill = store.spending().bill(terms_of("teacher", options))
    write_answers(probes, answers, out)
    print(report(answers, bill, out))
    return 0


def out_file(name: str) -> Path:
    """OUT, if it can be written and is not there yet."""
    from bbi_utils.tables import SUFFIXES

    out = Path(name)
    if out.suffix.lower() not in SUFFIXES:
        raise BadInput(f"OUT is {name}; expected a name that ends in .jsonl, .csv or .parquet")
    if out.exists():
        raise BadInput(f"{name} is there already; name another file, or move it away")
    if not out.parent.is_dir():
        raise BadInput(f"the folder of {name} does not exist; make it first")
    return out


def probes_of(prompts: str, *, seed: int) -> list[Probe]:
    """The prompts of a file, or so many of the suite's."""
    from bbi_utils.probes import build_suite, read_probes
    from bbi_utils.tables import FEWEST_PROMPTS

    if not prompts.isascii() or not prompts.isdigit():
        return read_probes(prompts, seed=seed)
    if int(prompts) < FEWEST_PROMPTS:
        raise BadInput(f"PROMPTS is {prompts}; an audit needs at least {FEWEST_PROMPTS}")
    return build_suite(n=int(prompts), seed=seed)


def sampling_of(options: argparse.Namespace) -> Sampling:
    """How both are sampled."""
    from bbi_utils.oracles import Sampling

    return Sampling(
        options.temperature,
        options.top_p,
        options.max_new_tokens,
        seed=options.seed,
        system_prompt=options.system_prompt,
    )


def terms_of(side: str, options: argparse.Namespace) -> Terms:
    """The terms on which an endpoint is asked."""
    from bbi_utils.oracles import Terms

    price = getattr(options, f"{side}_price")
    return Terms(price, max_spend=options.max_spend, concurrency=options.concurrency, timeout=options.timeout)


def oracle_of(side: str, options: argparse.Namespace) -> Oracle:
    """The oracle that a side names."""
    from bbi_utils.oracles import load_oracle

    return load_oracle(
        getattr(options, side),
        revision=getattr(options, f"{side}_revision"),
        quantisation="nf4" if getattr(options, f"{side}_4bit") else "none",
        dtype=options.dtype,
        device=options.device,
        sampling=sampling_of(options),
        key_env=getattr(options, f"{side}_key"),
        terms=terms_of(side, options),
    )


def answers_of(
    oracle: Oracle, probes: list[Probe], store: Any, index: int, options: argparse.Namespace
) -> pd.DataFrame:
    """One answer to every prompt, as `sampling.sample` returns them."""
    from bbi_utils.responses.sampling import sample

    shown = sys.stderr.isatty()
    return sample(oracle, probes, store, sample_index=index, batch_size=options.batch_size, progress=shown)


def write_answers(probes: list[Probe], answers: dict[str, pd.DataFrame], out: Path) -> None:
    """The file of contract C2."""
    import pandas as pd

    from bbi_utils.files import replacing

    labels = {
        "prompt_id": [probe.id for probe in probes],
        "prompt": [probe.prompt for probe in probes],
        "category": [probe.category for probe in probes],
        "group": [probe.group for probe in probes],
    }
    table = pd.DataFrame({**labels, **{name: list(said["answer"]) for name, said in answers.items()}})
    with replacing(out) as partial:
        if out.suffix.lower() == ".parquet":
            table.to_parquet(partial, index=False)
        elif out.suffix.lower() == ".csv":
            table.to_csv(partial, index=False)
        else:
            table.to_json(partial, orient="records", lines=True, force_ascii=False)


def report(answers: dict[str, pd.DataFrame], bill: str, out: Path) -> str:
    """What was recorded, how answers ended, what it cost, and what to do next."""
    lines = []
    for name, said in answers.items():
        ends = said["finish_reason"].value_counts().to_dict()
        cut = ", ".join(f"{count:,} {reason}" for reason, count in ends.items() if reason != "stop")
        empty = int((said["answer"] == "").sum())
        lines.append(
            f"{name:<10} {len(said):,} answers; not ended by themselves: {cut or 'none'}; empty: {empty}"
        )
    lines += [f"requests to endpoints: {bill}", f"recorded in {out}; next:"]
    return "\n".join([*lines, f"  python -m bbi_utils audit {out} --epsilon 0.1"])
