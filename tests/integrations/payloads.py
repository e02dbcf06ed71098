"""Requests with a payload worth compressing: the output of a search, in the shapes of three APIs."""

from __future__ import annotations

import copy
from typing import Any

QUESTION = "Where is payment_7_3 retried, and with which account?"
CALL_ID = "call_abc123"
ARGUMENTS = '{"pattern": "payment_", "path": "src"}'


def search_output(files: int = 90, hits: int = 6) -> str:
    """Lines as grep -rn prints them, about 125 bytes each."""
    return "\n".join(
        f"src/services/billing/handlers/module_{f:03d}.py:{i * 17 + f}:    "
        f"logger.warning('retrying payment %s for account %s', payment_{f}_{i}, account)"
        for f in range(files)
        for i in range(hits)
    )


OUTPUT = search_output()

_CHAT: list[dict[str, Any]] = [
    {"role": "system", "content": "You are a careful assistant."},
    {"role": "user", "content": QUESTION},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": CALL_ID, "type": "function", "function": {"name": "grep", "arguments": ARGUMENTS}}],
    },
    {"role": "tool", "tool_call_id": CALL_ID, "content": OUTPUT},
]

_ANTHROPIC: list[dict[str, Any]] = [
    {"role": "user", "content": QUESTION},
    {
        "role": "assistant",
        "content": [{"type": "tool_use", "id": CALL_ID, "name": "grep", "input": {"pattern": "payment_"}}],
    },
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": CALL_ID, "content": OUTPUT}]},
]

_RESPONSES: list[dict[str, Any]] = [
    {"role": "user", "content": QUESTION},
    {"type": "function_call", "call_id": CALL_ID, "name": "grep", "arguments": ARGUMENTS},
    {"type": "function_call_output", "call_id": CALL_ID, "output": OUTPUT},
]

TOOL = {
    "type": "function",
    "function": {
        "name": "grep",
        "description": "Search files.",
        "parameters": {"type": "object", "properties": {"pattern": {"type": "string"}}},
    },
}


def chat() -> list[dict[str, Any]]:
    return copy.deepcopy(_CHAT)


def one_message() -> list[dict[str, Any]]:
    return [{"role": "user", "content": f"{QUESTION}\n\n{OUTPUT}"}]


def anthropic() -> list[dict[str, Any]]:
    return copy.deepcopy(_ANTHROPIC)


def responses() -> list[dict[str, Any]]:
    return copy.deepcopy(_RESPONSES)
