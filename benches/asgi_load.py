"""Load on the ASGI middleware: the same application with and without it, in one run, on loopback.

Two uvicorn servers answer two clients at a time with 100 KB chat bodies, in turns, so that noise of the
machine hits both alike. Then: how long a 1 KB request takes while 2 MB bodies are compressed. Prints
tables; bounded to about half a minute.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "integrations"))

import payloads  # noqa: E402
from processes import uvicorn_app  # noqa: E402

CLIENTS = 2
ROUNDS = 10
REQUESTS_A_ROUND = 20
PATH = "/v1/chat/completions"


class Client:
    """A keep-alive connection; a client library would cost more than what is measured."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Client:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def post(self, body: bytes) -> tuple[float, bool]:
        """Seconds until the answer was read, and whether the body was compressed."""
        start = time.perf_counter()
        head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        self._writer.write(head + body)
        await self._writer.drain()
        answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        await self._reader.readexactly(int(answer.split(b"content-length: ")[1].split(b"\r\n")[0]))
        return time.perf_counter() - start, b"x-headroom-compressed" in answer


def chat_body(size: int, salt: int) -> bytes:
    """A chat request of about `size` bytes; `salt` makes it new, so that no memo answers."""
    rows = payloads.chat()
    rows[3]["content"] = payloads.search_output(files=max(1, size // 760)).replace("payment", f"payment{salt}")
    return json.dumps({"model": "gpt-4o", "messages": rows}).encode()


async def load(port: int, bodies: list[bytes]) -> tuple[list[float], float, int]:
    """Latencies, seconds in all, and how many bodies were compressed."""
    queue = list(bodies)
    times: list[float] = []
    compressed = 0

    async def work() -> None:
        nonlocal compressed
        async with Client(port) as client:
            while queue:
                seconds, done = await client.post(queue.pop())
                times.append(seconds)
                compressed += done

    start = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(CLIENTS)))
    return times, time.perf_counter() - start, compressed


async def small_beside_large(port: int, large: list[bytes]) -> list[float]:
    """Latencies of 1 KB requests, one after the other, while the large bodies are on their way."""
    small = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "word " * 190}]}).encode()
    times: list[float] = []
    async with Client(port) as client:
        await client.post(small)
        work = asyncio.create_task(load(port, large)) if large else asyncio.create_task(asyncio.sleep(0.5))
        while not work.done():
            times.append((await client.post(small))[0])
            await asyncio.sleep(0.002)
        await work
    return times


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


async def measure(bare: int, plain: int) -> None:
    results: dict[str, tuple[list[float], list[float]]] = {"without": ([], []), "with": ([], [])}
    repeated = [chat_body(100_000, 0)] * REQUESTS_A_ROUND
    known: list[float] = []
    compressed = 0
    for port in (bare, plain):
        await load(port, repeated)
    for round_number in range(ROUNDS):
        bodies = [chat_body(100_000, 1 + round_number * REQUESTS_A_ROUND + i) for i in range(REQUESTS_A_ROUND)]
        for name, port in (("without", bare), ("with", plain)):
            times, seconds, done = await load(port, bodies)
            results[name][0].extend(times)
            results[name][1].append(len(bodies) / seconds)
            compressed += done
        known += (await load(plain, repeated))[0]
    total = ROUNDS * REQUESTS_A_ROUND
    print(f"100 KB bodies ({len(bodies[0]):,} bytes), {CLIENTS} clients, {total} requests each\n")
    print("| | median | 95th percentile | requests/s |\n|---|---|---|---|")
    for name, (times, rates) in results.items():
        cut = statistics.quantiles(times, n=20)[-1]
        middle, rate = statistics.median(times), statistics.median(rates)
        print(f"| {name} the middleware | {ms(middle)} | {ms(cut)} | {rate:.0f} |")
    added = statistics.median(results["with"][0]) - statistics.median(results["without"][0])
    print(f"\n{compressed} of {total} compressed; added median latency {ms(added)}")
    print(f"a body seen before (the memo answers): median {ms(statistics.median(known))}\n")
    alone = await small_beside_large(plain, [])
    large = [chat_body(2_000_000, 7000 + i) for i in range(2)]
    for name, port in (("without", bare), ("with", plain)):
        beside = await small_beside_large(port, large)
        print(
            f"1 KB request beside 2 MB bodies, {name} the middleware: "
            f"median {ms(statistics.median(beside))}, worst {ms(max(beside))} (of {len(beside)})"
        )
    print(f"1 KB request alone: median {ms(statistics.median(alone))}, worst {ms(max(alone))}")


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as one,
        tempfile.TemporaryDirectory() as two,
        uvicorn_app(Path(one), "apps:bare") as bare,
        uvicorn_app(Path(two), "apps:plain") as plain,
    ):
        asyncio.run(measure(bare.port, plain.port))


if __name__ == "__main__":
    main()
