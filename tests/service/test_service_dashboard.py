"""The dashboard over HTTP: who may see what, forged forms, cookies, and figures that are the API's."""

from __future__ import annotations

import contextlib
import csv
import datetime
import hashlib
import html
import io
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import payloads
import pytest
from headroom.cloud.dashboard import files
from headroom.cloud.dashboard.page import MENU
from running import Service, command, eventually, service

CCR = {"config": {"mode": "ccr"}}
FORM = {"content-type": "application/x-www-form-urlencoded"}
PAGES = [entry.path for entry in MENU]
EVIL = '<script>alert("x")</script>'
CHART_SHA256 = "2812cb8825fdc57469eb2f7bb055e9429244e599920511ee477e828499b632cb"


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return {}


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory, made: dict[str, str]) -> Iterator[Service]:
    """Two organisations with some requests of each."""
    folder = tmp_path_factory.mktemp("dashboard")
    options = ["--data-dir", str(folder / "data")]
    for org, role in (("acme", "compress"), ("acme", "read"), ("acme", "admin"), ("globex", "admin")):
        text = command("keys", "create", "--org", org, "--name", role, "--role", role, "--json", *options)
        made[f"{org}/{role}"] = json.loads(text)["key"]
    with service(folder, "--key-refresh-s", "0.4", "--sign-ins-per-minute", "1000") as server:
        for model in ("gpt-4o", "claude-sonnet-4-5", EVIL):
            for org in ("acme", "acme", "globex"):
                name = f"globex-{model}"[:40] if org == "globex" else model
                assert server.compress(payloads.chat(), made[f"{org}/admin"], model=name, **CCR).status_code == 200
        headers = {"x-headroom-bypass": "true", "authorization": f"Bearer {made['acme/compress']}"}
        server.client.post("/v1/compress", json={"messages": payloads.chat()}, headers=headers)
        (hash_,) = server.compress(payloads.chat(), made["acme/admin"], **CCR).json()["ccr_hashes"]
        assert server.get(f"/v1/retrieve/{hash_}", made["acme/admin"]).json()["original_content"] == payloads.OUTPUT
        wanted = {"compressions": 7, "bypassed": 1, "retrievals": 1}
        eventually(lambda: wanted.items() <= server.get("/v1/stats", made["acme/read"]).json()["totals"].items())
        yield server


def browser(server: Service) -> httpx.Client:
    """A client with cookies, as a browser has them; follows no redirect."""
    return httpx.Client(base_url=server.url, timeout=30, trust_env=False)


