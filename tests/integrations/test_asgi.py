"""The middleware in front of a real uvicorn: what the application sees, what the client gets."""

from __future__ import annotations

import gzip
import hashlib
import json
import socket
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import payloads
import pytest
from processes import Server, uvicorn_app

pytest.importorskip("uvicorn")
CAP = 4 * 1024 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    env = {"TEST_MAX_BODY": str(CAP)}
    with uvicorn_app(tmp_path_factory.mktemp("asgi"), "apps:plain", env) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30) as made:
        yield made


def chat_body() -> bytes:
    return json.dumps({"model": "gpt-4o", "messages": payloads.chat(), "temperature": 0.1}).encode()


def seen_untouched(answer: httpx.Response, sent: bytes) -> bool:
    row = answer.json()
    return bool(row["sha256"] == hashlib.sha256(sent).hexdigest()) and "x-headroom-compressed" not in answer.headers


@pytest.mark.parametrize(
    ("path", "request_body"),
    [
        ("/v1/chat/completions", {"model": "gpt-4o", "messages": payloads.chat()}),
        ("/openai/deployments/x/chat/completions", {"messages": payloads.chat()}),
        ("/v1/messages", {"model": "claude-3-5-sonnet", "max_tokens": 9, "messages": payloads.anthropic()}),
        ("/v1/responses", {"model": "gpt-4o", "input": payloads.responses()}),
        ("/v1/responses/", {"model": "gpt-4o", "input": payloads.responses()}),
    ],
)
def test_bodies_of_chat_paths_are_compressed(client: httpx.Client, path: str, request_body: dict[str, Any]) -> None:
    sent = json.dumps(request_body).encode()
    answer = client.post("/raw" + path, content=sent)
    row = answer.json()
    assert row["length"] < 0.8 * len(sent)
    assert row["headers"]["content-length"] == str(row["length"])
    saved = int(answer.headers["x-headroom-tokens-saved"])
    before, after = (int(answer.headers[f"x-headroom-tokens-{n}"]) for n in ("before", "after"))
    assert answer.headers["x-headroom-compressed"] == "true"
    assert saved > 0
    assert before - after == saved
    got = json.loads(row["body"].encode("latin-1"))
    key = "messages" if "messages" in request_body else "input"
    assert [m.get("role") for m in got[key]] == [m.get("role") for m in request_body[key]]
    assert {k: v for k, v in got.items() if k != key} == {k: v for k, v in request_body.items() if k != key}


def test_everything_outside_changed_strings_keeps_its_bytes(client: httpx.Client) -> None:
    text = json.dumps(payloads.OUTPUT)
    head = (
        '{ "big": 123456789012345678901234567890.000e+10, "k":"1", "k" : "2",\t"model":"gpt-4o", "messages" : [\n'
        '{"role":"user","content":"caf\\u00e9 \\ud83d\\ude00 payment_7_3?"},'
        '{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function",'
        '"function":{"name":"grep","arguments":"{ \\"p\\" :1.10}"}}]},'
        '{"role":"tool","tool_call_id":"c","content":'
    )
    tail = '}\n] , "n" : 1E2 }\n '
    sent = (head + text + tail).encode()
    row = client.post("/raw/v1/chat/completions", content=sent).json()
    got = row["body"].encode("latin-1")
    assert got.startswith(head.encode())
    assert got.endswith(tail.encode())
    assert len(got) < 0.8 * len(sent)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/embeddings"),
        ("PUT", "/v1/chat/completions"),
        ("POST", "/v1/messages/count_tokens"),
        ("POST", "/"),
    ],
)
def test_other_requests_pass(client: httpx.Client, method: str, path: str) -> None:
    assert seen_untouched(client.request(method, path, content=chat_body()), chat_body())


