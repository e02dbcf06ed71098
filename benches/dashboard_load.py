"""Time of the dashboard's pages over a database with a million events, on SQLite and PostgreSQL.

    python benches/dashboard_load.py [--events 1000000] [--days 30] [--pages 5]

Seeds each database once (some minutes), starts `headroom serve` on it, signs in and loads every page `--pages` times
over loopback. Prints the slowest and the median of each, over several ranges.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "service"), str(ROOT / "tests" / "integrations")]

import httpx  # noqa: E402
import seeding  # noqa: E402
from headroom.cloud.database import make_engine, migrate  # noqa: E402
from running import service  # noqa: E402
from servers import Postgres  # noqa: E402

RANGES = ("24h", "7d", "30d", "90d")
PAGES = ("/dashboard", "/dashboard/breakdown?by=model", "/dashboard/breakdown?by=tool", "/dashboard/quality",
         "/dashboard/requests")  # fmt: skip
OTHERS = ("/dashboard?range=30d&model=gpt-4o", "/dashboard/requests?range=30d&tool=ask_docs", "/dashboard/policies",
          "/dashboard/keys", "/dashboard/audit")  # fmt: skip


@contextlib.contextmanager
def databases(folder: Path) -> Iterator[dict[str, str]]:
    """URLs by name."""
    with Postgres.running() as server:
        yield {"SQLite": f"sqlite:///{folder / 'seeded.db'}", "PostgreSQL": server.database()}


def seeded(url: str, events: int, days: float) -> str:
    """Fills a database; the key of its administrator."""
    engine = make_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    migrate(engine)
    key = seeding.seed(engine, events, days)["boss"]
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
    engine.dispose()
    return key


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
    given = parser.parse_args()
    ranges = [f"{page}{'&' if '?' in page else '?'}range={range}" for page in PAGES for range in RANGES]
    with tempfile.TemporaryDirectory() as folder, databases(Path(folder)) as urls:
        for name, url in urls.items():
            start = time.monotonic()
            key = seeded(url, given.events, given.days)
            print(f"{name}: {given.events:,} events over {given.days:g} days, {time.monotonic() - start:.0f} s to seed")
            place = Path(folder) / name
            place.mkdir()
            with service(place, database=url) as server, httpx.Client(base_url=server.url, timeout=60) as client:
                csrf = re.findall(r'name="csrf" value="(\w+)"', client.get("/dashboard/sign-in").text)[0]
                assert client.post("/dashboard/sign-in", data={"csrf": csrf, "key": key}).status_code == 303
                all_of_them = []
                for path in (*ranges, *OTHERS):
                    taken = timed(client, path, given.pages)
                    all_of_them += taken
                    print(f"  {statistics.median(taken):7.0f} ms median {max(taken):7.0f} ms slowest  {path}")
                print(f"  {name}: slowest of all {max(all_of_them):.0f} ms\n", flush=True)


if __name__ == "__main__":
    main()
