"""PostgreSQL and Redis from Debian's packages, as an unprivileged user in a folder of their own, on free ports."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import free_port

START_TIMEOUT_S = 60.0


def _program(name: str, folders: str = "") -> str:
    installed = sorted(Path("/").glob(folders), reverse=True) if folders else []
    found = shutil.which(name) or next(map(str, installed), None)
    if found is None:
        # A missing server is a failure, not a reason to skip.
        pytest.fail(f"{name} is not installed; `make test` installs it, or: apt-get install postgresql redis-server")
    return found


class _Server:
    """A process in a folder of its own."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="headroom-test-"))
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            # Neither should run as root, and PostgreSQL does not.
            entry = pwd.getpwnam("nobody")
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
            self._user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def _run(self, *command: str) -> None:
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, **self._user)
        assert done.returncode == 0, done.stdout + done.stderr

    def _start(self, *command: str) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True, **self._user
            )
        end = time.monotonic() + START_TIMEOUT_S
        while not self.answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
            assert time.monotonic() < end, "did not come up"
            time.sleep(0.05)

    def start(self) -> None:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    def freeze(self) -> None:
        """Connections stay open and nothing answers."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGCONT)

    @classmethod
    @contextlib.contextmanager
    def running(cls) -> Iterator[Any]:
        server = cls()
        try:
            server.start()
            yield server
        finally:
            if server.process is not None and server.process.poll() is None:
                server.thaw()
                server.stop(signal.SIGINT)
            shutil.rmtree(server.folder, ignore_errors=True)


class Postgres(_Server):
    """A cluster; `database()` makes an empty database."""

    def start(self) -> None:
        bin = Path(_program("postgres", "usr/lib/postgresql/*/bin/postgres")).resolve().parent
        data = self.folder / "data"
        if not data.exists():
            self._run(str(bin / "initdb"), "-D", str(data), "-U", "tester", "--auth=trust", "--no-sync", "-E", "UTF8")
        self._start(
            str(bin / "postgres"), "-D", str(data), "-p", str(self.port), "-h", "127.0.0.1", "-k", str(self.folder),
            "-c", "fsync=off",
        )  # fmt: skip

    def answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, name: str) -> str:
        return f"postgresql://tester@127.0.0.1:{self.port}/{name}"

    def database(self) -> str:
        import psycopg

        name = f"t{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)


class Redis(_Server):
    """A server that keeps what it acknowledged, so that a restart loses nothing."""

    def start(self) -> None:
        self._start(
            _program("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder),
            "--save", "", "--appendonly", "yes", "--appendfsync", "always",
        )  # fmt: skip

    def answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as s:
            s.sendall(b"PING\r\n")
            return s.recv(16) == b"+PONG\r\n"
        return False

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"
