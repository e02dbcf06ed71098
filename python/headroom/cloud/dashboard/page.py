"""One request for a page: who looks, at what, and the answer as HTML or CSV."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlencode

import jinja2
from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from headroom import __version__
from headroom.cloud.auth import PERMISSIONS, Identity
from headroom.cloud.dashboard import files, formats
from headroom.cloud.dashboard.sheet import Sheet
from headroom.cloud.dashboard.view import View
from headroom.cloud.dashboard.visitor import Visitor, set_cookie
from headroom.cloud.errors import ServiceError
from headroom.cloud.service import Service
from headroom.cloud.usage import stats
from headroom.cloud.usage.span import RANGES

T = TypeVar("T")

HOME = "/dashboard"
QUERY_TIMEOUT_S = 10.0
HEADERS = {
    # No script or style in the page itself, nothing from elsewhere, and no text that a script could turn into markup.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    # With no referrer at all browsers would send forms with the origin "null".
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cross-origin-opener-policy": "same-origin",
}


@dataclass(frozen=True)
class Entry:
    """A page in the menu."""

    path: str
    name: str
    permission: str


MENU = (
    Entry(HOME, "Overview", "read"),
    Entry(f"{HOME}/breakdown", "Breakdown", "read"),
    Entry(f"{HOME}/quality", "Quality", "read"),
    Entry(f"{HOME}/policies", "Policies", "read"),
    Entry(f"{HOME}/requests", "Requests", "read"),
    Entry(f"{HOME}/keys", "Keys", "admin"),
    Entry(f"{HOME}/audit", "Audit", "admin"),
)


@functools.lru_cache(maxsize=1)
def templates() -> jinja2.Environment:
    """The templates. Whatever is put into one is escaped."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("headroom.cloud.dashboard"),
        autoescape=True,
        auto_reload=False,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update({f"as_{name}": form for name, form in formats.FORMS.items()})
    made.globals.update(static=files.url, version=__version__, ranges=RANGES, home=HOME, change=formats.change)
    return made


@dataclass
class Page:
    """A request for a page, and how it is answered."""

    request: Request
    service: Service
    visitor: Visitor
    form: dict[str, str] = field(default_factory=dict)

    @property
    def who(self) -> Identity:
        """Whose figures these are; only where someone is signed in."""
        assert self.visitor.who is not None
        return self.visitor.who

    @property
    def query(self) -> Any:
        """The URL's parameters."""
        return self.request.query_params

    @functools.cached_property
    def view(self) -> View:
        """Range and filters of the URL."""
        return View.parse(self.query, self.service.settings)

    async def ask(self, function: Callable[..., T], *args: Any) -> T:
        """`function(connection, *args)` in a transaction.

        Raises:
            ServiceError: 503.
        """
        return await self.service.database.run(function, *args, timeout_s=QUERY_TIMEOUT_S)

    def stats(self, connection: Connection, group_by: list[str], step: str | None = "", **more: Any) -> dict[str, Any]:
        """The answer of `/v1/stats` for this view, or for another range (`start`, `end`).

        Totals are in it only if it is for all requests, by time or together.
        """
        return stats.query(
            connection,
            self.service.settings,
            self.who.organisation_id,
            self.who.organisation,
            more.get("start", self.view.span.start),
            more.get("end", self.view.span.end),
            group_by,
            self.view.where,
            self.view.span.period if step == "" else step,
            has_totals=all(name in stats.PERIODS for name in group_by),
        )

    def may(self, permission: str) -> bool:
        """Whether the key's role allows it."""
        return self.visitor.who is not None and permission in PERMISSIONS[self.visitor.who.role]

    def show(self, template: str, sheets: Sequence[Sheet], **values: Any) -> Response:
        """The page with these sheets, or one of them as CSV if the URL asks for it."""
        if self.query.get("format") == "csv":
            return self._csv(sheets)
        return self.render(template, sheets={sheet.id: sheet for sheet in sheets}, **values)

    def render(self, template: str, status: int = 200, **values: Any) -> Response:
        """The page."""
        html = (
            templates()
            .get_template(template)
            .render(
                page=self,
                visitor=self.visitor,
                path=self.request.url.path,
                menu=[entry for entry in MENU if self.may(entry.permission)],
                csv_url=self._csv_url,
                **values,
            )
        )
        response = Response(html, status, HEADERS, "text/html; charset=utf-8")
        if self.visitor.is_new:
            set_cookie(self.request, response, self.visitor.token)
        return response

    def problem(self, error: ServiceError) -> Response:
        """An error as a page."""
        response = self.render("problem.html", error.status, error=error)
        for name, value in error.headers():
            if name != b"www-authenticate":
                response.headers[name.decode()] = value.decode()
        return response

    def redirect(self, path: str, **parameters: str) -> Response:
        """To another page of ours, with GET."""
        where = f"{path}?{urlencode(parameters)}" if parameters else path
        return RedirectResponse(where, 303, HEADERS)

    def _csv_url(self, sheet: Sheet) -> str:
        kept = [(k, v) for k, v in self.query.multi_items() if k not in ("format", "sheet")]
        return f"{self.request.url.path}?{urlencode([*kept, ('format', 'csv'), ('sheet', sheet.id)])}"

    def _csv(self, sheets: Sequence[Sheet]) -> Response:
        wanted = self.query.get("sheet", "")
        sheet = next((sheet for sheet in sheets if sheet.id == wanted), None)
        if sheet is None:
            raise ServiceError(
                404, "not_found", "This page has no such table.", given=wanted[:40], allowed=[s.id for s in sheets]
            )
        headers = {**HEADERS, "content-disposition": f'attachment; filename="headroom-{sheet.id}.csv"'}
        return Response(sheet.csv(), 200, headers, "text/csv; charset=utf-8")
