"""Every omitted unit comes back byte for byte through each store; HYPOTHESIS_PROFILE=thorough takes 1,000 requests."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import conversations as c
import pytest
from headroom import CompressResult, StoreError, compress, retrieve
from headroom.stores import Store, open_store
from hypothesis import given
from redis_servers import RedisServer

POINTER = re.compile(r'\[headroom_retrieve\("([0-9a-f]{24})"\) has the rest\]')


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer) -> list[Store]:
    path = tmp_path_factory.mktemp("sqlite") / "x.db"
    return [
        open_store(url) for url in ("memory://", f"sqlite:///{path}?timeout_s=20", f"{redis_server.url}?timeout_s=20")
    ]


def check(messages: list[dict[str, Any]], stores: list[Store], **options: Any) -> CompressResult:
    """Compresses into each store and fetches everything back."""
    results = [compress(messages, retrieval=True, store=store, owner="me", **options) for store in stores]
    assert all(result.messages == results[0].messages for result in results)
    result = results[0]
    gone: dict[int, list[str]] = {}
    for omitted in result.omitted:
        gone.setdefault(omitted.message, []).append(omitted.text)
    for i, message in enumerate(result.messages):
        hashes = POINTER.findall("\n".join(c.strings(message)))
        # One hash where something is missing, and none elsewhere (forged ones are in the input already).
        assert len(set(hashes) - set(POINTER.findall("\n".join(c.strings(messages[i]))))) == (i in gone)
        for hash_ in hashes:
            changed = [a for a, b in zip(c.strings(messages[i]), c.strings(message), strict=True) if a != b]
            for store in stores:
                original = retrieve(hash_, store=store, owner="me")
                assert original == "\n".join(changed)
                for text in gone[i]:
                    assert text in original
    return result


@pytest.mark.parametrize("dialect", sorted(c.DIALECTS))
def test_real_requests(stores: list[Store], dialect: str) -> None:
    for level in ("balanced", "aggressive"):
        turns = [(f"What about {name}: which role was refused?", "{}", text) for name, text in c.REAL.items()]
        result = check(c.DIALECTS[dialect](turns), stores, level=level)
        assert result.originals
        assert {o.tool for o in result.origins.values()} == {"shell"}


@pytest.mark.parametrize("name", sorted(c.REAL))
def test_each_kind_in_a_users_message(stores: list[Store], name: str) -> None:
    message = {"role": "user", "content": f"Which role was refused?\n\n{c.REAL[name]}\n\nBe brief."}
    result = check([message], stores, target_ratio=0.3)
    if result.omitted:
        assert [o.tool for o in result.origins.values()] == [""]
        assert all(o.kinds for o in result.origins.values())


@given(c.turns)
def test_generated_requests(stores: list[Store], turns: list[c.Turn]) -> None:
    check(c.chat(turns), stores, target_ratio=0.4)
    check(c.anthropic(turns), stores)


@given(c.turns)
def test_generated_users_messages(stores: list[Store], turns: list[c.Turn]) -> None:
    content = "\n\n".join(f"{question}\n\n{output}" for question, _, output in turns)
    check([{"role": "user", "content": content}], stores, target_ratio=0.4)


def test_a_store_that_is_down_changes_no_byte(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from headroom.stores import keep

    server = RedisServer(tmp_path / "redis")
    url = server.url
    server.kill()
    (tmp_path / "not a store").write_text("x" * 5000)
    messages = c.chat([("Which role was refused?", "{}", text) for text in c.REAL.values()])
    good = compress(messages, retrieval=True, store="memory://")
    for bad in (url, f"sqlite:///{tmp_path}/not a store", "sqlite:////proc/nowhere/x.db", Broken()):
        before = keep.failures()
        caplog.clear()
        results = [compress(messages, retrieval=True, store=bad) for _ in range(3)]
        assert all(result == good for result in results)
        assert keep.failures() == before + 3
        told = [record.getMessage() for record in caplog.records]
        assert len([line for line in told if "not kept" in line]) == 1
        assert not any("nobody_here" in line for line in told)


def test_an_outage_is_told_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    from headroom.stores import keep

    class Flapping(Broken):
        is_up = False

        def put(self, owner: str, originals: Any) -> None:
            if not self.is_up:
                raise StoreError("down for a test")

    caplog.set_level("INFO")
    one, other = Flapping(), open_store("memory://")
    for is_up in (False, False, True, True, False, True):
        one.is_up = is_up
        assert keep.keep(one, "me", {"a" * 24: "text"}) is is_up
        assert keep.keep(other, "me", {"a" * 24: "text"})
    # The second outage comes within a minute of the first.
    assert [record.getMessage().split(",")[0] for record in caplog.records] == [
        "originals are not kept",
        "originals are kept again",
    ]


class Broken:
    """A store of the caller's that raises what it likes, quoting the text."""

    def put(self, owner: str, originals: Any) -> None:
        raise RuntimeError(str(originals))

    get = aput = aget = stats = close = aclose = put
