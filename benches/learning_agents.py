"""Synthetic agents that use a few fields of their tools' JSON outputs, by a hidden habit with noise and drift.

A run is a conversation: a question, a call, its output, an answer, sometimes a second call with what was found. Which
fields an agent uses is drawn anew in each run: those of the tool's habit with their weights, and in `NOISE` of the runs
one other field. Nothing here knows the learner. Everything is drawn from one seed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

NOISE = 0.02
"""Share of runs in which an agent needs a field that is not of its habit."""
NAMED = 0.3
"""Share of needs that the user's question names in words."""
SECOND_CALL = 0.5

Maker = Callable[[random.Random, int], Any]


@dataclass(frozen=True)
class Tool:
    """A tool: its name, the fields of its records (dots nest them), and where the records stand.

    Attributes:
        name: as it is called.
        noun: what a record is, in a question.
        fields: how the value of each field is made.
        habit: weight of each field that agents use: the share of runs that do.
        drift: the habit after a change.
        around: members beside the records.
        records: smallest and largest number of records; (1, 1) is a single object.
    """

    name: str
    noun: str
    fields: dict[str, Maker]
    habit: dict[str, float]
    drift: dict[str, float]
    around: dict[str, Maker] = field(default_factory=dict)
    records: tuple[int, int] = (6, 14)


@dataclass
class Run:
    """A conversation, and what its agent needed.

    Attributes:
        tool: which tool it called.
        messages: all of them.
        needed: (field as a path, value as it is written) that the agent used, of the first output.
        named: paths of the fields that the question names.
    """

    tool: str
    messages: list[dict[str, Any]]
    needed: list[tuple[str, str]]
    named: set[str]


def _code(letters: int, digits: int) -> Maker:
    def make(rng: random.Random, _: int) -> str:
        return "".join(rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(letters)) + str(
            rng.randrange(10 ** (digits - 1), 10**digits)
        )

    return make


def _hex(digits: int) -> Maker:
    return lambda rng, _: f"{rng.getrandbits(4 * digits):0{digits}x}"


def _amount(low: float, high: float) -> Maker:
    return lambda rng, _: round(rng.uniform(low, high), 2)


def _count(low: int, high: int) -> Maker:
    return lambda rng, _: rng.randrange(low, high)


def _one_of(*values: Any) -> Maker:
    return lambda rng, _: rng.choice(values)


def _time(rng: random.Random, _: int) -> str:
    day = f"2026-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}"
    return f"{day}T{rng.randrange(24):02d}:{rng.randrange(60):02d}:00Z"


def _url(host: str) -> Maker:
    return lambda rng, _: f"https://{host}/{rng.getrandbits(40):010x}"


_WORDS = """Amber Brisk Calm Dusty Eager Fabled Gentle Hollow Ivory Jolly Keen Lucid Mellow Noble Opal Proud
Harbour Meadow Lantern Orchard Summit Canyon Willow Falcon Beacon Cottage Glacier Prairie Anchor Thicket
repairs carries measures replaces protects connects balances records filters delivers stores
Ana Boris Chen Dora Emil Farah Goran Hana Ivo Jun"""
ADJECTIVES, NOUNS, VERBS, PEOPLE = (line.split() for line in _WORDS.splitlines())


def _name(rng: random.Random, _: int) -> str:
    return f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)} {rng.randrange(100, 1000)}"


def _text(rng: random.Random, _: int) -> str:
    return ". ".join(
        f"The {rng.choice(ADJECTIVES).lower()} {rng.choice(NOUNS).lower()} {rng.choice(VERBS)} "
        f"each {rng.choice(ADJECTIVES).lower()} {rng.choice(NOUNS).lower()}"
        for _ in range(3)
    )


def _person(rng: random.Random, _: int) -> str:
    return f"{rng.choice(PEOPLE)} {_code(1, 3)(rng, 0)}"


