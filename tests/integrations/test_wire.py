"""Every entry point of LiteLLM, on the wire: compressed, counted once, and the answer is what it would have been."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("litellm")

import entry_points
from entry_points import ENTRIES, Entry, measure
from headroom.integrations.litellm_callback import HeadroomCallback
from headroom.tools import TOOL_NAME
from recorder import Recorder

# What varies between two identical calls.
VOLATILE = {"id", "created", "created_at", "_response_ms", "response_ms", "completed_at", "item_id"}


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    entry_points.prepare()
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def stable(value: Any) -> Any:
    """The value without what every call makes up anew."""
    if isinstance(value, list):
        if value and all(isinstance(v, (str, bytes)) for v in value):
            # Raw events: how the transport cut them into pieces is chance.
            return stable("".join(v.decode() if isinstance(v, bytes) else v for v in value))
        return [stable(v) for v in value]
    if hasattr(value, "model_dump"):
        value = value.model_dump()
    if isinstance(value, dict):
        return {k: stable(v) for k, v in value.items() if k not in VOLATILE}
    if isinstance(value, bytes):
        value = value.decode()
    return UUID.sub("*", value) if isinstance(value, str) else value


@pytest.mark.parametrize("entry", ENTRIES, ids=[f"{e.name}-{e.provider}".replace(" ", "_") for e in ENTRIES])
def test_entry_point(entry: Entry, recorder: Recorder) -> None:
    callback = HeadroomCallback()
    seen = measure(entry, recorder, callback)
    assert seen.ratio < 0.9
    assert seen.caller_list_untouched
    if entry.provider == "bedrock titan":
        # It reports no usage; LiteLLM counts what was sent, and that has become less.
        VOLATILE.add("usage")
    assert stable(seen.result) == stable(seen.plain_result)
    VOLATILE.discard("usage")
    stats = callback.stats()
    assert stats["calls"] == stats["compressed"] == 1
    assert stats["failed"] == 0
    assert seen.saved == stats["tokens_saved"] > 0
    wire = json.loads(seen.wire)
    if entry.name.startswith(("acompletion", "aresponses")) and "stream" not in entry.name:
        _take_out_our_tool(wire)
    _only_the_output_changed(json.loads(seen.original), wire)


def _take_out_our_tool(body: dict[str, Any]) -> None:
    """An asynchronous call that has tools gets one more, at the end (test_retrieval.py)."""
    tools = (body.get("toolConfig") or body).get("tools") or []
    if len(tools) > 1 and TOOL_NAME in json.dumps(tools[-1]):
        tools.pop()


def _only_the_output_changed(before: Any, after: Any) -> None:
    """Every string is as it was, but for one that holds the tool's output."""
    changed: list[tuple[str, str]] = []

    def walk(old: Any, new: Any) -> None:
        assert type(old) is type(new)
        if isinstance(old, dict):
            assert list(old) == list(new)
            for key in old:
                walk(old[key], new[key])
        elif isinstance(old, list):
            assert len(old) == len(new)
            for a, b in zip(old, new, strict=True):
                walk(a, b)
        elif old != new and not (isinstance(old, str) and old.startswith(("call_", "toolu", "tooluse"))):
            # Bridges make up ids anew for every call.
            changed.append((old, new))

    walk(before, after)
    assert len(changed) == 1
    assert "retrying payment" in changed[0][0]
    assert len(changed[0][1]) < len(changed[0][0])
