"""`headroom serve`: checks, migrates, says where it listens, and runs uvicorn's workers.

The parent binds the socket, brings the database to the right revision and starts workers, which are processes
of their own; uvicorn starts a worker anew that dies or hangs. One worker runs in this process.
"""

from __future__ import annotations

import os
import resource
import shutil
import socket
import sys
import tempfile

import sqlalchemy as sa

from headroom.cloud import keys, logs
from headroom.cloud.database import make_engine, migrate
from headroom.cloud.originals import store_url
from headroom.cloud.settings import ServiceSettings

MULTIPROC_DIR = "PROMETHEUS_MULTIPROC_DIR"
HEALTHCHECK_S = 15
"""A worker that does not answer its parent for this long is replaced. On a busy machine five seconds are not much."""


class ServeProblem(Exception):
    """The service cannot start like this; the message says why and what to do."""


def serve(settings: ServiceSettings) -> int:
    """Runs until a signal; the exit code."""
    check(settings)
    keys_exist = prepare(settings)
    if not settings.loopback and settings.auth != "keys" and not keys_exist and not settings.allow_no_keys:
        raise ServeProblem(
            f"{settings.host} can be reached from other machines, and there are no keys; make one with "
            "`headroom keys create --org NAME --name NAME` (and the same --database), or allow it with --allow-no-keys"
        )
    _raise_file_limit(settings)
    os.environ.update(settings.as_environment())
    folder = None
    if settings.workers > 1 and MULTIPROC_DIR not in os.environ:
        folder = os.environ[MULTIPROC_DIR] = tempfile.mkdtemp(prefix="headroom-metrics-")
    try:
        return _run(settings, keys_exist)
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def check(settings: ServiceSettings) -> None:
    """Refuses what cannot work before anything is started.

    Raises:
        ServeProblem: see there.
    """
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise ServeProblem("TLS needs both --tls-cert and --tls-key")
    for path in (settings.tls_cert, settings.tls_key):
        if path is not None and not os.access(path, os.R_OK):
            raise ServeProblem(f"cannot read {path}; check the path and who may read it")
    if settings.workers > 1 and store_url(settings).startswith("memory:"):
        raise ServeProblem(
            f"{settings.workers} workers do not share their memory, so what one of them keeps the others cannot "
            "retrieve; add --redis redis://… or --store sqlite:///path"
        )


def prepare(settings: ServiceSettings) -> bool:
    """Migrates the database; True if there are keys.

    Raises:
        ServeProblem: the database cannot be used.
    """
    try:
        engine = make_engine(settings.database_url)
        try:
            before, after = migrate(engine)
            with engine.begin() as connection:
                found = keys.any_exist(connection)
        finally:
            engine.dispose()
    except (sa.exc.SQLAlchemyError, OSError, ImportError) as error:
        # The driver's message may hold the URL with its password.
        raise ServeProblem(
            f"the database cannot be used ({type(error).__name__}); check that it runs, and --database"
        ) from error
    if before != after:
        logs.event("database migrated", before=before, after=after)
    return found


def _raise_file_limit(settings: ServiceSettings) -> None:
    """As many open files as connections, if the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.max_connections + 200
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


def _run(settings: ServiceSettings, keys_exist: bool) -> int:
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    config = uvicorn.Config(
        "headroom.cloud.app:create",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http="headroom.cloud.guard:GuardedProtocol",
        ws="none",
        lifespan="on",
        log_config=logs.config(),
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=settings.drain_s,
        timeout_worker_healthcheck=HEALTHCHECK_S,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )
    sock = _bind(settings)
    _say(settings, sock, keys_exist)
    if settings.workers > 1:
        Multiprocess(config, sockets=[sock]).run()
        return 0
    server = uvicorn.Server(config)
    try:
        server.run(sockets=[sock])
    except KeyboardInterrupt:
        return 0
    return 0 if server.started else 1


def _bind(settings: ServiceSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((settings.host, settings.port))
    except OSError as error:
        sock.close()
        raise ServeProblem(
            f"cannot listen on {settings.host} port {settings.port} ({error.strerror}); choose another with --port"
        ) from error
    sock.set_inheritable(True)
    return sock


def _say(settings: ServiceSettings, sock: socket.socket, keys_exist: bool) -> None:
    """Where it listens, and a line to try it with."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"{'https' if settings.tls_cert else 'http'}://{host}:{sock.getsockname()[1]}"
    key = " -H 'Authorization: Bearer hdr_…'" if keys_exist or settings.auth == "keys" else ""
    print(
        f"headroom serves at {url}\n\n"
        f"  curl {url}/v1/compress{key} -H 'Content-Type: application/json' \\\n"
        """    -d '{"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}'\n\n"""
        f'LiteLLM: HeadroomCallback(api_key="hdr_…", api_url="{url}"). Dashboard: {url}/dashboard',
        file=sys.stderr,
        flush=True,
    )
