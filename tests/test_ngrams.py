"""N-gram adversaries: shared counts change how long they take and nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from recorded_files import rows
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from bbi_utils import games
from bbi_utils.adversaries import lexical_adversaries
from bbi_utils.adversaries.ngrams import CHAR_GRAMS, WORD_GRAMS, GramCounts, NgramAdversary
from bbi_utils.games.grams import counted

PAIRS = pd.DataFrame(rows(40))


@pytest.mark.parametrize("grams", [WORD_GRAMS, CHAR_GRAMS])
def test_features_are_those_of_scikit_learn(grams: dict[str, object]) -> None:
    train, test = PAIRS[:30], [*PAIRS["teacher"][30:], "Words that nobody ever used 漢"]
    counts = GramCounts(grams)
    counts.of(test)  # what was split before must not matter
    ours = NgramAdversary("ours", counts).fit(train, seed=0)
    theirs = TfidfVectorizer(**grams, lowercase=False, sublinear_tf=True).fit(
        [*train["teacher"], *train["student"]]
    )
    assert ours.parameters == 2 * len(theirs.vocabulary_) + 1
    np.testing.assert_allclose(ours._transform(test).toarray(), theirs.transform(test).toarray(), atol=1e-12)


@pytest.mark.parametrize("name", ["word_ngrams", "char_ngrams"])
def test_sharing_counts_changes_no_score(name: str) -> None:
    shared = lexical_adversaries()[name]
    settings = {"pair": "p", "contrast": "base", "folds": 4}
    games.play(shared, PAIRS.assign(teacher=PAIRS["student"].str.upper()), **settings)
    first, _ = games.play(shared, PAIRS, **settings)
    alone, _ = games.play(lambda: lexical_adversaries()[name](), PAIRS, **settings)
    pd.testing.assert_frame_equal(first, alone, check_exact=True)


ODD = ["", "a", "  ", "A b  b\n\nb", "a\x01b a b", "\x00a\x00", "漢字 かな 漢", "a ab a b", "\ud800?"]


@pytest.mark.parametrize("how", [WORD_GRAMS, CHAR_GRAMS, {"analyzer": "char", "ngram_range": (1, 6)}])
def test_counts_are_those_of_scikit_learn(how: dict[str, object]) -> None:
    texts = [*PAIRS["teacher"], *PAIRS["student"], *ODD]
    counts, names = counted(texts, **how)
    theirs = CountVectorizer(**how, lowercase=False)
    expected = theirs.fit_transform(texts)
    assert names == [*theirs.get_feature_names_out()]
    expected.sort_indices()
    for part in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(counts, part), getattr(expected, part))
