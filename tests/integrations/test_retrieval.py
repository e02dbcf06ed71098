"""Transparent retrieval: a scripted model asks for what was cut, and the caller sees one ordinary answer.

Where the tool is offered, and what a conversation with it looks like; what happens in its rounds is in
`test_retrieval_rounds.py`.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

litellm = pytest.importorskip("litellm")

import payloads
from entry_points import _router, drain
from headroom import compress, count_tokens
from headroom.integrations.litellm_callback import HeadroomCallback
from headroom.integrations.litellm_retrieval import HAS_LOOP, is_the_models
from headroom.integrations.settings import arguments_from
from headroom.tools import TOOL_NAME, handle_tool_call, retrieve_tool
from recorder import Recorder
from retrieval_calls import (
    CHAT_TOOLS,
    DONE,
    RESPONSES_TOOLS,
    ROUTES,
    THREE,
    Call,
    acompletion,
    aresponses,
    asks_once,
    callback,
    needs_loop,
    openai,
    run,
    skip_unless_buffered,
)
from scripted_model import HASH, ScriptedModel, Turn

pytestmark = pytest.mark.usefixtures("clean_litellm")


@needs_loop
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("route", ROUTES)
def test_the_caller_sees_one_answer(route: str, stream: bool, recorder: Recorder) -> None:
    skip_unless_buffered(route, stream)
    made = callback(ccr=True)
    model = recorder.handler = ScriptedModel(asks_once)
    more: dict[str, Any] = {"stream": True} if stream else {}
    if stream and route.startswith(("acompletion", "Router")):
        more["stream_options"] = {"include_usage": True}
    answer = run(ROUTES[route](recorder, **more))
    assert answer.text == DONE
    assert answer.calls == []
    assert answer.ended == "stop"
    # Bridges to Anthropic's format tell cached tokens (0 + 5 here) apart from the rest.
    cached = 5 if route.startswith("anthropic_messages over") else 0
    if not (stream and route == "aresponses over chat" and not answer.input_tokens):
        # That bridge counted for itself on older versions.
        assert answer.input_tokens in (11, 11 - cached), "the sum of both rounds"
        assert answer.output_tokens == 11
    assert TOOL_NAME not in answer.visible
    first, second = model.views
    assert first.tools == second.tools == ["grep", TOOL_NAME]
    assert len(recorder.posts()[0].body) < 45_000
    # What the model saw stands unchanged before what it fetched.
    rows = [view.body.get("messages") or view.body["input"] for view in model.views]
    assert rows[1][: len(rows[0])] == rows[0]
    stats = made.stats()
    assert stats["retrievals"] == {"grep": {"search": 1}}
    assert stats["retrievals_failed"] == 0
    assert stats["calls"] == 1


NO_TOOL: dict[str, Call] = {
    "completion": lambda r: litellm.completion("openai/gpt-4o", payloads.chat(), tools=CHAT_TOOLS, **openai(r)),
    "completion stream": lambda r: litellm.completion(
        "openai/gpt-4o", payloads.chat(), tools=CHAT_TOOLS, stream=True, **openai(r)
    ),
    "Router.completion": lambda r: _router(r.url).completion(model="a", messages=payloads.chat(), tools=CHAT_TOOLS),
    "responses": lambda r: litellm.responses(
        model="openai/gpt-4o", input=payloads.responses(), tools=RESPONSES_TOOLS, **openai(r)
    ),
    "n": lambda r: acompletion(r, n=2),
    "a provider's tools": lambda r: aresponses(r, tools=[{"type": "web_search_preview"}]),
    "a format": lambda r: acompletion(r, tools=None, response_format={"type": "json_object"}),
    "too many tools": lambda r: acompletion(r, tools=CHAT_TOOLS * 128),
}


@pytest.mark.parametrize("name", NO_TOOL)
def test_where_no_loop_can_run_there_is_no_tool(name: str, recorder: Recorder) -> None:
    callback(ccr=True)
    drain(NO_TOOL[name](recorder))
    body = recorder.posts()[0].body
    assert TOOL_NAME.encode() not in body, "neither the tool nor a hash"
    assert len(body) < 65_000, "compressed all the same"


@pytest.mark.skipif(HAS_LOOP, reason="this LiteLLM has a tool loop")
@pytest.mark.parametrize("route", ROUTES)
def test_a_version_without_the_loop(route: str, recorder: Recorder) -> None:
    bodies = []
    for ccr in (True, False):
        callback(ccr=ccr)
        recorder.clear()
        try:
            drain(ROUTES[route](recorder))
        except Exception:
            pytest.skip("this LiteLLM cannot make the call")
        bodies.append(recorder.posts()[0].body)
    assert bodies[0] == bodies[1]
    assert TOOL_NAME.encode() not in bodies[0]


@pytest.mark.parametrize("route", THREE)
def test_auto_never_buffers_a_stream(route: str, recorder: Recorder) -> None:
    callback()
    drain(THREE[route](recorder, stream=True))
    assert recorder.posts()[0].json()["stream"] is True
    assert TOOL_NAME.encode() not in recorder.posts()[0].body


def test_ccr_false(recorder: Recorder) -> None:
    callback(ccr=False)
    for call in THREE.values():
        drain(call(recorder))
    assert all(TOOL_NAME.encode() not in r.body and len(r.body) < 45_000 for r in recorder.posts())


def without_tools(messages: list[Any], recorder: Recorder) -> bool:
    recorder.clear()
    callback()
    drain(acompletion(recorder, messages=messages, tools=None))
    body = recorder.posts()[0].json()
    assert bool(HASH.search(body["messages"][-1]["content"])) is bool(body.get("tools"))
    return bool(body.get("tools"))


@needs_loop
def test_auto_without_tools_looks_at_the_first_turn(recorder: Recorder) -> None:
    assert without_tools(payloads.one_message(), recorder)
    later = [*payloads.one_message(), {"role": "assistant", "content": "There."}, {"role": "user", "content": "So?"}]
    recorder.clear()
    drain(acompletion(recorder, messages=later, tools=None))
    assert recorder.posts()[0].json()["tools"], "and says the same on every later request"
    # The cut output comes after the first turn, which alone must decide.
    assert not without_tools(payloads.chat(), recorder)
    assert not without_tools([{"role": "user", "content": payloads.QUESTION}], recorder)


def grown(turns: int) -> list[dict[str, Any]]:
    """A conversation after so many tool calls."""
    rows = payloads.chat()[:2]
    for turn in range(turns):
        call = {"name": "grep", "arguments": json.dumps({"pattern": f"payment_{turn}"})}
        rows += [
            {"role": "assistant", "content": None, "tool_calls": [{"id": f"c{turn}", "type": "function", "function": call}]},
            {"role": "tool", "tool_call_id": f"c{turn}", "content": payloads.search_output(60 + turn, 5)},
        ]  # fmt: skip
    return rows


@needs_loop
def test_a_conversation_is_byte_stable(recorder: Recorder) -> None:
    bodies = []
    for turns in range(5):
        # A new callback each time, as another process would have.
        callback(min_tokens=100)
        recorder.clear()
        if turns == 3:
            recorder.handler = ScriptedModel(
                lambda v: Turn("ok") if v.round else Turn(calls=[(TOOL_NAME, {"hash": v.hashes[0]})])
            )
        drain(acompletion(recorder, messages=grown(turns)))
        bodies.append(recorder.posts()[0].json())
    assert all(body["tools"] == [payloads.TOOL, retrieve_tool("openai")] for body in bodies)
    for before, after in itertools.pairwise(bodies):
        kept = json.dumps(before["messages"])[:-1]
        assert json.dumps(after["messages"]).startswith(kept)
    assert HASH.search(bodies[-1]["messages"][3]["content"])


@needs_loop
def test_the_definition_is_counted(recorder: Recorder) -> None:
    made = callback()
    drain(acompletion(recorder))
    tool = count_tokens(json.dumps(retrieve_tool("openai"), ensure_ascii=False), "gpt-4o")
    plain = compress(payloads.chat(), model="openai/gpt-4o", min_tokens=500, retrieval=True)
    assert made.stats()["tokens_after"] == plain.tokens_after + tool
    assert made.total_tokens_saved == plain.tokens_saved - tool


def test_a_caller_who_redeems_the_hashes_itself(recorder: Recorder) -> None:
    made = callback()
    tools = [payloads.TOOL, retrieve_tool("openai")]
    recorder.handler = ScriptedModel(lambda v: Turn(calls=[(TOOL_NAME, {"hash": v.hashes[0]})]))
    for result in (
        litellm.completion("openai/gpt-4o", payloads.chat(), tools=tools, **openai(recorder)),
        drain(acompletion(recorder, tools=tools)),
    ):
        call = result.choices[0].message.tool_calls[0]
        assert handle_tool_call(call)["content"] == payloads.OUTPUT
    assert len(recorder.posts()) == 2
    assert made.stats()["retrievals"] == {}


def test_a_first_turn_ends_where_the_model_speaks() -> None:
    assert [is_the_models(row) for row in payloads.chat()] == [False, False, True, False]
    assert [is_the_models(row) for row in payloads.responses()] == [False, True, False]


@pytest.mark.parametrize("wrong", ["yes", None, 2])
def test_wrong_settings_are_told(wrong: Any) -> None:
    with pytest.raises(ValueError, match="ccr"):
        HeadroomCallback(ccr=wrong)


def test_settings_of_a_proxy() -> None:
    environ = {"HEADROOM_CCR": "TRUE", "HEADROOM_STORE": "memory://?max_bytes=1000"}
    # The process's own store reads its variable itself.
    assert arguments_from(environ, {}) == {"ccr": True}
    assert arguments_from(environ, {"ccr": "auto", "store": "memory://"}) == {"ccr": "auto", "store": "memory://"}
    assert arguments_from({}, {"ccr": False}) == {"ccr": False}
    with pytest.raises(ValueError, match="HEADROOM_CCR"):
        arguments_from({"HEADROOM_CCR": "maybe"}, {})
