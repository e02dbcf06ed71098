"""Makes LiteLLM's chat calls to a server on loopback with and without the callback: `headroom doctor` runs it.

A program of its own, since LiteLLM takes a second to import, prints, and keeps global state. Writes one line of JSON:
the entry points with the bytes that arrived, what this LiteLLM has a place for, and the callback's own count.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import os
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from headroom.diagnosis.works import LOG

CALL_TIMEOUT_S = 10.0
QUESTION = "Why did the deploy fail?"

REPLIES: dict[str, dict[str, Any]] = {
    "chat/completions": {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ok"}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    },
    "responses": {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": "gpt-4o",
        "output": [{
            "type": "message",
            "id": "msg_1",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "ok", "annotations": []}],
        }],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2},
    },
    "messages": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": "ok"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    },
}  # fmt: skip


class Wire:
    """A server on loopback that remembers the size of what it is sent."""

    def __init__(self) -> None:
        sizes: list[int] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sizes.append(len(self.rfile.read(int(self.headers.get("content-length") or 0))))
                reply = next((r for end, r in REPLIES.items() if self.path.rstrip("/").endswith(end)), {})
                data = json.dumps(reply).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing."""

        self.sizes = sizes
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def size_of(self, call: Callable[[], Any]) -> tuple[int, str]:
        """Bytes of the last request that `call` sent (0: none), and what went wrong with it."""
        del self.sizes[:]
        why = ""
        try:
            result = call()
            if inspect.isawaitable(result):
                asyncio.run(_wait(result))
        except Exception as error:  # noqa: BLE001  # what arrived counts, whatever LiteLLM makes of the answer
            why = type(error).__name__
        return (self.sizes[-1] if self.sizes else 0), why


async def _wait(result: Any) -> None:
    await asyncio.wait_for(result, CALL_TIMEOUT_S)
    # The call's own logging gets its turn before the loop is closed.
    await asyncio.sleep(0.05)


def entry_points(litellm: Any, url: str) -> dict[str, tuple[str, Callable[[], Any] | None]]:
    """Each way to send a chat: its call type, and a function that does it (`None`: this LiteLLM has none)."""
    call = {"id": "call_1", "type": "function", "function": {"name": "shell", "arguments": "{}"}}
    chat = [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": LOG},
    ]
    items = [
        {"role": "user", "content": QUESTION},
        {"type": "function_call", "call_id": "call_1", "name": "shell", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": LOG},
    ]
    blocks = [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "call_1", "name": "shell", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": LOG}]},
    ]
    openai = {"model": "openai/gpt-4o", "api_base": url + "/v1", "api_key": "none", "timeout": CALL_TIMEOUT_S}
    claude = {"model": "anthropic/claude-sonnet-4-5", "api_base": url, "api_key": "none", "max_tokens": 16}
    deployment = {"model_name": "a", "litellm_params": openai}

    def router() -> Any:
        return litellm.Router(model_list=[deployment], num_retries=0)

    def of(name: str, **arguments: Any) -> Callable[[], Any] | None:
        function = getattr(litellm, name, None)
        return None if function is None else lambda: function(**arguments)

    messages = getattr(getattr(litellm, "anthropic", None), "messages", None)
    send = getattr(messages, "acreate", None)
    return {
        "completion": ("completion", of("completion", messages=chat, **openai)),
        "acompletion": ("acompletion", of("acompletion", messages=chat, **openai)),
        "responses": ("responses", of("responses", input=items, **openai)),
        "aresponses": ("aresponses", of("aresponses", input=items, **openai)),
        "anthropic.messages": ("anthropic_messages", None if send is None else lambda: send(messages=blocks, **claude)),
        "Router.completion": ("completion", lambda: router().completion(model="a", messages=chat)),
        "Router.acompletion": ("acompletion", lambda: router().acompletion(model="a", messages=chat)),
    }


def run() -> dict[str, Any]:
    """What was seen."""
    import litellm

    from headroom.integrations import litellm_proxy, litellm_retrieval
    from headroom.integrations.litellm_callback import HeadroomCallback
    from headroom.integrations.settings import arguments_from

    litellm.suppress_debug_info = True
    litellm.telemetry = False
    given = arguments_from(os.environ, {})
    # The service and the store are looked at by checks of their own.
    for name in ("api_key", "api_url"):
        os.environ.pop("HEADROOM_" + name.upper(), None)
        given.pop(name, None)
    callback = HeadroomCallback(**{**given, "min_tokens": 0, "ccr": False})
    wire = Wire()
    calls = entry_points(litellm, wire.url)
    # All without the callback first: LiteLLM keeps a callback in lists of its own after it was taken out.
    plain = {name: wire.size_of(call) for name, (_, call) in calls.items() if call is not None}
    litellm.callbacks = [callback]
    seen: dict[str, Any] = {}
    for name, (call_type, call) in calls.items():
        if call is None:
            seen[name] = {"state": "unavailable"}
            continue
        before, why = plain[name]
        after, failed = wire.size_of(call)
        entry: dict[str, Any] = {"bytes_before": before, "bytes_after": after}
        if 0 < after < before:
            entry["state"] = "compressed"
        elif call_type not in callback.settings.call_types:
            entry["state"] = "excluded"
        else:
            entry |= {"state": "sent as it came", "why": failed or why or ("same bytes" if after else "nothing sent")}
        seen[name] = entry
    return {
        "entry_points": seen,
        "tokens_saved": callback.total_tokens_saved,
        "features": {
            "retrieval": litellm_retrieval.HAS_LOOP,
            "retrieval_streams": litellm_retrieval.STREAM_KEY is not None,
            "response_headers": litellm_proxy.HAS_HEADERS_HOOK,
        },
    }


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    print("\n" + json.dumps(run()), flush=True)
    # LiteLLM's own threads are not waited for.
    os._exit(0)
