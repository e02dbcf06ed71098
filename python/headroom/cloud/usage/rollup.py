"""Adds events up by minute, hour and day, in the transaction that writes them: figures always agree.

Rows are sorted, so that two workers that write the same ones wait for each other and never in a circle. Names
that clients choose (models, tools) are bounded in number per organisation and day; further ones are "(other)".
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from headroom.cloud import tables
from headroom.cloud.usage.event import Event

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
PERIODS = (MINUTE_S, HOUR_S, DAY_S)
SUMS = ("tokens_before", "tokens_after", "bytes_in", "latency_us", "core_us", "originals")
MAX_NAMES = 500
OTHER = "(other)"
# Half a millisecond to half a minute in steps of a fifth (the fourth root of two): a percentile is right to within one.
LATENCY_MS = tuple(round(0.5 * 2 ** (i / 4), 2) for i in range(65))


class Names:
    """Which names an organisation has used today, up to a bound."""

    def __init__(self) -> None:
        self._day = 0
        self._seen: dict[tuple[str, str], set[str]] = {}

    def bounded(self, organisation_id: str, dimension: str, name: str, at_s: int) -> str:
        """The name, or `OTHER` once there are too many."""
        if at_s // DAY_S != self._day:
            self._day, self._seen = at_s // DAY_S, {}
        seen = self._seen.setdefault((organisation_id, dimension), set())
        if name in seen or len(seen) < MAX_NAMES:
            seen.add(name)
            return name
        return OTHER


def result(event: Event) -> str | None:
    """What became of a request that could have been compressed; None for others."""
    if event.action == "retrieve":
        return None
    if event.outcome != "ok":
        return event.outcome
    if event.action == "bypass":
        return "bypass"
    return "compressed" if event.tokens_after < event.tokens_before else event.unchanged or "nothing_to_save"


def _about(event: Event) -> list[tuple[str, str]]:
    """Labels that are not the client's: the result, and the upper bound in ms of the latency's step."""
    found = result(event)
    if found is None:
        return []
    labels = [("result", found)]
    if event.outcome == "ok" and event.action == "compress":
        step = min(bisect.bisect_left(LATENCY_MS, event.latency_us / 1000), len(LATENCY_MS) - 1)
        labels.append(("latency", f"{LATENCY_MS[step]:g}"))
    return labels


def _originals(event: Event, names: Names, at_s: int) -> Counter[tuple[str, str]]:
    """How many originals were issued ("cut") or retrieved ("got"), by tool and kind."""
    what = "got" if event.action == "retrieve" else "cut"
    found: Counter[tuple[str, str]] = Counter((f"{what}_kind", kind) for kind in event.origin_kinds)
    for tool in event.origin_tools:
        found[f"{what}_tool", names.bounded(event.organisation_id, "tool", tool, at_s)] += 1
    return found


def write(connection: Connection, events: Iterable[Event], names: Names, single: bool = True) -> None:
    """Adds the events to all figures, and writes them one by one if `single`."""
    rows: list[dict[str, Any]] = []
    figures: dict[tuple[Any, ...], list[int]] = {}
    labels: dict[tuple[Any, ...], list[int]] = {}
    for e in events:
        rows.append(
            {c.name: getattr(e, c.name) for c in tables.events.columns if c.name not in ("id", "tools", "kinds")}
            | {"tools": " ".join(e.tools), "kinds": " ".join(e.kinds)}
        )
        at_s = e.at_ms // 1000
        model = names.bounded(e.organisation_id, "model", e.model, at_s)
        tools = [("tool", names.bounded(e.organisation_id, "tool", tool, at_s)) for tool in e.tools]
        for period in PERIODS:
            start = at_s // period * period
            key = (period, start, e.organisation_id, e.key_id, e.action, e.outcome, model, e.provider, e.level)
            _add(figures, key, [1, *(getattr(e, name) for name in SUMS)])
            for dimension, value in {*tools, *(("kind", kind) for kind in e.kinds), *_about(e)}:
                label = (period, start, e.organisation_id, dimension, value)
                _add(labels, label, [1, e.tokens_before, e.tokens_after])
            for (dimension, value), times in _originals(e, names, at_s).items():
                _add(labels, (period, start, e.organisation_id, dimension, value), [times, 0, 0])
    if rows and single:
        connection.execute(tables.events.insert(), rows)
    _upsert(connection, tables.rollups, figures)
    _upsert(connection, tables.label_rollups, labels)


def _add(into: dict[tuple[Any, ...], list[int]], key: tuple[Any, ...], numbers: list[int]) -> None:
    have = into.get(key)
    if have is None:
        into[key] = numbers
    else:
        for i, number in enumerate(numbers):
            have[i] += number


def _upsert(connection: Connection, table: sa.Table, sums: dict[tuple[Any, ...], list[int]]) -> None:
    if not sums:
        return
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = make(table)
    keys = [c.name for c in table.primary_key]
    added = [c.name for c in table.columns if c.name not in keys]
    statement = statement.on_conflict_do_update(
        index_elements=keys, set_={name: table.c[name] + statement.excluded[name] for name in added}
    )
    connection.execute(statement, [dict(zip([*keys, *added], (*key, *sums[key]), strict=True)) for key in sorted(sums)])
