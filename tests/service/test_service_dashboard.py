"""The dashboard over HTTP: figures that are the API's, exports, keys, and what a browser is told."""

from __future__ import annotations

import csv
import datetime
import hashlib
import html
import io
import json
import re
from typing import Any

import httpx
import payloads
import pytest
from dashboards import EVIL, cells, sign_in, token
from headroom.cloud.dashboard import files
from headroom.cloud.dashboard.page import MENU
from running import Service, eventually

PAGES = [entry.path for entry in MENU]
CHART_SHA256 = "2812cb8825fdc57469eb2f7bb055e9429244e599920511ee477e828499b632cb"


# Figures


@pytest.mark.parametrize("range", ["1h", "24h", "7d", "30d", "90d"])
def test_figures_are_the_apis(keyed: Service, made: dict[str, str], reader: httpx.Client, range: str) -> None:
    page = reader.get("/dashboard", params={"range": range}).text
    api = html.unescape(re.search(r'href="(/v1/stats[^"]*)"', page)[1])  # type: ignore[index]

    def ask(**more: str) -> Any:
        # The client would take the parameters of the address away if it got others beside.
        address = api + "".join(f"&{name}={value}" for name, value in more.items())
        return keyed.client.get(address, headers={"x-headroom-key": made["acme/read"]}).json()

    totals = ask()["totals"]
    assert totals["compressions"] == 7
    rows = cells(page, "tokens")
    for column, name in ((1, "tokens_before"), (2, "tokens_after"), (3, "tokens_saved"), (5, "requests")):
        assert sum(int(row[column]) for row in rows) == totals[name] > 0
    assert f'title="{totals["tokens_saved"]:,}"' in page
    for by in ("model", "kind", "tool", "key", "team"):
        groups = ask(group_by=by)["groups"]
        shown = cells(reader.get("/dashboard/breakdown", params={"range": range, "by": by}).text, "breakdown")
        assert [[int(v) for v in row[1:5]] for row in shown] == [
            [g[n] for n in ("requests", "tokens_before", "tokens_after", "tokens_saved")] for g in groups
        ]
    results = ask(group_by="result")["groups"]
    assert {g["group"]["result"]: g["requests"] for g in results} == {"compressed": 7, "bypass": 1}
    assert sorted(int(row[1]) for row in cells(page, "results")) == [1, 7]


def test_filters_narrow_page_and_api_alike(keyed: Service, made: dict[str, str], reader: httpx.Client) -> None:
    key = made["acme/read"]
    for name, value, expected in (("model", "gpt-4o", 3), ("provider", "anthropic", 2), ("level", "lossless", 0)):
        totals = keyed.get("/v1/stats", key, **{name: value}).json()["totals"]
        assert (name, totals["compressions"]) == (name, expected)
        page = reader.get("/dashboard", params={name: value, "range": "24h"}).text
        saved = sum(int(row[3]) for row in cells(page, "tokens")) if expected else 0
        assert saved == totals["tokens_saved"]
        assert ("Nothing in this range." in page) == (not expected)
        assert "while a filter is set" in page
        assert f'<option value="{value}" selected>' in page
    both = keyed.get("/v1/stats", key, model=["gpt-4o", "claude-sonnet-4-5"], group_by="model").json()
    assert {g["group"]["model"] for g in both["groups"]} == {"gpt-4o", "claude-sonnet-4-5"}
    reply = keyed.get("/v1/stats", key, model="gpt-4o", group_by="tool")
    assert (reply.status_code, reply.json()["error"]["code"]) == (422, "invalid_parameter")


ODD = ("range=2y", "from=now", "from=2026-01-02&until=2026-01-01", "from=2999-01-01", "by=secret", "format=csv&sheet=x")


@pytest.mark.parametrize("query", ODD)
def test_what_is_not_allowed_is_said_on_a_page(reader: httpx.Client, query: str) -> None:
    reply = reader.get(f"/dashboard/breakdown?{query}")
    assert reply.status_code in (404, 422)
    assert reply.headers["content-type"].startswith("text/html")
    assert "Error " in reply.text


def test_a_range_of_dates(reader: httpx.Client) -> None:
    today = datetime.datetime.now(datetime.timezone.utc).date()
    for first, last in ((today, today), (today - datetime.timedelta(days=40), today)):
        page = reader.get("/dashboard", params={"from": str(first), "until": str(last)}).text
        assert sum(int(row[5]) for row in cells(page, "tokens")) == 9


