"""`make audit`: pip-audit as it is, asking an OSV service on loopback; no advisory database is needed."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pip_audit")

PROGRAM = Path(__file__).resolve().parents[1] / ".ci" / "audit.py"


class Osv(HTTPServer):
    """Answers queries as api.osv.dev does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.vulnerable: set[str] = set()
        self.asked: dict[str, str] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/query"


class Answer(BaseHTTPRequestHandler):
    server: Osv

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["content-length"])))
        name = query["package"]["name"]
        self.server.asked[name] = query["version"]
        found: dict[str, Any] = {}
        if name in self.server.vulnerable:
            fixed = {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}
            affected = {"package": {"name": name, "ecosystem": "PyPI"}, "ranges": [fixed]}
            about = {"id": "PYSEC-2026-1", "summary": "a test", "modified": "2026-01-01T00:00:00Z"}
            found = {"vulns": [{**about, "published": "2026-01-01T00:00:00Z", "affected": [affected]}]}
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def osv() -> Iterator[Osv]:
    with Osv() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def audit(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROGRAM), "--service", "osv", "--osv-url", url, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_what_a_dependency_needs_is_asked_about_too(osv: Osv) -> None:
    osv.vulnerable.add("iniconfig")
    done = audit(osv.url, "--requirement", "pytest>=8")
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"VULNERABLE iniconfig {version('iniconfig')}: PYSEC-2026-1, fixed in 99.1" in done.stdout
    assert osv.asked["pytest"] == version("pytest")
    assert osv.asked["iniconfig"] == version("iniconfig")
    # Only of its extra `dev`.
    assert "hypothesis" not in osv.asked


def test_nothing_found(osv: Osv) -> None:
    done = audit(osv.url, "--strict", "--requirement", "iniconfig")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 dependencies looked up, 0 found" in done.stdout
    assert "NOT ASKED" not in done.stdout


def test_what_cannot_be_asked_is_said_and_fails_only_where_wanted() -> None:
    nowhere = "http://127.0.0.1:1/v1/query"
    done = audit(nowhere, "--requirement", "iniconfig", "--requirement", "no-such-package-here")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 of 1 dependencies looked up" in done.stdout
    assert "NOT ASKED: iniconfig" in done.stdout
    assert "NOT ASKED, not installed here: no-such-package-here" in done.stdout
    assert "not everything could be asked" in done.stdout
    assert audit(nowhere, "--strict", "--requirement", "iniconfig").returncode == 2
