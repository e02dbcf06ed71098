"""The figures of an overview as tiles and sheets: for the first page, for breakdowns, and for `headroom stats`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headroom.cloud.dashboard import formats
from headroom.cloud.dashboard.formats import change
from headroom.cloud.dashboard.sheet import Column, Sheet
from headroom.cloud.keys import NO_TEAM
from headroom.cloud.usage.overview import Overview, ratio, result_name
from headroom.cloud.usage.stats import FILTERS

NOT_FILTERED = "Kept for all requests together, so it is not shown while a filter is set."
NOT_ADDED = "A request with several of them counts for each, with all its tokens, so rows do not add up to the total."
BY = {
    "model": "Model", "tool": "Tool", "kind": "Kind", "key": "Key", "team": "Team", "provider": "Provider",
    "level": "Level",
}  # fmt: skip
TOP = 6
TOP_COLUMNS = ("name", "requests", "tokens_saved", "ratio", "saved_usd")

FIGURES = (
    Column("requests", "Requests", "count"),
    Column("tokens_before", "Before", "tokens", "Tokens of the messages as they came."),
    Column("tokens_after", "Sent", "tokens", "Tokens of the messages as they went out.", draw=True),
    Column("tokens_saved", "Saved", "tokens", "Before less sent.", draw=True),
    Column("ratio", "Removed", "share", "Saved as a share of before.", bar=True),
)
PER_REQUEST = (
    Column("saved_usd", "Saved $", "dollars", "At the price of fresh tokens."),
    Column("saved_usd_at_cached_prices", "Saved $, cached", "dollars", "At the price of tokens from a cache."),
    Column("mean_latency_ms", "Latency", "ms", "Mean time in the service."),
    Column("errors", "Errors", "count", "Requests that were refused or failed."),
)


def top(found: Overview, by: str, link: Callable[[str], str] | None = None) -> Sheet:
    """The models, tools or teams with which most was saved, in few columns."""
    groups = {"model": found.models, "tool": found.tools, "team": found.teams}[by]
    made = breakdown(f"{by}s", by, groups or [], {}, link)
    made.title = f"Top {by}s"
    made.columns = [column for column in made.columns if column.name in TOP_COLUMNS]
    if groups is None:
        made.empty = NOT_FILTERED
    left = len(made.rows) - TOP
    made.rows = made.rows[:TOP]
    made.note = "More are on the Breakdown page." if left > 0 else ""
    return made


def breakdown(
    id: str, by: str, groups: list[dict[str, Any]], names: dict[str, str], link: Callable[[str], str] | None = None
) -> Sheet:
    """A sheet of groups by a key of `BY`; `link`: where a value leads."""
    columns = [Column("name", BY[by]), *FIGURES, *(PER_REQUEST if by in FILTERS else ())]
    rows = []
    for group in groups:
        value = group["group"][by]
        row = {column.name: group.get(column.name) for column in columns}
        if group.get("tokens_saved_without_price") and group["tokens_saved_without_price"] == group["tokens_saved"]:
            # None of it has a price: that is not nothing.
            row.update(dict.fromkeys(row.keys() & {"saved_usd", "saved_usd_at_cached_prices"}))
        value = value or (NO_TEAM if by == "team" else "")
        name = names.get(value, value) if by == "key" else value
        row.update(name=name, ratio=ratio(group))
        if value and link is not None:
            row["href"] = link(value)
        rows.append(row)
    made = Sheet(id, f"By {BY[by].lower()}", columns, rows)
    made.note = NOT_ADDED if by in ("tool", "kind") and rows else ""
    return made


def _steps(found: Overview) -> list[dict[str, Any]]:
    """Figures of every step, also of those without requests."""
    period = found.span.period
    have = {g["group"][period]: g for g in found.answer["groups"]}
    return [{"at": at, **have.get(at, {})} for at in found.span.steps]


def over_time(found: Overview) -> Sheet:
    """Tokens by step."""
    columns = (
        Column("at", "Time (UTC)", "moment"),
        Column("tokens_before", "Before", "tokens", "Tokens of the messages as they came."),
        Column("tokens_after", "Sent", "tokens", "Tokens of the messages as they went out.", draw=True),
        Column("tokens_saved", "Saved", "tokens", "Before less sent.", draw=True),
        Column("compression_ratio", "Removed", "share", "Saved as a share of before."),
        Column("requests", "Requests", "count"),
    )
    names = [c.name for c in columns[1:]]
    rows = [{"at": step["at"], **{name: step.get(name, 0) for name in names}} for step in _steps(found)]
    return Sheet("tokens", "Tokens", columns, rows, "Sent to the model and saved.", "stacked")


def dollars(found: Overview) -> Sheet:
    """Dollars by step."""
    columns = (
        Column("at", "Time (UTC)", "moment"),
        Column("saved_usd", "At fresh prices", "dollars", "As if no provider cache had held the tokens.", draw=True),
        Column("saved_usd_at_cached_prices", "At cached prices", "dollars", "As if one had held all.", draw=True),
    )
    rows = [{"at": s["at"], **{c.name: s.get(c.name, 0.0) for c in columns[1:]}} for s in _steps(found)]
    sheet = Sheet("dollars", "Dollars saved", columns, rows, "The truth lies between the lines.", "line")
    if found.totals["saved_usd"] is None:
        sheet.rows, sheet.empty = [], "Prices come from LiteLLM's table: install litellm beside the service."
    elif found.totals["tokens_saved_without_price"]:
        left = formats.tokens(found.totals["tokens_saved_without_price"])
        sheet.note = f"{left} saved tokens are of models without a known price, and not in here."
    return sheet


def kinds(found: Overview) -> Sheet:
    """Tokens by kind of content."""
    columns = (
        Column("kind", "Kind"),
        Column("tokens_after", "Sent", "tokens", draw=True),
        Column("tokens_saved", "Saved", "tokens", draw=True),
        Column("ratio", "Removed", "share"),
        Column("requests", "Requests", "count"),
    )
    rows = [
        {**{c.name: g.get(c.name) for c in columns}, "kind": g["group"]["kind"], "ratio": ratio(g)}
        for g in found.kinds or []
    ]
    sheet = Sheet("kinds", "By kind of content", columns, rows, "Requests in which this kind was compressed.", "bars")
    sheet.note = "A request counts for each kind in it, with all its tokens." if rows else ""
    if found.kinds is None:
        sheet.empty = NOT_FILTERED
    return sheet


def results(found: Overview) -> Sheet:
    """What became of the requests."""
    columns = (
        Column("name", "What became of it"),
        Column("requests", "Requests", "count"),
        Column("share", "Share", "share", bar=True),
    )
    groups = found.results or []
    total = sum(g["requests"] for g in groups)
    rows = [
        {"name": result_name(g["group"]["result"]), "requests": g["requests"], "share": g["requests"] / total}
        for g in sorted(groups, key=lambda g: -g["requests"])
    ]
    sheet = Sheet("results", "Compressed, or why not", columns, rows, "Each request once.")
    if found.results is None:
        sheet.empty = NOT_FILTERED
    return sheet


def latency(found: Overview) -> Sheet:
    """Latency by step."""
    columns = (
        Column("at", "Time (UTC)", "moment"),
        Column("latency_p50_ms", "Median", "ms", draw=True),
        Column("latency_p95_ms", "95th percentile", "ms", draw=True),
    )
    have = {row["at"]: row for row in found.latency or []}
    rows = [have.get(at, {"at": at}) for at in found.span.steps] if have else []
    sheet = Sheet(
        "latency", "Latency added", columns, rows, "In the service, from a request's head to its answer.", "line"
    )
    sheet.note = "From counts in steps, right to within a fifth." if rows else ""
    if found.latency is None:
        sheet.empty = NOT_FILTERED
    return sheet


def tiles(found: Overview) -> list[dict[str, Any]]:
    """The figures at the top."""
    now, before = found.totals, found.before
    steps = _steps(found)
    if found.span.is_running:
        # The step that runs would look like a fall.
        steps = steps[:-1]

    def line(name: str) -> str:
        return sparkline([float(step.get(name) or 0) for step in steps])

    share = found.compressed_share
    return [
        {
            "label": "Tokens saved", "value": formats.tokens(now["tokens_saved"]),
            "exact": formats.count(now["tokens_saved"]), "good": "up",
            "change": change(now["tokens_saved"], before["tokens_saved"]), "spark": line("tokens_saved"),
            "about": f"of {formats.tokens(now['tokens_before'])} that came in",
        },
        {
            "label": "Dollars saved", "value": formats.dollars(now["saved_usd"]),
            "exact": "" if now["saved_usd"] is None else f"${now['saved_usd']:,.6f}", "good": "up",
            "change": change(now["saved_usd"], before["saved_usd"]), "spark": line("saved_usd"),
            "about": "no prices: litellm is not installed" if now["saved_usd"] is None
            else f"{formats.dollars(now['saved_usd_at_cached_prices'])} at cached prices",
        },
        {
            "label": "Removed", "value": formats.share(now["compression_ratio"]),
            "exact": str(now["compression_ratio"]), "good": "up",
            "change": change(now["compression_ratio"], before["compression_ratio"]),
            "spark": line("compression_ratio"), "about": "of the tokens that came in",
        },
        {
            "label": "Requests", "value": formats.tokens(now["requests"]), "exact": formats.count(now["requests"]),
            "good": "", "change": change(now["requests"], before["requests"]), "spark": line("requests"),
            "about": f"{formats.share(share)} came out shorter" if share is not None
            else f"{formats.count(now['compressions'])} compressions",
        },
        {
            "label": "Latency added", "value": formats.ms(now["latency_p50_ms"] or now["mean_latency_ms"] or None),
            "exact": "", "good": "down",
            "change": change(now["mean_latency_ms"], before["mean_latency_ms"]),
            "spark": line("mean_latency_ms"),
            "about": f"95th percentile {formats.ms(now['latency_p95_ms'])}" if now["latency_p95_ms"] else "mean",
        },
    ]  # fmt: skip


def sparkline(values: list[float], width: float = 120.0, height: float = 28.0) -> str:
    """Points of a line through the values, for SVG; empty if there is nothing to see."""
    top = max(values, default=0.0)
    if top <= 0 or len(values) < 2:
        return ""
    step = width / (len(values) - 1)
    return " ".join(f"{i * step:.1f},{1 + (height - 2) * (1 - value / top):.1f}" for i, value in enumerate(values))