def test_quality_counts_what_was_left_out_once(keyed: Service, reader: httpx.Client) -> None:
    page = reader.get("/dashboard/quality").text
    (row,) = cells(page, "tools")
    # Name, rate, verdict, retrieved, left out: seven outputs of the newest turn, one fetched.
    assert (row[0], row[3], row[4]) == ("grep", "1", "7")
    assert float(row[1]) == pytest.approx(1 / 7)
    assert sum(int(r[1]) for r in cells(page, "retrievals")) == 1


def test_requests_show_figures_and_no_content(keyed: Service, reader: httpx.Client) -> None:
    page = reader.get("/dashboard/requests").text
    rows = cells(page, "requests")
    assert len(rows) == 9
    assert [r[1] for r in rows].count("Compressed") == 7
    assert "payment" not in page
    assert len(cells(reader.get("/dashboard/requests?tool=grep").text, "requests")) == 8
    assert 'id="table-requests"' not in reader.get("/dashboard/requests?tool=gre_").text
    assert 'id="table-requests"' not in reader.get("/dashboard/requests?tool=%25").text
    assert len(cells(reader.get("/dashboard/requests?model=claude-sonnet-4-5").text, "requests")) == 2


def test_policies_show_evidence(keyed: Service, admin: httpx.Client) -> None:
    # A name that would be a path, a query and a parameter.
    tool, structure = "db/look up?x=1&y", "0123456789abcdef"
    known = {"seen": 300, "used": 0, "retrieved": 0, "use_at_most": 0.01, "state": "dropped", "why": ""}
    fields = {"$.a": known, "$.b": {**known, "used": 200, "state": "kept"}, "$.c": known}
    document = {"headroom_policy": 1, "tools": {tool: {structure: {"drop": ["$.a"], "fields": fields}}}}
    form = {"csrf": token(admin.get("/dashboard/policies").text), "document": json.dumps(document)}
    assert admin.post("/dashboard/policies/import", data=form).status_code == 303
    (row,) = cells(admin.get("/dashboard/policies").text, "tools")
    assert row[:5] == [tool, structure, "300", "3", "2"]
    (address,) = re.findall(r'href="(/dashboard/policy\?[^"]*)"', admin.get("/dashboard/policies").text)
    page = admin.get(html.unescape(address)).text
    assert "3 fields, 2 dropped." in page
    link = html.unescape(re.search(r'href="([^"]*format=csv[^"]*)"', page)[1])  # type: ignore[index]
    lines = {line["path"]: line for line in csv.DictReader(io.StringIO(admin.get(link).text))}
    assert {path: line["state"] for path, line in lines.items()} == {"$.a": "dropped", "$.b": "kept", "$.c": "dropped"}
    exported = admin.get("/dashboard/policies/export").json()
    assert exported["tools"][tool][structure]["drop"] == ["$.a", "$.c"]
    for wrong in ("", "[", '{"headroom_policy": 2}'):
        assert admin.post("/dashboard/policies/import", data={**form, "document": wrong}).status_code == 422
    for field in ({"state": "never"}, {"path": "a"}, {"structure": "x"}):
        asked = {"tool": tool, "structure": structure, "path": "$.a", "state": "pinned", "csrf": form["csrf"], **field}
        assert admin.post("/dashboard/policy", data=asked).status_code == 422


# Exports


def test_csv_is_what_the_page_shows(reader: httpx.Client) -> None:
    shown = {"/dashboard": "tokens", "/dashboard/breakdown?by=model": "breakdown", "/dashboard/requests": "requests"}
    for path, sheet in shown.items():
        page = reader.get(path).text
        link = html.unescape(re.search(rf'href="([^"]*format=csv[^"]*sheet={sheet})"', page)[1])  # type: ignore[index]
        reply = reader.get(link)
        assert reply.headers["content-type"].startswith("text/csv")
        assert reply.headers["content-disposition"] == f'attachment; filename="headroom-{sheet}.csv"'
        lines = list(csv.reader(io.StringIO(reply.text)))
        assert len(lines) - 1 == len(cells(page, sheet))
        assert all(len(line) == len(lines[0]) for line in lines)


def test_csv_holds_no_formulas(keyed: Service, made: dict[str, str], reader: httpx.Client) -> None:
    for name in ("@SUM(1)", "-1+1", "+2"):
        keyed.compress(payloads.chat(), made["globex/admin"], model=name)
    with sign_in(keyed, made["globex/admin"]) as other:
        link = "/dashboard/breakdown?by=model&format=csv&sheet=breakdown"
        eventually(lambda: "+2" in other.get(link).text)
        names = [line[0] for line in csv.reader(io.StringIO(other.get(link).text))]
    assert not [name for name in names if name[:1] in "=+-@"]


