"""The human adversary: what is shown, what is kept, what it comes to; and the page, in a real browser."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import numpy as np
import pandas as pd
import pytest
import recorded_files
from chromium import Tab, chromium
from conftest import fill

from bbi_utils import games
from bbi_utils.errors import BadInput
from bbi_utils.files import write_json
from bbi_utils.games.certificate import certify
from bbi_utils.games.scores import of_one_contrast, records
from bbi_utils.paths import ROOT
from bbi_utils.probes.forms.reading import Choice
from bbi_utils.report.audit import Settings
from bbi_utils.report.audit_files import folder_for, made
from bbi_utils.report.where import sign_test
from bbi_utils.responses.answers import contrasts_of, read_answers_table
from bbi_utils.responses.recorded import read_answers
from bbi_utils.study.cli.main import main
from bbi_utils.study.play import outcome, players
from bbi_utils.study.play.deck import Card, deal
from bbi_utils.study.play.game import Game, file_of, seat
from bbi_utils.study.play.notebook import longer, script, sit
from bbi_utils.study.play.outcome import Outcome
from bbi_utils.study.play.server import PAGE, Server
from bbi_utils.study.play.table import Table, table_of
from bbi_utils.study.play.verdicts import Header, Record, Verdict, read

Rule = Callable[[Card], str]
N = 60
HOSTILE = (
    "<script>window.hacked = 1</script>", '<img src="http://127.0.0.1:9/a.png" onerror="window.hacked = 1">',
    "![picture](http://127.0.0.1:9/leak.png)", "</div><style>body { display: none }</style>", "{{7*7}} &amp;",
)  # fmt: skip
LONG = "word " * 4000


def hostile_rows(n: int = N) -> list[dict[str, Any]]:
    """Whoever opens with Sure is the teacher; what follows would like to be more than text."""
    teacher = [f"Sure. {HOSTILE[i % 5]} {i}" for i in range(n)]
    student = [f"Well, {HOSTILE[i % 5]} {i} {LONG if i % 10 == 3 else ''}" for i in range(n)]
    again = [f"Sure. Once more {i}" for i in range(n)]
    return recorded_files.rows(n, teacher=teacher, student=student, teacher_2=again)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return recorded_files.write(tmp_path / "said.jsonl", hostile_rows())


@pytest.fixture
def table(file: Path, tmp_path: Path) -> Table:
    return table_of([file], out=str(tmp_path / "play"))


def right(card: Card) -> str:
    return "1" if card.left.startswith("Sure") else "2"


def always_left(card: Card) -> str:
    return "1"


def coin(seed: int) -> Rule:
    rng = np.random.default_rng(seed)
    return lambda card: str(rng.choice(["1", "2"]))


def clock(seconds: float = 4.0) -> Callable[[], float]:
    """Each look at it is so many seconds later."""
    ticks = iter(np.arange(10_000) * seconds)
    return lambda: float(next(ticks))


def played(
    table: Table, name: str, rule: Rule, *, stop_after: int | None = None, seconds: float = 4.0, **how: Any
) -> Outcome | None:
    """A scripted player, through what a page would be given."""
    deck = deal(table.pairs, table.null, **{"n": 30, "seed": 0, **how})
    with seat(table, f"human:{name}", clock=clock(seconds), **how) as game:
        while not (state := game.state()).get("done"):
            if stop_after == state["card"] - 1:
                return None
            assert set(state) == {"card", "of", "prompt", "left", "right"}  # and nothing that tells
            game.verdict(state["card"], rule(deck.cards[state["card"] - 1]))
        return game.outcome()


def tossing(table: Table, seed: int) -> tuple[float, float, float]:
    """A coin's advantage and its bounds on a deck of its own, without a file."""
    deck, rule = deal(table.pairs, table.null, n=30, seed=seed), coin(seed)
    said = [Verdict(rule(card), 4.0) for card in deck.cards]
    scores = players.scores_of(deck, said, pair="p", contrast="c", adversary="human:coin")
    (record,) = records(of_one_contrast(scores)).values()
    return record.advantage, *record.bounds(error=0.025)


