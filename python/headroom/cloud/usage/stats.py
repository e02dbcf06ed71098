"""`GET /v1/stats`: figures of one organisation over a range of time, grouped. Reads roll-ups only.

The range is widened to whole periods (minutes for up to two days, hours for up to 90, days beyond, and only
as far back as they are kept), and the answer says which range it is for.
"""

from __future__ import annotations

import datetime
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headroom.cloud import tables
from headroom.cloud.errors import ServiceError
from headroom.cloud.learning import counters
from headroom.cloud.settings import ServiceSettings
from headroom.cloud.usage import prices
from headroom.cloud.usage.rollup import DAY_S, HOUR_S, LATENCY_MS, MINUTE_S, SUMS

PERIODS = {"minute": MINUTE_S, "hour": HOUR_S, "day": DAY_S}
COLUMNS = ("model", "provider", "level", "key", "team", "outcome", "action")
FILTERS = ("model", "provider", "level", "key", "team")
LABELS = ("tool", "kind", "result", "latency", "cut_tool", "cut_kind", "got_tool", "got_kind")
GROUPS = (*COLUMNS, *LABELS, *PERIODS)
MAX_MINUTES_S = 2 * DAY_S
MAX_GROUPS = 5000
PERCENTILES = {"latency_p50_ms": 0.5, "latency_p95_ms": 0.95}
_RELATIVE = re.compile(r"(\d{1,4})(m|h|d)")
_UNITS = {"m": MINUTE_S, "h": HOUR_S, "d": DAY_S}


def moment(name: str, text: str, now_s: int) -> int:
    """Seconds since 1970 of "2026-11-25", "2026-11-25T10:00:00Z", or "24h" (ago).

    Raises:
        ServiceError: 422.
    """
    relative = _RELATIVE.fullmatch(text)
    if relative:
        return now_s - int(relative[1]) * _UNITS[relative[2]]
    try:
        at = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
        at = at if at.tzinfo else at.replace(tzinfo=datetime.timezone.utc)
        return int(at.timestamp())
    except (ValueError, OverflowError):
        raise ServiceError(
            422, "invalid_parameter", f"The parameter `{name}` is no time.", given=text[:40],
            allowed=["2026-11-25", "2026-11-25T10:00:00Z", "24h", "7d"],
        ) from None  # fmt: skip


def query(
    connection: Connection,
    settings: ServiceSettings,
    organisation_id: str,
    organisation: str,
    start: str | None,
    end: str | None,
    group_by: list[str],
    where: Mapping[str, Sequence[str]] | None = None,
    step: str | None = None,
    has_totals: bool = True,
) -> dict[str, Any]:
    """The answer of `/v1/stats`.

    Args:
        has_totals: False saves the time of adding up what nobody looks at.
        step: a name of `PERIODS`: the range is widened to whole ones; a period in `group_by` wins.
        where: the values that count, by a name of `FILTERS`; no value: all of them.

    Raises:
        ServiceError: 422.
    """
    now_s = int(time.time())
    # Up to now means with the second that runs: at the first of a period nothing of it would count otherwise.
    to_s = now_s + 1 if end is None else moment("to", end, now_s)
    from_s = to_s - DAY_S if start is None else moment("from", start, now_s)
    if not 0 <= from_s < to_s < 1 << 40:
        raise ServiceError(422, "invalid_parameter", "`from` must be before `to`.", allowed="from < to")
    for name in group_by:
        if name not in GROUPS:
            raise ServiceError(
                422, "invalid_parameter", "This cannot be grouped by.", given=name[:40], allowed=list(GROUPS)
            )
    if len([g for g in group_by if g in PERIODS]) > 1 or len(group_by) > 4:
        raise ServiceError(
            422, "invalid_parameter", "Too many groups.", given=group_by[:8], allowed="4, one of them a period"
        )
    labels = [g for g in group_by if g in LABELS]
    if labels and (len(labels) > 1 or any(g in COLUMNS for g in group_by)):
        raise ServiceError(
            422, "invalid_parameter", f"`{labels[0]}` can be combined with a period only.", given=group_by
        )
    chosen = {name: values for name, values in (where or {}).items() if values}
    # PostgreSQL has no zero bytes in texts, so none is equal to one with them.
    if any("\0" in value for values in chosen.values() for value in values):
        raise ServiceError(422, "invalid_parameter", "A filter has a zero byte in it.", allowed="text without")
    if labels and chosen:
        raise ServiceError(
            422, "invalid_parameter", f"Figures by `{labels[0]}` are not kept by {', '.join(chosen)}.",
            given=group_by, allowed=list(COLUMNS), action="Leave out the filter, or group by something else.",
        )  # fmt: skip
    if step is not None and step not in PERIODS:
        raise ServiceError(422, "invalid_parameter", "There is no such step.", given=step[:20], allowed=list(PERIODS))
    asked = next((g for g in group_by if g in PERIODS), step)
    period = PERIODS[asked] if asked else _period(settings, from_s, to_s, now_s)
    from_s, to_s = from_s // period * period, -(-to_s // period) * period
    within = (*_within(tables.rollups, organisation_id, period, from_s, to_s), *filters(tables.rollups, chosen))
    labelled = _within(tables.label_rollups, organisation_id, period, from_s, to_s)
    answer: dict[str, Any] = {
        "organisation": organisation,
        "from": iso(from_s),
        "to": iso(to_s),
        "period_s": period,
        "group_by": group_by,
        "learning": counters.read(connection, organisation_id, from_s, to_s),
    }
    groups = []
    if labels:
        groups = _by_label(connection, labelled, labels[0], group_by)
    elif group_by:
        team_of = teams(connection, organisation_id) if "team" in group_by else {}
        groups = _by_column(connection, within, group_by, team_of)
    if has_totals:
        totals = next(iter(_by_column(connection, within, [], {})), None) or _figures([], {})
        # Steps of latency are kept for all requests together.
        steps = {} if chosen else latencies(_by_label(connection, labelled, "latency", ["latency"]))
        answer["totals"] = {**totals, **{name: percentile(steps, share) for name, share in PERCENTILES.items()}}
    answer["groups"] = groups[:MAX_GROUPS]
    answer["groups_left_out"] = max(0, len(groups) - MAX_GROUPS)
    return answer


