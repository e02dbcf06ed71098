"""A time limit on a block of awaits, without a task of its own (as `asyncio.timeout` of Python 3.11, also for 3.10).

`asyncio.wait_for` around every await costs a task and two turns of the loop each; this costs one timer.
"""

from __future__ import annotations

import asyncio
from types import TracebackType


class Deadline:
    """`async with Deadline(seconds)`: the block ends with `asyncio.TimeoutError` when the time is over."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._over = False

    async def __aenter__(self) -> None:
        self._task = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._expire)

    def _expire(self) -> None:
        self._over = True
        if self._task is not None:
            self._task.cancel()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if not self._over:
            return
        # Since 3.11 a task counts its cancellations. One that came from outside as well goes on.
        uncancel = getattr(self._task, "uncancel", None)
        outside = uncancel() > 0 if uncancel is not None else False
        if kind is asyncio.CancelledError and not outside:
            raise asyncio.TimeoutError from error
