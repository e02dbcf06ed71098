"""What went on with pins and learning: counted for Prometheus, and per organisation and day for `/v1/stats`."""

from __future__ import annotations

from collections import Counter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headroom.cloud import metrics, tables
from headroom.cloud.learning.policies import insert

DAY_S = 86_400
NAMES = (
    "pins_new",
    "pins_lost",
    "pins_failed",
    "policies_missing",
    "policies_refused",
    "local_fallbacks",
    "requests_learned",
    "requests_not_learned",
    "retrievals_learned",
)
"""pins_lost: a running conversation without a pin, whose history may have been rewritten; local_fallbacks: requests
that a client compressed itself, without the policy; requests_not_learned: no room in the queue."""


class Counters:
    """The counts of one worker, until they are written."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, organisation_id: str, name: str, count: int = 1) -> None:
        """Counts; from the event loop."""
        metrics.learning.labels(name).inc(count)
        self._counts[organisation_id, name] += count

    def take(self) -> Counter[tuple[str, str]]:
        """What was counted since the last time."""
        taken, self._counts = self._counts, Counter()
        return taken

    def give_back(self, taken: Counter[tuple[str, str]]) -> None:
        """What could not be written."""
        self._counts.update(taken)


def write(connection: Connection, counts: Counter[tuple[str, str]], now_s: int) -> None:
    """Adds counts to those of the day."""
    t = tables.learning_counters
    day = now_s // DAY_S * DAY_S
    statement = insert(connection, t)
    statement = statement.on_conflict_do_update(
        index_elements=["organisation_id", "day_s", "name"], set_={"count": t.c.count + statement.excluded.count}
    )
    rows = [
        {"organisation_id": organisation, "day_s": day, "name": name, "count": count}
        for (organisation, name), count in sorted(counts.items())
    ]
    if rows:
        connection.execute(statement, rows)


def read(connection: Connection, organisation_id: str, from_s: int, to_s: int) -> dict[str, Any]:
    """The counts of whole days that the range touches, by name."""
    t = tables.learning_counters
    rows = connection.execute(
        sa.select(t.c.name, sa.func.sum(t.c.count).label("total"))
        .where(t.c.organisation_id == organisation_id, t.c.day_s > from_s - DAY_S, t.c.day_s < to_s)
        .group_by(t.c.name)
    )
    found = {row.name: int(row.total) for row in rows}
    return {name: found.get(name, 0) for name in NAMES}
