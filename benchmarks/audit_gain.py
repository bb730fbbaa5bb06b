"""Does an audit leave anything on the table? Its sum, its single adversaries and simple attackers.

Constructed pairs differ in three ways at once, each too small for one attacker: one half of a vocabulary is a
little commoner than the other; invented words, which no two answers share, end on -ise rather than -ize; the
first word of a line has the capital rather than the second. Lengths are alike. `--pair ONE TWO` takes files
of two real models' answers instead, in any form that `audit` reads.
"""

from __future__ import annotations

import argparse
import string
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import vstack
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.svm import LinearSVC

from bbi_utils.adversaries import FeatureAdversary
from bbi_utils.games.certificate import Row, certify
from bbi_utils.report.audit import STUDENT, Settings, adversaries, attack
from bbi_utils.responses.recorded import read_answers
from benchmarks import program
from benchmarks.worlds import one_thread

# Kind of difference -> by how much its probability is larger on the teacher's side.
KINDS = {"words": 0.1, "endings": 0.06, "capitals": 0.12}
SYLLABLES = [one + two for one in "bdfgklmnprstvw" for two in "aeiou"]
WINDOW = 1 << 15  # bytes that zlib looks back
ASKED = Settings(epsilon=0.1, game="pairwise")


WORDS = ["".join(np.random.default_rng(i).choice(SYLLABLES, 3)) for i in range(300)]


def answer(rng: np.random.Generator, more: dict[str, float]) -> str:
    """Eight lines of three words of a vocabulary and three invented ones. more: kind -> added probability."""
    lines = []
    for _ in range(8):
        half = len(WORDS) // 2
        known = [WORDS[rng.integers(half) + half * (rng.random() < 0.5 - more["words"])] for _ in range(3)]
        made = ["".join(rng.choice(SYLLABLES, rng.integers(2, 5))) for _ in range(3)]
        made = [word + ("ise" if rng.random() < 0.5 + more["endings"] else "ize") for word in made]
        line = [word for both in zip(known, made, strict=True) for word in both]
        place = int(rng.random() < 0.5 - more["capitals"])
        line[place] = line[place].capitalize()
        lines.append(" ".join(line) + ".")
    return "\n".join(lines)


def constructed(n: int, seed: int, kinds: Sequence[str], size: float) -> pd.DataFrame:
    """Pairs that differ in these kinds, `size` times as much as KINDS says, half of it on either side."""
    rng = np.random.default_rng(seed)
    ids = [f"{i:05}" for i in range(n)]
    table = pd.DataFrame({"prompt_id": ids, "prompt": ids, "group": ids, "category": "all"})
    for side, sign in (("teacher", 0.5), ("student", -0.5)):
        more = {kind: sign * size * by * (kind in kinds) for kind, by in KINDS.items()}
        table[side] = [answer(rng, more) for _ in range(n)]
    return table


class Svm:
    """A linear support vector machine on the differences of two answers' vectors."""

    def __init__(self, name: str, vectorizer: Callable[[], Any]) -> None:
        self.name, self._vectorizer = name, vectorizer

    def fit(self, pairs: pd.DataFrame, *, seed: int) -> None:
        self._read = self._vectorizer().fit([*pairs["teacher"], *pairs["student"]])
        difference = self._read.transform(pairs["teacher"]) - self._read.transform(pairs["student"])
        machine = LinearSVC(fit_intercept=False, random_state=seed)
        labels = np.repeat([1, 0], len(pairs))
        self._weights = machine.fit(vstack([difference, -difference]), labels).coef_[0]

    def score_pairs(self, prompts: Sequence[str], first: Sequence[str], second: Sequence[str]) -> np.ndarray:
        return self._read.transform(first) @ self._weights - self._read.transform(second) @ self._weights


class Punctuation(FeatureAdversary):
    """Counts of each punctuation mark."""

    name = "punctuation counts"

    def features(self, prompts: Sequence[str], answers: Sequence[str]) -> np.ndarray:
        return np.log1p([[text.count(mark) for mark in string.punctuation + "\n"] for text in answers])


class Zip:
    """How much shorter an answer packs after answers of the teacher than after answers of the student."""

    name = "gzip similarity"

    def fit(self, pairs: pd.DataFrame, *, seed: int) -> None:
        drawn = pairs.sample(frac=1.0, random_state=seed)
        self._seen = [" ".join(drawn[side]).encode()[-WINDOW:] for side in ("teacher", "student")]

    def _gain(self, text: str) -> int:
        packed = []
        for seen in self._seen:
            pack = zlib.compressobj(9, zdict=seen)
            packed.append(len(pack.compress(text.encode()) + pack.flush()))
        return packed[1] - packed[0]

    def score_pairs(self, prompts: Sequence[str], first: Sequence[str], second: Sequence[str]) -> np.ndarray:
        return np.array([self._gain(one) - self._gain(two) for one, two in zip(first, second, strict=True)])


FIRST = partial(CountVectorizer, token_pattern=r"\A\W*\w+", lowercase=False, min_df=2)
SIMPLE: dict[str, Any] = {
    "TF-IDF and SVM": partial(Svm, "TF-IDF and SVM", partial(TfidfVectorizer, ngram_range=(1, 2))),
    "first word": partial(Svm, "first word", FIRST),
    "punctuation counts": Punctuation,
    "gzip similarity": Zip,
}


def found(pairs: pd.DataFrame, makers: dict[str, Any], seed: int) -> list[Row]:
    """The pairwise rows of a certificate over these adversaries."""
    scores, _ = attack(makers, {STUDENT: pairs}, Settings(epsilon=0.1, game="pairwise", seed=seed))
    return certify(scores, epsilon=0.1).rows


def shown(row: Row) -> str:
    return f"{row.adversary} {row.advantage:.3f} [{row.lower:.3f}, {row.upper:.3f}]"


def compare(pairs: pd.DataFrame, title: str, seed: int = 0) -> None:
    """One line of a table: the strongest single adversary, the sum, the strongest simple attacker."""
    audited, simple = (found(pairs, makers, seed) for makers in (adversaries(ASKED), SIMPLE))
    (total,) = (row for row in audited if row.adversary == "together")
    single = max((row for row in audited if row is not total), key=lambda row: row.advantage)
    best, other = (
        max(total, single, key=lambda row: row.advantage),
        max(simple, key=lambda row: row.advantage),
    )
    verdict = "beaten" if other.advantage > best.upper else "not beaten"
    print(
        f"| {title} | {len(pairs)} | {shown(single)} | {shown(total)} | {shown(other)} | {verdict} |",
        flush=True,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prompts", type=int, default=800, help="of a pair (default: %(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 4, 5], help="of worlds (default: 3 4 5)")
    parser.add_argument("--size", type=float, default=1.0, help="of differences (default: %(default)s)")
    parser.add_argument("--pair", nargs=2, action="append", metavar=("ONE", "TWO"), help="files of answers")
    options = parser.parse_args(arguments)
    one_thread()
    print("| pair | prompts | strongest single | together | strongest simple attacker | audit |")
    print("| --- | --- | --- | --- | --- | --- |")
    for one, two in options.pair or []:
        compare(read_answers(one, two).pairs, f"{one} {two}")
    if options.pair:
        return
    for kinds in [*((kind,) for kind in KINDS), tuple(KINDS)]:
        for seed in options.seeds:
            pairs = constructed(options.prompts, seed, kinds, options.size)
            compare(pairs, f"{', '.join(kinds)}, seed {seed}", seed)


if __name__ == "__main__":
    program(main)
