"""The package `kernels` is left out on purpose: with it, bitsandbytes fetches code from a hub at import."""

from __future__ import annotations

import logging

LOGGER = "bitsandbytes.backends.cpu.ops"
MISSED = "Failed to load CPU gemm_4bit_forward"
ABSENT = "No module named 'kernels'"


def expect_no_kernels() -> None:
    """Keep bitsandbytes from warning, on some CPUs, that it is missing; call before that is imported."""
    logging.getLogger(LOGGER).addFilter(is_news)


def is_news(record: logging.LogRecord) -> bool:
    """Whether a record says anything but that."""
    said = record.getMessage()
    return not (said.startswith(MISSED) and ABSENT in said)
