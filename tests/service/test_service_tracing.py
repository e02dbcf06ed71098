"""OpenTelemetry: a span for every request, with figures and names and without content, and nothing where it is off."""

from __future__ import annotations

import contextlib
import json
import logging
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

pytest.importorskip("opentelemetry.sdk")

import uvicorn
from headroom.cloud import tracing
from headroom.cloud.app import make_app
from headroom.cloud.serve import prepare
from headroom.cloud.settings import ServiceSettings
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from running import command, eventually, service

SECRET = "tangerine-4711"
MESSAGES = [{"role": "user", "content": f"{SECRET} " * 50}]
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@contextlib.contextmanager
def running(folder: Path, traces: tracing.Tracing | None) -> Iterator[tuple[str, str]]:
    """The application in a thread: its URL and a key."""
    settings = ServiceSettings(data_dir=folder, auth="keys")
    prepare(settings)
    words = ("--org", "acme", "--name", "ci", "--role", "admin", "--json", "--data-dir", str(folder))
    key = json.loads(command("keys", "create", *words))["key"]
    server = uvicorn.Server(uvicorn.Config(make_app(settings, traces), lifespan="on", log_config=None))
    with socket.create_server(("127.0.0.1", 0)) as sock:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
        thread.start()
        try:
            eventually(lambda: server.started, 30)
            yield f"http://127.0.0.1:{sock.getsockname()[1]}", key
        finally:
            server.should_exit = True
            thread.join(30)


def test_a_span_for_every_request(tmp_path: Path) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    before_ns = time.time_ns()
    with running(tmp_path, tracing.Tracing(provider)) as (url, key), httpx.Client(trust_env=False) as client:
        headers = {"authorization": f"Bearer {key}", "traceparent": f"00-{TRACE}-{PARENT}-01"}
        body = {"model": "gpt-4o", "messages": MESSAGES}
        done = client.post(url + "/v1/compress", json=body, headers=headers)
        assert done.status_code == 200
        del headers["traceparent"]
        assert client.post(url + "/v1/compress", json={"messages": SECRET}, headers=headers).status_code == 422
        assert client.get(url + f"/v1/retrieve/{'0' * 24}?query={SECRET}", headers=headers).status_code == 404
        assert client.post(url + "/v1/compress", json=body, headers={"traceparent": SECRET}).status_code == 401
        assert client.get(url + f"/{SECRET}").status_code == 404
        # A span is made after the last byte of its answer.
        eventually(lambda: len(exporter.get_finished_spans()) == 5)
        spans = {(s.name, s.attributes["http.response.status_code"]): s for s in exporter.get_finished_spans()}

    span = spans["POST /v1/compress", 200]
    attributes = dict(span.attributes or {})
    figures = done.json()
    assert attributes.pop("headroom.organisation.id").startswith("org_")
    assert attributes == {
        "http.request.method": "POST",
        "http.route": "/v1/compress",
        "http.response.status_code": 200,
        "headroom.outcome": "ok",
        "gen_ai.request.model": "gpt-4o",
        "headroom.tokens.before": figures["tokens_before"],
        "headroom.tokens.after": figures["tokens_after"],
    }
    assert span.kind is SpanKind.SERVER
    assert span.parent is not None
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, PARENT)
    assert before_ns < span.start_time < span.end_time <= time.time_ns()
    assert span.status.status_code is StatusCode.UNSET

    outcomes = {(name, code): s.attributes["headroom.outcome"] for (name, code), s in spans.items()}
    assert outcomes["POST /v1/compress", 422] == "invalid_request"
    assert outcomes["GET /v1/retrieve", 404] == "unknown_hash"
    assert outcomes["POST /v1/compress", 401] == "unauthorised"
    assert outcomes["GET other", 404] == "not_found"
    assert spans["POST /v1/compress", 401].parent is None
    for span in spans.values():
        assert SECRET not in span.to_json()
        assert key not in span.to_json()


class Collector(HTTPServer):
    """Takes OTLP over HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Take)
        self.bodies: list[bytes] = []


class Take(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        assert self.headers.get("content-encoding") is None
        self.server.bodies.append(body if self.path == "/v1/traces" else b"")
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


def test_the_command_sends_spans_where_the_standard_variables_say(tmp_path: Path) -> None:
    """Also those that wait when it is stopped."""
    with Collector() as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        env = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
            "OTEL_SERVICE_NAME": "compressor",
            "OTEL_BSP_SCHEDULE_DELAY": "600000",
        }
        with service(tmp_path, env=env) as made:
            assert made.compress(MESSAGES).status_code == 200
            assert collector.bodies == []
        assert '"event": "tracing"' in made.log
        assert collector.bodies
        collector.shutdown()
    names = []
    for body in collector.bodies:
        assert SECRET.encode() not in body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            about = {a.key: a.value.string_value for a in resource.resource.attributes}
            assert about["service.name"] == "compressor"
            names += [span.name for scope in resource.scope_spans for span in scope.spans]
    assert "POST /v1/compress" in names


def test_a_collector_that_is_away_costs_no_request(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    env = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
        "OTEL_BSP_SCHEDULE_DELAY": "10",
    }
    with service(tmp_path, env=env) as made:
        for _ in range(20):
            assert made.compress(MESSAGES).status_code == 200
    # It ended by itself; one that hangs at its collector is killed after ten seconds.
    assert made.server.process.returncode == -signal.SIGTERM
    assert '"event": "stopped"' in made.log
    assert SECRET not in made.log


def test_off_unless_asked_for() -> None:
    for environment in (
        {},
        {"OTEL_SERVICE_NAME": "x"},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
        {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
    ):
        assert tracing.from_environment(environment) is None


def test_without_the_package_the_log_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    for name in [n for n in sys.modules if n.partition(".")[0] == "opentelemetry"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.setattr(logging.getLogger("headroom"), "propagate", True)
    with caplog.at_level(logging.WARNING, "headroom.cloud"):
        assert tracing.from_environment({"OTEL_TRACES_EXPORTER": "otlp"}) is None
    assert "headroom-ai[otel]" in caplog.records[0].fields["action"]
    with running(tmp_path, None) as (url, key):
        body = {"messages": MESSAGES}
        reply = httpx.post(url + "/v1/compress", json=body, headers={"authorization": f"Bearer {key}"}, trust_env=False)
        assert reply.status_code == 200
