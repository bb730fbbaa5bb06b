"""The command that lets a human be the adversary: `play` (contract C6)."""

from __future__ import annotations

import argparse
import webbrowser
from pathlib import Path

from bbi_utils.errors import BadInput, printable
from bbi_utils.files import MOST_SEED
from bbi_utils.study.cli.verdict import add_reading, choice_of, fraction

EPILOG = """\
RUN_OR_FILE is the folder of a run's pair, such as runs/pocket/qwen, or recorded answers as `audit` reads them
(two files: the teacher's and the student's). A page opens on this machine: two answers, keys 1, 2 or ?.
Which answer is whose stays in this program until the last verdict. Each verdict is on the disk before the
next pair is shown: stop at any time, and give the same command to go on. Some pairs come again with their
sides exchanged, some are twice the teacher's: they show whether anybody reads, and do not count.
At the end DIR has scores.parquet (the machines' and everybody's), costs, certificate.json and, of several
people, people.parquet. Files of others, played on the same answers, count once they lie in DIR too.
examples:
  python -m bbi_utils play runs/pocket/qwen --name anna
  python -m bbi_utils play runs/pocket/qwen --name ben --contrast base --pairs 50 --seed 1 --examples 3
  python -m bbi_utils play answers.jsonl --name anna --category creative
exit status: 0 done, 2 bad input, 130 stopped (nothing is lost)"""


def add_play(command: argparse.ArgumentParser) -> None:
    """Who plays what, and how much of it."""
    what = "a run's pair, or one or two files of recorded answers"
    command.add_argument("files", metavar="RUN_OR_FILE", nargs="+", help=what)
    command.add_argument("--name", required=True, help="of the player: human:NAME in the scores")
    command.add_argument("--contrast", help="of a run: distilled (default), base, teacher_resample, ...")
    command.add_argument("--pairs", type=int, default=30, metavar="N", help="that count (default: 30)")
    command.add_argument(
        "--seed", type=int, default=0, help="of draw and order; another, other prompts (default: 0)"
    )
    category = "only prompts of this category; may be repeated"
    command.add_argument("--category", action="append", default=[], metavar="NAME", help=category)
    examples = "pairs of other prompts to learn from first, with who wrote them (default: 0)"
    command.add_argument("--examples", type=int, default=0, metavar="N", help=examples)
    command.add_argument(
        "--epsilon", type=fraction, default=0.1, metavar="E", help="of the certificate (default: 0.1)"
    )
    command.add_argument(
        "--confidence", type=fraction, default=0.95, metavar="C", help="of bounds (default: 0.95)"
    )
    command.add_argument(
        "--out", metavar="DIR", help="default: human/CONTRAST in the run, or runs/play/<file's name>"
    )
    command.add_argument("--port", type=int, default=0, help="of the page (default: any that is free)")
    command.add_argument("--no-browser", action="store_true", help="only print the page's address")
    add_reading(command.add_argument_group("where a file does not speak for itself"))


def run_play(options: argparse.Namespace) -> int:
    """`play`: 0 at the end of the game, whatever the outcome."""
    from bbi_utils.report.text import render
    from bbi_utils.study.play.game import file_of, seat
    from bbi_utils.study.play.outcome import Level, telling
    from bbi_utils.study.play.players import HUMAN
    from bbi_utils.study.play.server import Server
    from bbi_utils.study.play.table import table_of

    _check(options)
    sources = [Path(file) for file in options.files]
    table = table_of(sources, contrast=options.contrast, out=options.out, choice=choice_of(options))
    level, adversary = Level(options.epsilon, options.confidence), f"{HUMAN}{options.name}"
    deck = {"n": options.pairs, "categories": options.category, "examples": options.examples}
    with seat(table, adversary, level=level, seed=options.seed, **deck) as game:
        if not game.done:
            with Server(game, port=options.port) as server:
                print(f"play at {server.address}\nCtrl-C stops; the same command goes on")
                print(telling(options.pairs, confidence=options.confidence), flush=True)
                if not options.no_browser:
                    webbrowser.open(server.address)
                server.ended.wait()
        outcome = game.outcome()
    said = [*outcome.lines, "", render(outcome.certificate), f"verdicts: {file_of(table, adversary)}"]
    print(printable("\n".join([*said, f"scores and certificate: {table.folder}"])))
    return 0


def _check(options: argparse.Namespace) -> None:
    """Raise BadInput on what no game can be played with."""
    ranges = (("seed", 0, MOST_SEED), ("examples", 0, 20), ("port", 0, 65535))
    for name, least, most in ranges:
        if not least <= (value := getattr(options, name)) <= most:
            raise BadInput(f"--{name} {value}; expected a whole number from {least} to {most}")
    most = 1 if any(Path(file).is_dir() for file in options.files) else 2
    if len(options.files) > most:
        raise BadInput(f"{len(options.files)} of RUN_OR_FILE; expected one run, or at most two files")
