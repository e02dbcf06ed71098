"""Conversations of an agent that looks for flights, and of their output uses a few fields."""

from __future__ import annotations

import json
import random
from typing import Any

from headroom._core import json_structure

TOOL = "search_flights"
UNUSED = "$.flights[].fare_basis"


def output(seed: int = 0) -> str:
    rng = random.Random(seed)
    flights = [
        {
            "flight_id": f"HAT{i:03d}",
            "price": round(rng.uniform(100, 900), 2),
            "fare_basis": f"{rng.getrandbits(60):015x}",
            "gate_text": f"Secret{rng.randrange(10**6):06d} hall",
        }
        for i in range(20)
    ]
    return json.dumps({"flights": flights})


STRUCTURE = json_structure(output())[0]  # type: ignore[index]
WHERE = {"structure": STRUCTURE, "path": UNUSED}


def talk(number: int, turns: int = 1, answer: str = "") -> list[Any]:
    """A conversation up to an output, or with answers and further questions."""
    call = {"id": f"call_{number:08x}", "type": "function", "function": {"name": TOOL, "arguments": "{}"}}
    rows: list[Any] = [
        {"role": "system", "content": "You are a helpful agent."},
        {"role": "user", "content": "What is there today?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": output(number)},
    ]
    first = json.loads(output(number))["flights"][0]
    for turn in range(1, turns):
        said = answer or f"HAT000 for {first['price']}."
        rows += [{"role": "assistant", "content": said}, {"role": "user", "content": f"And then? {turn}"}]
    return rows


def learned(seen: int) -> dict[str, Any]:
    """A policy with evidence of one field."""
    about = {"seen": seen, "used": 0, "retrieved": 0, "state": "dropped"}
    known = {"drop": [UNUSED], "fields": {UNUSED: about}}
    return {"headroom_policy": 1, "version": 1, "tools": {TOOL: {STRUCTURE: known}}}
