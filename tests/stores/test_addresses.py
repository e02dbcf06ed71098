"""From a URL to a store: what is allowed, and what a wrong one is told."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from headroom import InvalidOptionError
from headroom.stores import default_store, open_store
from headroom.stores.memory import MemoryStore
from headroom.stores.redis import RedisStore
from headroom.stores.sqlite import SqliteStore
from hypothesis import example, given
from hypothesis import strategies as st

A = "a" * 24


def test_good_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    memory = open_store("memory://?max_bytes=1000000&ttl_s=60")
    assert isinstance(memory, MemoryStore)
    assert (memory.max_bytes, memory.ttl_s) == (1_000_000, 60.0)
    assert open_store("memory://?ttl_s=60", ttl_s=5).ttl_s == 5  # type: ignore[attr-defined]
    sqlite = open_store("sqlite:///a%20b.db?max_bytes=1000000&timeout_s=1")
    assert isinstance(sqlite, SqliteStore)
    assert sqlite.path == str(tmp_path / "a b.db")
    assert open_store(f"sqlite:///{tmp_path}/x.db").path == f"{tmp_path}/x.db"  # type: ignore[attr-defined]
    redis = open_store("redis://user:p%40ss@host:6390/3?ttl_s=9&prefix=app")
    assert isinstance(redis, RedisStore)
    assert (redis.where, redis.ttl_s, redis.prefix, redis.cluster) == ("host:6390", 9.0, "app", False)
    cluster = open_store("rediss+cluster://host/?ssl_ca_certs=/ca.pem")
    assert isinstance(cluster, RedisStore)
    assert cluster.cluster
    # Nothing is opened, made or asked before the first use.
    assert os.listdir(tmp_path) == []


def test_the_environment_chooses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADROOM_STORE", raising=False)
    assert isinstance(open_store(), MemoryStore)
    assert default_store() is default_store()
    monkeypatch.setenv("HEADROOM_STORE", f"sqlite:///{tmp_path}/x.db")
    assert isinstance(default_store(), SqliteStore)
    assert isinstance(open_store("memory://"), MemoryStore)
    monkeypatch.setenv("HEADROOM_STORE", "postgres://secret@host")
    with pytest.raises(InvalidOptionError) as raised:
        default_store()
    assert "secret" not in str(raised.value)


BAD = [
    "postgres://host",
    "memory",
    "memory://host",
    "memory:///path",
    "memory://?max_bytes=0",
    "memory://?max_bytes=-1",
    "memory://?max_bytes=1e9",
    "memory://?max_bytes=" + "9" * 5000,
    "memory://?ttl_s=0",
    "memory://?ttl_s=nan",
    "memory://?ttl_s=inf",
    "memory://?ttl_s=",
    "memory://?ttl=5",
    "memory://?ttl_s=5&ttl_s=6",
    "memory://?max_bytes",
    "sqlite://",
    "sqlite:///",
    "sqlite://host/x.db",
    "sqlite:///folder/",
    "sqlite:///x.db?journal=off",
    "sqlite:///x%00.db",
    "redis://",
    "redis://host:port",
    "redis://host:99999",
    "redis://host/name",
    "redis://host?ttl_s=5&max_bytes=7",
    "redis://host?prefix={x}",
    "redis://host?ssl_ca_certs=x",
    "redis://host/0#x",
    "http://[",
    "",
    "://",
]


@pytest.mark.parametrize("url", BAD)
def test_bad_ones_are_told_what_is_allowed(url: str) -> None:
    with pytest.raises(InvalidOptionError, match=r"allowed|once"):
        open_store(url or " ")


@pytest.mark.parametrize("options", [{"max_bytes": True}, {"max_bytes": 1.5}, {"ttl_s": None}, {"ttl_s": []}, {"x": 1}])
def test_bad_keywords(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOptionError, match="allowed"):
        open_store("memory://", **options)


@pytest.mark.parametrize("url", [7, b"memory://", object()])
def test_what_is_no_url(url: Any) -> None:
    with pytest.raises(InvalidOptionError, match="a URL like"):
        open_store(url)


piece = st.one_of(
    st.sampled_from(["memory", "sqlite", "redis", "rediss", "redis+cluster", "://", "/", "?", "&", "=", "#", "@", ":"]),
    st.sampled_from(
        ["max_bytes", "ttl_s", "timeout_s", "prefix", "host", "6379", "0", "-1", "nan", "%00", "%2f", "[", "]"]
    ),
    st.text(max_size=8),
)


@given(st.lists(piece, max_size=12).map("".join))
@example("redis://h\u2100st")
@example("redis://host:٣/٣")
@example("memory://?max_bytes=٣")
@example("sqlite:///\ud800")
def test_any_text_is_a_store_or_an_option_error(url: str) -> None:
    told = ""
    try:
        assert type(open_store(url or " ")) in (MemoryStore, SqliteStore, RedisStore)
    except InvalidOptionError as error:
        told = str(error)
    assert len(told) < 500


def test_redis_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.delitem(sys.modules, "headroom.stores.redis")
    monkeypatch.delitem(sys.modules, "headroom.stores.redis_clients")
    with pytest.raises(InvalidOptionError, match=r"pip install 'headroom-ai\[redis\]'"):
        open_store("redis://host")
