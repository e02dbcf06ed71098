"""Whether it works: a text is compressed here, and calls go through the LiteLLM that is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from headroom import compress, expand
from headroom.diagnosis import Finding

ERROR_LINE = "2026-05-04 10:00:07 ERROR pod api-1 failed: image not found"
LOG = "\n".join(
    [f"2026-05-04 10:00:{i % 60:02d} INFO request {i} served in {i * 7 % 90} ms" for i in range(200)]
    + [ERROR_LINE]
    + [f"2026-05-04 10:01:{i % 60:02d} INFO request {200 + i} served in {i * 7 % 90} ms" for i in range(200)]
)
"""A log with one line that matters."""

SELF_TEST = "headroom.integrations.litellm_selftest"


def check_compression() -> Finding:
    """Compresses a log, and looks at what the promises say of the result."""
    messages = [
        {"role": "user", "content": "Why did the deploy fail?"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "shell", "arguments": "{}"}},
        ]},
        {"role": "tool", "tool_call_id": "1", "content": LOG},
    ]  # fmt: skip
    started = time.perf_counter()
    result = compress(messages, model="gpt-4o", max_threads=1)
    milliseconds = 1000 * (time.perf_counter() - started)
    text = result.messages[-1]["content"]
    facts = {
        "tokens_before": result.tokens_before,
        "tokens_after": result.tokens_after,
        "milliseconds": round(milliseconds, 2),
    }
    wrong = []
    if not result.tokens_after < result.tokens_before / 2:
        wrong.append("the log did not get smaller")
    if ERROR_LINE not in expand(text):
        wrong.append("the line with the error is gone")
    if result.messages[0] is not messages[0]:
        wrong.append("a message that was not compressed is another object")
    if compress(result.messages, model="gpt-4o", max_threads=1).messages[-1]["content"] != text:
        wrong.append("compressing twice changed the text")
    if wrong:
        return Finding(
            "compression", "error", "; ".join(wrong), "please report this with `headroom doctor --json`", facts
        )
    said = f"{result.tokens_before:,} → {result.tokens_after:,} tokens in {milliseconds:.1f} ms, the error kept"
    return Finding("compression", "ok", said, "", facts)


def has_litellm() -> bool:
    """Whether LiteLLM is installed, without importing it."""
    try:
        return bool(metadata.version("litellm"))
    except metadata.PackageNotFoundError:
        return False


def check_litellm(environ: Mapping[str, str], timeout_s: float) -> list[Finding]:
    """Makes calls through LiteLLM to a server on loopback, in a process of its own, and compares what arrives."""
    if not has_litellm():
        said = "not installed: only `compress()`, the middleware and the service can be used"
        return [Finding("litellm", "note", said, "pip install 'headroom-ai[litellm]'")]
    version = metadata.version("litellm")
    # The child finds the same packages, and no proxy takes its calls to loopback.
    path = os.pathsep.join(entry for entry in sys.path if entry)
    env = {k: v for k, v in environ.items() if not k.lower().endswith("_proxy")}
    env |= {"PYTHONPATH": path, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "HF_HUB_OFFLINE": "1", "LITELLM_LOG": "ERROR"}
    action = "try `python -c 'import litellm'`; where the callback cannot work, calls go out as they came"
    try:
        done = subprocess.run(
            [sys.executable, "-m", SELF_TEST], env=env, capture_output=True, text=True, timeout=timeout_s, check=False
        )
        seen = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return [Finding("litellm", "error", f"{version}: the self-test took more than {timeout_s:g} s", action)]
    except (ValueError, IndexError):
        last = (done.stderr.strip().splitlines() or ["no output"])[-1][:200]
        return [Finding("litellm", "error", f"{version}: the self-test failed: {last}", action)]
    return read_selftest(version, seen)


def read_selftest(version: str, seen: dict[str, Any]) -> list[Finding]:
    """What the self-test saw, as findings: the callback, and each entry point."""
    findings = [_callback(version, seen)]
    for name, entry in seen["entry_points"].items():
        check = f"litellm {name}"
        if entry["state"] == "compressed":
            said = f"compressed: {entry['bytes_before']:,} → {entry['bytes_after']:,} bytes on the wire"
            findings.append(Finding(check, "ok", said, "", entry))
        elif entry["state"] == "excluded":
            said = "goes out as it came: not among HEADROOM_CALL_TYPES"
            findings.append(Finding(check, "note", said, "", entry))
        elif entry["state"] == "unavailable":
            findings.append(Finding(check, "note", "this LiteLLM does not have it", "", entry))
        else:
            said = f"NOT compressed ({entry['why']})"
            findings.append(Finding(check, "error", said, "see docs/litellm.md, Versions", entry))
    return findings


def _callback(version: str, seen: dict[str, Any]) -> Finding:
    facts = {"version": version, **{name: value for name, value in seen.items() if name != "entry_points"}}
    can = ", ".join(
        f"{what}: {'yes' if seen['features'][name] else 'no'}"
        for name, what in (
            ("retrieval", "the model can fetch what was left out"),
            ("retrieval_streams", "also in streams"),
            ("response_headers", "x-headroom headers of the proxy on every answer"),
        )
    )
    saved = seen["tokens_saved"]
    if saved <= 0:
        said = f"{version}: the callback counted no savings"
        return Finding("litellm", "error", said, "please report this with `headroom doctor --json`", facts)
    said = f"{version}: the callback fires, {saved:,} tokens saved in the self-test; {can}"
    return Finding("litellm", "ok", said, "", facts)
