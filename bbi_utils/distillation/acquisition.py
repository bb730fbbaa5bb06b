"""Which prompts to buy: a query budget spent at random, where the student disagrees, or for coverage.

Every strategy is an order of purchase in which a budget is a prefix: with one seed, a larger budget contains
the smaller. "Disagreement" of a prompt is 1 - similarity of the base student's and the teacher's answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from bbi_utils.errors import BadInput

STRATEGIES = ("stratified_random", "disagreement", "disagreement_known", "diversity")
Reveal = Callable[[list[str]], Sequence[float]]


class Till:
    """Tells the disagreement of prompts that were paid for, and keeps the receipt (`sold`)."""

    def __init__(self, disagreement: pd.Series) -> None:
        self.disagreement = disagreement
        self.sold: list[str] = []

    def __call__(self, ids: list[str]) -> list[float]:
        self.sold += ids
        return self.disagreement.loc[ids].tolist()


def choose(
    strategy: str,
    prompts: pd.DataFrame,
    embeddings: np.ndarray,
    budget: int,
    *,
    disagreement: Reveal,
    seed: int = 0,
) -> list[str]:
    """Ids of the ``budget`` prompts to buy, in order of purchase.

    ``prompts`` has columns id and category (one row per prompt), ``embeddings`` one row for each, (n, width).
    ``disagreement`` is a function from ids to values, such as a `Till`.

    * stratified_random: every prefix has the pool's category shares (within rounding).
    * disagreement: what a black-box buyer can do. A start of 1 % of the pool, or as many prompts as there are
      categories, which is what stratified_random buys first with the same seed; then rounds, each half as
      large as all before, of the prompts with the highest disagreement predicted by ridge regression on
      embedding and category. It looks only at the disagreement of prompts it has bought. A category may fill
      at most twice its pool share of every prefix, so that one bad prediction cannot eat the budget.
    * disagreement_known: the same rounds and caps with the true disagreement of the whole pool from the
      first purchase on. No real buyer can do this; it bounds what better prediction could gain.
    * diversity: k-center greedy, each time the prompt farthest from all bought ones.

    Raises BadInput on an unknown strategy, a budget larger than the pool, or ids and embeddings that differ.
    """
    ids = [str(one) for one in prompts["id"]]
    if strategy not in STRATEGIES:
        found = f"acquisition strategy {strategy!r} is unknown"
        raise BadInput(f"{found}; expected one of {', '.join(STRATEGIES)}")
    if not len(set(ids)) == len(ids) == len(embeddings):
        found = f"{len(ids)} prompts ({len(set(ids))} distinct) and {len(embeddings)} embeddings"
        raise BadInput(f"{found}; need one each")
    if not 0 <= budget <= len(ids):
        raise BadInput(f"budget {budget}: the pool has {len(ids)} prompts; choose between 0 and that many")
    rng = np.random.default_rng(seed)
    categories, points = prompts["category"].to_numpy(), np.asarray(embeddings, dtype=float)
    if strategy == "stratified_random":
        order = _stratified(categories, rng)
    elif strategy == "diversity":
        order = _farthest_first(points, budget, rng)
    else:
        knows_all = strategy == "disagreement_known"
        order = _guided(ids, categories, points, budget, disagreement, rng, knows_all=knows_all)
    return [ids[i] for i in order[:budget]]


def _stratified(categories: np.ndarray, rng: np.random.Generator) -> list[int]:
    """An order in which every prefix is spread over categories in proportion to the pool."""
    place = np.empty(len(categories))
    shuffled = rng.permutation(len(categories))
    for category in pd.unique(categories[shuffled]):
        members = shuffled[categories[shuffled] == category]
        place[members] = (np.arange(len(members)) + rng.random()) / len(members)
    return [int(i) for i in np.argsort(place, kind="stable")]


def _farthest_first(points: np.ndarray, budget: int, rng: np.random.Generator) -> list[int]:
    """K-center greedy (Gonzalez, 1985): a 2-approximation of the smallest covering radius."""
    order = [int(rng.integers(len(points)))]
    squares = (points**2).sum(axis=1)
    distance = np.full(len(points), np.inf)
    while len(order) < budget:
        centre = order[-1]
        distance = np.minimum(distance, squares + squares[centre] - 2 * points @ points[centre])
        distance[centre] = -np.inf
        order.append(int(distance.argmax()))
    return order


def _guided(
    ids: list[str],
    categories: np.ndarray,
    points: np.ndarray,
    budget: int,
    reveal: Reveal,
    rng: np.random.Generator,
    *,
    knows_all: bool,
) -> list[int]:
    """Rounds of greedy purchases; round sizes depend on the pool and not on the budget, so budgets nest."""
    target = max(len(set(categories)), len(ids) // 100)
    random_order = _stratified(categories, rng)  # first, so that it is stratified_random's own
    jitter = rng.permutation(len(ids)) * 1e-12  # decides ties by the seed
    wanted = np.asarray(reveal(ids), dtype=float) if knows_all else np.empty(0)
    order = [] if knows_all else random_order[:target]
    known: list[float] = []  # of the prompts in `order`, as far as they are paid for
    while len(order) < budget:
        if order:
            target += -(-target // 2)
        if not knows_all:
            known.extend(reveal([ids[i] for i in order[len(known) :]]))
            wanted = _predict(order, known, categories, points)
        order += _best_capped(wanted + jitter, categories, order, target - len(order))
    return order


def _predict(bought: list[int], known: list[float], categories: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Disagreement of the whole pool predicted from the bought prompts; ridge penalty by leave-one-out."""
    from sklearn.linear_model import RidgeCV

    features = np.hstack([points, pd.get_dummies(pd.Series(categories)).to_numpy(dtype=float)])
    return RidgeCV(alphas=(0.1, 1.0, 10.0, 100.0)).fit(features[bought], known).predict(features)


def _best_capped(wanted: np.ndarray, categories: np.ndarray, order: list[int], size: int) -> list[int]:
    """The ``size`` most wanted prompts not yet bought; no prefix has a category above twice its share."""
    share = pd.Series(categories).value_counts() / len(categories)
    taken, count, chosen = set(order), Counter(categories[order]), list[int]()
    rest = [int(i) for i in np.argsort(wanted, kind="stable") if i not in taken]
    # Of each category the most wanted last, to be popped.
    left = {category: [i for i in rest if categories[i] == category] for category in share.index}
    for owned in range(len(order) + 1, min(len(order) + size, len(categories)) + 1):
        some = [category for category in left if left[category]]
        within = [category for category in some if count[category] < np.ceil(2 * owned * share[category])]
        # The caps give way only when nothing else is left.
        category = max(within or some, key=lambda category: wanted[left[category][-1]])
        chosen.append(left[category].pop())
        count[category] += 1
    return chosen
