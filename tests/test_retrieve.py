"""`retrieve()`: all of it, what matches a query, or a range of lines."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import conversations as c
import pytest
from headroom import (
    InvalidOptionError,
    UnknownHashError,
    _core,
    aretrieve,
    compress,
    count_tokens,
    retrieve,
)
from headroom.compression import compress_body
from headroom.retrieval import retrievals
from headroom.stores import open_store
from hypothesis import given
from hypothesis import strategies as st

LOG = "".join(f"2026-03-04 05:06:07 INFO worker {i} did step {i * 7}\n" for i in range(500)).replace(
    "worker 321 did step", "worker 321 lost the connection to db-7 in step"
)
HASH = "c" * 24


@pytest.fixture
def store() -> Any:
    made = open_store("memory://")
    made.put("me", {HASH: LOG})
    return made


def ask(store: Any, *args: Any, **kwargs: Any) -> str:
    return retrieve(HASH, *args, store=store, owner="me", **kwargs)


def test_what_compress_left_out_comes_back() -> None:
    """With nothing said about stores: the process's own."""
    messages = c.chat([("Which role was refused?", "{}", c.REAL["postgresql.log"])])
    result = compress(messages, retrieval=True)
    (hash_,) = result.originals
    assert retrieve(hash_) == c.REAL["postgresql.log"]
    assert retrieve(f" {hash_.upper()}\n") == c.REAL["postgresql.log"]
    assert asyncio.run(aretrieve(hash_)) == c.REAL["postgresql.log"]
    with pytest.raises(UnknownHashError):
        retrieve(hash_, owner="somebody")
    # `False` keeps nothing: the caller does. (A text of this test's own: others may have kept what they share.)
    text = c.REAL["grep.txt"] + "tests/never_kept.py:1:    raise NotKept\n"
    other = compress(c.chat([("", "{}", text)]), retrieval=True, store=False, target_ratio=0.3)
    assert other.originals
    for hash_ in other.originals:
        with pytest.raises(UnknownHashError):
            retrieve(hash_)


def test_what_cannot_be_fetched_is_not_left_out() -> None:
    """Where the hash costs what leaving something out saves, the message stays."""
    log = "".join(f"INFO worker {i} is fine\n" for i in range(9)) + "ERROR disk full\n"
    messages = c.chat([("What is the error?", "{}", log)])
    assert compress(messages).omitted
    result = compress(messages, retrieval=True, store=False)
    assert all(new is old for new, old in zip(result.messages, messages, strict=True))
    assert (result.omitted, result.originals, result.tokens_saved) == ([], {}, 0)
    assert result.decisions[-1].reason == "would not get shorter with a hash"
    assert {block.why for block in result.decisions[-1].blocks} == {"would not get shorter with a hash"}


def test_bodies_are_kept_too() -> None:
    store = open_store("memory://")
    log = c.REAL["postgresql.log"]
    body = json.dumps({"model": "gpt-4o", "messages": c.chat([("Which role was refused?", "{}", log)])}).encode()
    new, result = compress_body(body, retrieval=True, store=store, owner="me")
    (hash_,) = result.originals
    assert new is not None
    assert hash_.encode() in new
    assert retrieve(hash_, store=store, owner="me") == log


def test_the_secret_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = c.chat([("Which role was refused?", "{}", c.REAL["postgresql.log"])])
    plain = compress(messages, retrieval=True, store=False)
    monkeypatch.setenv("HEADROOM_STORE_SECRET", "fleet")
    keyed = compress(messages, retrieval=True, store=False)
    assert keyed.messages == compress(messages, retrieval=True, store=False, retrieval_key=b"fleet").messages
    assert keyed.messages != plain.messages
    assert compress(messages).messages == compress(messages, retrieval_key=b"x").messages


def test_lines(store: Any) -> None:
    lines = LOG.splitlines(keepends=True)
    assert ask(store, lines=(1, 1)) == lines[0]
    assert ask(store, lines=[3, 5]) == ask(store, lines="3-5") == ask(store, lines=" 3 – 5 ") == "".join(lines[2:5])
    assert ask(store, lines="500") == ask(store, lines=(500, 9999)) == lines[-1]
    assert ask(store, lines=(1, 9999)) == LOG
    store.put("me", {HASH: "one\r\ntwo\n\nfour"})
    assert ask(store, lines=(1, 3)) == "one\r\ntwo\n\n"
    assert ask(store, lines=(4, 4)) == "four"


