"""Calls every provider of `litellm.provider_list` against a loopback server and writes what reached the wire.

`python tests/integrations/providers_report.py docs/litellm-providers.md`. A provider counts as seen if one
chat request of its arrived; it is compressed if that request is clearly smaller with the callback.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from importlib.metadata import version
from pathlib import Path
from typing import Any

import entry_points
import litellm
import payloads
from entry_points import prepare, reset_callbacks
from recorder import Recorder, Request

CALL_TIMEOUT_S = 20.0
# Providers that are not for chat: nothing to compress.
NOT_CHAT = {
    "elevenlabs": "speech", "deepgram": "speech", "jina_ai": "embeddings and ranking", "voyage": "embeddings",
    "infinity": "embeddings and ranking", "stability": "images", "recraft": "images", "runwayml": "video",
    "fal_ai": "images", "topaz": "images", "black_forest_labs": "images",
    "assemblyai": "speech", "milvus": "vector store", "pg_vector": "vector store", "s3_vectors": "vector store",
    "aws_polly": "speech", "ragflow": "vector store",
    "custom": "code of the user's own", "custom_openai": "an alias of openai with a base URL",
}  # fmt: skip
ENV = {
    "SNOWFLAKE_ACCOUNT_ID": "x", "SNOWFLAKE_JWT": "x", "DATABRICKS_API_KEY": "x", "CLOUDFLARE_ACCOUNT_ID": "x",
    "WATSONX_PROJECT_ID": "x", "WATSONX_TOKEN": "x", "PREDIBASE_TENANT_ID": "x", "GIGACHAT_ACCESS_TOKEN": "x",
}  # fmt: skip


def candidates(provider: str, url: str) -> list[dict[str, Any]]:
    """Arguments to try, the likeliest first: providers differ in what they call the server and the model."""
    known = {m.split("/")[0]: (m, extra) for m, extra in entry_points.PROVIDERS.values()}
    rows: list[dict[str, Any]] = []
    if provider in known:
        model, extra = known[provider]
        rows.append({"model": model, **extra(url)})
    name = next((m for m in litellm.models_by_provider.get(provider, []) if "embed" not in m), "some-model")
    model = name if name.startswith(provider + "/") else f"{provider}/{name}"
    for base in (url + "/v1", url):
        rows.append({"model": model, "api_base": base, "api_key": "k"})
    rows.append({"model": model, "api_base": url, "api_key": "k", "aws_bedrock_runtime_endpoint": url})
    if provider.startswith("sagemaker"):
        rows.insert(0, {"model": model, "sagemaker_base_url": url})
    return rows


def attempt(arguments: dict[str, Any], messages: list[dict[str, Any]]) -> str:
    try:
        litellm.completion(messages=messages, num_retries=0, timeout=5, drop_params=True, **arguments)
        return ""
    except Exception as error:  # the report says what it was
        return f"{type(error).__name__}: {error}"


def limited(function: Callable[[], str]) -> str:
    """Runs in a thread and gives up on it after a while: some providers poll for ever."""
    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(function).result(CALL_TIMEOUT_S)
    except FutureTimeout:
        return "no answer that the provider's client accepts"
    finally:
        pool.shutdown(wait=False)


def chat_request(requests: list[Request]) -> Request | None:
    marked = [r for r in requests if b"retrying payment" in r.body]
    return max(marked, key=lambda r: len(r.body), default=None)


def look(provider: str, server: Recorder, callback: Any) -> tuple[str, str]:
    """("compressed" | "not compressed" | "not seen", details)."""
    if provider in NOT_CHAT:
        return "not for chat", NOT_CHAT[provider]
    why = ""
    for shape in (payloads.chat, payloads.one_message):
        for arguments in candidates(provider, server.url):
            reset_callbacks()
            server.clear()
            why = limited(lambda a=arguments, s=shape: attempt(a, s())) or why  # type: ignore[misc]
            plain = chat_request(server.posts())
            if plain is None:
                continue
            reset_callbacks(callback)
            server.clear()
            limited(lambda a=arguments, s=shape: attempt(a, s()))  # type: ignore[misc]
            wire = chat_request(server.posts())
            if wire is None:
                continue
            ratio = len(wire.body) / len(plain.body)
            kind = "compressed" if ratio < 0.9 else "not compressed"
            return (
                kind,
                f"{len(plain.body):,} | {len(wire.body):,} | {ratio:.2f} | `{wire.path.split('?')[0]}`",
            )
    if "Unmapped LLM provider" in why:
        return "not for chat", "LiteLLM has no chat calls for it"
    return "not seen", reason(why)


def reason(why: str) -> str:
    why = " ".join(why.split())
    for needle, words in (
        ("No module named", "needs a package that is not installed"),
        ("api_key", "needs a credential of a special form"),
        ("credential", "needs a login that cannot be had on loopback"),
        ("Connection", "the address is fixed in LiteLLM"),
        ("Name or service", "the address is fixed in LiteLLM"),
    ):
        if needle.lower() in why.lower():
            return f"{words} ({why.split(':')[0]})"
    return why[:110].replace("|", "/") or "no request was made"


def stay_on_loopback() -> None:
    """Providers with a fixed address must not be reached, with dummy keys or otherwise."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def local_connect(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1"):
            raise ConnectionRefusedError("only loopback is allowed here")
        connect(self, address)

    def local_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in ("127.0.0.1", "::1", "localhost", b"127.0.0.1", None):
            raise socket.gaierror("Name or service not known: only loopback is allowed here")
        return look_up(host, *args, **kwargs)

    socket.socket.connect = local_connect  # type: ignore[method-assign, assignment]
    socket.getaddrinfo = local_look_up


def main(target: Path) -> None:
    logging.disable(logging.CRITICAL)
    os.environ.update(ENV)
    prepare()
    stay_on_loopback()
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python"))
    from headroom.integrations.litellm_callback import HeadroomCallback

    callback = HeadroomCallback()
    found: dict[str, list[tuple[str, str]]] = {}
    names = sorted(str(getattr(p, "value", p)) for p in litellm.provider_list)
    with Recorder() as server:
        for name in names:
            kind, details = look(name, server, callback)
            found.setdefault(kind, []).append((name, details))
            print(f"{name}: {kind} {details}", file=sys.stderr, flush=True)
    total = {kind: len(rows) for kind, rows in found.items()}
    out = [
        "# LiteLLM providers on the wire",
        "",
        f"Written by `tests/integrations/providers_report.py` with LiteLLM {version('litellm')}: every provider of",
        "`litellm.provider_list`, called with `litellm.completion()` against a loopback server, without and with",
        "the callback.",
        "",
        ", ".join(f"{n} {kind}" for kind, n in sorted(total.items())) + f", {len(names)} in all.",
    ]
    for kind in ("compressed", "not compressed"):
        if rows := found.get(kind):
            out += ["", f"## Seen, {kind}", "", "| provider | bytes | on the wire | ratio | path |"]
            out += ["|---|---|---|---|---|", *(f"| {name} | {details} |" for name, details in rows)]
    for kind in ("not seen", "not for chat"):
        if rows := found.get(kind):
            out += ["", f"## {kind.capitalize()}", "", "| provider | why |", "|---|---|"]
            out += [f"| {name} | {details} |" for name, details in rows]
    target.write_text("\n".join(out) + "\n", encoding="utf-8")
    print(json.dumps(total))
    # Threads of providers that poll for ever do not end.
    sys.stdout.flush()
    if threading.active_count() > 1:
        os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
