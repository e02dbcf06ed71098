"""A conversation of 60 turns and 800 KB, as an agent has it: tool calls and outputs of all kinds in turn."""

from __future__ import annotations

from typing import Any

import inputs

TURNS = 60
BYTES = 800 * inputs.KB
SHARES = (0.4, 1.9, 0.7, 1.3, 0.2, 1.5)
"""Sizes of consecutive outputs over the mean: agents see short and long ones."""


def conversation(turns: int = TURNS, size: int = BYTES) -> list[dict[str, Any]]:
    """One user message, then `turns` times a tool call with its output; `size` bytes of outputs."""
    out: list[dict[str, Any]] = [
        {"role": "system", "content": "You are a careful engineer. Use the tools; answer when you are sure."},
        {
            "role": "user",
            "content": "Orders fail now and then in the shop since yesterday. Find out why and mend it.",
        },
    ]
    mean = size // turns
    rest = {kind: inputs.text(kind, size) for kind in inputs.KINDS}
    for turn in range(turns):
        kind = inputs.KINDS[turn % len(inputs.KINDS)]
        # Shares and kinds come round at different times, so that every kind is short and long.
        want = int(mean * SHARES[(turn + turn // len(inputs.KINDS)) % len(SHARES)])
        if kind == "json":
            output = inputs.variant(kind, want, turn)
        else:
            output = inputs.cut(rest[kind], want)
            rest[kind] = rest[kind][len(output) :]
        out += _turn(turn, kind, output)
    return out


def _turn(turn: int, kind: str, output: str) -> list[dict[str, Any]]:
    ask = inputs.ASKS[kind]
    call = {
        "id": f"call_{turn}",
        "type": "function",
        "function": {"name": ask.tool, "arguments": ask.arguments},
    }
    return [
        {"role": "assistant", "content": f"Step {turn + 1}: a look at the {kind}.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": f"call_{turn}", "content": output},
    ]


def requests(messages: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """What is sent at each turn: everything up to and with that turn's tool output."""
    return [messages[: i + 1] for i, m in enumerate(messages) if m["role"] == "tool"]
