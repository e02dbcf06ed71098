"""Fixtures of the service's tests: the service itself, PostgreSQL and Redis, all real and on loopback."""

from __future__ import annotations

import json
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


import httpx
import payloads
from dashboards import EVIL, sign_in
from headroom.cloud.database import Database, migrate
from running import Service, command, eventually, service
from servers import Postgres, Redis


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with Postgres.running() as server:
        yield server


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    with Redis.running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each sort."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    return str(request.getfixturevalue("postgres").database()).replace("postgresql:", "postgresql+psycopg:")


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """The same with the service's tables."""
    made = Database(url)
    migrate(made.engine)
    yield made
    made.close()


@pytest.fixture(scope="session")
def open_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """As `headroom serve` starts it: SQLite, no keys."""
    with service(tmp_path_factory.mktemp("open")) as server:
        yield server


# Of the dashboard's tests; test_service_keys.py has a service of its own under the same names.


CCR = {"mode": "ccr"}


@pytest.fixture(scope="session")
def made() -> dict[str, str]:
    return {}


@pytest.fixture(scope="session")
def keyed(tmp_path_factory: pytest.TempPathFactory, made: dict[str, str]) -> Iterator[Service]:
    """Two organisations with some requests of each."""
    folder = tmp_path_factory.mktemp("dashboard")
    options = ["--data-dir", str(folder / "data")]
    for org, role in (("acme", "compress"), ("acme", "read"), ("acme", "admin"), ("globex", "admin")):
        text = command("keys", "create", "--org", org, "--name", role, "--role", role, "--json", *options)
        made[f"{org}/{role}"] = json.loads(text)["key"]
    with service(folder, "--key-refresh-s", "0.4", "--sign-ins-per-minute", "1000") as server:
        for model in ("gpt-4o", "claude-sonnet-4-5", EVIL):
            for org in ("acme", "acme", "globex"):
                name = f"globex-{model}"[:40] if org == "globex" else model
                assert server.compress(payloads.chat(), made[f"{org}/admin"], model=name, config=CCR).status_code == 200
        headers = {"x-headroom-bypass": "true", "authorization": f"Bearer {made['acme/compress']}"}
        server.client.post("/v1/compress", json={"messages": payloads.chat()}, headers=headers)
        (hash_,) = server.compress(payloads.chat(), made["acme/admin"], config=CCR).json()["ccr_hashes"]
        assert server.get(f"/v1/retrieve/{hash_}", made["acme/admin"]).json()["original_content"] == payloads.OUTPUT
        wanted = {"compressions": 7, "bypassed": 1, "retrievals": 1}
        eventually(lambda: wanted.items() <= server.get("/v1/stats", made["acme/read"]).json()["totals"].items())
        yield server


@pytest.fixture(scope="session")
def admin(keyed: Service, made: dict[str, str]) -> Iterator[httpx.Client]:
    with sign_in(keyed, made["acme/admin"]) as client:
        yield client


@pytest.fixture(scope="session")
def reader(keyed: Service, made: dict[str, str]) -> Iterator[httpx.Client]:
    with sign_in(keyed, made["acme/read"]) as client:
        yield client