BROKEN = {
    "not JSON": b"x" * 9000,
    "invalid UTF-8": chat_body().replace(b"payment", b"\xff\xfe\xfd", 3),
    "cut off": chat_body()[:-9],
    "a list": b"[" + chat_body() + b"]",
    "messages twice": b'{"messages":[],' + chat_body()[1:],
    "deep": b'{"messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "no messages": json.dumps({"prompt": payloads.OUTPUT}).encode(),
    "below min_tokens": json.dumps({"messages": [{"role": "user", "content": "word " * 300}]}).encode(),
    "UTF-16": chat_body().decode().encode("utf-16"),
    "nothing": b"",
}


@pytest.mark.parametrize("sent", BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_compressed_arrives_as_it_was(client: httpx.Client, sent: bytes) -> None:
    assert seen_untouched(client.post("/v1/chat/completions", content=sent), sent)


def test_bypass_header(client: httpx.Client) -> None:
    answer = client.post("/v1/chat/completions", content=chat_body(), headers={"X-Headroom-Bypass": "true"})
    assert seen_untouched(answer, chat_body())


def _raw_deflate(data: bytes) -> bytes:
    made = zlib.compressobj(wbits=-15)
    return made.compress(data) + made.flush()


CODINGS = {
    "gzip": (gzip.compress, gzip.decompress),
    "deflate": (zlib.compress, zlib.decompress),
}


@pytest.mark.parametrize("coding", CODINGS)
def test_coded_bodies_keep_their_coding(client: httpx.Client, coding: str) -> None:
    encode, decode = CODINGS[coding]
    sent = encode(chat_body())
    answer = client.post("/raw/v1/chat/completions", content=sent, headers={"content-encoding": coding})
    row = answer.json()
    assert row["headers"]["content-encoding"] == coding
    assert row["headers"]["content-length"] == str(row["length"])
    assert answer.headers["x-headroom-compressed"] == "true"
    plain = decode(row["body"].encode("latin-1"))
    assert len(plain) < 0.8 * len(chat_body())
    assert json.loads(plain)["temperature"] == 0.1


def test_raw_deflate(client: httpx.Client) -> None:
    answer = client.post(
        "/raw/v1/chat/completions", content=_raw_deflate(chat_body()), headers={"content-encoding": "deflate"}
    )
    plain = zlib.decompress(answer.json()["body"].encode("latin-1"), -15)
    assert len(plain) < 0.8 * len(chat_body())


def test_brotli_where_it_is_installed(client: httpx.Client) -> None:
    brotli = pytest.importorskip("brotli")
    sent = brotli.compress(chat_body())
    row = client.post("/raw/v1/chat/completions", content=sent, headers={"content-encoding": "br"}).json()
    assert len(brotli.decompress(row["body"].encode("latin-1"))) < 0.8 * len(chat_body())


@pytest.mark.parametrize(
    ("coding", "sent"),
    [
        ("gzip", gzip.compress(b" " * (CAP + 1))),
        ("gzip", gzip.compress(chat_body())[:-12]),
        ("gzip", chat_body()),
        ("deflate", zlib.compress(b" " * (CAP + 1))),
        ("zstd", chat_body()),
        ("gzip, gzip", gzip.compress(gzip.compress(chat_body()))),
    ],
    ids=["bomb", "cut off", "not gzip", "deflate bomb", "unknown", "twice"],
)
def test_codings_that_cannot_be_read_pass_untouched(client: httpx.Client, coding: str, sent: bytes) -> None:
    assert seen_untouched(client.post("/v1/chat/completions", content=sent, headers={"content-encoding": coding}), sent)


def test_brotli_that_cannot_be_read_passes_untouched(client: httpx.Client) -> None:
    brotli = pytest.importorskip("brotli")
    whole = brotli.compress(chat_body())
    for sent in (brotli.compress(b" " * (CAP + 1)), whole[: len(whole) // 2], chat_body(), b""):
        answer = client.post("/v1/chat/completions", content=sent, headers={"content-encoding": "br"})
        assert seen_untouched(answer, sent)


def test_chunked_body(client: httpx.Client) -> None:
    body = chat_body()
    pieces = (body[i : i + 1000] for i in range(0, len(body), 1000))
    answer = client.post("/v1/chat/completions", content=pieces)
    assert answer.headers["x-headroom-compressed"] == "true"
    assert "content-length" not in answer.json()["headers"]
    assert answer.json()["length"] < 0.8 * len(body)


@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_above_the_cap_pass_untouched(client: httpx.Client, chunked: bool) -> None:
    sent = b'{"messages":[{"role":"user","content":"' + b"x" * CAP + b'"}]}'
    content = (sent[i : i + 65536] for i in range(0, len(sent), 65536)) if chunked else sent
    assert seen_untouched(client.post("/v1/chat/completions", content=content), sent)


def test_a_request_that_is_refused_unread_costs_nothing(client: httpx.Client) -> None:
    before = client.get("/threads").json()["stats"]["calls"]
    answer = client.post("/refuse/chat/completions", content=chat_body())
    assert answer.status_code == 401
    assert "x-headroom-compressed" not in answer.headers
    assert client.get("/threads").json()["stats"]["calls"] == before


def test_event_streams_are_not_buffered(client: httpx.Client) -> None:
    with client.stream("POST", "/sse/chat/completions", content=chat_body()) as answer:
        assert answer.headers["x-headroom-compressed"] == "true"
        times = []
        for line in answer.iter_lines():
            if line:
                times.append(time.monotonic())
    assert len(times) == 3
    assert times[2] - times[0] > 0.2


def test_upstream_errors_pass_with_headers(client: httpx.Client) -> None:
    answer = client.post("/fail/chat/completions", content=chat_body())
    assert answer.status_code == 500
    assert answer.json() == {"failed": True}
    assert answer.headers["x-headroom-compressed"] == "true"


def test_a_client_that_leaves_mid_body_hurts_nobody(server: Server, client: httpx.Client) -> None:
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", server.port)) as gone:
            gone.sendall(b'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 90000\r\n\r\n{"messages":[')
    answer = client.post("/v1/chat/completions", content=chat_body())
    assert answer.headers["x-headroom-compressed"] == "true"
    assert client.get("/threads").json()["stats"]["skipped"].get("client gone", 0) > 0


def test_settings_are_checked() -> None:
    from apps import echo
    from headroom.integrations.asgi import CompressionMiddleware

    with pytest.raises(TypeError, match="unknown option"):
        CompressionMiddleware(echo, levle="lossless")
    with pytest.raises(ValueError, match="min_tokens"):
        CompressionMiddleware(echo, min_tokens=-1)
    with pytest.raises(ValueError, match="max_body_bytes"):
        CompressionMiddleware(echo, max_body_bytes=0)


def test_min_tokens_is_the_floor(tmp_path: Path) -> None:
    from headroom import compress

    tokens = compress(payloads.chat(), min_tokens=1 << 60).tokens_before
    for floor, compressed in ((tokens + 1, False), (tokens - 50, True)):
        headers = _run_once(floor)
        assert (b"x-headroom-compressed" in headers) is compressed


def _run_once(floor: int) -> dict[bytes, bytes]:
    import asyncio

    from apps import echo
    from headroom.integrations.asgi import CompressionMiddleware

    app = CompressionMiddleware(echo, min_tokens=floor)
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": chat_body(), "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": []}
    asyncio.run(app(scope, receive, send))
    return dict(sent[0]["headers"])


def test_websockets_and_lifespan_are_handed_on() -> None:
    import asyncio

    from headroom.integrations.asgi import CompressionMiddleware

    got: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        got.append((scope, receive, send))

    async def receive() -> Any: ...

    async def send(_: Any) -> None: ...

    for kind in ("websocket", "lifespan"):
        scope = {"type": kind, "path": "/v1/responses", "headers": []}
        asyncio.run(CompressionMiddleware(app)(scope, receive, send))
        assert got.pop() == (scope, receive, send)
