"""GET /v1/stats, /v1/usage.csv and /v1/audit."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from headroom.cloud import keys
from headroom.cloud.errors import ServiceError
from headroom.cloud.service import Service
from headroom.cloud.usage import export, stats

MAX_AUDIT = 1000


async def get_stats(request: Request, service: Service) -> Response:
    """Figures of the key's organisation."""
    request.scope["state"]["about"]["route"] = "/v1/stats"
    who = await service.auth.identify(request, "read")
    given = request.query_params
    groups = [name for part in given.getlist("group_by") for name in part.split(",") if name]
    where = {name: given.getlist(name) for name in stats.FILTERS}
    asked = (given.get("from"), given.get("to"), groups, where, given.get("step"))
    found = await service.database.run(stats.query, service.settings, who.organisation_id, who.organisation, *asked)
    return Response(msgspec.json.encode(found), media_type="application/json")


async def get_usage(request: Request, service: Service) -> Response:
    """The organisation's usage events as CSV."""
    request.scope["state"]["about"]["route"] = "/v1/usage.csv"
    who = await service.auth.identify(request, "read")
    now_s = int(time.time())
    to_s = stats.moment("to", request.query_params.get("to", "0m"), now_s) + 1
    from_s = stats.moment("from", request.query_params.get("from", "24h"), now_s)
    if not -(1 << 40) < from_s < to_s < 1 << 40:
        raise ServiceError(422, "invalid_parameter", "`from` must be before `to`.", allowed="from < to")
    first = await service.database.run(
        export.page, who.organisation_id, from_s * 1000, to_s * 1000, (from_s * 1000 - 1, 0)
    )

    async def lines() -> AsyncIterator[bytes]:
        rows = first
        yield export.csv_header()
        while rows:
            yield export.csv_rows(rows)
            after = (rows[-1]["at_ms"], rows[-1]["id"])
            rows = await service.database.run(export.page, who.organisation_id, from_s * 1000, to_s * 1000, after)

    headers = {"content-disposition": 'attachment; filename="usage.csv"'}
    return StreamingResponse(lines(), media_type="text/csv; charset=utf-8", headers=headers)


async def get_audit(request: Request, service: Service) -> Response:
    """The organisation's audit log, newest first."""
    request.scope["state"]["about"]["route"] = "/v1/audit"
    who = await service.auth.identify(request, "admin")
    given = request.query_params.get("limit", "100")
    if not (given.isascii() and given.isdigit() and 1 <= int(given[:9]) <= MAX_AUDIT):
        raise ServiceError(
            422, "invalid_parameter", "`limit` is not allowed.", given=given[:20], allowed=f"1 to {MAX_AUDIT}"
        )
    found = await service.database.run(keys.audit_log, who.organisation_id, int(given))
    entries = [{k: v for k, v in entry.items() if k != "organisation_id"} for entry in found]
    return Response(msgspec.json.encode({"entries": entries}), media_type="application/json")
