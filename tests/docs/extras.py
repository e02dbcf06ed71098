"""The extras that the package has."""

from __future__ import annotations

import re
from pathlib import Path

TEXT = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text("utf-8")
EXTRAS = set(re.findall(r"^(\w+) = \[", TEXT.split("[project.optional-dependencies]")[1].split("\n[project")[0], re.M))
