"""What a worker holds while it runs, and the background tasks that belong to it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import signal
import time
from collections.abc import AsyncIterator
from typing import Any

from headroom import __version__
from headroom.cloud import logs
from headroom.cloud.auth import Auth, Identity
from headroom.cloud.bodies import Bodies
from headroom.cloud.database import Database
from headroom.cloud.errors import ServiceError
from headroom.cloud.lanes import Lanes
from headroom.cloud.learning.learner import Learning
from headroom.cloud.limits import Limiter
from headroom.cloud.originals import Originals
from headroom.cloud.settings import ServiceSettings
from headroom.cloud.usage import retention
from headroom.cloud.usage.event import Event
from headroom.cloud.usage.writer import Usage

START_TIMEOUT_S = 20.0
"""A worker waits this long for the database when it starts, so that a restart during an outage is no crash loop."""

PARENT_EVERY_S = 1.0


class Service:
    """The parts of one worker."""

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self.database = Database(settings.database_url)
        self.auth = Auth(settings, self.database)
        self.bodies = Bodies(settings.max_inflight_bytes, settings.body_timeout_s)
        self.lanes = Lanes(settings.threads_per_worker, settings.max_queued)
        redis = settings.redis.get_secret_value() if settings.redis else None
        self.limiter = Limiter(redis, settings.workers)
        self.originals = Originals(settings)
        self.usage = Usage(
            self.database,
            settings.data_dir / "spool",
            settings.max_spool_bytes,
            settings.flush_s,
            single_events=settings.keep_events_days > 0,
        )
        self.learning = Learning(settings, self.database)
        self.ready = False

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Everything from start to the end of draining."""
        await self._start()
        forever = (
            self.auth.refresh_for_ever(),
            self.usage.run_for_ever(),
            self.learning.read_for_ever(),
            self.learning.write_for_ever(),
            retention.run_for_ever(self.database, self.settings),
            _end_with_parent(_supervisor() if self.settings.workers > 1 else None),
        )
        tasks = [asyncio.create_task(one) for one in forever]
        self.ready = True
        logs.event("started", version=__version__, threads=self.settings.threads_per_worker)
        try:
            yield
        finally:
            self.ready = False
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.lanes.close()
            await self.usage.close()
            await self.learning.close()
            await self.originals.close()
            await self.limiter.close()
            self.database.close()
            logs.event("stopped")

    async def _start(self) -> None:
        await self.usage.start()
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                await self.auth.start()
                return
            except ServiceError:
                if time.monotonic() > deadline:
                    logs.event(
                        "no database", logging.ERROR, action="check --database; the server must accept connections"
                    )
                    raise
                await asyncio.sleep(0.5)

    def record(self, who: Identity, action: str, outcome: str, started: float, **fields: Any) -> None:
        """Takes one usage event."""
        self.usage.record(
            Event(
                at_ms=int(time.time() * 1000),
                organisation_id=who.organisation_id,
                key_id=who.key_id,
                action=action,
                outcome=outcome,
                latency_us=int((time.perf_counter() - started) * 1e6),
                **fields,
            )
        )


def _supervisor() -> int:
    """The process that started this worker, also if it was killed before the worker got here."""
    parent = multiprocessing.parent_process()
    return parent.pid if parent is not None and parent.pid is not None else os.getppid()


async def _end_with_parent(parent: int | None) -> None:
    """Ends a worker whose parent was killed: otherwise it would go on with the port, and with nobody to stop it."""
    while parent is not None:
        await asyncio.sleep(PARENT_EVERY_S)
        if os.getppid() != parent:
            logs.event("parent gone", logging.WARNING)
            os.kill(os.getpid(), signal.SIGTERM)
            return
