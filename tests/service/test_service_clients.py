"""Clients as people run them: the callback in cloud mode, LiteLLM's own guardrail in its proxy, Portkey's shapes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import payloads
import pytest
from headroom import compress
from headroom.integrations.engine import Engine
from headroom.integrations.settings import Settings
from processes import Server, free_port, serve
from recorder import Recorder, Reply, Request
from running import Service, eventually, service

pytest.importorskip("litellm.types")
if not os.environ.get("CI"):
    pytest.importorskip("litellm.proxy.proxy_server", reason="needs more packages", exc_type=ImportError)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("cloud"), "--auth", "keys") as made:
        yield made


@pytest.fixture(scope="module")
def key(cloud: Service) -> str:
    return cloud.make_key("acme", "proxy", "admin")


def engine(cloud: Service, key: str) -> Engine:
    return Engine(Settings.make(500, 200_000, key, cloud.url, None, {}, None, "original", 20.0))


@pytest.mark.parametrize("shape", [payloads.chat, payloads.one_message, payloads.anthropic, payloads.responses])
def test_cloud_mode_sends_what_local_mode_sends(cloud: Service, key: str, shape: Any) -> None:
    made = engine(cloud, key)
    done = made.compress(shape(), "gpt-4o")
    local = compress(shape(), model="gpt-4o", min_tokens=500)
    assert done.messages == local.messages
    assert done.outcome.tokens_saved == local.tokens_saved > 0
    assert made.ledger.stats()["events"] == {"cloud ok": 1}


def test_cloud_mode_with_a_wrong_key_says_so(cloud: Service, key: str) -> None:
    made = engine(cloud, key[:-1] + ("A" if key[-1] != "A" else "B"))
    assert made.compress(payloads.chat(), "gpt-4o").messages is None
    assert made.ledger.stats()["events"] == {"cloud failed: status 401": 1}


def test_the_callback_in_cloud_mode_through_litellm(cloud: Service, key: str) -> None:
    import litellm
    from headroom.integrations.litellm_callback import HeadroomCallback

    callback = HeadroomCallback(api_key=key, api_url=cloud.url)
    with Recorder() as provider:
        kept, litellm.callbacks = litellm.callbacks, [callback]
        try:
            litellm.completion("openai/gpt-4o", payloads.chat(), api_base=provider.url + "/v1", api_key="k")
        finally:
            litellm.callbacks = kept
        sent = provider.posts()[0].json()["messages"]
    # LiteLLM leaves a content of None out.
    assert sent[3] == compress(payloads.chat(), model="gpt-4o", min_tokens=500).messages[3]
    assert callback.stats()["events"] == {"cloud ok": 1}
    assert callback.total_tokens_saved > 0


class Asker:
    """A provider whose model asks for the original once, then answers with what it got."""

    def __call__(self, request: Request) -> Reply | None:
        if not request.path.endswith("/chat/completions"):
            return None
        body = request.json()
        last = body["messages"][-1]
        hashes = re.findall(r"[0-9a-f]{24}", json.dumps(body["messages"]))
        message: dict[str, Any] = {"role": "assistant", "content": f"read {len(str(last['content']))} characters"}
        reason = "stop"
        if any(t["function"]["name"] == "headroom_retrieve" for t in body.get("tools", [])) and last["role"] != "tool":
            call = {"name": "headroom_retrieve", "arguments": json.dumps({"hash": hashes[0]})}
            message = {"role": "assistant", "content": None}
            message["tool_calls"] = [{"id": "call_r", "type": "function", "function": call}]
            reason = "tool_calls"
        made = {
            "id": "x", "object": "chat.completion", "created": 1, "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        }  # fmt: skip
        return Reply(chunks=[json.dumps(made).encode()])


@pytest.fixture(scope="module")
def provider() -> Iterator[Recorder]:
    with Recorder(Asker()) as server:
        yield server


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, cloud: Service, key: str, provider: Recorder) -> Iterator[Server]:
    """A LiteLLM proxy with LiteLLM's own `headroom` guardrail, pointed at the service."""
    import importlib.util
    import sys

    if importlib.util.find_spec("litellm.proxy.guardrails.guardrail_hooks.headroom") is None:
        pytest.skip("this LiteLLM has no headroom guardrail")
    folder: Path = tmp_path_factory.mktemp("guardrail")
    params = {"model": "openai/gpt-4o", "api_base": provider.url + "/v1", "api_key": "k"}
    guardrail = {
        "guardrail": "headroom", "mode": "pre_call", "api_base": cloud.url, "api_key": key, "default_on": True,
    }  # fmt: skip
    config = {
        "model_list": [{"model_name": "gpt", "litellm_params": params}],
        "guardrails": [{"guardrail_name": "headroom", "litellm_params": guardrail}],
    }
    (folder / "config.yaml").write_text(json.dumps(config))
    port = free_port()
    program = str(Path(sys.executable).with_name("litellm"))
    line = [program, "--config", str(folder / "config.yaml"), "--port", str(port), "--host", "127.0.0.1"]
    with serve(line, port, folder / "proxy.log", "/health/liveliness") as server:
        yield server


