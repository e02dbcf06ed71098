"""Usage as a busy organisation makes it, straight into the database: the same events for the same seed.

python tests/service/seeding.py sqlite:///path 1000000      # also makes an organisation "acme" with keys
"""

from __future__ import annotations

import copy
import random
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from headroom.cloud import keys
from headroom.cloud.database import make_engine, migrate
from headroom.cloud.learning import policies
from headroom.cloud.settings import ServiceSettings
from headroom.cloud.usage import rollup
from headroom.cloud.usage.event import Event
from sqlalchemy.engine import Engine

BATCH = 20_000
MODELS = (
    ("gpt-4o", "openai", 8), ("gpt-4o-mini", "openai", 5), ("claude-sonnet-4-5", "anthropic", 9),
    ("bedrock/claude-sonnet-4-5", "bedrock", 3), ("gemini-2.5-pro", "google", 3), ("my-own-model", "other", 1),
)  # fmt: skip
# Name, kind, share of tokens removed, share of its originals that are fetched.
TOOLS = (
    ("search_code", "search", 0.71, 0.02),
    ("read_file", "code", 0.34, 0.06),
    ("run_tests", "log", 0.82, 0.01),
    ("query_db", "json", 0.58, 0.03),
    ("list_orders", "table", 0.63, 0.02),
    ("fetch_page", "markup", 0.77, 0.04),
    ("git_diff", "diff", 0.41, 0.0),
    ("ask_docs", "prose", 0.55, 0.19),
)
FAILURES = ("rate_limited", "timeout", "busy", "body_too_large")


