"""A switch in the dashboard, followed by the conversations that begin after it, and by no other."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from browsing import barriers, chromium, screenshot, settle, window
from headroom._core import json_structure
from playwright.sync_api import Browser, expect
from running import Service, eventually, service

TOOL = "search_flights"
FIELD = "$.flights[].fare_basis"
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def open_to_all(tmp_path: Any) -> Iterator[Service]:
    """Without keys, as on a developer's machine; looks for new versions often."""
    with service(tmp_path, "--key-refresh-s", "0.4") as server:
        yield server


def output(number: int) -> str:
    rows = [
        {"flight_id": f"HAT{i:03d}", "price": 100 + i * number, "fare_basis": f"B{i * 7919 + number:08x}"}
        for i in range(20)
    ]
    return json.dumps({"flights": rows})


STRUCTURE = json_structure(output(1))[0]  # type: ignore[index]


def conversation(number: int, turns: int = 0) -> list[dict[str, Any]]:
    call = {"id": f"call_{number:08d}", "type": "function", "function": {"name": TOOL, "arguments": "{}"}}
    rows: list[dict[str, Any]] = [
        {"role": "user", "content": "What is there today?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": output(number)},
    ]
    for turn in range(turns):
        rows += [{"role": "assistant", "content": "HAT000."}, {"role": "user", "content": f"And then? {turn}"}]
    return rows


def test_a_switch_holds_for_conversations_that_begin_after_it(open_to_all: Service, browser: Browser) -> None:
    def sent(number: int, turns: int = 0) -> str:
        """The tool's output as the model gets it."""
        text: str = open_to_all.compress(conversation(number, turns)).json()["messages"][2]["content"]
        return text

    def drops(text: str) -> bool:
        # The values; the name of the field stands in the mark.
        return "B000000" not in text

    running = next(numbers)
    before = sent(running)
    assert not drops(before)
    known = {"seen": 100, "used": 40, "retrieved": 0, "use_at_most": 0.5, "state": "kept", "why": ""}
    document = {"headroom_policy": 1, "tools": {TOOL: {STRUCTURE: {"drop": [], "fields": {FIELD: known}}}}}
    with window(browser, open_to_all.url) as page:
        page.goto("/dashboard/policies")
        page.get_by_text("Take over a policy").click()
        page.get_by_label("Document (JSON)").fill(json.dumps(document))
        page.get_by_role("button", name="Take over").click()
        expect(page.get_by_role("status")).to_contain_text("taken over")
        page.get_by_role("link", name=TOOL).click()
        row = page.get_by_role("row").filter(has_text=FIELD)
        expect(row.locator(".badge")).to_have_text("kept")

        row.get_by_role("button", name="drop").click()
        expect(page.get_by_role("status")).to_contain_text("running ones stay as they are")
        expect(row.locator(".badge")).to_have_text("forbidden")
        assert barriers(page) == []
        settle(page)
        screenshot(page, "policy-switched")
        dropping = eventually(lambda: next((n for n in [next(numbers)] if drops(sent(n))), None))
        assert dropping is not None
        after = sent(dropping)
        for turns in (0, 1, 3):
            assert sent(running, turns) == before
            assert sent(dropping, turns) == after

        # Back again: the conversation that began meanwhile stays as it is, a new one has the field.
        row.get_by_role("button", name="keep").click()
        expect(row.locator(".badge")).to_have_text("pinned")
        keeping = eventually(lambda: next((n for n in [next(numbers)] if not drops(sent(n))), None))
        assert keeping is not None
        assert sent(running, 4) == before
        assert sent(dropping, 4) == after
        assert not drops(sent(keeping, 2))

        # Learning off: nothing is left out of new conversations either.
        row.get_by_role("button", name="drop").click()
        expect(row.locator(".badge")).to_have_text("forbidden")
        eventually(lambda: drops(sent(next(numbers))))
        page.get_by_role("link", name="Policies").first.click()
        page.get_by_role("button", name="off: neither").click()
        expect(page.get_by_role("heading", name="Learning is off")).to_be_visible()
        eventually(lambda: not drops(sent(next(numbers))))
        with page.expect_download() as waiting:
            page.get_by_role("link", name="Policy as JSON").click()
        exported = json.loads(waiting.value.path().read_text())
        assert exported["tools"][TOOL][STRUCTURE]["drop"] == [FIELD]
        page.goto("/dashboard/audit")
        for word in ("policy.import", "policy.forbidden", "policy.pinned", "learning.switch"):
            expect(page.locator("#table-audit")).to_contain_text(word)
