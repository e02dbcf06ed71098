"""The ASGI application. `create()` is what uvicorn's workers call; `make_app()` is for embedding and tests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from headroom.cloud import tracing
from headroom.cloud.dashboard import routes as dashboard
from headroom.cloud.dashboard.page import HOME
from headroom.cloud.edge import Edge
from headroom.cloud.guard import GuardedProtocol
from headroom.cloud.routes import compress, figures, health, policies, retrieve
from headroom.cloud.service import Service
from headroom.cloud.settings import ServiceSettings

Endpoint = Callable[[Request, Service], Awaitable[Response]]

ROUTES: tuple[tuple[str, str, Endpoint], ...] = (
    ("POST", "/v1/compress", compress.compress),
    ("POST", "/v1/saas/compress", compress.compress),
    ("GET", "/v1/retrieve/{hash}", retrieve.retrieve),
    ("GET", "/v1/stats", figures.get_stats),
    ("GET", "/v1/usage.csv", figures.get_usage),
    ("GET", "/v1/audit", figures.get_audit),
    ("GET", "/v1/policies", policies.list_policies),
    ("GET", "/v1/policies/export", policies.export_policy),
    ("POST", "/v1/policies/import", policies.import_policy),
    ("GET", "/v1/policies/{tool}", policies.get_policy),
    ("PUT", "/v1/policies/{tool}/fields", policies.put_field),
    ("POST", "/v1/learning", policies.post_learning),
    ("GET", "/healthz", health.healthz),
    ("GET", "/readyz", health.readyz),
    ("GET", "/metrics", health.get_metrics),
    ("GET", "/openapi.json", health.get_openapi),
    ("GET", "/", health.root),
)


def make_app(settings: ServiceSettings, traces: tracing.Tracing | None = None) -> Edge:
    """The application with these settings, and spans to `traces`, which it closes when it ends."""
    service = Service(settings)

    @contextlib.asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        try:
            async with service.running():
                yield
        finally:
            if traces is not None:
                await asyncio.to_thread(traces.close)

    def bind(endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def bound(request: Request) -> Response:
            return await endpoint(request, service)

        return bound

    routes = [Route(path, bind(endpoint), methods=[method]) for method, path, endpoint in ROUTES]
    routes += [Route(page.path, dashboard.bind(page, service), methods=[page.method]) for page in dashboard.PAGES]
    routes.append(Route(f"{HOME}/static/{{name}}", dashboard.bind_files(), methods=["GET"]))
    router = Router(routes, redirect_slashes=False, lifespan=lifespan)

    guarded = settings.loopback and not settings.allow_no_keys

    def loopback_only() -> bool:
        return guarded and service.auth.open

    return Edge(router, loopback_only, settings.access_log, traces)


def create() -> Edge:
    """The application with the settings of the environment, and the limits of this process's connections."""
    settings = ServiceSettings()
    GuardedProtocol.header_timeout_s = settings.header_timeout_s
    GuardedProtocol.write_timeout_s = settings.write_timeout_s
    GuardedProtocol.max_connections = settings.max_connections
    return make_app(settings, tracing.from_environment())
