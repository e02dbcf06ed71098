"""Two processes of four threads on one SQLite store and on one Redis store, with kills in between.

HEADROOM_HAMMER_S seconds each (6 by default, `make hammer` takes 60). "Acknowledged" means that `put` returned. For
Redis, whose server is killed as well, it means so with `appendonly yes` and `appendfsync always`: what a server
without persistence holds ends with it, by the choice of whoever runs it.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hammer import hash_of, text_of
from headroom import ExpiredHashError, UnknownHashError
from headroom.stores import Store, open_store
from redis_servers import RedisServer

HAMMER_S = float(os.environ.get("HEADROOM_HAMMER_S", "6"))
PROCESSES, THREADS = 2, 4
START_TIMEOUT_S = 60.0
SCRIPT = Path(__file__).with_name("hammer.py")


class Child:
    """A process that hammers; its seed names its journals."""

    seeds = 0

    def __init__(self, url: str, folder: Path, number: int) -> None:
        Child.seeds += 1
        self.seed = Child.seeds
        self.folder = folder
        words = (url, str(folder), str(number), str(THREADS), str(self.seed))
        self.process = subprocess.Popen([sys.executable, str(SCRIPT), *words])

    def wait_for_work(self) -> None:
        """Returns once it has put something: a busy machine takes seconds to start a process."""
        end = time.monotonic() + START_TIMEOUT_S
        while not any(journal.stat().st_size for journal in self.folder.glob(f"*.{self.seed}.journal")):
            assert self.process.poll() is None, "a process ended by itself"
            assert time.monotonic() < end, "a process does nothing"
            time.sleep(0.02)

    def kill(self) -> None:
        assert self.process.poll() is None, "a process ended by itself"
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def hammer(url: str, folder: Path, kill_more: Callable[[], None] = lambda: None) -> Counter[str]:
    """Runs the processes, killing one of them every second or so; returns what the journals say."""
    rng = random.Random(11)
    children = [Child(url, folder, i) for i in range(PROCESSES)]
    kills = 0
    try:
        for child in children:
            child.wait_for_work()
        end = time.monotonic() + HAMMER_S
        while time.monotonic() < end or kills < 2:
            time.sleep(rng.uniform(0.3, 1.0))
            which = rng.randrange(PROCESSES)
            children[which].kill()
            kill_more()
            children[which] = Child(url, folder, which)
            children[which].wait_for_work()
            kills += 1
        time.sleep(0.5)
    finally:
        for child in children:
            child.process.kill()
            child.process.wait()
    counts: Counter[str] = Counter(kills=kills)
    for journal in folder.glob("*.journal"):
        for line in journal.read_bytes().split(b"\n")[:-1]:
            counts[line.split()[0].decode()] += 1
    return counts


def check(store: Store, folder: Path, may_drop: bool) -> Counter[str]:
    """Asks for everything that was acknowledged, as its owner and as somebody else."""
    found: Counter[str] = Counter()
    for journal in sorted(folder.glob("*.journal")):
        for line in journal.read_bytes().split(b"\n")[:-1]:
            words = line.decode().split()
            if words[0] != "put":
                continue
            seed, thread, n, owner = int(words[1]), words[2], int(words[3]), " ".join(words[4:])
            text = text_of(seed, thread, n)
            try:
                assert store.get(owner, hash_of(text)) == text
                found["whole"] += 1
            except ExpiredHashError:
                assert may_drop
                found["dropped"] += 1
            with pytest.raises(UnknownHashError):
                store.get(owner + "x", hash_of(text))
    return found


def report(name: str, counts: Counter[str], found: Counter[str]) -> None:
    print(f"\nhammer {name}: {HAMMER_S:.0f} s, {dict(counts)}, afterwards {dict(found)}")
    assert not any(counts[bad] for bad in ("TORN", "LOST", "FOREIGN"))
    assert counts["put"] > 20 * HAMMER_S
    assert counts["kills"] >= 2


def test_sqlite(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db?max_bytes={4 << 30}&timeout_s=20"
    counts = hammer(url, tmp_path)
    found = check(open_store(url), tmp_path, may_drop=False)
    assert found["whole"] == counts["put"]
    report("sqlite", counts, found)


def test_sqlite_within_its_size(tmp_path: Path) -> None:
    limit = 3 << 20
    url = f"sqlite:///{tmp_path}/x.db?max_bytes={limit}&timeout_s=20"
    sizes = []
    counts = hammer(url, tmp_path, lambda: sizes.append(os.path.getsize(tmp_path / "x.db")))
    found = check(open_store(url), tmp_path, may_drop=True)
    report("sqlite within 3 MiB", counts, found)
    assert max(sizes) <= limit + 200_000
    # Names are remembered for 20,000 dropped entries; what was dropped earlier may be unknown in a long run.
    assert found["dropped"] > 0 < found["whole"]


def test_redis(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis", "--appendonly", "yes", "--appendfsync", "always")
    try:
        url = f"{server.url}?timeout_s=20"
        rounds = 0

        def kill_more() -> None:
            nonlocal rounds
            rounds += 1
            if rounds % 2:
                server.kill()
                time.sleep(0.1)
                server.start()

        counts = hammer(url, tmp_path, kill_more)
        found = check(open_store(url), tmp_path, may_drop=False)
        assert found["whole"] == counts["put"]
        report("redis", counts, found)
    finally:
        server.kill()


def test_redis_within_its_size(tmp_path: Path) -> None:
    limit = 6 << 20
    server = RedisServer(tmp_path / "redis", "--maxmemory", f"{limit}", "--maxmemory-policy", "volatile-lru")
    try:
        url = f"{server.url}?timeout_s=20"
        sizes = []

        def kill_more() -> None:
            sizes.append(int(server.ask("INFO memory").split("used_memory:")[1].split()[0]))

        counts = hammer(url, tmp_path, kill_more)
        # Which keys go is the server's choice, their names' among them: "dropped" may become "unknown".
        counts["unknown afterwards or dropped"] = counts.pop("LOST", 0)
        report("redis within 6 MiB", counts, Counter())
        # Beside the data, the server has buffers of its connections.
        assert max(sizes) <= limit + (4 << 20)
        assert int(server.ask("INFO stats").split("evicted_keys:")[1].split()[0]) > 0
    finally:
        server.kill()
