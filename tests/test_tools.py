"""The tool `headroom_retrieve` in agent loops, three dialects, scripted models."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import conversations as c
import pytest
from headroom import InvalidMessagesError, InvalidOptionError, compress, count_tokens
from headroom.stores import open_store
from headroom.tools import TOOL_NAME, ahandle_tool_call, handle_tool_call, is_retrieve_call, retrieve_tool

POINTER = re.compile(r'headroom_retrieve\("([0-9a-f]{24})"\)')
HASH = "d" * 24
TEXT = "".join(f"line {i}: nothing of note\n" for i in range(400)).replace("line 77: nothing", "line 77: a needle")


@pytest.fixture
def store() -> Any:
    made = open_store("memory://")
    made.put("", {HASH: TEXT})
    return made


Make = Callable[..., dict[str, Any]]


def openai_call(arguments: Any, name: str = TOOL_NAME) -> dict[str, Any]:
    written = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": "call_7", "type": "function", "function": {"name": name, "arguments": written}}


def anthropic_call(arguments: Any, name: str = TOOL_NAME) -> dict[str, Any]:
    return {"type": "tool_use", "id": "call_7", "name": name, "input": arguments}


def responses_call(arguments: Any, name: str = TOOL_NAME) -> dict[str, Any]:
    written = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"type": "function_call", "id": "fc_1", "call_id": "call_7", "name": name, "arguments": written}


CALLS: dict[str, Make] = {"openai": openai_call, "anthropic": anthropic_call, "responses": responses_call}
WHERE = {"openai": "content", "anthropic": "content", "responses": "output"}


def objects(value: Any) -> Any:
    """The same as an SDK's objects."""
    if isinstance(value, dict):
        return SimpleNamespace(**{k: v if k == "input" else objects(v) for k, v in value.items()})
    return value


def test_definitions_are_what_the_providers_take() -> None:
    openai, anthropic, responses = (retrieve_tool(f) for f in ("openai", "anthropic", "responses"))  # type: ignore[arg-type]
    assert openai["type"] == "function"
    assert openai["function"]["name"] == anthropic["name"] == responses["name"] == "headroom_retrieve"
    schema = openai["function"]["parameters"]
    assert schema == anthropic["input_schema"] == responses["parameters"]
    assert (set(schema["properties"]), schema["required"]) == ({"hash", "query", "lines"}, ["hash"])
    assert responses["strict"] is False
    for tool in (openai, anthropic, responses):
        assert count_tokens(json.dumps(tool)) < 170
    # Each caller has its own.
    openai["function"]["parameters"]["properties"].clear()
    assert retrieve_tool()["function"]["parameters"]["properties"]
    with pytest.raises(InvalidOptionError, match="'openai', 'anthropic', 'responses'"):
        retrieve_tool("gemini")  # type: ignore[arg-type]


@pytest.mark.parametrize("dialect", sorted(CALLS))
@pytest.mark.parametrize("shape", [lambda x: x, objects], ids=["dicts", "objects"])
def test_an_answer_speaks_the_dialect_of_its_call(store: Any, dialect: str, shape: Callable[[Any], Any]) -> None:
    call = shape(CALLS[dialect]({"hash": HASH}))
    assert is_retrieve_call(call)
    done = handle_tool_call(call, store=store)
    expected = {
        "openai": {"role": "tool", "tool_call_id": "call_7", "content": TEXT},
        "anthropic": {"type": "tool_result", "tool_use_id": "call_7", "content": TEXT},
        "responses": {"type": "function_call_output", "call_id": "call_7", "output": TEXT},
    }
    assert done == expected[dialect]
    assert asyncio.run(ahandle_tool_call(call, store=store)) == done
    failed = handle_tool_call(shape(CALLS[dialect]({"hash": "e" * 24})), store=store)
    assert "nothing is kept under hash" in failed[WHERE[dialect]]
    assert failed.get("is_error") is (True if dialect == "anthropic" else None)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"hash": HASH, "lines": "77-79"}, "line 76: nothing of note\nline 77: a needle of note\nline 78"),
        ({"hash": HASH, "lines": [78, 78]}, "line 77: a needle of note\n"),
        ({"hash": HASH, "lines": 78}, "line 77: a needle of note\n"),
        ({"hash": HASH, "lines": "78", "query": "something else"}, "line 77: a needle of note\n"),
        ({"hash": HASH, "query": "needle"}, "[… 75 lines 1-75]\nline 75"),
        ({"hash": HASH, "query": "haystack"}, "nothing matches the query"),
        ({"hash": HASH, "query": "nothing of note"}, "more match; narrow the query"),
        ({"hash": HASH, "query": "", "lines": None}, TEXT),
        ({"hash": HASH, "query": None, "lines": "", "more": 1}, TEXT),
        ({"hash": f'[headroom_retrieve("{HASH.upper()}") has the rest]'}, TEXT),
        ({"hash": HASH[:-1]}, "is not a hash"),
        ({"hash": HASH * 2}, "is not a hash"),
        ({"hash": 7}, "hash must be a string"),
        ({"query": "needle"}, "hash must be a string"),
        ({"hash": HASH, "query": 7}, "query must be words"),
        ({"hash": HASH, "lines": "all"}, "'first-last'"),
        ({"hash": HASH, "lines": "401-500"}, "the original has 400 lines"),
        ([HASH], "must be a JSON object"),
        (None, "must be a JSON object"),
        ("", "must be a JSON object"),
        ("{", "must be a JSON object"),
        ("[" * 100_000, "must be a JSON object"),
    ],
)
@pytest.mark.parametrize("dialect", sorted(CALLS))
def test_whatever_a_model_writes_has_an_answer(store: Any, dialect: str, arguments: Any, says: str) -> None:
    done = handle_tool_call(CALLS[dialect](arguments), store=store)
    assert says in done[WHERE[dialect]]
    json.dumps(done)


