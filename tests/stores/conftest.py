"""The stores that every contract test runs against."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from headroom.stores import Store, open_store
from redis_servers import RedisServer


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server that lives as long as the tests; those that kill one start their own."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture(params=["memory", "sqlite", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path, redis_server: RedisServer) -> str:
    if request.param == "redis":
        redis_server.ask("FLUSHALL")
        # A busy machine that runs tests is no reason to give up.
        return f"{redis_server.url}?timeout_s=20"
    return "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/originals.db"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    made = open_store(url)
    yield made
    made.close()
