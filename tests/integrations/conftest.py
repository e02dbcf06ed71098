"""Fixtures of the integration tests: the recording server, and a LiteLLM without leftovers."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# The helpers beside this file are modules of their own, used by programs as well.
sys.path.insert(0, str(Path(__file__).resolve().parent))

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
for name in [n for n in os.environ if n.startswith("HEADROOM_")]:
    del os.environ[name]

from recorder import Recorder


@pytest.fixture(scope="session")
def _recorder() -> Iterator[Recorder]:
    with Recorder() as server:
        yield server


@pytest.fixture
def recorder(_recorder: Recorder) -> Recorder:
    _recorder.clear()
    return _recorder


@pytest.fixture
def clean_litellm() -> Iterator[None]:
    """No callbacks before and after, and none of its warnings."""
    from entry_points import prepare, reset_callbacks

    prepare()
    logging.disable(logging.WARNING)
    yield
    reset_callbacks()
    logging.disable(logging.NOTSET)
