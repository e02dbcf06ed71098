"""Checks what a service sent back before anything of it is used.

A service may change texts of payload, and nothing else: not the number of rows, not a role, an id, a
tool call, an image, nor any text of an assistant or system row. Anything else is refused whole.
"""

from __future__ import annotations

from typing import Any

from headroom.integrations.cloud_client import CloudError

# Where the payload of a message stands in the three request formats.
TEXT_KEYS = frozenset({"content", "text", "output"})
FIXED_ROLES = frozenset({"assistant", "system", "developer"})
FIXED_TYPES = frozenset({"function_call", "reasoning", "tool_use", "thinking", "redacted_thinking"})
MAX_DEPTH = 64


def check_reply(sent: list[Any], reply: Any) -> tuple[list[Any], list[tuple[str, str]]]:
    """The messages of the reply, and the texts that changed as (old, new).

    Rows that did not change are the objects that were sent.

    Raises:
        CloudError: the reply is not what was asked for.
    """
    got = reply.get("messages") if isinstance(reply, dict) else None
    if not isinstance(got, list):
        raise CloudError("reply: no messages")
    if len(got) != len(sent):
        raise CloudError("reply: number of rows changed")
    changed: list[tuple[str, str]] = []
    out: list[Any] = []
    for old, new in zip(sent, got, strict=True):
        if old == new:
            out.append(old)
            continue
        if not isinstance(old, dict) or not isinstance(new, dict):
            raise CloudError("reply: a row changed its shape")
        if old.get("role") != new.get("role"):
            raise CloudError("reply: a role changed")
        fixed = old.get("role") in FIXED_ROLES or old.get("type") in FIXED_TYPES
        _compare(old, new, None, fixed, changed, 0)
        out.append(new)
    return out, changed


def _compare(old: Any, new: Any, key: str | None, fixed: bool, changed: list[tuple[str, str]], depth: int) -> None:
    if type(old) is not type(new) or depth > MAX_DEPTH:
        raise CloudError("reply: a row changed its shape")
    if isinstance(old, dict):
        if list(old) != list(new) and set(old) != set(new):
            raise CloudError("reply: fields changed")
        fixed = fixed or old.get("type") in FIXED_TYPES
        for name, value in old.items():
            _compare(value, new[name], name, fixed, changed, depth + 1)
    elif isinstance(old, list):
        if len(old) != len(new):
            raise CloudError("reply: number of parts changed")
        for before, after in zip(old, new, strict=True):
            # The strings of a plain list under "content" are texts as well.
            _compare(before, after, key, fixed, changed, depth + 1)
    elif old != new:
        if fixed or key not in TEXT_KEYS or not isinstance(old, str):
            raise CloudError("reply: something other than payload changed")
        if not new.strip():
            raise CloudError("reply: a text vanished")
        changed.append((old, new))
