"""Which version of the policy a conversation began with: in Redis where there is one, else in the database.

The first worker that asks decides (insert if absent); all others, on whatever machine, read what it decided. A pin
lives as long as its conversation is used, and `ttl_s` more. While the storage does not answer a worker goes on with
what it remembers, and for other conversations with the newest version.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headroom.cloud import tables
from headroom.cloud.database import Database
from headroom.cloud.errors import ServiceError
from headroom.cloud.learning.policies import insert

MAX_REMEMBERED = 50_000
"""Pins that a worker remembers, about 300 bytes each."""
REMEMBER_S = 3600.0
"""After so long a pin is read again, which also renews its time to live."""
TIMEOUT_S = 1.0
"""How long a request waits for its pin."""
PAUSE_S = 2.0
"""How long a storage is left alone after a failure."""
MAX_WAITING = 10_000
"""Pins of version 0 that wait to be written."""


class Pin(NamedTuple):
    """A version, and where it comes from: "found", "new", or "failed" if nobody could be asked."""

    version: int
    source: str


class Pins:
    """The pins, for one worker."""

    def __init__(self, database: Database, redis_url: str | None, ttl_s: int) -> None:
        self._database = database
        self._ttl_s = ttl_s
        self._known: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()
        self._waiting: dict[tuple[str, str], int] = {}
        self._paused_until = 0.0
        self._client: Any = None
        if redis_url is not None:
            import redis.asyncio

            self._client = redis.asyncio.from_url(redis_url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)

    def known(self, organisation_id: str, conversation: str) -> int | None:
        """The version, if this worker remembers it."""
        found = self._known.get((organisation_id, conversation))
        return found[0] if found is not None and time.monotonic() < found[1] else None

    async def pin(self, organisation_id: str, conversation: str, version: int) -> Pin:
        """The conversation's version: that which stands already, else `version`."""
        now = time.monotonic()
        if now < self._paused_until:
            return self._unasked(organisation_id, conversation, version)
        try:
            if self._client is not None:
                found = (await self._in_redis([(organisation_id, conversation, version)]))[0]
            else:
                wanted = [(organisation_id, conversation, version)]
                found = (await self._database.run(pin_all, wanted, self._ttl_s, timeout_s=TIMEOUT_S))[0]
        except (ServiceError, asyncio.TimeoutError):
            return self._pause(organisation_id, conversation, version)
        except Exception:  # noqa: BLE001  # of Redis, of whatever kind
            return self._pause(organisation_id, conversation, version)
        self._remember(organisation_id, conversation, found.version)
        return found

    def pin_later(self, organisation_id: str, conversation: str) -> None:
        """Notes that a conversation began while there was no policy; written by `flush`."""
        self._remember(organisation_id, conversation, 0)
        if len(self._waiting) < MAX_WAITING:
            self._waiting[organisation_id, conversation] = 0

    async def flush(self) -> None:
        """Writes what waits; what cannot be written waits on.

        Raises:
            Exception: the storage does not answer.
        """
        waiting = list(self._waiting)
        for first in range(0, len(waiting), 500):
            part = [(*key, 0) for key in waiting[first : first + 500]]
            if self._client is not None:
                await self._in_redis(part)
            else:
                await self._database.run(pin_all, part, self._ttl_s)
            for organisation_id, conversation, _ in part:
                self._waiting.pop((organisation_id, conversation), None)

    async def _in_redis(self, wanted: list[tuple[str, str, int]]) -> list[Pin]:
        pipeline = self._client.pipeline(transaction=False)
        for organisation_id, conversation, version in wanted:
            key = f"headroom:pin:{organisation_id}:{conversation}"
            pipeline.set(key, version, ex=self._ttl_s, nx=True)
            pipeline.get(key)
            pipeline.expire(key, self._ttl_s)
        answers = await pipeline.execute()
        return [Pin(int(answers[i + 1]), "new" if answers[i] else "found") for i in range(0, len(answers), 3)]

    def _pause(self, organisation_id: str, conversation: str, version: int) -> Pin:
        self._paused_until = time.monotonic() + PAUSE_S
        return self._unasked(organisation_id, conversation, version)

    def _unasked(self, organisation_id: str, conversation: str, version: int) -> Pin:
        old = self._known.get((organisation_id, conversation))
        return Pin(version, "failed") if old is None else Pin(old[0], "found")

    def _remember(self, organisation_id: str, conversation: str, version: int) -> None:
        self._known[organisation_id, conversation] = (version, time.monotonic() + REMEMBER_S)
        self._known.move_to_end((organisation_id, conversation))
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)

    async def close(self) -> None:
        """Gives the connection back."""
        if self._client is not None:
            await self._client.aclose()


def pin_all(connection: Connection, wanted: list[tuple[str, str, int]], ttl_s: int) -> list[Pin]:
    """The pins of conversations in the database, made where there are none."""
    t = tables.learning_pins
    now_s = int(time.time())
    out = []
    # Sorted, so that two that write the same ones wait for each other and never in a circle.
    for organisation_id, conversation, version in sorted(wanted):
        row = {"organisation_id": organisation_id, "conversation": conversation, "version": version, "used_s": now_s}
        made = insert(connection, t).values(row).on_conflict_do_nothing().returning(t.c.version)
        if connection.execute(made).first() is not None:
            out.append(Pin(version, "new"))
            continue
        key = (t.c.organisation_id == organisation_id) & (t.c.conversation == conversation)
        found, used_s = connection.execute(sa.select(t.c.version, t.c.used_s).where(key)).one()
        if used_s < now_s - ttl_s // 4:
            connection.execute(t.update().where(key).values(used_s=now_s))
        out.append(Pin(found, "found"))
    return out
