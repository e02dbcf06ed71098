"""Policies: what was learned about the fields of each tool, on what evidence, and the switches (role admin)."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.engine import Connection
from starlette.responses import Response

from headroom.cloud.dashboard.page import HEADERS, HOME, Page
from headroom.cloud.dashboard.sheet import Column, Sheet
from headroom.cloud.errors import ServiceError
from headroom.cloud.learning import counters, policies
from headroom.cloud.usage.rollup import DAY_S

PATH = f"{HOME}/policies"
TOOL_PATH = f"{HOME}/policy"
"""The tool is a parameter: its name may have any characters."""
MODES = {
    "on": "learn and apply",
    "observe": "learn, apply nothing",
    "off": "neither",
}
STATES = {
    "auto": "by evidence",
    "pinned": "keep",
    "forbidden": "drop",
}
STATE_CLASSES = {"dropped": "good", "kept": "plain", "pinned": "chosen", "forbidden": "bad"}
SHOWN_VERSIONS = 20
COUNTED_DAYS = 7
COUNTS = {
    "pins_new": "Conversations begun",
    "pins_lost": "Running conversations without a pin: their history may have been rewritten",
    "pins_failed": "Pins that could not be asked for: compressed without a policy",
    "local_fallbacks": "Requests that a client compressed itself, without the policy",
    "policies_missing": "Versions that were not to be found",
    "policies_refused": "Versions that the core refused",
    "requests_learned": "Requests that were learned from",
    "requests_not_learned": "Requests that there was no time to learn from",
    "retrievals_learned": "Retrievals that were learned from",
}
"""What `/v1/stats` counts, in words."""

TOOLS = (
    Column("tool", "Tool"),
    Column("structure", "Structure", "code", "Digest of the shape of its JSON."),
    Column("conversations", "Conversations", "count", "In which this output was seen."),
    Column("fields", "Fields", "count"),
    Column("dropped_count", "Dropped", "count", "Fields that are left out, behind a mark."),
    Column("retrieved", "Retrieved", "count", "Conversations that fetched a field after it was left out."),
    Column("changes", "Changes of use", "count", "How often a field came into use, or fell out of it."),
)
FIELDS = (
    Column("path", "Field", "code"),
    Column("state", "State", "badge"),
    Column("why", "Why", "long"),
    Column("used", "Used", "count", "Conversations that used it, of those seen."),
    Column("seen", "Seen", "count", "Conversations in which its use could be told; older ones fade."),
    Column("retrieved", "Retrieved", "count", "Of those, that fetched it after it was left out."),
    Column("use_at_most", "Used at most", "share", "Upper bound of its use, 95 % sure."),
)
VERSIONS = (
    Column("version", "Version"),
    Column("dropped", "Dropped", "count", "Fields that it leaves out."),
    Column("made", "Made (UTC)", "moment"),
    Column("reason", "Why", "badge"),
    Column("actor", "Who"),
)


async def show(page: Page) -> Response:
    """All tools, the switch, and the versions."""
    default = page.service.settings.learning

    def read(connection: Connection) -> tuple[Any, Any, Any]:
        id, now_s = page.who.organisation_id, int(time.time())
        found = policies.list_policies(connection, id, default)
        counts = counters.read(connection, id, now_s - (COUNTED_DAYS - 1) * DAY_S, now_s + 1)
        return found, policies.versions(connection, id, SHOWN_VERSIONS), counts

    found, versions, counts = await page.ask(read)
    rows = [
        {**row, "dropped_count": len(row["dropped"]), "href": f"{TOOL_PATH}?{urlencode({'tool': row['tool']})}"}
        for row in found["tools"]
    ]
    tools = Sheet("tools", "Tools", TOOLS, rows, "What was learned about the outputs of each.")
    tools.empty = "Nothing was learned yet: it takes some conversations with JSON from tools."
    made = Sheet("versions", "Versions", VERSIONS, [{**v, "state_class": "plain"} for v in versions])
    made.about = "A conversation keeps the version that it began with."
    made.empty = "There is no version yet: everything is kept."
    return page.show(
        "policies.html", [tools, made, _counted(counts)], policy=found, modes=MODES, may_change=page.may("admin"),
        done=page.query.get("done", ""),
    )  # fmt: skip


def _counted(counts: dict[str, int]) -> Sheet:
    """What went on with conversations and their versions."""
    rows = [{"what": words, "count": counts.get(name, 0)} for name, words in COUNTS.items()]
    columns = (Column("what", "What happened"), Column("count", "How often", "count"))
    return Sheet("counts", "Conversations", columns, rows, f"In the last {COUNTED_DAYS} days.")


async def show_tool(page: Page) -> Response:
    """The evidence of one tool, field by field, with switches."""
    tool = page.query.get("tool", "").replace("\0", "")
    found = await page.ask(policies.get_tool, page.who.organisation_id, tool)
    sheets = []
    for about in found["structures"]:
        rows = [{**field, "state_class": STATE_CLASSES[field["state"]]} for field in about["fields"]]
        sheets.append(Sheet(about["structure"], f"Structure {about['structure']}", FIELDS, rows))
    return page.show(
        "policy.html", sheets, tool=tool, found=found, states=STATES, may_change=page.may("admin"),
        done=page.query.get("done", ""), changed=page.query.get("field", ""),
    )  # fmt: skip


async def set_field(page: Page) -> Response:
    """Pins or forbids a field, or leaves it to the evidence."""
    form = page.form
    tool = form.get("tool", "")
    given = [form.get(name, "") for name in ("structure", "path", "state")]
    done = await page.ask(policies.set_state, page.who.organisation_id, page.visitor.actor, tool, *given)
    return page.redirect(TOOL_PATH, tool=tool, done=str(done["version"]), field=done["path"])


async def set_mode(page: Page) -> Response:
    """Switches learning."""
    default = page.service.settings.learning
    shared = None if "shared" not in page.form else page.form["shared"] == "yes"
    await page.ask(
        policies.set_learning,
        page.who.organisation_id,
        page.visitor.actor,
        default,
        page.form.get("mode") or None,
        shared,
    )
    return page.redirect(PATH, done="switched")


async def export(page: Page) -> Response:
    """The policy as a document."""
    given = page.query.get("version", "")
    version = int(given) if given.isascii() and given.isdigit() and len(given) < 10 else None
    document = await page.ask(policies.export_policy, page.who.organisation_id, version)
    name = f"headroom-policy-{document['version']}.json"
    headers = {**HEADERS, "content-disposition": f'attachment; filename="{name}"'}
    return Response(json.dumps(document, indent=1) + "\n", 200, headers, "application/json")


async def take_over(page: Page) -> Response:
    """Takes over a document that was pasted."""
    try:
        document = json.loads(page.form.get("document", ""))
    except (ValueError, RecursionError):
        raise ServiceError(422, "invalid_policy", "This is not JSON.", action="Paste the whole document.") from None
    await page.ask(policies.import_policy, page.who.organisation_id, page.visitor.actor, document)
    return page.redirect(PATH, done="imported")
