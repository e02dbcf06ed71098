"""Who looks at the pages: the cookie, the session behind it, and tokens against forged requests.

There is one cookie. Before sign-in (and where no key is needed) its value is random and stands for nothing; at
sign-in it is replaced by a session's. A form carries an HMAC under the cookie's value, which another site can neither
read nor make; and a browser that says that a request comes from elsewhere is believed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from headroom.cloud.auth import Identity
from headroom.cloud.dashboard import sessions
from headroom.cloud.errors import ServiceError
from headroom.cloud.service import Service

COOKIE = "headroom"
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
MAX_FORM_BYTES = 64 * 1024
MAX_FIELDS = 100
FORM = "application/x-www-form-urlencoded"
CSRF = "csrf"


@dataclass(frozen=True)
class Visitor:
    """Who looks.

    Attributes:
        who: whose figures these are; None before sign-in.
        key_name: name of the key that signed in; empty where none is needed.
        token: value of the cookie.
        is_new: the browser does not have it yet.
        is_open: no key is needed here.
    """

    who: Identity | None
    key_name: str
    token: str
    is_new: bool
    is_open: bool

    @property
    def csrf(self) -> str:
        """What a form of this visitor carries."""
        return hmac.new(self.token.encode(), b"form", hashlib.sha256).hexdigest()

    @property
    def actor(self) -> str:
        """For the audit log."""
        return f"key:{self.key_name}" if self.key_name else "dashboard"


async def find(request: Request, service: Service) -> Visitor:
    """Who sent this request.

    Raises:
        ServiceError: 503.
    """
    given = request.cookies.get(cookie_name(request), "")
    is_new = TOKEN.fullmatch(given) is None
    token = sessions.new_token() if is_new else given
    if service.auth.open:
        return Visitor(service.auth.local, "", token, is_new, True)
    row = None if is_new else await service.database.run(sessions.find, token)
    if row is None:
        return Visitor(None, "", token, is_new, False)
    return Visitor(service.auth.by_row(row), row.name, token, False, False)


def cookie_name(request: Request) -> str:
    """The prefix makes the browser refuse one that another host or plain HTTP has set."""
    return f"__Host-{COOKIE}" if request.scope["scheme"] == "https" else COOKIE


def set_cookie(request: Request, response: Response, token: str, max_age_s: int | None = None) -> None:
    """Gives the browser the cookie; without an age until it is closed."""
    response.set_cookie(
        cookie_name(request),
        token,
        max_age=max_age_s,
        path="/",
        secure=request.scope["scheme"] == "https",
        httponly=True,
        samesite="lax",
    )


async def form(request: Request, service: Service, visitor: Visitor) -> dict[str, str]:
    """The fields of a form that one of our pages has sent.

    Raises:
        ServiceError: 403 if it comes from elsewhere; 400, 408, 413, 415.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM:
        raise ServiceError(415, "content_type", "This is not a form.", given=kind[:80], allowed=FORM, close=True)
    if _is_foreign(request):
        raise ServiceError(403, "wrong_origin", "The form was sent by another site.", close=True)
    async with service.bodies.read(request, MAX_FORM_BYTES) as body:
        try:
            # PostgreSQL has no zero bytes in texts.
            text = body.decode().replace("%00", "")
            fields = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS))
        except ValueError:
            raise ServiceError(400, "invalid_form", "The form cannot be read.") from None
    if not hmac.compare_digest(fields.get(CSRF, "").encode(), visitor.csrf.encode()):
        raise ServiceError(
            403, "stale_form", "The form is not from this session.", action="Open the page again, and send it anew."
        )
    return fields


def _is_foreign(request: Request) -> bool:
    """Whether the browser says that another site sent this. Old browsers and programs say nothing."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site != "same-origin"
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower()
