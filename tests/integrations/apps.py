"""ASGI applications for tests and load runs, with the middleware as a user would add it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import threading
from typing import Any

from headroom.integrations.asgi import CompressionMiddleware

SEEN: list[dict[str, Any]] = []


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers what it saw: length and digest of the body, the headers, the body itself if asked."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        message = await receive()
        await send({"type": "websocket.send", "text": message.get("text")})
        await send({"type": "websocket.close"})
        return
    if scope["path"] == "/refuse/chat/completions":
        await _answer(send, 401, {"refused": True})
        return
    if scope["path"] == "/threads":
        await _answer(send, 200, {"threads": threading.active_count(), "stats": plain.stats()})
        return
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            SEEN.append({"disconnected": True})
            return
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    body = b"".join(parts)
    headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
    if scope["path"].startswith("/sse"):
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"text/event-stream")],
            }
        )
        for i in range(3):
            await send({"type": "http.response.body", "body": b"data: %d\n\n" % i, "more_body": True})
            await asyncio.sleep(0.15)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    if scope["path"].startswith("/fail"):
        await _answer(send, 500, {"failed": True})
        return
    row: dict[str, Any] = {
        "length": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "headers": headers,
    }
    if scope["path"].startswith("/raw"):
        row["body"] = body.decode("latin-1")
    await _answer(send, 200, row)


async def _answer(send: Any, status: int, row: Any) -> None:
    body = json.dumps(row).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


bare = echo
plain = CompressionMiddleware(echo, max_body_bytes=int(os.environ.get("TEST_MAX_BODY", str(32 * 1024 * 1024))))
