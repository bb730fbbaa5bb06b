"""Recorded answers: `sample` asks two models (contract C2); `export` and `import` carry a store's."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bbi_utils.errors import BadInput
from bbi_utils.files import MOST_SEED, replacing
from bbi_utils.oracles import Oracle, Request, Sampling, Terms, load_oracle
from bbi_utils.study.cli.sweep import add_ray, each_of
from bbi_utils.tables import FEWEST_PROMPTS, check_kind, expect_file, write_csv

if TYPE_CHECKING:
    import pandas as pd

    from bbi_utils.probes import Probe

DEFAULT = "(default: %(default)s)"  # as argparse fills it in
SIDES = ("teacher", "student")
WRITTEN = (".jsonl", ".csv", ".parquet")
EPILOG = """\
PROMPTS is a file with a column prompt (and, if you like, category and group) or in any form that `audit`
reads, or a whole number: so many prompts of this project's own suite.
MODEL is a folder from save_pretrained (a model, or an adapter on one), a .gguf file, a hub id,
pocket/<name>, smol, an endpoint https://host/v1#model, or recorded answers FILE, FILE#column or FILE#model.
examples:
  python -m bbi_utils sample prompts.csv --teacher https://host/v1#big --student models/small --out said.jsonl
  python -m bbi_utils sample 500 --teacher models/old --student models/new --out said.jsonl
  python -m bbi_utils audit said.jsonl --epsilon 0.1
Answers are kept in a store beside OUT as they come: give the same command again after an interruption and
nothing is asked twice. exit status: 0 done, 2 bad input (one line on stderr)"""

STORE_EPILOG = """\
A file has one answer a row, with everything that the store knows about it and about the oracle that gave it;
what was spent on answers stays in the store. An answer that is already in the store stays as it is.
examples:
  python -m bbi_utils export runs/pocket/qwen/responses.sqlite answers.parquet
  python -m bbi_utils import answers.parquet runs/mine/responses.sqlite
