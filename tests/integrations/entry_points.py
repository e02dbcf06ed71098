"""Every way into LiteLLM that sends a chat, as one table: name, provider, and a function that makes the call.

`measure` makes each call twice, without and with the callback, and compares what reached the wire.
Run as a program it prints the table for the LiteLLM that is installed.
"""

from __future__ import annotations

import asyncio
import copy
import inspect
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
for _name, _value in {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION_NAME": "us-east-1",
    "OPENAI_API_KEY": "test",
}.items():
    os.environ.setdefault(_name, _value)

import litellm
import payloads
from recorder import Recorder

litellm.suppress_debug_info = True
# Counting the tokens of a stream would ask a hub for tokenizers of open models.
litellm.disable_hf_tokenizer_download = True
os.environ.setdefault("HF_HUB_OFFLINE", "1")

Call = Callable[[str, Any], Any]


@dataclass(frozen=True)
class Entry:
    """One entry point: `call(url, messages)` returns a result, an iterator, or a coroutine for one."""

    name: str
    provider: str
    messages: Callable[[], Any]
    call: Call


def _providers() -> dict[str, tuple[str, Callable[[str], dict[str, Any]]]]:
    def plain(path: str = "") -> Callable[[str], dict[str, Any]]:
        return lambda url: {"api_base": url + path, "api_key": "k"}

    def aws(url: str) -> dict[str, Any]:
        return {"aws_bedrock_runtime_endpoint": url}

    return {
        "openai": ("openai/gpt-4o", plain("/v1")),
        "azure": ("azure/gpt-4o", lambda u: {"api_base": u, "api_key": "k", "api_version": "2024-06-01"}),
        "anthropic": ("anthropic/claude-3-5-sonnet-20240620", plain()),
        "bedrock converse": ("bedrock/converse/anthropic.claude-3-sonnet-20240229-v1:0", aws),
        "bedrock invoke": ("bedrock/invoke/anthropic.claude-3-sonnet-20240229-v1:0", aws),
        "bedrock titan": ("bedrock/amazon.titan-text-premier-v1:0", aws),
        "gemini": ("gemini/gemini-1.5-pro", plain("/gemini")),
        "vertex": (
            "vertex_ai/gemini-1.5-pro",
            lambda u: {"api_base": u + "/vertex", "vertex_project": "p", "vertex_location": "us-central1"},
        ),
        "groq": ("groq/llama-3.1-8b-instant", plain("/openai/v1")),
        "mistral": ("mistral/mistral-large-latest", plain("/v1")),
        "ollama": ("ollama/llama3", plain()),
        "ollama chat": ("ollama_chat/llama3", plain()),
        "hosted_vllm": ("hosted_vllm/llama", plain("/v1")),
        "openrouter": ("openrouter/meta-llama/llama-3-70b-instruct", plain("/v1")),
        "cohere": ("cohere_chat/command-r", plain("/v2/chat")),
        "deepseek": ("deepseek/deepseek-chat", plain("/v1")),
    }


PROVIDERS = _providers()
# Older versions refuse a tool exchange for these unless the tools are given.
TOOLS_NEEDED = ("anthropic/", "bedrock/converse/", "bedrock/invoke/")


def _chat_entries() -> list[Entry]:
    entries = []
    for name, (model, extra) in PROVIDERS.items():
        for function in ("completion", "acompletion"):
            for stream in (False, True):

                def call(
                    url: str,
                    messages: Any,
                    function: str = function,
                    stream: bool = stream,
                    model: str = model,
                    extra: Callable[[str], dict[str, Any]] = extra,
                ) -> Any:
                    more: dict[str, Any] = {"stream": True} if stream else {}
                    if model.startswith(TOOLS_NEEDED):
                        more["tools"] = [payloads.TOOL]
                    return getattr(litellm, function)(model=model, messages=messages, **more, **extra(url))

                title = f"{function}{' stream' if stream else ''}"
                # Titan takes a prompt and knows no tools: one user message holds everything.
                shape = payloads.one_message if name == "bedrock titan" else payloads.chat
                entries.append(Entry(title, name, shape, call))
    return entries


