"""What breaks while clients are at work: workers, Redis, PostgreSQL, the disk, and the clients themselves.

After each: no answer was wrong, none hung, every hash that was issued still redeems, and the figures are those of
the answers. `LONG_TESTS=1` runs each for longer and with more.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from crowd import Crowd
from running import JSON, LONG, Service, eventually, service, settled
from servers import Postgres, Redis

CLIENTS = 16 if LONG else 8
BEFORE_S, AFTER_S = (8.0, 20.0) if LONG else (1.0, 2.0)
OUTAGE_S = 20.0 if LONG else 2.5
MIN_ANSWERED = 5
"""Enough that something was seen, also on a machine with much else to do."""
PATIENCE_S = 60.0
"""How long a condition may take where much else runs."""
SLOW_CLIENTS = 1000 if LONG else 300


@pytest.fixture(scope="module")
def own_redis() -> Iterator[Redis]:
    with Redis.running() as server:
        yield server


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[Postgres]:
    with Postgres.running() as server:
        yield server


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, own_postgres: Postgres, own_redis: Redis) -> Iterator[Service]:
    words = ("--redis", own_redis.url, "--workers", "2", "--auth", "keys", "--key-refresh-s", "1")
    with service(tmp_path_factory.mktemp("faults"), *words, database=own_postgres.database()) as made:
        eventually(lambda: len(made.workers()) == 2)
        yield made


def crowd(fleet: Service, name: str) -> Crowd:
    """Clients with a key that both workers know: one that has never seen it needs the database."""
    people = Crowd(fleet.url, fleet.make_key(name, "load", "admin"))
    for _ in range(30):
        headers = {**people.authorization, "connection": "close"}
        assert httpx.get(fleet.url + "/v1/stats", headers=headers, timeout=30, trust_env=False).status_code == 200
    return people


def run(people: Crowd, fault: Callable[[], None], seconds: float = BEFORE_S + AFTER_S) -> None:
    """Clients at work, and the fault in the middle."""

    async def both() -> None:
        work = asyncio.create_task(people.work(CLIENTS, seconds + 60 + PATIENCE_S))
        await asyncio.sleep(BEFORE_S)
        before = people.answered
        await asyncio.to_thread(fault)
        await asyncio.sleep(AFTER_S)
        await asyncio.to_thread(eventually, lambda: people.answered > max(before, MIN_ANSWERED), PATIENCE_S)
        people.stopping = True
        await work

    asyncio.run(both())
    print(f"{people.answered} answered, {people.refused} refused, {people.lost} lost, slowest {people.slowest_s:.2f} s")


def check(fleet: Service, people: Crowd, at_most_more: int = 0) -> None:
    """No answer was wrong, nothing that was promised is lost, and the figures are those of the answers."""
    assert people.wrong == []
    assert people.answered > MIN_ANSWERED
    assert people.issued
    assert asyncio.run(people.redeem()) == []

    def done() -> int:
        return int(fleet.get("/v1/stats", people.key).json()["totals"]["compressions"])

    # An answer that was on its way when its worker was killed is counted and was not received.
    eventually(lambda: done() >= people.answered, PATIENCE_S)
    assert people.answered <= settled(done) <= people.answered + at_most_more


def test_kill_9_of_a_worker(fleet: Service) -> None:
    people = crowd(fleet, "killed")
    kills = 4 if LONG else 1

    def kill() -> None:
        for _ in range(kills):
            pids = fleet.workers()
            os.kill(pids[0], signal.SIGKILL)
            eventually(lambda pids=pids: len(now := fleet.workers()) == 2 and now != pids)

    run(people, kill)
    check(fleet, people, at_most_more=people.lost)


def test_redis_is_killed_and_comes_back(fleet: Service, own_redis: Redis) -> None:
    people = crowd(fleet, "redis")

    def restart() -> None:
        own_redis.stop(signal.SIGKILL)
        time.sleep(OUTAGE_S / 2)
        own_redis.start()
        # Until the store is asked again.
        time.sleep(6)

    run(people, restart)
    check(fleet, people)
    assert not people.refused


@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_postgresql_is_away_for_a_while(fleet: Service, own_postgres: Postgres, how: str) -> None:
    people = crowd(fleet, f"postgres-{how}")

    def away() -> None:
        if how == "stopped":
            own_postgres.stop(signal.SIGINT)
            time.sleep(OUTAGE_S)
            own_postgres.start()
        else:
            own_postgres.freeze()
            time.sleep(OUTAGE_S)
            own_postgres.thaw()

    run(people, away)
    check(fleet, people)
    assert not people.refused, "known keys go on working"


@contextlib.contextmanager
def small_disk(size_kb: int) -> Iterator[Path]:
    """A file system of its own that is soon full. Needs the right to mount."""
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="headroom-disk-"))
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", str(folder)], capture_output=True
    ).returncode:
        folder.rmdir()
        pytest.skip("no right to mount a file system here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)
        folder.rmdir()


def test_the_disk_is_full(tmp_path: Path) -> None:
    """The store and the figures live on a disk that is full at once; then there is room again."""
    with small_disk(6000) as disk:
        store = f"sqlite:///{disk / 'originals.db'}"
        with service(disk, "--store", store, "--flush-s", "0.2") as made:
            people = Crowd(made.url, "", conversations=12)
            filler = disk / "filler"

            def fill() -> None:
                with contextlib.suppress(OSError), filler.open("wb") as file:
                    while True:
                        file.write(b"\0" * 4096)
                        file.flush()
                time.sleep(AFTER_S)
                filler.unlink()
                time.sleep(2)

            run(people, fill)
            assert people.wrong == []
            assert people.answered > MIN_ANSWERED
            assert asyncio.run(people.redeem()) == []
            assert made.get("/healthz").status_code == 200
            # What could not be kept was not promised, and what was not counted is counted as that.
            text = made.get("/metrics").text
            dropped = sum(float(v) for v in _values(text, 'headroom_usage_events_total{state="dropped"}'))
            failed = sum(float(v) for v in _values(text, "headroom_originals_failed_total"))
            assert dropped + failed > 0, "the disk was not full"
            print(f"{dropped:.0f} events dropped, {failed:.0f} originals not kept")

            def total() -> float:
                return float(made.get("/v1/stats").json()["totals"]["compressions"]) + dropped

            eventually(lambda: total() >= people.answered)
            assert total() == people.answered


def _values(text: str, name: str) -> Iterator[str]:
    return (line.rsplit(" ", 1)[1] for line in text.splitlines() if line.startswith(name))


async def slow_client(port: int, kind: int) -> str:
    """Sends its head, its body, or takes its answer, a byte at a time; what became of it."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return "not connected"
    head = b"POST /v1/compress HTTP/1.1\r\nhost: localhost\r\n"
    head += b"content-type: application/json\r\ncontent-length: 5000\r\n\r\n"
    answer = asyncio.ensure_future(reader.read(100))
    try:
        if kind % 2:
            writer.write(head)
        for i in range(400):
            writer.write(head[i % 20 : i % 20 + 1] if not kind % 2 else b" ")
            await writer.drain()
            done, _ = await asyncio.wait({answer}, timeout=0.3)
            if done:
                answer.exception()
                return "closed"
        return "still there"
    except OSError:
        return "closed"
    finally:
        answer.cancel()
        writer.close()


