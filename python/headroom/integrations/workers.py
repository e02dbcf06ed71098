"""Threads for compression, so that it never runs on an event loop.

Two lanes: small requests never wait behind large ones. The core releases the GIL, so a thread that
compresses 2 MB leaves the loop free. The pools are made at first use in each process (a forked
worker of a server gets its own).
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# Below this a compression takes a millisecond or so; above it, as long as it takes.
SMALL_BYTES = 64 * 1024
SMALL_WORKERS = 2
MAX_LARGE_WORKERS = 4

_lock = threading.Lock()
_pools: dict[tuple[int, bool], ThreadPoolExecutor] = {}


def _pool(small: bool) -> ThreadPoolExecutor:
    key = (os.getpid(), small)
    with _lock:
        pool = _pools.get(key)
        if pool is None:
            workers = SMALL_WORKERS if small else max(1, min(MAX_LARGE_WORKERS, os.cpu_count() or 1))
            name = "headroom-small" if small else "headroom-large"
            pool = _pools[key] = ThreadPoolExecutor(workers, thread_name_prefix=name)
        return pool


async def run(size: int, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs `function` in the lane for `size` bytes. If the caller is cancelled, queued work is dropped."""
    future = _pool(size < SMALL_BYTES).submit(function, *args, **kwargs)
    return await asyncio.wrap_future(future)


def run_blocking(size: int, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs `function` here, or in a lane if this thread has a running event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return function(*args, **kwargs)
    return _pool(size < SMALL_BYTES).submit(function, *args, **kwargs).result()
