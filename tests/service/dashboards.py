"""The dashboard as tests use it over HTTP: signing in, and reading its tables."""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import Iterator

import httpx
from running import Service

EVIL = '<script>alert("x")</script>'
"""A name that a client chose."""


def browser(server: Service) -> httpx.Client:
    """A client with cookies, as a browser has them; follows no redirect."""
    return httpx.Client(base_url=server.url, timeout=30, trust_env=False)


def token(text: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', text)
    assert found
    return found[1]


@contextlib.contextmanager
def sign_in(server: Service, key: str) -> Iterator[httpx.Client]:
    with browser(server) as client:
        form = {"csrf": token(client.get("/dashboard/sign-in").text), "key": key}
        assert client.post("/dashboard/sign-in", data=form).status_code == 303
        yield client


def cells(text: str, table: str) -> list[list[str]]:
    """Rows of a table: its cells' values, of numbers the exact ones."""
    found = re.search(rf'id="table-{table}".*?<tbody>(.*?)</tbody>', text, re.S)
    assert found, table
    rows = []
    for row in re.findall(r"<tr>(.*?)</tr>", found[1], re.S):
        parts = re.findall(r'<t[hd](?: [^>]*?data-value="([^"]*)")?[^>]*>(.*?)</t[hd]>', row, re.S)
        rows.append([value or html.unescape(re.sub(r"<[^>]*>", "", shown)).strip() for value, shown in parts])
    return rows
