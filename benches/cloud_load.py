"""Load on the service beside headroom-ai's own proxy (`POST /v1/compress` of both), in one run, on loopback.

    python benches/cloud_load.py [--quick] [--json FILE]

For 1 and 2 workers and bodies of 1, 10 and 100 KB: requests a second, median and 99th percentile of the time to an
answer. Both servers run at the same time and are asked in turns, a round each, so that noise of the machine hits
both alike; every body is new, so no cache answers. The clients (one process, raw sockets) share the machine's cores
with the servers, for both alike. Prints tables; bounded to a few minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(Path(__file__).resolve().parent), str(ROOT / "tests" / "integrations")]

import payloads  # noqa: E402
from peers import HEADROOM_AI, OFFLINE, VERSION, use_local_vocabularies  # noqa: E402
from processes import Server, free_port, serve  # noqa: E402

SIZES = (1_000, 10_000, 100_000)
CLIENTS = 8
ROUND_S = 4.0
ROUNDS = 3
OURS = "headroom serve"
HEAD = "POST /v1/compress HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
COLUMNS = (
    "workers",
    "body",
    "server",
    "requests/s",
    "median ms",
    "p99 ms",
    "CPU ms a request",
    "tokens saved",
    "failed",
)
MIN_RATIO_AT_100_KB = 5.0
"""What is asked for, in requests a second."""

PEER_VENV = ROOT / ".cache" / "peers" / "headroom-ai-proxy"


def install_peer() -> Path | None:
    """The Python of the peer's own environment, made if need be; None if that cannot be done."""
    python = PEER_VENV / "bin" / "python"
    ready = PEER_VENV / f".installed-{VERSION}"
    if not ready.exists():
        print(f"installing {HEADROOM_AI} with its proxy into {PEER_VENV.relative_to(ROOT)} (once)", file=sys.stderr)
        venv.create(PEER_VENV, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", f"headroom-ai[proxy]=={VERSION}"]
        if subprocess.run(pip, check=False).returncode:
            return None
        ready.touch()
    return python


@dataclass
class Result:
    """One server at one size."""

    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    failed: int = 0
    before: int = 0
    after: int = 0
    cpu_s: float = 0.0

    def figures(self) -> dict[str, float]:
        times = sorted(self.times) or [float("nan")]
        return {
            "requests_per_s": len(self.times) / self.seconds if self.seconds else 0.0,
            "p50_ms": statistics.median(times) * 1000,
            "p99_ms": times[min(len(times) - 1, int(len(times) * 0.99))] * 1000,
            "requests": len(self.times),
            "failed": self.failed,
            "cpu_ms": 1000 * self.cpu_s / max(1, len(self.times) + self.failed),
            "tokens_saved_share": 1 - self.after / self.before if self.before else 0.0,
        }


def body(size: int, salt: int) -> bytes:
    """A chat request of about `size` bytes that nobody has seen."""
    rows = payloads.chat()
    text = payloads.search_output(files=max(1, size // 780), hits=6)[: max(200, size - 900)]
    rows[3]["content"] = text.replace("payment", f"payment{salt}")
    rows[1]["content"] = rows[1]["content"].replace("payment", f"payment{salt}")
    return json.dumps({"model": "gpt-4o", "messages": rows}).encode()


async def one_client(port: int, size: int, salts: Iterator[int], end: float, result: Result) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < end:
        content = body(size, next(salts))
        head = HEAD + f"content-length: {len(content)}\r\n\r\n"
        start = time.perf_counter()
        writer.write(head.encode() + content)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        reply = await reader.readexactly(int(answer.split(b"content-length: ")[1].split(b"\r\n")[0]))
        took = time.perf_counter() - start
        if b" 200 " not in answer[:16]:
            result.failed += 1
            continue
        result.times.append(took)
        if len(result.times) % 20 == 1:
            figures = json.loads(reply)
            result.before += figures["tokens_before"]
            result.after += figures["tokens_after"]
    writer.close()


def cpu_s(pid: int) -> float:
    """CPU seconds of a process and its children so far: unlike times, nearly the same however busy the machine is."""
    total = 0.0
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for one in (pid, *map(int, children)):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


async def load(port: int, size: int, salts: Iterator[int], seconds: float, result: Result) -> None:
    start = time.perf_counter()
    await asyncio.gather(*(one_client(port, size, salts, start + seconds, result) for _ in range(CLIENTS)))
    result.seconds += time.perf_counter() - start


@contextlib.contextmanager
def servers(workers: int, peer: Path | None) -> Iterator[dict[str, Server]]:
    """Both, by name."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ports = {OURS: free_port(), HEADROOM_AI: free_port()}
        found: dict[str, Server] = {}
        line = [sys.executable, "-m", "headroom.cli", "serve", "--port", str(ports[OURS]), "--workers", str(workers)]
        # Workers share no memory; nothing is kept in this run, but two of them ask for a store that they share.
        line += ["--data-dir", str(folder), "--store", f"sqlite:///{folder}/originals.db"]
        found[OURS] = stack.enter_context(serve(line, ports[OURS], folder / "ours.log", "/readyz"))
        if peer is not None:
            line = [str(peer.with_name("headroom")), "proxy", "--port", str(ports[HEADROOM_AI]), "--no-rate-limit"]
            line += ["--workers", str(workers)]
            use_local_vocabularies()
            env = {**OFFLINE, "HOME": str(folder), "PYTHONPATH": "", "HEADROOM_TELEMETRY": "off"}
            env["TIKTOKEN_CACHE_DIR"] = os.environ.get("TIKTOKEN_CACHE_DIR", "")
            found[HEADROOM_AI] = stack.enter_context(
                serve(line, ports[HEADROOM_AI], folder / "peer.log", "/health", env)
            )
        yield found


def measure(workers: int, peer: Path | None, round_s: float, rounds: int) -> dict[int, dict[str, dict[str, float]]]:
    """Figures by size and server."""
    salts = iter(range(workers * 10_000_000, 1 << 40))
    out: dict[int, dict[str, dict[str, float]]] = {}
    with servers(workers, peer) as running:
        for size in SIZES:
            results = {name: Result() for name in running}
            for server in running.values():
                asyncio.run(load(server.port, size, salts, 1.0, Result()))
            for _ in range(rounds):
                for name, server in running.items():
                    began = cpu_s(server.process.pid)
                    asyncio.run(load(server.port, size, salts, round_s, results[name]))
                    results[name].cpu_s += cpu_s(server.process.pid) - began
            out[size] = {name: result.figures() for name, result in results.items()}
            show(workers, size, out[size])
    return out


def show(workers: int, size: int, found: dict[str, dict[str, float]]) -> None:
    for name, f in found.items():
        saved, failed = f"{100 * f['tokens_saved_share']:.0f} %", f"{f['failed']:.0f}"
        times = f"{f['requests_per_s']:.0f} | {f['p50_ms']:.1f} | {f['p99_ms']:.1f} | {f['cpu_ms']:.2f}"
        print(f"| {workers} | {size // 1000} KB | {name} | {times} | {saved} | {failed} |", flush=True)
    if HEADROOM_AI in found and found[HEADROOM_AI]["requests_per_s"]:
        ratio = found[OURS]["requests_per_s"] / found[HEADROOM_AI]["requests_per_s"]
        print(f"| {workers} | {size // 1000} KB | *ratio* | {ratio:.1f} | | | | | |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="shorter rounds")
    parser.add_argument("--alone", action="store_true", help="without the peer")
    parser.add_argument("--json", default=None, metavar="FILE")
    given = parser.parse_args()
    peer = None if given.alone else install_peer()
    print("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|")
    out: dict[str, Any] = {"clients": CLIENTS, "cores": os.cpu_count(), "load": os.getloadavg()}
    for workers in (1, 2):
        found = measure(workers, peer, 1.0 if given.quick else ROUND_S, 2 if given.quick else ROUNDS)
        out[str(workers)] = found
        if peer is not None:
            rates = found[100_000]
            ratio = rates[OURS]["requests_per_s"] / max(1e-9, rates[HEADROOM_AI]["requests_per_s"])
            print(f"\n{workers} workers, 100 KB: {ratio:.1f} times the peer (asked for: {MIN_RATIO_AT_100_KB:g})\n")
    if given.json:
        Path(given.json).write_text(json.dumps(out, indent=1))


if __name__ == "__main__":
    main()
