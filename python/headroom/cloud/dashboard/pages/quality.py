"""Quality: what was asked for again after it had been left out, by tool and kind: there it was cut too hard."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Connection
from starlette.responses import Response

from headroom.cloud.dashboard import formats
from headroom.cloud.dashboard.figures import NOT_FILTERED, sparkline
from headroom.cloud.dashboard.page import Page
from headroom.cloud.dashboard.sheet import Column, Sheet
from headroom.cloud.dashboard.view import options
from headroom.cloud.usage.overview import ratio

OFTEN = 0.10
"""From this share of retrievals on a row is marked: each one costs a call of the model more."""
ENOUGH = 5
"""Fewer retrievals say nothing."""

COLUMNS = (
    Column("rate", "Retrieval rate", "share", "Retrieved as a share of left out.", bar=True),
    Column("verdict", "Verdict", "badge"),
    Column("got", "Retrieved", "count", "How often such an output, or a part of it, was fetched."),
    Column("cut", "Left out", "count", "Outputs from which something was left out behind a hash, each counted once."),
    Column("ratio", "Removed", "share", "Tokens removed of the requests with it."),
)


async def show(page: Page) -> Response:
    """The page."""
    view = page.view

    def read(connection: Connection) -> tuple[Any, ...]:
        def groups(name: str) -> dict[str, dict[str, Any]]:
            return {g["group"][name]: g for g in page.stats(connection, [name])["groups"]}

        totals = page.stats(connection, [view.span.period])
        before = page.stats(connection, [], view.span.before_step, start=view.span.before[0], end=view.span.before[1])[
            "totals"
        ]
        sheets = []
        for name, title in (("tool", "Tool"), ("kind", "Kind of content")):
            found = [] if view.where else rows(groups(f"cut_{name}"), groups(f"got_{name}"), groups(name))
            sheets.append(Sheet(f"{name}s", f"By {title.lower()}", (Column("name", title), *COLUMNS), found))
        return totals, before, sheets, options(connection, page.who.organisation_id, view)

    answer, before, sheets, choices = await page.ask(read)
    for sheet in sheets:
        sheet.empty = NOT_FILTERED if view.where else (
            "Nothing was left out behind a hash in this range. Requests with config.mode “ccr” get hashes."
        )  # fmt: skip
    by_step = {g["group"][view.span.period]: g for g in answer["groups"]}
    steps = [{"at": at, **by_step.get(at, {})} for at in view.span.steps]
    sheets.insert(0, over_time(steps))
    sheets[0].is_unfinished = view.span.is_running
    values = {
        "tiles": tiles(answer["totals"], before, steps[:-1] if view.span.is_running else steps),
        "often": OFTEN,
        "choices": choices,
    }
    return page.show("quality.html", sheets, view=view, **values)


def rows(cut: dict[str, Any], got: dict[str, Any], tokens: dict[str, Any]) -> list[dict[str, Any]]:
    """One row for each name, what is fetched most often first."""
    made = []
    for name in {*cut, *got}:
        issued = cut.get(name, {}).get("requests", 0)
        fetched = got.get(name, {}).get("requests", 0)
        rate = fetched / issued if issued else None
        is_often = fetched >= ENOUGH and (rate is None or rate >= OFTEN)
        verdict = "cut too hard?" if is_often else "few yet" if fetched < ENOUGH and issued < 50 else "fine"
        made.append(
            {
                "name": name, "cut": issued, "got": fetched, "rate": rate, "verdict": verdict,
                "ratio": ratio(tokens[name]) if name in tokens else None,
                "state": "bad" if is_often else "good" if verdict == "fine" else "plain",
            }
        )  # fmt: skip
    return sorted(made, key=lambda row: (-(row["rate"] or 0), -row["cut"], row["name"]))


def over_time(steps: list[dict[str, Any]]) -> Sheet:
    """Retrievals by step."""
    columns = (
        Column("at", "Time (UTC)", "moment"),
        Column("retrievals", "Retrieved", "count", draw=True),
        Column("retrievals_failed", "Not found", "count", "Expired, unknown, or the store is away.", draw=True),
        Column("originals", "Hashes in replies", "count", "Of all requests, repeated ones too."),
    )
    rows = [{"at": step["at"], **{c.name: step.get(c.name, 0) for c in columns[1:]}} for step in steps]
    return Sheet("retrievals", "Retrievals", columns, rows, "What readers fetched by hash.", "line")


def tiles(now: dict[str, Any], before: dict[str, Any], steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The figures at the top."""
    asked = now["retrievals"] + now["retrievals_failed"]
    found = now["retrievals"] / asked if asked else None
    return [
        {
            "label": "Retrievals", "value": formats.tokens(now["retrievals"]), "good": "down",
            "exact": formats.count(now["retrievals"]), "about": "originals fetched by hash",
            "change": formats.change(now["retrievals"], before["retrievals"]),
            "spark": sparkline([float(s.get("retrievals", 0)) for s in steps]),
        },
        {
            "label": "Per 100 compressions", "good": "down", "exact": "", "spark": "", "about": "retrievals",
            "value": f"{100 * now['retrievals'] / now['compressions']:.1f}" if now["compressions"] else formats.NONE,
            "change": formats.change(_rate(now), _rate(before)),
        },
        {
            "label": "Found", "value": formats.share(found), "good": "", "exact": "", "spark": "", "change": None,
            "about": f"of {formats.count(asked)} asked for" if asked else "nothing was asked for",
        },
    ]  # fmt: skip


def _rate(totals: dict[str, Any]) -> float | None:
    return totals["retrievals"] / totals["compressions"] if totals["compressions"] else None