def _period(settings: ServiceSettings, from_s: int, to_s: int, now_s: int) -> int:
    if to_s - from_s <= MAX_MINUTES_S and now_s - from_s <= settings.keep_minutes_days * DAY_S:
        return MINUTE_S
    return HOUR_S if now_s - from_s <= settings.keep_hours_days * DAY_S else DAY_S


def iso(at_s: int) -> str:
    """The moment as figures name it."""
    return datetime.datetime.fromtimestamp(at_s, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _within(table: sa.Table, organisation_id: str, period: int, from_s: int, to_s: int) -> tuple[Any, ...]:
    return (
        table.c.period_s == period,
        table.c.organisation_id == organisation_id,
        table.c.start_s >= from_s,
        table.c.start_s < to_s,
    )


def filters(table: sa.Table, where: Mapping[str, Sequence[str]]) -> list[Any]:
    """Conditions on roll-ups or events: the values that count, by a name of `FILTERS`."""
    return [_in_teams(table, values) if name == "team" else _column(table, name).in_(values)
            for name, values in where.items()]  # fmt: skip


def _in_teams(table: sa.Table, teams: Sequence[str]) -> Any:
    """Requests with a key of these teams, revoked ones too; "" for those without a team."""
    key_id, keys = table.c.key_id, tables.keys
    found = key_id.in_(sa.select(keys.c.id).where(keys.c.team.in_(teams)))
    return found | key_id.not_in(sa.select(keys.c.id).where(keys.c.team.is_not(None))) if "" in teams else found


def _column(table: sa.Table, name: str) -> Any:
    # A team is that of the key, as it is now.
    return table.c["key_id" if name in ("key", "team") else name]


def teams(connection: Connection, organisation_id: str) -> dict[str, str]:
    """The teams of an organisation's keys, by id; of those that have one."""
    t = tables.keys
    of = sa.select(t.c.id, t.c.team).where(t.c.organisation_id == organisation_id, t.c.team.is_not(None))
    return {row.id: row.team for row in connection.execute(of)}


def _by_column(
    connection: Connection, within: tuple[Any, ...], group_by: list[str], team_of: Mapping[str, str]
) -> list[dict[str, Any]]:
    table = tables.rollups
    # Model, action and outcome are needed for prices and counts, whatever is grouped by.
    wanted = [g for g in group_by if g in COLUMNS]
    times = [table.c.start_s] if any(g in PERIODS for g in group_by) else []
    columns = [*dict.fromkeys(_column(table, g) for g in (*wanted, "model", "action", "outcome"))]
    sums = [sa.func.sum(table.c[name]).label(name) for name in ("requests", *SUMS)]
    rows = connection.execute(sa.select(*times, *columns, *sums).where(*within).group_by(*times, *columns)).mappings()
    groups: dict[tuple[Any, ...], list[Any]] = {}
    for row in rows:
        key = tuple(_value(row, g, team_of) for g in group_by)
        groups.setdefault(key, []).append(row)
    made = [_figures(rows, dict(zip(group_by, key, strict=True))) for key, rows in groups.items()]
    return _sorted(made, group_by)


def _value(row: Any, name: str, team_of: Mapping[str, str]) -> Any:
    if name in PERIODS:
        return iso(row["start_s"])
    if name == "team":
        return team_of.get(row["key_id"], "")
    return row["key_id" if name == "key" else name]


def _figures(rows: list[Any], group: dict[str, Any]) -> dict[str, Any]:
    """Sums over rows of one group; compressions, retrievals and errors apart."""
    out: dict[str, Any] = {"group": group} if group else {}
    done = [r for r in rows if r["action"] == "compress" and r["outcome"] == "ok"]
    total = {name: int(sum(r[name] for r in done)) for name in SUMS}
    requests = int(sum(r["requests"] for r in done))
    saved = fresh = cached = 0.0
    unpriced = 0
    for r in done:
        tokens = int(r["tokens_before"] - r["tokens_after"])
        saved += tokens
        price = prices.price(r["model"])
        if price is None:
            unpriced += tokens
        else:
            fresh += tokens * price[0]
            cached += tokens * price[1]
    out.update(
        requests=int(sum(r["requests"] for r in rows)),
        compressions=requests,
        bypassed=int(sum(r["requests"] for r in rows if r["action"] == "bypass" and r["outcome"] == "ok")),
        errors=int(sum(r["requests"] for r in rows if r["action"] != "retrieve" and r["outcome"] != "ok")),
        retrievals=int(sum(r["requests"] for r in rows if r["action"] == "retrieve" and r["outcome"] == "ok")),
        retrievals_failed=int(sum(r["requests"] for r in rows if r["action"] == "retrieve" and r["outcome"] != "ok")),
        tokens_before=total["tokens_before"],
        tokens_after=total["tokens_after"],
        tokens_saved=int(saved),
        compression_ratio=round(saved / total["tokens_before"], 6) if total["tokens_before"] else 0.0,
        bytes_in=total["bytes_in"],
        originals=total["originals"],
        mean_latency_ms=round(total["latency_us"] / requests / 1000, 3) if requests else 0.0,
        mean_core_ms=round(total["core_us"] / requests / 1000, 3) if requests else 0.0,
        saved_usd=round(fresh, 6) if prices.table() else None,
        saved_usd_at_cached_prices=round(cached, 6) if prices.table() else None,
        tokens_saved_without_price=unpriced,
    )
    return out


def _by_label(
    connection: Connection, within: tuple[Any, ...], dimension: str, group_by: list[str]
) -> list[dict[str, Any]]:
    table = tables.label_rollups
    times = [table.c.start_s] if any(g in PERIODS for g in group_by) else []
    sums = [sa.func.sum(table.c[name]).label(name) for name in ("requests", "tokens_before", "tokens_after")]
    rows = connection.execute(
        sa.select(*times, table.c.value, *sums)
        .where(*within, table.c.dimension == dimension)
        .group_by(*times, table.c.value)
    ).mappings()
    made = [
        {
            "group": {g: row["value"] if g in LABELS else iso(row["start_s"]) for g in group_by},
            "requests": int(row["requests"]),
            "tokens_before": int(row["tokens_before"]),
            "tokens_after": int(row["tokens_after"]),
            "tokens_saved": int(row["tokens_before"] - row["tokens_after"]),
        }
        for row in rows
    ]
    return _sorted(made, group_by)


def latencies(groups: Iterable[dict[str, Any]]) -> dict[float, int]:
    """Requests by the upper bound of their step in ms, from groups by `latency`."""
    found: dict[float, int] = {}
    for group in groups:
        step = float(group["group"]["latency"])
        found[step] = found.get(step, 0) + group["requests"]
    return found


def percentile(steps: Mapping[float, int], share: float) -> float | None:
    """Milliseconds that `share` of the requests took at most, straight within a step; None without requests."""
    left = share * sum(steps.values())
    for step in sorted(steps):
        if left <= steps[step]:
            below = max((s for s in LATENCY_MS if s < step), default=0.0)
            return round(below + (step - below) * left / steps[step], 2)
        left -= steps[step]
    return None


def _sorted(made: list[dict[str, Any]], group_by: list[str]) -> list[dict[str, Any]]:
    """By time where there is one, else what saved most first."""
    period = next((g for g in group_by if g in PERIODS), None)
    if period is not None:
        return sorted(made, key=lambda g: (g["group"][period], -g["tokens_saved"]))
    return sorted(made, key=lambda g: -g["tokens_saved"])
