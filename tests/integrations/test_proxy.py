"""A real `litellm --config` proxy, with the callback as the documentation's YAML names it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import payloads
import pytest

pytest.importorskip("litellm")
if not os.environ.get("CI"):
    # In CI a proxy that cannot start is a failure, not a reason to skip.
    pytest.importorskip("litellm.proxy.proxy_server", reason="needs more packages", exc_type=ImportError)

from headroom.integrations.litellm_proxy import HAS_HEADERS_HOOK, _has_savings_columns
from processes import Server, litellm_proxy
from recorder import Recorder

CLASS_PATH = "headroom.integrations.litellm_callback.HeadroomCallback"
INSTANCE_PATH = "headroom.integrations.litellm_callback.proxy_handler_instance"
FILE_PATH = "headroom_callback.proxy_handler_instance"


def loads_packages() -> bool:
    """True if this proxy loads callbacks from installed packages; older ones only from files beside the config."""
    from litellm.proxy.types_utils.utils import get_instance_fn

    try:
        get_instance_fn("json.dumps", "/nonexistent/config.yaml")
    except ImportError:
        return False
    return True


def chat(model: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return "/v1/chat/completions", {
        "model": model,
        "messages": payloads.chat(),
        "tools": [payloads.TOOL],
        **more,
    }


def messages(model: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return "/v1/messages", {"model": model, "messages": payloads.anthropic(), "max_tokens": 50, **more}


def responses(model: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return "/v1/responses", {"model": model, "input": payloads.responses(), **more}


ROUTES = {
    "chat openai": chat("gpt"),
    "chat anthropic": chat("claude"),
    "messages anthropic": messages("claude"),
    "messages openai": messages("gpt"),
    "responses": responses("gpt"),
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Recorder]:
    with Recorder() as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("proxy")


@pytest.fixture(scope="module")
def proxy(folder: Path, upstream: Recorder) -> Iterator[Server]:
    path = CLASS_PATH if loads_packages() else FILE_PATH
    callbacks = [path, "spend_probe.probe"]
    env = {
        "SPEND_FILE": str(folder / "spend.jsonl"),
        "HEADROOM_MIN_TOKENS": "999999",
        "HEADROOM_LEVEL": "balanced",
    }
    # The YAML wins over the environment, which would leave everything alone.
    with litellm_proxy(folder, upstream.url, callbacks, {"min_tokens": 300}, env) as running:
        yield running


def post(proxy: Server, path: str, body: Any, **headers: str) -> httpx.Response:
    return httpx.post(proxy.url + path, json=body, headers={"authorization": "Bearer sk-1", **headers}, timeout=60)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("route", ROUTES)
def test_every_route_is_compressed(route: str, stream: bool, proxy: Server, upstream: Recorder) -> None:
    upstream.clear()
    path, body = ROUTES[route]
    answer = post(proxy, path, {**body, "stream": True} if stream else body)
    assert answer.status_code == 200, answer.text
    assert [len(r.body) < 45_000 for r in upstream.posts()] == [True]
    if HAS_HEADERS_HOOK or (not stream and route.startswith(("chat", "responses"))):
        assert answer.headers["x-headroom-compressed"] == "true"
        assert int(answer.headers["x-headroom-tokens-saved"]) > 5000


def test_bypass(proxy: Server, upstream: Recorder) -> None:
    upstream.clear()
    answer = post(proxy, *ROUTES["chat openai"], **{"x-headroom-bypass": "true"})
    assert answer.status_code == 200
    assert upstream.posts()[0].json()["messages"][3]["content"] == payloads.OUTPUT
    assert "x-headroom-compressed" not in answer.headers


def test_other_routes_pass(proxy: Server, upstream: Recorder) -> None:
    upstream.clear()
    assert post(proxy, "/v1/embeddings", {"model": "gpt", "input": payloads.OUTPUT}).status_code == 200
    assert upstream.posts()[0].json()["input"] in (payloads.OUTPUT, [payloads.OUTPUT])


def test_a_retry_is_compressed_too(proxy: Server, upstream: Recorder) -> None:
    upstream.clear()
    upstream.statuses = [500]
    answer = post(proxy, *ROUTES["chat openai"])
    assert answer.status_code == 200
    assert [len(r.body) < 45_000 for r in upstream.posts()] == [True, True]


def spend_row(spend: Path, call_id: str) -> dict[str, Any]:
    """The spend-log row of one call. Rows come when LiteLLM's logging gets to it, earlier calls' rows in between."""
    end = time.monotonic() + 15
    while time.monotonic() < end:
        text = spend.read_text() if spend.exists() else ""
        # A line that is still being written has no end yet.
        for line in text.splitlines(keepends=True):
            if line.endswith("\n") and (row := json.loads(line))["litellm_call_id"] == call_id:
                return dict(row)
        time.sleep(0.05)
    raise AssertionError(f"no row for {call_id}")


def test_savings_reach_the_spend_log(proxy: Server, upstream: Recorder, folder: Path) -> None:
    if not _has_savings_columns():
        pytest.skip("this LiteLLM's spend log has no place for compression savings")
    for route in ("chat openai", "messages anthropic", "responses"):
        answer = post(proxy, *ROUTES[route])
        row = spend_row(folder / "spend.jsonl", answer.headers["x-litellm-call-id"])
        metadata = row["metadata"] if isinstance(row["metadata"], dict) else json.loads(row["metadata"])
        savings = metadata["compression_savings"]
        assert savings["source"] == "headroom"
        assert str(savings["tokens_saved"]) == answer.headers["x-headroom-tokens-saved"]
        assert savings["tokens_before"] - savings["tokens_after"] == savings["tokens_saved"]


def test_the_instance_path_and_settings_from_the_environment(tmp_path: Path, upstream: Recorder) -> None:
    upstream.clear()
    path = INSTANCE_PATH if loads_packages() else FILE_PATH
    with litellm_proxy(tmp_path, upstream.url, [path], env={"HEADROOM_MIN_TOKENS": "999999"}) as running:
        assert post(running, *ROUTES["chat openai"]).status_code == 200
        assert upstream.posts()[0].json()["messages"][3]["content"] == payloads.OUTPUT
