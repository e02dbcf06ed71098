"""/v1/policies and /v1/learning: what was learned, and what people decide about it."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from headroom.cloud.auth import Identity
from headroom.cloud.bodies import need_json
from headroom.cloud.errors import ServiceError
from headroom.cloud.learning import policies
from headroom.cloud.service import Service
from headroom.cloud.wire import invalid
from headroom.learning.policy import MAX_DOCUMENT_BYTES

MAX_DECISION_BYTES = 16 << 10


class Decision(msgspec.Struct):
    """Body of `PUT /v1/policies/{tool}/fields`."""

    structure: str
    path: str
    state: str


class Switch(msgspec.Struct):
    """Body of `POST /v1/learning`."""

    mode: str | None = None
    shared: bool | None = None


async def list_policies(request: Request, service: Service) -> Response:
    """The current policy in short."""
    who = await _identify(request, service, "/v1/policies", "read")
    return _json(await service.database.run(policies.list_policies, who.organisation_id, service.settings.learning))


async def get_policy(request: Request, service: Service) -> Response:
    """The evidence of one tool."""
    who = await _identify(request, service, "/v1/policies/{tool}", "read")
    return _json(await service.database.run(policies.get_tool, who.organisation_id, request.path_params["tool"]))


async def export_policy(request: Request, service: Service) -> Response:
    """The document of a version."""
    who = await _identify(request, service, "/v1/policies/export", "read")
    given = request.query_params.get("version")
    if given is not None and not (given.isascii() and given.isdigit() and len(given) < 10):
        raise ServiceError(422, "invalid_parameter", "`version` is no number.", given=given[:20], allowed="0 or more")
    version = None if given is None else int(given)
    return _json(await service.database.run(policies.export_policy, who.organisation_id, version))


async def import_policy(request: Request, service: Service) -> Response:
    """Takes over a document."""
    who = await _identify(request, service, "/v1/policies/import", "admin")
    document = await _body(request, service, MAX_DOCUMENT_BYTES, Any)
    made = await service.database.run(
        policies.import_policy, who.organisation_id, actor(who), document, timeout_s=service.settings.request_timeout_s
    )
    service.learning.policies.forget(who.organisation_id)
    return _json(made)


async def put_field(request: Request, service: Service) -> Response:
    """A person's decision about a field."""
    who = await _identify(request, service, "/v1/policies/{tool}/fields", "admin")
    body = await _body(request, service, MAX_DECISION_BYTES, Decision)
    tool = request.path_params["tool"]
    made = await service.database.run(
        policies.set_state, who.organisation_id, actor(who), tool, body.structure, body.path, body.state
    )
    service.learning.policies.forget(who.organisation_id)
    return _json(made)


async def post_learning(request: Request, service: Service) -> Response:
    """Switches learning for the organisation."""
    who = await _identify(request, service, "/v1/learning", "admin")
    body = await _body(request, service, MAX_DECISION_BYTES, Switch)
    made = await service.database.run(
        policies.set_learning, who.organisation_id, actor(who), service.settings.learning, body.mode, body.shared
    )
    service.learning.policies.forget(who.organisation_id)
    return _json(made)


def actor(who: Identity) -> str:
    """Who did it, for the audit log."""
    return who.key_id or "local"


async def _identify(request: Request, service: Service, route: str, permission: str) -> Identity:
    request.scope["state"]["about"]["route"] = route
    who = await service.auth.identify(request, permission)
    await service.limiter.check(who)
    return who


async def _body(request: Request, service: Service, limit: int, kind: Any) -> Any:
    need_json(request)
    async with service.bodies.read(request, limit) as body:
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.ValidationError as error:
            raise invalid(str(error), status=422, allowed="see /openapi.json") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise invalid("it is not JSON", allowed="see /openapi.json") from None


def _json(found: Any) -> Response:
    return Response(msgspec.json.encode(found), media_type="application/json")
