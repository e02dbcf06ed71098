"""What a request's messages say about their conversation, read from the bytes on the request's way.

Only the rows of the first turn become Python objects, so that a long history costs next to nothing.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from headroom.learning.conversation import CALLS, OUTPUTS, digest

EXPLORE_EVERY = 8
"""One conversation of so many is compressed without what was learned, so that a use of dropped fields can be seen."""


class Head(msgspec.Struct, frozen=True):
    """Of one request."""

    conversation: str
    """What a policy is pinned by: a digest of the messages up to the first turn's end, and of the id of the first call
    that was answered, since many agents begin each of their conversations alike."""
    is_running: bool
    """Whether the assistant has spoken after a tool's output: an earlier request held that output."""

    @property
    def explores(self) -> bool:
        """Whether this conversation is compressed without what was learned; the same in every process, for ever."""
        return int(self.conversation[:8], 16) % EXPLORE_EVERY == 0


class _Row(msgspec.Struct):
    role: Any = None
    type: Any = None
    content: msgspec.Raw = msgspec.Raw(b"")

    @property
    def is_assistant(self) -> bool:
        return self.role == "assistant" or (
            isinstance(self.type, str) and (self.type in CALLS or self.type == "reasoning")
        )

    @property
    def has_output(self) -> bool:
        if self.role in ("tool", "function") or (isinstance(self.type, str) and self.type in OUTPUTS):
            return True
        content = bytes(self.content)
        return content[:1] == b"[" and b'"tool_result"' in content


_CALL = re.compile(rb'"(?:tool_call_id|tool_use_id|call_id)"\s*:\s*"([^"\\]{1,200})"')
_list = msgspec.json.Decoder(list[msgspec.Raw])
_row = msgspec.json.Decoder(_Row)


def read(messages: bytes, key: bytes) -> Head | None:
    """The head of a request; `None` if no tool has answered yet, so that no policy concerns it.

    Args:
        messages: the bytes of the list.
        key: the organisation's secret, so that a digest tells nothing about what was said.
    """
    rows, raw = _rows(messages)
    first_turn = next((i for i, row in enumerate(rows) if row.is_assistant), len(rows))
    first_output = next((i for i, row in enumerate(rows) if row.has_output), None)
    if first_output is None:
        return None
    is_running = any(row.is_assistant for row in rows[first_output:])
    call = _CALL.search(bytes(raw[first_output]))
    begun = [*map(_value, raw[:first_turn]), call[1].decode("utf-8", "replace") if call else ""]
    return Head(digest(begun, key), is_running)


def _rows(messages: bytes) -> tuple[list[_Row], list[Any]]:
    try:
        raw: list[Any] = _list.decode(messages)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # Halves of characters, which wire.py lets through; Python reads them.
        raw = [msgspec.Raw(json.dumps(one).encode()) for one in json.loads(messages)]
    rows = []
    for one in raw:
        try:
            rows.append(_row.decode(one))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            value = _value(one)
            rows.append(_Row(value.get("role"), value.get("type")) if isinstance(value, dict) else _Row())
    return rows, raw


def _value(raw: msgspec.Raw) -> Any:
    return json.loads(bytes(raw))
