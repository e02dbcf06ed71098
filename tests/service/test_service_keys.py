"""Keys, roles, limits, and organisations that try to see each other."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import payloads
import pytest
from headroom.cli import main
from headroom.cloud import keys
from running import JSON, Service, command, eventually, program, service

CCR = {"config": {"mode": "ccr"}}
REFRESH_S = 0.4


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return {}


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory, made: dict[str, str]) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("keyed")
    options = ["--data-dir", str(folder / "data")]
    for org, role in (("acme", "compress"), ("acme", "read"), ("acme", "admin"), ("globex", "admin")):
        text = command("keys", "create", "--org", org, "--name", role, "--role", role, "--json", *options)
        made[f"{org}/{role}"] = json.loads(text)["key"]
    env = {"HEADROOM_CLOUD_METRICS_TOKEN": "scrape-me"}
    with service(folder, "--key-refresh-s", str(REFRESH_S), env=env) as server:
        yield server


def test_a_key_is_shown_once_and_kept_as_a_digest(keyed: Service, made: dict[str, str]) -> None:
    listed = command("keys", "list", *keyed.options)
    for key in made.values():
        assert keys.prefix_of(key)
        secret = key[16:]
        assert key[:16] in listed
        assert secret not in listed
        assert secret not in keyed.log
        for path in (keyed.folder / "data").rglob("*"):
            assert not path.is_file() or secret.encode() not in path.read_bytes()


@pytest.mark.parametrize("header", ["authorization", "x-headroom-key"])
def test_both_headers_work(keyed: Service, made: dict[str, str], header: str) -> None:
    value = made["acme/compress"]
    headers = {header: f"Bearer {value}" if header == "authorization" else value}
    reply = keyed.client.post("/v1/saas/compress", json={"messages": payloads.chat()}, headers=headers)
    assert reply.status_code == 200


def wrong_keys(made: dict[str, str]) -> list[str | None]:
    right = made["acme/compress"]
    # Of a right form; the prefix of one and the secret of another; cut; longer; another character set.
    other = made["globex/admin"]
    changed = right[:-1] + ("A" if right[-1] != "A" else "B")
    wrong = ["hdr_" + "a" * 55, changed, right[:16] + other[16:], right[:-1], right + "a", "sk-123", "' OR 1=1 --"]
    return [None, *wrong]


def test_wrong_keys_get_one_answer(keyed: Service, made: dict[str, str]) -> None:
    for key in wrong_keys(made):
        for reply in (keyed.compress(payloads.chat(), key), keyed.get("/v1/stats", key)):
            assert reply.status_code == 401
            assert reply.headers["www-authenticate"] == "Bearer"
            assert key is None or key not in reply.text


def test_a_refused_body_is_not_read(keyed: Service) -> None:
    reply = keyed.client.post("/v1/compress", content=b"{" * 5_000_000, headers=JSON)
    assert reply.status_code == 401


MAY = {
    "compress": {"compress": 200, "retrieve": 404, "stats": 403, "usage.csv": 403, "audit": 403},
    "read": {"compress": 403, "retrieve": 403, "stats": 200, "usage.csv": 200, "audit": 403},
    "admin": {"compress": 200, "retrieve": 404, "stats": 200, "usage.csv": 200, "audit": 200},
}


@pytest.mark.parametrize("role", MAY)
def test_roles(keyed: Service, made: dict[str, str], role: str) -> None:
    key = made[f"acme/{role}"]
    seen = {"compress": keyed.compress(payloads.chat(), key).status_code}
    seen["retrieve"] = keyed.get("/v1/retrieve/0123456789abcdef01234567", key).status_code
    for name in ("stats", "usage.csv", "audit"):
        seen[name] = keyed.get(f"/v1/{name}", key).status_code
    assert seen == MAY[role]


def test_metrics_need_their_own_token(keyed: Service, made: dict[str, str]) -> None:
    assert keyed.get("/metrics").status_code == 401
    assert keyed.get("/metrics", made["acme/admin"]).status_code == 401
    text = keyed.get("/metrics", "scrape-me").text
    assert "headroom_requests_total" in text
    for word in ("acme", "globex", "org_", "key_"):
        assert word not in text


def test_one_organisation_cannot_retrieve_what_another_compressed(keyed: Service, made: dict[str, str]) -> None:
    ours, theirs = made["acme/admin"], made["globex/admin"]
    (hash_,) = keyed.compress(payloads.chat(), ours, **CCR).json()["ccr_hashes"]
    assert keyed.get(f"/v1/retrieve/{hash_}", ours).status_code == 200
    # Another key of the same organisation may.
    assert keyed.get(f"/v1/retrieve/{hash_}", made["acme/compress"]).status_code == 200
    foreign, unknown = keyed.get(f"/v1/retrieve/{hash_}", theirs), keyed.get("/v1/retrieve/" + "0" * 24, theirs)
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json()["error"] == unknown.json()["error"]
    for trick in (f"{hash_}?owner=acme", f"{hash_}/", f"../retrieve/{hash_}", hash_[:12], hash_.upper(), f"{hash_}%00"):
        assert keyed.client.get(f"/v1/retrieve/{trick}", headers={"x-headroom-key": theirs}).status_code in (404, 422)


def test_equal_texts_of_two_organisations_have_different_hashes(keyed: Service, made: dict[str, str]) -> None:
    hashes = [
        keyed.compress(payloads.chat(), made[f"{org}/admin"], **CCR).json()["ccr_hashes"] for org in ("acme", "globex")
    ]
    assert hashes[0] != hashes[1]
    # Nor does the memo of one show in the other's text.
    bodies = [
        keyed.compress(payloads.chat(), made[f"{org}/admin"], **CCR).json()["messages"][3] for org in ("acme", "globex")
    ]
    assert hashes[0][0] in str(bodies[0])
    assert hashes[1][0] in str(bodies[1])


def test_figures_of_organisations_are_apart(keyed: Service, made: dict[str, str]) -> None:
    def models(org: str) -> set[str]:
        groups = keyed.get("/v1/stats", made[f"{org}/admin"], group_by="model").json()["groups"]
        return {g["group"]["model"] for g in groups}

    keyed.compress(payloads.chat(), made["globex/admin"], model="globex-secret")
    eventually(lambda: "globex-secret" in models("globex"))
    assert "globex-secret" not in models("acme")
    assert "globex-secret" not in keyed.get("/v1/usage.csv", made["acme/admin"]).text
    for trick in ("globex", "' OR ''='"):
        reply = keyed.get("/v1/stats", made["acme/admin"], organisation=trick, org=trick, organisation_id=trick)
        assert reply.json()["organisation"] == "acme"
    entries = keyed.get("/v1/audit", made["acme/admin"]).json()["entries"]
    assert {e["detail"].get("name") for e in entries} >= {"compress", "read", "admin"}
    assert "globex" not in json.dumps(entries)


def test_rate_limits(keyed: Service) -> None:
    key = keyed.make_key("acme", "slow", "compress", "--requests-per-minute", "6")
    replies = [keyed.compress([], key) for _ in range(8)]
    assert [r.status_code for r in replies] == [200] * 6 + [429] * 2
    assert 5 <= int(replies[-1].headers["retry-after"]) <= 12
    assert replies[-1].json()["error"]["allowed"] == "6 requests a minute"
    # Another key is not held up.
    assert keyed.compress([], keyed.make_key("acme", "other")).status_code == 200


def test_size_limits(keyed: Service) -> None:
    key = keyed.make_key("acme", "small", "compress", "--max-body-kb", "8")
    assert keyed.compress([{"role": "user", "content": "x" * 7000}], key).status_code == 200
    reply = keyed.compress([{"role": "user", "content": "x" * 9000}], key)
    assert (reply.status_code, reply.json()["error"]["allowed"]) == (413, "8192 bytes")


def test_a_revoked_key_stops_working(keyed: Service) -> None:
    key = keyed.make_key("acme", "short-lived")
    assert keyed.compress([], key).status_code == 200
    command("keys", "revoke", "--org", "acme", "--name", "short-lived", *keyed.options)
    start = time.monotonic()
    eventually(lambda: keyed.compress([], key).status_code == 401)
    # The rest is for a machine with much else to do.
    assert time.monotonic() - start < REFRESH_S + 10


def test_rotation_with_overlap(keyed: Service) -> None:
    old = keyed.make_key("acme", "turning")
    text = command(
        "keys", "rotate", "--org", "acme", "--name", "turning", "--overlap-hours", "1", "--json", *keyed.options
    )
    new = json.loads(text)["key"]
    assert [keyed.compress([], key).status_code for key in (old, new)] == [200, 200]
    text = command("keys", "rotate", "--org", "acme", "--name", "turning", "--json", *keyed.options)
    newest = json.loads(text)["key"]
    eventually(lambda: keyed.compress([], new).status_code == 401)
    assert keyed.compress([], newest).status_code == 200
    log = command("keys", "log", "--org", "acme", *keyed.options)
    assert log.count("key.revoke") >= 2
    assert "cli:" in log


def test_expired_keys(keyed: Service) -> None:
    key = keyed.make_key("acme", "expired", "compress", "--expires-days", "0")
    assert keyed.compress([], key).status_code == 401


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["create", "--org", "a", "--name", "b", "--role", "root"], "allowed: compress, read, admin"),
        (["create", "--org", "a\nb", "--name", "b"], "is not allowed"),
        (["create", "--org", "acme", "--name", "admin"], "rotate or revoke"),
        (["revoke", "--org", "nobody", "--name", "b"], "no organisation"),
        (["revoke", "--org", "acme", "--name", "nothing"], "no active key"),
    ],
)
def test_the_command_says_what_is_wrong(
    keyed: Service, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", *words, *keyed.options]) == 1
    assert message in capsys.readouterr().err


def test_no_keys_no_other_machines(tmp_path: Any) -> None:
    done = program("serve", "--host", "0.0.0.0", "--port", "0", "--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert "headroom keys create" in done.stderr
    assert "--allow-no-keys" in done.stderr


def test_the_service_stays_closed_when_all_keys_are_revoked(tmp_path: Any) -> None:
    options = ["--data-dir", str(tmp_path / "data")]
    command("keys", "create", "--org", "acme", "--name", "ci", *options)
    command("keys", "revoke", "--org", "acme", "--name", "ci", *options)
    with service(tmp_path) as server:
        assert server.compress(payloads.chat()).status_code == 401


def test_the_first_key_closes_a_running_service(tmp_path: Any) -> None:
    with service(tmp_path, "--key-refresh-s", "0.4") as server:
        assert server.compress([]).status_code == 200
        key = server.make_key("acme")
        eventually(lambda: server.compress([]).status_code == 401)
        assert server.compress([], key).status_code == 200


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--workers", "2"], "add --redis"),
        (["--tls-cert", "/nowhere"], "both --tls-cert and --tls-key"),
        (["--database", "mysql://user:hunter2@db/x"], "sqlite://"),
        (["--database", "postgresql://user:hunter2@127.0.0.1:1/x"], "check that it runs"),
        (["--level", "hunter2"], "--level"),
        (["--port", "99999"], "--port"),
    ],
)
def test_serve_says_what_is_wrong_and_shows_no_password(
    tmp_path: Any, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--data-dir", str(tmp_path), *words]) == 1
    said = capsys.readouterr()
    assert message in said.err
    assert "hunter2" not in said.err + said.out
