"""The rounds of transparent retrieval: several calls, forged hashes, limits, stores that are down, retries."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

litellm = pytest.importorskip("litellm")

import payloads
from entry_points import _router, drain, reset_callbacks
from headroom import compress, count_tokens
from headroom.integrations.litellm_callback import HeadroomCallback
from headroom.tools import TOOL_NAME
from processes import free_port
from recorder import Recorder
from retrieval_calls import (
    CHAT_TOOLS,
    DONE,
    THREE,
    acompletion,
    anthropic_messages,
    aresponses,
    asks_once,
    callback,
    needs_loop,
    ours,
    run,
    skip_unless_buffered,
)
from scripted_model import ScriptedModel, Turn, View, call_id

pytestmark = pytest.mark.usefixtures("clean_litellm")


@needs_loop
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("route", THREE)
def test_beside_the_callers_tools(route: str, stream: bool, recorder: Recorder) -> None:
    skip_unless_buffered(route, stream)
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
    skip_unless_buffered(route, stream)
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
