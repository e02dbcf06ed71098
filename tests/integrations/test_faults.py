"""Faults: clients that leave, bodies that are rubbish, a service that fails. The server answers on, memory stays flat."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import payloads
import pytest
from processes import Server, uvicorn_app
from recorder import Recorder, Reply

pytest.importorskip("uvicorn")

MALFORMED = 10_000
# Allocators keep some of what they once had; a leak of one body in ten would be 40 MB.
MAX_GROWTH_BYTES = 24 * 1024 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with uvicorn_app(tmp_path_factory.mktemp("faults"), "apps:plain") as running:
        yield running


def good_body() -> bytes:
    return json.dumps({"model": "gpt-4o", "messages": payloads.chat()}).encode()


def assert_it_works(server: Server) -> None:
    answer = httpx.post(server.url + "/v1/chat/completions", content=good_body(), timeout=10)
    assert answer.status_code == 200
    assert answer.headers["x-headroom-compressed"] == "true"


def rubbish(seed: int) -> bytes:
    """A chat body with something broken: cut, flipped, nested, doubled, or no JSON at all."""
    rng = random.Random(seed)
    body = bytearray(json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * 3000}]}).encode())
    kind = seed % 6
    if kind == 0:
        return bytes(body[: rng.randrange(len(body))])
    if kind == 1:
        for _ in range(20):
            body[rng.randrange(len(body))] = rng.randrange(256)
        return bytes(body)
    if kind == 2:
        return rng.randbytes(2000)
    if kind == 3:
        return b'{"messages":' + b"[{" * 1000
    if kind == 4:
        return b'{"messages":[],"messages":[' + bytes(body) + b"]}"
    return b'{"messages":[{"role":1,"content":{"a":[null,1e999,"\\ud800"]}},7,null,' + b"1," * 800 + b"0]}"


async def _flood(port: int, first: int, last: int) -> None:
    """Sends the bodies over eight connections; a client library would take ten times as long."""

    async def some(start: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for seed in range(start, last, 8):
            body = rubbish(seed)
            head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200")
            assert b"x-headroom-compressed" not in answer
            await reader.readexactly(int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        writer.close()

    await asyncio.gather(*(some(first + i) for i in range(8)))


def test_ten_thousand_malformed_bodies(server: Server) -> None:
    asyncio.run(_flood(server.port, 0, MALFORMED // 5))
    before = server.rss_bytes()
    asyncio.run(_flood(server.port, MALFORMED // 5, MALFORMED))
    assert server.rss_bytes() - before < MAX_GROWTH_BYTES
    assert_it_works(server)


def test_clients_that_leave_mid_body(server: Server) -> None:
    before = server.rss_bytes()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 2000000\r\n\r\n"
    for _ in range(200):
        with socket.create_connection(("127.0.0.1", server.port)) as gone:
            gone.sendall(head + b'{"messages":[{"role":"user","content":"' + b"x" * 100_000)
    assert_it_works(server)
    end = time.monotonic() + 5
    while server.rss_bytes() - before > MAX_GROWTH_BYTES and time.monotonic() < end:
        time.sleep(0.1)
    assert server.rss_bytes() - before < MAX_GROWTH_BYTES


def test_an_application_that_fails(server: Server) -> None:
    for _ in range(20):
        answer = httpx.post(server.url + "/fail/chat/completions", content=good_body(), timeout=10)
        assert answer.status_code == 500
    assert_it_works(server)


@pytest.mark.parametrize(
    "reply",
    [Reply(500), Reply(drop=True), Reply(delay_s=2), Reply(chunks=[b'{"messages": []}']), None],
    ids=["500", "dropped", "slow", "lying", "down"],
)
def test_a_service_that_fails(reply: Reply | None, tmp_path: Path) -> None:
    with Recorder(lambda _: reply) as service:
        url = service.url
        if reply is None:
            service.stop()
        env = {"HEADROOM_API_KEY": "hdr_test", "HEADROOM_API_URL": url}
        with uvicorn_app(tmp_path, "apps:plain", env) as server:
            start = time.monotonic()
            for _ in range(6):
                assert_it_works(server)
            # The slow service costs its timeout at most until the breaker opens (five times 2 s here).
            assert time.monotonic() - start < 15
        assert "hdr_test" not in server.log.read_text()


def test_small_requests_do_not_wait_for_large_ones(server: Server) -> None:
    async def main() -> list[float]:
        rows = payloads.chat()
        rows[3]["content"] = payloads.search_output(files=2700)
        large = json.dumps({"model": "gpt-4o", "messages": rows}).encode()
        assert len(large) > 2_000_000
        small = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "word " * 190}]}).encode()
        times = []
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            await client.post("/v1/chat/completions", content=small)
            work = [asyncio.create_task(client.post("/v1/chat/completions", content=large)) for _ in range(2)]
            await asyncio.sleep(0.01)
            while not all(t.done() for t in work):
                start = time.monotonic()
                await client.post("/v1/chat/completions", content=small)
                times.append(time.monotonic() - start)
                await asyncio.sleep(0.002)
            for task in work:
                assert (await task).headers["x-headroom-compressed"] == "true"
        return times

    times = sorted(asyncio.run(main()))
    # The large bodies take hundreds of milliseconds; on the loop, a small request would wait as long.
    assert times[len(times) // 2] < 0.05
