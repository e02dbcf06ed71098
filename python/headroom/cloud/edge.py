"""The outermost ASGI layer: request ids, security headers, errors as JSON, metrics, the log of requests, their spans.

Pure ASGI, so that nothing is buffered. Whatever goes wrong inside becomes an answer here, and nothing of it
but its type and place becomes a log line.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headroom.cloud import logs, metrics
from headroom.cloud.errors import ServiceError
from headroom.cloud.tracing import Tracing

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]
HSTS = (b"strict-transport-security", b"max-age=31536000")
LOOPBACK_HOSTS = frozenset({b"localhost", b"127.0.0.1", b"[::1]"})
HTTP_ERRORS = {404: "not_found", 405: "method_not_allowed"}


class Edge:
    """Wraps the application."""

    def __init__(
        self, app: ASGIApp, loopback_only: Callable[[], bool], access_log: bool, traces: Tracing | None = None
    ) -> None:
        """
        Args:
            app: the application.
            loopback_only: whether to refuse requests that name another host, as a web page can with a name of
                its own that leads to this machine.
            access_log: log every request.
            traces: takes a span of every request.
        """
        self._app = app
        self._loopback_only = loopback_only
        self._access_log = access_log
        self._traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        start_ns = time.time_ns() if self._traces is not None else 0
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        request_id = given.decode() if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        about: dict[str, Any] = {}
        scope.setdefault("state", {})["about"] = about
        status = 0

        async def respond(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
                # Pages and their files have a policy and a cache of their own.
                given_names = {name for name, _ in headers}
                headers.extend(header for header in SECURITY if header[0] not in given_names)
                if scope["scheme"] == "https":
                    headers.append(HSTS)
                message = {**message, "headers": headers}
            await send(message)

        problem: ServiceError | None = None
        try:
            if self._loopback_only() and not _names_loopback(scope):
                raise ServiceError(
                    421, "wrong_host", "Without keys, this service answers to names of this machine only.",
                    allowed=["localhost", "127.0.0.1", "[::1]"],
                )  # fmt: skip
            # Makes Starlette raise 404 and 405, which get a body of ours.
            scope["app"] = self
            await self._app(scope, receive, respond)
        except ServiceError as error:
            problem = error
        except HTTPException as error:
            problem = ServiceError(
                error.status_code,
                HTTP_ERRORS.get(error.status_code, "error"),
                "There is nothing here." if error.status_code == 404 else "This method is not allowed here.",
                allowed=(error.headers or {}).get("Allow"),
                action="See /openapi.json for what there is.",
            )
            problem.allow = (error.headers or {}).get("Allow")  # type: ignore[attr-defined]
        except Exception as error:  # noqa: BLE001  # the last place where it can become an answer
            logs.event("failed", logging.ERROR, request_id=request_id, **logs.places(error))
            problem = ServiceError(500, "internal", "The service failed. Its log has the place under this request id.")
        if problem is not None:
            metrics.refused.labels(problem.code).inc()
            about.setdefault("code", problem.code)
            if not status:
                await _answer(problem, request_id, respond)
        self._finish(scope, status, time.perf_counter() - start, start_ns, request_id, about)

    def _finish(
        self, scope: Scope, status: int, seconds: float, start_ns: int, request_id: str, about: dict[str, Any]
    ) -> None:
        # The path itself is the client's; only paths that exist become labels.
        route = about.pop("route", "other")
        metrics.requests.labels(route, str(status)).inc()
        metrics.request_seconds.labels(route).observe(seconds)
        if self._traces is not None:
            self._traces.record(scope, route, status, start_ns, about)
        about.pop("model", None)
        if self._access_log or status >= 500:
            logs.event(
                "request",
                logging.INFO if status < 500 else logging.WARNING,
                request_id=request_id,
                method=scope["method"][:16],
                route=route,
                status=status,
                ms=round(seconds * 1000, 2),
                **about,
            )


def _names_loopback(scope: Scope) -> bool:
    host = next((value for name, value in scope["headers"] if name == b"host"), b"")
    name = host.rsplit(b":", 1)[0] if not host.endswith(b"]") else host
    return name.lower() in LOOPBACK_HOSTS


async def _answer(problem: ServiceError, request_id: str, send: Send) -> None:
    body = problem.body(request_id)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *problem.headers()]
    allow = getattr(problem, "allow", None)
    if allow:
        headers.append((b"allow", allow.encode()))
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
