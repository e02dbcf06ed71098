"""Breakdown: the same figures by model, tool, kind, key, team, provider or level."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Connection
from starlette.responses import Response

from headroom.cloud.dashboard import figures
from headroom.cloud.dashboard.figures import BY
from headroom.cloud.dashboard.page import HOME, Page
from headroom.cloud.dashboard.view import key_names, options
from headroom.cloud.errors import ServiceError

MAX_ROWS = 500


async def show(page: Page) -> Response:
    """The page."""
    by, view = page.query.get("by", "model"), page.view
    if by not in BY:
        raise ServiceError(422, "invalid_parameter", "This cannot be broken down by.", given=by[:40], allowed=[*BY])
    is_label = by in ("tool", "kind")
    is_kept = not (is_label and view.where)

    def read(connection: Connection) -> tuple[Any, Any, Any]:
        answer = page.stats(connection, [])
        if is_kept:
            answer = {**page.stats(connection, [by]), "totals": answer["totals"]}
        names = key_names(connection, page.who.organisation_id)
        return answer, options(connection, page.who.organisation_id, view), names

    def link(value: str) -> str:
        return view.url(f"{HOME}/requests" if is_label else HOME, **{by: value})

    answer, choices, names = await page.ask(read)
    sheet = figures.breakdown("breakdown", by, answer["groups"], names, link)
    sheet.chart = "bars"
    sheet.left_out = max(0, len(sheet.rows) - MAX_ROWS) + answer["groups_left_out"]
    sheet.rows = sheet.rows[:MAX_ROWS]
    if not is_kept:
        sheet.empty = figures.NOT_FILTERED
    values = {"choices": choices, "by": by, "names": BY, "totals": answer["totals"]}
    return page.show("breakdown.html", [sheet], view=view, **values)
