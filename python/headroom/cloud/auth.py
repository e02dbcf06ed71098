"""Who asks: from the key in a request to its organisation, role and limits.

The usual case is a look-up in a table of this worker and one comparison of digests (10 µs). A background
task reads the table's keys again every few seconds: a revoked key works at most `key_refresh_s` longer, and
while the database is away known keys go on working for `key_stale_s`. Comparisons take the same time whatever
differs, and an unknown key is compared too.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass

from sqlalchemy.engine import Connection
from starlette.requests import Request

from headroom.cloud import keys, logs
from headroom.cloud.database import Database
from headroom.cloud.errors import ServiceError, busy, unavailable
from headroom.cloud.keys import KeyRow
from headroom.cloud.settings import ServiceSettings

MAX_CACHED = 10_000
"""Keys that a worker remembers, about 1 KB each; also bounds what made-up keys can take."""
MAX_LOOKUPS = 16
"""Unknown keys looked up at once; others are told to come again, so that made-up keys do not take the database."""
UNKNOWN_DIGEST = bytes(32)

PERMISSIONS = {
    "compress": frozenset({"compress"}),
    "read": frozenset({"read"}),
    "admin": frozenset({"compress", "read", "admin"}),
}


@dataclass(frozen=True)
class Identity:
    """Who asks, and what for."""

    organisation_id: str
    organisation: str
    hash_key: bytes
    key_id: str
    role: str
    requests_per_minute: int | None
    max_body_bytes: int | None

    def need(self, permission: str) -> None:
        """Raises 403 without it."""
        if permission not in PERMISSIONS[self.role]:
            raise ServiceError(
                403,
                "wrong_role",
                "The key's role does not allow this.",
                given=self.role,
                allowed=[role for role, may in PERMISSIONS.items() if permission in may],
                action="Use a key of another role (`headroom keys create --role …`).",
            )


@dataclass
class _Cached:
    row: KeyRow | None
    read_at: float


class Auth:
    """The keys of one worker."""

    def __init__(self, settings: ServiceSettings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._cache: OrderedDict[str, _Cached] = OrderedDict()
        self._local: Identity | None = None
        self._may_be_open = settings.loopback or settings.allow_no_keys
        self._keys_exist: bool | None = None
        self._lookups = 0
        self._failing = False

    async def start(self) -> None:
        """Reads what every request needs."""
        await self._read_mode()

    async def _read_mode(self) -> None:
        def read(connection: Connection) -> tuple[bool, tuple[str, bytes]]:
            local = keys.organisation(connection, keys.LOCAL_ORGANISATION, make=True, actor="service")
            return keys.any_exist(connection), local

        self._keys_exist, (organisation_id, hash_key) = await self._database.run(read)
        self._local = Identity(organisation_id, keys.LOCAL_ORGANISATION, hash_key, "", "admin", None, None)

    @property
    def open(self) -> bool:
        """True if requests need no key."""
        if self._settings.auth == "none":
            return self._may_be_open
        if self._settings.auth == "keys" or self._keys_exist is None or self._keys_exist:
            return False
        return self._may_be_open

    async def identify(self, request: Request, permission: str) -> Identity:
        """Who asks.

        Raises:
            ServiceError: 401, 403, 503.
        """
        if self.open:
            return self.local
        identity = await self.by_key(_given_key(request))
        request.scope["state"]["about"].update(organisation=identity.organisation_id, key=identity.key_id)
        identity.need(permission)
        return identity

    @property
    def local(self) -> Identity:
        """Who asks where requests need no key."""
        assert self._local is not None
        return self._local

    async def by_key(self, key: str | None) -> Identity:
        """Whose key this is.

        Raises:
            ServiceError: 401, 503.
        """
        prefix = keys.prefix_of(key) if key else None
        if key is None or prefix is None:
            raise _unauthorised("There is no key in the request." if not key else "The key has not the form of a key.")
        row = await self._row(prefix)
        same = hmac.compare_digest(row.digest if row else UNKNOWN_DIGEST, keys.digest_of(key))
        if row is None or not same or not row.valid(time.time()):
            raise _unauthorised("The key is unknown, expired or revoked.")
        return self.by_row(row)

    def by_row(self, row: KeyRow) -> Identity:
        """Whose key the database knows like this."""
        return Identity(
            row.organisation_id,
            row.organisation,
            row.hash_key,
            row.id,
            row.role,
            row.requests_per_minute or self._settings.requests_per_minute,
            row.max_body_bytes,
        )

    async def _row(self, prefix: str) -> KeyRow | None:
        cached = self._cache.get(prefix)
        now = time.monotonic()
        if cached is not None:
            age = now - cached.read_at
            # The task renews known keys; unknown ones are simply asked for again.
            if age < (self._settings.key_refresh_s if cached.row is None else self._settings.key_stale_s):
                self._cache.move_to_end(prefix)
                return cached.row
        if self._lookups >= MAX_LOOKUPS:
            raise busy("keys to look up", 1.0)
        self._lookups += 1
        try:
            found = await self._database.run(keys.by_prefixes, [prefix])
        finally:
            self._lookups -= 1
        self._remember(prefix, found[0] if found else None, now)
        return found[0] if found else None

    def _remember(self, prefix: str, row: KeyRow | None, now: float) -> None:
        self._cache[prefix] = _Cached(row, now)
        if len(self._cache) > MAX_CACHED:
            self._cache.popitem(last=False)

    async def refresh_for_ever(self) -> None:
        """Reads the known keys again and again."""
        while True:
            await asyncio.sleep(self._settings.key_refresh_s / 2)
            try:
                await self.refresh()
                self._failing = False
            except ServiceError:
                if not self._failing:
                    logs.event("keys not refreshed", logging.WARNING, known_keys_work_for_s=self._settings.key_stale_s)
                self._failing = True
            except Exception as error:  # noqa: BLE001  # the task must go on
                logs.event("keys not refreshed", logging.ERROR, **logs.places(error))

    async def refresh(self) -> None:
        """Reads the known keys again.

        Raises:
            ServiceError: the database does not answer.
        """
        await self._read_mode()
        known = [prefix for prefix, cached in self._cache.items() if cached.row is not None]
        for first in range(0, len(known), 500):
            part = known[first : first + 500]
            now = time.monotonic()
            rows = {row.prefix: row for row in await self._database.run(keys.by_prefixes, part)}
            for prefix in part:
                if prefix in self._cache:
                    self._cache[prefix] = _Cached(rows.get(prefix), now)

    def ready(self) -> None:
        """Raises 503 if the database has never answered."""
        if self._keys_exist is None:
            raise unavailable("database")


def _given_key(request: Request) -> str | None:
    key = request.headers.get("x-headroom-key")
    if key is None:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        key = value.strip() if scheme.lower() == "bearer" else None
    return key or None


def _unauthorised(message: str) -> ServiceError:
    return ServiceError(
        401,
        "unauthorised",
        message,
        allowed="Authorization: Bearer hdr_… or X-Headroom-Key: hdr_…",
        action="Make a key with `headroom keys create --org NAME --name NAME`.",
    )
