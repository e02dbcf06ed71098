"""Audit: what was done to keys, sessions and policies, and by whom. For the role admin."""

from __future__ import annotations

from starlette.responses import Response

from headroom.cloud import keys
from headroom.cloud.dashboard.page import Page
from headroom.cloud.dashboard.sheet import Column, Sheet

SHOWN = 500
COLUMNS = (
    Column("at_s", "Time (UTC)", "second"),
    Column("actor", "Who"),
    Column("action", "What", "code"),
    Column("subject", "To what", "code"),
    Column("detail", "Details"),
)


async def show(page: Page) -> Response:
    """The page."""
    found = await page.ask(keys.audit_log, page.who.organisation_id, SHOWN)
    rows = [{**entry, "detail": ", ".join(f"{k}: {v}" for k, v in entry["detail"].items())} for entry in found]
    sheet = Sheet("audit", "Audit log", COLUMNS, rows, f"The newest {SHOWN} entries.", empty="Nothing was done yet.")
    return page.show("audit.html", [sheet])
