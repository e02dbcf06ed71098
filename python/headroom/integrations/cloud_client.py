"""Client of a Headroom service: `POST {url}/v1/saas/compress` and `GET {url}/v1/retrieve/{hash}`.

Invariants: the key goes to the configured host alone (redirects are refused, whatever their target),
over https or to loopback, and into no log, `repr` or error. One request takes at most `timeout_s` in
all, however slowly the service drips. After `BREAK_AFTER` failures in a row the service is left alone
for `BREAK_S`, then tried with a single request.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

T = TypeVar("T")

PATH = "/v1/saas/compress"
RETRIEVE_PATH = "/v1/retrieve/"
STATS_PATH = "/v1/stats"
CONNECT_TIMEOUT_S = 2.0
MAX_IDLE = 8
# A pooled connection that rested longer than this is likely closed at the other end.
MAX_IDLE_S = 30.0
BREAK_AFTER = 5
BREAK_S = 30.0
# A reply has fewer bytes than its request, but for spelling (escapes) and its own figures.
REPLY_FACTOR = 6
REPLY_SLACK = 1 << 20
# The original of one message; larger ones do not fit a model either.
MAX_ORIGINAL_BYTES = 64 << 20
MAX_STATS_BYTES = 16 << 20


class CloudError(Exception):
    """The service could not be used. `kind` says why, in a few words without content."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class _Stale(Exception):
    """A pooled connection turned out to be closed before anything came back."""