def _router(url: str, **more: Any) -> Any:
    rows = [
        {
            "model_name": "a",
            "litellm_params": {
                "model": "openai/gpt-4o",
                "api_base": url + "/v1",
                "api_key": "k",
                "max_retries": 0,
            },
        },
        {
            "model_name": "b",
            "litellm_params": {
                "model": "anthropic/claude-3-5-sonnet-20240620",
                "api_base": url,
                "api_key": "k",
            },
        },
    ]
    return litellm.Router(model_list=rows, num_retries=1, retry_after=0, fallbacks=[{"a": ["b"]}], **more)


def _other_entries() -> list[Entry]:
    chat, responses, anthropic = payloads.chat, payloads.responses, payloads.anthropic

    def openai(url: str) -> dict[str, Any]:
        return {"api_base": url + "/v1", "api_key": "k"}

    def claude(url: str) -> dict[str, Any]:
        return {"api_base": url, "api_key": "k"}

    def messages_call(model: str, extra: Callable[[str], dict[str, Any]], stream: bool) -> Call:
        return lambda u, m: litellm.anthropic_messages(
            model=model, messages=m, max_tokens=64, **({"stream": True} if stream else {}), **extra(u)
        )

    rows: list[tuple[str, str, Any, Call]] = [
        ("completion positional", "openai", chat, lambda u, m: litellm.completion("openai/gpt-4o", m, **openai(u))),
        ("acompletion positional", "openai", chat, lambda u, m: litellm.acompletion("openai/gpt-4o", m, **openai(u))),
        (
            "completion tools, max_tokens", "openai", chat,
            lambda u, m: litellm.completion("openai/gpt-4o", m, tools=[payloads.TOOL], max_tokens=99, **openai(u)),
        ),
        (
            "batch_completion", "openai", chat,
            lambda u, m: litellm.batch_completion(model="openai/gpt-4o", messages=[m], **openai(u)),
        ),
        ("Router.completion", "openai", chat, lambda u, m: _router(u).completion(model="a", messages=m)),
        ("Router.completion stream", "openai", chat, lambda u, m: _router(u).completion(model="a", messages=m, stream=True)),
        ("Router.acompletion", "openai", chat, lambda u, m: _router(u).acompletion(model="a", messages=m)),
        ("Router.acompletion stream", "openai", chat, lambda u, m: _router(u).acompletion(model="a", messages=m, stream=True)),
        ("Router.aresponses", "openai", responses, lambda u, m: _router(u).aresponses(model="a", input=m)),
        (
            "Router.anthropic_messages", "anthropic", anthropic,
            lambda u, m: _router(u).aanthropic_messages(model="b", messages=m, max_tokens=64),
        ),
        ("responses bridge of completion", "openai", chat, lambda u, m: litellm.completion("openai/responses/gpt-5-pro", m, **openai(u))),
    ]  # fmt: skip
    for stream in (False, True):
        more = {"stream": True} if stream else {}
        tail = " stream" if stream else ""
        for function in ("responses", "aresponses"):
            for provider, model, extra in (
                ("openai", "openai/gpt-4o", openai),
                ("mistral (bridged)", "mistral/mistral-large-latest", openai),
                ("bedrock (bridged)", PROVIDERS["bedrock converse"][0], PROVIDERS["bedrock converse"][1]),
            ):

                def respond(
                    u: str,
                    m: Any,
                    function: str = function,
                    model: str = model,
                    extra: Any = extra,
                    more: Any = more,
                    provider: str = provider,
                ) -> Any:
                    if provider.startswith("bedrock"):
                        more = {**more, "tools": [{"type": "function", **payloads.TOOL["function"]}]}
                    return getattr(litellm, function)(model=model, input=m, **more, **extra(u))

                rows.append((function + tail, provider, responses, respond))
        for provider, model, extra in (
            ("anthropic", "anthropic/claude-3-5-sonnet-20240620", claude),
            ("openai (bridged)", "openai/gpt-4o", openai),
            ("bedrock", PROVIDERS["bedrock invoke"][0], PROVIDERS["bedrock invoke"][1]),
        ):
            rows.append(("anthropic_messages" + tail, provider, anthropic, messages_call(model, extra, stream)))
    return [Entry(*row) for row in rows]


