"""`memory://`: originals in this process, bounded, gone when it ends.

Least recently used entries go first when room is needed. The texts are the caller's own string objects,
so a put copies nothing; a put and a get take microseconds, which is why the async forms simply call them.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from headroom.errors import StoreError
from headroom.stores.forks import renew_after_fork
from headroom.stores.protocol import DEFAULT_TTL_S, entry_key, expired, unknown
from headroom.stores.tally import Tally

DEFAULT_MAX_BYTES = 64 << 20
"""About 16 million tokens of originals: more than the conversations that one process carries at once."""

ENTRY_OVERHEAD_BYTES = 300
"""Key, tuple and places in the table, besides the text itself (measured with tracemalloc, CPython 3.11)."""

SWEEP_EVERY_S = 60.0
"""How often a put looks for originals past their age: 1 ms for 20,000 of them."""

MAX_REMEMBERED = 10_000
"""Names of dropped entries that are remembered, about 150 bytes each."""


class MemoryStore:
    """Keeps originals in this process.

    Args:
        max_bytes: bytes that the originals may take, as Python holds them.
        ttl_s: seconds after its last put that an original is kept.
    """

    def __init__(self, max_bytes: int = DEFAULT_MAX_BYTES, ttl_s: float = DEFAULT_TTL_S) -> None:
        self.max_bytes = max_bytes
        self.ttl_s = ttl_s
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, tuple[str, int, float]] = OrderedDict()
        """By key, least recently used first: (text, bytes, monotonic time of its end)."""
        self._dropped: OrderedDict[str, None] = OrderedDict()
        self._bytes = 0
        self._next_sweep = 0.0
        self._tally = Tally()
        renew_after_fork(self)

    def put(self, owner: str, originals: Mapping[str, str]) -> None:
        too_large = renewed = 0
        with self._lock:
            now = time.monotonic()
            end = now + self.ttl_s
            for hash_, text in originals.items():
                key = entry_key(owner, hash_)
                size = sys.getsizeof(text) + ENTRY_OVERHEAD_BYTES
                if size > self.max_bytes:
                    too_large += 1
                    continue
                renewed += self._forget(key)
                self._dropped.pop(key, None)
                self._entries[key] = (text, size, end)
                self._bytes += size
            self._make_room(now)
        written = len(originals) - too_large - renewed
        self._tally.add(puts=written, renewed=renewed, errors=int(too_large > 0))
        if too_large:
            raise StoreError(
                f"{too_large} of {len(originals)} originals are larger than the whole store "
                f"(max_bytes={self.max_bytes}); raise max_bytes"
            )

    def get(self, owner: str, hash: str) -> str:
        key = entry_key(owner, hash)
        with self._lock:
            found = self._entries.get(key)
            if found is not None and found[2] > time.monotonic():
                self._entries.move_to_end(key)
                self._tally.add(hits=1)
                return found[0]
            if found is not None:
                self._drop(key)
            was_here = key in self._dropped
        self._tally.add(expired=int(was_here), unknown=int(not was_here))
        raise expired(hash) if was_here else unknown(hash)

    async def aput(self, owner: str, originals: Mapping[str, str]) -> None:
        self.put(owner, originals)

    async def aget(self, owner: str, hash: str) -> str:
        return self.get(owner, hash)

    def stats(self) -> dict[str, Any]:
        with self._lock:
            return {
                "kind": "memory",
                **self._tally.read(),
                "entries": len(self._entries),
                "bytes": self._bytes,
                "max_bytes": self.max_bytes,
            }

    def close(self) -> None:
        with self._lock:
            self._entries.clear()
            self._dropped.clear()
            self._bytes = 0

    async def aclose(self) -> None:
        self.close()

    def renew_locks(self) -> None:
        """For a forked child."""
        self._lock = threading.Lock()
        self._tally.renew_locks()

    def _make_room(self, now: float) -> None:
        """Drops what is too old, then the least recently used until what is left fits."""
        if now >= self._next_sweep:
            self._next_sweep = now + min(SWEEP_EVERY_S, self.ttl_s)
            for key in [key for key, (_, _, end) in self._entries.items() if end <= now]:
                self._drop(key)
        while self._bytes > self.max_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: str) -> None:
        self._forget(key)
        self._tally.add(dropped=1)
        self._dropped[key] = None
        if len(self._dropped) > MAX_REMEMBERED:
            self._dropped.popitem(last=False)

    def _forget(self, key: str) -> bool:
        found = self._entries.pop(key, None)
        if found is not None:
            self._bytes -= found[1]
        return found is not None
