"""Errors that reach a client: JSON with what was given, what is allowed, and what to do.

Cost: none until one is raised. No message holds content of a request: `given` is a size, a type or a name.
"""

from __future__ import annotations

from typing import Any

import msgspec


class ServiceError(Exception):
    """An answer other than 200."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        given: Any = None,
        allowed: Any = None,
        action: str | None = None,
        retry_after_s: float | None = None,
        close: bool = False,
    ) -> None:
        """
        Args:
            status: HTTP status.
            code: a stable word for programs.
            message: one sentence for people.
            given: what the request had (no content).
            allowed: what it may have.
            action: what to do.
            retry_after_s: when to try again, for the header of that name.
            close: the rest of the request was not read, so the connection cannot be used again.
        """
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.given = given
        self.allowed = allowed
        self.action = action
        self.retry_after_s = retry_after_s
        self.close = close

    def body(self, request_id: str) -> bytes:
        """The answer's body."""
        fields = {"code": self.code, "message": self.message}
        for name in ("given", "allowed", "action"):
            value = getattr(self, name)
            if value is not None:
                fields[name] = value
        return msgspec.json.encode({"error": fields, "request_id": request_id})

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Headers beside the content type."""
        out = []
        if self.retry_after_s is not None:
            out.append((b"retry-after", str(max(1, round(self.retry_after_s))).encode()))
        if self.status == 401:
            out.append((b"www-authenticate", b"Bearer"))
        if self.close:
            out.append((b"connection", b"close"))
        return out


def busy(what: str, retry_after_s: float) -> ServiceError:
    """503 because a bounded resource is used up."""
    return ServiceError(
        503,
        "busy",
        f"The service is at its limit ({what}).",
        action="Try again after the time in Retry-After, or send the messages uncompressed.",
        retry_after_s=retry_after_s,
    )


def unavailable(what: str, retry_after_s: float = 5.0) -> ServiceError:
    """503 because something behind the service does not answer."""
    return ServiceError(
        503,
        "unavailable",
        f"The {what} does not answer at the moment.",
        action="Try again after the time in Retry-After.",
        retry_after_s=retry_after_s,
    )
