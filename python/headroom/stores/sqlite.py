"""`sqlite:///path`: originals in one file, for many processes of one machine.

- WAL: readers never wait; writers take turns. What `put` returned for survives the process being killed;
  a power cut may take the last transactions, never a part of one.
- The file and its `-wal` and `-shm` are readable by their owner alone (0600).
- `max_bytes` bounds the pages in use; freed pages go back to the file system. Rows are found by key, never
  by rowid, so `VACUUM` is safe at any time.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from headroom.errors import StoreError
from headroom.stores.blocking import BlockingStore
from headroom.stores.forks import renew_after_fork
from headroom.stores.packed import Damaged, pack, unpack
from headroom.stores.protocol import DEFAULT_TTL_S, entry_key, expired, unknown
from headroom.stores.tally import Tally

APPLICATION_ID = 0x48445253
"""ASCII "HDRS": tells a store from somebody else's database, which is left alone."""
SCHEMA_VERSION = 1

DEFAULT_MAX_BYTES = 1 << 30
DEFAULT_TIMEOUT_S = 2.0
"""How long a call waits for another process's write: they take milliseconds; a request should not wait longer."""

ROW_OVERHEAD_BYTES = 200
"""A row beside its data: key, times, three indexes, and its share of half-empty pages."""
PAGE_BYTES = 4096
MIN_BYTES = 32 * PAGE_BYTES
"""An empty store has 8 pages; below this, there is no room for anything."""
RENEW_SHARE = 1 / 16
"""A put of what is there already writes only after this share of the age is used up: most puts only read."""
SWEEP_EVERY_S = 60.0
MAX_REMEMBERED = 20_000
"""Names of dropped entries that are remembered, about 60 bytes each."""
VACUUM_PAGES = 5_000
"""20 MB at a time, 50 ms, so that nobody waits long."""
WAL_BYTES = 4 << 20
"""The WAL shrinks to this after a checkpoint."""

SCHEMA = f"""
CREATE TABLE entries (
    key BLOB PRIMARY KEY,
    data BLOB NOT NULL,
    put_at REAL NOT NULL,
    used_at REAL NOT NULL
);
CREATE INDEX entries_by_age ON entries (put_at);
CREATE INDEX entries_by_use ON entries (used_at);
CREATE TABLE dropped (n INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
"""