exit status: 0 done, 2 bad input (one line on stderr, nothing exported or imported)"""


def add_sample(command: argparse.ArgumentParser) -> None:
    """From two models to recorded answers."""
    command.add_argument("prompts", metavar="PROMPTS", help="a file of prompts, or how many of the suite's")
    for side in SIDES:
        command.add_argument(f"--{side}", required=True, metavar="MODEL", help=f"the {side}")
    where = "where the prompts are in their file: a column or a dotted path (default: prompt)"
    command.add_argument("--prompt", metavar="PATH", help=where)
    command.add_argument("--out", required=True, metavar="OUT", help="a new .jsonl, .csv or .parquet file")
    for side in SIDES:
        add_side(command, side)
    group = command.add_argument_group("sampling, of both alike")
    add_sampling(group)
    group.add_argument("--batch-size", type=int, default=16, help=f"prompts at a time {DEFAULT}")
    once = "no second teacher answer: saves a third, and the null control"
    group.add_argument("--once", action="store_true", help=once)
    group = command.add_argument_group("endpoints")
    add_limits(group)
    group.add_argument("--concurrency", type=int, default=8, help=f"requests at a time {DEFAULT}")
    add_ray(command, "batches of a local model")


def add_limits(group: argparse._ArgumentGroup) -> None:
    """What endpoints may cost, and how long they may take."""
    group.add_argument("--max-spend", type=float, metavar="X", help="stop before both cost more (no limit)")
    group.add_argument("--timeout", type=float, default=120.0, help=f"seconds {DEFAULT}")


def add_side(command: argparse.ArgumentParser, side: str) -> None:
    """What may be said of one of the two models."""
    group = command.add_argument_group(f"the {side}")
    group.add_argument(f"--{side}-revision", metavar="REV", help="branch, tag or commit of a hub model")
    bits = "load its weights in 4 bits"
    group.add_argument(f"--{side}-4bit", action="store_const", const="nf4", default="none", help=bits)
    key = f"for an endpoint: the environment variable with its key {DEFAULT}"
    group.add_argument(f"--{side}-key", default="OPENAI_API_KEY", metavar="NAME", help=key)
    price = "for an endpoint: the price of a million prompt and of a million answer tokens"
    group.add_argument(f"--{side}-price", nargs=2, type=float, metavar=("IN", "OUT"), help=price)


def add_sampling(group: argparse._ArgumentGroup) -> None:
    """How answers are drawn, and where models run."""
    group.add_argument("--temperature", type=float, default=0.7, help=DEFAULT)
    group.add_argument("--top-p", type=float, default=1.0, help=DEFAULT)
    group.add_argument("--max-new-tokens", type=int, default=256, help=DEFAULT)
    group.add_argument("--system-prompt", help="a system turn (default: the template's own)")
    group.add_argument("--seed", type=int, default=0, help=DEFAULT)
    group.add_argument("--dtype", default="auto", help="auto, float32, bfloat16 or float16")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")


def run_sample(options: argparse.Namespace) -> int:
    """`sample`: everything is checked first; OUT is written last, whole or not at all."""
    from bbi_utils.responses.sampling import sample
    from bbi_utils.responses.store import ResponseStore

    out = out_file(options.out)
    probes = probes_of(options.prompts, seed=options.seed, prompt=options.prompt)
    oracles = {side: oracle_of(side, options) for side in SIDES}
    if oracles["teacher"].fingerprint == oracles["student"].fingerprint:
        raise BadInput(f"teacher and student are both {options.teacher}; there is nothing to tell apart")
    each = each_of(options)
    again = {} if options.once else {"teacher_2": ("teacher", 1)}
    wanted = {"teacher": ("teacher", 0), **again, "student": ("student", 0)}
    for side, index in wanted.values():
        oracles[side].check([Request(probe.id, probe.prompt, index) for probe in probes])
    answers: dict[str, pd.DataFrame] = {}
    with ResponseStore(out.with_suffix(".sqlite")) as store:
        how = {"batch_size": options.batch_size, "progress": sys.stderr.isatty(), "each": each}
        for column, (side, index) in wanted.items():
            answers[column] = sample(oracles[side], probes, store, sample_index=index, **how)
            if options.once or column != "teacher":  # one model at a time is loaded
                oracles[side].release()
        bill = store.spending().bill(terms_of("teacher", options))
    write_answers(probes, answers, out)
    print(report(answers, bill, out))
    return 0


def out_file(name: str) -> Path:
    """OUT, if it can be written and is not there yet."""
    out = Path(name)
    if out.suffix.lower() not in WRITTEN:
        raise BadInput(f"OUT is {name}; expected a name that ends in .jsonl, .csv or .parquet")
    if out.exists():
        raise BadInput(f"{name} is there already; name another file, or move it away")
    if not out.parent.is_dir():
        raise BadInput(f"the folder of {name} does not exist; make it first")
    return out


def probes_of(prompts: str, *, seed: int, prompt: str | None = None, once: bool = False) -> list[Probe]:
    """The prompts of a file, or so many of the suite's; `once`: a prompt may have several rows."""
    if not 0 <= seed <= MOST_SEED:
        raise BadInput(f"--seed is {seed}; expected a whole number from 0 to {MOST_SEED}")
    from bbi_utils.probes import build_suite, read_probes

    if not prompts.isascii() or not prompts.isdigit():
        return read_probes(prompts, seed=seed, prompt=prompt, once=once)
    if int(prompts) < FEWEST_PROMPTS:
        raise BadInput(f"PROMPTS is {prompts}; an audit needs at least {FEWEST_PROMPTS}")
    return build_suite(n=int(prompts), seed=seed)


def terms_of(side: str, options: argparse.Namespace) -> Terms:
    """The terms on which an endpoint is asked."""
    price = getattr(options, f"{side}_price")
    return Terms(price, max_spend=options.max_spend, concurrency=options.concurrency, timeout=options.timeout)


