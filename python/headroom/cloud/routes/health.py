"""GET /healthz, /readyz, /metrics, /openapi.json and /."""

from __future__ import annotations

import hmac

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from headroom import __version__
from headroom.cloud import metrics, openapi
from headroom.cloud.errors import ServiceError
from headroom.cloud.service import Service

JSON = "application/json"


async def healthz(request: Request, service: Service) -> Response:
    """200 while the process lives and its loop turns."""
    request.scope["state"]["about"]["route"] = "/healthz"
    return Response(b'{"status":"ok"}', media_type=JSON)


async def readyz(request: Request, service: Service) -> Response:
    """200 while the worker takes requests.

    A database or a store that is away does not make a worker unready: all workers would be taken out at once,
    although known keys still work and messages are still compressed.
    """
    request.scope["state"]["about"]["route"] = "/readyz"
    if not service.ready:
        raise ServiceError(503, "not_ready", "The worker starts or stops.", retry_after_s=1)
    service.auth.ready()
    return Response(b'{"status":"ready"}', media_type=JSON)


async def get_metrics(request: Request, service: Service) -> Response:
    """Prometheus' text format. Where keys are needed, this needs `metrics_token`: figures are of all organisations."""
    request.scope["state"]["about"]["route"] = "/metrics"
    if not service.auth.open:
        token = service.settings.metrics_token
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token is None or not hmac.compare_digest(token.get_secret_value().encode(), given.encode()):
            raise ServiceError(
                401, "unauthorised", "Metrics need their own token.",
                action="Set HEADROOM_CLOUD_METRICS_TOKEN, and send it as Authorization: Bearer.",
            )  # fmt: skip
    metrics.pending.labels("small").set(service.lanes.small.pending)
    metrics.pending.labels("large").set(service.lanes.large.pending)
    metrics.inflight_bytes.set(service.bodies.inflight_bytes)
    return Response(metrics.exposition(), headers={"content-type": metrics.CONTENT_TYPE})


async def get_openapi(request: Request, service: Service) -> Response:
    """The OpenAPI document."""
    request.scope["state"]["about"]["route"] = "/openapi.json"
    return Response(msgspec.json.encode(openapi.document()), media_type=JSON)


async def root(request: Request, service: Service) -> Response:
    """What this is, for a person with a browser."""
    request.scope["state"]["about"]["route"] = "/"
    body = {"service": "headroom", "version": __version__, "dashboard": "/dashboard", "openapi": "/openapi.json"}
    return Response(msgspec.json.encode(body), media_type=JSON)
