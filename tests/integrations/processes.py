"""Real servers as subprocesses: the LiteLLM proxy and uvicorn, with logs kept for a failing test."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# The proxy imports half of its dependencies' world; a busy machine needs most of a minute.
START_TIMEOUT_S = 120.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a child: no keys or settings of the caller's own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HEADROOM_") and not k.endswith("_proxy")}
    import headroom

    path = str(Path(headroom.__file__).resolve().parents[1])
    kept["PYTHONPATH"] = os.pathsep.join(p for p in (path, str(HERE), kept.get("PYTHONPATH", "")) if p)
    # The newest refuses to start without a key; on loopback none is needed.
    kept.update(LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY="true")
    kept.update(LITELLM_LOCAL_MODEL_COST_MAP="True", HF_HUB_OFFLINE="1", PYTHONUNBUFFERED="1")
    return {**kept, **(extra or {})}


def providers_at(url: str) -> dict[str, str]:
    """Variables that make LiteLLM and the SDKs of providers talk to the recording server."""
    return {
        "OPENAI_API_KEY": "k",
        "OPENAI_API_BASE": url + "/v1",
        "OPENAI_BASE_URL": url + "/v1",
        "ANTHROPIC_API_KEY": "k",
        "ANTHROPIC_API_BASE": url,
        "ANTHROPIC_BASE_URL": url,
        "AZURE_API_KEY": "k",
        "AZURE_API_BASE": url,
        "AZURE_API_VERSION": "2024-10-21",
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "k",
        "AWS_REGION_NAME": "us-east-1",
        "AWS_BEDROCK_RUNTIME_ENDPOINT": url,
    }


class Server:
    """A running child and where it listens."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.log = log

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def rss_bytes(self) -> int:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) * 1024


@contextlib.contextmanager
def serve(
    command: list[str], port: int, log: Path, ready: str, env: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Starts `command`, waits until `ready` answers, and ends it."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment(env),
            cwd=log.parent,
            start_new_session=True,
        )
    server = Server(process, port, log)
    try:
        _wait(server, ready)
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def _wait(server: Server, ready: str) -> None:
    end = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < end:
        if server.process.poll() is not None:
            break
        try:
            urllib.request.urlopen(server.url + ready, timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"{server.url} did not come up:\n{server.log.read_text(errors='replace')[-4000:]}")


@contextlib.contextmanager
def litellm_proxy(
    folder: Path,
    upstream: str,
    callbacks: list[str],
    settings: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """`litellm --config` with models that all live at `upstream`."""

    def row(name: str, model: str, base: str) -> dict[str, Any]:
        return {
            "model_name": name,
            "litellm_params": {"model": model, "api_base": upstream + base, "api_key": "k"},
        }

    config: dict[str, Any] = {
        "model_list": [
            row("gpt", "openai/gpt-4o", "/v1"),
            row("claude", "anthropic/claude-3-5-sonnet-20240620", ""),
        ],
        "litellm_settings": {"callbacks": callbacks, "num_retries": 1},
        "router_settings": {"retry_after": 0},
    }
    if settings:
        config["callback_settings"] = {"headroom": dict(settings)}
    # JSON is YAML.
    (folder / "config.yaml").write_text(json.dumps(config, indent=1))
    # What the documentation gives to versions that only load callbacks from files beside the config.
    (folder / "headroom_callback.py").write_text(
        "from headroom.integrations.litellm_callback import proxy_handler_instance\n"
    )
    (folder / "spend_probe.py").write_text((HERE / "spend_probe.py").read_text())
    port = free_port()
    program = Path(sys.executable).with_name("litellm")
    command = [
        str(program),
        "--config",
        str(folder / "config.yaml"),
        "--port",
        str(port),
        "--host",
        "127.0.0.1",
    ]
    with serve(command, port, folder / "proxy.log", "/health/liveliness", env) as server:
        yield server


@contextlib.contextmanager
def uvicorn_app(folder: Path, app: str, env: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A uvicorn worker with `app` ("module:name")."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        app,
        "--port",
        str(port),
        "--host",
        "127.0.0.1",
        "--log-level",
        "warning",
    ]
    with serve(command, port, folder / "uvicorn.log", "/health", env) as server:
        yield server
