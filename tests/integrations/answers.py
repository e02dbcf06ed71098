"""What the caller of a LiteLLM call sees, read from the result of any API, streamed or not."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Answer:
    """One answer.

    Attributes:
        text: the words.
        calls: tool calls as (name, arguments, id).
        ended: "stop" or "tool_calls", whatever the API calls it; empty for Responses with neither.
        input_tokens: input tokens as the API reports them.
        visible: everything, as text.
    """

    text: str = ""
    calls: list[tuple[str, Any, str]] = field(default_factory=list)
    ended: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    visible: str = ""


ENDS = {"end_turn": "stop", "tool_use": "tool_calls"}


def plain(value: Any) -> Any:
    """Nested plain values."""
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return plain(value.model_dump(exclude_none=True)) if hasattr(value, "model_dump") else value


def read(result: Any) -> Answer:
    value = plain(result)
    if isinstance(value, list):
        if value and isinstance(value[0], (bytes, str)):
            return read_sse("".join(v.decode() if isinstance(v, bytes) else v for v in value))
        if value and "choices" in value[0]:
            return _chunks(value)
        return _events(value)
    if "choices" in value:
        return _chat(value)
    return _responses(value) if "output" in value else _anthropic(value)


def read_sse(text: str) -> Answer:
    """The answer in a stream of server-sent events."""
    rows = [line[5:].strip() for line in text.splitlines() if line.startswith("data:")]
    events = [json.loads(row) for row in rows if row and row != "[DONE]"]
    if any("choices" in event for event in events):
        return _chunks(events)
    if any(str(event.get("type")).startswith("response.") for event in events):
        return _events(events)
    answer = Answer(visible=text)
    arguments: dict[int, str] = {}
    places: dict[int, int] = {}
    for event in events:
        kind = event["type"]
        if kind == "error":
            answer.ended = "error"
        elif kind == "content_block_start" and event["content_block"]["type"] == "tool_use":
            block = event["content_block"]
            places[event["index"]] = len(answer.calls)
            answer.calls.append((block["name"], None, block["id"]))
        elif kind == "content_block_delta":
            delta = event["delta"]
            answer.text += delta.get("text", "")
            arguments[event["index"]] = arguments.get(event["index"], "") + delta.get("partial_json", "")
        elif kind in ("message_start", "message_delta"):
            _anthropic_usage(answer, event.get("usage") or event.get("message", {}).get("usage") or {})
            reason = event.get("delta", {}).get("stop_reason")
            answer.ended = ENDS.get(reason, reason) or answer.ended
    for index, place in places.items():
        name, _, id_ = answer.calls[place]
        answer.calls[place] = (name, json.loads(arguments.get(index) or "{}"), id_)
    return answer


def _anthropic_usage(answer: Answer, usage: dict[str, Any]) -> None:
    answer.input_tokens = usage.get("input_tokens") or answer.input_tokens
    answer.output_tokens = usage.get("output_tokens") or answer.output_tokens


def _chat(value: dict[str, Any]) -> Answer:
    choice = value["choices"][0]
    message, usage = choice["message"], value["usage"]
    calls = [
        (c["function"]["name"], json.loads(c["function"]["arguments"]), c["id"])
        for c in message.get("tool_calls") or []
    ]
    return Answer(
        message.get("content") or "",
        calls,
        choice["finish_reason"],
        usage["prompt_tokens"] - _written(usage),
        usage["completion_tokens"],
        json.dumps(value, default=str),
    )


def _written(usage: dict[str, Any]) -> int:
    """Cached tokens that LiteLLM adds to Anthropic's input tokens."""
    return int(usage.get("cache_read_input_tokens") or 0)


def _chunks(rows: list[dict[str, Any]]) -> Answer:
    answer = Answer(visible=json.dumps(rows, default=str))
    calls: dict[int, list[str]] = {}
    for row in rows:
        if usage := row.get("usage"):
            answer.input_tokens = usage["prompt_tokens"] - _written(usage)
            answer.output_tokens = usage["completion_tokens"]
        for choice in row["choices"]:
            delta = choice.get("delta") or {}
            answer.text += delta.get("content") or ""
            for call in delta.get("tool_calls") or []:
                there = calls.setdefault(call["index"], ["", "", ""])
                there[0] += call["function"].get("name") or ""
                there[1] += call["function"].get("arguments") or ""
                there[2] += call.get("id") or ""
            answer.ended = choice.get("finish_reason") or answer.ended
    answer.calls = [(name, json.loads(arguments), id_) for name, arguments, id_ in calls.values()]
    return answer


def _anthropic(value: dict[str, Any]) -> Answer:
    answer = Answer(visible=json.dumps(value, default=str))
    answer.text = "".join(b["text"] for b in value["content"] if b["type"] == "text")
    answer.calls = [(b["name"], b["input"], b["id"]) for b in value["content"] if b["type"] == "tool_use"]
    answer.ended = ENDS.get(value["stop_reason"], value["stop_reason"])
    _anthropic_usage(answer, value["usage"])
    return answer


def _responses(value: dict[str, Any]) -> Answer:
    answer = Answer(visible=json.dumps(value, default=str))
    for item in value["output"]:
        if item["type"] == "function_call":
            answer.calls.append((item["name"], json.loads(item["arguments"]), item["call_id"]))
        for part in item.get("content") or []:
            answer.text += part.get("text", "")
    answer.ended = "tool_calls" if answer.calls else "stop"
    answer.input_tokens, answer.output_tokens = (value["usage"][k] for k in ("input_tokens", "output_tokens"))
    return answer


def _events(rows: list[dict[str, Any]]) -> Answer:
    last = next(row["response"] for row in reversed(rows) if "response" in row)
    answer = _responses(last)
    # A bridge repeats the definitions of the tools in its events; calls and texts are what counts.
    for row in rows:
        if isinstance(row.get("response"), dict):
            row["response"].pop("tools", None)
    answer.visible = json.dumps(rows, default=str)
    return answer
