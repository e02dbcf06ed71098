"""The dashboard in a browser: every page in light and dark, on a desk and on a phone; filters, exports, keys."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import seeding
from browsing import DESKTOP, PHONE, barriers, chromium, screenshot, settle, window
from headroom.cloud.database import make_engine, migrate
from playwright.sync_api import Browser, Page, expect
from running import Service, service

EVENTS, DAYS = 3000, 70.0
PAGES = {
    "overview": "/dashboard?range=30d",
    "breakdown-model": "/dashboard/breakdown?by=model&range=30d",
    "breakdown-tool": "/dashboard/breakdown?by=tool&range=30d",
    "breakdown-key": "/dashboard/breakdown?by=key&range=30d",
    "breakdown-team": "/dashboard/breakdown?by=team&range=30d",
    "quality": "/dashboard/quality?range=30d",
    "policies": "/dashboard/policies",
    "policy": "/dashboard/policy?tool=search_flights",
    "requests": "/dashboard/requests?range=30d",
    "keys": "/dashboard/keys",
    "audit": "/dashboard/audit",
    "filtered": "/dashboard?range=30d&model=gpt-4o",
    "empty": "/dashboard?from=2020-01-01&until=2020-01-05",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return {}


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory, made: dict[str, str]) -> Iterator[Service]:
    """A month of a busy organisation, and something of it in the last minutes."""
    folder = tmp_path_factory.mktemp("browser")
    (folder / "data").mkdir()
    engine = make_engine(f"sqlite:///{folder / 'data' / 'headroom.db'}")
    migrate(engine)
    made.update(seeding.seed(engine, EVENTS, DAYS))
    engine.dispose()
    with service(folder, "--sign-ins-per-minute", "1000", "--key-refresh-s", "0.4") as server:
        yield server


def sign_in(page: Page, key: str) -> None:
    page.goto("/dashboard")
    page.get_by_label("Key", exact=True).fill(key)
    page.keyboard.press("Enter")
    page.wait_for_url("**/dashboard")
    settle(page)


@pytest.mark.parametrize("place", ["desk", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page(seeded: Service, browser: Browser, made: dict[str, str], theme: str, place: str) -> None:
    viewport = DESKTOP if place == "desk" else PHONE
    with window(browser, seeded.url, color_scheme=theme, viewport=viewport, has_touch=place == "phone") as page:
        page.goto("/dashboard")
        assert barriers(page) == []
        screenshot(page, f"sign-in-{theme}-{place}")
        sign_in(page, made["boss"])
        for name, path in PAGES.items():
            reply = page.goto(path)
            assert reply is not None
            assert reply.status == 200
            settle(page)
            screenshot(page, f"{name}-{theme}-{place}")
            if place == "desk" or theme == "light":
                # What differs between themes does not differ by width once more.
                assert (name, barriers(page)) == (name, [])
            # Wide tables scroll in themselves; the page never does.
            width = page.evaluate("document.documentElement.scrollWidth")
            assert (name, width) == (name, viewport["width"])


def test_a_page_that_says_what_is_wrong(seeded: Service, browser: Browser, made: dict[str, str]) -> None:
    with window(browser, seeded.url, expected=422) as page:
        sign_in(page, made["boss"])
        page.goto("/dashboard/breakdown?by=nothing")
        expect(page.get_by_role("heading")).to_have_text("This cannot be broken down by.")
        assert barriers(page) == []
        screenshot(page, "problem")


def test_charts_show_what_their_tables_say(seeded: Service, browser: Browser, made: dict[str, str]) -> None:
    with window(browser, seeded.url) as page:
        sign_in(page, made["board"])
        page.goto(PAGES["overview"])
        settle(page)
        drawn = page.evaluate(
            """() => [...document.querySelectorAll(".chart")].map((figure) => {
                const chart = Chart.getChart(figure.querySelector("canvas"));
                const table = document.getElementById(figure.dataset.table);
                const columns = [...table.tHead.rows[0].cells].flatMap((c, i) => (c.dataset.draw ? [i] : []));
                const told = columns.map((i) => [...table.tBodies[0].rows].map((row) => {
                    const value = row.cells[i].dataset.value;
                    return value === "" ? null : Number(value);
                }));
                return { name: figure.dataset.table, drawn: chart.data.datasets.map((d) => d.data), told };
            })"""
        )
        assert {one["name"] for one in drawn} == {"table-tokens", "table-dollars", "table-latency", "table-kinds"}
        for one in drawn:
            assert one["drawn"] == one["told"]
            assert sum(value or 0 for series in one["drawn"] for value in series) > 0
        # The table can be opened, and a chart has a name.
        page.get_by_text("Figures", exact=True).first.click()
        expect(page.locator("#table-tokens")).to_be_visible()
        expect(page.get_by_role("img", name="Chart: Tokens")).to_be_visible()


def test_range_and_filters_are_in_the_url(seeded: Service, browser: Browser, made: dict[str, str]) -> None:
    with window(browser, seeded.url) as page:
        sign_in(page, made["board"])
        page.get_by_role("list", name="Range").get_by_text("30d").click()
        page.wait_for_url("**/dashboard?range=30d")
        settle(page)
        all_of_them = page.locator(".value").first.get_attribute("title")
        page.get_by_label("Model", exact=True).select_option("gpt-4o")
        page.wait_for_url("**/dashboard?range=30d&model=gpt-4o")
        settle(page)
        some = page.locator(".value").first.get_attribute("title")
        assert some
        assert all_of_them
        assert 0 < int(some.replace(",", "")) < int(all_of_them.replace(",", ""))
        page.get_by_label("Level", exact=True).select_option("aggressive")
        page.wait_for_url("**/dashboard?range=30d&model=gpt-4o&level=aggressive")
        # Another page keeps them.
        page.get_by_role("navigation", name="Pages").get_by_text("Breakdown").click()
        page.wait_for_url("**/dashboard/breakdown?range=30d&model=gpt-4o&level=aggressive")
        page.get_by_role("navigation", name="By").get_by_text("Key").click()
        settle(page)
        expect(page.locator("#table-breakdown tbody tr")).to_have_count(3)
        page.get_by_text("Clear filters").click()
        page.wait_for_url(re.compile(r"/dashboard/breakdown\?range=30d$"))
        page.go_back()
        assert page.get_by_label("Model", exact=True).input_value() == "gpt-4o"
        # Dates in place of a range.
        page.goto("/dashboard")
        page.get_by_text("Dates", exact=True).click()
        page.get_by_label("From", exact=True).fill("2026-01-01")
        page.get_by_role("button", name="Show").click()
        page.wait_for_url("**/dashboard?from=2026-01-01&until=*")
        settle(page)


def test_older_requests_follow_page_by_page(seeded: Service, browser: Browser, made: dict[str, str]) -> None:
    def times(page: Page) -> list[str]:
        return page.locator("#table-requests tbody th").all_inner_texts()

    with window(browser, seeded.url) as page:
        sign_in(page, made["board"])
        page.goto("/dashboard/requests?range=30d&tool=ask_docs&level=balanced")
        first = times(page)
        assert len(first) == 100
        page.get_by_role("link", name="Older").click()
        page.wait_for_url("**tool=ask_docs*before=*")
        second = times(page)
        assert first + second == sorted(first + second, reverse=True)
        assert second[0] <= first[-1]
        page.get_by_role("link", name="Newest").click()
        page.wait_for_url(re.compile("tool=ask_docs$"))
        assert times(page) == first


def test_export(seeded: Service, browser: Browser, made: dict[str, str], tmp_path: Path) -> None:
    with window(browser, seeded.url) as page:
        sign_in(page, made["board"])
        page.goto("/dashboard/breakdown?by=model&range=30d&level=balanced")
        settle(page)
        shown = page.locator("#table-breakdown tbody tr").count()
        with page.expect_download() as waiting:
            page.get_by_role("link", name="CSV of By model").click()
        waiting.value.save_as(tmp_path / "out.csv")
        assert waiting.value.suggested_filename == "headroom-breakdown.csv"
        with (tmp_path / "out.csv").open(newline="") as file:
            lines = list(csv.reader(file))
        assert lines[0][:2] == ["name", "requests"]
        assert len(lines) == shown + 1 > 2


def test_the_theme_can_be_chosen_and_stays(seeded: Service, browser: Browser, made: dict[str, str]) -> None:
    def ground(page: Page) -> str:
        found: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return found

    with window(browser, seeded.url, color_scheme="light") as page:
        sign_in(page, made["board"])
        light = ground(page)
        page.get_by_role("button", name="Switch between light and dark").click()
        dark = ground(page)
        assert dark != light
        settle(page)
        page.goto("/dashboard/requests")
        assert ground(page) == dark
        page.get_by_role("button", name="Switch between light and dark").click()
        assert ground(page) == light
        # A browser that has chosen nothing follows the system.
    with window(browser, seeded.url, color_scheme="dark") as page:
        page.goto("/dashboard/sign-in")
        assert ground(page) == dark


def test_by_keyboard_alone(seeded: Service, browser: Browser, made: dict[str, str]) -> None:
    with window(browser, seeded.url) as page:
        sign_in(page, made["board"])
        page.keyboard.press("Tab")
        expect(page.get_by_text("Skip to content")).to_be_focused()
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        # The first stop after that is in the page, not in the menu.
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('main') !== null")
        page.goto("/dashboard/breakdown?by=tool&range=30d")
        settle(page)
        heading = page.locator("#table-breakdown thead").get_by_role("button", name="Requests")
        heading.focus()
        for order, state in (("descending", True), ("ascending", False)):
            page.keyboard.press("Enter")
            numbers = page.evaluate(
                "[...document.querySelectorAll('#table-breakdown tbody tr')].map(r => Number(r.cells[1].dataset.value))"
            )
            assert numbers == sorted(numbers, reverse=state)
            expect(page.locator("#table-breakdown [aria-sort]")).to_have_attribute("aria-sort", order)


def test_the_menu_on_a_phone(seeded: Service, browser: Browser, made: dict[str, str]) -> None:
    with window(browser, seeded.url, viewport=PHONE, has_touch=True) as page:
        sign_in(page, made["boss"])
        button = page.get_by_role("button", name="Menu")
        expect(page.get_by_role("navigation", name="Pages")).to_be_hidden()
        button.tap()
        expect(button).to_have_attribute("aria-expanded", "true")
        screenshot(page, "menu-phone")
        page.get_by_role("navigation", name="Pages").get_by_text("Quality").tap()
        page.wait_for_url("**/dashboard/quality")


def test_without_scripts_everything_can_be_read_and_done(
    seeded: Service, browser: Browser, made: dict[str, str]
) -> None:
    with window(browser, seeded.url, java_script_enabled=False) as page:
        page.goto("/dashboard")
        page.get_by_label("Key", exact=True).fill(made["boss"])
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Model", exact=True).select_option("gpt-4o")
        page.get_by_role("button", name="Apply").click()
        assert "model=gpt-4o" in page.url
        page.get_by_text("Figures", exact=True).first.click()
        expect(page.locator("#table-tokens")).to_be_visible()
        expect(page.locator("canvas").first).to_be_hidden()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/dashboard/sign-in")


def test_keys_are_made_and_revoked(seeded: Service, browser: Browser, made: dict[str, str]) -> None:
    with window(browser, seeded.url) as page:
        sign_in(page, made["boss"])
        page.get_by_role("navigation", name="Pages").get_by_text("Keys").click()
        page.get_by_label("Name").fill("team-new")
        page.get_by_label("Role").select_option("read")
        page.get_by_role("button", name="Make key").click()
        key = page.locator("#new-key").inner_text()
        assert re.fullmatch(r"hdr_[a-z0-9]{12}[A-Za-z0-9_-]{43}", key)
        assert barriers(page) == []
        with window(browser, seeded.url) as other:
            sign_in(other, key)
            row = page.get_by_role("row").filter(has_text="team-new")
            row.get_by_text("Revoke…").click()
            row.get_by_role("button", name="Revoke team-new").click()
            expect(page.get_by_role("status")).to_contain_text("revoked")
            expect(page.get_by_role("row").filter(has_text="team-new")).to_contain_text("revoked")
            # The session of the key is over.
            other.goto("/dashboard/quality")
            other.wait_for_url("**/dashboard/sign-in?next=*")


def test_a_key_is_put_into_a_team(seeded: Service, browser: Browser, made: dict[str, str]) -> None:
    with window(browser, seeded.url) as page:
        sign_in(page, made["boss"])
        page.goto("/dashboard/breakdown?by=team&range=30d")
        rows = page.locator("#table-breakdown tbody tr")
        expect(rows).to_have_count(3)
        expect(rows.filter(has_text="no team")).to_have_count(1)
        # Of all requests those of a team, as the overview has them.
        of_team = rows.filter(has_text="search").locator("td").first.get_attribute("data-value")
        rows.get_by_role("link", name="search").click()
        page.wait_for_url("**team=search**")
        expect(page.get_by_label("Team", exact=True)).to_have_value("search")
        assert of_team is not None
        expect(page.locator(f"[title='{int(of_team):,}']").first).to_be_attached()
        page.goto("/dashboard/keys")
        row = page.get_by_role("row").filter(has_text="team-support")
        row.get_by_text("Team…").click()
        assert barriers(page) == []
        row.get_by_label("Team of team-support").fill("search")
        row.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_contain_text("team was changed")
        page.goto("/dashboard/breakdown?by=team&range=30d")
        expect(rows).to_have_count(2)
        screenshot(page, "teams")


def test_sign_in_says_what_is_wrong_and_sign_out_ends_it(
    seeded: Service, browser: Browser, made: dict[str, str]
) -> None:
    with window(browser, seeded.url, expected=401) as page:
        page.goto("/dashboard")
        page.get_by_label("Key", exact=True).fill("hdr_wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("form of a key")
        assert barriers(page) == []
        sign_in(page, made["board"])
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/dashboard/sign-in")
        page.go_back()
        page.wait_for_url("**/dashboard/sign-in*")
