"""What the environment says: the `HEADROOM_*` variables, the store, and the service they name."""

from __future__ import annotations

import difflib
import hashlib
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from headroom.compression import compress
from headroom.diagnosis import Finding, TookTooLong, in_time
from headroom.errors import HeadroomError
from headroom.integrations.settings import Settings, arguments_from, variables
from headroom.stores import open_store

PREFIX = "HEADROOM_"
SERVICE_PREFIX = "HEADROOM_CLOUD_"
SECRET = ("HEADROOM_API_KEY", "HEADROOM_STORE_SECRET")
URLS = ("HEADROOM_API_URL", "HEADROOM_STORE")

PROBE = "headroom doctor wrote this to see whether the store works; it may be removed at any time"
OWNER = "headroom doctor"


def known_variables() -> set[str]:
    """Every variable that headroom reads, but for those of the service, which start with `HEADROOM_CLOUD_`."""
    return {*variables(), *SECRET, *URLS}


def check_environment(environ: Mapping[str, str]) -> list[Finding]:
    """Which variables are set, whether each exists, and whether their values are allowed."""
    given = {name: value for name, value in sorted(environ.items()) if name.startswith(PREFIX) and value.strip()}
    if not given:
        return [Finding("environment", "ok", "no HEADROOM_ variable is set; defaults apply")]
    findings = []
    shown = {name: redacted(name, value) for name, value in given.items()}
    known = known_variables()
    for name in given:
        if name not in known and not name.startswith(SERVICE_PREFIX):
            near = difflib.get_close_matches(name, known, 1)
            action = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(known))}"
            findings.append(Finding("environment", "warning", f"{name} is set, but nothing reads it", action))
    try:
        arguments = arguments_from(environ, {})
        settings = Settings.make(
            arguments.pop("min_tokens", 0),
            arguments.pop("model_limit", 1),
            arguments.pop("api_key", None),
            arguments.pop("api_url", None),
            None,
            {name: arguments.pop(name) for name in ("level", "target_ratio") if name in arguments},
            **arguments,
        )
        # The core alone knows what is allowed for these.
        compress([], model="gpt-4o", config=settings.config)
    except (ValueError, TypeError) as error:
        findings.append(Finding("environment", "error", str(error), "correct the variable, or unset it", shown))
    findings += _check_service_variables(given)
    if not any(finding.state == "error" for finding in findings):
        said = ", ".join(f"{name}={value}" for name, value in shown.items())
        findings.append(Finding("environment", "ok", said, "", shown))
    return findings


