"""The examples that were published for headroom-ai's LiteLLM integration run unchanged.

Each is written here as it is published (with messages in place of `[...]`) and run against loopback servers in place
of the providers. What counts is what reached the wire.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import payloads
import pytest
from processes import free_port, providers_at, serve
from recorder import Recorder, Reply, Request

pytest.importorskip("litellm")

FULL_BYTES = len(json.dumps(payloads.chat()).encode())

MESSAGES = "import payloads\nmessages = payloads.chat()\n"

CALLBACK = """
import litellm
from headroom.integrations.litellm_callback import HeadroomCallback

litellm.callbacks = [HeadroomCallback()]

# All calls now compressed automatically
response = litellm.completion(model="gpt-4o", messages=messages)
response = litellm.completion(model="bedrock/claude-sonnet", messages=messages)
response = litellm.completion(model="azure/gpt-4o", messages=messages)
"""

DIRECT = """
import litellm
from headroom import compress

compressed = compress(messages, model="bedrock/claude-sonnet")
response = litellm.completion(model="bedrock/claude-sonnet", messages=compressed.messages)
print(f"Saved {compressed.tokens_saved} tokens ({compressed.compression_ratio:.0%})")
"""

SETTINGS = """
import litellm
from headroom.integrations.litellm_callback import HeadroomCallback

callback = HeadroomCallback(
    min_tokens=500,
    model_limit=200000,
)
litellm.callbacks = [callback]
response = litellm.completion(model="gpt-4o", messages=messages)
print(f"Total tokens saved: {callback.total_tokens_saved}")
"""

ASYNC = """
import asyncio
import litellm
from headroom.integrations.litellm_callback import HeadroomCallback

litellm.callbacks = [HeadroomCallback(min_tokens=1000)]


async def main():
    response = await litellm.acompletion(model="gpt-4o", messages=messages)
    print(response.choices[0].message.content)


asyncio.run(main())
"""

CLOUD = """
import litellm
from headroom.integrations.litellm_callback import HeadroomCallback

callback = HeadroomCallback(api_key="hdr_test")
litellm.callbacks = [callback]
response = litellm.completion(model="gpt-4o", messages=messages)
print(f"Total tokens saved: {callback.total_tokens_saved}")
"""

RESULT = """
from headroom import compress

result = compress(messages, model="gpt-4o")
result.messages           # list[dict]
result.tokens_before      # int
result.tokens_after       # int
result.tokens_saved       # int
result.compression_ratio  # float, 0.0 to 1.0
result.transforms_applied # list[str]
assert isinstance(result.messages, list) and len(result.messages) == len(messages)
assert result.tokens_before - result.tokens_after == result.tokens_saved > 0
assert 0.0 < result.compression_ratio < 1.0
assert all(isinstance(name, str) for name in result.transforms_applied)
"""

OPENAI_CLIENT = """
from openai import OpenAI
from headroom import compress

client = OpenAI()
compressed = compress(messages, model="gpt-4o")
response = client.chat.completions.create(
    model="gpt-4o",
    messages=compressed.messages,
)
"""

HTTP_CLIENT = """
import os
import httpx
from headroom import compress

messages = payloads.anthropic()
compressed = compress(messages, model="claude-sonnet-4-5-20250929")
httpx.post(os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages", json={
    "model": "claude-sonnet-4-5-20250929",
    "messages": compressed.messages,
}, headers={"X-Api-Key": "k", "anthropic-version": "2023-06-01"})
"""

PROXY_STARTUP = """
# In your LiteLLM proxy startup
from litellm.proxy.proxy_server import app
from headroom.integrations.asgi import CompressionMiddleware

app.add_middleware(CompressionMiddleware)
"""

OWN_APPLICATION = """
from fastapi import FastAPI, Request
from headroom.integrations.asgi import CompressionMiddleware

app = FastAPI()
app.add_middleware(CompressionMiddleware)


@app.get("/health")
async def health():
    return {}


@app.post("/v1/chat/completions")
async def chat(request: Request):
    return {"received": len(await request.body())}
"""

YAML = """
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o
      api_key: os.environ/OPENAI_API_KEY

# litellm_config.yaml
litellm_settings:
  callbacks: ["headroom.integrations.litellm_callback.HeadroomCallback"]
"""

Run = Callable[..., str]
PROXY = "litellm.proxy.proxy_server"


@pytest.fixture
def run(recorder: Recorder, clean_litellm: None, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs an example as a program of its own would run it, with loopback in place of the providers; what it prints.

    In this process: importing LiteLLM takes seconds.
    """

    def do(code: str, **more: str) -> str:
        for name in ("AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {**providers_at(recorder.url), **more}.items():
            monkeypatch.setenv(name, value)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(MESSAGES + code, "<example>", "exec"), {"__name__": "__main__"})
        return printed.getvalue()

    return do


def sizes(recorder: Recorder) -> list[float]:
    """Bytes of the requests' bodies that reached providers, as shares of the whole messages."""
    return [len(r.body) / FULL_BYTES for r in recorder.posts() if not r.path.startswith("/v1/saas")]


def test_one_line_compresses_calls_to_every_provider(run: Run, recorder: Recorder) -> None:
    run(CALLBACK)
    assert len(sizes(recorder)) == 3
    assert max(sizes(recorder)) < 0.6
    assert {r.path.partition("?")[0].rsplit("/", 1)[1] for r in recorder.posts()} >= {"completions"}


