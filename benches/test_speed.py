"""pytest-benchmark of what users call: `compress()`, the LiteLLM callback, the ASGI middleware.

    python -m pytest benches/test_speed.py --benchmark-group-by=group

For orientation while working on one of them; the figures that count are ratios, from `make bench`.
"""

from __future__ import annotations

import asyncio
import copy
import json
from typing import Any

import headroom
import inputs
import pytest
from headroom import _core

SIZE = 100 * inputs.KB
KIND = pytest.mark.parametrize("kind", inputs.KINDS)


@KIND
def test_compress_cold(benchmark: Any, kind: str) -> None:
    benchmark.group = f"{kind}, 100 KB"
    messages = inputs.messages(kind, inputs.text(kind, SIZE))
    result = benchmark.pedantic(headroom.compress, (messages,), setup=_core.clear_memo, rounds=20)
    assert result.tokens_after <= result.tokens_before


@KIND
def test_compress_again(benchmark: Any, kind: str) -> None:
    benchmark.group = f"{kind}, 100 KB"
    messages = inputs.messages(kind, inputs.text(kind, SIZE))
    benchmark(headroom.compress, messages)


@KIND
def test_tiktoken_count(benchmark: Any, kind: str) -> None:
    from speed import encoding

    benchmark.group = f"{kind}, 100 KB"
    body, enc = inputs.text(kind, SIZE), encoding()
    assert benchmark(lambda: len(enc.encode_ordinary(body))) == headroom.count_tokens(body)


def test_litellm_callback(benchmark: Any) -> None:
    pytest.importorskip("litellm")
    callback = pytest.importorskip("headroom.integrations.litellm_callback").HeadroomCallback()
    messages = inputs.messages("log", inputs.text("log", SIZE))

    def call() -> Any:
        _core.clear_memo()
        data = {"model": "gpt-4o", "messages": copy.deepcopy(messages)}
        return asyncio.run(callback.async_pre_call_hook(None, None, data, "completion"))

    benchmark.group = "integrations"
    out = benchmark(call)
    assert len(json.dumps(out["messages"])) < len(json.dumps(messages)), "the callback saved nothing"


def test_asgi_middleware(benchmark: Any) -> None:
    middleware = pytest.importorskip("headroom.integrations.asgi").CompressionMiddleware
    body = json.dumps({"model": "gpt-4o", "messages": inputs.messages("log", inputs.text("log", SIZE))}).encode()
    passed: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        got = b""
        while True:
            event = await receive()
            got += event.get("body", b"")
            if not event.get("more_body"):
                break
        passed.append(len(got))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    wrapped = middleware(app)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/v1/chat/completions",
        "raw_path": b"/v1/chat/completions",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "scheme": "http",
    }

    async def once() -> None:
        events = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Any:
            return next(events, {"type": "http.disconnect"})

        async def send(event: Any) -> None:
            del event

        await wrapped(dict(scope), receive, send)

    def call() -> None:
        _core.clear_memo()
        asyncio.run(once())

    benchmark.group = "integrations"
    benchmark(call)
    assert passed[-1] < len(body), "the middleware saved nothing"
