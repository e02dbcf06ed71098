"""The asynchronous half of a store whose backend blocks: each call runs on a thread of the store's own.

Its own, because the event loop's default threads may all be waiting for something else.
"""

from __future__ import annotations

import asyncio
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

THREADS = 4
"""Readers of SQLite run side by side; writers take turns anyway."""

T = TypeVar("T")


class OwnThreads:
    """A few threads, started when the first call comes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: tuple[int, ThreadPoolExecutor] | None = None

    async def run(self, call: Callable[[], T]) -> T:
        """The result of `call`, without blocking the event loop."""
        with self._lock:
            # A forked child has none of its parent's threads.
            if self._made is None or self._made[0] != os.getpid():
                self._made = os.getpid(), ThreadPoolExecutor(THREADS, thread_name_prefix="headroom-store")
            threads = self._made[1]
        return await asyncio.get_running_loop().run_in_executor(threads, call)

    def stop(self) -> None:
        """Lets the threads end; the next call starts new ones."""
        with self._lock:
            made, self._made = self._made, None
        if made is not None and made[0] == os.getpid():
            # Not waited for: the caller may be one of them.
            made[1].shutdown(wait=False)

    def renew_locks(self) -> None:
        """For a forked child."""
        self._lock = threading.Lock()


class BlockingStore(ABC):
    """`aput`, `aget` and `aclose` on threads, from `put`, `get` and `close`."""

    def __init__(self) -> None:
        self._threads = OwnThreads()

    @abstractmethod
    def put(self, owner: str, originals: Mapping[str, str]) -> None: ...

    @abstractmethod
    def get(self, owner: str, hash: str) -> str: ...

    @abstractmethod
    def close(self) -> None: ...

    async def aput(self, owner: str, originals: Mapping[str, str]) -> None:
        await self._threads.run(lambda: self.put(owner, originals))

    async def aget(self, owner: str, hash: str) -> str:
        return await self._threads.run(lambda: self.get(owner, hash))

    async def aclose(self) -> None:
        await self._threads.run(self.close)
