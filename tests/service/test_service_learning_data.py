"""Learning behind the service: counted once, decided about, pinned, shared and forgotten, on both databases."""

from __future__ import annotations

import asyncio
import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flights import STRUCTURE, TOOL, UNUSED, learned, output, talk
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
from servers import Redis


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