def events(
    organisation_id: str, key_ids: list[str], number: int, days: float, seed: int = 7, until_s: float | None = None
) -> Iterator[Event]:
    """Events up to now, more by day than by night, and some more each week."""
    rng = random.Random(seed)
    end = time.time() if until_s is None else until_s
    for i in range(number):
        at = end - days * 86_400 * (1 - (i + rng.random()) / number)
        hour, weekday = at % 86_400 / 3600, int(at // 86_400 + 3) % 7
        # Of an event outside of working hours another becomes one of the nearest noon.
        if rng.random() > (1.0 if 7 <= hour <= 18 else 0.3) * (1.0 if weekday < 5 else 0.4):
            noon = at - at % 86_400 + 43_200 + rng.gauss(0, 7200)
            at = noon if noon < end else at
        yield from _request(rng, organisation_id, key_ids, at)


def _request(rng: random.Random, organisation_id: str, key_ids: list[str], at: float) -> Iterator[Event]:
    """A request, and sometimes the retrieval that it leads to."""
    model, provider, _ = rng.choices(MODELS, [weight for *_, weight in MODELS])[0]
    tool, kind, removed, fetched = rng.choice(TOOLS)
    who = {
        "at_ms": int(at * 1000),
        "organisation_id": organisation_id,
        "key_id": rng.choices(key_ids, [4, 3, 2, 1][: len(key_ids)])[0],
        "latency_us": int(rng.lognormvariate(8.6, 0.7)),
    }
    level = rng.choice(("balanced", "balanced", "aggressive"))
    about = {**who, "model": model, "provider": provider, "level": level, "outcome": "ok"}
    before = int(rng.lognormvariate(8.9, 0.8)) + 50
    same = {"tokens_before": before, "tokens_after": before, "bytes_in": before * 4}
    what = rng.random()
    if what < 0.02:
        yield Event(**who, action="compress", outcome=rng.choice(FAILURES))
    elif what < 0.05:
        yield Event(**about, **same, action="bypass")
    elif what < 0.17:
        reason = "below_min_tokens" if what < 0.1 else ""
        yield Event(**about, **same, action="compress", tools=[tool], unchanged=reason)
    else:
        share = min(0.97, max(0.02, rng.gauss(removed, 0.12)))
        has_hash = what > 0.5
        tools = list(dict.fromkeys([tool, rng.choice(TOOLS)[0]])) if what > 0.8 else [tool]
        yield Event(
            **about,
            action="compress",
            tools=tools,
            kinds=[kind],
            tokens_before=before,
            tokens_after=int(before * (1 - share)),
            bytes_in=before * 4,
            core_us=int(rng.lognormvariate(7.6, 0.6)),
            originals=int(has_hash),
            origin_tools=[tool] * has_hash,
            origin_kinds=[kind] * has_hash,
        )
        if has_hash and rng.random() < fetched:
            is_gone = rng.random() < 0.05
            origin = {} if is_gone else {"origin_tools": [tool], "origin_kinds": [kind]}
            outcome = "unknown_hash" if is_gone else "ok"
            yield Event(**{**who, "latency_us": 900}, action="retrieve", outcome=outcome, **origin)


POLICY = {
    "headroom_policy": 1,
    "tools": {
        "search_flights": {
            "9f31c0d2a4b7e855": {
                "drop": ["$.flights[].fare_basis", "$.meta.trace", "$.flights[].segments[].equipment"],
                "fields": {
                    "$.flights[].fare_basis": {"seen": 412, "used": 0, "retrieved": 0},
                    "$.meta.trace": {"seen": 398, "used": 0, "retrieved": 0},
                    "$.flights[].segments[].equipment": {"seen": 405, "used": 1, "retrieved": 1},
                    "$.flights[].price": {"seen": 412, "used": 371, "retrieved": 0},
                    "$.flights[].departs": {"seen": 412, "used": 298, "retrieved": 0},
                    "$.flights[].seats_left": {"seen": 409, "used": 37, "retrieved": 2},
                },
            }
        },
        "list_orders": {
            "0c44d19be7fa2210": {
                "drop": ["$.orders[].etag"],
                "fields": {
                    "$.orders[].etag": {"seen": 233, "used": 0, "retrieved": 0},
                    "$.orders[].total": {"seen": 233, "used": 190, "retrieved": 0},
                },
            }
        },
    },
}
"""What was learned, as `import_policy` takes it."""


def policy() -> dict[str, Any]:
    """`POLICY` as an export has it."""
    made = copy.deepcopy(POLICY)
    for structures in made["tools"].values():
        for about in structures.values():
            for path, field in about["fields"].items():
                is_dropped = path in about["drop"]
                field.update(use_at_most=0.01, state="dropped" if is_dropped else "kept", why="")
    return made


def seed(engine: Engine, number: int, days: float = 30.0, organisation: str = "acme", **more: float) -> dict[str, str]:
    """Fills a database; the keys that it made, by role."""
    made = {}
    with engine.begin() as connection:
        names = (
            ("board", "read", None), ("team-search", "compress", "search"), ("team-support", "compress", "support"),
            ("boss", "admin", None),
        )  # fmt: skip
        rows = {
            name: keys.create(connection, organisation, name, role, "seeding", team=team) for name, role, team in names
        }
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
    with engine.begin() as connection:
        policies.import_policy(connection, organisation_id, "seeding", policy())
    return made


def _write(engine: Engine, batch: list[Event], names: rollup.Names) -> None:
    """Writes the events; figures by the minute only where the service would still keep them."""
    kept_ms = (time.time() - ServiceSettings().keep_minutes_days * rollup.DAY_S) * 1000
    for events, periods in (
        ([e for e in batch if e.at_ms < kept_ms], (rollup.HOUR_S, rollup.DAY_S)),
        ([e for e in batch if e.at_ms >= kept_ms], rollup.PERIODS),
    ):
        with pytest.MonkeyPatch.context() as patch, engine.begin() as connection:
            patch.setattr(rollup, "PERIODS", periods)
            rollup.write(connection, events, names)


if __name__ == "__main__":
    engine = make_engine(sys.argv[1].replace("postgresql:", "postgresql+psycopg:"))
    migrate(engine)
    start = time.monotonic()
    for name, key in seed(engine, int(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 30.0).items():
        print(name, key)
    print(f"{time.monotonic() - start:.0f} s", file=sys.stderr)
