"""Fixtures of the documentation's tests."""

from __future__ import annotations

import sys
from pathlib import Path

# The recording server and how children are started; the blocks of code beside this file.
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integrations")]