def test_only_what_was_issued(store: Any) -> None:
    store.put("", {"e" * 24: "of another conversation"})
    call = openai_call({"hash": "e" * 24})
    assert handle_tool_call(call, store=store)["content"] == "of another conversation"
    foreign = handle_tool_call(call, store=store, issued={HASH: ""})["content"]
    assert foreign == handle_tool_call(openai_call({"hash": "f" * 24}), store=store)["content"].replace(
        "f" * 24, "e" * 24
    )
    assert handle_tool_call(openai_call({"hash": HASH}), store=store, issued={HASH})["content"] == TEXT
    assert "nothing is kept" in handle_tool_call(openai_call({"hash": HASH}), store=store, owner="you")["content"]


def test_other_tools_calls_are_the_callers(store: Any) -> None:
    for make in CALLS.values():
        assert not is_retrieve_call(make({}, name="shell"))
        with pytest.raises(InvalidMessagesError, match="is_retrieve_call"):
            handle_tool_call(make({}, name="shell"), store=store)
        # A client of the MCP server puts its name before.
        assert is_retrieve_call(make({}, name="mcp__headroom__headroom_retrieve"))
    for odd in (None, 7, "x", {}, [], {"function": None}, {"name": 7}):
        assert not is_retrieve_call(odd)
    with pytest.raises(InvalidOptionError, match="nowhere"):
        handle_tool_call(openai_call({"hash": HASH}), store="nowhere://")


def test_a_store_that_is_down_is_said_to_the_model() -> None:
    done = handle_tool_call(openai_call({"hash": HASH}), store="redis://127.0.0.1:1?timeout_s=5")
    assert "cannot be read" in done["content"]


@pytest.mark.parametrize("name", [TOOL_NAME, "mcp__headroom__headroom_retrieve"])
@pytest.mark.parametrize("dialect", sorted(c.DIALECTS))
def test_what_was_retrieved_is_never_compressed_again(dialect: str, name: str) -> None:
    turns = [("Which role was refused?", "{}", c.REAL["postgresql.log"]) for _ in range(2)]
    messages = c.DIALECTS[dialect](turns)
    named = json.loads(json.dumps(messages).replace('"shell"', json.dumps(name)))
    for options in ({}, {"level": "aggressive"}, {"target_ratio": 0.2}, {"model_limit": 3000}):
        assert compress(messages, **options).tokens_saved > 0
        result = compress(named, **options)
        assert all(new is old for new, old in zip(result.messages, named, strict=True))
        assert "fetched by the model" in {d.reason for d in result.decisions}


def test_beside_another_tools_output_it_stays() -> None:
    """Anthropic: both results stand in one message; only the other one is compressed."""
    uses = [{"type": "tool_use", "id": i, "name": n, "input": {}} for i, n in (("a", "shell"), ("b", TOOL_NAME))]
    log = c.REAL["postgresql.log"]
    results = [{"type": "tool_result", "tool_use_id": i, "content": log} for i in "ab"]
    messages = [
        {"role": "user", "content": "Which role was refused?"},
        {"role": "assistant", "content": uses},
        {"role": "user", "content": results},
    ]
    content = compress(messages).messages[2]["content"]
    assert len(content[0]["content"]) < len(log) / 2
    assert content[1] is results[1]


class Scripted(BaseHTTPRequestHandler):
    """A model that asks for what is missing once, and answers from it."""

    seen: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.seen.append(body)
        last = body["messages"][-1]
        if last["role"] == "tool":
            words = re.search(r'role "(\w+)" does not exist', last["content"])
            message = {"role": "assistant", "content": f"It was {words[1] if words else '?'}."}
        else:
            (hash_,) = POINTER.findall(last["content"])
            arguments = json.dumps({"hash": hash_, "query": "role does not exist"})
            function = {"name": body["tools"][0]["function"]["name"], "arguments": arguments}
            calls = [{"id": "call_1", "type": "function", "function": function}]
            message = {"role": "assistant", "content": None, "tool_calls": calls}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        reply = {"id": "x", "object": "chat.completion", "created": 0, "model": "gpt-4o", "choices": [choice]}
        data = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def model() -> Iterator[ThreadingHTTPServer]:
    Scripted.seen = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_the_example_loop_finds_what_was_left_out(model: ThreadingHTTPServer) -> None:
    """examples/retrieval, as a process, with the provider's own SDK."""
    example = c.INPUTS.parent / "retrieval" / "agent_loop.py"
    address = f"http://127.0.0.1:{model.server_address[1]}/v1"
    words = [sys.executable, str(example), str(c.INPUTS / "postgresql.log"), "When did the checkpoint start?"]
    environment = {**os.environ, "OPENAI_BASE_URL": address, "OPENAI_API_KEY": "none", "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"It was \w+\.\n", done.stdout)
    first, second = Scripted.seen
    assert first["tools"] == second["tools"] == [retrieve_tool()]
    # The prefix is the same, and what was fetched went out as it came.
    assert second["messages"][: len(first["messages"])] == first["messages"]
    assert count_tokens(json.dumps(second)) < count_tokens(c.REAL["postgresql.log"])