def oracle_of(side: str, options: argparse.Namespace) -> Oracle:
    """The oracle that a side names; both are sampled alike."""
    given = vars(options)
    names = ("temperature", "top_p", "max_new_tokens", "seed", "system_prompt")
    sampling = Sampling(**{name: given[name] for name in names})
    its = {"revision": given[f"{side}_revision"], "key_env": given[f"{side}_key"]}
    where = {"dtype": options.dtype, "device": options.device, "terms": terms_of(side, options)}
    return load_oracle(given[side], sampling=sampling, quantisation=given[f"{side}_4bit"], **its, **where)


def write_answers(probes: list[Probe], answers: dict[str, pd.DataFrame], out: Path) -> None:
    """The file of contract C2."""
    import pandas as pd

    names = {"prompt_id": "id", "prompt": "prompt", "category": "category", "group": "group"}
    labels = {column: [getattr(probe, name) for probe in probes] for column, name in names.items()}
    said = {name: list(own["answer"]) for name, own in answers.items()}
    ended = {f"{name}_finish_reason": list(own["finish_reason"]) for name, own in answers.items()}
    table = pd.DataFrame({**labels, **said, **ended})
    with replacing(out) as partial:
        if out.suffix.lower() == ".parquet":
            table.to_parquet(partial, index=False)
        elif out.suffix.lower() == ".csv":
            write_csv(table, partial)
        else:
            table.to_json(partial, orient="records", lines=True, force_ascii=False)


def report(answers: dict[str, pd.DataFrame], bill: str, out: Path) -> str:
    """What was recorded, how answers ended, what it cost, and what to do next."""
    lines = []
    for name, said in answers.items():
        ends = said["finish_reason"].value_counts().to_dict()
        cut = ", ".join(f"{count:,} {reason}" for reason, count in ends.items() if reason != "stop")
        empty = int((said["answer"] == "").sum())
        how = f"not ended by themselves: {cut or 'none'}; empty: {empty}"
        lines.append(f"{name:<10} {len(said):,} answers; {how}")
    lines += [f"requests to endpoints: {bill}", f"recorded in {out}; next:"]
    return "\n".join([*lines, f"  python -m bbi_utils audit {out} --epsilon 0.1"])


def add_export(command: argparse.ArgumentParser) -> None:
    """`export STORE FILE`."""
    command.add_argument("store", metavar="STORE", help="a responses.sqlite", type=Path)
    command.add_argument("file", metavar="FILE", help="a .jsonl or .parquet file", type=Path)


def add_import(command: argparse.ArgumentParser) -> None:
    """`import FILE STORE`."""
    command.add_argument("file", metavar="FILE", help="a .jsonl or .parquet file", type=Path)
    command.add_argument("store", metavar="STORE", help="a responses.sqlite", type=Path)


def run_export(options: argparse.Namespace) -> int:
    """`export`: a store that is not there is not made."""
    from bbi_utils.responses.export import KINDS, export_answers
    from bbi_utils.responses.store import ResponseStore

    check_kind(options.file, KINDS)
    expect_file(options.store, give="the responses.sqlite of a run")
    with ResponseStore(options.store) as store:
        count = export_answers(store, options.file, shown=sys.stderr.isatty())
    print(f"{count:,} answers in {options.file}")
    return 0


def run_import(options: argparse.Namespace) -> int:
    """`import`: a store that is not there is made, once the file is known to be one."""
    from bbi_utils.responses.export import count_answers, import_answers
    from bbi_utils.responses.store import ResponseStore

    count_answers(options.file)
    with ResponseStore(options.store) as store:
        count, added = import_answers(store, options.file, shown=sys.stderr.isatty())
    print(f"{count:,} answers in {options.file}, {added:,} of them new in {options.store}")
    return 0
