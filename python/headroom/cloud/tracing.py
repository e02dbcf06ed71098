"""OpenTelemetry traces, where asked for: one span per request, with names and figures, never content (extra `otel`).

Off unless an exporter is named by the standard variables (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_TRACES_EXPORTER`).
A request's `traceparent` becomes the span's parent. The span is made when the answer is over, with the time of the
start, so that a sampler sees all attributes. Export runs in a thread of the SDK with a bounded queue: a collector that
is away costs spans, not requests. About 55 µs a span on the event loop; without an exporter, nothing.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Mapping
from typing import Any

from headroom import __version__
from headroom.cloud import logs

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
EXPORTERS = {
    "console": ("opentelemetry.sdk.trace.export", "ConsoleSpanExporter"),
    "http/protobuf": ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "OTLPSpanExporter"),
    "grpc": ("opentelemetry.exporter.otlp.proto.grpc.trace_exporter", "OTLPSpanExporter"),
}
INSTALL = "pip install 'headroom-ai[otel]' (for OTLP over gRPC: opentelemetry-exporter-otlp-proto-grpc)"

# What the edge knows of a request, and the name of the attribute; the semantic conventions' name where there is one.
ATTRIBUTES = {
    "organisation": "headroom.organisation.id",
    "model": "gen_ai.request.model",
    "tokens_before": "headroom.tokens.before",
    "tokens_after": "headroom.tokens.after",
}


class Tracing:
    """Makes spans with a provider of the SDK."""

    def __init__(self, provider: Any) -> None:
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer("headroom", __version__)
        self._extract = TraceContextTextMapPropagator().extract
        self._server = trace.SpanKind.SERVER
        self._failed = trace.Status(trace.StatusCode.ERROR)

    def record(self, scope: Mapping[str, Any], route: str, status: int, start_ns: int, about: dict[str, Any]) -> None:
        """One span, from `start_ns` (since the epoch) until now."""
        method = scope["method"] if scope["method"] in ("GET", "POST", "HEAD") else "_OTHER"
        attributes: dict[str, Any] = {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status,
            "headroom.outcome": about.get("code", "ok" if 200 <= status < 300 else "error"),
        }
        attributes.update((to, about[name]) for name, to in ATTRIBUTES.items() if name in about)
        carrier = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in (b"traceparent", b"tracestate")
        }
        span = self._tracer.start_span(
            f"{method} {route}",
            context=self._extract(carrier) if carrier else None,
            kind=self._server,
            attributes=attributes,
            start_time=start_ns,
        )
        # By the conventions a server's span is an error from 500 on.
        if status >= 500:
            span.set_status(self._failed)
        span.end()

    def close(self) -> None:
        """Sends what waits; blocks, at most as long as the exporter's own time limit."""
        self._provider.shutdown()


def from_environment(environment: Mapping[str, str] = os.environ) -> Tracing | None:
    """What the standard variables ask for; None if nothing, or if it is not installed (which is logged)."""
    name = _exporter(environment)
    if name is None:
        return None
    try:
        if name not in EXPORTERS:
            raise ImportError(name)
        module, attribute = EXPORTERS[name]
        exporter = getattr(importlib.import_module(module), attribute)
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        logs.event(
            "no tracing", logging.WARNING, exporter=name[:40], allowed=sorted(EXPORTERS), action=f"run: {INSTALL}"
        )
        return None
    # Attributes given here would win over those of the environment.
    named = environment.get("OTEL_SERVICE_NAME") or "service.name=" in environment.get("OTEL_RESOURCE_ATTRIBUTES", "")
    own = {"service.version": __version__, **({} if named else {"service.name": "headroom"})}
    provider = TracerProvider(resource=Resource.create(own))
    provider.add_span_processor(BatchSpanProcessor(exporter()))
    logs.event("tracing", exporter=name)
    return Tracing(provider)


def _exporter(environment: Mapping[str, str]) -> str | None:
    """Key of `EXPORTERS`, or a name that is none of them."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    name = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if not name:
        name = "otlp" if any(environment.get(variable) for variable in ENDPOINTS) else "none"
    if name == "none":
        return None
    if name != "otlp":
        return name
    protocol = environment.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environment.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    return protocol or "http/protobuf"
