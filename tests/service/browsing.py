"""Chromium from Debian's package, driven by Playwright; what a page does wrong fails the test."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from processes import ROOT

SCREENSHOTS = Path(os.environ.get("HEADROOM_SCREENSHOTS", ROOT / ".cache" / "screenshots"))
DESKTOP = {"width": 1360, "height": 900}
PHONE = {"width": 390, "height": 844}
TIMEOUT_MS = 60_000
"""For a machine with much else to do."""
expect.set_options(timeout=TIMEOUT_MS)
NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, in a sandbox unless it runs as root, where it has none."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        # In CI a missing browser is a failure, not a reason to skip.
        message = "chromium is not installed; `make test` installs it, or: apt-get install chromium"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(message)
    words = ["--disable-dev-shm-usage", "--disable-gpu", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=words, timeout=TIMEOUT_MS * 2)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def window(browser: Browser, url: str, expected: int | None = None, **options: Any) -> Iterator[Page]:
    """A page of a window of its own; afterwards, nothing must have gone wrong in it.

    Wrong are: an error in the console (but for answers with the status `expected`), an exception in a
    script, a request to anywhere but `url`.
    """
    options.setdefault("viewport", DESKTOP)
    context: BrowserContext = browser.new_context(base_url=url, accept_downloads=True, **options)
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    wrong: list[str] = []

    def hear(message: Any) -> None:
        if message.type in ("error", "warning") and f"status of {expected}" not in message.text:
            wrong.append(f"{message.type}: {message.text}")

    page.on("console", hear)
    page.on("pageerror", lambda error: wrong.append(f"exception: {error}"))

    def check(request: Any) -> None:
        if urlsplit(request.url).netloc != urlsplit(url).netloc and not request.url.startswith(("data:", "blob:")):
            wrong.append(f"request to {request.url}")

    page.on("request", check)
    try:
        yield page
        assert wrong == []
    finally:
        context.close()


def settle(page: Page) -> None:
    """Waits until scripts have run and charts are drawn."""
    page.wait_for_load_state("load")
    page.wait_for_function("document.querySelectorAll('.chart .canvas:not(.drawn)').length === 0")


def screenshot(page: Page, name: str) -> None:
    """Keeps a picture of the whole page."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(SCREENSHOTS / f"{name}.png"), full_page=True)


def barriers(page: Page) -> list[str]:
    """What axe-core finds that is serious or critical for people who use the page in another way."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {node['target']} {node['failureSummary']}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
