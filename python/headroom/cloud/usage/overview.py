"""What was saved, in one look: for the dashboard's first page and for `headroom stats`.

Made of answers of `/v1/stats` and of nothing else, so it comes out the same from a database and over HTTP.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from headroom.cloud.usage.span import Span
from headroom.cloud.usage.stats import PERCENTILES, latencies, percentile

Ask = Callable[[list[str], str, str, "str | None"], dict[str, Any]]
"""(group_by, from, to, step) to an answer of `/v1/stats`."""

RESULTS = {
    "compressed": "Compressed",
    "nothing_to_save": "Nothing to save: already short, or all of it is needed",
    "below_min_tokens": "Below min_tokens",
    "bypass": "Bypassed by the client",
    "busy": "Refused: the service was at its limit",
    "timeout": "Refused: waited too long",
    "rate_limited": "Refused: the key's rate limit",
    "body_too_large": "Refused: body too large",
    "invalid_json": "Refused: no usable JSON",
    "invalid_request": "Refused: JSON of another shape",
}


@dataclass(frozen=True)
class Overview:
    """Answers of `/v1/stats` for a span.

    Attributes:
        answer: totals, and groups by step.
        before: totals of the span before.
        models: groups by model.
        teams: groups by team, "" for keys without one; empty where no key has one.
        kinds: groups by kind; None where filters leave none.
        tools: groups by tool; likewise.
        results: groups by result; likewise.
        latency: per step its start and the percentiles in ms; likewise.
    """

    span: Span
    answer: dict[str, Any]
    before: dict[str, Any]
    models: list[dict[str, Any]]
    teams: list[dict[str, Any]]
    kinds: list[dict[str, Any]] | None
    tools: list[dict[str, Any]] | None
    results: list[dict[str, Any]] | None
    latency: list[dict[str, Any]] | None

    @property
    def totals(self) -> dict[str, Any]:
        """Totals of the span."""
        found: dict[str, Any] = self.answer["totals"]
        return found

    @property
    def compressed_share(self) -> float | None:
        """Share of the requests that came out shorter."""
        if not self.results:
            return None
        requests: dict[str, int] = {g["group"]["result"]: g["requests"] for g in self.results}
        return requests.get("compressed", 0) / sum(requests.values())


def gather(ask: Ask, span: Span, filtered: bool = False) -> Overview:
    """Asks for all of it; `filtered`: what is kept for all requests together only is left out."""

    def groups(*by: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = ask([*by], span.start, span.end, span.period)["groups"]
        return found

    teams = groups("team")
    return Overview(
        span=span,
        answer=ask([span.period], span.start, span.end, span.period),
        before=ask([], *span.before, span.before_step)["totals"],
        models=groups("model"),
        teams=teams if any(group["group"]["team"] for group in teams) else [],
        kinds=None if filtered else groups("kind"),
        tools=None if filtered else groups("tool"),
        results=None if filtered else groups("result"),
        latency=None if filtered else latency_by_step(groups("latency", span.period), span),
    )


def ratio(group: dict[str, Any]) -> float:
    """Fraction of the tokens removed."""
    return group["tokens_saved"] / group["tokens_before"] if group["tokens_before"] else 0.0


def latency_by_step(groups: list[dict[str, Any]], span: Span) -> list[dict[str, Any]]:
    """Percentiles per step that has requests."""
    by_step: dict[str, list[dict[str, Any]]] = {}
    for group in groups:
        by_step.setdefault(group["group"][span.period], []).append(group)
    out = []
    for step in sorted(by_step):
        counts = latencies(by_step[step])
        out.append({"at": step, **{name: percentile(counts, share) for name, share in PERCENTILES.items()}})
    return out


def result_name(result: str) -> str:
    """A result for people."""
    return RESULTS.get(result, f"Refused: {result.replace('_', ' ')}")
