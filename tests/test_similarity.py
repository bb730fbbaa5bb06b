"""Similarity: the genuine weights, exactly 1 for equal answers, cut texts counted, paired intervals."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bbi_utils.errors import BadInput
from bbi_utils.games import similarity
from bbi_utils.oracles import sentence_encoder

genuine = pytest.mark.skipif(
    importlib.util.find_spec(sentence_encoder.MINILM_PACKAGE) is None,
    reason="the weights' package is not installed",
)
PAIRS = pd.DataFrame(
    {
        "prompt_id": ["a", "b", "c"],
        "category": ["factual"] * 3,
        "teacher": ["Paris is the capital.", "Paris is the capital.", "word " * 600],
        "student": ["Paris is the capital.", "My cat sleeps on the sofa.", "The capital is Paris."],
    }
)


@pytest.fixture(scope="module")
def encoder() -> Any:
    return sentence_encoder.load_encoder(device="cpu")


@genuine
def test_equal_answers_are_exactly_one_and_unlike_ones_far_below(encoder):
    table, truncated = similarity.compare(PAIRS, encoder, pair="qwen", contrast="base")
    values = table["similarity"].tolist()
    assert values[0] == 1.0 and values[1] < 0.3
    assert truncated == pytest.approx(1 / 4)
    assert list(table.columns) == ["pair", "contrast", "prompt_id", "category", "similarity"]


@genuine
def test_embeddings_have_unit_length_and_repeat_for_repeated_texts(encoder):
    vectors = sentence_encoder.embed(["rain", "snow", "rain"], encoder).vectors
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.array_equal(vectors[0], vectors[2]) and vectors.shape == (3, 384)


def test_changed_weights_are_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"something else")
    with pytest.raises(BadInput, match="SHA-256"):
        sentence_encoder.check_weights(path, sentence_encoder.MINILM_SHA256)
    with pytest.raises(BadInput, match="no such file"):
        sentence_encoder.check_weights(tmp_path / "gone", sentence_encoder.MINILM_SHA256)


def test_a_missing_encoder_is_named(tmp_path):
    with pytest.raises(BadInput, match="nowhere"):
        sentence_encoder.load_encoder(str(tmp_path / "nowhere"))


def test_the_gain_is_paired_by_prompt():
    rng = np.random.default_rng(0)
    base = rng.uniform(0.2, 1.0, 300)
    columns = {"pair": "qwen", "category": "factual", "prompt_id": [f"{i:03d}" for i in range(300)]}
    tables = [pd.DataFrame(columns | {"contrast": "base", "similarity": base})]
    tables.append(pd.DataFrame(columns | {"contrast": "distilled", "similarity": base + 0.05}))
    summary = similarity.mean_similarity(pd.concat(tables)).set_index("quantity")
    gain = summary.loc["distilled - base"]
    assert gain["mean"] == pytest.approx(0.05) and gain["upper"] - gain["lower"] < 1e-9
    assert summary.loc["base", "lower"] < base.mean() < summary.loc["base", "upper"]
