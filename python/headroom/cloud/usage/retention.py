"""Forgets usage and sessions past their age. Any worker may do it, at any time, as often as it likes."""

from __future__ import annotations

import asyncio
import logging
import random
import time

from sqlalchemy.engine import Connection

from headroom.cloud import logs, tables
from headroom.cloud.database import Database
from headroom.cloud.errors import ServiceError
from headroom.cloud.learning import retention as learning
from headroom.cloud.settings import ServiceSettings
from headroom.cloud.usage.rollup import DAY_S, HOUR_S, MINUTE_S

EVERY_S = 3600.0
SPOOL_ROWS_DAYS = 90
"""Rows of spools that were deleted by hand."""


def prune(connection: Connection, settings: ServiceSettings, now_s: int) -> int:
    """Deletes what is too old; the number of rows."""
    deleted = 0
    kept = (
        (MINUTE_S, settings.keep_minutes_days),
        (HOUR_S, settings.keep_hours_days),
        (DAY_S, settings.keep_days_days),
    )
    for table in (tables.rollups, tables.label_rollups):
        for period, days in kept:
            old = (table.c.period_s == period) & (table.c.start_s < now_s - days * DAY_S)
            deleted += connection.execute(table.delete().where(old)).rowcount
    t = tables.events
    deleted += connection.execute(
        t.delete().where(t.c.at_ms < (now_s - settings.keep_events_days * DAY_S) * 1000)
    ).rowcount
    deleted += connection.execute(tables.sessions.delete().where(tables.sessions.c.expires_s < now_s)).rowcount
    s = tables.spools
    deleted += connection.execute(s.delete().where(s.c.updated_s < now_s - SPOOL_ROWS_DAYS * DAY_S)).rowcount
    return deleted + learning.prune(connection, settings, now_s)


async def run_for_ever(database: Database, settings: ServiceSettings) -> None:
    """Prunes about once an hour, workers at different times."""
    while True:
        await asyncio.sleep(EVERY_S * random.uniform(0.5, 1.5))
        try:
            deleted = await database.run(prune, settings, int(time.time()), timeout_s=300)
            logs.event("usage pruned", rows=deleted)
        except ServiceError:
            logs.event("usage not pruned", logging.WARNING)
