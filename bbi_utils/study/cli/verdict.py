"""The commands that end in a verdict: `audit` on recorded answers, `certify` on scores (contract C6)."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bbi_utils.errors import BadInput, printable
from bbi_utils.files import write_json
from bbi_utils.study.cli.sweep import add_ray, each_of
from bbi_utils.tables import LONGEST

if TYPE_CHECKING:
    from bbi_utils.probes.forms.reading import Choice
    from bbi_utils.report.audit import Settings

EXIT = {"certified": 0, "refuted": 1, "inconclusive": 3}
STATUS = "0 certified, 1 refuted, 3 inconclusive, 2 bad input (one line on stderr, nothing written)"
AUDIT_EPILOG = f"""\
FILE is a table with one row a prompt and the columns
  prompt_id, prompt, teacher, student     the question and one answer of each
  category, group                         optional; prompts of one group count as one draw
  teacher_2                               optional: a second, independent teacher answer, for the null
  teacher_finish_reason, student_finish_reason   optional: how each answer ended; "length" is cut
  asked                                   optional: no where a prompt was never asked; it is left out
An empty answer is an answer. Only what neither side answered is left out; the verdict says how much is left.
or has answers as others write them: alpaca_eval, FastChat, arena-hard, arena battles, Vicuna, lm-evaluation-
harness samples, inspect logs, HELM, OpenAI batches, EvalPlus, ShareGPT, chats, tables with a model a row.
JSON, JSON lines, CSV (also with ; or tabs) and Parquet are read, also as .gz and .zst.
examples:
  python -m bbi_utils audit answers.jsonl --epsilon 0.1
  python -m bbi_utils audit answers.csv --epsilon 0.05 --confidence 0.99 --game pairwise --out audits/mine
  python -m bbi_utils audit answers.parquet --epsilon 0.1 --own my_adversary.py:MyAdversary
  python -m bbi_utils audit gpt-4.json mine.json --epsilon 0.1
  python -m bbi_utils audit log.csv.gz --epsilon 0.1 --prompt Question --teacher old.text --student new.text
  python -m bbi_utils audit answers/ --epsilon 0.1 --all-pairs      many models, a file or a name each
  python -m bbi_utils audit answers/ --epsilon 0.1 --teacher gpt-4  all of them against one
exit status: {STATUS}"""
CERTIFY_EPILOG = f"""\
SCORES is a scores.parquet with the columns pair, contrast, adversary, game, prompt_id, correct;
of the single game also shown (teacher or student).
examples:
  python -m bbi_utils certify --plan --epsilon 0.1          how many prompts to ask for
  python -m bbi_utils certify runs/audit/answers/scores.parquet --epsilon 0.1 --contrast student
  python -m bbi_utils certify runs/pocket/qwen/scores.parquet --epsilon 0.2 --contrast distilled
