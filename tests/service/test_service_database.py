"""Migrations, usage and its figures on both databases, without a server in between."""

from __future__ import annotations

import asyncio
import csv
import importlib.util
import io
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from headroom.cli import main
from headroom.cloud import keys, tables
from headroom.cloud.database import Database, head, make_engine, migrate
from headroom.cloud.settings import ServiceSettings
from headroom.cloud.usage import export, retention, rollup, stats
from headroom.cloud.usage.event import Event
from headroom.cloud.usage.spool import Spool
from headroom.cloud.usage.writer import Usage
from running import command

DAY_S = 86_400


def settings(**more: Any) -> ServiceSettings:
    return ServiceSettings(**more)


def event(i: int = 0, **more: Any) -> Event:
    fields = {
        "at_ms": int(time.time() * 1000), "organisation_id": "org_1", "key_id": "key_1", "action": "compress",
        "outcome": "ok", "model": "gpt-4o", "provider": "openai", "level": "balanced", "tools": ["grep"],
        "kinds": ["search"], "tokens_before": 1000 + i, "tokens_after": 100,
    }  # fmt: skip
    return Event(**{**fields, **more})


def test_migrations_go_up_and_down_and_make_what_the_code_expects(url: str) -> None:
    engine = make_engine(url)
    assert migrate(engine) == (None, head())
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
    assert migrate(engine, "0001") == (head(), "0001")
    assert migrate(engine, "base") == ("0001", None)
    assert set(sa.inspect(engine).get_table_names()) <= {"alembic_version"}
    assert migrate(engine) == (None, head())
    engine.dispose()


