"""A loopback server that answers like the providers do and remembers every byte it was sent.

Tests look at `Recorder.requests`: what really reached the wire, whatever the client library says.
Run as a program (`python recorder.py PORT_FILE RECORD_FILE`) it serves other processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import replies

REASONS = {
    200: "OK",
    307: "Temporary Redirect",
    400: "Bad Request",
    429: "Too Many",
    500: "Internal Server Error",
}


@dataclass
class Request:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    """What to answer; `chunks` are sent one by one."""

    status: int = 200
    content_type: str = "application/json"
    chunks: list[bytes] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    chunk_delay_s: float = 0.0
    drop: bool = False


Handler = Callable[[Request], Reply | None]


class Recorder:
    """The server, in a thread with an event loop of its own.

    `statuses` is a queue: the next requests fail with these codes (200 answers as usual).
    `handler`, if set, may answer in place of the standard replies.
    """

    def __init__(self, handler: Handler | None = None, record_file: Path | None = None) -> None:
        self.requests: list[Request] = []
        self.statuses: list[int] = []
        self.handler = handler
        self.record_file = record_file
        self.connections = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Recorder:
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the recording server did not start")
        return self

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)

    def __enter__(self) -> Recorder:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def clear(self) -> None:
        self.requests.clear()
        self.statuses.clear()
        self.handler = None

    def posts(self) -> list[Request]:
        """The requests that carried a body."""
        return [r for r in self.requests if r.method == "POST" and r.body]

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", self.port))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        with contextlib.suppress(RuntimeError):
            self._loop.run_forever()
        server.close()
        rest = asyncio.all_tasks(self._loop)
        for task in rest:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                request = await _read(reader)
                if request is None:
                    break
                self.requests.append(request)
                if self.record_file is not None:
                    _append(self.record_file, request)
                reply = self._answer(request)
                if reply.delay_s:
                    await asyncio.sleep(reply.delay_s)
                if reply.drop:
                    break
                await _write(writer, reply)
        writer.close()

    def _answer(self, request: Request) -> Reply:
        if self.handler is not None:
            reply = self.handler(request)
            if reply is not None:
                return reply
        status = self.statuses.pop(0) if self.statuses else 200
        if status != 200:
            error = {
                "error": {
                    "message": f"scripted failure {status}",
                    "type": "server_error",
                    "code": str(status),
                }
            }
            return Reply(status, chunks=[json.dumps(error).encode()])
        content_type, chunks = replies.reply_for(request.path, request.body)
        return Reply(200, content_type, chunks)


async def _read(reader: asyncio.StreamReader) -> Request | None:
    line = await reader.readline()
    if not line.strip():
        return None
    method, path, _ = line.decode("latin-1").split(" ", 2)
    headers: dict[str, str] = {}
    while (raw := await reader.readline()) not in (b"\r\n", b"\n", b""):
        name, _, value = raw.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    body = b""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        parts = []
        while size := int((await reader.readline()).split(b";")[0] or b"0", 16):
            parts.append(await reader.readexactly(size))
            await reader.readline()
        await reader.readline()
        body = b"".join(parts)
    elif length := int(headers.get("content-length", "0")):
        body = await reader.readexactly(length)
    return Request(method, path, headers, body)


async def _write(writer: asyncio.StreamWriter, reply: Reply) -> None:
    head = [
        f"HTTP/1.1 {reply.status} {REASONS.get(reply.status, 'Status')}",
        f"content-type: {reply.content_type}",
    ]
    head += [f"{name}: {value}" for name, value in reply.headers.items()]
    if len(reply.chunks) <= 1:
        body = reply.chunks[0] if reply.chunks else b""
        head.append(f"content-length: {len(body)}")
        writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)
    else:
        head.append("transfer-encoding: chunked")
        writer.write("\r\n".join(head).encode() + b"\r\n\r\n")
        for chunk in reply.chunks:
            writer.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            await writer.drain()
            if reply.chunk_delay_s:
                await asyncio.sleep(reply.chunk_delay_s)
        writer.write(b"0\r\n\r\n")
    await writer.drain()


def _append(path: Path, request: Request) -> None:
    row = {
        "method": request.method,
        "path": request.path,
        "headers": request.headers,
        "body": request.body.decode("utf-8", "replace"),
    }
    with path.open("a", encoding="utf-8") as out:
        out.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    port_file, record = (Path(a) for a in sys.argv[1:3])
    running = Recorder(record_file=record).start()
    port_file.write_text(str(running.port))
    threading.Event().wait()
