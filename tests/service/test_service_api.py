"""The API of a service as it starts without options: real requests over a socket."""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import socket
import time
import zlib
from typing import Any

import httpx
import payloads
import pytest
from headroom import compress
from running import JSON, Service, eventually, settled

CCR = {"config": {"mode": "ccr"}}


def post(service: Service, content: bytes, **headers: str) -> httpx.Response:
    return service.client.post("/v1/compress", content=content, headers={**JSON, **headers})


@pytest.mark.parametrize("path", ["/v1/compress", "/v1/saas/compress"])
@pytest.mark.parametrize("shape", [payloads.chat, payloads.one_message, payloads.anthropic, payloads.responses])
def test_the_reply_is_what_compress_returns(open_service: Service, path: str, shape: Any) -> None:
    reply = open_service.compress(shape(), path=path, model_limit=200_000)
    assert reply.status_code == 200
    body = reply.json()
    here = compress(shape(), model="gpt-4o", model_limit=200_000)
    assert body["messages"] == here.messages
    assert [m.get("role") for m in body["messages"]] == [m.get("role") for m in shape()]
    assert (body["tokens_before"], body["tokens_after"]) == (here.tokens_before, here.tokens_after)
    assert body["tokens_saved"] == here.tokens_saved > 0
    assert body["compression_ratio"] == pytest.approx(here.compression_ratio, abs=1e-6)
    assert body["transforms_applied"] == here.transforms_applied
    assert body["ccr_hashes"] == []


def test_every_hash_that_is_issued_can_be_redeemed(open_service: Service) -> None:
    body = open_service.compress(payloads.chat(), **CCR).json()
    (hash_,) = body["ccr_hashes"]
    assert hash_ in body["messages"][3]["content"]
    found = open_service.get(f"/v1/retrieve/{hash_}").json()
    assert found["original_content"] == payloads.OUTPUT
    assert found["complete"] is True


def test_a_query_gets_what_answers_it(open_service: Service) -> None:
    (hash_,) = open_service.compress(payloads.chat(), **CCR).json()["ccr_hashes"]
    found = open_service.get(f"/v1/retrieve/{hash_}", query="payment_41_3").json()
    assert found["complete"] is False
    assert "payment_41_3" in found["original_content"]
    assert len(found["original_content"]) < len(payloads.OUTPUT) / 2


def test_without_a_reader_there_is_no_hash(open_service: Service) -> None:
    body = open_service.compress(payloads.chat()).json()
    assert not re.search(r"[0-9a-f]{24}", json.dumps(body))


@pytest.mark.parametrize("hash_", ["0123456789abcdef01234567", "0123456789ab"])
def test_unknown_hashes(open_service: Service, hash_: str) -> None:
    reply = open_service.get(f"/v1/retrieve/{hash_}")
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "unknown_hash")


@pytest.mark.parametrize("hash_", ["xyz", "0123456789AB", "0" * 25, "..%2f..%2fetc"])
def test_what_is_no_hash(open_service: Service, hash_: str) -> None:
    assert open_service.get(f"/v1/retrieve/{hash_}").status_code in (404, 422)


def test_every_byte_outside_changed_strings_stays(open_service: Service) -> None:
    rows = rb"""[ {"role":"user" , "content":"caf\u00e9 \ud83d\ude00"}, {"n":1.10e5, "role":"tool","content":"x"} ]"""
    # Half a character, as JavaScript leaves it where it cuts a text.
    halves = rows.replace(b'"x"', rb'"\\\ud83d x\udc00", "b":"\\ud83d"')
    for content in (rows, halves):
        reply = post(open_service, b'{"messages":' + content + b"}")
        assert content in reply.content


def test_bypass_counts_and_changes_nothing(open_service: Service) -> None:
    content = json.dumps({"messages": payloads.chat(), "model": "gpt-4o"}).encode()
    body = post(open_service, content, **{"x-headroom-bypass": "true"}).json()
    assert body["messages"] == payloads.chat()
    assert body["tokens_before"] == body["tokens_after"] > 1000