@given(st.text(alphabet="ab\n\r é", max_size=40), st.integers(1, 12), st.integers(0, 12))
def test_any_range_is_the_originals_own_bytes(text: str, first: int, more: int) -> None:
    store = open_store("memory://")
    store.put("me", {HASH: text})
    count = text.count("\n") + (not text.endswith("\n"))
    count = count if text else 0
    if first > count:
        with pytest.raises(InvalidOptionError, match=f"has {count} lines"):
            ask(store, lines=(first, first + more))
        return
    # Joined, the ranges before, in and after are the text.
    parts = [ask(store, lines=(first, first + more))]
    if first > 1:
        parts.insert(0, ask(store, lines=(1, first - 1)))
    if first + more < count:
        parts.append(ask(store, lines=(first + more + 1, count)))
    assert "".join(parts) == text


@pytest.mark.parametrize(
    "lines", [(0, 3), (5, 4), (1,), (1, 2, 3), (1.5, 2), ("1", "2"), "x", "", "-3", "1-2-3", "٣٣-", 5, True, {}, b"12"]
)
def test_bad_lines(store: Any, lines: Any) -> None:
    with pytest.raises(InvalidOptionError, match="first-last"):
        ask(store, lines=lines)


def test_bad_arguments(store: Any) -> None:
    with pytest.raises(InvalidOptionError, match="501-502 begin behind the end; the original has 500 lines"):
        ask(store, lines=(501, 502))
    for query in ("", "  ", 7, b"x"):
        with pytest.raises(InvalidOptionError, match="query"):
            ask(store, query)
    with pytest.raises(InvalidOptionError, match="not both"):
        ask(store, "words", (1, 2))
    for hash_ in (None, 7, b"c"):
        with pytest.raises(InvalidOptionError, match="hash"):
            retrieve(hash_, store=store)  # type: ignore[arg-type]
    with pytest.raises(UnknownHashError, match="24 hexadecimal digits"):
        retrieve("c" * 23, store=store)
    with pytest.raises(InvalidOptionError, match="owner"):
        retrieve(HASH, store=store, owner=7)  # type: ignore[arg-type]
    for store_ in (7, object(), "nowhere://"):
        with pytest.raises(InvalidOptionError, match="store"):
            retrieve(HASH, store=store_)  # type: ignore[arg-type]
        with pytest.raises(InvalidOptionError, match="store"):
            compress([], retrieval=True, store=store_)  # type: ignore[arg-type]
    with pytest.raises(InvalidOptionError, match="owner"):
        compress([], retrieval=True, owner=7)


def test_a_query_shows_what_matches(store: Any) -> None:
    found = ask(store, "lost connection db-7")
    assert "worker 321 lost the connection to db-7 in step 2247\n" in found
    assert found.startswith("[… 319 lines 1-319]\n")
    assert found.endswith("[… 176 lines 325-500]\n")
    assert len(found.splitlines()) == 7
    assert ask(store, "zebra") == "[… 500 lines 1-500]\n"
    wide = ask(store, "worker did step")
    assert count_tokens(wide) < 2500
    assert wide.count("worker") > 20


@given(c.payload, st.one_of(c.question, st.text(max_size=20)))
def test_an_excerpt_is_honest(text: str, query: str) -> None:
    """Every mark is true, and with what it stands for the excerpt is the original."""
    shown, matches, matching, omitted, _ = _core.excerpt(text, query, 300, "gpt-4o")
    assert 0 <= matches <= matching
    out, at = [], 0
    for unit, first, count, gone in omitted:
        mark = f"[… {count} {unit}{'s' if count > 1 else ''} {first}" + (f"-{first + count - 1}]" if count > 1 else "]")
        found = shown.index(mark, at)
        out += [shown[at:found], gone]
        at = found + len(mark)
        if unit == "sentence":
            at += len(gone) - len(gone.rstrip())
        elif gone.endswith(("\n", "\r")):
            at += 1
    assert "".join(out) + shown[at:] == text


def test_retrievals_are_counted_per_tool_and_kind() -> None:
    messages = c.chat([("Which role was refused?", "{}", c.REAL["postgresql.log"] + "another\n")])
    result = compress(messages, retrieval=True)
    (hash_,) = result.originals
    before = retrievals.read().get(("shell", "log"), 0)
    retrieve(hash_)
    retrieve(hash_, "role")
    with pytest.raises(UnknownHashError):
        retrieve(hash_, owner="somebody")
    assert retrievals.read()["shell", "log"] == before + 2
