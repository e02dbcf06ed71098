"""`memory://`: what only it promises."""

from __future__ import annotations

import os
import random
import sys
import tracemalloc

import pytest
from headroom import ExpiredHashError, StoreError
from headroom.stores import open_store
from headroom.stores.memory import ENTRY_OVERHEAD_BYTES, MAX_REMEMBERED

A, B = "a" * 24, "b" * 24


def test_the_least_recently_used_go_first() -> None:
    size = sys.getsizeof("x" * 1000) + ENTRY_OVERHEAD_BYTES
    store = open_store("memory://", max_bytes=10 * size)
    for i in range(10):
        store.put("me", {f"{i:024x}": f"{i}" * 1000})
    store.get("me", f"{0:024x}")
    store.put("me", {f"{10:024x}": "x" * 1000})
    assert store.get("me", f"{0:024x}") == "0" * 1000
    with pytest.raises(ExpiredHashError, match="others needed the room"):
        store.get("me", f"{1:024x}")
    assert (store.stats()["entries"], store.stats()["dropped"]) == (10, 1)


def test_bytes_are_what_python_takes() -> None:
    limit = 4_000_000
    store = open_store("memory://", max_bytes=limit)
    rng = random.Random(7)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for i in range(20_000):
            text = rng.choice("aé日🦀") * rng.randrange(1, 600)
            store.put("me", {f"{i:024x}": text})
            assert store.stats()["bytes"] <= limit
        del text
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    # The names of dropped entries come on top: they are remembered for the sake of the answer.
    assert 0.5 * limit < held < 1.15 * limit + MAX_REMEMBERED * 200


def test_what_never_fits_is_an_error_and_the_rest_is_kept() -> None:
    store = open_store("memory://", max_bytes=5000)
    with pytest.raises(StoreError, match="1 of 2 originals are larger"):
        store.put("me", {A: "x" * 6000, B: "small"})
    assert store.get("me", B) == "small"


def test_nothing_is_written_to_disk(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    store = open_store("memory://")
    store.put("me", {A: "secret words"})
    store.close()
    assert os.listdir(tmp_path) == []
