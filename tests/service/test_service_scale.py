"""Two workers on PostgreSQL and Redis: the same answers from each, shared limits, draining, TLS."""

from __future__ import annotations

import concurrent.futures
import datetime
import http.client
import ipaddress
import json
import os
import re
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import payloads
import pytest
from running import JSON, Service, eventually, service, settled
from servers import Postgres, Redis

CCR = {"config": {"mode": "ccr"}}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, redis: Redis) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("fleet")
    words = ("--redis", redis.url, "--workers", "2", "--auth", "keys")
    env = {"HEADROOM_CLOUD_METRICS_TOKEN": "scrape-me"}
    with service(folder, *words, database=postgres.database(), env=env) as made:
        eventually(lambda: len(made.workers()) == 2)
        yield made


@pytest.fixture(scope="module")
def key(fleet: Service) -> str:
    return fleet.make_key("acme", "ci", "admin")


def fresh(service: Service, method: str, path: str, key: str, **more: Any) -> httpx.Response:
    """A request over a connection of its own, so that any worker may get it."""
    headers = {"connection": "close", **({"authorization": f"Bearer {key}"} if key else {})}
    return httpx.request(method, service.url + path, headers=headers, timeout=30, trust_env=False, **more)


def post(service: Service, key: str, messages: Any, **more: Any) -> httpx.Response:
    return fresh(service, "POST", "/v1/compress", key, json={"model": "gpt-4o", "messages": messages, **more})


def salted(salt: object) -> list[dict[str, Any]]:
    rows = payloads.chat()
    for row in (1, 3):
        rows[row]["content"] = rows[row]["content"].replace("payment", f"payment{salt}")
    return rows


def test_all_workers_give_the_same_answer(fleet: Service, key: str) -> None:
    bodies = {post(fleet, key, payloads.chat(), **CCR).content for _ in range(12)}
    assert len(bodies) == 1


def test_what_one_worker_keeps_every_other_can_retrieve(fleet: Service, key: str) -> None:
    for salt in range(6):
        body = post(fleet, key, salted(salt), **CCR).json()
        for hash_ in body["ccr_hashes"]:
            for _ in range(4):
                found = fresh(fleet, "GET", f"/v1/retrieve/{hash_}", key)
                assert found.json()["original_content"] == salted(salt)[3]["content"]
        assert body["ccr_hashes"]


def test_figures_of_all_workers_add_up(fleet: Service, key: str) -> None:
    def done() -> tuple[int, int]:
        totals = fleet.get("/v1/stats", key).json()["totals"]
        return totals["compressions"], totals["tokens_before"]

    before = settled(done)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda i: post(fleet, key, salted(f"a{i}")).json(), range(40)))
    wanted = (before[0] + 40, before[1] + sum(r["tokens_before"] for r in replies))
    eventually(lambda: done() == wanted)


def test_metrics_are_of_all_workers(fleet: Service, key: str) -> None:
    def counted() -> set[float]:
        pattern = r'requests_total\{route="/v1/compress",status="200"\} ([0-9.]+)'
        found = [re.search(pattern, fresh(fleet, "GET", "/metrics", "scrape-me").text) for _ in range(5)]
        return {float(m[1]) for m in found if m}

    post(fleet, key, [])
    # A request is counted just after its answer went out.
    (before,) = settled(counted, 0.5)
    for _ in range(20):
        post(fleet, key, [])
    eventually(lambda: counted() == {before + 20})


def test_a_limit_holds_over_all_workers(fleet: Service) -> None:
    limited = fleet.make_key("acme", "limited", "compress", "--requests-per-minute", "10")
    codes = [post(fleet, limited, []).status_code for _ in range(16)]
    assert codes.count(200) == 10
    assert codes.count(429) == 6


def test_requests_in_flight_are_finished_after_sigterm(tmp_path: Path, postgres: Postgres, redis: Redis) -> None:
    words = ("--redis", redis.url, "--workers", "2", "--auth", "none", "--threads", "1")
    database = postgres.database()
    with service(tmp_path, *words, database=database) as made:
        eventually(lambda: len(made.workers()) == 2)
        connections = []
        for i in range(8):
            connection = http.client.HTTPConnection("127.0.0.1", made.server.port, timeout=60)
            # Each piece of work takes a thread a while, so that most of them wait when the signal comes.
            connection.request("POST", "/v1/compress", json.dumps({"messages": salted(f"b{i}") * 3, **CCR}), JSON)
            connections.append(connection)
        # One that was not accepted when the signal comes is not in flight.
        eventually(made.has_read_everything)
        os.kill(made.server.process.pid, signal.SIGTERM)
        replies = [connection.getresponse() for connection in connections]
        assert [reply.status for reply in replies] == [200] * 8
        answered = [json.loads(reply.read()) for reply in replies]
        assert made.server.process.wait(30) in (0, -signal.SIGTERM)
    # Whatever got an answer was counted before the workers went.
    with service(tmp_path, "--redis", redis.url, "--auth", "none", database=database) as again:
        totals = again.get("/v1/stats").json()["totals"]
        assert totals["compressions"] == len(answered)
        assert totals["tokens_after"] == sum(r["tokens_after"] for r in answered)
        for reply in answered:
            assert all(again.get(f"/v1/retrieve/{h}").status_code == 200 for h in reply["ccr_hashes"])


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(secret, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(
        secret.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return folder / "cert.pem", folder / "key.pem"


def test_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cert, secret = certificate(tmp_path)
    context = ssl.create_default_context(cafile=str(cert))
    # The harness asks for readiness over plain http; what answers is then another error, which will do.
    monkeypatch.setattr("processes._wait", lambda server, ready: _tls_ready(server, context))
    with service(tmp_path, "--tls-cert", str(cert), "--tls-key", str(secret)) as made:
        url = made.url.replace("http:", "https:")
        with httpx.Client(verify=context, trust_env=False, timeout=30) as client:
            reply = client.post(url + "/v1/compress", json={"messages": payloads.chat()})
            assert reply.status_code == 200
            assert "max-age" in reply.headers["strict-transport-security"]
        assert "https://127.0.0.1" in made.log


def _tls_ready(server: Any, context: ssl.SSLContext) -> None:
    def answers() -> bool:
        url = server.url.replace("http:", "https:") + "/readyz"
        return httpx.get(url, verify=context, trust_env=False).status_code == 200

    eventually(answers, 60)


def test_what_a_trusted_proxy_says_is_believed(tmp_path: Path) -> None:
    with service(tmp_path, "--trusted-proxies", "127.0.0.1") as made:
        headers = {**JSON, "x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.9"}
        reply = made.client.post("/v1/compress", content=json.dumps({"messages": []}), headers=headers)
        assert "strict-transport-security" in reply.headers


def test_without_trust_it_is_not(fleet: Service, key: str) -> None:
    headers = {"authorization": f"Bearer {key}", "x-forwarded-proto": "https"}
    reply = fleet.client.post("/v1/compress", json={"messages": []}, headers=headers)
    assert "strict-transport-security" not in reply.headers


def test_a_killed_worker_is_replaced(fleet: Service, key: str) -> None:
    first = fleet.workers()
    os.kill(first[0], signal.SIGKILL)
    eventually(lambda: len(now := fleet.workers()) == 2 and first[0] not in now, 30)
    eventually(lambda: post(fleet, key, payloads.chat()).status_code == 200)
