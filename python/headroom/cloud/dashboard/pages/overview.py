"""Overview: tokens and dollars saved over time, by kind, what became of the requests, the latency added."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Connection
from starlette.responses import Response

from headroom.cloud.dashboard import figures
from headroom.cloud.dashboard.page import HOME, Page
from headroom.cloud.dashboard.view import options
from headroom.cloud.usage.overview import Overview, gather


async def show(page: Page) -> Response:
    """The page."""
    view = page.view

    def read(connection: Connection) -> tuple[Overview, Any]:
        def ask(group_by: list[str], start: str, end: str, step: str | None) -> dict[str, Any]:
            return page.stats(connection, group_by, step, start=start, end=end)

        found = gather(ask, view.span, filtered=bool(view.where))
        return found, options(connection, page.who.organisation_id, view)

    found, choices = await page.ask(read)
    sheets = [
        figures.over_time(found),
        figures.dollars(found),
        figures.kinds(found),
        figures.results(found),
        figures.latency(found),
        figures.top(found, "model", lambda name: view.url(HOME, model=name)),
        figures.top(found, "tool", lambda name: view.url(f"{HOME}/requests", tool=name)),
        *([figures.top(found, "team", lambda name: view.url(HOME, team=name))] if found.teams else []),
    ]
    for sheet in sheets:
        sheet.is_unfinished = sheet.columns[0].name == "at" and found.span.is_running
    values = {"choices": choices, "tiles": figures.tiles(found), "has_any": found.totals["requests"]}
    return page.show("overview.html", sheets, view=view, **values)
