"""Recorded answers in, a verdict with all that it rests on out (contracts C2 to C5).

No model is loaded, unless a sentence encoder is asked for.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from bbi_utils import games
from bbi_utils.adversaries import IN_THREADS, Factories, cheap_adversaries, with_sum
from bbi_utils.adversaries.embeddings import embedding_adversary
from bbi_utils.errors import BadInput
from bbi_utils.files import MOST_SEED
from bbi_utils.games.certificate import Certificate, certify
from bbi_utils.games.inference.betting import SequentialTest, bet
from bbi_utils.games.inference.kernel_test import KernelTest, string_kernel, swap_test, swap_test_of_texts
from bbi_utils.games.player import Maker, Player
from bbi_utils.games.sequential import prequential
from bbi_utils.progress import Progress
from bbi_utils.provenance import cores
from bbi_utils.report.where import Where, where
from bbi_utils.responses.answers import NULL
from bbi_utils.responses.recorded import Recorded, drawn

STUDENT = "student"  # the contrast of a file, which does not say whether its student was distilled
PLAYED = {"both": ("single", "pairwise"), "single": ("single",), "pairwise": ("pairwise",)}
GAMBLER = "together"  # the adversary that the sequential test bets on
REST = 2.0  # it is trained anew at so many times as many prompts: it has several members to train
MOST_FOR_KERNEL = 2000  # prompts; the memory of a Gram matrix grows with their square
MOST = 10_000  # prompts; of more, so many are drawn at random, which bounds memory and time


@dataclass(frozen=True)
class Settings:
    """What is asked of an audit. Raises BadInput on a value that cannot be.

    game: which games the certificate covers, "both", "single" or "pairwise". folds: fewer are taken where
    there are few prompts. own: further adversaries, each "file.py:ClassName". encoder: a sentence encoder on
    this machine, for one more adversary (`oracles.sentence_encoder`). name: the pair's, in tables.
    """

    epsilon: float
    confidence: float = 0.95
    game: str = "both"
    folds: int = 5
    seed: int = 0
    name: str = "recorded"
    own: Sequence[str] = ()
    encoder: str | None = None

    def __post_init__(self) -> None:
        # A confidence that rounds to 1 leaves no room for error.
        for key, value in (("epsilon", self.epsilon), ("confidence", round(self.confidence, 12))):
            if not 0 < value < 1:
                raise BadInput(f"{key} {value:g}; expected a number between 0 and 1, both excluded")
        if self.game not in PLAYED:
            raise BadInput(f"game {self.game!r}; expected one of {', '.join(PLAYED)}")
        if not self.name.isprintable():
            raise BadInput(f"name {self.name!r}; expected text without control characters")
        if self.folds < 2:
            raise BadInput(f"{self.folds} folds; expected at least 2, to test on prompts not trained on")
        if not 0 <= self.seed <= MOST_SEED:
            raise BadInput(f"seed {self.seed}; expected a whole number from 0 to {MOST_SEED}")


@dataclass(frozen=True)
class Audit:
    """The outcome; scores and costs are those of the contrasts "student" and "teacher_resample" (the null).

    null: the certificate of the teacher against its own second answers, None where the file has none.
    """

    settings: Settings
    recorded: Recorded
    scores: pd.DataFrame
    costs: pd.DataFrame
    certificate: Certificate
    null: Certificate | None
    kernel: KernelTest
    sequential: SequentialTest
    where: Where
    seconds: float


def audit(recorded: Recorded, settings: Settings, *, shown: bool = False) -> Audit:
    """Attacks the recorded answers with every adversary that needs no model, and judges the outcome.

    Of more than `MOST` prompts so many are drawn by the seed before any adversary is trained: the verdict
    is still about prompts like all of them, its bounds as wide as those of that many.
    shown: with a progress bar. Raises BadInput where an adversary of the user's own fails its checks, or the
    encoder asked for is not on this machine.
    """
    began = time.perf_counter()
    recorded = drawn(recorded, most=MOST, seed=settings.seed)
    makers = adversaries(settings)
    null = recorded.null_pairs
    contrasts = {STUDENT: recorded.pairs} if null is None else {STUDENT: recorded.pairs, NULL: null}
    error = round(1 - settings.confidence, 12)
    # Adversaries are what the cores are for; sums on several cores would also differ in their last bits.
    alone = threadpool_limits(1, user_api="blas")
    with alone, Progress(len(contrasts) * len(makers) + 2, "audit", shown=shown) as bar:
        scores, costs = attack(makers, contrasts, settings, done=bar.update)
        with ThreadPoolExecutor(1) as beside:
            tested = beside.submit(kernel_of, recorded.pairs, seed=settings.seed)
            outcomes = prequential(makers[GAMBLER], recorded.pairs, seed=settings.seed, growth=REST)
            sequential = bet(outcomes, error=error)
            bar.update()
            kernel = tested.result()
            bar.update()
    how: dict[str, Any] = {"epsilon": settings.epsilon, "confidence": settings.confidence}
    verdicts = {}
    for contrast in contrasts:
        played, spent = (table[table["contrast"] == contrast] for table in (scores, costs))
        verdicts[contrast] = certify(played, costs=spent, asked=recorded.rows, **how)
    own = scores[scores["contrast"] == STUDENT]
    apart = where(recorded.pairs, own, verdicts[STUDENT], error=error)
    found = (verdicts[STUDENT], verdicts.get(NULL), kernel, sequential, apart)
    return Audit(settings, recorded, scores, costs, *found, seconds=time.perf_counter() - began)


def adversaries(settings: Settings) -> Factories:
    """Those that an audit plays: the cheap ones, one's own, the one that reads embeddings, and their sum."""
    read = {} if settings.encoder is None else embedding_adversary(settings.encoder)
    return with_sum({**cheap_adversaries(own=settings.own), **read})


def attack(
    makers: Mapping[str, Maker | Player],
    contrasts: Mapping[str, pd.DataFrame],
    settings: Settings,
    *,
    done: Callable[[], object] = lambda: None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores (C3) of the games asked for and costs, of every adversary on every contrast (name -> pairs).

    Those that compute outside of Python play on all cores, the others one by one. done: called after each.
    """
    scores, costs = [], []
    pool = ThreadPoolExecutor(cores())
    try:
        for contrast, pairs in contrasts.items():
            folds = max(2, min(settings.folds, pairs["group"].nunique() // 2))
            how: dict[str, Any] = {"pair": settings.name, "folds": folds, "seed": settings.seed}
            how |= {"pairs": pairs, "contrast": contrast}
            threaded = [name for name in makers if name in IN_THREADS]
            ahead = {name: pool.submit(games.play, makers[name], **how) for name in threaded}
            for name, make in makers.items():
                table, cost = ahead[name].result() if name in ahead else games.play(make, **how)
                scores.append(table[table["game"].isin(PLAYED[settings.game])])
                costs.append(cost)
                done()
    finally:
        pool.shutdown(cancel_futures=True)
    return pd.concat(scores, ignore_index=True), pd.concat(costs, ignore_index=True)


def kernel_of(pairs: pd.DataFrame, *, seed: int = 0) -> KernelTest:
    """The kernel test on character n-grams of the answers; of many prompts, without a Gram matrix."""
    how: dict[str, Any] = {"groups": pairs["group"], "seed": seed}
    if len(pairs) > MOST_FOR_KERNEL:
        return swap_test_of_texts([*pairs["teacher"]], [*pairs["student"]], **how)
    return swap_test(string_kernel([*pairs["teacher"], *pairs["student"]]), **how)
