"""Fixtures of the service's tests: the service itself, PostgreSQL and Redis, all real and on loopback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
# Programs and payloads that the integration tests use too.
for folder in (HERE, HERE.parent / "integrations"):
    sys.path.insert(0, str(folder))

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
for name in [n for n in os.environ if n.startswith("HEADROOM_")]:
    del os.environ[name]


from running import Service, service
from servers import Postgres, Redis


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with Postgres.running() as server:
        yield server


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    with Redis.running() as server:
        yield server


@pytest.fixture(scope="session")
def open_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """As `headroom serve` starts it: SQLite, no keys."""
    with service(tmp_path_factory.mktemp("open")) as server:
        yield server
