"""The examples, run as they stand, against the recording server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import payloads
import pytest
from processes import ROOT, START_TIMEOUT_S, environment, free_port, providers_at, serve
from recorder import Recorder, Reply, Request
from scripted_model import ScriptedModel, Turn, View

pytest.importorskip("litellm")

from headroom.integrations.litellm_retrieval import HAS_LOOP
from headroom.tools import TOOL_NAME

EXAMPLES = ROOT / "examples"


def run(name: str, recorder: Recorder, **more: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)],
        env=environment({**providers_at(recorder.url), **more}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_quick_start(recorder: Recorder) -> None:
    out = run("litellm/quickstart.py", recorder)
    assert "Three errors" in out
    assert [len(r.body) < 40_000 for r in recorder.posts()] == [True]


def test_full(recorder: Recorder) -> None:
    out = run("litellm/full.py", recorder)
    assert len(recorder.posts()) == 3
    assert all(len(r.body) < 45_000 for r in recorder.posts())
    assert "'compressed': 3" in out


def test_direct_compress(recorder: Recorder) -> None:
    assert "removed" in run("litellm/direct_compress.py", recorder)
    assert len(recorder.posts()) == 1


def test_provider_routing(recorder: Recorder) -> None:
    out = run("litellm/providers.py", recorder)
    assert len(recorder.posts()) == 4
    assert all(int(line.split()[-3]) > 1000 for line in out.splitlines() if line.endswith("tokens saved"))
    assert all(len(r.body) < 40_000 for r in recorder.posts())


def test_cloud(recorder: Recorder) -> None:
    def service(request: Request) -> Reply | None:
        if request.path != "/v1/saas/compress":
            return None
        rows = request.json()["messages"]
        rows[0]["content"] = "Which worker handled request 555? worker-2"
        return Reply(chunks=[json.dumps({"messages": rows}).encode()])

    recorder.handler = service
    out = run("litellm/cloud.py", recorder, HEADROOM_API_KEY="hdr_x", HEADROOM_API_URL=recorder.url)
    assert "'cloud ok': 1" in out
    assert "worker-2" in recorder.posts()[1].json()["messages"][0]["content"]


def test_retrieval(recorder: Recorder) -> None:
    def script(view: View) -> Turn:
        if HAS_LOOP and not view.results:
            return Turn(calls=[(TOOL_NAME, {"hash": view.hashes[0], "query": "request 555"})])
        return Turn("worker-2" if not HAS_LOOP or "request 555 done by worker-2" in str(view.results) else "unknown")

    recorder.handler = ScriptedModel(script)
    out = run("litellm/retrieval.py", recorder)
    assert out.startswith("worker-2\n")
    assert len(recorder.posts()) == (2 if HAS_LOOP else 1)
    if HAS_LOOP:
        assert "rounds cost 11 input tokens" in out
        assert "retrieved: {'': {'log': 1}}" in out


def test_the_gateway(recorder: Recorder, tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "app:app",
        "--port",
        str(port),
        "--app-dir",
        str(EXAMPLES / "asgi"),
    ]
    with serve(command, port, tmp_path / "log", "/health", providers_at(recorder.url)) as server:
        body = {"model": "gpt-4o", "messages": payloads.chat()}
        answer = httpx.post(server.url + "/v1/chat/completions", json=body, timeout=START_TIMEOUT_S)
    assert answer.json()["choices"][0]["message"]["content"].startswith("Three errors")
    assert answer.headers["x-headroom-compressed"] == "true"
    assert len(recorder.posts()[0].body) < 45_000


def test_the_litellm_proxy_behind_the_middleware(recorder: Recorder, tmp_path: Path) -> None:
    pytest.importorskip("litellm.proxy.proxy_server", exc_type=ImportError)
    (tmp_path / "proxy.yaml").write_text((EXAMPLES / "litellm" / "proxy.yaml").read_text().split("litellm_settings")[0])
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "litellm_proxy:app", "--port", str(port)]
    command += ["--app-dir", str(EXAMPLES / "asgi")]
    env = {**providers_at(recorder.url), "CONFIG_FILE_PATH": str(tmp_path / "proxy.yaml")}
    with serve(command, port, tmp_path / "log", "/health/liveliness", env) as server:
        body = {"model": "gpt-4o", "messages": payloads.chat()}
        answer = httpx.post(
            server.url + "/v1/chat/completions",
            json=body,
            timeout=60,
            headers={"authorization": "Bearer sk-1"},
        )
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-headroom-compressed"] == "true"
    assert len(recorder.posts()[0].body) < 45_000


def test_the_proxys_yaml_is_the_documented_one() -> None:
    text = (EXAMPLES / "litellm" / "proxy.yaml").read_text()
    assert 'callbacks: ["headroom.integrations.litellm_callback.HeadroomCallback"]' in text
    assert os.path.exists(EXAMPLES / "litellm" / "headroom_callback.py")
