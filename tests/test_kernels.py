"""What is not installed on purpose is not reported as missing; everything else is."""

from __future__ import annotations

import logging

import pytest

from bbi_utils.oracles.quantised import QUANTISER_LOGGER, expect_no_kernels

MESSAGE = "Failed to load CPU gemm_4bit_forward from kernels-community: %s. Please install it"


def test_only_the_absence_of_kernels_is_silenced(caplog: pytest.LogCaptureFixture) -> None:
    expect_no_kernels()
    logger = logging.getLogger(QUANTISER_LOGGER)
    logger.warning(MESSAGE, ModuleNotFoundError("No module named 'kernels'"))
    assert not caplog.records
    logger.warning(MESSAGE, OSError("no network"))
    logger.warning("something else")
    assert len(caplog.records) == 2


def test_the_logger_is_still_where_it_speaks() -> None:
    from bitsandbytes.backends.cpu import ops

    assert ops.logger.name == QUANTISER_LOGGER
