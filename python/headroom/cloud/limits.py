"""Rate limits per key: a bucket that fills evenly and holds one minute's requests (GCRA).

With Redis all workers of all nodes share a key's bucket, in one round trip; without it, or while it fails, a
worker decides alone with its share of the limit. Only keys that have a limit cost anything.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any

from headroom.cloud import metrics
from headroom.cloud.auth import Identity
from headroom.cloud.errors import ServiceError

PERIOD_S = 60.0
PAUSE_S = 2.0
"""How long Redis is left alone after a failure, so that requests do not each wait for its time limit."""
TIMEOUT_S = 0.25
MAX_KEYS = 10_000

# KEYS[1]: the bucket; ARGV: seconds between requests, seconds that the bucket holds. Answer: seconds to wait, or -1.
SCRIPT = """
local now = redis.call('TIME')
now = now[1] + now[2] / 1000000
local interval, hold = tonumber(ARGV[1]), tonumber(ARGV[2])
local due = tonumber(redis.call('GET', KEYS[1]) or now)
if due < now then due = now end
if due - now > hold - interval then return tostring(due - now - hold + interval) end
redis.call('SET', KEYS[1], string.format('%.6f', due + interval), 'PX', math.ceil((due + interval - now) * 1000) + 1000)
return '-1'
"""


class Limiter:
    """Decides whether a key may go on."""

    def __init__(self, redis_url: str | None, workers: int) -> None:
        self._workers = workers
        self._due: OrderedDict[str, float] = OrderedDict()
        self._script: Any = None
        self._client: Any = None
        self._paused_until = 0.0
        if redis_url is not None:
            import redis.asyncio

            self._client = redis.asyncio.from_url(redis_url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
            self._script = self._client.register_script(SCRIPT)

    async def check(self, who: Identity) -> None:
        """Raises 429 if the key has used up its requests."""
        if who.requests_per_minute is not None:
            await self.take(who.key_id, who.requests_per_minute, "The key has used up its requests.")

    async def take(self, name: str, limit: int, message: str) -> None:
        """Takes one of the `limit` requests a minute of whatever has this name; raises 429 if none is left."""
        wait_s = await self._shared(name, limit)
        if wait_s is None:
            wait_s = self._alone(name, limit if self._script is not None else max(1, limit // self._workers))
        if wait_s > 0:
            raise ServiceError(
                429,
                "rate_limited",
                message,
                allowed=f"{limit} requests a minute",
                action="Wait for the time in Retry-After, or ask for a larger limit.",
                retry_after_s=wait_s + 0.5,
            )

    async def _shared(self, key: str, limit: int) -> float | None:
        if self._script is None or time.monotonic() < self._paused_until:
            return None
        try:
            waited = await self._script(keys=[f"headroom:rate:{key}"], args=[PERIOD_S / limit, PERIOD_S])
            return float(waited)
        except Exception:  # noqa: BLE001  # of whatever kind: a limit is no reason to refuse everyone
            self._paused_until = time.monotonic() + PAUSE_S
            metrics.limiter_fallbacks.inc()
            return None

    def _alone(self, key: str, limit: int) -> float:
        now = time.monotonic()
        interval = PERIOD_S / limit
        due = max(now, self._due.get(key, now))
        if due - now > PERIOD_S - interval:
            return due - now - PERIOD_S + interval
        self._due[key] = due + interval
        self._due.move_to_end(key)
        if len(self._due) > MAX_KEYS:
            self._due.popitem(last=False)
        return -1.0

    async def close(self) -> None:
        """Gives the connection back."""
        if self._client is not None:
            await self._client.aclose()