ENTRIES = _chat_entries() + _other_entries()


def prepare() -> None:
    """What the calls need that cannot be had on loopback: a Google access token."""
    from litellm.llms.vertex_ai.vertex_llm_base import VertexBase

    async def token_async(*_: Any, **__: Any) -> tuple[str, str]:
        return "token", "p"

    VertexBase._ensure_access_token = lambda *_, **__: ("token", "p")
    VertexBase._ensure_access_token_async = token_async


def reset_callbacks(*callbacks: Any) -> None:
    """Exactly these callbacks; LiteLLM keeps copies in half a dozen lists."""
    for name in vars(litellm):
        value = getattr(litellm, name)
        if name.endswith("callback") and isinstance(value, list):
            setattr(litellm, name, [])
    litellm.callbacks = list(callbacks)


def drain(result: Any) -> Any:
    """Waits for coroutines, reads streams to their end."""
    if inspect.isawaitable(result):
        return asyncio.run(_drain(result))
    if hasattr(result, "__next__") or type(result).__name__.endswith("Iterator"):
        return list(result)
    return result


async def _drain(result: Any) -> Any:
    result = await result
    if hasattr(result, "__aiter__"):
        result = [row async for row in result]
    # The calls' own logging tasks get their turn before the loop is closed.
    await asyncio.sleep(0.02)
    return result


@dataclass
class Measured:
    """What one entry point sent without and with the callback."""

    original: bytes
    wire: bytes
    plain_result: Any
    result: Any
    saved: int
    caller_list_untouched: bool

    @property
    def ratio(self) -> float:
        return len(self.wire) / len(self.original)


def _body(recorder: Recorder) -> bytes:
    # Ollama is asked about the model first.
    bodies = [r.body for r in recorder.posts() if not r.path.endswith("/api/show")]
    if len(bodies) != 1:
        raise AssertionError(f"expected one request on the wire, got {len(bodies)}")
    return bodies[0]


def measure(entry: Entry, recorder: Recorder, callback: Any) -> Measured:
    """Makes the call without and with the callback."""
    reset_callbacks()
    recorder.clear()
    plain = drain(entry.call(recorder.url, entry.messages()))
    original = _body(recorder)
    reset_callbacks(callback)
    recorder.clear()
    saved = callback.total_tokens_saved
    mine = entry.messages()
    before = copy.deepcopy(mine)
    result = drain(entry.call(recorder.url, mine))
    return Measured(original, _body(recorder), plain, result, callback.total_tokens_saved - saved, mine == before)


if __name__ == "__main__":
    import logging
    from importlib.metadata import version

    from headroom.integrations.litellm_callback import HeadroomCallback

    logging.disable(logging.CRITICAL)
    prepare()
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    headroom_callback = HeadroomCallback()
    good = 0
    chosen = [e for e in ENTRIES if wanted in f"{e.name} {e.provider}"]
    print(
        f"LiteLLM {version('litellm')}\n\n| entry point | provider | bytes | on the wire | ratio |\n|---|---|---|---|---|"
    )
    started = time.monotonic()
    with Recorder() as server:
        for one in chosen:
            try:
                m = measure(one, server, headroom_callback)
                good += m.ratio < 0.9 and m.saved > 0 and m.caller_list_untouched
                print(
                    f"| {one.name} | {one.provider} | {len(m.original):,} | {len(m.wire):,} | {m.ratio:.2f} |",
                    flush=True,
                )
            except Exception as error:  # the table says what failed
                print(f"| {one.name} | {one.provider} | – | – | {type(error).__name__} |", flush=True)
    print(f"\n{good} of {len(chosen)} compressed, {time.monotonic() - started:.0f} s")
    print(headroom_callback.stats())