def _check_service_variables(given: Mapping[str, str]) -> list[Finding]:
    if not any(name.startswith(SERVICE_PREFIX) for name in given):
        return []
    try:
        from pydantic import ValidationError

        from headroom.cloud.settings import ServiceSettings
    except ImportError:
        said = f"{SERVICE_PREFIX}… is set, but the service is not installed"
        return [Finding("environment", "note", said, "pip install 'headroom-ai[cloud]'")]
    unknown = [name for name in given if name.startswith(SERVICE_PREFIX) and not _is_service_field(name)]
    findings = [Finding("environment", "warning", f"{name} is set, but nothing reads it") for name in unknown]
    try:
        ServiceSettings()
    except ValidationError as error:
        # The message names the field and the rule; the value may be a password.
        found = "; ".join(f"{SERVICE_PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors() if e["loc"])
        findings.append(Finding("environment", "error", found, "see `headroom serve --help`"))
    return findings


def _is_service_field(name: str) -> bool:
    from headroom.cloud.settings import ServiceSettings

    return name.removeprefix(SERVICE_PREFIX).lower() in ServiceSettings.model_fields


def redacted(name: str, value: str) -> str:
    """The value as it may be shown: settings as they are, URLs without user, password and query, others not at all."""
    if name in SECRET:
        return "(set)"
    if name in URLS or "://" in value:
        return _without_secrets(value)
    readable = variables()
    return value if name in readable else "(set)"


def _without_secrets(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(a URL that cannot be read)"
    return f"{parts.scheme}://{host}{port}{parts.path}" if parts.scheme else "(set, but no URL)"


def check_store(environ: Mapping[str, str], timeout_s: float, offline: bool) -> Finding:
    """Writes a text into the store that HEADROOM_STORE names, and reads it back."""
    url = environ.get("HEADROOM_STORE", "").strip() or "memory://"
    where = _without_secrets(url)
    if offline and url.split(":", 1)[0].lower() not in ("memory", "sqlite"):
        return Finding("store", "note", f"{where}: not asked (--offline)")
    digest = hashlib.sha256(PROBE.encode()).hexdigest()[:24]

    def probe() -> str:
        store = open_store(url)
        try:
            store.put(OWNER, {digest: PROBE})
            return store.get(OWNER, digest)
        finally:
            store.close()

    started = time.perf_counter()
    action = "check HEADROOM_STORE, and that the server runs or the folder can be written; see docs/retrieval.md"
    try:
        got = in_time(probe, timeout_s)
    except TookTooLong:
        return Finding("store", "error", f"{where}: no answer in {timeout_s:g} s", action)
    except (HeadroomError, OSError) as error:
        return Finding("store", "error", f"{where}: {error}", action)
    milliseconds = 1000 * (time.perf_counter() - started)
    if got != PROBE:
        return Finding("store", "error", f"{where}: gave back another text than was put in", action)
    note = " (of this process alone: nobody else can fetch from it)" if url.startswith("memory:") else ""
    facts = {"store": where, "milliseconds": round(milliseconds, 2)}
    return Finding("store", "ok", f"{where}: written and read in {milliseconds:.1f} ms{note}", "", facts)


def check_service(environ: Mapping[str, str], timeout_s: float, offline: bool) -> Finding:
    """Whether the service behind HEADROOM_API_URL compresses with the key that is set."""
    url, key = environ.get("HEADROOM_API_URL", "").strip(), environ.get("HEADROOM_API_KEY", "").strip()
    if not url:
        if key:
            return Finding(
                "service",
                "warning",
                "HEADROOM_API_KEY is set, but no HEADROOM_API_URL: compression is local",
                "set HEADROOM_API_URL to the service's address; there is no default",
            )
        return Finding("service", "note", "none (HEADROOM_API_URL is not set): compression is local")
    where = _without_secrets(url)
    if not key:
        said = f"HEADROOM_API_URL is {where}, but no HEADROOM_API_KEY is set: compression is local"
        return Finding("service", "warning", said, "set HEADROOM_API_KEY; a service without keys takes any")
    if offline:
        return Finding("service", "note", f"{where}: not asked (--offline)")
    from headroom.diagnosis.works import LOG
    from headroom.integrations.cloud_client import CloudClient, CloudError
    from headroom.integrations.cloud_reply import check_reply

    rows: list[Any] = [{"role": "tool", "tool_call_id": "doctor", "content": LOG}]
    started = time.perf_counter()
    try:
        client = CloudClient(url, key, timeout_s)
        try:
            _, changed = client.compress({"messages": rows, "model": "gpt-4o"}, lambda reply: check_reply(rows, reply))
        finally:
            client.close()
    except ValueError as error:
        return Finding("service", "error", f"{where}: {error}", "correct HEADROOM_API_URL or HEADROOM_API_KEY")
    except CloudError as error:
        action = {"status 401": "the key is not known there: check HEADROOM_API_KEY"}.get(
            error.kind, "check that it runs and can be reached; calls are compressed locally meanwhile"
        )
        return Finding("service", "error", f"{where}: {error.kind}", action)
    milliseconds = 1000 * (time.perf_counter() - started)
    facts = {"service": where, "milliseconds": round(milliseconds, 1), "compressed": bool(changed)}
    if not changed:
        return Finding("service", "warning", f"{where}: answers, but did not compress", "", facts)
    return Finding("service", "ok", f"{where}: compressed in {milliseconds:.0f} ms", "", facts)