TOOLS = (
    Tool(
        "search_flights",
        "flight",
        {
            "flight_number": _code(3, 3),
            "departure": _time,
            "arrival": _time,
            "price.amount": _amount(60, 900),
            "price.currency": _one_of("EUR"),
            "price.tax": _amount(5, 60),
            "price.surcharge": _amount(1, 20),
            "fare_basis": _code(4, 4),
            "booking_class": _one_of("Y", "M", "K"),
            "aircraft.type": _code(1, 3),
            "aircraft.registration": _code(5, 3),
            "aircraft.seat_map": _url("maps.example"),
            "gate": _code(1, 2),
            "distance_km": _count(300, 9000),
            "co2_kg": _count(100, 900),
            "available_seats": _count(0, 9),
            "is_refundable": _one_of(True, False),
            "operated_by": _name,
            "marketing_text": _text,
        },
        {"flight_number": 0.97, "departure": 0.9, "price.amount": 0.85, "arrival": 0.4},
        {"flight_number": 0.97, "departure": 0.9, "co2_kg": 0.85, "price.amount": 0.8},
        {"meta.trace": _hex(32), "meta.server": _name, "meta.took_ms": _count(100, 900)},
    ),
    Tool(
        "list_orders",
        "order",
        {
            "order_number": _code(2, 6),
            "customer.name": _person,
            "customer.segment": _name,
            "total": _amount(10, 2000),
            "placed_at": _time,
            "updated_at": _time,
            "carrier": _name,
            "tracking": _code(2, 9),
            "warehouse.bay": _code(2, 4),
            "warehouse.picker": _person,
            "weight_g": _count(120, 9000),
            "invoice_url": _url("invoices.example"),
            "etag": _hex(16),
            "channel": _name,
            "notes": _text,
            "status": _one_of("shipped", "packed", "cancelled"),
            "is_gift": _one_of(True, False),
            "points": _count(100, 3000),
        },
        {"order_number": 0.98, "status": 0.7, "total": 0.6, "tracking": 0.75},
        {"order_number": 0.98, "status": 0.7, "weight_g": 0.85, "tracking": 0.75},
        {"page.cursor": _hex(24), "page.size": _count(100, 200)},
    ),
    Tool(
        "get_customer",
        "customer",
        {
            "name": _person,
            "email": lambda rng, i: f"{_hex(8)(rng, i)}@mail.example",
            "phone": _code(1, 9),
            "address.street": _name,
            "address.city": _name,
            "address.geo": _hex(12),
            "created_at": _time,
            "last_login": _time,
            "preferences.theme": _name,
            "preferences.locale": _code(2, 3),
            "preferences.newsletter": _name,
            "segments.first": _name,
            "segments.second": _name,
            "limits.daily": _amount(500, 5000),
            "limits.monthly": _amount(5000, 50000),
            "avatar": _url("img.example"),
            "biography": _text,
            "risk_score": _amount(100, 999),
            "manager": _person,
            "device": _hex(20),
        },
        {"name": 0.9, "email": 0.8, "limits.daily": 0.5, "address.city": 0.3},
        {"name": 0.9, "email": 0.8, "phone": 0.85, "address.city": 0.3},
        records=(1, 1),
    ),
    Tool(
        "list_issues",
        "issue",
        {
            "number": _count(1000, 99999),
            "title": _name,
            "state": _one_of("open", "closed"),
            "author.login": _person,
            "author.avatar_url": _url("avatars.example"),
            "author.events_url": _url("api.example"),
            "labels_url": _url("api.example"),
            "comments_url": _url("api.example"),
            "html_url": _url("hub.example"),
            "created_at": _time,
            "updated_at": _time,
            "milestone": _name,
            "assignee": _person,
            "comments": _count(0, 60),
            "reactions.total": _count(100, 400),
            "node": _hex(20),
            "body": _text,
            "locked": _one_of(True, False),
        },
        {"number": 0.95, "title": 0.9, "assignee": 0.6, "state": 0.5},
        {"number": 0.95, "title": 0.9, "milestone": 0.85, "state": 0.5},
        records=(8, 20),
    ),
    Tool(
        "list_instances",
        "instance",
        {
            "instance_id": lambda rng, i: "i-" + _hex(12)(rng, i),
            "type": _name,
            "zone": _code(2, 3),
            "private_ip": lambda rng, _: f"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(256)}",
            "public_dns": lambda rng, i: f"ec2-{_hex(8)(rng, i)}.compute.example",
            "image": _hex(16),
            "launched_at": _time,
            "monitoring.agent": _code(1, 5),
            "monitoring.endpoint": _url("metrics.example"),
            "network.subnet": _hex(12),
            "network.group": _hex(12),
            "network.mac": _hex(12),
            "cpu_percent": _amount(10, 99),
            "memory_mb": _count(2000, 64000),
            "state": _one_of("running", "stopped"),
            "owner": _person,
            "profile": _url("iam.example"),
            "kernel": _code(2, 6),
        },
        {"instance_id": 0.95, "state": 0.8, "cpu_percent": 0.8, "private_ip": 0.35},
        {"instance_id": 0.95, "state": 0.8, "cpu_percent": 0.8, "owner": 0.85},
        {"request.trace": _hex(32)},
        records=(8, 24),
    ),
)