class SqliteStore(BlockingStore):
    """Keeps originals in a SQLite file.

    Args:
        path: the file; it and its folder are made at first use.
        max_bytes: bytes of pages in use. The WAL beside it takes up to 4 MiB and one put more.
        ttl_s: seconds after its last put that an original is kept.
        timeout_s: seconds to wait for another process's write.
    """

    def __init__(
        self,
        path: str,
        max_bytes: int = DEFAULT_MAX_BYTES,
        ttl_s: float = DEFAULT_TTL_S,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        super().__init__()
        self.path = os.path.abspath(path)
        self.max_bytes = max(max_bytes, MIN_BYTES)
        self.ttl_s = ttl_s
        self.timeout_s = timeout_s
        self._tally = Tally()
        self._pool = _Pool(self.path, timeout_s)
        self._next_sweep = 0.0
        renew_after_fork(self)

    def put(self, owner: str, originals: Mapping[str, str]) -> None:
        with self._failing("written"):
            named = {bytes.fromhex(entry_key(owner, hash_)): text for hash_, text in originals.items()}
            entries = {key: pack(text, key) for key, text in named.items()}
            too_large = [k for k, data in entries.items() if len(data) + ROW_OVERHEAD_BYTES > self._room()]
            for key in too_large:
                del entries[key]
            if entries:
                self._write(entries)
            if too_large:
                raise StoreError(
                    f"{len(too_large)} of {len(originals)} originals do not fit into the store even when it is empty "
                    f"(max_bytes={self.max_bytes}); raise max_bytes"
                )

    def get(self, owner: str, hash: str) -> str:
        key = bytes.fromhex(entry_key(owner, hash))
        now = time.time()
        with self._failing("read"), self._pool.connection() as db:
            row = db.execute("SELECT CAST(data AS BLOB), put_at, used_at FROM entries WHERE key = ?", (key,)).fetchone()
            was_here = db.execute("SELECT 1 FROM dropped WHERE key = ?", (key,)).fetchone() is not None
            if row is not None and row[1] + self.ttl_s > now:
                try:
                    text = unpack(row[0], key)
                except Damaged as error:
                    # Gone, so that the next put writes it anew.
                    with self._pool.writing(db):
                        db.execute("DELETE FROM entries WHERE key = ?", (key,))
                    raise StoreError(f"the original of hash {hash} is damaged: {error}; run the tool again") from None
                self._tally.add(hits=1)
                if now - row[2] > SWEEP_EVERY_S:
                    # Being used is noted coarsely and never at the cost of the answer.
                    with contextlib.suppress(sqlite3.Error), self._pool.writing(db):
                        db.execute("UPDATE entries SET used_at = ? WHERE key = ?", (now, key))
                return text
        if row is not None or was_here:
            self._tally.add(expired=1)
            raise expired(hash)
        self._tally.add(unknown=1)
        raise unknown(hash)

    def stats(self) -> dict[str, Any]:
        return {"kind": "sqlite", **self._tally.read(), "max_bytes": self.max_bytes}

    def close(self) -> None:
        self._pool.close()
        self._threads.stop()

    def renew_locks(self) -> None:
        self._threads.renew_locks()
        self._tally.renew_locks()
        self._pool.renew_locks()

    def _room(self) -> int:
        """Bytes for entries in an empty store."""
        return self.max_bytes - MIN_BYTES // 2

    def _write(self, entries: dict[bytes, bytes]) -> None:
        now = time.time()
        with self._pool.connection() as db:
            there = {}
            for key in entries:
                found = db.execute("SELECT put_at FROM entries WHERE key = ?", (key,)).fetchone()
                if found is not None and found[0] > now - self.ttl_s:
                    there[key] = found[0]
            if len(there) == len(entries) and min(there.values()) > now - self.ttl_s * RENEW_SHARE:
                # What is there and young enough is not written again: most puts end here.
                self._tally.add(renewed=len(there))
                return
            new = 0
            with self._pool.writing(db):
                dropped = swept = self._sweep(db, now)
                need = sum(len(data) + ROW_OVERHEAD_BYTES for key, data in entries.items() if key not in there)
                dropped += self._make_room(db, min(need, self._room()), entries)
                for key, data in entries.items():
                    renewed = db.execute("UPDATE entries SET put_at = ?, used_at = ? WHERE key = ?", (now, now, key))
                    if key not in there or renewed.rowcount == 0:
                        db.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?)", (key, data, now, now))
                        db.execute("DELETE FROM dropped WHERE key = ?", (key,))
                        new += 1
                dropped += self._make_room(db, 0, {})
            self._tally.add(puts=new, renewed=len(entries) - new, dropped=dropped)
            if swept:
                # What is dropped for room leaves pages that the next put fills; only this shrinks the file. As a
                # script, because `execute` stops after the first page.
                with contextlib.suppress(sqlite3.OperationalError):
                    db.executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")

    def _sweep(self, db: sqlite3.Connection, now: float) -> int:
        """Drops what is too old, now and then."""
        if now < self._next_sweep:
            return 0
        self._next_sweep = now + min(SWEEP_EVERY_S, self.ttl_s)
        keys = db.execute("SELECT key FROM entries WHERE put_at <= ?", (now - self.ttl_s,)).fetchall()
        self._drop(db, keys)
        db.execute(
            "DELETE FROM dropped WHERE n <= (SELECT max(n) FROM dropped) - ?",
            (MAX_REMEMBERED,),
        )
        return len(keys)

    def _make_room(self, db: sqlite3.Connection, need: int, sparing: Mapping[bytes, bytes]) -> int:
        """Drops the least recently used until `need` more bytes fit; returns how many."""
        dropped = 0
        while True:
            pages, free, size = (
                db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
            )
            over = (pages - free) * size + need - self.max_bytes
            if over <= 0:
                return dropped
            gone: list[tuple[bytes]] = []
            for key, length in db.execute("SELECT key, length(data) FROM entries ORDER BY used_at"):
                if over <= 0:
                    break
                if key not in sparing:
                    gone.append((key,))
                    over -= length + ROW_OVERHEAD_BYTES
            if not gone:
                return dropped
            self._drop(db, gone)
            dropped += len(gone)

    @staticmethod
    def _drop(db: sqlite3.Connection, keys: list[tuple[bytes]]) -> None:
        db.executemany("DELETE FROM entries WHERE key = ?", keys)
        db.executemany("INSERT OR REPLACE INTO dropped (key) VALUES (?)", keys)

    @contextlib.contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        """Turns errors of the backend into a `StoreError` that says what to do."""
        try:
            yield
        except StoreError:
            self._tally.add(errors=1)
            raise
        except UnicodeEncodeError:
            self._tally.add(errors=1)
            raise StoreError("an original holds lone surrogates and cannot be kept; send valid Unicode") from None
        except (sqlite3.Error, OSError) as error:
            self._tally.add(errors=1)
            raise StoreError(
                f"the store {self.path} cannot be {what} ({_reason(error)}); check that the file is a headroom store, "
                "that its folder is writable and that the disk has room"
            ) from None