def test_config_is_used(open_service: Service) -> None:
    some = open_service.compress(payloads.chat(), config={"level": "lossless"}).json()
    more = open_service.compress(payloads.chat(), config={"level": "aggressive", "unknown": 1}).json()
    assert more["tokens_after"] < some["tokens_after"]
    assert open_service.compress(payloads.chat(), config={"min_tokens": 10**6}).json()["tokens_saved"] == 0


@pytest.mark.parametrize(
    ("coding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("identity", bytes)],
)
def test_packed_bodies(open_service: Service, coding: str, pack: Any) -> None:
    content = pack(json.dumps({"messages": payloads.chat(), "model": "gpt-4o"}).encode())
    reply = post(open_service, content, **{"content-encoding": coding})
    assert reply.status_code == 200
    assert reply.json()["tokens_saved"] > 0


BOMB = gzip.compress(b" " * (200 << 20), 9)
BAD: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "nothing": (b"", {}, 400, "invalid_json"),
    "not JSON": (b"<html>", {}, 400, "invalid_json"),
    "cut off": (b'{"messages":[', {}, 400, "invalid_json"),
    "not UTF-8": (b'{"messages":[{"role":"user","content":"\xff"}]}', {}, 400, "invalid_json"),
    "NaN": (b'{"messages":[NaN]}', {}, 400, "invalid_json"),
    "deep": (b'{"messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}", {}, 400, "invalid_json"),
    "a list": (b"[]", {}, 422, "invalid_request"),
    "no messages": (b"{}", {}, 422, "invalid_request"),
    "messages of another type": (b'{"messages":"hello"}', {}, 422, "invalid_request"),
    "model of another type": (b'{"messages":[],"model":5}', {}, 422, "invalid_request"),
    "limit of 0": (b'{"messages":[],"model_limit":0}', {}, 422, "invalid_request"),
    "level": (b'{"messages":[],"config":{"level":"most"}}', {}, 422, "invalid_request"),
    "another content type": (b"{}", {"content-type": "text/plain"}, 415, "content_type"),
    "another coding": (b"{}", {"content-encoding": "zstd"}, 415, "content_encoding"),
    "broken gzip": (b"\x1f\x8b12", {"content-encoding": "gzip"}, 400, "broken_encoding"),
    "bomb": (BOMB, {"content-encoding": "gzip"}, 413, "body_too_large"),
    "too large": (b" " * (11 << 20), {}, 413, "body_too_large"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_requests_say_what_is_wrong(open_service: Service, name: str) -> None:
    content, headers, status, code = BAD[name]
    before = open_service.server.rss_bytes()
    reply = post(open_service, content, **headers)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
    assert {"message", "allowed"} <= set(reply.json()["error"]) or code == "broken_encoding"
    assert open_service.server.rss_bytes() - before < 64 << 20


def test_odd_rows_affect_themselves_only(open_service: Service) -> None:
    rows = [1, None, {"role": 5}, [], *payloads.chat()]
    body = open_service.compress(rows).json()
    assert body["messages"][:4] == rows[:4]
    assert body["tokens_saved"] > 0


def test_answers_have_security_headers(open_service: Service) -> None:
    for path in ("/healthz", "/v1/nothing"):
        headers = open_service.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers
        assert headers["x-request-id"]


def test_wrong_paths_and_methods(open_service: Service) -> None:
    assert open_service.get("/v1/nothing").json()["error"]["code"] == "not_found"
    reply = open_service.get("/v1/compress")
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")


def test_a_web_page_with_a_name_for_this_machine_gets_nothing(open_service: Service) -> None:
    reply = open_service.client.get("/v1/stats", headers={"host": "evil.example:80"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (421, "wrong_host")


def test_stats_add_up(open_service: Service) -> None:
    def figures() -> Any:
        return open_service.get("/v1/stats", **{"from": "1h"}).json()["totals"]

    before = settled(figures)
    replies = [open_service.compress(payloads.chat()).json() for _ in range(5)]
    assert open_service.compress([], config={"level": "?"}).status_code == 422
    after = eventually(lambda: (f := figures())["compressions"] >= before["compressions"] + 5 and f)
    for name in ("tokens_before", "tokens_after", "tokens_saved"):
        assert after[name] - before[name] == sum(r[name] for r in replies)
    eventually(lambda: figures()["errors"] == before["errors"] + 1)
    # From the price table of the LiteLLM that is installed.
    assert after["saved_usd"] > after["saved_usd_at_cached_prices"] > 0


def test_stats_by_group(open_service: Service) -> None:
    open_service.compress(payloads.chat(), model="anthropic/claude-x")

    def by(*names: str) -> list[dict[str, Any]]:
        reply = open_service.get("/v1/stats", group_by=",".join(names), **{"from": "1h"})
        assert reply.status_code == 200
        return reply.json()["groups"]

    eventually(lambda: any(g["group"]["model"] == "anthropic/claude-x" for g in by("model")))
    assert any(g["group"]["provider"] == "anthropic" for g in by("provider"))
    assert by("tool")[0]["group"] == {"tool": "grep"}
    assert by("kind")[0]["group"] == {"kind": "search"}
    assert by("minute", "model")[0]["group"].keys() == {"minute", "model"}
    assert sum(g["requests"] for g in by("hour")) == sum(g["requests"] for g in by("outcome", "action"))


@pytest.mark.parametrize(
    "params",
    [
        {"from": "yesterday"},
        {"from": "2026-01-02", "to": "2026-01-01"},
        {"group_by": "content"},
        {"group_by": "tool,model"},
        {"group_by": "minute,hour"},
    ],
)
def test_stats_refuses_what_it_cannot_answer(open_service: Service, params: dict[str, str]) -> None:
    assert open_service.get("/v1/stats", **params).status_code == 422


def test_usage_can_be_exported(open_service: Service) -> None:
    open_service.compress(payloads.chat(), model="=cmd()")
    text = eventually(lambda: "cmd" in (t := open_service.get("/v1/usage.csv").text) and t)
    head, *lines = text.strip().split("\r\n")
    assert head.startswith("at_ms,key_id,action,outcome,model")
    assert all(line.count(",") >= head.count(",") for line in lines)
    # A name that a spreadsheet would run is none any more.
    assert ",=" not in text


def test_metrics(open_service: Service) -> None:
    open_service.compress(payloads.chat())
    text = open_service.get("/metrics").text
    assert re.search(r'headroom_requests_total\{route="/v1/compress",status="200"\} [1-9]', text)
    assert "headroom_tokens_before_total" in text


def test_content_is_not_in_logs_metrics_or_the_database(open_service: Service) -> None:
    secret = "zebra7"
    rows = payloads.chat()
    rows[1]["content"] += secret
    rows[3]["content"] = rows[3]["content"].replace("payment", secret)
    assert open_service.compress(rows, **CCR).status_code == 200
    assert post(open_service, f'{{"messages":[{{"{secret}":'.encode()).status_code == 400
    assert open_service.compress(rows, config={"level": secret}).status_code == 422
    time.sleep(1.5)
    assert secret not in open_service.log
    assert secret not in open_service.get("/metrics").text
    for path in open_service.folder.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path


def raw(service: Service, data: bytes, timeout_s: float = 5.0) -> bytes:
    with socket.create_connection(("127.0.0.1", service.server.port), timeout_s) as s:
        out = b""
        # A server that closes before it has read everything resets the connection.
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            s.sendall(data)
            while chunk := s.recv(65536):
                out += chunk
        return out


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: 4\r\ntransfer-encoding: chunked\r\n",
        b"content-length: 4\r\ncontent-length: 5\r\n",
        b"content-length: +4\r\n",
        b"transfer-encoding: chunked, identity\r\n",
        b"content-length : 4\r\n",
    ],
)
def test_ambiguous_lengths_are_refused(open_service: Service, head: bytes) -> None:
    """Where two servers disagree about a body's length, a request can be smuggled past one of them."""
    data = b"POST /v1/compress HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n" + head
    answer = raw(
        open_service, data + b"connection: close\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1


def test_endless_heads_are_refused(open_service: Service) -> None:
    answer = raw(open_service, b"GET / HTTP/1.1\r\nx: " + b"a" * 200_000)
    assert answer.startswith(b"HTTP/1.1 400 ") or answer == b""


def test_many_small_headers_in_large_pieces_are_fine(open_service: Service) -> None:
    head = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n" + b"x: y\r\n" * 500 + b"\r\n"
    assert raw(open_service, head).startswith(b"HTTP/1.1 200 ")