def test_many_slow_clients(tmp_path: Path) -> None:
    """They are held for a bounded time and number, take little memory, and others are served meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, SLOW_CLIENTS + 500), hard), hard))
    words = ("--header-timeout-s", "3", "--body-timeout-s", "3", "--max-connections", str(SLOW_CLIENTS + 100))
    with service(tmp_path, *words) as made:
        people = Crowd(made.url, "", conversations=6)
        asyncio.run(people.work(2, 1.0))
        memory = made.server.rss_bytes()

        async def both() -> list[str]:
            slow = [asyncio.create_task(slow_client(made.server.port, i)) for i in range(SLOW_CLIENTS)]
            await people.work(4, 10.0 if LONG else 2.0)
            while people.answered <= MIN_ANSWERED and time.monotonic() - start < PATIENCE_S:
                await people.work(4, 1.0)
            grown = made.server.rss_bytes() - memory
            assert grown < SLOW_CLIENTS * 100_000, grown
            return await asyncio.gather(*slow)

        start = time.monotonic()
        ends = asyncio.run(both())
        assert set(ends) == {"closed"}
        # Each is held for 3 s; the rest is for a machine with much else to do.
        assert time.monotonic() - start < 120
        assert people.wrong == []
        assert people.answered > MIN_ANSWERED
        assert not people.refused
        print(f"{people.answered} answered beside {SLOW_CLIENTS} slow ones, slowest {people.slowest_s:.2f} s")


def test_more_connections_than_allowed_are_told_to_come_back(tmp_path: Path) -> None:
    with service(tmp_path, "--max-connections", "20", "--header-timeout-s", "60") as made:
        held = [socket.create_connection(("127.0.0.1", made.server.port)) for _ in range(40)]
        for s in held:
            s.setblocking(False)
        answers: dict[socket.socket, bytes] = {}

        def told() -> bool:
            for s in held:
                if s not in answers:
                    with contextlib.suppress(BlockingIOError):
                        answers[s] = s.recv(1000)
            return len(answers) >= 20

        eventually(told, 50)
        assert all(a.startswith(b"HTTP/1.1 503") and b"retry-after: " in a for a in answers.values())
        for s in held:
            s.close()
        eventually(lambda: made.get("/healthz").status_code == 200)


def test_a_reader_that_takes_nothing_is_let_go(tmp_path: Path) -> None:
    with service(tmp_path, "--write-timeout-s", "2") as made:
        body = json.dumps({"messages": [{"role": "user", "content": "word " * 1_500_000}]}).encode()
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect(("127.0.0.1", made.server.port))
            head = "POST /v1/compress HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            s.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
            made.client.close()
            eventually(lambda: _connections(made) == 1)
            eventually(lambda: _connections(made) == 0)


def _connections(made: Service) -> int:
    """Connections that the service holds, as the kernel counts them."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    address = f":{made.server.port:04X}"
    return sum(1 for line in lines if line.split()[1].endswith(address) and line.split()[3] == "01")


