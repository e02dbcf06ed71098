"""`sqlite:///path`: what only it promises."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from headroom import ExpiredHashError, StoreError, UnknownHashError
from headroom.stores import open_store, sqlite
from headroom.stores.sqlite import SqliteStore

A, B = "a" * 24, "b" * 24


def make(path: Path, **options: float) -> SqliteStore:
    store = open_store(f"sqlite:///{path}", **options)
    assert isinstance(store, SqliteStore)
    return store


def noise(rng: random.Random, size: int) -> str:
    """Text that zlib cannot shrink below half."""
    return rng.randbytes(size // 2).hex()


def mode(path: Path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def files(path: Path) -> list[Path]:
    return [p for p in (path, Path(f"{path}-wal"), Path(f"{path}-shm")) if p.exists()]


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "x.db"
    old = os.umask(0)
    try:
        store = make(path)
        store.put("me", {A: "text"})
        assert [mode(p) for p in files(path)] == [0o600] * 3
        assert mode(path.parent) == 0o700
        store.close()
        # A store whose mode was loosened is closed again.
        os.chmod(path, 0o666)
        store.put("me", {B: "text"})
        assert [mode(p) for p in files(path)] == [0o600] * 3
    finally:
        os.umask(old)
    store.close()


def test_vacuum_and_backup_keep_everything(tmp_path: Path) -> None:
    store = make(tmp_path / "x.db")
    texts = {f"{i:024x}": f"text {i} " * 100 for i in range(200)}
    store.put("me", texts)
    with sqlite3.connect(tmp_path / "x.db") as other:
        other.execute("DELETE FROM entries WHERE rowid % 3 = 0")
        other.commit()
        other.execute("VACUUM")
        other.execute(f"VACUUM INTO '{tmp_path}/copy.db'")
    other.close()
    copy = make(tmp_path / "copy.db")
    found = 0
    for hash_, text in texts.items():
        try:
            assert store.get("me", hash_) == copy.get("me", hash_) == text
            found += 1
        except UnknownHashError:
            continue
    assert 130 < found < 140
    store.put("me", texts)
    assert all(store.get("me", hash_) == text for hash_, text in texts.items())


def test_the_size_holds_and_the_oldest_go(tmp_path: Path) -> None:
    limit = 2_000_000
    store = make(tmp_path / "x.db", max_bytes=limit)
    rng = random.Random(3)
    for i in range(300):
        store.put("me", {f"{i:024x}": noise(rng, rng.choice((500, 30_000, 90_000)))})
        assert os.path.getsize(tmp_path / "x.db") <= limit + 100_000
        assert os.path.getsize(f"{tmp_path}/x.db-wal") <= 8 << 20
    with pytest.raises(ExpiredHashError):
        store.get("me", f"{0:024x}")
    assert store.get("me", f"{299:024x}")
    assert store.stats()["dropped"] > 100
    with pytest.raises(StoreError, match="even when it is empty"):
        store.put("me", {A: noise(rng, 9_000_000), B: "small"})
    assert store.get("me", B) == "small"


def test_old_pages_go_back_to_the_file_system(tmp_path: Path) -> None:
    store = make(tmp_path / "x.db", ttl_s=0.4)
    rng = random.Random(3)
    store.put("me", {f"{i:024x}": noise(rng, 20_000) for i in range(100)})
    time.sleep(0.5)
    store.put("me", {A: "text"})
    store.close()
    assert os.path.getsize(tmp_path / "x.db") < 200_000


def test_a_damaged_entry_is_an_error_and_heals(tmp_path: Path) -> None:
    store = make(tmp_path / "x.db")
    text = "some words " * 500
    for damage in (
        "UPDATE entries SET data = substr(data, 1, length(data) / 2)",
        "UPDATE entries SET data = zeroblob(length(data))",
        "UPDATE entries SET data = x''",
        "UPDATE entries SET data = data || x'00'",
        "UPDATE entries SET data = (SELECT data FROM entries ORDER BY length(data) LIMIT 1) WHERE length(data) > 40",
    ):
        store.put("me", {A: text, B: "another text"})
        with sqlite3.connect(tmp_path / "x.db") as other:
            other.execute(damage)
        other.close()
        with pytest.raises(StoreError, match="damaged"):
            store.get("me", A)
        store.put("me", {A: text})
        assert store.get("me", A) == text


@pytest.mark.parametrize("what", ["text", "other", "newer", "folder", "cut"])
def test_somebody_elses_file_is_left_alone(tmp_path: Path, what: str) -> None:
    path = tmp_path / "x.db"
    if what == "text":
        path.write_text("not a database " * 500)
    elif what == "folder":
        path.mkdir()
    else:
        db = sqlite3.connect(path)
        if what == "other":
            db.execute("CREATE TABLE precious (x)")
        else:
            make(path).put("me", {A: "x" * 9000})
            if what == "newer":
                db.execute("PRAGMA user_version = 7")
        db.commit()
        db.close()
        if what == "cut":
            for extra in files(path)[1:]:
                extra.unlink()
            path.write_bytes(path.read_bytes()[:5000])
    before = path.read_bytes() if path.is_file() else b""
    store = make(path)
    with pytest.raises(StoreError, match=r"x\.db"):
        store.put("me", {A: "text"})
    with pytest.raises(StoreError, match=r"x\.db"):
        store.get("me", A)
    assert store.stats()["errors"] == 2
    if what in ("text", "other"):
        assert path.read_bytes() == before


def test_a_removed_file_is_made_again(tmp_path: Path) -> None:
    store = make(tmp_path / "x.db")
    store.put("me", {A: "text"})
    for path in files(tmp_path / "x.db"):
        path.unlink()
    with pytest.raises(UnknownHashError):
        store.get("me", A)
    store.put("me", {A: "text"})
    # Somebody else sees it, so it is not in the removed file.
    assert make(tmp_path / "x.db").get("me", A) == "text"


def test_a_locked_file_costs_the_timeout_and_no_more(tmp_path: Path) -> None:
    store = make(tmp_path / "x.db", timeout_s=0.2)
    store.put("me", {A: "text"})
    other = sqlite3.connect(tmp_path / "x.db")
    other.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    with pytest.raises(StoreError, match="another process"):
        store.put("me", {B: "text"})
    assert time.monotonic() - started < 2
    assert store.get("me", A) == "text"
    other.rollback()
    other.close()
    store.put("me", {B: "text"})
    assert store.get("me", B) == "text"


def test_a_full_disk_is_an_error(tmp_path: Path) -> None:
    # A limit on the file's size stands for the disk: the write fails in the same place.
    code = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from headroom import StoreError
from headroom.stores import open_store, sqlite
store = open_store("sqlite:///{tmp_path}/x.db")
store.put("me", {{"a" * 24: "text"}})
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
import random
try:
    store.put("me", {{"b" * 24: random.randbytes(1_000_000).hex()}})
except StoreError as error:
    print(error)
print(store.get("me", "a" * 24))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    told, kept = done.stdout.splitlines()
    assert "disk has room" in told
    assert kept == "text"


def test_many_processes_make_it_at_once(tmp_path: Path) -> None:
    code = f"""
from headroom.stores import open_store, sqlite
import sys
open_store("sqlite:///{tmp_path}/x.db").put("me", {{sys.argv[1] * 24: "text " + sys.argv[1]}})
"""
    children = [subprocess.Popen([sys.executable, "-c", code, name]) for name in "abcdef"]
    assert [child.wait() for child in children] == [0] * 6
    store = make(tmp_path / "x.db")
    assert [store.get("me", name * 24) for name in "abcdef"] == [f"text {name}" for name in "abcdef"]


def test_another_connection_makes_it_while_this_one_looks(tmp_path: Path) -> None:
    path = str(tmp_path / "x.db")
    db = sqlite3.connect(path, isolation_level=None)
    turns = []

    def other(statement: str) -> None:
        if "sqlite_master" in statement and not turns:
            turns.append(statement)
            with contextlib.suppress(sqlite3.OperationalError):  # it may have to wait for us
                sqlite.connect(path, timeout_s=0.05).close()

    db.set_trace_callback(other)
    sqlite._prepare(db, path)
    db.set_trace_callback(None)
    assert turns
    assert db.execute("SELECT count(*) FROM entries").fetchone() == (0,)
    db.close()
