"""Time of the dashboard's pages over a database with a million events, on SQLite and PostgreSQL.

    python benches/dashboard_load.py [--events 1000000] [--days 30] [--pages 5]

Seeds a SQLite database once (some minutes), copies it to PostgreSQL, starts `headroom serve` on each, signs in and
loads every page `--pages` times over loopback. Prints the slowest and the median of each, over several ranges.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "service"), str(ROOT / "tests" / "integrations")]

import httpx  # noqa: E402
import psycopg  # noqa: E402
import seeding  # noqa: E402
from headroom.cloud import tables  # noqa: E402
from headroom.cloud.database import make_engine, migrate  # noqa: E402
from running import service  # noqa: E402
from servers import Postgres  # noqa: E402

RANGES = ("24h", "7d", "30d", "90d")
PAGES = ("/dashboard", "/dashboard/breakdown?by=model", "/dashboard/breakdown?by=tool", "/dashboard/quality",
         "/dashboard/requests")  # fmt: skip
OTHERS = ("/dashboard?range=30d&model=gpt-4o", "/dashboard/requests?range=30d&tool=ask_docs", "/dashboard/policies",
          "/dashboard/keys", "/dashboard/audit")  # fmt: skip


def seeded(url: str, events: int, days: float) -> str:
    """Fills a database; the key of its administrator."""
    engine = make_engine(url)
    migrate(engine)
    key = seeding.seed(engine, events, days)["boss"]
    engine.dispose()
    return key


def copied(source: str, url: str) -> None:
    """Copies all rows of a SQLite database to PostgreSQL: far quicker than seeding it, too."""
    engine = make_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    migrate(engine)
    engine.dispose()
    with contextlib.closing(sqlite3.connect(source.removeprefix("sqlite:///"))) as here, psycopg.connect(url) as there:
        for table in tables.metadata.sorted_tables:
            names = ", ".join(f'"{column.name}"' for column in table.columns)
            with there.cursor().copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
                for row in here.execute(f"SELECT {names} FROM {table.name}"):
                    copy.write_row(row)
        for table in (tables.audit, tables.events):
            # Rows that come now are numbered from there on.
            last = f"(SELECT max(id) FROM {table.name})"
            there.execute(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), {last})")
        there.execute("ANALYZE")


def timed(client: httpx.Client, path: str, times: int) -> list[float]:
    """Milliseconds of each load."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        reply = client.get(path)
        taken.append((time.perf_counter() - start) * 1000)
        assert reply.status_code == 200, (path, reply.status_code)
    return taken


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--days", type=float, default=30.0)
    parser.add_argument("--pages", type=int, default=5, help="how often each page is loaded")
    parser.add_argument("--database", help="a seeded one, sqlite:///…, with the key of its administrator in --key")
    parser.add_argument("--key", help="see --database")
    given = parser.parse_args()
    ranges = [f"{page}{'&' if '?' in page else '?'}range={range}" for page in PAGES for range in RANGES]
    with tempfile.TemporaryDirectory() as folder, Postgres.running() as server:
        urls = {"SQLite": given.database or f"sqlite:///{folder}/seeded.db", "PostgreSQL": server.database()}
        start = time.monotonic()
        key = given.key or seeded(urls["SQLite"], given.events, given.days)
        copied(urls["SQLite"], urls["PostgreSQL"])
        print(f"{given.events:,} events over {given.days:g} days, {time.monotonic() - start:.0f} s to seed", flush=True)
        for name, url in urls.items():
            place = Path(folder) / name
            place.mkdir()
            with service(place, database=url) as running, httpx.Client(base_url=running.url, timeout=60) as client:
                csrf = re.findall(r'name="csrf" value="(\w+)"', client.get("/dashboard/sign-in").text)[0]
                assert client.post("/dashboard/sign-in", data={"csrf": csrf, "key": key}).status_code == 303
                medians, slowest = [], 0.0
                for path in (*ranges, *OTHERS):
                    taken = timed(client, path, given.pages)
                    medians.append(statistics.median(taken))
                    slowest = max(slowest, *taken)
                    print(f"  {medians[-1]:7.0f} ms median {max(taken):7.0f} ms slowest  {path}", flush=True)
            shown = f"medians {min(medians):.0f} to {max(medians):.0f} ms, slowest of all {slowest:.0f} ms"
            print(f"  {name}: {shown}, load average {os.getloadavg()[0]:.0f}\n", flush=True)


if __name__ == "__main__":
    main()