def test_a_client_that_goes_away_in_the_middle_of_its_body(tmp_path: Path) -> None:
    with service(tmp_path) as made:
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", made.server.port)) as s:
                head = b"POST /v1/compress HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                s.sendall(head + b"content-length: 100000\r\n\r\n" + b" " * 5000)
        eventually(lambda: "headroom_inflight_bytes 0.0" in made.get("/metrics").text)
        assert '"event": "failed"' not in made.log


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    with service(tmp_path, "--workers", "2", "--store", f"sqlite:///{tmp_path}/originals.db") as made:
        eventually(lambda: len(made.workers()) == 2)
        workers = made.workers()
        os.kill(made.server.process.pid, signal.SIGKILL)
        made.server.process.wait(10)
        eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), 30)


def test_a_worker_that_was_starting_when_its_parent_was_killed_ends_too(tmp_path: Path) -> None:
    with service(tmp_path, "--workers", "2", "--store", f"sqlite:///{tmp_path}/originals.db") as made:
        eventually(lambda: len(made.workers()) == 2)
        first = made.workers()
        os.kill(first[0], signal.SIGKILL)
        # A new process is there long before it serves.
        eventually(lambda: any(pid not in first for pid in made.workers()))
        workers = {*first, *made.workers()}
        os.kill(made.server.process.pid, signal.SIGKILL)
        made.server.process.wait(10)
        eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), 30)


def test_when_the_queue_is_full_it_says_so(tmp_path: Path) -> None:
    with service(tmp_path, "--threads", "1", "--max-queued", "4") as made:

        async def all_at_once() -> list[Any]:
            # Bytes, so that sending is quicker than the work.
            body = json.dumps(
                {"model": "gpt-4o", "messages": [{"role": "user", "content": "word " * 200_000}]}
            ).encode()
            async with httpx.AsyncClient(base_url=made.url, timeout=60, trust_env=False) as client:
                return await asyncio.gather(
                    *(client.post("/v1/compress", content=body, headers=JSON) for _ in range(24))
                )

        replies = asyncio.run(all_at_once())
        codes = [r.status_code for r in replies]
        assert set(codes) == {200, 503}
        assert all(int(r.headers["retry-after"]) >= 1 for r in replies if r.status_code == 503)
        assert made.compress([]).status_code == 200


def test_a_request_that_takes_too_long_is_answered(tmp_path: Path) -> None:
    # The work takes 0.2 s and more; a quick machine must not be done in time either.
    with service(tmp_path, "--threads", "1", "--request-timeout-s", "0.01") as made:
        body = [{"role": "user", "content": f"word{i} " * 400_000} for i in range(3)]
        start = time.monotonic()
        reply = made.compress(body)
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "timeout")
        # At once; the rest is for a machine with much else to do.
        assert time.monotonic() - start < 25
        eventually(lambda: made.compress([]).status_code == 200)
