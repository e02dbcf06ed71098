"""Usage as a busy organisation makes it, straight into the database: the same events for the same seed.

    python tests/service/seeding.py sqlite:///path 1000000      # also makes an organisation "acme" with keys
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator

from headroom.cloud import keys
from headroom.cloud.database import make_engine, migrate
from headroom.cloud.usage import rollup
from headroom.cloud.usage.event import Event
from sqlalchemy.engine import Engine

BATCH = 20_000
MODELS = (
    ("gpt-4o", "openai", 8), ("gpt-4o-mini", "openai", 5), ("claude-sonnet-4-5", "anthropic", 9),
    ("bedrock/claude-sonnet-4-5", "bedrock", 3), ("gemini-2.5-pro", "google", 3), ("my-own-model", "other", 1),
)  # fmt: skip
TOOLS = (
    ("search_code", "search", 0.71), ("read_file", "code", 0.34), ("run_tests", "log", 0.82), ("query_db", "json", 0.58),
    ("list_orders", "table", 0.63), ("fetch_page", "markup", 0.77), ("git_diff", "diff", 0.41), ("ask_docs", "prose", 0.29),
)  # fmt: skip
FAILURES = ("rate_limited", "timeout", "busy", "body_too_large")


def events(
    organisation_id: str, key_ids: list[str], number: int, days: float, seed: int = 7, until_s: float | None = None
) -> Iterator[Event]:
    """Events up to now, more by day than by night, and some more each week."""
    rng = random.Random(seed)
    end = time.time() if until_s is None else until_s
    for i in range(number):
        at = end - days * 86_400 * (1 - (i + rng.random()) / number) ** 0.85
        hour = at % 86_400 / 3600
        if rng.random() > (1.0 if 7 <= hour <= 18 else 0.35):
            at = end - (end - at) * 0.97
        model, provider, _ = rng.choices(MODELS, [weight for *_, weight in MODELS])[0]
        tool, kind, removed = rng.choice(TOOLS)
        fields = {
            "at_ms": int(min(at, end) * 1000), "organisation_id": organisation_id,
            "key_id": rng.choices(key_ids, [4, 3, 2, 1][: len(key_ids)])[0], "latency_us": int(rng.lognormvariate(8.6, 0.7)),
            "model": model, "provider": provider, "level": rng.choice(("balanced", "balanced", "aggressive")),
        }  # fmt: skip
        before = int(rng.lognormvariate(8.9, 0.8)) + 50
        what = rng.random()
        if what < 0.02:
            blank = {"model": "", "provider": "", "level": ""}
            yield Event(**{**fields, **blank}, action="compress", outcome=rng.choice(FAILURES))
        elif what < 0.05:
            yield Event(**fields, action="bypass", outcome="ok", tokens_before=before, tokens_after=before)
        elif what < 0.17:
            small = {"tokens_before": before, "tokens_after": before, "tools": [tool]}
            reason = "below_min_tokens" if what < 0.1 else ""
            yield Event(**fields, **small, action="compress", outcome="ok", unchanged=reason)
        else:
            share = min(0.97, max(0.02, rng.gauss(removed, 0.12)))
            two = [tool, rng.choice(TOOLS)[0]] if what > 0.8 else [tool]
            yield Event(
                **fields, action="compress", outcome="ok", tools=list(dict.fromkeys(two)), kinds=[kind],
                tokens_before=before, tokens_after=int(before * (1 - share)), bytes_in=before * 4,
                core_us=int(rng.lognormvariate(7.6, 0.6)), originals=1 if what > 0.6 else 0,
            )  # fmt: skip


def seed(engine: Engine, number: int, days: float = 30.0, organisation: str = "acme", **more: float) -> dict[str, str]:
    """Fills a database; the keys that it made, by role."""
    made = {}
    with engine.begin() as connection:
        names = (("board", "read"), ("team-search", "compress"), ("team-support", "compress"), ("boss", "admin"))
        rows = {name: keys.create(connection, organisation, name, role, "seeding") for name, role in names}
        made = {name: key for name, (key, _) in rows.items()}
        ids = [row.id for name, (_, row) in rows.items() if name != "board"]
        organisation_id = next(iter(rows.values()))[1].organisation_id
    names = rollup.Names()
    batch: list[Event] = []
    source = events(organisation_id, ids, number, days, **more)
    for event in source:
        batch.append(event)
        if len(batch) == BATCH:
            _write(engine, batch, names)
            batch = []
    _write(engine, batch, names)
    return made


def _write(engine: Engine, batch: list[Event], names: rollup.Names) -> None:
    with engine.begin() as connection:
        rollup.write(connection, batch, names)


if __name__ == "__main__":
    engine = make_engine(sys.argv[1].replace("postgresql:", "postgresql+psycopg:"))
    migrate(engine)
    start = time.monotonic()
    for name, key in seed(engine, int(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 30.0).items():
        print(name, key)
    print(f"{time.monotonic() - start:.0f} s", file=sys.stderr)
