"""Breakdown: the same figures by model, tool, kind, key, provider or level."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Connection
from starlette.responses import Response

from headroom.cloud.dashboard.page import HOME, Page
from headroom.cloud.dashboard.sheet import Column, Sheet
from headroom.cloud.dashboard.view import key_names, options
from headroom.cloud.errors import ServiceError
from headroom.cloud.usage.overview import ratio
from headroom.cloud.usage.stats import FILTERS

PATH = f"{HOME}/breakdown"
BY = {"model": "Model", "tool": "Tool", "kind": "Kind", "key": "Key", "provider": "Provider", "level": "Level"}
MAX_ROWS = 500
NOT_ADDED = "A request with several of them counts for each, with all its tokens, so rows do not add up to the total."

FIGURES = (
    Column("requests", "Requests", "count"),
    Column("tokens_before", "Before", "tokens", "Tokens of the messages as they came."),
    Column("tokens_after", "Sent", "tokens", "Tokens of the messages as they went out.", draw=True),
    Column("tokens_saved", "Saved", "tokens", "Before less sent.", draw=True),
    Column("ratio", "Removed", "share", "Saved as a share of before.", bar=True),
)
PER_REQUEST = (
    Column("saved_usd", "Saved $", "dollars", "At the price of fresh tokens."),
    Column("saved_usd_at_cached_prices", "Saved $, cached", "dollars", "At the price of tokens from a cache."),
    Column("mean_latency_ms", "Latency", "ms", "Mean time in the service."),
    Column("errors", "Errors", "count", "Requests that were refused or failed."),
)


async def show(page: Page) -> Response:
    """The page."""
    by = page.query.get("by", "model")
    if by not in BY:
        raise ServiceError(422, "invalid_parameter", "This cannot be broken down by.", given=by[:40], allowed=[*BY])
    kept = not (by in ("tool", "kind") and page.view.where)

    def read(connection: Connection) -> tuple[Any, Any, Any]:
        answer = page.stats(connection, [by] if kept else [])
        names = key_names(connection, page.who.organisation_id)
        return answer, options(connection, page.who.organisation_id, page.view), names

    answer, choices, names = await page.ask(read)
    made = sheet(page, "breakdown", by, answer["groups"], names)
    made.chart = "bars"
    made.left_out = max(0, len(made.rows) - MAX_ROWS) + answer["groups_left_out"]
    made.rows = made.rows[:MAX_ROWS]
    if not kept:
        made.empty = f"Figures by {by} are kept for all requests together: take the filter out to see them."
    return page.show(
        "breakdown.html", [made], view=page.view, choices=choices, by=by, names=BY, totals=answer["totals"]
    )


def sheet(page: Page, id: str, by: str, groups: list[dict[str, Any]], names: dict[str, str]) -> Sheet:
    """A sheet of groups; what can be filtered by links to the overview of it."""
    columns = [Column("name", BY[by]), *FIGURES, *(PER_REQUEST if by in FILTERS else ())]
    rows = []
    for group in groups:
        value = group["group"][by]
        row = {column.name: group.get(column.name) for column in columns}
        row.update(name=names.get(value, value) if by == "key" else value, ratio=ratio(group))
        if by in FILTERS and value:
            row["href"] = page.view.url(HOME, **{by: value})
        elif by in ("tool", "kind"):
            row["href"] = page.view.url(f"{HOME}/requests", **{by: value})
        rows.append(row)
    made = Sheet(id, f"By {BY[by].lower()}", columns, rows)
    made.note = NOT_ADDED if by in ("tool", "kind") and rows else ""
    return made
