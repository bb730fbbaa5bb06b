"""What answers prompts. Importing this loads no model library."""

from bbi_utils.oracles.base import Answer, Oracle, Request, Sampling, fingerprint_of
from bbi_utils.oracles.endpoint.pricing import Terms
from bbi_utils.oracles.local import LocalOracle
from bbi_utils.oracles.references import load_oracle

__all__ = ["Answer", "LocalOracle", "Oracle", "Request", "Sampling", "Terms", "fingerprint_of", "load_oracle"]
