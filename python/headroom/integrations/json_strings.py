"""A JSON document as bytes whose strings can be replaced, everything else byte for byte as it was.

Used for bodies that a service compressed (the core does the same for local compression). The strings of
the text in order of position are the strings of the parsed value in order, keys included, so a string
of the value is found in the text by its ordinal. Cost: linear.
"""

from __future__ import annotations

import json
import re
from typing import Any

from headroom.integrations.cloud_client import CloudError

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


class Document:
    """A body whose top level is an object without repeated names."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        try:
            self.value: dict[str, Any] = json.loads(body.decode("utf-8"), object_pairs_hook=_unique)
        except (ValueError, RecursionError):
            raise CloudError("body is not plain JSON") from None
        if not isinstance(self.value, dict):
            raise CloudError("body is not an object")

    def with_changes(self, name: str, new: Any) -> bytes:
        """The body with the member `name` changed to `new`, which differs in string values only."""
        spans = [m.span() for m in _STRING.finditer(self._body)]
        changed = {**self.value, name: new}
        before, after = _strings_in_order(self.value), _strings_in_order(changed)
        if len(before) != len(spans) or len(after) != len(spans):
            raise CloudError("body and reply do not match")
        out: list[bytes] = []
        at = 0
        for (start, end), old, text in zip(spans, before, after, strict=True):
            if old != text:
                out += (self._body[at:start], json.dumps(text, ensure_ascii=False).encode("utf-8"))
                at = end
        return b"".join((*out, self._body[at:]))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice")
    return made


def _strings_in_order(value: Any) -> list[str]:
    out: list[str] = []
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            out.append(node)
        elif isinstance(node, dict):
            for key, child in reversed(node.items()):
                stack += (child, key)
        elif isinstance(node, list):
            stack.extend(reversed(node))
    return out