exit status: {STATUS}"""


def add_audit(command: argparse.ArgumentParser) -> None:
    """From recorded answers to a verdict (C2 to C5)."""
    files = "the recorded answers; two files, the teacher's and the student's; many, or a folder of them"
    command.add_argument("files", metavar="FILE", nargs="+", help=files)
    _add_epsilon(command)
    every = "of many models compare every two (without it, all with --teacher)"
    command.add_argument("--all-pairs", action="store_true", help=every)
    add_reading(command.add_argument_group("where a file does not speak for itself"))
    games = ("both", "single", "pairwise")
    command.add_argument("--game", choices=games, default="both", help="games that count (default: both)")
    command.add_argument("--folds", type=int, default=5, help="folds of cross-fitting (default: 5)")
    command.add_argument("--seed", type=int, default=0, help="of folds and tests (default: 0)")
    own = "a further adversary; may be repeated"
    command.add_argument("--own", action="append", default=[], metavar="FILE.py:CLASS", help=own)
    encoder = "a sentence encoder on this machine, a name or a folder, for one more adversary (takes minutes)"
    command.add_argument("--encoder", metavar="NAME", help=encoder)
    command.add_argument("--name", help="the pair's name in tables and figures (default: the file's)")
    command.add_argument("--out", metavar="DIR", help="where it goes (default: runs/audit/<file's name>)")
    add_ray(command, "pairs of many models")


def add_reading(group: argparse._ArgumentGroup) -> None:
    """What a file of recorded answers may need to be told."""
    group.add_argument(
        "--format", dest="form", metavar="NAME", help="the file's form; a wrong NAME lists all"
    )
    place = "a column, or a dotted path such as choices.0.message.content"
    group.add_argument("--prompt", metavar="PATH", help=f"where prompts are: {place}")
    for side in ("teacher", "student"):
        what = f"where the {side}'s answers are, or the {side}'s name where a column has models"
        group.add_argument(f"--{side}", metavar="PATH", help=what)
    group.add_argument("--id", metavar="PATH", help="where a prompt's id is")
    group.add_argument("--questions", metavar="FILE", help="the prompts, where the answers have only ids")
    group.add_argument(
        "--by", choices=("id", "prompt"), help="what joins two models (default: the id if it can)"
    )
    never = "what only one model answered was never asked of the other (default: its answer is missing)"
    group.add_argument("--shared-only", action="store_true", help=never)
    talk = "of conversations, one row each with all that the model said (default: a row a turn)"
    group.add_argument("--whole", action="store_true", help=talk)
    longest = "cut answers after N characters; how many were is said (default: too long a one is an error)"
    group.add_argument("--longest", type=_length, metavar="N", help=longest)


def _length(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= LONGEST:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number from 1 to {LONGEST:,}")
    return int(text)


def add_certify(command: argparse.ArgumentParser) -> None:
    """From scores to a verdict (C3 to C5)."""
    scores = "the scores of every adversary, a .parquet file"
    command.add_argument("scores", metavar="SCORES", nargs="?", help=scores)
    plan = "say instead how many prompts certify epsilon, before any is answered"
    command.add_argument("--plan", action="store_true", help=plan)
    listed = "of a plan: adversaries and games (default: those of `audit`)"
    command.add_argument("--rows", type=int, metavar="K", help=listed)
    _add_epsilon(command)
    command.add_argument("--pair", help="which pair, where the table has several")
    command.add_argument("--contrast", help="which contrast, where the table has several")
    command.add_argument(
        "--queries", type=int, default=1, dest="q", metavar="Q", help="prompts a game (default: 1)"
    )
    group = "the column that says which prompts belong together (default: group, where it is there)"
    command.add_argument("--group", default="group", metavar="COLUMN", help=group)
    probes = "the suite's probes.jsonl, whose column template --group can then name"
    command.add_argument("--probes", metavar="FILE", help=probes)
    asked = "prompts before any were left out, for the share that the verdict is about (default: not known)"
    command.add_argument("--asked", type=int, metavar="N", help=asked)
    costs = "what they cost (default: costs.parquet beside SCORES, if it is there)"
    command.add_argument("--costs", metavar="FILE", help=costs)
    command.add_argument("--out", metavar="FILE", help="default: certificate.json beside SCORES")


def _add_epsilon(command: argparse.ArgumentParser) -> None:
    epsilon = "the advantage that nobody should exceed"
    command.add_argument("--epsilon", type=fraction, required=True, metavar="E", help=epsilon)
    verdict = "of the verdict (default: 0.95)"
    command.add_argument("--confidence", type=fraction, default=0.95, metavar="C", help=verdict)


def fraction(text: str) -> float:
    """A number between 0 and 1, both excluded, from the command line."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not (0 < value < 1 and 1 - value < 1):  # nor so small that nothing is left of it
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number between 0 and 1, both excluded")
    return value


def run_audit(options: argparse.Namespace) -> int:
    """`audit`: everything is worked out first and written last."""
    from bbi_utils.report.audit import audit
    from bbi_utils.report.audit_files import folder_for, write_audit
    from bbi_utils.report.text import render_audit
    from bbi_utils.responses.recorded import read_answers

    sources = [Path(file) for file in options.files]
    if options.all_pairs or len(sources) > 2 or any(source.is_dir() for source in sources):
        return run_many(options, sources)
    if options.ray:
        raise BadInput("--ray shares out the pairs of many models, and here are two; drop it")
    folder, settings = folder_for(sources, options.out), _settings(options, sources)
    recorded = read_answers(*sources, choice=choice_of(options))
    done = audit(recorded, settings, shown=sys.stderr.isatty())
    files = write_audit(done, folder, sources=sources)
    where = f"{len(files)} files in {folder}, the verdict in {files[0].name}"
    print(printable(f"{recorded.understood}\n{render_audit(done)}\n{where}"))
    return EXIT[done.certificate.verdict]


