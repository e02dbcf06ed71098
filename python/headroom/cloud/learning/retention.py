"""Forgets what learning needs no more; called with the retention of usage."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headroom.cloud import tables
from headroom.cloud.settings import ServiceSettings
from headroom.learning.learner import MIN_PRESENT

DAY_S = 86_400
MAX_ROWS = 1_000_000
"""Of pins and of conversations, of all organisations together: the longest unused ones go first."""
MAX_VERSIONS = 500
"""Of one organisation's policy."""
NAMELESS_DAYS = 30
"""Fields that few conversations had, and none lately."""
UNSEEN_DAYS = 180
"""Fields of tools that nobody calls any more."""


def prune(connection: Connection, settings: ServiceSettings, now_s: int) -> int:
    """Deletes what is too old or too much; the number of rows."""
    deleted = 0
    pins, talks = tables.learning_pins, tables.learning_conversations
    for table, column in ((pins, pins.c.used_s), (talks, talks.c.updated_s)):
        newest_too_many = sa.select(column).order_by(column.desc()).limit(1).offset(MAX_ROWS)
        oldest = max(now_s - settings.pin_ttl_s, connection.execute(newest_too_many).scalar() or 0)
        deleted += connection.execute(table.delete().where(column < oldest)).rowcount
    cuts, e = tables.learning_cuts, tables.learning_evidence
    deleted += connection.execute(cuts.delete().where(cuts.c.made_s < now_s - settings.original_ttl_s)).rowcount
    nameless = (e.c.present < MIN_PRESENT) & (e.c.updated_s < now_s - NAMELESS_DAYS * DAY_S)
    unseen = e.c.updated_s < now_s - UNSEEN_DAYS * DAY_S
    deleted += connection.execute(e.delete().where(nameless | unseen)).rowcount
    p = tables.learning_policies
    newest = sa.select(p.c.organisation_id, sa.func.max(p.c.version).label("version")).group_by(p.c.organisation_id)
    for row in connection.execute(newest).all():
        old = (p.c.organisation_id == row.organisation_id) & (p.c.version <= row.version - MAX_VERSIONS)
        deleted += connection.execute(p.delete().where(old)).rowcount
    c = tables.learning_counters
    deleted += connection.execute(c.delete().where(c.c.day_s < now_s - settings.keep_days_days * DAY_S)).rowcount
    return deleted