def test_many_start_at_once_and_one_migrates(url: str) -> None:
    engines = [make_engine(url) for _ in range(4)]
    seen: list[Any] = []

    def go(engine: sa.Engine) -> None:
        seen.append(migrate(engine))

    threads = [threading.Thread(target=go, args=[engine]) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(seen, key=str) == sorted([(None, head()), *[(head(), head())] * 3], key=str)


def test_the_command_asks_before_it_deletes(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    from headroom.cli import main

    plain = url.replace("+psycopg", "")
    assert command("migrate", "--database", plain).strip() == f"empty -> {head()}"
    assert main(["migrate", "--database", plain, "--to", "base"]) == 1
    assert "--yes" in capsys.readouterr().err
    assert command("migrate", "--database", plain, "--to", "base", "--yes").strip() == f"{head()} -> empty"


def totals(database: Database, **more: Any) -> dict[str, Any]:
    found = database.call(stats.query, settings(), "org_1", "one", more.get("start"), None, [])
    figures: dict[str, Any] = found["totals"]
    return figures


def flush(usage: Usage) -> bool:
    return asyncio.run(usage.flush())


def spooled(database: Database, folder: Path) -> Usage:
    usage = Usage(database, folder, 1 << 20, 1.0)
    asyncio.run(usage.start())
    return usage


def test_the_second_that_runs_counts(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    day = int(time.time()) // 86_400 * 86_400
    usage = spooled(database, tmp_path)
    usage.record(event(at_ms=day * 1000))
    assert flush(usage)
    monkeypatch.setattr(stats.time, "time", lambda: day + 0.5)
    assert totals(database)["compressions"] == 1


def test_events_are_written_once_whatever_happens_in_between(database: Database, tmp_path: Path) -> None:
    usage = spooled(database, tmp_path)
    for i in range(100):
        usage.record(event(i))
    assert flush(usage)
    assert flush(usage)
    assert totals(database)["compressions"] == 100
    # The transaction fails after the events were inserted: nothing of it stays.
    real = rollup.write

    def failing(*given: Any) -> None:
        real(*given)
        raise OSError

    usage.record(event())
    rollup.write, kept = failing, rollup.write
    try:
        assert not flush(usage)
    finally:
        rollup.write = kept
    assert totals(database)["compressions"] == 100
    assert flush(usage)
    assert totals(database)["compressions"] == 101
    assert totals(database)["tokens_before"] == sum(1000 + i for i in range(100)) + 1000


def test_a_killed_workers_spool_is_taken_over(database: Database, tmp_path: Path) -> None:
    dead = spooled(database, tmp_path)
    for _ in range(10):
        dead.record(event())
    flush(dead)
    dead.record(event())
    dead._spool._fd, fd = -1, dead._spool._fd  # type: ignore[union-attr]
    other = spooled(database, tmp_path)
    flush(other)
    assert totals(database)["compressions"] == 10, "its lock is held: it lives"
    import os

    # The kernel gives the lock back, and half a line was on its way.
    os.write(fd, b'[1,"org')
    os.close(fd)
    other._next_orphans = 0
    flush(other)
    assert totals(database)["compressions"] == 11
    assert len(list(tmp_path.glob("usage-*.jsonl"))) == 1
    with database.engine.begin() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.spools)).scalar() <= 1


def test_a_spool_that_grows_is_replaced(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headroom.cloud.usage.writer.ROTATE_BYTES", 2000)
    usage = spooled(database, tmp_path)
    for _ in range(5):
        for _ in range(30):
            usage.record(event())
        flush(usage)
    flush(usage)
    assert totals(database)["compressions"] == 150
    assert len(list(tmp_path.glob("usage-*.jsonl"))) == 1
    asyncio.run(usage.close())
    assert list(tmp_path.glob("usage-*")) == []


def test_without_a_database_usage_waits_within_its_bound(tmp_path: Path) -> None:
    away = Database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    usage = spooled(away, tmp_path)
    for _ in range(20_000):
        usage.record(event())
    assert not flush(usage)
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert (1 << 20) - 500 < size < (1 << 20) + 500
    away.close()


def test_two_writers_of_the_same_figures(database: Database) -> None:
    """Both add to the same rows, in transactions that overlap."""

    def write(n: int) -> None:
        names = rollup.Names()
        for i in range(20):
            events = [event(model=f"m{(i + n) % 7}", tools=[f"t{(i * n) % 5}"]) for _ in range(10)]
            with database.engine.begin() as connection:
                rollup.write(connection, events, names)

    threads = [threading.Thread(target=write, args=[n]) for n in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert totals(database)["compressions"] == 600
    for group in ("model", "tool", "kind", "minute", "hour", "day"):
        found = database.call(stats.query, settings(), "org_1", "one", None, None, [group])["groups"]
        assert sum(g["requests"] for g in found) == 600, group


def test_names_of_clients_are_bounded(database: Database) -> None:
    names = rollup.Names()
    with database.engine.begin() as connection:
        rollup.write(connection, [event(model=f"m{i}", tools=[f"t{i}"]) for i in range(700)], names)
    models = database.call(stats.query, settings(), "org_1", "one", None, None, ["model"])["groups"]
    assert len(models) == rollup.MAX_NAMES + 1
    assert sum(g["requests"] for g in models) == 700


def test_figures_without_single_events(database: Database, tmp_path: Path) -> None:
    usage = Usage(database, tmp_path, 1 << 20, 1.0, single_events=False)
    asyncio.run(usage.start())
    for _ in range(10):
        usage.record(event())
    assert flush(usage)
    assert totals(database)["compressions"] == 10
    assert database.call(export.page, "org_1", 0, 1 << 50, (0, 0)) == []


def test_retention(database: Database) -> None:
    now_s = int(time.time())
    with database.engine.begin() as connection:
        for days in (0, 10, 50, 200, 900):
            rollup.write(connection, [event(at_ms=(now_s - days * DAY_S) * 1000)], rollup.Names())
        assert retention.prune(connection, settings(), now_s) > 0
        count = sa.select(sa.func.count())
        assert connection.execute(count.select_from(tables.events)).scalar() == 2
        left = {}
        for period in rollup.PERIODS:
            rows = count.select_from(tables.rollups).where(tables.rollups.c.period_s == period)
            left[period] = connection.execute(rows).scalar()
        assert left == {60: 1, 3600: 3, DAY_S: 4}
    assert totals(database, start="60d")["compressions"] == 3
    assert totals(database, start="400d")["compressions"] == 4


def test_export(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet

    monkeypatch.setattr(export, "PAGE", 7)
    now_ms = int(time.time() * 1000)
    with database.engine.begin() as connection:
        # Several at the same millisecond, over pages.
        rollup.write(connection, [event(i, at_ms=now_ms - i // 5) for i in range(40)], rollup.Names())
        rollup.write(connection, [event(organisation_id="org_2")], rollup.Names())
    found = list(export.pages(database.engine, "org_1", now_ms - 1000, now_ms + 1000))
    assert sorted(row["tokens_before"] for page in found for row in page) == [1000 + i for i in range(40)]
    file = io.BytesIO()
    assert export.write_parquet(iter(found), file) == 40
    table = pyarrow.parquet.read_table(io.BytesIO(file.getvalue()))
    assert sorted(table["tokens_before"].to_pylist()) == [1000 + i for i in range(40)]
    assert set(table["tools"].to_pylist()) == {"grep"}


def test_the_export_command_gives_the_same_as_csv_and_parquet(database: Database, url: str, tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    with database.engine.begin() as connection:
        organisation_id, _ = keys.organisation(connection, "acme", make=True, actor="test")
        some = [
            event(i, organisation_id=organisation_id, model=f'model, "{i % 3}"', originals=i % 2) for i in range(23)
        ]
        rollup.write(connection, some, rollup.Names())
    where = ["--org", "acme", "--database", url.replace("+psycopg", "")]
    command("usage", *where, "-o", str(tmp_path / "out.csv"))
    command("usage", *where, "--format", "parquet", "-o", str(tmp_path / "out.parquet"))
    with (tmp_path / "out.csv").open(newline="") as file:
        from_csv = list(csv.DictReader(file))
    table = parquet.read_table(tmp_path / "out.parquet")
    # Every field of every event is the same in both; the figures are numbers in Parquet.
    assert [{name: str(value) for name, value in row.items()} for row in table.to_pylist()] == from_csv
    assert table.schema.field("tokens_before").type == pyarrow.int64()
    assert sum(table["tokens_before"].to_pylist()) == sum(1000 + i for i in range(23))
    assert len({row["model"] for row in from_csv}) == 3


def test_without_pyarrow_the_error_says_what_to_install(
    database: Database, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with database.engine.begin() as connection:
        keys.organisation(connection, "acme", make=True, actor="test")
    out = tmp_path / "out.parquet"
    out.write_text("an older export")
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    where = ["--org", "acme", "--database", url.replace("+psycopg", "")]
    assert main(["usage", *where, "--format", "parquet", "-o", str(out)]) == 1
    assert "pip install pyarrow" in capsys.readouterr().err
    assert out.read_text() == "an older export"


def test_dollars_come_from_the_price_table(database: Database) -> None:
    if importlib.util.find_spec("litellm") is None:
        pytest.skip("LiteLLM has the prices")
    with database.engine.begin() as connection:
        names = rollup.Names()
        rollup.write(connection, [event(tokens_before=1_100_000, tokens_after=100_000)], names)
        rollup.write(connection, [event(model="nobody-knows", tokens_before=50, tokens_after=20)], names)
    figures = totals(database)
    from headroom.cloud.usage.prices import price

    prices = price("openai/gpt-4o")
    assert prices is not None
    assert figures["saved_usd"] == pytest.approx(1e6 * prices[0])
    assert figures["saved_usd_at_cached_prices"] == pytest.approx(1e6 * prices[1])
    assert figures["tokens_saved_without_price"] == 30


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    """As /dev/full behaves; a real quota is in test_service_faults.py."""
    import os

    spool = Spool.create(tmp_path)
    assert spool.append(b"one\n")
    good, spool._fd = spool._fd, os.open("/dev/full", os.O_WRONLY)
    assert not spool.append(b"two\n")
    os.close(spool._fd)
    spool._fd = good
    assert spool.append(b"three\n")
    assert spool.read(0) == ([b"one", b"three"], 10)
