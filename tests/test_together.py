"""What audits have beyond the study: structure, embeddings, and the sum of what adversaries say."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from recorded_files import answers, rows, write

from bbi_utils import games
from bbi_utils.adversaries import AUDIT_ONLY, all_adversaries, cheap_adversaries, embeddings, with_sum
from bbi_utils.adversaries.ensemble import Together
from bbi_utils.games.inference.betting import bet
from bbi_utils.games.sequential import prequential
from bbi_utils.oracles import sentence_encoder
from bbi_utils.report.audit import adversaries
from bbi_utils.study.cli.main import main

GAMES = {"pair": "p", "contrast": "c", "folds": 4}


class Reads:
    """Reads the number at one place of an answer, on its own scale; counts its trainings."""

    trainings = 0

    def __init__(self, place: int, scale: float = 1.0) -> None:
        self.name, self._place, self._scale = f"reads_{place}", place, scale

    def fit(self, pairs: pd.DataFrame, *, seed: int) -> Reads:
        type(self).trainings += 1
        gap = np.subtract(self._read(pairs["teacher"]), self._read(pairs["student"]))
        self._sign = np.sign(gap.mean()) or 1.0
        return self

    def _read(self, texts: pd.Series | list[str]) -> np.ndarray:
        return self._scale * np.array([float(text.split()[self._place]) for text in texts])

    def score(self, prompts: list[str], texts: list[str]) -> np.ndarray:
        return self._sign * self._read(texts)

    def score_pairs(self, prompts: list[str], first: list[str], second: list[str]) -> np.ndarray:
        return self._sign * (self._read(first) - self._read(second))


class Pairs(Reads):
    score = None  # type: ignore[assignment]


def numbers(n: int, shift: float, *, places: int = 3, seed: int = 0) -> pd.DataFrame:
    """Answers of several numbers, each a little larger where the teacher speaks."""
    rng = np.random.default_rng(seed)
    said = {side: rng.normal(up, 1.0, (n, places)) for side, up in (("teacher", shift), ("student", -shift))}
    texts = {side: [" ".join(map(str, row)) for row in table.round(4)] for side, table in said.items()}
    ids = [f"{i:04}" for i in range(n)]
    return pd.DataFrame({"prompt_id": ids, "prompt": ids, "category": "c", **texts})


def advantages(make: object, pairs: pd.DataFrame) -> dict[str, float]:
    scores, _ = games.play(make, pairs, **GAMES)  # type: ignore[arg-type]
    return {str(game): 2 * part["correct"].mean() - 1 for game, part in scores.groupby("game")}


def test_the_sum_finds_more_than_any_of_three_small_differences_in_both_games() -> None:
    members = {f"reads_{place}": partial(Reads, place) for place in range(3)}
    pairs = numbers(600, 0.25)
    alone, total = (
        [advantages(make, pairs) for make in members.values()],
        advantages(Together(members), pairs),
    )
    for game in ("pairwise", "single"):
        assert total[game] > max(one[game] for one in alone) + 0.05


def test_no_members_scale_counts_and_a_swap_flips_every_score_exactly() -> None:
    members = {f"reads_{place}": partial(Reads, place) for place in range(3)}
    loud = {**members, "reads_1": partial(Reads, 1, 4096.0)}
    pairs = numbers(80, 0.3)
    one, other = (games.play(Together(them), pairs, **GAMES)[0] for them in (members, loud))
    pd.testing.assert_frame_equal(one, other)
    held = pairs.assign(fold=np.arange(80) % 2)
    told = Together(members).held_out(held, [1], seed=0).scores
    # Only the held-out answers change sides, so that the same is learned.
    sides = held[["teacher", "student"]].where(held["fold"] == 0, held[["student", "teacher"]].to_numpy())
    swapped = Together(members).held_out(held.assign(**sides), [1], seed=0).scores
    for game, shown in (("pairwise", {"pair": -1}), ("single", {"teacher": 1, "student": 1})):
        before, after = (
            t[t["game"] == game].set_index(["shown", "prompt_id"])["score"] for t in (told, swapped)
        )
        turned = {"pair": "pair", "teacher": "student", "student": "teacher"}
        for side, sign in shown.items():
            np.testing.assert_array_equal(before[side], sign * after[turned[side]])


def test_equal_answers_tie_and_a_member_without_the_single_game_counts_in_pairs() -> None:
    pairs = numbers(40, 0.5)
    same = pairs.assign(student=pairs["teacher"])
    members = {"reads_0": partial(Reads, 0), "pairs": partial(Pairs, 1)}
    scores, _ = games.play(Together(members), same, **GAMES)
    assert (scores.loc[scores["game"] == "pairwise", "correct"] == 0.5).all()
    alone, _ = games.play(Together({"pairs": partial(Pairs, 1)}), pairs, **GAMES)
    assert set(scores["game"]) == {"pairwise", "single"} and set(alone["game"]) == {"pairwise"}


def test_members_and_sum_share_their_trainings_folds_and_groups() -> None:
    Reads.trainings = 0
    pairs = numbers(60, 0.5).assign(group=[f"g{i // 3}" for i in range(60)])
    players = with_sum({f"reads_{place}": partial(Reads, place) for place in range(2)})
    assert list(players) == ["reads_0", "reads_1", "together"]
    tables = [games.play(make, pairs, **GAMES)[0] for make in players.values()]
    assert Reads.trainings == 2 * GAMES["folds"]  # type: ignore[operator]
    assert tables[0][["prompt_id", "fold", "group"]].equals(tables[2][["prompt_id", "fold", "group"]])
    assert tables[0].groupby("group")["fold"].nunique().eq(1).all()


def test_baselines_are_no_members_and_what_is_for_audits_stays_out_of_the_study() -> None:
    pairs = numbers(60, 0.0).assign(student=lambda table: table["student"] + " 1" * 20)
    found = with_sum({"length": cheap_adversaries()["length"], "reads_0": partial(Reads, 0)})
    told = {name: advantages(make, pairs)["pairwise"] for name, make in found.items()}
    assert told["length"] == 1 and told["together"] == told["reads_0"]
    assert not {*AUDIT_ONLY, "together"} & set(all_adversaries())


def layout(n: int, seed: int, space: str) -> list[str]:
    return [f"{space}{text}" if i % 2 else text for i, text in enumerate(answers(n, seed=seed))]


@pytest.mark.parametrize("mark", ["# ", "- ", " ", "\n"])
def test_structure_sees_layout_and_white_space_and_ties_equal_answers(mark: str) -> None:
    table = pd.DataFrame(rows(80)).assign(teacher=layout(80, 5, mark), student=answers(80, seed=6))
    make = cheap_adversaries()["structure"]
    assert advantages(make, table)["pairwise"] > 0.4
    scores, _ = games.play(make, table.assign(student=table["teacher"]), **GAMES)
    assert (scores.loc[scores["game"] == "pairwise", "correct"] == 0.5).all()


def test_structure_trains_on_no_more_than_its_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bbi_utils.adversaries.ridge.MOST", 30)
    seen: list[int] = []
    ridge = __import__("bbi_utils.adversaries.ridge", fromlist=["ridge"])
    real = ridge.ridge
    monkeypatch.setattr(ridge, "ridge", lambda gram: seen.append(len(gram)) or real(gram))
    advantages(cheap_adversaries()["structure"], pd.DataFrame(rows(80)))
    assert set(seen) == {30}


def test_the_sequential_test_finds_a_trailing_space() -> None:
    teacher, student = (answers(150, seed=seed) for seed in (1, 2))
    table = pd.DataFrame(rows(150)).assign(teacher=teacher, student=[f"{text} " for text in student])
    words = cheap_adversaries()["word_ngrams"]
    assert bet(prequential(words, table)).queries is None
    assert bet(prequential(with_sum(cheap_adversaries())["together"], table)).queries is not None


def test_embeddings_are_read_once_and_tell_meanings_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def encode(texts: list[str], **_: object) -> np.ndarray:
        read.extend(texts)
        table = np.array([[len(text) % 7, "Sure" in text, 1.0] for text in texts], dtype=float)
        return table / np.linalg.norm(table, axis=1, keepdims=True)

    encoder = SimpleNamespace(encode=encode, max_seq_length=None)
    loaded: list[str] = []
    monkeypatch.setattr(embeddings, "load_encoder", lambda name: loaded.append(name) or encoder)
    monkeypatch.setattr(embeddings, "expect_at_hand", lambda name: None)
    table = pd.DataFrame(rows(60))
    settings = SimpleNamespace(encoder="mine", own=())
    assert list(adversaries(settings))[-2:] == ["embeddings", "together"]  # type: ignore[arg-type]
    found = advantages(embeddings.embedding_adversary("mine")["embeddings"], table)
    assert found["pairwise"] > 0.5 and found["single"] > 0.4
    assert loaded == ["mine"]
    assert len(read) == len(set(read)) == len({*table["teacher"], *table["student"]})


@pytest.mark.parametrize("name", ["owner/no-such-encoder", "./nowhere"])
def test_an_encoder_that_is_not_at_hand_is_one_line_and_never_fetched(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sentence_encoder, "download", lambda *_, **__: pytest.fail("fetched"))
    source, out = write(tmp_path / "a.jsonl", rows(40)), tmp_path / "out"
    call = ["audit", str(source), "--epsilon", "0.1", "--encoder", name, "--out", str(out)]
    assert main(call) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and f"encoder {name} is not on this machine" in said.err
    assert not out.exists()
