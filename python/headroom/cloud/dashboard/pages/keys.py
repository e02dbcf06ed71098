"""Keys: who has one, a new one (shown once), the end of one. For the role admin."""

from __future__ import annotations

import time
from typing import Any

from starlette.responses import Response

from headroom.cloud import keys
from headroom.cloud.dashboard.page import HOME, Page
from headroom.cloud.dashboard.sheet import Column, Sheet
from headroom.cloud.errors import ServiceError
from headroom.cloud.usage.rollup import DAY_S

PATH = f"{HOME}/keys"
ROLES = {
    "compress": "compress and retrieve",
    "read": "see figures",
    "admin": "both, and manage keys and policies",
}
COLUMNS = (
    Column("name", "Name"),
    Column("role", "Role"),
    Column("team", "Team"),
    Column("prefix", "Key", "code"),
    Column("limit", "Limit", "count", "Requests a minute."),
    Column("created_s", "Made", "moment"),
    Column("expires_s", "Ends", "moment"),
    Column("state", "State", "badge"),
)


async def show(page: Page) -> Response:
    """The list, and the form for a new one."""
    return await _show(page)


async def _show(page: Page, status: int = 200, **more: Any) -> Response:
    rows = [_row(row) for row in await page.ask(_list, page)]
    sheet = Sheet("keys", "Keys", COLUMNS, rows, empty="There are no keys yet.")
    if page.query.get("format") == "csv":
        return page.show("keys.html", [sheet])
    values = {"made": None, "error": None, "given": {}, "done": page.query.get("done", ""), **more}
    return page.render("keys.html", status, sheets={"keys": sheet}, roles=ROLES, own_id=page.who.key_id, **values)


async def create(page: Page) -> Response:
    """Makes a key and shows it: in the answer to the form, so that no URL and no history has it."""
    form = page.form
    try:
        limit = _number(form.get("requests_per_minute", ""), "requests a minute")
        days = _number(form.get("expires_days", ""), "days")
        expires_s = None if days is None else int(time.time()) + min(days, 36_500) * DAY_S
        # Where no key was needed the first one is for the organisation whose figures are shown.
        key, row = await page.ask(
            keys.create, page.who.organisation, form.get("name", "").strip(), form.get("role", ""), page.visitor.actor,
            limit, None, expires_s, form.get("team", "").strip() or None,
        )  # fmt: skip
    except keys.KeyProblem as problem:
        return await _show(page, 422, error=str(problem), given=form)
    return await _show(page, made=key, made_row=row)


async def set_team(page: Page) -> Response:
    """Puts a key into a team, or out of its team."""
    name, team = page.form.get("name", ""), page.form.get("team", "").strip() or None
    try:
        await page.ask(keys.set_team, page.who.organisation, name, team, page.visitor.actor)
    except keys.KeyProblem as problem:
        return await _show(page, 422, error=str(problem))
    return page.redirect(PATH, done="team")


async def revoke(page: Page) -> Response:
    """Ends a key."""
    name = page.form.get("name", "")
    try:
        await page.ask(keys.revoke, page.who.organisation, name, page.visitor.actor)
    except keys.KeyProblem as problem:
        raise ServiceError(422, "no_such_key", str(problem)) from None
    return page.redirect(PATH, done="revoked")


def _list(connection: Any, page: Page) -> list[keys.KeyRow]:
    return keys.list_keys(connection, page.who.organisation)


def _number(text: str, what: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text[:10]) < 1 << 31 and len(text) <= 10):
        raise keys.KeyProblem(f"{what} {text[:20]!r} is not allowed; allowed: a number from 1 to {(1 << 31) - 1}")
    return int(text)


def _row(row: keys.KeyRow) -> dict[str, Any]:
    is_valid = row.valid(time.time())
    state = "active" if is_valid else "revoked" if row.revoked_s else "expired"
    return {
        "id": row.id,
        "name": row.name,
        "role": row.role,
        "team": row.team or "",
        "prefix": f"hdr_{row.prefix}…",
        "limit": row.requests_per_minute,
        "created_s": row.created_s,
        "expires_s": row.revoked_s or row.expires_s,
        "state": "ends soon" if is_valid and row.revoked_s else state,
        "is_valid": is_valid,
    }
