"""A usage event: what one request did, in figures and names."""

from __future__ import annotations

import msgspec


class Event(msgspec.Struct, array_like=True):
    """One row of `usage_events`, in the table's order."""

    at_ms: int
    organisation_id: str
    key_id: str
    action: str
    """compress, bypass or retrieve."""
    outcome: str
    """ok, or the error's code."""
    model: str = ""
    provider: str = ""
    level: str = ""
    tools: list[str] = []
    kinds: list[str] = []
    tokens_before: int = 0
    tokens_after: int = 0
    bytes_in: int = 0
    latency_us: int = 0
    core_us: int = 0
    originals: int = 0
    origin_tools: list[str] = []
    origin_kinds: list[str] = []
    """Of each original that was issued for the first time, or retrieved: its tool, and its kinds."""
    unchanged: str = ""
    """Why nothing was saved, where a reason is known: below_min_tokens."""
