"""Calls of LiteLLM's entry points with tools, and scripts of a model that fetches what was cut.

For the tests of transparent retrieval: every call goes to the recording server, with a question whose answer
stands in the cut output (`payloads.OUTPUT`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import litellm
import payloads
import pytest
from answers import Answer, read
from entry_points import _router, drain, reset_callbacks
from headroom.integrations.litellm_callback import HeadroomCallback
from headroom.integrations.litellm_retrieval import HAS_LOOP, can_buffer
from headroom.tools import TOOL_NAME
from recorder import Recorder
from scripted_model import Turn, View

CLAUDE = "anthropic/claude-3-5-sonnet-20240620"
MISTRAL = "mistral/mistral-large-latest"
DONE = "It is retried in module_007."

needs_loop = pytest.mark.skipif(not HAS_LOOP, reason="this LiteLLM has no tool loop for callbacks")


def skip_unless_buffered(route: str, stream: bool) -> None:
    """Skips a stream that this LiteLLM cannot buffer for a callback."""
    call_type = "anthropic_messages" if route.startswith(("anthropic", "messages")) else "acompletion"
    if stream and not can_buffer(call_type):
        pytest.skip("this LiteLLM cannot buffer this stream for a callback")


def callback(**settings: Any) -> HeadroomCallback:
    made = HeadroomCallback(**settings)
    reset_callbacks(made)
    return made


def openai(recorder: Recorder) -> dict[str, Any]:
    return {"api_base": recorder.url + "/v1", "api_key": "k", "max_retries": 0}


def claude(recorder: Recorder) -> dict[str, Any]:
    return {"api_base": recorder.url, "api_key": "k"}


CHAT_TOOLS = [payloads.TOOL]
ANTHROPIC_TOOLS = [{"name": "grep", "description": "Search.", "input_schema": {"type": "object", "properties": {}}}]
RESPONSES_TOOLS = [{"type": "function", **payloads.TOOL["function"]}]

Call = Callable[..., Any]


def acompletion(r: Recorder, **more: Any) -> Any:
    given = {"model": "openai/gpt-4o", "messages": payloads.chat(), "tools": CHAT_TOOLS, **openai(r)}
    return litellm.acompletion(**{**given, **more})


def anthropic_messages(r: Recorder, **more: Any) -> Any:
    given = {"model": CLAUDE, "messages": payloads.anthropic(), "tools": ANTHROPIC_TOOLS, "max_tokens": 64}
    return litellm.anthropic_messages(**{**given, **claude(r), **more})


def aresponses(r: Recorder, **more: Any) -> Any:
    given = {"model": "openai/gpt-4o", "input": payloads.responses(), "tools": RESPONSES_TOOLS, **openai(r)}
    return litellm.aresponses(**{**given, **more})


ROUTES: dict[str, Call] = {
    "acompletion": acompletion,
    "acompletion positional": lambda r, **m: litellm.acompletion(
        "openai/gpt-4o", payloads.chat(), tools=CHAT_TOOLS, **openai(r), **m
    ),
    "acompletion anthropic": lambda r, **m: litellm.acompletion(
        model=CLAUDE, messages=payloads.chat(), tools=CHAT_TOOLS, **claude(r), **m
    ),
    "acompletion over responses": lambda r, **m: acompletion(r, **{"model": "openai/responses/gpt-5-pro", **m}),
    "Router": lambda r, **m: _router(r.url).acompletion(model="a", messages=payloads.chat(), tools=CHAT_TOOLS, **m),
    "anthropic_messages": anthropic_messages,
    "anthropic_messages over chat": lambda r, **m: anthropic_messages(r, **{"model": MISTRAL, **openai(r), **m}),
    "anthropic_messages over openai": lambda r, **m: anthropic_messages(
        r, **{"model": "openai/gpt-4o", **openai(r), **m}
    ),
    "aresponses": aresponses,
    "aresponses over chat": lambda r, **m: aresponses(r, **{"model": MISTRAL, **m}),
}
THREE = {"chat": acompletion, "anthropic": anthropic_messages, "responses": aresponses}


def ours(view: View) -> dict[str, str]:
    """The answers to the model's calls, without the output that was in the conversation before."""
    return {id_: text for id_, text in view.results.items() if id_ != payloads.CALL_ID}


def asks_once(view: View) -> Turn:
    """Wants the whole output, and answers when it has it."""
    if ours(view):
        return Turn(DONE if payloads.OUTPUT in ours(view).values() else f"not it: {ours(view)}")
    return Turn(calls=[(TOOL_NAME, {"hash": view.hashes[0]})])


def run(call: Any) -> Answer:
    return read(drain(call))