# What a browser is told


def test_headers(keyed: Service, reader: httpx.Client) -> None:
    for path in (*PAGES[:5], "/dashboard/sign-in"):
        headers = reader.get(path).headers
        policy = headers.get_list("content-security-policy")
        assert len(policy) == 1
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy[0]
        assert "unsafe" not in policy[0]
        assert "frame-ancestors 'none'" in policy[0]
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
    # The API's own are as strict as they were.
    assert keyed.get("/healthz").headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_pages_have_no_script_style_or_address_of_others_in_them(admin: httpx.Client) -> None:
    for path in (*PAGES, "/dashboard/policy?tool=x", "/dashboard/sign-in"):
        text = admin.get(path, follow_redirects=True).text
        assert not re.search(r"<script(?! src=\"/dashboard/static/)", text)
        assert not re.search(r"<style|\sstyle=|\son\w+=", text)
        for address in re.findall(r'(?:src|href|action)="([^"]*)"', text):
            assert address.startswith(("/", "#")), address


def test_names_that_clients_choose_are_text(keyed: Service, reader: httpx.Client) -> None:
    for path in ("/dashboard?range=24h", "/dashboard/breakdown?by=model", "/dashboard/requests"):
        text = reader.get(path).text
        assert "alert" in text
        assert "<script>alert" not in text
    for query in ("by=<script>alert(1)</script>", 'range="><img src=x>', "from=<b>"):
        reply = reader.get(f"/dashboard/breakdown?{query}")
        assert reply.status_code == 422
        assert "<b>" not in reply.text
        assert "<img src=x" not in reply.text
        assert "<script>alert" not in reply.text
    found = reader.get("/dashboard/requests", params={"tool": EVIL, "model": EVIL}).text
    assert EVIL not in found
    assert html.escape(EVIL, quote=False).replace('"', "&#34;") in found


def test_files_are_cached_under_their_digest(keyed: Service, reader: httpx.Client) -> None:
    page = reader.get("/dashboard").text
    links = set(re.findall(r'(?:src|href)="(/dashboard/static/[^"]*)"', page))
    assert len(links) >= 5
    for link in links:
        reply = keyed.client.get(link)
        assert reply.status_code == 200
        assert "immutable" in reply.headers["cache-control"]
        assert keyed.client.get(link.partition("?")[0] + "?v=old").headers["cache-control"] == "no-store"
    for name in ("nothing.js", "..%2fpage.py", "chart.LICENSE.md"):
        assert keyed.get(f"/dashboard/static/{name}").status_code == 404


def test_the_chart_library_is_the_one_that_was_published() -> None:
    assert hashlib.sha256(files.all_files()["chart.umd.js"].body).hexdigest() == CHART_SHA256


# Keys


def test_a_key_is_made_shown_once_and_revoked(keyed: Service, admin: httpx.Client) -> None:
    csrf = token(admin.get("/dashboard/keys").text)
    form = {"csrf": csrf, "name": "team-x", "role": "compress", "requests_per_minute": "100", "expires_days": "30"}
    reply = admin.post("/dashboard/keys", data=form)
    assert reply.headers["cache-control"] == "no-store"
    key = re.search(r"hdr_[a-z0-9]{12}[A-Za-z0-9_-]{43}", reply.text)[0]  # type: ignore[index]
    assert keyed.compress([], key).status_code == 200
    page = admin.get("/dashboard/keys").text
    assert key not in page
    assert key[:16] in page
    # The name is in use.
    reply = admin.post("/dashboard/keys", data=form)
    assert (reply.status_code, "already" in reply.text) == (422, True)
    reply = admin.post("/dashboard/keys/revoke", data={"csrf": csrf, "name": "team-x"})
    assert reply.status_code == 303
    eventually(lambda: keyed.compress([], key).status_code == 401)
    log = admin.get("/dashboard/audit").text
    for word in ("key.create", "key.revoke", "key:admin", "dashboard.sign_in"):
        assert word in log


WRONG = (("role", "root"), ("name", ""), ("name", EVIL), ("requests_per_minute", "-1"), ("expires_days", "x"))


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_a_key_that_cannot_be_made(admin: httpx.Client, field: str, value: str) -> None:
    form = {"csrf": token(admin.get("/dashboard/keys").text), "name": "fine", "role": "read", field: value}
    reply = admin.post("/dashboard/keys", data=form)
    assert reply.status_code == 422
    assert 'role="alert"' in reply.text
    assert EVIL not in reply.text
