"""Threads that run the core, behind bounded queues: what does not fit is refused at once, with a time to retry.

Two lanes, so that a small request never waits behind large ones. The core releases the GIL, so the event loop
stays free. A request that ran out of time leaves the queue; if its thread already runs it cannot be stopped
(the core has no cancellation), so it keeps its place until it is done and bounds stay true.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from headroom.cloud.deadline import Deadline
from headroom.cloud.errors import ServiceError, busy

T = TypeVar("T")

# Below this a compression takes a millisecond or two; above it, as long as it takes.
SMALL_BYTES = 64 * 1024
# How quickly the estimate of a request's duration follows: the last ten or so count.
SMOOTHING = 0.1


class Lane:
    """Threads and a bounded queue."""

    def __init__(self, name: str, threads: int, max_queued: int) -> None:
        self.name = name
        self.threads = threads
        self.limit = threads + max_queued
        self.pending = 0
        self._lock = threading.Lock()
        self._seconds = 0.01
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"headroom-{name}")

    def check(self) -> None:
        """Raises 503 if there is no place."""
        if self.pending >= self.limit:
            raise busy("queue", self.pending * self._seconds / self.threads)

    async def run(self, timeout_s: float, function: Callable[..., T], *args: Any) -> T:
        """The function's result, from a thread.

        Raises:
            ServiceError: 503, no place in the queue, or the time is over.
        """
        self.check()
        with self._lock:
            self.pending += 1
        try:
            future = self._pool.submit(self._timed, function, *args)
        except BaseException:
            self._done(None)
            raise
        future.add_done_callback(self._done)
        try:
            async with Deadline(timeout_s):
                # Cancelled with the block, which takes the work out of the queue.
                return await asyncio.wrap_future(future)
        except asyncio.TimeoutError:
            raise ServiceError(
                503,
                "timeout",
                "The request was not done in time.",
                allowed=f"{timeout_s:g} s",
                action="Send the messages uncompressed, or try again after the time in Retry-After.",
                retry_after_s=self.pending * self._seconds / self.threads,
            ) from None

    def _timed(self, function: Callable[..., T], *args: Any) -> T:
        start = time.perf_counter()
        try:
            return function(*args)
        finally:
            self._seconds += SMOOTHING * (time.perf_counter() - start - self._seconds)

    def _done(self, _: Future[Any] | None) -> None:
        with self._lock:
            self.pending -= 1

    def close(self) -> None:
        """Drops what waits; lets run what runs."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class Lanes:
    """The lane for small and the one for large requests."""

    def __init__(self, threads: int, max_queued: int) -> None:
        self.small = Lane("small", threads, max_queued)
        self.large = Lane("large", threads, max(1, max_queued // 4))

    def of(self, size: int) -> Lane:
        """The lane for a body of `size` bytes."""
        return self.small if size < SMALL_BYTES else self.large

    def close(self) -> None:
        """Closes both."""
        self.small.close()
        self.large.close()
