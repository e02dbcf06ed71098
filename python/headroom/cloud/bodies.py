"""Reads request bodies within bounds: size, time, and bytes held by the worker at once.

Memory is accounted as it arrives, so a thousand slow clients hold what they have sent and no more.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request

from headroom.cloud.deadline import Deadline
from headroom.cloud.errors import ServiceError, busy


class Bodies:
    """Accounts for the bodies of one worker."""

    def __init__(self, max_inflight_bytes: int, timeout_s: float) -> None:
        self._max_inflight = max_inflight_bytes
        self._timeout_s = timeout_s
        self.inflight_bytes = 0

    @contextlib.asynccontextmanager
    async def read(self, request: Request, limit: int) -> AsyncIterator[bytes]:
        """The body; accounted for until the block ends.

        Raises:
            ServiceError: 400, 408, 413, 503.
        """
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limit:
            raise too_large(int(declared), limit)
        held = 0
        chunks: list[bytes] = []
        try:
            try:
                async with Deadline(self._timeout_s):
                    async for chunk in request.stream():
                        held += len(chunk)
                        self.inflight_bytes += len(chunk)
                        if held > limit:
                            raise too_large(None, limit)
                        if self.inflight_bytes > self._max_inflight:
                            raise busy("memory", 2.0)
                        chunks.append(chunk)
            except asyncio.TimeoutError:
                raise ServiceError(
                    408,
                    "body_timeout",
                    "The body did not arrive in time.",
                    allowed=f"{self._timeout_s:g} s",
                    close=True,
                ) from None
            except ClientDisconnect:
                raise ServiceError(400, "disconnected", "The client went away before its body was complete.") from None
            yield b"".join(chunks)
        finally:
            self.inflight_bytes -= held


def need_json(request: Request) -> None:
    """Raises 415 unless the body is said to be JSON: a page of another origin can send other types unasked."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ServiceError(
            415, "content_type", "The body must be JSON and say so.", given=kind[:80], allowed="application/json",
            action="Send the header Content-Type: application/json.", close=True,
        )  # fmt: skip


def too_large(given: int | None, limit: int) -> ServiceError:
    """413."""
    return ServiceError(
        413,
        "body_too_large",
        "The body is larger than allowed (unpacked, if it was packed).",
        given=f"{given} bytes" if given is not None else f"more than {limit} bytes",
        allowed=f"{limit} bytes",
        action="Send fewer messages, or ask whoever runs the service for a larger limit.",
        close=True,
    )
