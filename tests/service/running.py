"""The service as a subprocess, as an operator starts it, and how tests talk to it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
from headroom.cli import main
from processes import Server, environment, free_port, serve

T = TypeVar("T")
JSON = {"content-type": "application/json"}


class Service:
    """A running service."""

    def __init__(self, server: Server, folder: Path, options: list[str]) -> None:
        self.server = server
        self.folder = folder
        self.options = options
        self.client = httpx.Client(base_url=server.url, timeout=30, trust_env=False)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def log(self) -> str:
        return self.server.log.read_text(errors="replace")

    def compress(
        self, messages: list[Any], key: str | None = None, path: str = "/v1/compress", **fields: Any
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return self.client.post(path, json={"model": "gpt-4o", "messages": messages, **fields}, headers=headers)

    def get(self, path: str, key: str | None = None, **params: Any) -> httpx.Response:
        return self.client.get(path, params=params, headers={"authorization": f"Bearer {key}"} if key else {})

    def make_key(self, org: str, name: str = "ci", role: str = "compress", *more: str) -> str:
        made = command("keys", "create", "--org", org, "--name", name, "--role", role, "--json", *more, *self.options)
        key: str = json.loads(made)["key"]
        return key

    def has_read_everything(self) -> bool:
        """True if every connection was accepted and what was sent over it was taken, as the kernel sees it."""
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        established = [line for line in lines if line[1].endswith(f":{self.server.port:04X}") and line[3] == "01"]
        # Columns: [4] is tx:rx bytes in the queues; [9] the inode, which is 0 until `accept`.
        return all(line[4].endswith(":00000000") and line[9] != "0" for line in established)

    def workers(self) -> list[int]:
        """Processes that serve: the children, or the process itself."""
        parent = self.server.process.pid
        text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        found = []
        for pid in map(int, text.split()):
            with contextlib.suppress(OSError):
                if b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(pid)
        return found or [parent]


def command(*words: str) -> str:
    """What `headroom …` prints; in this process, since starting another takes a second."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    assert code == 0, err.getvalue()
    return out.getvalue()


def program(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """`headroom …` as a process of its own."""
    line = [sys.executable, "-m", "headroom.cli", *words]
    return subprocess.run(line, capture_output=True, text=True, env=environment(env), timeout=60)


@contextlib.contextmanager
def service(
    folder: Path, *words: str, database: str | None = None, env: dict[str, str] | None = None
) -> Iterator[Service]:
    """`headroom serve`, ended when the block ends."""
    port = free_port()
    options = ["--data-dir", str(folder / "data"), *(["--database", database] if database else [])]
    line = [sys.executable, "-m", "headroom.cli", "serve", "--port", str(port), *options, *words]
    with serve(line, port, folder / "serve.log", "/readyz", env) as server:
        made = Service(server, folder, options)
        try:
            yield made
        finally:
            made.client.close()


def eventually(check: Callable[[], T], timeout_s: float = 60.0) -> T:
    """The check's value once it is true. The time is for a machine with much else to do."""
    end = time.monotonic() + timeout_s
    while True:
        with contextlib.suppress(httpx.TransportError):
            found = check()
            if found or time.monotonic() > end:
                assert found
                return found
        assert time.monotonic() < end
        time.sleep(0.1)


def settled(read: Callable[[], T], quiet_s: float = 1.2) -> T:
    """The value of `read` once it has stayed the same for longer than usage takes to the database."""
    end = time.monotonic() + 60
    value, since = read(), time.monotonic()
    while time.monotonic() - since < quiet_s:
        assert time.monotonic() < end, "does not settle"
        time.sleep(0.1)
        if (now := read()) != value:
            value, since = now, time.monotonic()
    return value


LONG = bool(os.environ.get("LONG_TESTS"))
"""`LONG_TESTS=1` runs the long versions of the fault tests."""