def _reason(error: sqlite3.Error | OSError) -> str:
    """What went wrong, without what SQLite says about it: its words may quote data."""
    if isinstance(error, OSError):
        return f"{type(error).__name__}: {error.strerror}"
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return f"{name}: another process has been writing for too long" if "locked" in str(error) else name


class _Pool:
    """Connections of one process: each call takes one and gives it back."""

    def __init__(self, path: str, timeout_s: float) -> None:
        self.path = path
        self.timeout_s = timeout_s
        self._lock = threading.Lock()
        self._write = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._made_for: tuple[int, int, int] | None = None
        """Process, device and inode that the idle connections belong to."""

    @contextlib.contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """A connection to the file that stands under the path now."""
        made_for, db = self._take()
        broken = True
        try:
            yield db
            broken = False
        except StoreError:
            broken = False
            raise
        finally:
            with self._lock:
                keep = not broken and made_for == self._made_for
                if keep:
                    self._idle.append(db)
            if not keep:
                db.close()

    @contextlib.contextmanager
    def writing(self, db: sqlite3.Connection) -> Iterator[None]:
        """A transaction. Threads of a process queue fairly here; processes wait in SQLite."""
        if not self._write.acquire(timeout=self.timeout_s):
            raise sqlite3.OperationalError("other threads are writing for too long")
        try:
            with _transaction(db, "IMMEDIATE"):
                yield
        finally:
            self._write.release()

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
            same_process = self._made_for is not None and self._made_for[0] == os.getpid()
            self._made_for = None
        for db in idle:
            if same_process:
                db.close()
            else:
                _parents.append(db)

    def _take(self) -> tuple[tuple[int, int, int], sqlite3.Connection]:
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            # Never made, or removed under us: what is written into a removed file is lost.
            create(self.path)
            status = os.stat(self.path)
        made_for = os.getpid(), status.st_dev, status.st_ino
        if self._made_for != made_for:
            self.close()
            with self._lock:
                self._made_for = made_for
        with self._lock:
            if self._idle:
                return made_for, self._idle.pop()
        return made_for, connect(self.path, self.timeout_s)

    def renew_locks(self) -> None:
        self._lock, self._write = threading.Lock(), threading.Lock()


_parents: list[sqlite3.Connection] = []
"""Connections of the parent in a forked child: SQLite forbids to use or to close them there."""


def create(path: str) -> None:
    """Makes an empty file that only its owner can read; SQLite gives `-wal` and `-shm` the same mode."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), 0o600))


def connect(path: str, timeout_s: float) -> sqlite3.Connection:
    """A connection with the schema in place.

    Raises:
        StoreError: the file is somebody else's database or a later version's.
    """
    db = sqlite3.connect(path, timeout=timeout_s, isolation_level=None, check_same_thread=False)
    try:
        give_up = time.monotonic() + timeout_s
        while True:
            try:
                _prepare(db, path)
                return db
            except sqlite3.OperationalError as error:
                # Going over to WAL does not wait for others by itself.
                if "locked" not in str(error) or time.monotonic() > give_up:
                    raise
                time.sleep(0.01)
    except BaseException:
        db.close()
        raise


def _prepare(db: sqlite3.Connection, path: str) -> None:
    with _transaction(db, "DEFERRED"):
        identity, empty = _identity(db)
    if empty:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL").fetchall()
        with _transaction(db, "EXCLUSIVE"):
            # Another process may have been faster.
            if _identity(db)[1]:
                for statement in SCHEMA.split(";"):
                    db.execute(statement)
            identity, _ = _identity(db)
    if identity[0] != APPLICATION_ID:
        raise StoreError(f"{path} is a database of something else; give the store a file of its own")
    if identity[1] != SCHEMA_VERSION:
        raise StoreError(
            f"{path} has schema version {identity[1]}, this headroom knows {SCHEMA_VERSION}; update headroom, or give "
            "the store another file"
        )
    db.execute("PRAGMA journal_mode = WAL").fetchall()
    # With WAL, NORMAL loses nothing when the process dies, only when the machine does.
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}").fetchall()
    for name in (path, f"{path}-wal", f"{path}-shm"):
        with contextlib.suppress(FileNotFoundError):
            if os.stat(name).st_mode & 0o077:
                os.chmod(name, 0o600)


def _identity(db: sqlite3.Connection) -> tuple[tuple[int, int], bool]:
    """Application and schema version, and whether nothing was made yet. Inside a transaction: another process may be
    making the schema just now."""
    (application,), (version,), (tables,) = (
        db.execute(query).fetchone()
        for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
    )
    return (application, version), (application, version, tables) == (0, 0, 0)


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection, kind: str) -> Iterator[None]:
    db.execute(f"BEGIN {kind}")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