def history() -> list[dict[str, Any]]:
    """The guardrail holds the newest exchange back, so what it compresses is in an earlier one."""
    return [
        *payloads.chat(),
        {"role": "assistant", "content": "In module_007.py."},
        {"role": "user", "content": "And with which account?"},
    ]


def test_litellms_guardrail_compresses_and_retrieves(
    proxy: Server, cloud: Service, key: str, provider: Recorder
) -> None:
    before = cloud.get("/v1/stats", key).json()["totals"]
    reply = httpx.post(
        proxy.url + "/v1/chat/completions", json={"model": "gpt", "messages": history()}, timeout=60, trust_env=False
    )
    assert reply.status_code == 200, reply.text
    first, second = (r.json() for r in provider.posts()[:2])
    assert len(json.dumps(first["messages"])) < len(json.dumps(history())) / 2
    assert [m["role"] for m in first["messages"]] == [m["role"] for m in history()]
    # The model asked for the original, got all of it, and the caller sees one ordinary answer.
    assert second["messages"][-1]["content"] == payloads.OUTPUT
    assert reply.json()["choices"][0]["message"]["content"] == f"read {len(payloads.OUTPUT)} characters"

    def counted() -> bool:
        after = cloud.get("/v1/stats", key).json()["totals"]
        retrieved = after["retrievals"] - before["retrievals"]
        return (retrieved, after["retrievals_failed"]) == (1, before["retrievals_failed"])

    eventually(counted)


def test_the_guardrails_bypass_reaches_nobody(proxy: Server, cloud: Service, key: str, provider: Recorder) -> None:
    provider.requests.clear()
    httpx.post(
        proxy.url + "/v1/chat/completions", json={"model": "gpt", "messages": history()}, timeout=60,
        headers={"x-headroom-bypass": "true"}, trust_env=False,
    )  # fmt: skip
    assert provider.posts()[0].json()["messages"][3] == history()[3]


PORTKEY: dict[str, dict[str, Any]] = {
    # Part lists that hold text alone come as strings; system, last user and assistant rows are held back.
    "tool rows alone": {
        "messages": [{"role": "tool", "tool_call_id": "c1", "content": payloads.OUTPUT}],
        "model": "gpt-4o",
    },
    "without a model": {"messages": [{"role": "tool", "tool_call_id": "c1", "content": payloads.OUTPUT}]},
    "flattened user row": {
        "messages": [{"role": "user", "content": f"Read this:\n\n{payloads.OUTPUT}"}],
        "model": "gpt-4o",
    },
    "mixed parts": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": f"Read this:\n\n{payloads.OUTPUT}"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                ],
            }
        ],
        "model": "claude-sonnet-4",
    },
    "provider and name": {"messages": payloads.chat(), "model": "@openai-prod/gpt-4o", "config": {"mode": "ccr"}},
    "nothing to do": {"messages": [{"role": "user", "content": "hello"}], "model": "gpt-4o"},
}


@pytest.mark.parametrize("name", PORTKEY)
def test_portkeys_request_shapes(cloud: Service, key: str, name: str) -> None:
    sent = PORTKEY[name]
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json", "user-agent": "portkey"}
    reply = cloud.client.post("/v1/compress", content=json.dumps(sent), headers=headers)
    body = reply.json()
    assert reply.status_code == 200
    assert [m["role"] for m in body["messages"]] == [m["role"] for m in sent["messages"]]
    assert body["tokens_after"] == body["tokens_before"] - body["tokens_saved"]
    assert (body["tokens_saved"] > 0) == (name != "nothing to do")
    assert 0 <= body["compression_ratio"] < 1
    for hash_ in body["ccr_hashes"]:
        assert re.fullmatch(r"[0-9a-f]{12,24}", hash_)
        assert cloud.get(f"/v1/retrieve/{hash_}", key).json()["original_content"] == payloads.OUTPUT
