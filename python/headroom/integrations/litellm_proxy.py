"""What only concerns the LiteLLM proxy: the bypass header, response headers, savings in the spend log."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from litellm.integrations.custom_logger import CustomLogger

from headroom.integrations.engine import once
from headroom.integrations.ledger import Outcome
from headroom.integrations.litellm_calls import STATES, CallState

HAS_HEADERS_HOOK = hasattr(CustomLogger, "async_post_call_response_headers_hook")

# Hooks that the proxy looks for in the class's own namespace.
OWN_NAMESPACE = (
    "async_pre_call_hook",
    "async_post_call_response_headers_hook",
    *(() if HAS_HEADERS_HOOK else ("async_post_call_success_hook",)),
)

BYPASS_HEADER = "x-headroom-bypass"


def wants_bypass(value: Any) -> bool:
    """True for the values of `x-headroom-bypass` that mean yes."""
    return str(value).strip().lower() in ("true", "1", "yes")


def note_request(data: Any) -> None:
    """Starts the state of a proxied request."""
    call_id = data.get("litellm_call_id") if isinstance(data, dict) else None
    if not isinstance(call_id, str):
        return
    _say_what_is_missing()
    state = STATES.begin(call_id)
    state.is_proxied = True
    request = data.get("proxy_server_request")
    headers = request.get("headers") if isinstance(request, Mapping) else None
    if isinstance(headers, Mapping):
        state.bypass = any(
            str(name).lower() == BYPASS_HEADER and wants_bypass(value) for name, value in headers.items()
        )


def _say_what_is_missing() -> None:
    if not HAS_HEADERS_HOOK:
        once.warn(
            "no headers hook",
            "LiteLLM is older than 1.83: no x-headroom response headers on streams and Anthropic messages",
        )
    if not _has_savings_columns():
        once.warn("no savings", "this LiteLLM's spend log has no place for compression savings")


@functools.cache
def _has_savings_columns() -> bool:
    try:
        from litellm.proxy._types import SpendLogsMetadata
    except ImportError:
        return False
    return "compression_savings" in getattr(SpendLogsMetadata, "__annotations__", {})


def _compressed(data: Any) -> Outcome | None:
    state = STATES.find(data.get("litellm_call_id")) if isinstance(data, dict) else None
    outcome = state.outcome if state is not None else None
    return outcome if outcome is not None and outcome.status == "compressed" else None


def headers_of(data: Any) -> dict[str, str] | None:
    """The response headers of a compressed request, or `None`."""
    outcome = _compressed(data)
    return None if outcome is None else header_values(outcome.tokens_before, outcome.tokens_after)


def header_values(before: int, after: int) -> dict[str, str]:
    """`x-headroom-compressed` and the token counts."""
    return {
        "x-headroom-compressed": "true",
        "x-headroom-tokens-saved": str(before - after),
        "x-headroom-tokens-before": str(before),
        "x-headroom-tokens-after": str(after),
    }


def put_headers(response: Any, data: Any) -> None:
    """Adds the headers to a response object of a LiteLLM without the headers hook."""
    headers = headers_of(data)
    hidden = getattr(response, "_hidden_params", None)
    if headers is not None and isinstance(hidden, dict):
        hidden["additional_headers"] = {**(hidden.get("additional_headers") or {}), **headers}


def note_savings(state: CallState | None, details: Mapping[str, Any]) -> None:
    """Puts the savings where LiteLLM's spend log looks: `compression_savings` of the request's metadata."""
    if state is None or not state.is_proxied or state.outcome is None or state.outcome.status != "compressed":
        return
    if state.outcome.tokens_saved <= 0:
        # The tool's definition took what was saved; LiteLLM's columns know no losses.
        return
    params = details.get("litellm_params")
    if not isinstance(params, Mapping):
        return
    for name in ("litellm_metadata", "metadata"):
        metadata = params.get(name)
        if isinstance(metadata, dict):
            metadata["compression_savings"] = {
                "tokens_before": state.outcome.tokens_before,
                "tokens_after": state.outcome.tokens_after,
                "tokens_saved": state.outcome.tokens_saved,
                "source": "headroom",
            }
            return
