"""`CompressionMiddleware`: compresses chat requests in front of any ASGI application.

    app.add_middleware(CompressionMiddleware, min_tokens=500)      # FastAPI, Starlette
    app = CompressionMiddleware(app)                               # any other

Pure ASGI. Only POST requests to chat, messages and responses paths are looked at; everything else,
websockets and lifespan included, is handed on as it is. The body is compressed when the application
first reads it: a request that it refuses before that costs nothing. Responses are never buffered.

Fails open: a body that cannot be compressed (not JSON, not UTF-8, too large, an unknown content coding)
reaches the application byte for byte as it was sent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from headroom.compression import CompressConfig
from headroom.integrations import workers
from headroom.integrations.asgi_body import Rewriter
from headroom.integrations.ledger import Ledger, Outcome
from headroom.integrations.settings import (
    DEFAULT_CLOUD_TIMEOUT_S,
    DEFAULT_MIN_TOKENS,
    DEFAULT_MODEL_LIMIT,
    OnCloudError,
    Settings,
)

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

DEFAULT_PATHS = ("/chat/completions", "/messages", "/responses")
# More than any provider takes; a larger body is handed on while it arrives.
DEFAULT_MAX_BODY_BYTES = 32 * 1024 * 1024
BYPASS_HEADER = b"x-headroom-bypass"


class CompressionMiddleware:
    """ASGI middleware that compresses request bodies.

    Args:
        app: the application behind it.
        min_tokens: requests with fewer tokens are handed on as they came.
        model_limit: context window of the models in tokens.
        api_key: key of a Headroom service (or HEADROOM_API_KEY).
        api_url: the service (or HEADROOM_API_URL). Without one, compression is local.
        config: options of the compression; `config_fields` are the same options as keywords, and win.
        paths: ends of the paths whose POST bodies are compressed.
        max_body_bytes: larger bodies (also after decoding gzip) are handed on as they came.
        on_cloud_error: "local" or "original" when the service fails.
        cloud_timeout_s: longest time one request to the service may take.

    Raises:
        ValueError: a setting with a value that is not allowed.
        TypeError: an unknown option.
    """

    def __init__(
        self,
        app: App,
        min_tokens: int = DEFAULT_MIN_TOKENS,
        model_limit: int = DEFAULT_MODEL_LIMIT,
        api_key: str | None = None,
        api_url: str | None = None,
        config: CompressConfig | None = None,
        *,
        paths: Iterable[str] = DEFAULT_PATHS,
        max_body_bytes: int = DEFAULT_MAX_BODY_BYTES,
        on_cloud_error: OnCloudError = "local",
        cloud_timeout_s: float = DEFAULT_CLOUD_TIMEOUT_S,
        **config_fields: Any,
    ) -> None:
        if max_body_bytes < 1:
            raise ValueError(f"max_body_bytes must be above 0, not {max_body_bytes!r}")
        self.app = app
        self.settings = Settings.make(
            min_tokens,
            model_limit,
            api_key,
            api_url,
            config,
            config_fields,
            None,
            on_cloud_error,
            cloud_timeout_s,
        )
        self._paths = (paths,) if isinstance(paths, str) else tuple(paths)
        self._max_body_bytes = max_body_bytes
        self._ledger = Ledger()
        self._rewriter = Rewriter(self.settings, self._ledger, max_body_bytes)

    @property
    def total_tokens_saved(self) -> int:
        """Tokens removed from request bodies so far."""
        return self._ledger.tokens_saved

    def stats(self) -> dict[str, Any]:
        """Counts so far: `calls`, `compressed`, `skipped` by reason, `failed`, tokens and seconds."""
        return self._ledger.stats()

    async def aclose(self) -> None:
        """Closes idle connections to a service, if there are any. Need not be called; the middleware can be used on."""
        if self._rewriter.cloud is not None:
            self._rewriter.cloud.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._is_ours(scope):
            await self.app(scope, receive, send)
            return
        headers = scope["headers"]
        if _wants_bypass(headers):
            self._ledger.put(None, Outcome("skipped", "bypass"))
            await self.app(scope, receive, send)
            return
        # The list is ours to change; the server keeps its own.
        scope = {**scope, "headers": list(headers)}
        exchange = _Exchange(self._rewriter, self._ledger, self._max_body_bytes, scope, receive, send)
        await self.app(scope, exchange.receive, exchange.send)

    def _is_ours(self, scope: Scope) -> bool:
        if scope["type"] != "http" or scope.get("method") != "POST":
            return False
        path: str = scope.get("path", "")
        return path.rstrip("/").endswith(self._paths)


class _Exchange:
    """One request and its response."""

    def __init__(
        self,
        rewriter: Rewriter,
        ledger: Ledger,
        max_body_bytes: int,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        self._rewriter = rewriter
        self._ledger = ledger
        self._max_body_bytes = max_body_bytes
        self._scope = scope
        self._receive = receive
        self._send = send
        self._read = False
        self._replay: list[Message] = []
        self._outcome: Outcome | None = None

    async def receive(self) -> Message:
        """The server's messages, the body rewritten."""
        if not self._read:
            self._read = True
            await self._read_body()
        if self._replay:
            return self._replay.pop(0)
        return await self._receive()

    async def _read_body(self) -> None:
        """Reads the whole body and queues what the application is to see."""
        declared = _header(self._scope["headers"], b"content-length")
        if declared is not None and declared.isdigit() and int(declared) > self._max_body_bytes:
            self._skip("body too large")
            return
        size = 0
        while True:
            message = await self._receive()
            self._replay.append(message)
            if message["type"] != "http.request":
                # The client has gone; the application learns it from the server's own message.
                self._skip("client gone")
                return
            size += len(message.get("body", b""))
            if size > self._max_body_bytes:
                self._skip("body too large")
                return
            if not message.get("more_body", False):
                break
        body = b"".join(m.get("body", b"") for m in self._replay)
        if len(body) < self._rewriter.min_bytes:
            self._skip("below min_tokens")
            return
        coding = _header(self._scope["headers"], b"content-encoding")
        new, outcome = await workers.run(len(body), self._rewriter.rewrite, body, coding)
        self._ledger.put(None, outcome)
        if new is not None:
            self._outcome = outcome
            self._replay = [{"type": "http.request", "body": new, "more_body": False}]
            self._set_content_length(len(new))

    def _skip(self, reason: str) -> None:
        self._ledger.put(None, Outcome("skipped", reason))

    def _set_content_length(self, size: int) -> None:
        # In place: a framework that has looked at the headers already shares this list.
        headers = self._scope["headers"]
        for i, (name, _) in enumerate(headers):
            if name.lower() == b"content-length":
                headers[i] = (name, str(size).encode("ascii"))

    async def send(self, message: Message) -> None:
        """The application's messages, headers added to the response of a compressed request."""
        if self._outcome is not None and message["type"] == "http.response.start":
            message = {**message, "headers": _with_counts(message.get("headers", ()), self._outcome)}
        await self._send(message)


def _with_counts(headers: Iterable[tuple[bytes, bytes]], outcome: Outcome) -> list[tuple[bytes, bytes]]:
    """Adds the counts; what an integration behind this one saved as well is added to them."""
    rest: list[tuple[bytes, bytes]] = []
    saved = outcome.tokens_saved
    for name, value in headers:
        lower = name.lower()
        if lower == b"x-headroom-tokens-saved" and value.isdigit():
            saved += int(value)
        if not lower.startswith(b"x-headroom-"):
            rest.append((name, value))
    counts = {
        b"x-headroom-compressed": b"true",
        b"x-headroom-tokens-saved": b"%d" % saved,
        b"x-headroom-tokens-before": b"%d" % outcome.tokens_before,
        b"x-headroom-tokens-after": b"%d" % max(0, outcome.tokens_before - saved),
    }
    return [*rest, *counts.items()]


def _header(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> bytes | None:
    """The header's value, several joined by commas; `None` if it is missing."""
    values = [value for name, value in headers if name.lower() == wanted]
    return b",".join(values).strip() if values else None


def _wants_bypass(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    value = _header(headers, BYPASS_HEADER)
    return value is not None and value.lower() in (b"true", b"1", b"yes")
