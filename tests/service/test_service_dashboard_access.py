"""Who gets at the dashboard, and at what of it: sessions, cookies, roles, forged forms."""

from __future__ import annotations

import html
import re
from typing import Any

import httpx
import pytest
from dashboards import browser, sign_in, token
from headroom.cloud.dashboard.page import MENU
from running import Service, command, eventually, service

PAGES = [entry.path for entry in MENU]


# Signing in


@pytest.mark.parametrize("path", [*PAGES, "/dashboard/policies/export", "/dashboard/policy?tool=x"])
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
    "/dashboard/policy": {"tool": "x", "structure": "0" * 16, "path": "$.a", "state": "pinned"},
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
    for page in ("/dashboard/policies", "/dashboard/policy?tool=x"):
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
