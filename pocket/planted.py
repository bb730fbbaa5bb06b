"""What is planted in the pocket world, read from planted.yaml: the known truth of the pocket study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

PLANTED: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
