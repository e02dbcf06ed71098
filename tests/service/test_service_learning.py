"""Learning in the service: applied to whole conversations, decided about by people."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from flights import TOOL, UNUSED, WHERE, learned, talk
from running import Service, eventually, service
from servers import Postgres, Redis


@contextlib.contextmanager
def running(folder: Path, *words: str, database: str | None = None) -> Iterator[tuple[Service, str, str, str]]:
    """A service with keys: (service, admin's key, compress key, reader's key)."""
    with service(folder, "--key-refresh-s", "0.2", "--flush-s", "0.1", *words, database=database) as server:
        made = [server.make_key("acme", role, role) for role in ("admin", "compress", "read")]
        # Until every worker has seen that there are keys, requests are those of the organisation that needs none.
        eventually(lambda: all(server.compress([]).status_code == 401 for _ in range(8)))
        yield server, made[0], made[1], made[2]


@pytest.fixture(params=["sqlite", "postgresql and redis"])
def setup(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Service, str, str, str]]:
    if request.param == "sqlite":
        with running(tmp_path) as made:
            yield made
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    redis: Redis = request.getfixturevalue("redis")
    with running(tmp_path, "--workers", "2", "--redis", redis.url, database=postgres.database()) as made:
        yield made


def call(server: Service, key: str, method: str, path: str, body: Any = None) -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"}
    return server.client.request(method, path, json=body, headers=headers)


def texts(server: Service, key: str, rows: list[Any], **more: Any) -> list[Any]:
    reply = server.compress(rows, key, **more)
    assert reply.status_code == 200, reply.text
    messages: list[Any] = reply.json()["messages"]
    return messages


def decide(server: Service, admin: str, state: str, path: str = UNUSED) -> int:
    reply = call(server, admin, "PUT", f"/v1/policies/{TOOL}/fields", {**WHERE, "path": path, "state": state})
    assert reply.status_code == 200, reply.text
    version: int = reply.json()["version"]
    return version


def left_out(rows: list[Any]) -> str:
    """The fields that a policy left out of the output."""
    mark = re.search(r"policy \d+ leaves out ([^\]]*)\]", rows[3]["content"])
    return mark[1] if mark else ""


def drops(rows: list[Any]) -> bool:
    return bool(left_out(rows))


def fresh(numbers: Iterator[int], server: Service, key: str, wanted: Callable[[list[Any]], bool]) -> int:
    """The number of a conversation that begins as wanted, once the workers know of a change."""
    return eventually(lambda: next((n for n in [next(numbers)] if wanted(texts(server, key, talk(n)))), 0))


def test_a_conversation_keeps_its_policy_while_the_policy_changes(setup: tuple[Service, str, str, str]) -> None:
    server, admin, key, reader = setup
    numbers = iter(range(1, 10_000))
    before = next(numbers)
    untouched = texts(server, key, talk(before))
    assert not drops(untouched)
    time.sleep(0.5)
    assert decide(server, admin, "forbidden") == 1
    with_one = fresh(numbers, server, key, drops)
    first = {turns: texts(server, key, talk(with_one, turns)) for turns in (1, 2, 3)}
    assert left_out(first[1]) == "flights.fare_basis"
    # The policy changes underneath, twice.
    assert decide(server, admin, "forbidden", "$.flights[].gate_text") == 2
    fresh(numbers, server, key, lambda rows: left_out(rows) == "flights.fare_basis, flights.gate_text")
    assert decide(server, admin, "pinned") == 3
    fresh(numbers, server, key, lambda rows: left_out(rows) == "flights.gate_text")
    for turns in (3, 1, 2, 3):
        again = texts(server, key, talk(with_one, turns))
        assert again == first[turns]
        assert again[: len(first[1])] == first[1], "a later request begins with an earlier one's output"
    assert texts(server, key, talk(before, 3))[:4] == untouched
    stats = eventually(
        lambda: found if (found := server.get("/v1/stats", reader).json()["learning"])["pins_new"] else {}
    )
    assert stats["pins_lost"] == 0


def test_pins_outlive_the_process(tmp_path: Path, redis: Redis) -> None:
    for words in ((), ("--redis", redis.url)):
        folder = tmp_path / str(len(words))
        folder.mkdir()
        with running(folder, *words) as (server, admin, key, _):
            assert decide(server, admin, "forbidden") == 1
            number = fresh(iter(range(1, 1000)), server, key, drops)
            first = texts(server, key, talk(number, 2))
            decide(server, admin, "auto")
        with service(folder, "--key-refresh-s", "0.2", *words) as server:
            assert texts(server, key, talk(number, 2)) == first
            new = fresh(iter(range(2000, 3000)), server, key, lambda rows: not drops(rows))
            assert not drops(texts(server, key, talk(new, 2)))


def test_what_agents_do_not_use_is_learned_and_left_out(tmp_path: Path) -> None:
    with running(tmp_path) as (server, admin, key, reader):
        for number in range(160):
            texts(server, key, talk(number, 2))
        listed = eventually(lambda: found if (found := server.get("/v1/policies", reader).json())["version"] else None)
        assert listed["tools"][0]["dropped"] == [UNUSED, "$.flights[].gate_text"]
        numbers = iter(range(1000, 9000))
        some = [texts(server, key, talk(next(numbers))) for _ in range(80)]
        kept = [rows for rows in some if not drops(rows)]
        # One conversation in eight explores, so that a change of use can be seen.
        assert 1 <= len(kept) <= 30
        assert "HAT000" in some[0][3]["content"]
        known = server.get(f"/v1/policies/{TOOL}", reader).json()
        assert {f["path"]: f["state"] for f in known["structures"][0]["fields"]}[UNUSED] == "dropped"
        assert eventually(lambda: server.get("/v1/stats", reader).json()["learning"]["requests_learned"] >= 160)
        # Nothing of it without the switch, at once.
        assert call(server, admin, "POST", "/v1/learning", {"mode": "observe"}).json()["mode"] == "observe"
        eventually(lambda: not any(drops(texts(server, key, talk(next(numbers)))) for _ in range(8)))
        plain = {"x-headroom-bypass": "true", "authorization": f"Bearer {key}"}
        bypassed = server.client.post("/v1/compress", json={"messages": talk(7, 2)}, headers=plain)
        assert bypassed.json()["messages"] == talk(7, 2)


def test_a_retrieval_brings_a_field_back(tmp_path: Path) -> None:
    with running(tmp_path) as (server, admin, key, reader):
        made = call(server, admin, "POST", "/v1/policies/import", learned(390))
        assert made.json() == {"version": 1, "tools": 1, "fields": 1}
        numbers = iter(range(1, 1000))
        ccr = {"config": {"mode": "ccr"}}
        number = eventually(
            lambda: next((n for n in [next(numbers)] if drops(texts(server, key, talk(n), **ccr))), 0)
        )  # fmt: skip
        (hash_,) = server.compress(talk(number), key, **ccr).json()["ccr_hashes"]
        assert server.get(f"/v1/retrieve/{hash_}", key, query="what is the fare basis?").status_code == 200

        def back() -> Any:
            found = server.get(f"/v1/policies/{TOOL}", reader).json()["structures"][0]["fields"]
            return next((f for f in found if f["path"] == UNUSED and f["retrieved"] == 1), None)

        assert eventually(back)["state"] == "kept"
        assert eventually(lambda: server.get("/v1/policies", reader).json()["version"] == 2)


def test_who_may_do_what(tmp_path: Path) -> None:
    with running(tmp_path) as (server, admin, key, reader):
        stranger = server.make_key("other", "admin", "admin")
        assert decide(server, admin, "forbidden") == 1
        for path in ("/v1/policies", f"/v1/policies/{TOOL}", "/v1/policies/export"):
            assert [server.get(path, who).status_code for who in (admin, reader, key, None)] == [200, 200, 403, 401]
        assert server.get("/v1/policies", stranger).json()["tools"] == []
        assert server.get(f"/v1/policies/{TOOL}", stranger).status_code == 404
        document = server.get("/v1/policies/export", reader).json()
        writes = (
            ("PUT", f"/v1/policies/{TOOL}/fields", {**WHERE, "state": "auto"}),
            ("POST", "/v1/policies/import", document),
            ("POST", "/v1/learning", {"mode": "off", "shared": True}),
        )
        for method, path, body in writes:
            assert [call(server, who, method, path, body).status_code for who in (reader, key, admin)] == [
                403,
                403,
                200,
            ]
        done = [e["action"] for e in server.get("/v1/audit", admin).json()["entries"]]
        assert done[:4] == ["learning.switch", "policy.import", "policy.auto", "policy.forbidden"]
        assert server.get("/v1/policies", reader).json()["mode"] == "off"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", f"/v1/policies/{TOOL}/fields", {**WHERE, "state": "gone"}, 422),
        ("PUT", f"/v1/policies/{TOOL}/fields", {**WHERE, "path": "a.b", "state": "pinned"}, 422),
        ("PUT", f"/v1/policies/{TOOL}/fields", {**WHERE, "path": '$["\\q"]', "state": "pinned"}, 422),
        ("PUT", f"/v1/policies/{TOOL}/fields", {**WHERE, "structure": "0" * 15, "state": "pinned"}, 422),
        ("PUT", f"/v1/policies/{'t' * 65}/fields", {**WHERE, "state": "pinned"}, 422),
        ("PUT", f"/v1/policies/{TOOL}/fields", {"state": "pinned"}, 422),
        ("PUT", f"/v1/policies/{TOOL}/fields", [], 422),
        ("POST", "/v1/policies/import", {"headroom_policy": 2}, 422),
        ("POST", "/v1/policies/import", [], 422),
        ("POST", "/v1/learning", {"mode": "sometimes"}, 422),
        ("POST", "/v1/learning", {"shared": "yes"}, 422),
        ("GET", "/v1/policies/export?version=x", None, 422),
        ("GET", "/v1/policies/export?version=7", None, 404),
        ("GET", "/v1/policies/nobody_called_this", None, 404),
    ],
)
def test_bad_input_is_answered_with_what_is_allowed(
    open_service: Service, method: str, path: str, body: Any, status: int
) -> None:
    reply = open_service.client.request(method, path, json=body)
    assert reply.status_code == status, reply.text
    error = reply.json()["error"]
    assert error["code"] in (
        "invalid_parameter",
        "invalid_request",
        "invalid_policy",
        "unknown_version",
        "unknown_tool",
    )
    assert {"allowed", "action", "given"} & set(error)


def test_a_page_of_another_origin_cannot_decide(open_service: Service) -> None:
    body = json.dumps({"mode": "off"}).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        reply = open_service.client.post("/v1/learning", content=body, headers={"content-type": kind})
        assert reply.status_code == 415


def test_a_lost_pin_and_local_fallbacks_are_counted(tmp_path: Path) -> None:
    with running(tmp_path, "--metrics-token", "t0ken") as (server, admin, key, reader):
        decide(server, admin, "forbidden")
        fresh(iter(range(1, 1000)), server, key, drops)
        # The third request of a conversation whose first two this service has not seen, or has forgotten.
        texts(server, key, talk(5000, 3))
        headers = {"authorization": f"Bearer {key}", "x-headroom-fallbacks": "3"}
        for value in ("3", "x", "-1", "9" * 30):
            headers["x-headroom-fallbacks"] = value
            reply = server.client.post("/v1/compress", json={"messages": talk(5001)}, headers=headers)
            assert reply.status_code == 200
        found = eventually(
            lambda: got if (got := server.get("/v1/stats", reader).json()["learning"])["local_fallbacks"] else None
        )
        assert (found["pins_lost"], found["local_fallbacks"]) == (1, 3)
        assert server.get("/v1/stats", server.make_key("other", "r", "read")).json()["learning"]["pins_lost"] == 0
        metrics = server.get("/metrics", "t0ken").text
        assert 'headroom_learning_total{what="pins_lost"} 1.0' in metrics
        assert 'headroom_learning_total{what="local_fallbacks"} 3.0' in metrics


def test_the_client_says_how_often_it_went_without_the_service(tmp_path: Path) -> None:
    from headroom.integrations.cloud_client import CloudClient, CloudError

    with running(tmp_path) as (server, _, key, reader):
        client = CloudClient(server.url, key, break_after=100)
        request = {"model": "gpt-4o", "messages": talk(1)}
        port, client._port = client._port, 1
        for _ in range(2):
            with pytest.raises(CloudError):
                client.compress(request, lambda reply: reply)
        client._port = port
        for _ in range(2):
            assert client.compress(request, lambda reply: reply)["messages"]
        client.close()

        def counted() -> Any:
            return server.get("/v1/stats", reader).json()["learning"]["local_fallbacks"]

        assert eventually(counted) == 2
