"""Numbers, shares, money and times for people, with units. Exact values stand in titles and exports."""

from __future__ import annotations

import datetime
from typing import Any

NONE = "–"
_STEPS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def count(value: float | None) -> str:
    """1,234 of things that are counted one by one."""
    return NONE if value is None else f"{value:,.0f}"


def tokens(value: float | None) -> str:
    """12.3 M: three digits that can be compared at a glance."""
    if value is None:
        return NONE
    for size, unit in _STEPS:
        # From the point where rounding would give 1,000 of the smaller unit.
        if abs(value) >= size * 0.9995:
            return f"{_three(value / size)}\u202f{unit}"
    return f"{value:,.0f}"


def _three(value: float) -> str:
    size = abs(value)
    return f"{value:.2f}" if size < 9.995 else f"{value:.1f}" if size < 99.95 else f"{value:.0f}"


def share(value: float | None) -> str:
    """42.3 % of a fraction."""
    if value is None:
        return NONE
    percent = value * 100
    if 0 < percent < 0.1:
        return "< 0.1\u202f%"
    return f"{percent:.1f}\u202f%"


def dollars(value: float | None) -> str:
    """$12.34; more digits where there is little."""
    if value is None:
        return NONE
    size = abs(value)
    if size >= 1e6:
        return f"${tokens(value)}"
    if size >= 1000:
        return f"${value:,.0f}"
    if 0 < size < 0.0001:
        return "< $0.0001"
    return f"${value:.2f}" if size >= 1 or size == 0 else f"${value:.4f}"


def ms(value: float | None) -> str:
    """12.3 ms, or seconds from one second on."""
    if value is None:
        return NONE
    if value >= 1000:
        return f"{value / 1000:.2f}\u202fs"
    return f"{value:.1f}\u202fms" if value < 100 else f"{value:.0f}\u202fms"


def moment(value: str | float | None) -> str:
    """A time in UTC, of an ISO time or seconds since 1970; midnight is a date."""
    if value is None or value == "":
        return NONE
    at = _datetime(value)
    return at.strftime("%Y-%m-%d") if (at.hour, at.minute, at.second) == (0, 0, 0) else at.strftime("%Y-%m-%d %H:%M")


def second(value: str | float | None) -> str:
    """A time with its seconds."""
    return NONE if value is None or value == "" else _datetime(value).strftime("%Y-%m-%d %H:%M:%S")


def _datetime(value: str | float) -> datetime.datetime:
    if isinstance(value, str):
        return datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
    return datetime.datetime.fromtimestamp(value, datetime.timezone.utc)


def text(value: Any) -> str:
    """A name, or a dash where there is none."""
    return NONE if value is None or value == "" else str(value)


FORMS = {
    "text": text,
    "code": text,
    "badge": text,
    "list": text,
    "long": text,
    "count": count,
    "tokens": tokens,
    "share": share,
    "dollars": dollars,
    "ms": ms,
    "moment": moment,
    "second": second,
}
"""How a column is shown, by name; numbers stand right."""
NUMBERS = frozenset({"count", "tokens", "share", "dollars", "ms"})


def change(now: float | None, before: float | None) -> dict[str, str] | None:
    """A change against the span before: its direction and text; None if there is nothing to compare with."""
    if now is None or not before:
        return None
    part = now / before - 1
    if abs(part) < 0.0005:
        return {"direction": "same", "text": "no change"}
    size = f"{abs(part) * 100:.1f}\u202f%" if abs(part) < 9.995 else f"{now / before:,.0f}×"
    return {"direction": "up" if part > 0 else "down", "text": size}
