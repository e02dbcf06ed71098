"""The connection to SQLite or PostgreSQL, off the event loop, and its migrations.

Requests do not wait for the database: keys are cached (auth.py), usage is spooled (usage/). What does ask it
runs in a few threads, with a time limit, so that a database that hangs holds these threads and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection, Engine, make_url

from headroom.cloud.errors import unavailable

T = TypeVar("T")

THREADS = 4
QUERY_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 3
# Any number that other programs on the same server do not use.
MIGRATION_LOCK = 0x68656164


class Database:
    """An engine and the threads that use it."""

    def __init__(self, url: str) -> None:
        self.engine = make_engine(url)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="headroom-database")

    async def run(self, function: Callable[..., T], *args: Any, timeout_s: float = QUERY_TIMEOUT_S) -> T:
        """`function(connection, *args)` in a transaction, in a thread.

        Raises:
            ServiceError: 503, the database does not answer.
        """
        loop = asyncio.get_running_loop()
        try:
            return await asyncio.wait_for(loop.run_in_executor(self._pool, self.call, function, *args), timeout_s)
        except (asyncio.TimeoutError, sa.exc.DBAPIError, sa.exc.TimeoutError):
            raise unavailable("database") from None

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """The same, here."""
        with self.engine.begin() as connection:
            return function(connection, *args)

    def close(self) -> None:
        """Gives the connections back; what hangs in a thread is left to itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.engine.dispose()


def make_engine(url: str) -> Engine:
    """An engine with time limits; makes the folder of a SQLite file, readable by its owner only."""
    if not url.startswith("sqlite"):
        options = f"-c statement_timeout={int(QUERY_TIMEOUT_S * 1000)} -c idle_in_transaction_session_timeout=30000"
        return sa.create_engine(
            url,
            pool_size=THREADS,
            max_overflow=2,
            pool_pre_ping=True,
            pool_timeout=CONNECT_TIMEOUT_S,
            hide_parameters=True,
            connect_args={
                "connect_timeout": CONNECT_TIMEOUT_S,
                "options": options,
                "application_name": "headroom",
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "tcp_user_timeout": 10_000,
            },
        )
    name = make_url(url).database
    if name and name != ":memory:":
        path = Path(name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    engine = sa.create_engine(url, hide_parameters=True, connect_args={"timeout": QUERY_TIMEOUT_S})

    @sa.event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _: Any) -> None:
        # WAL: readers never wait. NORMAL: a crash of the machine may cost the last second, never the file.
        # The log is emptied early and kept small: on a disk that is nearly full it must not take the rest.
        pragmas = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON")
        for pragma in (*pragmas, "wal_autocheckpoint=200", "journal_size_limit=1000000"):
            connection.execute(f"PRAGMA {pragma}")
        # The driver would begin a transaction late, as a reader, and then fail to become a writer.
        connection.isolation_level = None

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def alembic_config() -> Config:
    """Alembic's configuration, without a file of its own."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    return config


def head() -> str:
    """The newest revision."""
    found = ScriptDirectory.from_config(alembic_config()).get_current_head()
    assert found is not None
    return found


def revision(engine: Engine) -> str | None:
    """The database's revision; `None` if it is empty."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def migrate(engine: Engine, to: str = "head") -> tuple[str | None, str | None]:
    """Brings the database to a revision ("base" empties it); one process at a time, others wait.

    Returns:
        The revision before and after.
    """
    with _lock(engine), engine.connect() as connection:
        before = MigrationContext.configure(connection).get_current_revision()
        connection.rollback()
        config = alembic_config()
        config.attributes["connection"] = connection
        script = ScriptDirectory.from_config(config)
        wanted = script.get_current_head() if to == "head" else to
        if before != wanted:
            order = [r.revision for r in script.walk_revisions()]
            down = wanted == "base" or (
                before in order and wanted in order and order.index(wanted) > order.index(before)
            )
            (command.downgrade if down else command.upgrade)(config, to)
            connection.commit()
        after = MigrationContext.configure(connection).get_current_revision()
        return before, after


@contextlib.contextmanager
def _lock(engine: Engine) -> Iterator[None]:
    """Held by one migrating process."""
    if engine.dialect.name == "sqlite":
        name = engine.url.database
        if not name or name == ":memory:":
            yield
            return
        with open(f"{name}.migrate", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # A migration may take longer than a query may.
        connection.exec_driver_sql("SET statement_timeout = 0")
        connection.execute(sa.select(sa.func.pg_advisory_lock(MIGRATION_LOCK)))
        try:
            yield
        finally:
            connection.execute(sa.select(sa.func.pg_advisory_unlock(MIGRATION_LOCK)))
