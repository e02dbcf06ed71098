"""The model fetches what was cut through a real `litellm --config` proxy; the client notices nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator

import httpx
import pytest

pytest.importorskip("litellm")
if not os.environ.get("CI"):
    pytest.importorskip("litellm.proxy.proxy_server", reason="needs more packages", exc_type=ImportError)

from answers import Answer, read, read_sse
from headroom.integrations.litellm_retrieval import HAS_LOOP
from headroom.tools import TOOL_NAME
from processes import Server, litellm_proxy
from recorder import Recorder
from retrieval_calls import ANTHROPIC_TOOLS, DONE, RESPONSES_TOOLS, asks_once, needs_loop, skip_unless_buffered
from scripted_model import ScriptedModel, Turn
from test_proxy import CLASS_PATH, FILE_PATH, chat, loads_packages, messages, responses

ROUTES = {
    "chat openai": chat("gpt"),
    "chat anthropic": chat("claude"),
    "messages anthropic": messages("claude", tools=ANTHROPIC_TOOLS),
    "messages openai": messages("gpt", tools=ANTHROPIC_TOOLS),
    "responses": responses("gpt", tools=RESPONSES_TOOLS),
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Recorder]:
    with Recorder() as server:
        yield server


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, upstream: Recorder) -> Iterator[Server]:
    path = CLASS_PATH if loads_packages() else FILE_PATH
    folder = tmp_path_factory.mktemp("proxy")
    with litellm_proxy(folder, upstream.url, [path], {"min_tokens": 300}, {"HEADROOM_CCR": "true"}) as running:
        yield running


def ask(proxy: Server, route: str, stream: bool) -> Answer:
    path, body = ROUTES[route]
    body = {**body, "stream": True} if stream else body
    if stream and route.startswith("chat"):
        body["stream_options"] = {"include_usage": True}
    reply = httpx.post(proxy.url + path, json=body, headers={"authorization": "Bearer sk-1"}, timeout=90)
    assert reply.status_code == 200, reply.text
    return read_sse(reply.text) if stream else read(reply.json())


@needs_loop
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("route", ROUTES)
def test_the_client_sees_one_answer(route: str, stream: bool, proxy: Server, upstream: Recorder) -> None:
    skip_unless_buffered(route, stream)
    upstream.clear()
    model = upstream.handler = ScriptedModel(asks_once)
    answer = ask(proxy, route, stream)
    assert answer.text == DONE
    assert answer.calls == []
    assert answer.ended == "stop"
    assert answer.output_tokens == 11, "the sum of both rounds"
    assert TOOL_NAME not in answer.visible
    assert len(model.views) == 2
    assert len(upstream.posts()[0].body) < 45_000


@pytest.mark.skipif(HAS_LOOP, reason="this LiteLLM has a tool loop")
def test_without_a_loop_there_is_no_tool(proxy: Server, upstream: Recorder) -> None:
    for route in ROUTES:
        upstream.clear()
        ask(proxy, route, False)
        assert TOOL_NAME.encode() not in upstream.posts()[0].body
        assert len(upstream.posts()[0].body) < 45_000


@needs_loop
def test_the_clients_own_calls_reach_it(proxy: Server, upstream: Recorder) -> None:
    for route in ("chat openai", "messages anthropic", "responses"):
        upstream.clear()
        upstream.handler = ScriptedModel(
            lambda v: Turn("", [("grep", {"pattern": "x"}), (TOOL_NAME, {"hash": v.hashes[0]})])
        )
        answer = ask(proxy, route, False)
        assert [call[:2] for call in answer.calls] == [("grep", {"pattern": "x"})]
        assert answer.ended == "tool_calls"
        assert TOOL_NAME not in answer.visible
