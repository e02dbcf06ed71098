"""Sign-in with a key, and sign-out."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.responses import Response

from headroom.cloud.dashboard import sessions
from headroom.cloud.dashboard.page import HOME, Page
from headroom.cloud.dashboard.visitor import set_cookie
from headroom.cloud.errors import ServiceError

PATH = f"{HOME}/sign-in"
MAX_CHARS = 200


def ask(page: Page) -> Response:
    """Sends to the sign-in, and back afterwards."""
    if page.request.method != "GET":
        return page.redirect(PATH)
    url = page.request.url
    return page.redirect(PATH, next=f"{url.path}?{url.query}" if url.query else url.path)


async def show(page: Page) -> Response:
    """The form."""
    if page.visitor.who is not None:
        return page.redirect(_next(page.query.get("next", "")))
    return page.render("sign_in.html", next=_next(page.query.get("next", "")), error=None)


async def sign_in(page: Page) -> Response:
    """Checks the key and begins a session, with a new cookie: one that was planted before is worth nothing."""
    next = _next(page.form.get("next", ""))
    if page.visitor.is_open:
        return page.redirect(next)
    try:
        address = page.request.client.host if page.request.client else ""
        # A key cannot be guessed; this keeps the look-ups that guesses cause few.
        limit = page.service.settings.sign_ins_per_minute
        await page.service.limiter.take(f"sign-in:{address}", limit, "There were too many tries to sign in.")
        who = await page.service.auth.by_key(page.form.get("key", "").strip()[:MAX_CHARS] or None)
        who.need("read")
    except ServiceError as error:
        response = page.render("sign_in.html", error.status, next=next, error=error)
        for name, value in error.headers():
            if name == b"retry-after":
                response.headers["retry-after"] = value.decode()
        return response
    token = await page.ask(sessions.start, who.key_id)
    page.request.scope["state"]["about"].update(organisation=who.organisation_id, key=who.key_id)
    response = page.redirect(next)
    set_cookie(page.request, response, token, sessions.SESSION_S)
    return response


async def sign_out(page: Page) -> Response:
    """Ends the session, here and in the database."""
    await page.ask(sessions.end, page.visitor.token)
    response = page.redirect(PATH)
    set_cookie(page.request, response, "", 0)
    return response


def _next(given: str) -> str:
    """A path of these pages: nobody is sent elsewhere by a link to the sign-in."""
    parts = urlsplit(given)
    inside = parts.path == HOME or parts.path.startswith(HOME + "/")
    if parts.scheme or parts.netloc or not inside or "\\" in given or not given.isprintable():
        return HOME
    return given if not parts.path.startswith((PATH, f"{HOME}/sign-out")) else HOME
