"""Requests: the newest ones, figures and names only."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from starlette.responses import Response

from headroom.cloud import tables
from headroom.cloud.dashboard.page import Page
from headroom.cloud.dashboard.sheet import Column, Sheet
from headroom.cloud.dashboard.view import MAX_CHARS, key_names, options
from headroom.cloud.usage.event import Event
from headroom.cloud.usage.overview import result_name
from headroom.cloud.usage.rollup import result
from headroom.cloud.usage.stats import filters, teams

SHOWN = 100
LISTS = ("tool", "kind")
BEFORE = re.compile(r"([0-9]{1,15})-([0-9]{1,18})")

COLUMNS = (
    Column("at", "Time (UTC)", "second"),
    Column("outcome", "Result", "badge"),
    Column("ratio", "Removed", "share"),
    Column("model", "Model"),
    Column("tokens_before", "Before", "tokens"),
    Column("tokens_after", "Sent", "tokens"),
    Column("latency_ms", "Latency", "ms"),
    Column("tools", "Tools", "list"),
    Column("kinds", "Kinds", "list"),
    Column("key", "Key"),
    Column("team", "Team"),
    Column("originals", "Hashes", "count", "Originals that can be retrieved by a hash."),
)


async def show(page: Page) -> Response:
    """The page."""
    chosen = {name: page.query.get(name, "").replace("\0", "")[:MAX_CHARS] for name in LISTS}
    before = page.query.get("before", "")
    after = BEFORE.fullmatch(before)
    last = (int(after[1]), int(after[2])) if after else None

    def read(connection: Connection) -> tuple[Any, Any, Any, Any]:
        names = key_names(connection, page.who.organisation_id)
        team_of = teams(connection, page.who.organisation_id)
        choices = options(connection, page.who.organisation_id, page.view)
        return _events(connection, page, chosen, last), choices, names, team_of

    events, choices, names, team_of = await page.ask(read)
    # Where there are no teams there is nothing to see of them.
    columns = [column for column in COLUMNS if column.name != "team" or team_of]
    sheet = Sheet("requests", "Requests", columns, [_row(event, names, team_of) for event in events[:SHOWN]])
    kept_days = page.service.settings.keep_events_days
    sheet.about = "The newest first. Figures and names only: texts are not kept."
    sheet.note = f"Single requests are kept for {kept_days} days." if kept_days else ""
    if not kept_days:
        sheet.empty = "Single requests are not kept here (keep_events_days is 0)."
    older = ""
    if len(events) > SHOWN:
        last_shown = "{at_ms}-{id}".format_map(events[SHOWN - 1])
        kept = {name: value or None for name, value in chosen.items()}
        older = page.view.url(page.request.url.path, **kept, before=last_shown)
    return page.show(
        "requests.html",
        [sheet],
        view=page.view,
        choices=choices,
        chosen=chosen,
        older=older,
        is_first=last is None,
    )


def _events(connection: Connection, page: Page, chosen: dict[str, str], last: tuple[int, int] | None) -> list[Any]:
    t = tables.events
    span, where = page.view.span, page.view.where
    wanted = [
        t.c.organisation_id == page.who.organisation_id,
        t.c.at_ms >= span.from_s * 1000,
        t.c.at_ms < span.to_s * 1000,
    ]
    wanted += filters(t, where)
    for name, column in (("tool", t.c.tools), ("kind", t.c.kinds)):
        if chosen[name]:
            # Names are separated by spaces and have none.
            wanted.append((sa.literal(" ") + column + " ").contains(f" {chosen[name]} ", autoescape=True))
    if last is not None:
        wanted.append(sa.tuple_(t.c.at_ms, t.c.id) < sa.tuple_(*last))
    newest = sa.select(t).where(*wanted).order_by(t.c.at_ms.desc(), t.c.id.desc()).limit(SHOWN + 1)
    return list(connection.execute(newest).mappings())


def _row(event: Any, names: dict[str, str], team_of: dict[str, str]) -> dict[str, Any]:
    known = {name: event[name] for name in Event.__struct_fields__ if name in event}
    found = result(Event(**{**known, "tools": [], "kinds": []}))
    is_refused = event["outcome"] != "ok"
    shown = "Retrieved" if found is None else result_name(found).partition(":")[0]
    saved = event["tokens_before"] - event["tokens_after"]
    return {
        "at": event["at_ms"] / 1000,
        "outcome": event["outcome"].replace("_", " ") if is_refused else shown,
        "state": "bad" if is_refused else "good" if found == "compressed" or found is None else "plain",
        "model": event["model"],
        "key": names.get(event["key_id"], event["key_id"]),
        "team": team_of.get(event["key_id"], ""),
        "tools": event["tools"].replace(" ", ", "),
        "kinds": event["kinds"].replace(" ", ", "),
        "tokens_before": event["tokens_before"],
        "tokens_after": event["tokens_after"],
        "ratio": saved / event["tokens_before"] if event["tokens_before"] else None,
        "latency_ms": event["latency_us"] / 1000,
        "originals": event["originals"],
    }
