"""The structure of a JSON text, as learning sees it: `headroom._core.json_structure`."""

from __future__ import annotations

import json

from headroom._core import json_structure

FLIGHTS = {
    "flights": [
        {"number": "HAT001", "fare_basis": "Y26", "prices": {"economy": 120.50}, "stops": []},
        {"number": 'HAT"2', "prices": {"economy": 80.0, "first": None}, "seat map": {"1A": True}},
    ],
    "seen": {"2024-05-16": {"status": "available"}, "2024-05-17": {"status": "delayed"}},
}


def digest(value: object) -> str:
    found = json_structure(json.dumps(value))
    assert found is not None
    return found[0]


def test_fields_with_their_values_in_order() -> None:
    found = json_structure(json.dumps(FLIGHTS, indent=1))
    assert found is not None
    assert len(found[0]) == 16
    assert int(found[0], 16)
    assert list(found[1].items()) == [
        ("$.flights[].number", ["HAT001", 'HAT"2']),
        ("$.flights[].fare_basis", ["Y26"]),
        ("$.flights[].prices.economy", ["120.5", "80.0"]),
        ("$.flights[].prices.first", ["null"]),
        ('$.flights[]["seat map"]["1A"]', ["true"]),
        ("$.seen.*.status", ["available", "delayed"]),
    ]


def test_scalars_and_order_do_not_change_the_digest_and_objects_do() -> None:
    other = {
        "total": 2,
        "seen": {f"2025-01-{day}": {"status": "landed", "by": [1]} for day in range(10, 20)},
        "flights": [{"number": "HAT009", "prices": {}, "seat map": {"2B": False}}, {"prices": {"economy": 1}}],
    }
    assert digest(other) == digest(FLIGHTS)
    assert digest({**FLIGHTS, "page": {"next": 2}}) != digest(FLIGHTS)
    assert digest([FLIGHTS]) != digest(FLIGHTS)


def test_what_is_no_json_or_too_much_has_no_structure() -> None:
    for text in ("", "a line", "[1, 2]", '"text"', "{}", '{"a": 1', 'Result: {"a": 1}'):
        assert json_structure(text) is None
    assert json_structure('{"a":' * 500_000 + "1" + "}" * 500_000) is None
    assert json_structure('{"a": "' + "x" * (16 << 20) + '"}') is None
    words = {"".join(chr(97 + int(d)) for d in str(i)): i for i in range(5000)}
    assert json_structure(json.dumps(words)) is None