def path_of(tool: Tool, name: str) -> str:
    """The path of a record's field in the tool's output."""
    return ("$." if tool.records == (1, 1) else "$.results[].") + name


def run(tool: Tool, rng: random.Random, drifted: bool = False, noise: float = NOISE) -> Run:
    """One conversation of an agent that sees everything."""
    single = tool.records == (1, 1)
    records = [{name: make(rng, i) for name, make in tool.fields.items()} for i in range(rng.randint(*tool.records))]
    chosen = rng.choice(records)
    habit = tool.drift if drifted else tool.habit
    needs = [name for name, weight in habit.items() if rng.random() < weight]
    if rng.random() < noise:
        needs.append(rng.choice([name for name in tool.fields if name not in habit]))
    needs = needs or [next(iter(habit))]
    named = {name for name in needs if rng.random() < NAMED}
    nested = [_nest(record) for record in records]
    output = nested[0] if single else {"results": nested, **_nest({k: make(rng, 0) for k, make in tool.around.items()})}
    lead = next(iter(tool.fields))
    about = f" of {chosen[lead]}" if not single and rng.random() < 0.5 else ""
    wants = f" I want to know the {', '.join(_words(n) for n in sorted(named))}{about}." if named else ""
    call_id = f"call_{rng.getrandbits(64):016x}"
    messages = [
        {"role": "system", "content": "You are a helpful agent. Use the tools."},
        {"role": "user", "content": f"Please look for a {tool.noun} for me.{wants}"},
        _call(call_id, tool.name, {"query": _code(2, 4)(rng, 0)}),
        {"role": "tool", "tool_call_id": call_id, "content": json.dumps(output)},
        {"role": "assistant", "content": _answer(tool, chosen, needs)},
    ]
    if rng.random() < SECOND_CALL:
        call_id = f"call_{rng.getrandbits(64):016x}"
        messages += [
            {"role": "user", "content": "Good, take that one."},
            _call(call_id, "confirm", {lead.rpartition(".")[2]: chosen[lead]}),
            {"role": "tool", "tool_call_id": call_id, "content": "done"},
            {"role": "assistant", "content": "That is done."},
        ]
        if lead not in needs:
            needs.append(lead)
    needed = [(path_of(tool, n), _written(chosen[n])) for n in needs]
    return Run(tool.name, messages, needed, {path_of(tool, n) for n in named})


def _answer(tool: Tool, record: dict[str, Any], needs: list[str]) -> str:
    return f"I found a {tool.noun}: " + ", ".join(f"{_words(n)} {_written(record[n])}" for n in needs) + "."


def _written(value: Any) -> str:
    return json.dumps(value) if not isinstance(value, str) else value


def _words(name: str) -> str:
    return name.replace(".", " ").replace("_", " ")


def _nest(flat: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in flat.items():
        *tops, last = name.split(".")
        inner = out
        for top in tops:
            inner = inner.setdefault(top, {})
        inner[last] = value
    return out


def _call(id_: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"role": "assistant", "content": None, "tool_calls": [{"id": id_, "type": "function", "function": function}]}