def test_compress_and_send(run: Run, recorder: Recorder) -> None:
    assert run(DIRECT).startswith("Saved ")
    assert len(sizes(recorder)) == 1
    assert max(sizes(recorder)) < 0.6


def test_settings_and_the_total(run: Run, recorder: Recorder) -> None:
    assert int(run(SETTINGS).split(": ")[1]) > 1000
    assert max(sizes(recorder)) < 0.6


def test_asynchronous_calls(run: Run, recorder: Recorder) -> None:
    run(ASYNC)
    assert len(sizes(recorder)) == 1
    assert max(sizes(recorder)) < 0.6


def test_what_compress_returns(run: Run, recorder: Recorder) -> None:
    run(RESULT)
    assert recorder.posts() == []


@pytest.mark.parametrize("code", [OPENAI_CLIENT, HTTP_CLIENT], ids=["openai", "httpx"])
def test_any_client(code: str, run: Run, recorder: Recorder) -> None:
    run(code)
    assert len(sizes(recorder)) == 1
    assert max(sizes(recorder)) < 0.6


def test_cloud_mode(run: Run, recorder: Recorder) -> None:
    def service(request: Request) -> Reply | None:
        if request.path != "/v1/saas/compress":
            return None
        rows = request.json()["messages"]
        rows[3]["content"] = "module_007: 6 matches"
        return Reply(chunks=[json.dumps({"messages": rows}).encode()])

    recorder.handler = service
    # Its own host was the default; there is none now, so the URL is given, as the page also shows.
    out = run(CLOUD, HEADROOM_API_URL=recorder.url)
    assert int(out.split(": ")[1]) > 1000
    asked, sent = recorder.posts()
    assert asked.headers["x-headroom-key"] == "hdr_test"
    assert set(asked.json()) == {"messages", "model", "model_limit"}
    assert b"module_007: 6 matches" in sent.body


def test_cloud_mode_without_a_url_compresses_here(run: Run, recorder: Recorder) -> None:
    assert int(run(CLOUD).split(": ")[1]) > 1000
    assert [r.path for r in recorder.posts()] == ["/v1/chat/completions"]
    assert max(sizes(recorder)) < 0.6


def test_a_callback_and_a_middleware_can_be_closed(run: Run) -> None:
    code = """
import asyncio
from headroom.integrations.asgi import CompressionMiddleware
from headroom.integrations.litellm_callback import HeadroomCallback

for made in (HeadroomCallback(), HeadroomCallback(api_key="hdr_test", api_url="http://127.0.0.1:9"),
             CompressionMiddleware(None), CompressionMiddleware(None, api_key="hdr_test", api_url="http://127.0.0.1:9")):
    asyncio.run(made.aclose())
"""
    run(code)


def answered(folder: Path, recorder: Recorder, command: list[str], ready: str, **more: str) -> httpx.Response:
    """Starts a server and sends it a chat request."""
    port = int(command[command.index("--port") + 1])
    with serve(command, port, folder / "log", ready, {**providers_at(recorder.url), **more}) as server:
        body: dict[str, Any] = {"model": "gpt-4o", "messages": payloads.chat()}
        return httpx.post(server.url + "/v1/chat/completions", json=body, timeout=60, trust_env=False)


def uvicorn(folder: Path) -> list[str]:
    return [sys.executable, "-m", "uvicorn", "published:app", "--app-dir", str(folder), "--port", str(free_port())]


def test_the_middleware_in_an_application(recorder: Recorder, tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    (tmp_path / "published.py").write_text(OWN_APPLICATION)
    answer = answered(tmp_path, recorder, uvicorn(tmp_path), "/health")
    assert answer.json()["received"] < 0.6 * FULL_BYTES
    assert answer.headers["x-headroom-compressed"] == "true"
    assert int(answer.headers["x-headroom-tokens-saved"]) > 1000


def test_the_middleware_in_the_proxys_startup(recorder: Recorder, tmp_path: Path) -> None:
    pytest.importorskip(PROXY, exc_type=ImportError)
    (tmp_path / "published.py").write_text(PROXY_STARTUP)
    (tmp_path / "proxy.yaml").write_text(YAML.split("# litellm_config")[0])
    answer = answered(
        tmp_path, recorder, uvicorn(tmp_path), "/health/liveliness", CONFIG_FILE_PATH=str(tmp_path / "proxy.yaml")
    )
    assert answer.status_code == 200, answer.text
    assert max(sizes(recorder)) < 0.6


def test_the_proxys_yaml(recorder: Recorder, tmp_path: Path) -> None:
    pytest.importorskip(PROXY, exc_type=ImportError)
    from test_proxy import loads_packages

    if not loads_packages():
        pytest.skip("this proxy loads callbacks only from files beside its config; docs/proxy.md has one")
    (tmp_path / "config.yaml").write_text(YAML)
    program = str(Path(sys.executable).with_name("litellm"))
    command = [program, "--config", str(tmp_path / "config.yaml"), "--host", "127.0.0.1", "--port", str(free_port())]
    answer = answered(tmp_path, recorder, command, "/health/liveliness")
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-headroom-compressed"] == "true"
    assert max(sizes(recorder)) < 0.6
