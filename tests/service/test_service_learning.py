"""Learning in the service: counted once, applied to whole conversations, decided about by people."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from headroom._core import json_structure
from headroom.cloud import keys, tables
from headroom.cloud.database import Database, migrate
from headroom.cloud.errors import ServiceError
from headroom.cloud.learning import counters, cuts, evidence, head, policies, retention, shared
from headroom.cloud.learning import pins as pins_module
from headroom.cloud.learning.cuts import Cut
from headroom.cloud.learning.head import EXPLORE_EVERY
from headroom.cloud.learning.pins import Pins
from headroom.cloud.settings import ServiceSettings
from headroom.learning.conversation import digest, up_to_first_output
from headroom.learning.policy import Field
from headroom.learning.signals import observe
from running import Service, eventually, service
from servers import Postgres, Redis

TOOL = "search_flights"
UNUSED = "$.flights[].fare_basis"


def output(seed: int = 0) -> str:
    rng = random.Random(seed)
    flights = [
        {
            "flight_id": f"HAT{i:03d}",
            "price": round(rng.uniform(100, 900), 2),
            "fare_basis": f"{rng.getrandbits(60):015x}",
            "gate_text": f"Secret{rng.randrange(10**6):06d} hall",
        }
        for i in range(20)
    ]
    return json.dumps({"flights": flights})


STRUCTURE = json_structure(output())[0]  # type: ignore[index]
WHERE = {"structure": STRUCTURE, "path": UNUSED}


def talk(number: int, turns: int = 1, answer: str = "") -> list[Any]:
    """A conversation up to an output, or with answers and further questions."""
    call = {"id": f"call_{number:08x}", "type": "function", "function": {"name": TOOL, "arguments": "{}"}}
    rows: list[Any] = [
        {"role": "system", "content": "You are a helpful agent."},
        {"role": "user", "content": "What is there today?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": output(number)},
    ]
    first = json.loads(output(number))["flights"][0]
    for turn in range(1, turns):
        said = answer or f"HAT000 for {first['price']}."
        rows += [{"role": "assistant", "content": said}, {"role": "user", "content": f"And then? {turn}"}]
    return rows


def explores(number: int, key: bytes) -> bool:
    found = head.read(json.dumps(talk(number)).encode(), key)
    assert found is not None
    return found.explores


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    return str(request.getfixturevalue("postgres").database()).replace("postgresql:", "postgresql+psycopg:")


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    made = Database(url)
    migrate(made.engine)
    yield made
    made.close()


def organisation(database: Database, name: str = "acme") -> tuple[str, bytes]:
    return database.call(lambda c: keys.organisation(c, name, make=True, actor="test"))


def fold(database: Database, who: tuple[str, bytes], talks: list[list[Any]]) -> None:
    seen = [(digest(up_to_first_output(rows), who[1]), observe(rows)) for rows in talks]
    database.call(evidence.fold, who[0], who[1], seen)


def field_of(database: Database, org: str, path: str = UNUSED) -> dict[str, Any]:
    found = database.call(policies.get_tool, org, TOOL)
    (structure,) = found["structures"]
    return next(f for f in structure["fields"] if f["path"] == path)


def test_each_conversation_counts_once_whoever_sees_it(database: Database) -> None:
    who = organisation(database)
    for number in range(6):
        for turns in (2, 2, 3):
            fold(database, who, [talk(number, turns)])
    fold(database, who, [talk(number, 4) for number in range(6)])
    found = field_of(database, who[0])
    assert (found["conversations"], found["seen"], found["used"], found["quiet"]) == (6, 6, 0, 6)
    # What is used later counts when it is used, once.
    fare = json.loads(output(3))["flights"][5]["fare_basis"]
    for _ in range(2):
        fold(database, who, [talk(3, 5, f"The basis is {fare}.")])
    found = field_of(database, who[0])
    assert (found["conversations"], found["seen"], found["used"], found["quiet"]) == (6, 6, 1, 0)


def test_a_version_is_made_when_the_evidence_is_there_and_another_when_it_is_not(database: Database) -> None:
    who = organisation(database)
    fold(database, who, [talk(number, 2) for number in range(148)])
    assert database.call(policies.newest, who[0]) == 0
    fold(database, who, [talk(148, 2)])
    listed = database.call(policies.list_policies, who[0], "on")
    assert listed["version"] == 1
    (tool,) = listed["tools"]
    assert (tool["tool"], tool["structure"], tool["conversations"]) == (TOOL, STRUCTURE, 149)
    assert tool["dropped"] == [UNUSED, "$.flights[].gate_text"]
    document = database.call(policies.export_policy, who[0])
    assert document["tools"][TOOL][STRUCTURE]["drop"] == tool["dropped"]
    about = document["tools"][TOOL][STRUCTURE]["fields"][UNUSED]
    assert (about["seen"], about["used"], about["state"]) == (149, 0, "dropped")
    assert about["use_at_most"] == pytest.approx(0.0199, abs=1e-4)
    fare = json.loads(output(200))["flights"][5]["fare_basis"]
    fold(database, who, [talk(200, 2, f"The basis is {fare}.")])
    assert database.call(policies.list_policies, who[0], "on")["tools"][0]["dropped"] == ["$.flights[].gate_text"]
    assert [v["version"] for v in database.call(policies.versions, who[0])] == [2, 1]
    assert database.call(policies.export_policy, who[0], 1) == document
    with pytest.raises(ServiceError):
        database.call(policies.export_policy, who[0], 9)


def test_no_content_and_no_name_that_few_conversations_had_is_in_the_database(database: Database) -> None:
    who = organisation(database)
    rows = talk(1, 3)
    held = json.loads(rows[3]["content"])
    held["customers"] = {"Annabelle": {"x": 1}}
    held["alias_of_bob"] = "nobody-knows-this"
    rows[3]["content"] = json.dumps(held)
    fold(database, who, [rows])
    database.call(cuts.write, who[0], [Cut("0" * 24, "1" * 32, TOOL, STRUCTURE, 1)])
    everything = ""
    with database.engine.connect() as connection:
        for table in tables.metadata.sorted_tables:
            everything += repr(connection.execute(sa.select(table)).all())
    for secret in (
        "Annabelle",
        "alias_of_bob",
        "nobody-knows",
        "fare_basis",
        "HAT000",
        "helpful agent",
        "today",
        "Secret",
    ):
        assert secret not in everything, secret
    assert TOOL in everything
    # After some more conversations the schema's names are known, and still none of the one with other names.
    fold(database, who, [talk(number, 2) for number in range(5)])
    assert field_of(database, who[0])["seen"] == 5
    with database.engine.connect() as connection:
        everything = repr(connection.execute(sa.select(tables.learning_evidence)).all())
    assert "fare_basis" in everything
    for secret in ("Annabelle", "alias_of_bob", "HAT000", "Secret"):
        assert secret not in everything


def test_people_decide_and_it_is_written_down(database: Database) -> None:
    who = organisation(database)

    def put(state: str) -> int:
        version: int = database.call(policies.set_state, who[0], "key_1", TOOL, STRUCTURE, UNUSED, state)["version"]
        return version

    assert put("forbidden") == 1
    assert field_of(database, who[0])["state"] == "forbidden"
    assert put("forbidden") == 1
    assert put("pinned") == 2
    fold(database, who, [talk(number, 2) for number in range(160)])
    assert field_of(database, who[0])["state"] == "pinned"
    assert field_of(database, who[0], "$.flights[].gate_text")["state"] == "dropped"
    assert put("auto") == 4
    assert field_of(database, who[0])["state"] == "dropped"
    entries = database.call(keys.audit_log, who[0])
    done = [(e["action"], e["actor"]) for e in entries if e["action"].startswith("policy.")]
    assert done == [(f"policy.{s}", "key_1") for s in ("auto", "pinned", "forbidden", "forbidden")]


def test_a_document_moves_from_one_organisation_to_another(database: Database) -> None:
    who, other = organisation(database), organisation(database, "other")
    fold(database, who, [talk(number, 2) for number in range(160)])
    database.call(policies.set_state, who[0], "key_1", TOOL, STRUCTURE, "$.flights[].price", "pinned")
    document = json.loads(json.dumps(database.call(policies.export_policy, who[0])))
    made = database.call(policies.import_policy, other[0], "key_2", document)
    assert made == {"version": 1, "tools": 1, "fields": 4}
    there = database.call(policies.export_policy, other[0])
    assert there["tools"] == document["tools"]
    # Evidence of one's own counts on from there, and a smaller one from elsewhere is not taken.
    fold(database, other, [talk(number, 2) for number in range(3)])
    assert field_of(database, other[0])["seen"] == 163
    database.call(policies.import_policy, other[0], "key_2", document)
    assert field_of(database, other[0])["seen"] == 163
    bare = {"headroom_policy": 1, "tools": {"t": {"0" * 16: {"drop": ["$.a"]}}}}
    database.call(policies.import_policy, other[0], "key_2", bare)
    assert database.call(policies.get_tool, other[0], "t")["structures"][0]["fields"][0]["state"] == "forbidden"


def learned(seen: int) -> dict[str, Any]:
    """A policy with evidence of one field."""
    about = {"seen": seen, "used": 0, "retrieved": 0, "state": "dropped"}
    known = {"drop": [UNUSED], "fields": {UNUSED: about}}
    return {"headroom_policy": 1, "version": 1, "tools": {TOOL: {STRUCTURE: known}}}


def share(database: Database, count: int) -> None:
    for i in range(count):
        who = organisation(database, f"org{i}")
        database.call(policies.import_policy, who[0], "test", learned(150))
        database.call(policies.set_learning, who[0], "test", "on", None, True)


class Noise(random.Random):
    """Draws what makes the Laplace noise 0."""

    def random(self) -> float:
        return 0.5


def test_organisations_learn_from_five_others_and_not_from_four(database: Database) -> None:
    share(database, 4)
    new, apart = organisation(database, "new"), organisation(database, "apart")
    database.call(policies.set_learning, new[0], "test", "on", None, True)
    for who in (new, apart):
        database.call(policies.import_policy, who[0], "test", learned(100))
    assert database.call(shared.release, 1000, Noise()) == 1
    # The fifth is `new` itself, which does not say unused yet: four of five are not enough.
    assert database.call(shared.unused, new[0]) == {}
    share(database, 14)
    assert database.call(shared.release, 2000, Noise()) == 0, "not twice a day"
    assert database.call(shared.release, 1000 + shared.EVERY_S, Noise()) == 1
    assert database.call(shared.unused, new[0])[Field(TOOL, STRUCTURE, UNUSED)] == shared.STANDS_FOR
    assert database.call(shared.unused, apart[0]) == {}
    assert field_of(database, new[0])["state"] == "dropped"
    assert "other organisations'" in field_of(database, new[0])["why"]
    assert field_of(database, apart[0])["state"] == "kept"


def test_what_fewer_than_five_know_is_not_released_and_noise_is_added(database: Database) -> None:
    share(database, 4)
    assert database.call(shared.release, 1000, Noise()) == 0
    share(database, 5)
    t = tables.learning_shared
    drawn = set()
    for day in range(1, 4):
        assert database.call(shared.release, 1000 + day * shared.EVERY_S) > 0
        drawn.add(database.call(lambda c: c.execute(sa.select(t.c.unused).where(t.c.path == UNUSED)).scalar()))
    assert len(drawn) == 3
    assert not any(float(number).is_integer() for number in drawn)


def test_what_is_old_is_forgotten(database: Database) -> None:
    who = organisation(database)
    fold(database, who, [talk(1, 2)])
    now = int(time.time())
    database.call(policies.set_state, who[0], "key_1", TOOL, STRUCTURE, UNUSED, "forbidden")
    settings = ServiceSettings()
    assert database.call(retention.prune, settings, now) == 0
    assert database.call(retention.prune, settings, now + settings.pin_ttl_s + 5) == 1
    assert database.call(retention.prune, settings, now + 40 * 86_400) > 3
    assert database.call(policies.newest, who[0]) == 1


def test_two_that_pin_at_once_agree(database: Database, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins_module, "TIMEOUT_S", 30.0)

    # The server of other tests, too.
    one, two = (f"org_{random.SystemRandom().getrandbits(64):x}" for _ in range(2))

    async def race(redis_url: str | None) -> None:
        workers = [Pins(database, redis_url, 3600) for _ in range(4)]
        for number in range(20):
            name = f"{number:032x}"
            pins = await asyncio.gather(*(w.pin(one, name, i + 1) for i, w in enumerate(workers)))
            assert len({pin.version for pin in pins}) == 1
            assert sorted(pin.source for pin in pins) == ["found", "found", "found", "new"]
            assert {w.known(one, name) for w in workers} == {pins[0].version}
            assert (await workers[0].pin(two, name, 9)).version == 9, "another organisation's"
        for worker in workers:
            await worker.close()

    for redis_url in (None, redis.url):
        asyncio.run(race(redis_url))


def test_a_storage_that_is_away_costs_the_pin_and_not_the_request(tmp_path: Path, redis: Redis) -> None:
    made = Database(f"sqlite:///{tmp_path / 'test.db'}")
    migrate(made.engine)

    async def go() -> None:
        pins = Pins(made, "redis://127.0.0.1:1/0", 3600)
        assert await pins.pin("org", "a" * 32, 3) == (3, "failed")
        await pins.close()
        pins = Pins(made, redis.url, 3600)
        assert await pins.pin("org", "b" * 32, 3) == (3, "new")
        pins._client.connection_pool.connection_kwargs["port"] = 1
        await pins._client.connection_pool.disconnect()
        # What a worker remembers it goes on with.
        assert await pins.pin("org", "b" * 32, 4) == (3, "found")
        await pins.close()

    asyncio.run(go())
    made.close()


def test_the_head_of_a_request() -> None:
    def read(rows: list[Any], key: bytes = b"k") -> head.Head | None:
        return head.read(json.dumps(rows).encode(), key)

    first, later = read(talk(1)), read(talk(1, 3))
    assert first is not None
    assert later is not None
    assert first.conversation == later.conversation
    assert (first.is_running, later.is_running) == (False, True)
    assert read(talk(1)[:3]) is None, "no tool has answered"
    assert read(talk(2)).conversation != first.conversation  # type: ignore[union-attr]
    assert read(talk(1), b"other").conversation != first.conversation  # type: ignore[union-attr]
    halves = json.dumps([7, "x", None, {"role": None, "content": 3}, *talk(1)]).replace("today", "\\ud83d")
    assert head.read(halves.encode(), b"k") is not None
    blocks = [
        {"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "x", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "ok"}]},
    ]
    plain = [{"role": "user", "content": "hi"}, *blocks[1:]]
    assert read(blocks) == read(plain)
    share_of = sum(read(talk(i)).explores for i in range(400)) / 400  # type: ignore[union-attr]
    assert 0.5 / EXPLORE_EVERY < share_of < 2 / EXPLORE_EVERY


# --- the whole service


@contextlib.contextmanager
def running(folder: Path, *words: str, database: str | None = None) -> Iterator[tuple[Service, str, str, str]]:
    """A service with keys: (service, admin's key, compress key, reader's key)."""
    with service(folder, "--key-refresh-s", "0.2", "--flush-s", "0.1", *words, database=database) as server:
        made = [server.make_key("acme", role, role) for role in ("admin", "compress", "read")]
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
        assert server.get("/v1/stats", reader).json()["learning"]["requests_learned"] >= 160
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


def test_what_does_not_fit_is_dropped_and_counted(tmp_path: Path) -> None:
    from headroom.cloud.auth import Identity
    from headroom.cloud.learning.applied import NOTHING
    from headroom.cloud.learning.learner import MAX_QUEUED, MAX_REQUEST_BYTES, Answered, Learning

    made = Database(f"sqlite:///{tmp_path / 'test.db'}")
    migrate(made.engine)
    org, key = organisation(made)
    who = Identity(org, "acme", key, "", "admin", None, None)

    async def go() -> dict[str, int]:
        learning = Learning(ServiceSettings(), made)
        for number in range(MAX_QUEUED + 7):
            learning.offer(Answered(who, json.dumps(talk(number, 2)).encode(), NOTHING, []))
        learning.offer(Answered(who, b"[" + b" " * MAX_REQUEST_BYTES + b"]", NOTHING, []))
        await learning.close()
        return made.call(counters.read, org, 0, 1 << 40)

    assert asyncio.run(go())["requests_not_learned"] == 8
    made.close()
