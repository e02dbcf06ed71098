"""Transparent retrieval: a scripted model asks for what was cut, and the caller sees one ordinary answer."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

litellm = pytest.importorskip("litellm")

import payloads
from answers import Answer, read
from entry_points import _router, drain, prepare, reset_callbacks
from headroom import compress, count_tokens
from headroom.integrations.litellm_callback import HeadroomCallback
from headroom.integrations.litellm_retrieval import HAS_LOOP, can_buffer, is_the_models
from headroom.integrations.settings import arguments_from
from headroom.tools import TOOL_NAME, handle_tool_call, retrieve_tool
from processes import free_port
from recorder import Recorder
from scripted_model import HASH, ScriptedModel, Turn, View, call_id

CLAUDE = "anthropic/claude-3-5-sonnet-20240620"
MISTRAL = "mistral/mistral-large-latest"
DONE = "It is retried in module_007."

needs_loop = pytest.mark.skipif(not HAS_LOOP, reason="this LiteLLM has no tool loop for callbacks")


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    prepare()
    logging.disable(logging.WARNING)
    yield
    reset_callbacks()
    logging.disable(logging.NOTSET)


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


@needs_loop
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("route", ROUTES)
def test_the_caller_sees_one_answer(route: str, stream: bool, recorder: Recorder) -> None:
    if stream and not can_buffer("anthropic_messages" if route.startswith("anthropic") else "acompletion"):
        pytest.skip("this LiteLLM cannot buffer this stream for a callback")
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
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("route", THREE)
def test_beside_the_callers_tools(route: str, stream: bool, recorder: Recorder) -> None:
    if stream and not can_buffer("anthropic_messages" if route.startswith("anthropic") else "acompletion"):
        pytest.skip("this LiteLLM cannot buffer this stream for a callback")
    made = callback(ccr=True)

    def script(view: View) -> Turn:
        return Turn("Both.", [(TOOL_NAME, {"hash": view.hashes[0]}), ("grep", {"pattern": "x"})])

    recorder.handler = ScriptedModel(script)
    answer = run(THREE[route](recorder, **({"stream": True} if stream else {})))
    assert len(recorder.posts()) == 1
    assert answer.calls == [("grep", {"pattern": "x"}, call_id(0, 1))]
    assert answer.text == "Both."
    assert answer.ended == "tool_calls"
    assert TOOL_NAME not in answer.visible
    assert made.stats()["events"] == {"retrieval beside other calls": 1}
    # The conversation goes on with what the caller saw, and the model asks again.
    recorder.clear()
    model = recorder.handler = ScriptedModel(asks_once)
    if route == "chat":
        call = {"id": "g", "type": "function", "function": {"name": "grep", "arguments": '{"pattern": "x"}'}}
        rows = [
            *payloads.chat(),
            {"role": "assistant", "content": "Both.", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "g", "content": "none"},
        ]
        model.script = lambda v: asks_once(View(v.body, v.round, v.hashes, v.tools, {
            k: x for k, x in v.results.items() if k != "g"
        }))  # fmt: skip
        assert run(acompletion(recorder, messages=rows)).text == DONE


@needs_loop
@pytest.mark.parametrize("route", THREE)
def test_several_calls_in_one_turn(route: str, recorder: Recorder) -> None:
    made = callback(ccr=True)

    def script(view: View) -> Turn:
        found = ours(view)
        if not found:
            hash_ = view.hashes[0]
            return Turn(
                calls=[
                    (TOOL_NAME, {"hash": hash_, "lines": "1-2"}),
                    (TOOL_NAME, {"hash": hash_, "query": "payment_7_3"}),
                ]
            )
        lines = payloads.OUTPUT.splitlines(keepends=True)
        good = found[call_id(0, 0)] == "".join(lines[:2]) and "payment_7_3" in found[call_id(0, 1)]
        return Turn(DONE if good else str(found))

    recorder.handler = ScriptedModel(script)
    assert run(THREE[route](recorder)).text == DONE
    assert made.stats()["retrievals"] == {"grep": {"search": 2}}


@needs_loop
@pytest.mark.parametrize("route", THREE)
def test_hashes_of_others_are_as_unknown_as_forged_ones(route: str, recorder: Recorder) -> None:
    made = callback(ccr=True)
    other = payloads.search_output(80, 5)
    foreign = next(iter(compress(
        [*payloads.chat()[:3], {**payloads.chat()[3], "content": other}], model="gpt-4o", retrieval=True
    ).originals))  # fmt: skip
    said: dict[str, str] = {}

    def script(view: View) -> Turn:
        if not ours(view):
            return Turn(calls=[(TOOL_NAME, {"hash": foreign}), (TOOL_NAME, {"hash": "f" * 24}), (TOOL_NAME, {})])
        said.update(ours(view))
        return Turn(DONE)

    recorder.handler = ScriptedModel(script)
    assert run(THREE[route](recorder)).text == DONE
    assert said[call_id(0, 0)].replace(foreign, "#") == said[call_id(0, 1)].replace("f" * 24, "#")
    assert all("payment" not in text for text in said.values())
    assert made.stats()["retrievals"] == {}
    assert made.stats()["retrievals_failed"] == 3


@needs_loop
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("route", THREE)
def test_three_rounds_at_most(route: str, stream: bool, recorder: Recorder) -> None:
    if stream and not can_buffer("anthropic_messages" if route.startswith("anthropic") else "acompletion"):
        pytest.skip("this LiteLLM cannot buffer this stream for a callback")
    made = callback(ccr=True)
    model = recorder.handler = ScriptedModel(
        lambda v: Turn(f"Round {v.round}.", [(TOOL_NAME, {"hash": v.hashes[0], "lines": f"{v.round + 1}-9"})])
    )
    answer = run(THREE[route](recorder, **({"stream": True} if stream else {})))
    assert len(model.views) == 4
    assert "last" in list(model.views[3].results.values())[-1]
    assert answer.text == "Round 3."
    assert answer.calls == []
    assert answer.ended == "stop"
    if not stream or route != "chat":
        assert answer.output_tokens == 1111
    assert made.stats()["retrievals"] == {"grep": {"search": 3}}


@needs_loop
@pytest.mark.parametrize("route", THREE)
def test_the_same_again_is_not_answered_again(route: str, recorder: Recorder) -> None:
    made = callback(ccr=True)
    model = recorder.handler = ScriptedModel(lambda v: Turn("Hm.", [(TOOL_NAME, {"hash": v.hashes[0]})]))
    answer = run(THREE[route](recorder))
    assert answer.calls == []
    assert answer.text == "Hm."
    assert len(model.views) <= 4
    assert len(json.dumps(model.views[-1].body)) < 2.5 * len(payloads.OUTPUT), "the original is there once"
    assert made.stats()["retrievals"] == {"grep": {"search": 1}}


@needs_loop
def test_a_store_that_is_down_costs_the_retrieval_only(recorder: Recorder) -> None:
    pytest.importorskip("redis")
    bodies = []
    for store in ("memory://", f"redis://127.0.0.1:{free_port()}/0"):
        made = callback(store=store)
        recorder.clear()
        said: list[str] = []

        def script(view: View, said: list[str] = said) -> Turn:
            said.extend(ours(view).values())
            return Turn(DONE) if ours(view) else Turn(calls=[(TOOL_NAME, {"hash": view.hashes[0]})])

        recorder.handler = ScriptedModel(script)
        assert run(acompletion(recorder)).text == DONE
        bodies.append(recorder.posts()[0].body)
    assert bodies[0] == bodies[1]
    assert said[0].startswith(TOOL_NAME)
    assert "payment" not in said[0]
    assert made.stats()["retrievals_failed"] == 1


@needs_loop
def test_what_does_not_fit_the_window_is_not_fetched_whole(recorder: Recorder) -> None:
    made = callback(model_limit=count_tokens(payloads.OUTPUT, "gpt-4o"))

    def script(view: View) -> Turn:
        if view.round == 0:
            return Turn(calls=[(TOOL_NAME, {"hash": view.hashes[0]})])
        if view.round == 1:
            assert "do not fit" in ours(view)[call_id(0, 0)]
            return Turn(calls=[(TOOL_NAME, {"hash": view.hashes[0], "lines": "1-3"})])
        return Turn(DONE if payloads.OUTPUT[:300] in ours(view)[call_id(1, 0)] else str(ours(view)))

    recorder.handler = ScriptedModel(script)
    assert run(acompletion(recorder)).text == DONE
    assert made.stats()["retrievals"] == {"grep": {"search": 2}}


@needs_loop
def test_the_definition_is_counted(recorder: Recorder) -> None:
    made = callback()
    drain(acompletion(recorder))
    tool = count_tokens(json.dumps(retrieve_tool("openai"), ensure_ascii=False), "gpt-4o")
    plain = compress(payloads.chat(), model="openai/gpt-4o", min_tokens=500, retrieval=True)
    assert made.stats()["tokens_after"] == plain.tokens_after + tool
    assert made.total_tokens_saved == plain.tokens_saved - tool


@needs_loop
def test_what_the_caller_asked_for_is_kept_between_rounds(recorder: Recorder) -> None:
    callback(ccr=True)
    for call, more in (
        (acompletion, {"tool_choice": "required", "temperature": 0.1, "max_tokens": 77}),
        (anthropic_messages, {"tool_choice": {"type": "any"}, "system": "Be brief.", "temperature": 0.1}),
        (aresponses, {"tool_choice": "required", "instructions": "Be brief.", "max_output_tokens": 77}),
    ):
        recorder.clear()
        recorder.handler = ScriptedModel(asks_once)
        drain(call(recorder, **more))
        first, second = (r.json() for r in recorder.posts())
        for name in ("messages", "input"):
            first.pop(name, None), second.pop(name, None)
        assert first == second


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


@needs_loop
def test_a_retry_has_the_tool_as_well(recorder: Recorder) -> None:
    callback()
    recorder.handler = None
    recorder.statuses = [500]
    drain(_router(recorder.url).acompletion(model="a", messages=payloads.chat(), tools=CHAT_TOOLS))
    first, second = recorder.posts()
    assert first.body == second.body
    assert TOOL_NAME.encode() in first.body


@needs_loop
def test_many_calls_at_once(recorder: Recorder) -> None:
    made = callback()
    recorder.handler = ScriptedModel(asks_once)

    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*(acompletion(recorder) for _ in range(12)))

    answers = drain(all_of_them())
    assert {a.choices[0].message.content for a in answers} == {DONE}
    assert made.stats()["retrievals"] == {"grep": {"search": 12}}


@needs_loop
def test_two_callbacks_and_one_of_them_answers(recorder: Recorder) -> None:
    reset_callbacks(HeadroomCallback(), HeadroomCallback())
    recorder.handler = ScriptedModel(asks_once)
    answer = run(acompletion(recorder))
    assert answer.text == DONE
    assert (answer.input_tokens, answer.output_tokens) == (11, 11)


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
