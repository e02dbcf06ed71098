"""`redis://`: real servers that are killed, restarted, silent, full, encrypted, or many."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from headroom import StoreError, UnknownHashError
from headroom.stores import open_store
from headroom.stores.protocol import entry_key
from headroom.stores.redis import PAUSE_S, RedisStore
from redis_servers import RedisServer, free_port

A, B = "a" * 24, "b" * 24


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    one = RedisServer(tmp_path / "redis", "--appendonly", "yes", "--appendfsync", "always")
    yield one
    one.kill()


def make(url: str, **options: float) -> RedisStore:
    store = open_store(url, **options)
    assert isinstance(store, RedisStore)
    return store


def test_killed_and_started_again_under_load(server: RedisServer) -> None:
    """What was acknowledged is there after each restart; while the server is away, calls fail, quickly."""
    store = make(server.url, timeout_s=5)
    acknowledged: dict[str, str] = {}
    stop = threading.Event()
    slowest = [0.0]
    failed = [0]

    def write(n: int) -> None:
        i = 0
        while not stop.is_set():
            i += 1
            hash_ = f"{n:02x}{i:022x}"
            started = time.monotonic()
            try:
                store.put("me", {hash_: f"text {n} {i} " * 50})
                acknowledged[hash_] = f"text {n} {i} " * 50
            except StoreError:
                failed[0] += 1
                time.sleep(0.005)
            slowest[0] = max(slowest[0], time.monotonic() - started)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            time.sleep(0.4)
            server.kill()
            time.sleep(0.2)
            server.start()
        time.sleep(0.4)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failed[0] > 0
    assert len(acknowledged) > 100
    assert slowest[0] < 10
    for hash_, text in acknowledged.items():
        assert store.get("me", hash_) == text


def test_a_server_without_persistence_forgets_and_says_unknown(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis", "--appendonly", "no")
    try:
        store = make(server.url, timeout_s=20)
        store.put("me", {A: "text"})
        server.kill()
        with pytest.raises(StoreError, match=rf"127\.0\.0\.1:{server.port} cannot be read"):
            store.get("me", A)
        server.start()
        with pytest.raises(UnknownHashError):
            store.get("me", A)
        store.put("me", {A: "text"})
        assert store.get("me", A) == "text"
    finally:
        server.kill()


def test_asyncio_goes_on_after_a_restart(server: RedisServer) -> None:
    store = make(server.url, timeout_s=20)

    async def use() -> None:
        await store.aput("me", {A: "text"})
        server.kill()
        with pytest.raises(StoreError):
            await store.aput("me", {B: "text"})
        with pytest.raises(StoreError):
            await store.aget("me", A)
        server.start()
        assert await store.aget("me", A) == "text"
        await store.aput("me", {B: "text"})
        await store.aclose()

    asyncio.run(use())


def test_a_silent_server_costs_one_timeout(server: RedisServer) -> None:
    store = make(server.url, timeout_s=0.5)
    for _ in range(20):
        try:
            store.put("me", {A: "text"})
            break
        except StoreError:
            time.sleep(PAUSE_S / 4)
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        for _ in range(50):
            with pytest.raises(StoreError):
                store.put("me", {B: "text"})
        assert time.monotonic() - started < 3
        with pytest.raises(StoreError, match="cannot be read"):
            store.get("me", A)
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    end = time.monotonic() + 4 * PAUSE_S
    while True:
        try:
            store.put("me", {B: "text"})
            break
        except StoreError:
            assert time.monotonic() < end
            time.sleep(0.2)


def test_a_host_that_swallows_everything_costs_the_timeout() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(1)
        store = make(f"redis://:secret@127.0.0.1:{deaf.getsockname()[1]}", timeout_s=0.3)
        started = time.monotonic()
        with pytest.raises(StoreError) as raised:
            store.put("me", {A: "text"})
        assert time.monotonic() - started < 3
        assert "secret" not in str(raised.value)


def test_size_is_the_servers_and_a_full_one_is_an_error(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis", "--maxmemory", "8mb", "--maxmemory-policy", "noeviction")
    try:
        store = make(server.url, timeout_s=20)
        texts = {f"{i:024x}": os.urandom(50_000).hex() for i in range(300)}
        with pytest.raises(StoreError, match="OutOfMemory"):
            store.put("me", texts)
        server.ask("CONFIG SET maxmemory-policy allkeys-lru")
        for i in range(500, 800):
            store.put("me", {f"{i:024x}": os.urandom(50_000).hex()})
        assert store.get("me", f"{799:024x}")
        used = int(server.ask("INFO memory").split("used_memory:")[1].split()[0])
        assert used < 12 << 20
    finally:
        server.kill()


def test_a_damaged_entry_is_an_error_and_heals(redis_server: RedisServer) -> None:
    store = make(redis_server.url, timeout_s=20)
    client = redis.Redis(port=redis_server.port)
    key, other = (f"headroom:{{{entry_key('me', h)}}}" for h in (A, B))
    text = "some words " * 500
    for damage in (
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: b"",
        lambda data: b"\x01\x09" + data[2:],
        lambda data: data + b"\0",
        lambda data: client.get(other),
    ):
        store.put("me", {A: text, B: "another"})
        client.set(key, damage(client.get(key)))
        with pytest.raises(StoreError, match="damaged"):
            store.get("me", A)
        store.put("me", {A: text})
        assert store.get("me", A) == text
    client.close()


def test_keys_have_ages_and_names_that_tell_nothing(redis_server: RedisServer) -> None:
    redis_server.ask("FLUSHALL")
    store = make(f"{redis_server.url}?ttl_s=100&prefix=app:x", timeout_s=20)
    store.put("owner@example.org", {A: "text " * 1000})
    client = redis.Redis(port=redis_server.port)
    keys = client.keys("*")
    assert len(keys) == 2
    for key in keys:
        assert key.startswith(b"app:x:{")
        assert b"owner" not in key
        assert A.encode() not in key
        assert 0 < client.pttl(key) <= 200_000
    assert sum(len(client.get(key)) for key in keys) < 500
    client.close()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[list[RedisServer]]:
    nodes = [
        RedisServer(tmp_path / f"node{i}", "--cluster-enabled", "yes", "--cluster-node-timeout", "15000")
        for i in range(3)
    ]
    try:
        for i, node in enumerate(nodes):
            first, last = i * 5461 + (i > 0), (i + 1) * 5461 if i < 2 else 16383
            assert "OK" in node.ask(f"CLUSTER ADDSLOTSRANGE {first} {last}")
            assert "OK" in node.ask(f"CLUSTER SET-CONFIG-EPOCH {i + 1}")
        for node in nodes[1:]:
            assert "OK" in nodes[0].ask(f"CLUSTER MEET 127.0.0.1 {node.port}")
        end = time.monotonic() + 30
        while not all("cluster_state:ok" in n.ask("CLUSTER INFO") and _knows(n, 3) for n in nodes):
            assert time.monotonic() < end, nodes[0].ask("CLUSTER INFO")
            time.sleep(0.05)
        yield nodes
    finally:
        for node in nodes:
            node.kill()


def _knows(node: RedisServer, count: int) -> bool:
    return f"cluster_known_nodes:{count}" in node.ask("CLUSTER INFO")


@pytest.mark.parametrize("scheme", ["redis", "redis+cluster"])
def test_a_cluster(cluster: list[RedisServer], scheme: str) -> None:
    """Named as one, or found to be one."""
    url = f"{scheme}://127.0.0.1:{cluster[0].port}"
    texts = {f"{i:024x}": f"text {i} " * 30 for i in range(300)}
    store = make(url, timeout_s=20)
    store.put("me", texts)
    assert all(store.get("me", hash_) == text for hash_, text in texts.items())
    with pytest.raises(UnknownHashError):
        store.get("you", A)
    assert store.stats()["cluster"] is True
    # Each node holds some of them.
    assert all(int(node.ask("DBSIZE")[1:]) > 100 for node in cluster)

    async def use() -> None:
        again = make(url, timeout_s=20)
        await again.aput("me", {A: "text", **texts})
        assert again.stats()["renewed"] == 300
        assert await asyncio.gather(*(again.aget("me", hash_) for hash_ in texts)) == list(texts.values())
        await again.aclose()

    asyncio.run(use())
    for node in cluster:
        node.kill()
    started = time.monotonic()
    with pytest.raises(StoreError):
        store.put("me", {B: "text"})
    with pytest.raises(StoreError):
        store.get("me", A)
    assert time.monotonic() - started < 10
    store.close()


def test_tls(tmp_path: Path) -> None:
    authority = certificate(tmp_path)
    server = RedisServer(tmp_path / "redis")
    try:
        for name, path in (("tls-cert-file", "cert"), ("tls-key-file", "key"), ("tls-ca-cert-file", "cert")):
            assert "OK" in server.ask(f"CONFIG SET {name} {tmp_path}/{path}.pem")
        assert "OK" in server.ask("CONFIG SET tls-auth-clients no")
        port = free_port()
        assert "OK" in server.ask(f"CONFIG SET tls-port {port}")
        store = make(f"rediss://127.0.0.1:{port}?ssl_ca_certs={authority}", timeout_s=20)
        store.put("me", {A: "text"})
        assert store.get("me", A) == "text"
        # An authority that nobody knows is no server of ours.
        with pytest.raises(StoreError):
            make(f"rediss://127.0.0.1:{port}", timeout_s=20).put("me", {A: "text"})
    finally:
        server.kill()


def certificate(folder: Path) -> Path:
    """A key and a certificate for 127.0.0.1 that signs itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    addresses = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(addresses, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = serialization.PrivateFormat.TraditionalOpenSSL
    plain = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, private, plain))
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return folder / "cert.pem"
