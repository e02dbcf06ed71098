"""The documentation site builds without a warning, names nothing stale, and asks no other host for anything."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from blocks import ROOT, pages

DOCS = ROOT / "docs"
MAX_BUILD_S = 30
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}
"""Elements that make a browser fetch something by themselves."""


class Html(HTMLParser):
    """What of a page is fetched, linked to, and can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        if tag in LOADED and LOADED[tag] in given and given.get("rel") != "canonical":
            self.loads.append(given[LOADED[tag]])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, as `make docs` builds it; a warning ends the build."""
    folder = tmp_path_factory.mktemp("site")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Processor time: the machine may have other work.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < MAX_BUILD_S
    return folder


@pytest.fixture(scope="module")
def html(site: Path) -> dict[Path, Html]:
    return {path: Html(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}


def test_every_page_is_there(site: Path) -> None:
    assert (site / "index.html").exists()
    for page in sorted(DOCS.rglob("*.md")):
        name = page.relative_to(DOCS)
        made = name.with_name("index.html") if name.name == "README.md" else name.with_suffix(".html")
        assert (site / made).exists(), name


def test_links_lead_somewhere(site: Path, html: dict[Path, Html]) -> None:
    """Also anchors, also in the pages that are made of files of the repository."""
    wrong = []
    for path, page in html.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or path.name == "404.html":
                continue
            to = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            to = to / "index.html" if to.is_dir() else to
            if not to.exists() or (parts.fragment and to in html and unquote(parts.fragment) not in html[to].ids):
                wrong.append(f"{path.relative_to(site)}: {link}")
    assert not wrong, "\n".join(wrong)
    assert sum(len(page.links) for page in html.values()) > 1000


def test_no_other_host_is_asked(site: Path, html: dict[Path, Html]) -> None:
    for path, page in html.items():
        for address in page.loads:
            assert not urlsplit(address).netloc, (path.name, address)
    for path in site.rglob("*.css"):
        assert not re.search(r"url\(\s*['\"]?(https?:)?//|@import", path.read_text("utf-8")), path


def test_the_search_needs_no_server(site: Path, html: dict[Path, Html]) -> None:
    index = (site / "search" / "search_index.js").read_text("utf-8")
    found = json.loads(index.removeprefix("var __index = "))["docs"]
    assert any("target_ratio" in entry["text"] for entry in found)
    shim = [address for address in html[site / "index.html"].loads if address.endswith("site/worker.js")]
    assert shim
    assert (site / "site" / "worker.js").exists()


def test_pages_are_short_enough_to_read() -> None:
    for page in pages():
        assert len((ROOT / page).read_text("utf-8").splitlines()) <= 500, page


def test_links_outside_the_site_exist() -> None:
    """README and the like are read without the site as well."""
    for page in pages():
        for link in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", (ROOT / page).read_text("utf-8")):
            assert ((ROOT / page).parent / link).exists(), f"{page} links to {link}"


def test_drawings_can_be_read_without_seeing_them() -> None:
    for picture in sorted((DOCS / "pictures").glob("*.svg")):
        text = picture.read_text("utf-8")
        assert "<title" in text, picture.name
        assert "http" not in text.replace("http://www.w3.org/2000/svg", ""), picture.name
        assert len(text) < 8_000, picture.name
