"""The pages' routes, and what all of them share: who looks, what the role allows, forms, errors as pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from headroom.cloud.dashboard import files, visitor
from headroom.cloud.dashboard.page import HOME, Page
from headroom.cloud.dashboard.pages import audit, breakdown, overview, policies, quality, requests, sign_in
from headroom.cloud.dashboard.pages import keys as keys_page
from headroom.cloud.errors import ServiceError
from headroom.cloud.service import Service

Answer = Callable[[Page], Awaitable[Response]]


class PageRoute(NamedTuple):
    """A page or a form; `permission`: what the role must allow, None for anyone."""

    method: str
    path: str
    answer: Answer
    permission: str | None


PAGES = (
    PageRoute("GET", HOME, overview.show, "read"),
    PageRoute("GET", f"{HOME}/breakdown", breakdown.show, "read"),
    PageRoute("GET", f"{HOME}/quality", quality.show, "read"),
    PageRoute("GET", policies.PATH, policies.show, "read"),
    PageRoute("GET", f"{policies.PATH}/export", policies.export, "read"),
    PageRoute("POST", f"{policies.PATH}/learning", policies.set_mode, "admin"),
    PageRoute("POST", f"{policies.PATH}/import", policies.take_over, "admin"),
    PageRoute("GET", policies.TOOL_PATH, policies.show_tool, "read"),
    PageRoute("POST", policies.TOOL_PATH, policies.set_field, "admin"),
    PageRoute("GET", f"{HOME}/requests", requests.show, "read"),
    PageRoute("GET", f"{HOME}/keys", keys_page.show, "admin"),
    PageRoute("POST", f"{HOME}/keys", keys_page.create, "admin"),
    PageRoute("POST", f"{HOME}/keys/team", keys_page.set_team, "admin"),
    PageRoute("POST", f"{HOME}/keys/revoke", keys_page.revoke, "admin"),
    PageRoute("GET", f"{HOME}/audit", audit.show, "admin"),
    PageRoute("GET", f"{HOME}/sign-in", sign_in.show, None),
    PageRoute("POST", f"{HOME}/sign-in", sign_in.sign_in, None),
    PageRoute("POST", f"{HOME}/sign-out", sign_in.sign_out, None),
)


def bind(route: PageRoute, service: Service) -> Callable[[Request], Awaitable[Response]]:
    """The route as Starlette calls it."""

    async def bound(request: Request) -> Response:
        about = request.scope["state"]["about"]
        about["route"] = route.path
        found = await visitor.find(request, service)
        page = Page(request, service, found)
        try:
            if route.permission is not None:
                if found.who is None:
                    return sign_in.ask(page)
                about.update(organisation=found.who.organisation_id, key=found.who.key_id)
                found.who.need(route.permission)
            if route.method == "POST":
                page.form = await visitor.form(request, service, found)
            return await route.answer(page)
        except ServiceError as error:
            about["code"] = error.code
            return page.problem(error)

    return bound


def bind_files() -> Callable[[Request], Awaitable[Response]]:
    """Scripts, styles and pictures."""

    async def bound(request: Request) -> Response:
        request.scope["state"]["about"]["route"] = f"{HOME}/static"
        found = files.answer(request, request.path_params["name"])
        if found is None:
            raise ServiceError(404, "not_found", "There is nothing here.")
        return found

    return bound
