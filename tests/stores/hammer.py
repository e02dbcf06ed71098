"""One process of the hammer test: threads that put and get, and write down what was acknowledged.

    python hammer.py URL FOLDER PROCESS THREADS SEED

Each thread appends a line to its journal after `put` returned, before it goes on; the process is killed at
any moment. A journal's last line may be torn; everything before it was acknowledged.
"""

from __future__ import annotations

import hashlib
import os
import random
import sys
import threading
from pathlib import Path

from headroom import StoreError, UnknownHashError
from headroom.errors import ExpiredHashError
from headroom.stores import open_store


def text_of(seed: int, thread: str, n: int) -> str:
    """The text that a thread puts in its nth round: from a few bytes to 60 KB, half of it repeated."""
    rng = random.Random(f"{seed} {thread} {n}")
    size = rng.choice((20, 300, 4_000, 4_000, 30_000))
    return f"{thread} {n} " + rng.randbytes(size // 2).hex() + "repeated words " * (size // 15)


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def run(url: str, journal: Path, thread: str, owner: str, foreign: str, seed: int) -> None:
    store = open_store(url)
    rng = random.Random(seed)
    done: list[int] = []
    file = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    n = 0
    while True:
        n += 1
        many = [n] if n % 5 else [n, n + 1_000_000, n + 2_000_000]
        texts = {hash_of(t): t for t in (text_of(seed, thread, m) for m in many)}
        try:
            store.put(owner, texts)
        except StoreError:
            os.write(file, f"failed {n}\n".encode())
            continue
        for m in many:
            os.write(file, f"put {seed} {thread} {m} {owner}\n".encode())
        done += many
        m = rng.choice(done)
        text = text_of(seed, thread, m)
        try:
            if store.get(owner, hash_of(text)) != text:
                os.write(file, f"TORN {m}\n".encode())
        except ExpiredHashError:
            os.write(file, f"dropped {m}\n".encode())
        except UnknownHashError:
            os.write(file, f"LOST {m}\n".encode())
        except StoreError as error:
            os.write(file, f"{'TORN' if 'damaged' in str(error) else 'failed'} {m}\n".encode())
        try:
            store.get(foreign, hash_of(text))
            os.write(file, f"FOREIGN {m}\n".encode())
        except UnknownHashError:
            pass
        except StoreError:
            os.write(file, f"failed {m}\n".encode())


def main() -> None:
    url, folder, process, threads, seed = sys.argv[1:]
    running = []
    for i in range(int(threads)):
        owner = f"owner {process}.{i}"
        thread = f"{process}.{i}"
        journal = Path(folder) / f"{thread}.{seed}.journal"
        foreign = f"owner {process}.{i + 1}"
        arguments = (url, journal, thread, owner, foreign, int(seed))
        running.append(threading.Thread(target=run, args=arguments, daemon=True))
    for one in running:
        one.start()
    for one in running:
        one.join()


if __name__ == "__main__":
    main()