def token(text: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', text)
    assert found
    return found[1]


@contextlib.contextmanager
def sign_in(server: Service, key: str) -> Iterator[httpx.Client]:
    with browser(server) as client:
        form = {"csrf": token(client.get("/dashboard/sign-in").text), "key": key}
        assert client.post("/dashboard/sign-in", data=form).status_code == 303
        yield client


@pytest.fixture(scope="module")
def admin(keyed: Service, made: dict[str, str]) -> Iterator[httpx.Client]:
    with sign_in(keyed, made["acme/admin"]) as client:
        yield client


@pytest.fixture(scope="module")
def reader(keyed: Service, made: dict[str, str]) -> Iterator[httpx.Client]:
    with sign_in(keyed, made["acme/read"]) as client:
        yield client


def cells(text: str, table: str) -> list[list[str]]:
    """Rows of a table: its cells' values, of numbers the exact ones."""
    found = re.search(rf'id="table-{table}".*?<tbody>(.*?)</tbody>', text, re.S)
    assert found, table
    rows = []
    for row in re.findall(r"<tr>(.*?)</tr>", found[1], re.S):
        parts = re.findall(r'<t[hd](?: [^>]*?data-value="([^"]*)")?[^>]*>(.*?)</t[hd]>', row, re.S)
        rows.append([value or html.unescape(re.sub(r"<[^>]*>", "", shown)).strip() for value, shown in parts])
    return rows


# Signing in


@pytest.mark.parametrize("path", [*PAGES, "/dashboard/policies/export", "/dashboard/policies/x"])
def test_without_a_session_every_page_leads_to_the_sign_in(keyed: Service, path: str) -> None:
    with browser(keyed) as client:
        reply = client.get(path, params={"range": "30d"})
        assert reply.status_code == 303
        assert reply.headers["location"].startswith("/dashboard/sign-in?next=%2Fdashboard")
        # A key in a header signs nobody in: a page is for people.
        assert client.get(path, headers={"authorization": "Bearer hdr_x"}).status_code == 303


def test_sign_in_and_out(keyed: Service, made: dict[str, str]) -> None:
    with sign_in(keyed, made["acme/read"]) as client:
        page = client.get("/dashboard")
        assert page.status_code == 200
        assert "acme" in page.text
        assert client.get("/dashboard/sign-in").headers["location"] == "/dashboard"
        stolen = dict(client.cookies)
        assert client.post("/dashboard/sign-out", data={"csrf": token(page.text)}).status_code == 303
        assert client.get("/dashboard").status_code == 303
        # The session is over in the database, too.
        assert httpx.get(keyed.url + "/dashboard", cookies=stolen, trust_env=False).status_code == 303


def test_the_cookie(keyed: Service, made: dict[str, str]) -> None:
    with browser(keyed) as client:
        first = client.get("/dashboard/sign-in")
        before = client.cookies["headroom"]
        form = {"csrf": token(first.text), "key": made["acme/read"]}
        reply = client.post("/dashboard/sign-in", data=form)
        (line,) = reply.headers.get_list("set-cookie")
        assert {part.strip().lower() for part in line.split(";")[1:]} == {
            "httponly", "samesite=lax", "path=/", f"max-age={12 * 3600}",
        }  # fmt: skip
        # A cookie that was planted before the sign-in is worth nothing after it.
        after = client.cookies["headroom"]
        assert after != before
        planted = httpx.get(keyed.url + "/dashboard", cookies={"headroom": before}, trust_env=False)
        assert planted.status_code == 303
    for path in (keyed.folder / "data").rglob("*"):
        assert not path.is_file() or after.encode() not in path.read_bytes()


def test_behind_tls_the_cookie_is_for_tls_only(tmp_path: Any) -> None:
    options = ["--data-dir", str(tmp_path / "data")]
    command("keys", "create", "--org", "acme", "--name", "board", "--role", "read", *options)
    with service(tmp_path, "--trusted-proxies", "127.0.0.1") as server:
        reply = server.client.get("/dashboard/sign-in", headers={"x-forwarded-proto": "https"})
    (line,) = reply.headers.get_list("set-cookie")
    assert line.startswith("__Host-headroom=")
    assert "Secure" in line
    assert "strict-transport-security" in reply.headers


ELSEWHERE = (
    "//evil.example",
    "https://evil.example/dashboard",
    "/v1/stats",
    "/dashboard\\@evil",
    "/dashboardx",
    "js:1",
)


@pytest.mark.parametrize("next", ELSEWHERE)
def test_the_sign_in_sends_nobody_elsewhere(keyed: Service, made: dict[str, str], next: str) -> None:
    with browser(keyed) as client:
        page = client.get("/dashboard/sign-in", params={"next": next})
        form = {"csrf": token(page.text), "key": made["acme/read"], "next": next}
        assert client.post("/dashboard/sign-in", data=form).headers["location"] == "/dashboard"


def test_the_sign_in_goes_on_where_it_was_asked_for(keyed: Service, made: dict[str, str]) -> None:
    with browser(keyed) as client:
        asked = client.get("/dashboard/breakdown?by=tool&range=30d").headers["location"]
        form = {"csrf": token(client.get(asked).text), "key": made["acme/read"]}
        form["next"] = html.unescape(re.search(r'name="next" value="([^"]*)"', client.get(asked).text)[1])  # type: ignore[index]
        reply = client.post("/dashboard/sign-in", data=form)
        assert reply.headers["location"] == "/dashboard/breakdown?by=tool&range=30d"


def test_who_cannot_sign_in(keyed: Service, made: dict[str, str]) -> None:
    with browser(keyed) as client:
        for key, status in (("hdr_" + "a" * 55, 401), ("", 401), ("x" * 5000, 401), (made["acme/compress"], 403)):
            form = {"csrf": token(client.get("/dashboard/sign-in").text), "key": key}
            reply = client.post("/dashboard/sign-in", data=form)
            assert reply.status_code == status
            assert 'role="alert"' in reply.text
            assert not key or key not in reply.text
            assert client.get("/dashboard").status_code == 303


def test_too_many_tries_are_slowed_down(tmp_path: Any) -> None:
    options = ["--data-dir", str(tmp_path / "data")]
    command("keys", "create", "--org", "acme", "--name", "board", "--role", "read", *options)
    with service(tmp_path) as server, browser(server) as client:
        form = {"csrf": token(client.get("/dashboard/sign-in").text), "key": "hdr_" + "b" * 55}
        replies = [client.post("/dashboard/sign-in", data=form) for _ in range(12)]
        assert [r.status_code for r in replies] == [401] * 10 + [429] * 2
        assert int(replies[-1].headers["retry-after"]) >= 1


def test_a_revoked_key_ends_its_sessions(keyed: Service) -> None:
    key = keyed.make_key("acme", "leaving", "read")
    with sign_in(keyed, key) as client:
        assert client.get("/dashboard").status_code == 200
        command("keys", "revoke", "--org", "acme", "--name", "leaving", *keyed.options)
        assert client.get("/dashboard").status_code == 303
        assert client.get("/dashboard?format=csv&sheet=tokens").status_code == 303


# Forged requests


POSTS = {
    "/dashboard/keys": {"name": "forged", "role": "admin"},
    "/dashboard/keys/revoke": {"name": "read"},
    "/dashboard/policies/learning": {"mode": "off"},
    "/dashboard/policies/import": {"document": '{"headroom_policy": 1, "tools": {}}'},
    "/dashboard/policies/x": {"structure": "0" * 16, "path": "$.a", "state": "pinned"},
    "/dashboard/sign-out": {"now": "yes"},
}


@pytest.mark.parametrize("path", POSTS)
def test_a_form_needs_the_sessions_token(keyed: Service, admin: httpx.Client, reader: httpx.Client, path: str) -> None:
    good, others = token(admin.get("/dashboard/keys").text), token(reader.get("/dashboard").text)
    for given in (None, "", others, good[:-1], good.upper()):
        fields = {**POSTS[path], **({} if given is None else {"csrf": given})}
        reply = admin.post(path, data=fields)
        assert (reply.status_code, "stale_form" in reply.text) == (403, True)
    form = {**POSTS[path], "csrf": good}
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        assert admin.post(path, data=form, headers=headers).status_code == 403
    assert admin.post(path, json=form).status_code == 415
    listed = command("keys", "list", "--org", "acme", "--json", *keyed.options)
    assert "forged" not in listed
    assert "revoked" not in [
        line.split()[-1] for line in listed.splitlines() if " read " in line and "leaving" not in line
    ]
    assert admin.get("/dashboard").status_code == 200


def test_a_sign_in_cannot_be_forged_either(keyed: Service, made: dict[str, str]) -> None:
    with browser(keyed) as client:
        assert client.post("/dashboard/sign-in", data={"key": made["acme/read"]}).status_code == 403


# What a role may


def test_roles(keyed: Service, admin: httpx.Client, reader: httpx.Client) -> None:
    for entry in MENU:
        assert admin.get(entry.path).status_code == 200
        assert reader.get(entry.path).status_code == (200 if entry.permission == "read" else 403)
        assert (f'href="{entry.path}' in reader.get("/dashboard").text) == (entry.permission == "read")
    form = {"csrf": token(reader.get("/dashboard").text)}
    for path, fields in POSTS.items():
        if path != "/dashboard/sign-out":
            assert reader.post(path, data={**form, **fields}).status_code == 403
    for page in ("/dashboard/policies", "/dashboard/policies/x"):
        assert 'name="state"' not in reader.get(page).text
        assert 'name="mode"' not in reader.get(page).text


def test_one_organisation_sees_nothing_of_another(keyed: Service, made: dict[str, str], admin: httpx.Client) -> None:
    with sign_in(keyed, made["globex/admin"]) as other:
        for path in PAGES:
            assert "globex" not in admin.get(path, params={"range": "90d", "by": "model"}).text
            assert "acme" not in other.get(path).text
        form = {"csrf": token(other.get("/dashboard/keys").text), "name": "read"}
        assert other.post("/dashboard/keys/revoke", data=form).status_code == 422
    assert admin.get("/dashboard").status_code == 200


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
    for by in ("model", "kind", "tool", "key"):
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
    for path in (*PAGES, "/dashboard/policies/x", "/dashboard/sign-in"):
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


# Without keys


def test_without_keys_no_sign_in_is_needed_until_the_first_is_made(tmp_path: Any) -> None:
    with service(tmp_path, "--key-refresh-s", "0.4") as server, browser(server) as client:
        page = client.get("/dashboard")
        assert page.status_code == 200
        assert "No requests in this range yet" in page.text
        # Another site's page can neither send a form, nor reach this one by a name of its own.
        form = {"name": "first", "role": "admin", "csrf": "0" * 64}
        assert client.post("/dashboard/keys", data=form).status_code == 403
        assert client.get("/dashboard", headers={"host": "evil.example"}).status_code == 421
        form["csrf"] = token(client.get("/dashboard/keys").text)
        assert client.post("/dashboard/keys", data=form, headers={"origin": "http://localhost:1"}).status_code == 403
        key = re.search(r"hdr_[a-z0-9]{12}[A-Za-z0-9_-]{43}", client.post("/dashboard/keys", data=form).text)[0]  # type: ignore[index]
        eventually(lambda: client.get("/dashboard").status_code == 303)
        with sign_in(server, key) as signed_in:
            assert signed_in.get("/dashboard/keys").status_code == 200
