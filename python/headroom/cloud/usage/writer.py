"""Moves usage from the spools to the database, each event once.

How far a spool was read stands in the database and moves in the transaction that writes its events: a
commit whose answer was lost is seen the next time, never repeated. A database that is away costs nothing
but the wait: the spool grows, up to its bound, and then events are dropped and counted.
"""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from headroom.cloud import logs, metrics, tables
from headroom.cloud.database import Database
from headroom.cloud.usage import rollup
from headroom.cloud.usage.event import Event
from headroom.cloud.usage.spool import PATTERN, ROTATE_BYTES, Spool

ORPHANS_EVERY_S = 15.0
MAX_WAIT_S = 10.0
"""Between tries while the database is away."""
CLOSE_TIMEOUT_S = 10.0

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)


class Usage:
    """The usage of one worker."""

    def __init__(
        self, database: Database, folder: Path, max_bytes: int, flush_s: float, single_events: bool = True
    ) -> None:
        self._database = database
        self._folder = folder
        self._max_bytes = max_bytes
        self._flush_s = flush_s
        self._single_events = single_events
        self._names = rollup.Names()
        self._spool: Spool | None = None
        self._read_to = 0
        self._others_bytes = 0
        self._next_orphans = 0.0
        # Its own thread: a database that hangs must not take those that look keys up.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="headroom-usage")
        self._failing = False

    def record(self, event: Event) -> None:
        """Takes an event; never raises, never waits for the database."""
        if self._spool is None or self._spool.size - self._read_to + self._others_bytes > self._max_bytes:
            kept = False
        else:
            kept = self._spool.append(_encoder.encode(event) + b"\n")
        metrics.usage_events.labels("spooled" if kept else "dropped").inc()

    async def start(self) -> None:
        """Makes the spool.

        Raises:
            OSError: the folder cannot be written to.
        """
        self._spool = Spool.create(self._folder)

    async def run_for_ever(self) -> None:
        """Writes every `flush_s`, more rarely while the database is away."""
        wait = self._flush_s
        while True:
            await asyncio.sleep(wait)
            wait = self._flush_s if await self.flush() else min(MAX_WAIT_S, wait * 2)

    async def flush(self) -> bool:
        """Writes what waits; True if all of it is in the database."""
        loop = asyncio.get_running_loop()
        try:
            assert self._spool is not None
            self._read_to = await loop.run_in_executor(self._thread, self._drain, self._spool)
            if self._spool.size > ROTATE_BYTES:
                self._spool.close()
                self._spool, self._read_to, self._next_orphans = Spool.create(self._folder), 0, 0.0
            if time.monotonic() >= self._next_orphans:
                await loop.run_in_executor(self._thread, self._take_over)
                self._next_orphans = time.monotonic() + ORPHANS_EVERY_S
        except Exception as error:  # noqa: BLE001  # the database in any of its moods, the disk
            if not self._failing:
                logs.event("usage not written", logging.WARNING, **logs.places(error))
            self._failing = True
            self._next_orphans = 0.0
            return False
        finally:
            if self._spool is not None:
                metrics.spool_bytes.set(self._spool.size - self._read_to + self._others_bytes)
        self._failing = False
        return True

    def _drain(self, spool: Spool) -> int:
        """Writes one spool to its end; how far it was read."""
        while True:
            offset, written = self._database.call(self._write_some, spool)
            if written == 0:
                return offset
            metrics.usage_events.labels("written").inc(written)

    def _write_some(self, connection: Connection, spool: Spool) -> tuple[int, int]:
        t = tables.spools
        offset = connection.execute(sa.select(t.c.offset).where(t.c.id == spool.id)).scalar() or 0
        lines, end = spool.read(offset)
        if end == offset:
            return offset, 0
        rollup.write(connection, _events(lines), self._names, self._single_events)
        make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        row = {"offset": end, "updated_s": int(time.time())}
        connection.execute(make(t).values(id=spool.id, **row).on_conflict_do_update(index_elements=["id"], set_=row))
        return end, len(lines)

    def _take_over(self) -> None:
        for spool in Spool.orphans(self._folder):
            self._drain(spool)
            spool.delete()
            self._database.call(
                lambda c, id=spool.id: c.execute(tables.spools.delete().where(tables.spools.c.id == id))
            )
        self._others_bytes = 0
        for path in self._folder.glob(PATTERN):
            if self._spool is None or path != self._spool.path:
                try:
                    self._others_bytes += path.stat().st_size
                except OSError:
                    continue

    async def close(self) -> None:
        """Writes what is left, if the database lets it; the rest stays in the file for the next start."""
        try:
            done = await asyncio.wait_for(self.flush(), CLOSE_TIMEOUT_S)
        except asyncio.TimeoutError:
            done = False
        if self._spool is not None:
            if done and self._spool.size == self._read_to:
                self._spool.delete()
            else:
                self._spool.close()
        self._thread.shutdown(wait=False, cancel_futures=True)


def _events(lines: list[bytes]) -> list[Event]:
    """The events of the lines; a damaged line (a crash of the machine) is left out and counted."""
    out = []
    for line in lines:
        try:
            out.append(_decoder.decode(line))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            metrics.usage_events.labels("damaged").inc()
    return out