def run_many(options: argparse.Namespace, sources: list[Path]) -> int:
    """`audit` of many models: refuted where some two differ by more than epsilon."""
    from bbi_utils.probes.forms.many import files_in, read_models
    from bbi_utils.report.audit_files import folder_for
    from bbi_utils.report.matrix import compare_all
    from bbi_utils.report.matrix_files import render_matrix, write_matrix
    from bbi_utils.responses.recorded import spoken

    if not options.all_pairs and options.teacher is None:
        raise BadInput(f"{', '.join(options.files[:3])}: many models; add --all-pairs, or --teacher NAME")
    each = each_of(options)
    if options.own or options.encoder or options.game == "single":
        way = "drop --own, --encoder, --game"
        raise BadInput(f"many models play the pairwise game alone, with one adversary; {way}")
    if options.all_pairs and options.teacher is not None:
        raise BadInput("--all-pairs and --teacher: every two models, or all with one; give one of them")
    folder, settings = folder_for(sources[:1], options.out), _settings(options, sources[:1])
    files = files_in(sources)
    rows, understood = read_models(files, replace(choice_of(options), teacher=None))
    rows, left_out = spoken(rows, ("answer",), longest=options.longest)
    understood = "\n".join([understood, *left_out])
    teachers = [] if options.all_pairs else [options.teacher]
    found = compare_all(rows, settings, teachers=teachers, shown=sys.stderr.isatty(), each=each)
    page, *others = write_matrix(found, folder, sources=files)
    where = f"{1 + len(others)} files in {folder}, to be read in {page.name}"
    print(printable(f"{understood}\n{render_matrix(found)}\n{where}"))
    return EXIT[found.verdict]


def choice_of(options: argparse.Namespace) -> Choice:
    """The options of `add_reading`, as the readers take them."""
    from bbi_utils.probes.forms.reading import Choice

    return Choice(**{field.name: getattr(options, field.name) for field in fields(Choice)})


def _settings(options: argparse.Namespace, sources: list[Path]) -> Settings:
    from bbi_utils.report.audit import Settings
    from bbi_utils.report.audit_files import name_of

    names = ("epsilon", "confidence", "game", "folds", "seed", "own", "encoder")
    asked = {name: getattr(options, name) for name in names}
    return Settings(**asked, name=options.name or name_of(sources))


def _plan(options: argparse.Namespace) -> int:
    """Prints how many prompts a certificate takes."""
    from bbi_utils.adversaries import cheap_adversaries
    from bbi_utils.games.certificate import prompts_for
    from bbi_utils.report.audit import PLAYED

    every = len(PLAYED["both"]) * len(cheap_adversaries())
    rows = every if options.rows is None else options.rows
    if rows < 1 or options.q != 1 or options.scores is not None:
        raise BadInput("--plan is for games of one prompt and one row or more; drop SCORES, --queries")
    about = f"ε = {options.epsilon:g}, {options.confidence:.0%} confidence, {rows} rows of adversaries"
    print(
        printable(
            f"{about}; prompts that certify it in nine runs of ten (groups, where they come in groups):"
        )
    )
    for truth, whose in ((0.0, "nobody tells the two apart"), (options.epsilon / 2, "somebody has ε / 2")):
        found = prompts_for(options.epsilon, confidence=options.confidence, rows=rows, truth=truth)
        many = "more than a million" if found is None else f"{found:,}"
        print(printable(f"  {many:>10}  if {whose}"))
    return 0


def run_certify(options: argparse.Namespace) -> int:
    """`certify`: prints the certificate and writes it beside the scores."""
    from bbi_utils.games.certificate import certify
    from bbi_utils.games.scores import costs_for, read_scores, with_templates
    from bbi_utils.probes import load_probes
    from bbi_utils.report.text import render

    if options.plan:
        return _plan(options)
    if options.scores is None:
        raise BadInput("no SCORES; give a file of scores, or --plan for how many prompts it takes")
    source = Path(options.scores)
    out = Path(options.out) if options.out else source.with_name("certificate.json")
    if out.exists() and (not out.is_file() or out.resolve() == source.resolve()):
        raise BadInput(f"{out} is no file that a certificate may replace; give another name to --out")
    scores = read_scores(source, pair=options.pair, contrast=options.contrast)
    scores = scores if options.probes is None else with_templates(scores, load_probes(Path(options.probes)))
    costs = costs_for(scores, source, options.costs)
    names = ("epsilon", "confidence", "q", "group", "asked")
    asked = {name: getattr(options, name) for name in names}
    certificate = certify(scores, **asked, costs=costs)
    write_json(out, certificate.to_json())
    print(printable(f"{render(certificate)}\nthe verdict is in {out}"))
    return EXIT[certificate.verdict]