class CloudClient:
    """Pooled connections to one service. Thread-safe; survives a fork (each process has its own pool)."""

    def __init__(
        self,
        url: str,
        key: str,
        timeout_s: float = 5.0,
        break_after: int = BREAK_AFTER,
        break_s: float = BREAK_S,
    ) -> None:
        """
        Raises:
            ValueError: the URL is no http(s) URL, carries a password, or is plain http to another machine.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("api_url must be an http:// or https:// URL with a host")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("api_url must have no user, password, query or fragment")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError("api_url must be https:// (plain http is allowed to loopback only)")
        if not key.isascii() or not key.isprintable():
            raise ValueError("the API key has characters that cannot stand in a header")
        self._host = parts.hostname
        self._port = parts.port
        self._base = parts.path.rstrip("/")
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._key = key
        self._timeout_s = timeout_s
        self._break_after = break_after
        self._break_s = break_s
        self._lock = threading.Lock()
        self._idle: list[tuple[float, http.client.HTTPConnection]] = []
        self._pid = os.getpid()
        self._failures = 0
        self._open_until = 0.0
        self._probing = False
        self._fallbacks = 0

    def __repr__(self) -> str:
        return f"CloudClient({self._host!r})"

    def compress(self, request: dict[str, Any], check: Callable[[Any], T]) -> T:
        """What `check` makes of the decoded reply. A reply it refuses counts as a failure.

        Raises:
            CloudError: no usable reply, or the breaker is open.
        """
        try:
            body = json.dumps(request, ensure_ascii=False).encode("utf-8")
        except (TypeError, ValueError):
            raise CloudError("messages that are not JSON") from None
        limit = len(body) * REPLY_FACTOR + REPLY_SLACK
        # Whoever calls compresses the messages itself where this fails; the service counts what it did not see.
        with self._lock:
            told, self._fallbacks = self._fallbacks, 0
        try:
            return self._guarded(lambda: check(self._exchange("POST", PATH, body, limit, told)))
        except CloudError:
            with self._lock:
                self._fallbacks += told + 1
            raise

    def retrieve(self, hash: str, query: str | None = None) -> str:
        """The original that the service keeps under `hash`, or what of it matches `query`.

        Raises:
            CloudError: it is unknown, expired or cannot be had now.
        """
        path = RETRIEVE_PATH + quote(hash, safe="") + (f"?query={quote(query, safe='')}" if query else "")

        def ask() -> str:
            reply = self._exchange("GET", path, None, MAX_ORIGINAL_BYTES)
            text = reply.get("original_content") if isinstance(reply, dict) else None
            if not isinstance(text, str):
                raise CloudError("reply: no original")
            return text

        return self._guarded(ask)

    def stats(self, parameters: dict[str, str]) -> dict[str, Any]:
        """The answer of `/v1/stats`.

        Raises:
            CloudError: it cannot be had, for example "status 403" for a key without figures.
        """

        def ask() -> dict[str, Any]:
            reply = self._exchange("GET", f"{STATS_PATH}?{urlencode(parameters)}", None, MAX_STATS_BYTES)
            if not isinstance(reply, dict):
                raise CloudError("reply: no figures")
            return reply

        return self._guarded(ask)

    def _guarded(self, ask: Callable[[], T]) -> T:
        self._enter()
        ok = False
        try:
            made = ask()
            ok = True
            return made
        except CloudError as error:
            # The service is well; it only does not want this request.
            ok = error.kind.startswith("status 4")
            raise
        finally:
            self._leave(ok)

    def _enter(self) -> None:
        with self._lock:
            if self._failures < self._break_after:
                return
            if time.monotonic() < self._open_until or self._probing:
                raise CloudError("breaker open")
            self._probing = True

    def _leave(self, ok: bool) -> None:
        with self._lock:
            self._probing = False
            if ok:
                self._failures = 0
            else:
                self._failures += 1
                if self._failures >= self._break_after:
                    self._open_until = time.monotonic() + self._break_s

    def _exchange(self, method: str, path: str, body: bytes | None, limit: int, fallbacks: int = 0) -> Any:
        deadline = time.monotonic() + self._timeout_s
        ask = (method, path, body, limit, fallbacks)
        pooled = self._take()
        try:
            if pooled is not None:
                try:
                    return self._request(pooled, ask, deadline)
                except _Stale:
                    pass
            try:
                return self._request(self._connect(deadline), ask, deadline)
            except _Stale:
                # Once more on a fresh connection: the other end may have been restarting.
                return self._request(self._connect(deadline), ask, deadline)
        except _Stale:
            raise CloudError("connection closed") from None
        except TimeoutError:
            raise CloudError("timeout") from None
        except ssl.SSLError:
            raise CloudError("TLS") from None
        except (OSError, http.client.HTTPException) as error:
            late = time.monotonic() >= deadline
            raise CloudError("timeout" if late else type(error).__name__) from None

    def _connect(self, deadline: float) -> http.client.HTTPConnection:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection: http.client.HTTPConnection
        timeout = min(CONNECT_TIMEOUT_S, left)
        if self._tls is not None:
            connection = http.client.HTTPSConnection(self._host, self._port, timeout=timeout, context=self._tls)
        else:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _request(
        self, connection: http.client.HTTPConnection, ask: tuple[str, str, bytes | None, int, int], deadline: float
    ) -> Any:
        method, path, body, limit, fallbacks = ask
        left = deadline - time.monotonic()
        if left <= 0:
            connection.close()
            raise TimeoutError
        sock = connection.sock
        sock.settimeout(left)
        # A socket's timeout starts anew with every byte; this one does not.
        alarm = threading.Timer(left, _cut, [sock])
        alarm.daemon = True
        alarm.start()
        keep = False
        try:
            try:
                headers = {"content-type": "application/json", "x-headroom-key": self._key}
                if fallbacks:
                    headers["x-headroom-fallbacks"] = str(fallbacks)
                connection.request(method, self._base + path, body, headers)
                response = connection.getresponse()
            except (ConnectionError, http.client.RemoteDisconnected) as error:
                if time.monotonic() >= deadline:
                    raise TimeoutError from error
                raise _Stale from error
            data = response.read(limit + 1)
            if time.monotonic() >= deadline:
                raise TimeoutError
            if len(data) > limit:
                raise CloudError("reply too large")
            keep = not response.will_close
        finally:
            alarm.cancel()
            if keep:
                self._give(connection)
            else:
                connection.close()
        if 300 <= response.status < 400:
            raise CloudError("redirect refused")
        if response.status != 200:
            raise CloudError(f"status {response.status}")
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            raise CloudError("reply is not JSON") from None

    def _take(self) -> http.client.HTTPConnection | None:
        with self._lock:
            if self._pid != os.getpid():
                self._idle, self._pid = [], os.getpid()
            now = time.monotonic()
            while self._idle:
                since, connection = self._idle.pop()
                if now - since <= MAX_IDLE_S and connection.sock is not None:
                    return connection
                connection.close()
        return None

    def _give(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if len(self._idle) < MAX_IDLE and self._pid == os.getpid() and connection.sock is not None:
                self._idle.append((time.monotonic(), connection))
                return
        connection.close()

    def close(self) -> None:
        """Closes the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()


def _cut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def is_loopback(host: str) -> bool:
    """True for addresses of this machine and for "localhost"; other names are not looked up."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
