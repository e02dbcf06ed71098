"""A model that follows a script, in the three wire formats, streamed or not, behind the recording server.

The script is a function: it gets what a model would read of the request (`View`) and returns what it says and
calls (`Turn`). Usage of the nth request is `10 ** n` input and output tokens, so that a sum tells which
rounds are in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from recorder import Reply, Request
from replies import _json, _sse

TOOL = "headroom_retrieve"
HASH = re.compile(r'headroom_retrieve\("([0-9a-f]{24})"\)')


@dataclass
class View:
    """What the model reads: the request, hashes in its marks, names of its tools, and answers to its calls."""

    body: Any
    round: int
    hashes: list[str]
    tools: list[str]
    results: dict[str, str]


@dataclass
class Turn:
    """What the model answers: words, and calls as (name, arguments)."""

    text: str = ""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


Script = Callable[[View], Turn]


class ScriptedModel:
    """A handler for `Recorder`; remembers what it read."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.views: list[View] = []

    def __call__(self, request: Request) -> Reply | None:
        route = request.path.partition("?")[0]
        build = next((make for ends, make in _ROUTES if route.endswith(ends)), None)
        if build is None:
            return None
        body = request.json()
        view = View(body, len(self.views), _hashes(body), _tools(body), _results(body))
        self.views.append(view)
        turn = self.script(view)
        kind, chunks = build(bool(body.get("stream")), turn, view)
        return Reply(200, kind, chunks)


def tokens(round: int) -> int:
    """Input tokens of a round, and output tokens as well."""
    return int(10**round)


def call_id(round: int, n: int) -> str:
    return f"call_{round}_{n}"


def _hashes(body: Any) -> list[str]:
    return list(dict.fromkeys(HASH.findall(json.dumps(body).replace('\\"', '"'))))


def _tools(body: Any) -> list[str]:
    return [t.get("name") or t["function"]["name"] for t in body.get("tools") or []]


def _results(body: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for row in body.get("messages") or body.get("input") or []:
        if not isinstance(row, dict):
            continue
        if row.get("role") == "tool":
            found[row["tool_call_id"]] = _text(row["content"])
        elif row.get("type") == "function_call_output":
            found[row["call_id"]] = _text(row["output"])
        for part in row.get("content") if isinstance(row.get("content"), list) else []:
            if part.get("type") == "tool_result":
                found[part["tool_use_id"]] = _text(part["content"])
    return found


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def _openai(stream: bool, turn: Turn, view: View) -> tuple[str, list[bytes]]:
    n = tokens(view.round)
    usage = {
        "prompt_tokens": n, "completion_tokens": n, "total_tokens": 2 * n,
        "prompt_tokens_details": {"cached_tokens": n // 2},
    }  # fmt: skip
    base = {"id": f"chatcmpl-{view.round}", "created": 1700000000, "model": str(view.body.get("model"))}
    calls = [
        {"id": call_id(view.round, i), "type": "function",
         "function": {"name": name, "arguments": json.dumps(arguments)}}
        for i, (name, arguments) in enumerate(turn.calls)
    ]  # fmt: skip
    reason = "tool_calls" if calls else "stop"
    if not stream:
        message = {"role": "assistant", "content": turn.text or None, **({"tool_calls": calls} if calls else {})}
        choice = {"index": 0, "finish_reason": reason, "message": message}
        return _json({**base, "object": "chat.completion", "choices": [choice], "usage": usage})
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": turn.text}]
    deltas += [{"tool_calls": [{**call, "index": i}]} for i, call in enumerate(calls)]
    base["object"] = "chat.completion.chunk"
    events: list[Any] = [{**base, "choices": [{"index": 0, "delta": d, "finish_reason": None}]} for d in deltas]
    events.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": usage})
    return _sse(events, done=True)


def _anthropic(stream: bool, turn: Turn, view: View) -> tuple[str, list[bytes]]:
    n = tokens(view.round)
    usage = {"input_tokens": n, "output_tokens": n, "cache_read_input_tokens": n, "cache_creation_input_tokens": 0}
    blocks: list[dict[str, Any]] = [{"type": "text", "text": turn.text}] if turn.text else []
    blocks += [
        {"type": "tool_use", "id": call_id(view.round, i), "name": name, "input": arguments}
        for i, (name, arguments) in enumerate(turn.calls)
    ]
    reason = "tool_use" if turn.calls else "end_turn"
    base = {
        "id": f"msg_{view.round}",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "stop_sequence": None,
    }
    if not stream:
        return _json({**base, "content": blocks, "stop_reason": reason, "usage": usage})
    start = {**base, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    events: list[Any] = [{"type": "message_start", "message": start}]
    for i, block in enumerate(blocks):
        if block["type"] == "text":
            empty, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            empty = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        events += [
            {"type": "content_block_start", "index": i, "content_block": empty},
            {"type": "content_block_delta", "index": i, "delta": delta},
            {"type": "content_block_stop", "index": i},
        ]
    end = {"stop_reason": reason, "stop_sequence": None}
    events += [{"type": "message_delta", "delta": end, "usage": {"output_tokens": n}}, {"type": "message_stop"}]
    return _sse(events, names=True)


def _responses(stream: bool, turn: Turn, view: View) -> tuple[str, list[bytes]]:
    n = tokens(view.round)
    items: list[dict[str, Any]] = []
    if turn.text:
        part = {"type": "output_text", "text": turn.text, "annotations": []}
        items.append({"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [part]})
    items += [
        {"type": "function_call", "id": f"fc_{view.round}_{i}", "call_id": call_id(view.round, i), "name": name,
         "arguments": json.dumps(arguments), "status": "completed"}
        for i, (name, arguments) in enumerate(turn.calls)
    ]  # fmt: skip
    done = {
        "id": f"resp_{view.round}", "object": "response", "created_at": 1700000000, "status": "completed",
        "model": "gpt-4o", "output": items, "parallel_tool_calls": True, "tool_choice": "auto",
        "tools": view.body.get("tools") or [], "error": None, "incomplete_details": None, "instructions": None,
        "metadata": {}, "temperature": 1.0, "top_p": 1.0, "max_output_tokens": None, "previous_response_id": None,
        "reasoning": None, "text": None, "truncation": "disabled", "user": None,
        "usage": {
            "input_tokens": n, "output_tokens": n, "total_tokens": 2 * n,
            "input_tokens_details": {"cached_tokens": n // 2}, "output_tokens_details": {"reasoning_tokens": 0},
        },
    }  # fmt: skip
    if not stream:
        return _json(done)
    events: list[Any] = [
        {"type": "response.created", "response": {**done, "status": "in_progress", "output": [], "usage": None}}
    ]
    for i, item in enumerate(items):
        events.append({"type": "response.output_item.added", "output_index": i, "item": item})
        if item["type"] == "message":
            place = {"item_id": "msg_1", "output_index": i, "content_index": 0}
            events.append({"type": "response.output_text.delta", **place, "delta": turn.text})
        events.append({"type": "response.output_item.done", "output_index": i, "item": item})
    events.append({"type": "response.completed", "response": done})
    return _sse([{**e, "sequence_number": i} for i, e in enumerate(events)], names=True)


_ROUTES: tuple[tuple[str, Callable[[bool, Turn, View], tuple[str, list[bytes]]]], ...] = (
    ("/chat/completions", _openai),
    ("/messages", _anthropic),
    ("/responses", _responses),
)