def test_the_same_seed_deals_the_same_deck_and_every_kind_of_card_is_balanced(table: Table) -> None:
    deck = deal(table.pairs, table.null, n=30, seed=3)
    assert deck == deal(table.pairs, table.null, n=30, seed=3) != deal(table.pairs, table.null, n=30, seed=4)
    kinds = Counter(card.kind for card in deck.cards)
    assert kinds == {"pair": 30, "again": 5, "null": 5}
    for kind in ("pair", "null"):
        left = [card.teacher_left for card in deck.cards if card.kind == kind]
        assert abs(2 * sum(left) - len(left)) <= 1
    said = {row["prompt_id"]: row for row in table.pairs.to_dict("records")}
    drawn = {card.prompt_id for card in deck.cards if card.kind == "pair"}
    for at, card in enumerate(deck.cards):
        if card.kind == "pair":
            sides = (card.left, card.right)[:: 1 if card.teacher_left else -1]
            assert sides == (said[card.prompt_id]["teacher"], said[card.prompt_id]["student"])
        elif card.kind == "again":
            (before,) = [c for c in deck.cards[:at] if c.prompt_id == card.prompt_id]
            assert (card.left, card.right, card.teacher_left) == (
                before.right, before.left, not before.teacher_left
            )  # fmt: skip
        else:  # an answer that is seen twice would be the teacher's
            assert card.prompt_id not in drawn and card.left[:4] == card.right[:4] == "Sure"


def test_an_odd_card_falls_to_either_side(table: Table) -> None:
    """Else one key would always be right once more than the other."""
    decks = [deal(table.pairs, None, n=31, seed=seed).cards for seed in range(40)]
    more = [sum(1 if card.teacher_left else -1 for card in cards if card.kind == "pair") for cards in decks]
    assert set(more) == {-1, 1} and 10 <= more.count(1) <= 30


def test_no_prompt_that_counts_is_shown_elsewhere_in_whatever_order_a_file_has_them(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).permutation(np.array(hostile_rows(), dtype=object)).tolist()
    table = table_of([recorded_files.write(tmp_path / "mixed.jsonl", rows)], out=str(tmp_path / "play"))
    for seed in range(5):
        deck = deal(table.pairs, table.null, n=30, seed=seed, examples=10)
        kinds: dict[str, set[str]] = {"example": {card.group for card in deck.examples}}
        for card in deck.cards:
            kinds.setdefault(card.kind, set()).add(card.group)
        assert kinds["again"] <= kinds["pair"] and len(kinds["null"]) == 5
        apart = [kinds[kind] for kind in ("pair", "null", "example")]
        assert len(set.union(*apart)) == sum(map(len, apart)) == 30 + 5 + 10
    at = {row["prompt_id"]: row["prompt"] for row in rows}
    assert table.null is not None and all(table.null["prompt"] == table.null["prompt_id"].map(at))
    groups = table.pairs.set_index("prompt_id")["group"]
    assert all(table.null["group"] == table.null["prompt_id"].map(groups))


