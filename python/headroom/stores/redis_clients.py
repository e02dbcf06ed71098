"""Clients of redis-py for a store: one server or a cluster, blocking or asyncio, all with short timeouts.

redis-py's own defaults retry with pauses of seconds, which a request must not wait for: here, a connection
that turned out dead is made anew once, at once, and everything else fails.
"""

from __future__ import annotations

from typing import Any

import redis
import redis.asyncio
import redis.asyncio.cluster
import redis.asyncio.retry
import redis.backoff
import redis.cluster
import redis.exceptions
import redis.retry

RETRIES = 1
"""A connection that idled may be dead without a sign; the second one is new."""
CONNECT_SHARE = 0.5
"""Of the timeout, for making a connection."""


def blocking(url: str, cluster: bool, timeout_s: float) -> Any:
    """A client for threads."""
    retry = redis.retry.Retry(redis.backoff.NoBackoff(), RETRIES, (redis.exceptions.ConnectionError,))
    options = {**_timeouts(timeout_s), "retry": retry}
    if cluster:
        return redis.cluster.RedisCluster.from_url(url, **options)
    return redis.Redis.from_url(url, **options)


def asynchronous(url: str, cluster: bool, timeout_s: float) -> Any:
    """A client for the running event loop."""
    retry = redis.asyncio.retry.Retry(redis.backoff.NoBackoff(), RETRIES, (redis.exceptions.ConnectionError,))
    options = {**_timeouts(timeout_s), "retry": retry}
    if cluster:
        return redis.asyncio.cluster.RedisCluster.from_url(url, **options)
    return redis.asyncio.Redis.from_url(url, **options)


def _timeouts(timeout_s: float) -> dict[str, Any]:
    return {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s * CONNECT_SHARE}
