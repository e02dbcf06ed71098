"""The standard answers of the recording server: one small reply per wire format, streamed or not."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

TEXT = "Three errors, all at 03:14."
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


def reply_for(path: str, body: bytes) -> tuple[str, list[bytes]]:
    """Content type and chunks of the answer to `path`."""
    route, _, _query = path.partition("?")
    try:
        data = json.loads(body) if body else {}
    except ValueError:
        data = {}
    stream = bool(isinstance(data, dict) and data.get("stream"))
    for ends, build in ROUTES:
        if route.endswith(ends):
            return build(stream, data)
    if "converse" in route or "invoke" in route:
        return bedrock(route, data)
    return generic(stream, data)


def _json(value: Any) -> tuple[str, list[bytes]]:
    return "application/json", [json.dumps(value).encode()]


def _sse(events: list[Any], names: bool = False, done: bool = False) -> tuple[str, list[bytes]]:
    chunks = []
    for event in events:
        head = f"event: {event['type']}\n" if names else ""
        chunks.append(f"{head}data: {json.dumps(event)}\n\n".encode())
    if done:
        chunks.append(b"data: [DONE]\n\n")
    return "text/event-stream", chunks


def openai_chat(stream: bool, data: Any) -> tuple[str, list[bytes]]:
    base = {"id": "chatcmpl-1", "created": 1700000000, "model": str(data.get("model", "m"))}
    if not stream:
        message = {"role": "assistant", "content": TEXT}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        return _json({**base, "object": "chat.completion", "choices": [choice], "usage": USAGE, "service_tier": None})
    rows: list[dict[str, Any]] = [
        {"role": "assistant", "content": ""},
        {"content": TEXT[:10]},
        {"content": TEXT[10:]},
    ]
    base["object"] = "chat.completion.chunk"
    events: list[dict[str, Any]] = [
        {**base, "choices": [{"index": 0, "delta": row, "finish_reason": None}]} for row in rows
    ]
    events.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": USAGE})
    return _sse(events, done=True)


def openai_text(stream: bool, data: Any) -> tuple[str, list[bytes]]:
    choice = {"index": 0, "text": TEXT, "finish_reason": "stop", "logprobs": None}
    row = {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1700000000,
        "model": "m",
        "choices": [choice],
    }
    return _sse([row], done=True) if stream else _json({**row, "usage": USAGE})


def anthropic(stream: bool, data: Any) -> tuple[str, list[bytes]]:
    usage = {"input_tokens": 11, "output_tokens": 7}
    base = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "stop_sequence": None}
    if not stream:
        content = [{"type": "text", "text": TEXT}]
        return _json({**base, "content": content, "stop_reason": "end_turn", "usage": usage})
    start = {**base, "content": [], "stop_reason": None, "usage": usage}
    delta = {"type": "text_delta", "text": TEXT}
    return _sse(
        [
            {"type": "message_start", "message": start},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {
                "type": "message_delta",
                "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                "usage": usage,
            },
            {"type": "message_stop"},
        ],
        names=True,
    )


def responses(stream: bool, data: Any) -> tuple[str, list[bytes]]:
    part = {"type": "output_text", "text": TEXT, "annotations": []}
    item = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [part]}
    usage = {
        "input_tokens": 11,
        "output_tokens": 7,
        "total_tokens": 18,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }
    done = {
        "id": "resp_1", "object": "response", "created_at": 1700000000, "status": "completed", "model": "gpt-4o",
        "output": [item], "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "usage": usage,
        "error": None, "incomplete_details": None, "instructions": None, "metadata": {}, "temperature": 1.0,
        "top_p": 1.0, "max_output_tokens": None, "previous_response_id": None, "reasoning": None, "text": None,
        "truncation": "disabled", "user": None,
    }  # fmt: skip
    if not stream:
        return _json(done)
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    events: list[dict[str, Any]] = [
        {
            "type": "response.created",
            "response": {**done, "status": "in_progress", "output": [], "usage": None},
        },
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {"type": "response.output_text.delta", **place, "delta": TEXT},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": done},
    ]
    return _sse([{**e, "sequence_number": i} for i, e in enumerate(events)], names=True)


def gemini_row() -> dict[str, Any]:
    content = {"role": "model", "parts": [{"text": TEXT}]}
    usage = {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18}
    return {"candidates": [{"content": content, "finishReason": "STOP", "index": 0}], "usageMetadata": usage}


def gemini(stream: bool, data: Any) -> tuple[str, list[bytes]]:
    return _json(gemini_row())


def gemini_stream(stream: bool, data: Any) -> tuple[str, list[bytes]]:
    return _sse([gemini_row()])


def ollama_chat(stream: bool, data: Any) -> tuple[str, list[bytes]]:
    base = {"model": "m", "created_at": "2026-01-01T00:00:00Z"}
    message = {"role": "assistant", "content": TEXT}
    end = {"done": True, "done_reason": "stop", "prompt_eval_count": 11, "eval_count": 7}
    if not stream:
        return _json({**base, "message": message, "response": TEXT, **end})
    rows = [
        {**base, "message": message, "response": TEXT, "done": False},
        {**base, "message": {"role": "assistant", "content": ""}, "response": "", **end},
    ]
    return "application/x-ndjson", [json.dumps(r).encode() + b"\n" for r in rows]


def cohere(stream: bool, data: Any) -> tuple[str, list[bytes]]:
    message = {"role": "assistant", "content": [{"type": "text", "text": TEXT}]}
    usage = {"tokens": {"input_tokens": 11, "output_tokens": 7}}
    if not stream:
        row = {"id": "c", "finish_reason": "COMPLETE", "message": message, "usage": usage, "text": TEXT}
        return _json({**row, "generation_id": "g", "meta": {"billed_units": usage["tokens"], **usage}})
    delta = {"message": {"content": {"text": TEXT}}}
    rows: list[dict[str, Any]] = [
        {"type": "content-delta", "index": 0, "delta": delta, "text": TEXT, "event_type": "text-generation"},
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": usage}, "finish_reason": "COMPLETE",
         "event_type": "stream-end", "is_finished": True},
    ]  # fmt: skip
    return "application/x-ndjson", [json.dumps(row).encode() + b"\n" for row in rows]


def embeddings(stream: bool, data: Any) -> tuple[str, list[bytes]]:
    row = {"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}
    return _json({"object": "list", "model": "m", "data": [row], "usage": {"prompt_tokens": 3, "total_tokens": 3}})


def images(stream: bool, data: Any) -> tuple[str, list[bytes]]:
    return _json({"created": 1700000000, "data": [{"url": "http://127.0.0.1/i.png"}]})


def moderations(stream: bool, data: Any) -> tuple[str, list[bytes]]:
    result = {"flagged": False, "categories": {}, "category_scores": {}, "category_applied_input_types": {}}
    return _json({"id": "modr-1", "model": "m", "results": [result]})


def speech(stream: bool, data: Any) -> tuple[str, list[bytes]]:
    return "audio/mpeg", [b"ID3 not really a sound"]


def transcription(stream: bool, data: Any) -> tuple[str, list[bytes]]:
    return _json({"text": TEXT})


def rerank(stream: bool, data: Any) -> tuple[str, list[bytes]]:
    return _json({"id": "r", "results": [{"index": 0, "relevance_score": 0.5}], "meta": {}})


def generic(stream: bool, data: Any) -> tuple[str, list[bytes]]:
    """For services with a format of their own: a chat reply with the usual other field names beside it."""
    kind, chunks = openai_chat(stream, data if isinstance(data, dict) else {})
    if stream:
        return kind, chunks
    row = json.loads(chunks[0])
    row.update(text=TEXT, response=TEXT, content=TEXT, output=TEXT, result={"response": TEXT}, generated_text=TEXT)
    row.update(results=[{"generated_text": TEXT, "stop_reason": "eos_token"}], access_token="t", token="t")
    return _json(row)


def bedrock(route: str, data: Any) -> tuple[str, list[bytes]]:
    usage = {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18}
    if route.endswith("converse"):
        message = {"role": "assistant", "content": [{"text": TEXT}]}
        return _json({"output": {"message": message}, "stopReason": "end_turn", "usage": usage, "metrics": {}})
    if route.endswith("converse-stream"):
        events = [
            ("messageStart", {"role": "assistant"}),
            ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": TEXT}}),
            ("contentBlockStop", {"contentBlockIndex": 0}),
            ("messageStop", {"stopReason": "end_turn"}),
            ("metadata", {"usage": usage, "metrics": {"latencyMs": 1}}),
        ]
        return "application/vnd.amazon.eventstream", [_frame(name, row) for name, row in events]
    titan = {
        "inputTextTokenCount": 11,
        "results": [{"tokenCount": 7, "outputText": TEXT, "completionReason": "FINISH"}],
    }
    claude = json.loads(anthropic(False, data)[1][0])
    if route.endswith("invoke"):
        named = {
            "generation": TEXT,
            "outputs": [{"text": TEXT, "stop_reason": "stop"}],
            "stop_reason": "stop",
        }
        return _json({**titan, **claude, **named, "prompt_token_count": 11, "generation_token_count": 7})
    import base64

    if "anthropic" in route:
        _, sse = anthropic(True, data)
        rows = [chunk.decode().split("data: ", 1)[1].strip() for chunk in sse]
    else:
        rows = [json.dumps({"outputText": TEXT, "index": 0, "completionReason": "FINISH", "generation": TEXT})]
    frames = [_frame("chunk", {"bytes": base64.b64encode(r.encode()).decode()}) for r in rows]
    return "application/vnd.amazon.eventstream", frames


def _frame(event: str, payload: Any) -> bytes:
    """One message of AWS's event stream encoding."""
    body = json.dumps(payload).encode()
    headers = b""
    for name, value in (
        (":event-type", event),
        (":content-type", "application/json"),
        (":message-type", "event"),
    ):
        headers += bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + body
    return message + struct.pack(">I", zlib.crc32(message))


ROUTES: list[tuple[str, Any]] = [
    ("/chat/completions", openai_chat),
    ("/v2/chat", cohere),
    ("/v1/chat", cohere),
    ("/messages", anthropic),
    ("/responses", responses),
    ("/completions", openai_text),
    (":generateContent", gemini),
    (":streamGenerateContent", gemini_stream),
    ("/api/chat", ollama_chat),
    ("/api/generate", ollama_chat),
    ("/embeddings", embeddings),
    ("/images/generations", images),
    ("/moderations", moderations),
    ("/audio/speech", speech),
    ("/audio/transcriptions", transcription),
    ("/rerank", rerank),
]