def test_checks_are_of_the_category_that_is_played_while_it_has_prompts(table: Table) -> None:
    for n, alike in ((12, 2), (17, 2), (19, 1), (20, 0)):  # of 20 prompts
        deck = deal(table.pairs, table.null, n=n, seed=0, categories=["category 1"])
        nulls = [card.category for card in deck.cards if card.kind == "null"]
        assert nulls.count("category 1") == alike and len(nulls) == max(2, n // 6)


def test_equal_answers_are_ties_that_nobody_has_to_look_at(tmp_path: Path) -> None:
    rows = hostile_rows()
    for row in rows[::3]:
        row["student"] = row["teacher"]
    table = table_of([recorded_files.write(tmp_path / "same.jsonl", rows)], out=str(tmp_path / "play"))
    found = played(table, "anna", right)
    assert found is not None and found.unseen > 0
    scores = found.scores
    assert len(scores) == 30 and (scores["correct"] == 0.5).sum() == found.unseen
    assert found.alone.advantage == pytest.approx(1 - found.unseen / 30)
    assert "as both answers are the same" in found.lines[0]


def test_a_perfect_player_has_1_a_coin_about_0_and_one_key_is_seen(table: Table) -> None:
    perfect = played(table, "perfect", right)
    assert perfect is not None and perfect.alone.advantage == 1.0
    # Clopper and Pearson's for 30 of 30: decided, at a tenth of the error, and won.
    lower = (0.1 * 0.025) ** (1 / 30) * (2 * (0.9 * 0.025) ** (1 / 30) - 1)
    assert perfect.alone.lower == pytest.approx(lower) and perfect.alone.upper == 1.0
    assert perfect.attention.warnings == [] and perfect.attention.agreed == 5
    tossed = [tossing(table, seed) for seed in range(50)]
    assert abs(np.mean([advantage for advantage, *_ in tossed])) < 0.1  # four standard errors
    assert (
        sum(not lower <= 0 <= upper for _, lower, upper in tossed) <= 8
    )  # 2 expected; more in 1 of 2,000 worlds
    one_key = played(table, "one", always_left)
    assert one_key is not None and one_key.alone.advantage == 0.0
    assert any("key 1 in 40 of 40 decided verdicts" in line for line in one_key.lines)
    assert one_key.attention.agreed == 0 and one_key.attention.named == 5
    fast = played(table, "fast", right, seconds=0.2)
    assert fast is not None and any("less than 1 second" in line for line in fast.lines)
    unsure = played(table, "unsure", lambda card: "?")
    assert unsure is not None and unsure.alone.advantage == 0.0 and unsure.alone.tied == 30
    assert "Warning: ? on every pair." in unsure.lines


def test_a_coin_is_seldom_taken_for_one_key() -> None:
    tosses = np.random.default_rng(0).binomial(40, 0.5, size=4000)
    assert np.mean(sign_test(40, 2 * tosses - 40) <= 0.01) <= 0.01
    assert sign_test(0, 0) == 1.0 and sign_test(40, 40) == pytest.approx(2 * 0.5**40)


def test_the_checks_never_count(table: Table) -> None:
    """Right on what counts and wrong on all checks, or right on both: the scores are the same."""

    def wrong_on_checks(card: Card) -> str:
        return right(card) if card.kind == "pair" else "2" if right(card) == "1" else "1"

    found = [played(table, f"p{at}", rule) for at, rule in enumerate((right, wrong_on_checks))]
    rows = [one.scores[one.scores["adversary"] == f"human:p{at}"] for at, one in enumerate(found) if one]
    same = [part.drop(columns="adversary").reset_index(drop=True) for part in rows]
    pd.testing.assert_frame_equal(*same)
    assert found[1] is not None and found[1].attention.agreed == 0


def test_rows_are_those_of_every_adversary(table: Table) -> None:
    found = played(table, "anna", right)
    assert found is not None
    scores = pd.read_parquet(table.folder / "scores.parquet")
    assert list(scores) == [*games.SCORE_COLUMNS, "group"]
    assert set(scores["game"]) == {"pairwise"} and set(scores["adversary"]) == {"human:anna"}
    assert games.advantage(scores)["advantage"].tolist() == [1.0]
    costs = pd.read_parquet(table.folder / "costs.parquet")
    assert costs["score_seconds"].tolist() == pytest.approx([40 * 4.0])
    saved = json.loads((table.folder / "certificate.json").read_text())
    assert saved == certify(scores, epsilon=0.1, costs=costs).to_json()
    assert main(["certify", str(table.folder / "scores.parquet"), "--epsilon", "0.1"]) == 1


def test_the_machines_stand_beside_the_humans(table: Table, file: Path, tmp_path: Path) -> None:
    scores, _ = games.play(_Length, table.pairs, pair="mine", contrast="student", folds=2)
    beside = replace(table, pair="mine", machines=scores)
    for seed, name in enumerate(("anna", "ben")):  # other prompts each
        found = played(beside, name, right, seed=seed)
    assert found is not None
    listed = [(row.adversary, row.n) for row in found.certificate.rows]
    assert listed[-2:] == [("human:anna", 30), ("human:ben", 30)] and ("length", N) in listed
    assert found.certificate.refuted_by and found.certificate.prompts == N
    assert {row[0] for row in found.table[1:]} == {"length", "human:anna", "human:ben (you)"}


class _Length:
    name = "length"

    def fit(self, pairs: pd.DataFrame, *, seed: int) -> object:
        return self

    def score_pairs(self, prompts: Any, first: Any, second: Any) -> np.ndarray:
        return np.array([len(b) - len(a) for a, b in zip(first, second, strict=True)], dtype=float)


def write_run(folder: Path) -> Path:
    """A pair's folder as a run leaves it, with one machine's scores."""
    said, arms = hostile_rows(), {"teacher": "teacher", "base": "student", "distilled": "student"}
    rows = [
        {"pair": "mine", "arm": arm, **{name: row[name] for name in ("prompt_id", "prompt", "category")},
         "group": row["prompt_id"], "answer": row[column], "finish_reason": "stop", "content_correct": 1.0}
        for arm, column in {**arms, "teacher_resample": "teacher_2"}.items() for row in said
    ]  # fmt: skip
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text("{}")
    pd.DataFrame(rows).to_parquet(folder / "answers.parquet")
    pairs = contrasts_of(read_answers_table(folder / "answers.parquet"))
    tables = [games.play(_Length, pairs[name], pair="mine", contrast=name)[0] for name in pairs]
    pd.concat(tables).to_parquet(folder / "scores.parquet")
    return folder


def test_a_run_is_played_on_with_its_null_and_its_machines(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run" / "mine")
    table = table_of([run])
    assert (table.pair, table.contrast, table.folder) == ("mine", "distilled", run / "human" / "distilled")
    found = played(table, "anna", right)
    assert found is not None and {row.adversary for row in found.certificate.rows} == {"length", "human:anna"}
    assert found.attention.nulls == 5 and set(found.scores["contrast"]) == {"distilled"}
    assert table_of([run], contrast="teacher_resample").null is None
    with pytest.raises(
        BadInput, match=r"no contrast 'big' in .*mine; it has base, distilled, teacher_resample"
    ):
        table_of([run], contrast="big")
    with pytest.raises(BadInput, match=r"run/mine is a run's folder, which speaks for itself; drop"):
        table_of([run], choice=Choice(student="base"))
    with pytest.raises(BadInput, match=r"holds no answers of a pair .* choose .*run/mine"):
        table_of([run.parent])
    scores = pd.read_parquet(run / "scores.parquet")
    scores[scores["prompt_id"] != "id007"].to_parquet(run / "scores.parquet")
    with pytest.raises(BadInput, match="no scores on 1 of the prompts, such as id007"):
        table_of([run])


def test_an_audit_of_the_same_file_stands_beside_its_players(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert table_of([file]).machines is None
    folder = folder_for([file], None)
    folder.mkdir(parents=True)
    scores, _ = games.play(_Length, read_answers(file).pairs, pair="other", contrast="student")
    scores.to_parquet(folder / "scores.parquet")
    manifest = made(Settings(epsilon=0.1), [file], folder, seconds=1.0)
    write_json(folder / "manifest.json", {**manifest, "understood": read_answers(file).understood})
    table = table_of([file])
    assert table.machines is not None and set(table.machines["pair"]) == {"said"} == {table.pair}
    found = played(table, "anna", right, categories=["category 1"], n=10)
    assert found is not None and len(found.certificate.rows) == 2
    own = found.scores[found.scores["adversary"] == "human:anna"]
    assert len(own) == 10 and set(own["category"]) == {"category 1"}
    with pytest.raises(BadInput, match=r"scores\.parquet is of other answers; audit these again"):
        table_of([file], choice=Choice(student="teacher_2"))
    file.write_text(file.read_text().replace("Once more 3", "Once more"))
    with pytest.raises(BadInput, match=r"scores\.parquet is of other answers; audit these again"):
        table_of([file])


def test_two_people_on_one_prompt_are_one_draw(table: Table) -> None:
    """Two who always agree know no more than one; on other prompts each, they do."""
    half = coin(5)
    keys = {card.prompt_id: half(card) for card in deal(table.pairs, table.null, n=60, seed=0).cards}
    biased: Rule = lambda card: right(card) if keys[card.prompt_id] == "1" or card.left[5] == "<" else "1"  # noqa: E731
    played(table, "anna", biased)
    found = played(table, "ben", biased)
    assert found is not None and found.together is not None and found.people is not None
    assert found.together.n == 60 and found.people["group"].nunique() == 30
    one, both = found.alone, found.together
    # Sixty independent verdicts would have 0.7 times the width of thirty.
    assert both.advantage == pytest.approx(one.advantage)
    assert both.upper - both.lower > 0.9 * (one.upper - one.lower)
    other = played(table, "cara", right, seed=1)
    assert other is not None and other.people is not None
    assert other.people["group"].nunique() > 30 and "3 people together, 90 verdicts" in "\n".join(other.lines)
    assert sorted(path.name for path in table.folder.glob("*.parquet")) == [
        "costs.parquet", "people.parquet", "scores.parquet"
    ]  # fmt: skip
    assert main(["certify", str(table.folder / "people.parquet"), "--epsilon", "0.1"]) in (1, 3)
    for name in ("ben", "cara"):
        file_of(table, f"human:{name}").unlink()
    played(table, "anna", biased)
    assert not (table.folder / "people.parquet").exists()


def test_a_game_that_was_stopped_goes_on_where_it_was(table: Table) -> None:
    whole = played(table, "whole", right)
    path = file_of(table, "human:part")
    assert played(table, "part", right, stop_after=12) is None
    assert len(read(path)[1]) == 12
    with path.open("ab") as torn:
        torn.write(b'{"card": 13, "ke')
    found = played(table, "part", right)
    assert whole is not None and found is not None and found.alone.advantage == whole.alone.advantage
    lines = [file_of(table, f"human:{name}").read_text().splitlines()[1:] for name in ("whole", "part")]
    assert lines[0] == lines[1]
    assert played(table, "part", always_left) is not None and path.read_text().count("\n") == 41  # it is over


def test_nothing_is_told_before_the_end(table: Table) -> None:
    played(table, "anna", right, stop_after=39)
    with seat(table, "human:anna") as game, pytest.raises(BadInput, match="39 of 40 pairs are judged"):
        game.outcome()
    assert not (table.folder / "scores.parquet").exists()
    text = file_of(table, "human:anna").read_text()
    assert "left" not in text and "student" not in text.replace('"contrast": "student"', "")


def test_a_verdict_counts_once_and_only_for_the_card_that_is_shown(table: Table) -> None:
    with seat(table, "human:anna") as game:
        assert game.verdict(1, "1")["card"] == 1  # nobody has seen it yet
        assert game.verdict(1, "1")["card"] == 2
        for stale in (1, 3, 40):
            assert game.verdict(stale, "2")["card"] == 2
        with pytest.raises(BadInput, match="key 'x'"):
            game.verdict(2, "x")


def header(**changed: Any) -> Header:
    about = {"adversary": "human:a", "pair": "p", "contrast": "c", "n": 2, "seed": 0, "categories": []}
    return Header(**{**about, "examples": 0, "deck": "d", **changed})


def test_a_second_process_is_refused_and_another_game_too(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with closing(Record(path, header())), pytest.raises(BadInput, match="is being played"):
        Record(path, header())
    with pytest.raises(BadInput, match=r"of another game \(seed 0, now 1\)"):
        Record(path, header(seed=1))
    Record(path, header()).close()
    path.write_bytes(path.read_bytes() + b'{"card": 2, "key": "1", "seconds": 1}\n')
    with pytest.raises(BadInput, match=r"a\.jsonl, line 2"):
        Record(path, header())


def test_cut_at_any_byte_a_file_goes_on_with_its_whole_lines(tmp_path: Path) -> None:
    path, said = tmp_path / "a.jsonl", [Verdict(key, 1.5) for key in "12?1"]
    with closing(Record(path, header())) as record:
        for verdict in said:
            record.add(verdict)
    data = path.read_bytes()
    for cut in range(len(data) + 1):
        path.write_bytes(data[:cut])
        whole = max(0, data[:cut].count(b"\n") - 1)
        with closing(Record(path, header())) as record:
            assert record.verdicts == said[:whole]
        assert read(path)[1] == said[:whole]


def test_a_verdict_that_a_full_disk_does_not_take_is_not_half_there(disk: Path) -> None:
    with closing(Record(disk / "a.jsonl", header())) as record:
        record.add(Verdict("1", 1.0))
        fill(disk)
        with pytest.raises(OSError):
            for _ in range(10_000):
                record.add(Verdict("2", 1.0))
        kept = len(record.verdicts)
        (disk / "ballast").unlink()
        record.add(Verdict("?", 1.0))
    assert len(read(disk / "a.jsonl")[1]) == kept + 1


def test_files_that_do_not_count_are_named(table: Table, tmp_path: Path) -> None:
    played(table, "begun", right, stop_after=3)
    (table.folder / "broken.jsonl").write_text("no\n")
    played(table, "old", right)
    old = file_of(table, "human:old")
    old.write_text(old.read_text().replace('"deck": "', '"deck": "0'))
    (table.folder / "copy.jsonl").write_bytes(file_of(table, "human:begun").read_bytes())
    for name, change in {"n": ("30", '"x"'), "seed": ("0", "-1"), "categories": ("[]", "3")}.items():
        first = f'"{name}": {change[0]}'
        (table.folder / f"{name}.jsonl").write_text(old.read_text().replace(first, f'"{name}": {change[1]}'))
    found = played(table, "anna", right)
    assert found is not None and set(found.scores["adversary"]) == {"human:anna"}
    said = "\n".join(found.notes)
    for words in (
        "begun.jsonl is not counted: 3 of 40 are judged so far",
        "copy.jsonl is not counted: it is human:begun's",
        "n.jsonl, line 1",
        "seed.jsonl, line 1",
        "categories.jsonl, line 1",
        "broken.jsonl, line 1",
        "old.jsonl is not counted: it was",
    ):
        assert words in said


def test_few_pairs_say_what_they_cannot_tell() -> None:
    said = outcome.telling(30, confidence=0.95)
    assert said == "With 30 of 30 pairs decided, anything below 0.40 cannot be told from tossing a coin."
    assert "With 4 of 4 pairs decided, nothing can be told" in outcome.telling(4, confidence=0.95)
    assert "nothing can be told" in outcome.telling(30, confidence=0.95, tied=30)


@pytest.mark.parametrize("tied", [0, 7, 20, 24])
def test_what_is_told_from_a_coin_is_what_the_certificate_tells(tied: int) -> None:
    """Six right and none wrong are no coin's doing, though 24 are undecided and the advantage is 0.2."""
    told = []
    for won in range(31 - tied):
        lost = 30 - tied - won
        rows = [(f"p{at}", float(one)) for at, one in enumerate([1] * won + [0] * lost + [0.5] * tied)]
        scores = pd.DataFrame(rows, columns=["prompt_id", "correct"])
        labels = {"pair": "p", "contrast": "c", "adversary": "human:a", "game": "pairwise"}
        row = certify(scores.assign(**labels), epsilon=0.1).rows[0]
        told += [row.advantage] if row.lower > 0 else []
    assert f"below {min(told):.2f} cannot" in outcome.telling(30, tied=tied, confidence=0.95)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--pairs", "61"], "61 pairs; expected from 2 to 60"),
        (["--pairs", "1"], "1 pairs; expected from 2"),
        (["--category", "cooking"], "no category 'cooking'; there are category 0, category 1, category 2"),
        (["--contrast", "base"], "leave --contrast out"),
        (["--name", "../a"], "expected at most 40 letters"),
        (["--seed", "-1"], "--seed -1; expected a whole number from 0"),
        (["--pairs", "58", "--examples", "3"], "only 2 prompts are left"),
    ],
)
def test_bad_input_is_one_line_before_anybody_plays(
    arguments: list[str], message: str, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["play", str(file), "--name", "anna", "--no-browser", "--out", str(out), *arguments]
    assert main(command) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and message in said.err
    assert not list(out.glob("*.jsonl"))


@pytest.fixture
def page(table: Table) -> Iterator[tuple[str, Game]]:
    with seat(table, "human:anna") as game, Server(game) as server:
        yield server.address, game


def test_the_page_is_for_the_player_alone(page: tuple[str, Game]) -> None:
    address, game = page
    reply = urlopen(address)
    assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
    base, token = address.rstrip("/").rsplit("/", 1)
    for path in (f"{base}/", f"{base}/x{token[1:]}/state", f"{address}game.py", f"{address}../game.py"):
        with pytest.raises(HTTPError, match="404"):
            urlopen(path)
    host = HTTPConnection(base.removeprefix("http://"))
    host.request("GET", "*")
    assert host.getresponse().status == 404
    game.state()
    for body in (b"", b"[]", b'{"card": "x", "key": "1"}', b'{"card": 1, "key": "4"}', b"x" * 5000):
        with pytest.raises(HTTPError, match="400"):
            urlopen(Request(f"{address}verdict", data=body))
    assert game.state()["card"] == 1


def test_a_notebook_has_the_same_page_and_a_script_leaves_people_alone(table: Table) -> None:
    played(table, "longer", right)
    before = {path.name: path.read_bytes() for path in table.folder.iterdir()}
    found = script(table, "longer", longer)
    assert found.adversary == "script:longer" and found.people is None and found.notes == []
    said = table.pairs.set_index("prompt_id")
    for row in found.scores.itertuples():  # the student says more, wherever it does
        assert row.score == np.sign(len(said["teacher"][row.prompt_id]) - len(said["student"][row.prompt_id]))
    assert {path.name: path.read_bytes() for path in table.folder.iterdir() if path.is_file()} == before


def test_who_sits_down_again_in_a_notebook_goes_on_with_the_answers_given(table: Table) -> None:
    """The cell that shows the page is run again: the earlier game holds the player's file no longer."""
    first, page = sit(table, "human:anna")
    assert urlopen(page.src).read() == (PAGE / "index.html").read_bytes()
    first.state()
    first.verdict(1, "2")
    game, again = sit(table, "human:anna")
    with pytest.raises(URLError):
        urlopen(page.src)
    assert json.loads(urlopen(f"{again.src}state").read())["card"] == game.state()["card"] == 2
    sit(table, "human:ben")  # somebody else's game is left alone
    game.verdict(2, "?")
    assert [verdict.key for verdict in read(file_of(table, "human:anna"))[1]] == ["2", "?"]
    with pytest.raises(BadInput, match=r"of another game \(seed 0, now 1\)"):
        sit(table, "human:anna", seed=1)


# From here on, with a browser.


class Command:
    """`play` as a user runs it, in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "bbi_utils", "play", *arguments, "--no-browser"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().removeprefix("play at ").strip()

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def ended(self) -> str:
        said, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0
        return said

    def __enter__(self) -> Command:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()


TEXTS = 'document.querySelectorAll(".answer .text")'
LEFT, RIGHT = (f"{TEXTS}[{at}].textContent" for at in (0, 1))
STATE = 'document.getElementById("game")?.dataset.state'


def play_on(tab: Tab, cards: range) -> None:
    """Reads what is on the screen, and answers by keyboard."""
    for number in cards:
        tab.wait(f'{STATE} === "{number}"')
        tab.press("1" if tab.value(LEFT).startswith("Sure") else "2")


def test_the_game_in_a_browser_killed_in_the_middle_equals_a_script_s(
    file: Path, table: Table, tmp_path: Path
) -> None:
    deck = deal(table.pairs, table.null, n=30, seed=0)
    script = played(table, "script", right)
    asked = [str(file), "--name", "anna", "--out", str(tmp_path / "page")]
    path = tmp_path / "page" / "anna.jsonl"
    with chromium(tmp_path / "browser") as tab, Command(*asked) as first, ExitStack() as stack:
        tab.open(first.address)
        play_on(tab, range(1, 13))
        tab.wait(f'{STATE} === "13"')
        first.kill()
        assert len(read(path)[1]) == 12
        tab.press("1")
        tab.wait('document.getElementById("trouble").textContent.startsWith("The game has stopped")')
        tab.errors.clear()  # that the server was gone
        second = stack.enter_context(Command(*asked))
        tab.open(second.address)
        tab.wait(f'{STATE} === "13"')
        assert [tab.value(side) for side in (LEFT, RIGHT)] == [deck.cards[12].left, deck.cards[12].right]
        play_on(tab, range(13, 41))
        tab.wait(f'{STATE} === "done"')
        shown = tab.value("document.body.innerText")
        assert tab.value("window.hacked === undefined") and tab.errors == []
        hosts = {url.split("/")[2] for url in tab.requests if url.startswith("http")}
        assert hosts == {address.split("/")[2] for address in (first.address, second.address)}
        said = second.ended()
    assert "refuted at ε = 0.1: human:anna (two answers) reaches 1.000" in said
    assert "human:anna: 30 right, 0 wrong, 0 undecided" in shown and "human:anna (you)\t1.000" in shown
    keys = [[verdict.key for verdict in read(one)[1]] for one in (path, file_of(table, "human:script"))]
    assert keys[0] == keys[1]
    scores = pd.read_parquet(tmp_path / "page" / "scores.parquet")
    assert script is not None
    pd.testing.assert_frame_equal(
        scores.drop(columns="adversary"), script.scores.drop(columns="adversary").reset_index(drop=True)
    )


def test_answers_are_text_and_long_ones_scroll(table: Table, tmp_path: Path) -> None:
    pictures = Path(os.environ.get("PLAY_PICTURES", tmp_path))
    deck = deal(table.pairs, table.null, n=30, seed=0, examples=2)
    with (
        chromium(tmp_path / "browser") as tab,
        seat(table, "human:anna", examples=2) as game,
        Server(game) as server,
    ):
        tab.open(server.address)
        tab.wait(f'{STATE} === "examples"')
        shown = tab.value('[...document.querySelectorAll("h3")].map((h) => h.textContent).join()')
        assert shown == "Teacher,Student,Teacher,Student" and tab.value(LEFT).startswith("Sure")
        tab.press("1")  # no verdict yet
        tab.value('document.querySelector("[data-go]").click()')
        long = next(at for at, card in enumerate(deck.cards, start=1) if LONG in card.left + card.right)
        for number, card in enumerate(deck.cards[: max(long, 12)], start=1):
            tab.wait(f'{STATE} === "{number}"')
            assert [tab.value(side) for side in (LEFT, RIGHT)] == [card.left, card.right]
            if number == long:
                assert tab.value(f"[...{TEXTS}].some((text) => text.scrollHeight > text.clientHeight)")
                assert tab.value("document.body.scrollHeight < 1500")
                for width, dark in ((1100, False), (1100, True), (400, False), (400, True)):
                    tab.open(server.address, width=width, dark=dark)
                    tab.wait(f'{STATE} === "{number}"')
                    assert tab.value("document.documentElement.scrollWidth <= innerWidth")
                    tab.picture(pictures / f"play_{width}_{'dark' if dark else 'light'}.png")
            tab.value('document.querySelector(".unsure").click()')
        assert tab.value("window.hacked === undefined && !document.querySelector('main img, main script')")
        assert tab.errors == [] and not any("leak" in url or "a.png" in url for url in tab.requests)
