"""Real Redis servers for the tests: Debian's redis-server on free ports, killed and started again."""

from __future__ import annotations

import contextlib
import random
import shutil
import socket
import subprocess
import time
from pathlib import Path

START_TIMEOUT_S = 20.0
MISSING = "redis-server is not installed; `make test` installs it on Debian, elsewhere use the system's packages"


def free_port() -> int:
    """A port below those that the system gives to clients, so that it stays free while a server restarts."""
    while True:
        port = random.SystemRandom().randrange(11_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


class RedisServer:
    """One server; `kill` is SIGKILL, `start` starts it again on the same port with the same folder."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.program = shutil.which("redis-server")
        # Never skipped: a store that is not tested is not there.
        assert self.program, MISSING
        self.folder = folder
        self.port = free_port()
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        assert self.process is None
        command = [str(self.program), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([*command, "--save", "", *self.options], stdout=log, stderr=log)
        end = time.monotonic() + START_TIMEOUT_S
        while "PONG" not in self.ask("PING"):
            assert time.monotonic() < end, (self.folder / "log").read_text()[-2000:]
            assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.02)

    def ask(self, command: str) -> str:
        """The first bytes of the answer to an inline command; empty while nobody listens."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(command.encode() + b"\r\n")
                return connection.recv(65536).decode()
        except OSError:
            return ""

    def kill(self) -> None:
        """Ends it without a word, as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
