"""Writing originals beside a request: whatever happens to the store, the request goes on as it is.

A failure is counted each time and logged once per outage, without content. Nothing here changes a byte of
what is sent: whether a message carries a hash depends on configuration alone.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping
from typing import Any

from headroom.errors import InvalidOptionError, StoreError
from headroom.stores.address import default_store, open_store
from headroom.stores.forks import renew_after_fork
from headroom.stores.protocol import Store

log = logging.getLogger("headroom.stores")

MAX_SHARED = 32
"""Stores that are held open by their URL. A program has one or two; more are made anew each time."""

TELL_EVERY_S = 60.0
"""A store that fails now and then is told about once a minute at most."""

AnyStore = Store | str | None
"""A store, its URL, or `None` for the process's own."""


class _State:
    """What the process remembers of its stores."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.shared: dict[tuple[int, str], Store] = {}
        self.failures = 0
        # By identity: stores that failed last time and whether that was told; when each was told about last.
        self.down: dict[int, bool] = {}
        self.told_at: dict[int, float] = {}
        renew_after_fork(self)

    def renew_locks(self) -> None:
        self.lock = threading.Lock()


_state = _State()


def resolve(store: AnyStore) -> Store:
    """The store that an argument means. One URL is one store per process.

    Raises:
        InvalidOptionError: it is no store and no allowed URL.
    """
    if store is None:
        return default_store()
    if isinstance(store, str):
        key = (os.getpid(), store)
        with _state.lock:
            found = _state.shared.get(key)
            if found is None:
                found = open_store(store)
                if len(_state.shared) < MAX_SHARED:
                    _state.shared[key] = found
            return found
    if not isinstance(store, Store):
        raise InvalidOptionError(
            f"store of type {type(store).__name__} is not allowed; allowed: a URL, a Store (put, get, aput, aget, "
            "stats, close, aclose) or None"
        )
    return store


def keep(store: Store, owner: str, originals: Mapping[str, str]) -> bool:
    """Puts originals; returns whether all of them are kept. Never raises for a store that fails."""
    if not originals:
        return True
    try:
        store.put(owner, originals)
    except Exception as error:  # noqa: BLE001 - a store of the caller's may raise anything
        return _failed(error, store)
    return _succeeded(store)


def failures() -> int:
    """How often originals could not be kept in this process."""
    return _state.failures


def _failed(error: Exception, store: Any) -> bool:
    now = time.monotonic()
    with _state.lock:
        _state.failures += 1
        is_news = id(store) not in _state.down and now - _state.told_at.get(id(store), -TELL_EVERY_S) >= TELL_EVERY_S
        if len(_state.down) >= MAX_SHARED:
            _state.down.clear()
            _state.told_at.clear()
        _state.down.setdefault(id(store), is_news)
        if is_news:
            _state.told_at[id(store)] = now
    if is_news:
        # Only our own message is known to hold no content.
        reason = str(error) if isinstance(error, StoreError) else f"{type(store).__name__}: {type(error).__name__}"
        log.warning("originals are not kept, so what is left out cannot be fetched: %s", reason)
    return False


def _succeeded(store: Any) -> bool:
    if id(store) in _state.down:
        with _state.lock:
            was_told = _state.down.pop(id(store), False)
        if was_told:
            log.warning("originals are kept again")
    return True
