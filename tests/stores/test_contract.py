"""What every store promises, against every backend."""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from headroom import ExpiredHashError, StoreError, UnknownHashError
from headroom.stores import Store, open_store

A, B = "a" * 24, "b" * 24
TEXTS = [
    "",
    "x",
    "two\nlines\r\n",
    "日本語 🦀\0 end",
    "long " * 50_000,
    "".join(chr(33 + i * 7 % 90) for i in range(9999)),
]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: f"{len(text)}")
def test_what_was_put_comes_back(store: Store, text: str) -> None:
    assert isinstance(store, Store)
    store.put("me", {A: text, B: "other"})
    assert store.get("me", A) == text
    store.put("me", {A: text})
    assert (store.get("me", A), store.get("me", B)) == (text, "other")
    store.put("me", {})


def test_the_same_without_blocking(store: Store) -> None:
    async def use() -> None:
        await store.aput("me", {A: "text", B: TEXTS[4]})
        assert await asyncio.gather(*(store.aget("me", h) for h in [A, B] * 20)) == ["text", TEXTS[4]] * 20
        with pytest.raises(UnknownHashError):
            await store.aget("you", A)
        await store.aput("me", {})
        await store.aclose()

    # Two event loops, one after the other: a connection of the first must not be used in the second.
    asyncio.run(use())
    asyncio.run(use())
    store.put("me", {A: "text"})
    assert store.get("me", A) == "text"


def test_the_event_loop_goes_on(store: Store) -> None:
    """A slow put of much text leaves the loop free (SQLite and Redis compress on threads)."""
    texts = {f"{i:024x}": os.urandom(200_000).hex() for i in range(20)}
    gaps: list[float] = []

    async def tick() -> None:
        while True:
            started = time.perf_counter()
            await asyncio.sleep(0.001)
            gaps.append(time.perf_counter() - started)

    async def use() -> None:
        ticking = asyncio.create_task(tick())
        await asyncio.sleep(0.01)
        await store.aput("me", texts)
        assert await store.aget("me", f"{7:024x}") == texts[f"{7:024x}"]
        ticking.cancel()
        await store.aclose()

    started = time.perf_counter()
    asyncio.run(use())
    whole = time.perf_counter() - started
    assert max(gaps) < max(0.5 * whole, 0.05)


def test_foreign_and_unknown_are_one_answer(store: Store) -> None:
    store.put("me", {A: "mine"})
    messages = []
    for owner, hash_ in (("you", A), ("", A), ("me ", A), ("you", A)):
        with pytest.raises(UnknownHashError) as raised:
            store.get(owner, hash_)
        messages.append(str(raised.value))
    with pytest.raises(UnknownHashError) as raised:
        store.get("you", B)
    assert set(messages) == {str(raised.value).replace(B, A)}
    # No owner and hash run together into another pair.
    store.put("me" + A, {B: "other"})
    with pytest.raises(UnknownHashError):
        store.get("me", A + B)


@pytest.mark.parametrize("odd", ["", "x", "A" * 24, "a" * 23, "a" * 25, "ä" * 24, "\ud800", "a" * 10_000, "'; --\n"])
def test_what_is_no_hash_is_unknown(store: Store, odd: str) -> None:
    with pytest.raises(UnknownHashError) as raised:
        store.get("me", odd)
    assert "24 hexadecimal digits" in str(raised.value)
    assert len(str(raised.value)) < 200
    store.put(odd, {A: "odd owners are owners"})
    assert store.get(odd, A) == "odd owners are owners"


def test_expired_is_another_answer_for_the_owner_alone(url: str) -> None:
    store = open_store(url, ttl_s=0.3)
    store.put("me", {A: "text"})
    assert store.get("me", A) == "text"
    time.sleep(0.35)
    with pytest.raises(ExpiredHashError):
        store.get("me", A)
    with pytest.raises(UnknownHashError):
        store.get("you", A)
    # Sweeping does not make it unknown, and putting it again revives it.
    store.put("me", {B: "other"})
    with pytest.raises(ExpiredHashError):
        store.get("me", A)
    store.put("me", {A: "text"})
    assert store.get("me", A) == "text"
    assert store.stats()["expired"] == 2
    store.close()


def test_putting_again_renews_the_age(url: str) -> None:
    store = open_store(url, ttl_s=0.6)
    for _ in range(6):
        store.put("me", {A: "text"})
        time.sleep(0.2)
        assert store.get("me", A) == "text"
    assert store.stats()["renewed"] == 5
    assert store.stats()["puts"] == 1
    store.close()


def test_many_threads(store: Store) -> None:
    def use(n: int) -> None:
        for i in range(40):
            hash_ = f"{i % 7:024x}"
            store.put(f"owner {n % 3}", {hash_: f"{n % 3} {i % 7} " * 200})
            assert store.get(f"owner {n % 3}", hash_) == f"{n % 3} {i % 7} " * 200

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(use, range(8)))
    assert store.stats()["hits"] == 320


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_uses_it_too(store: Store) -> None:
    store.put("me", {A: "before"})
    child = os.fork()
    if child == 0:
        code = 1
        try:
            store.put("me", {B: "from the child"})
            good = store.get("me", B) == "from the child" and store.get("me", A) == "before"
            code = 0 if good and asyncio.run(store.aget("me", A)) == "before" else 1
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    store.put("me", {A: "before"})
    assert store.get("me", A) == "before"
    if store.stats()["kind"] != "memory":
        assert store.get("me", B) == "from the child"


def test_lone_surrogates_cost_their_put_alone(store: Store) -> None:
    if store.stats()["kind"] == "memory":
        return
    with pytest.raises(StoreError, match="surrogates"):
        store.put("me", {A: "bad \ud800"})
    store.put("me", {A: "good"})
    assert store.get("me", A) == "good"
    assert store.stats()["errors"] == 1


def test_a_closed_store_opens_again(store: Store) -> None:
    store.put("me", {A: "text"})
    store.close()
    store.close()
    store.put("me", {A: "text"})
    assert store.get("me", A) == "text"
