"""Quality: what was asked for again after it had been left out, by tool and kind."""

from __future__ import annotations

from starlette.responses import Response

from headroom.cloud.dashboard.page import Page


async def show(page: Page) -> Response:
    """The page."""
    return page.show("quality.html", [])
