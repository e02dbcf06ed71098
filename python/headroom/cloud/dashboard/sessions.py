"""Sessions in the database, so that any worker knows them: the cookie's digest, whose key it was, until when.

A session is worth no more than its key: the key is read with it, so a key that ends takes its sessions along at once.
"""

from __future__ import annotations

import hashlib
import secrets
import time

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headroom.cloud import keys, tables
from headroom.cloud.keys import KeyRow

SESSION_S = 12 * 3600
"""A working day; whoever copies a cookie has it no longer than that."""


def new_token() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def start(connection: Connection, key_id: str) -> str:
    """A session of a key; its token."""
    token = new_token()
    expires_s = int(time.time()) + SESSION_S
    connection.execute(tables.sessions.insert().values(digest=_digest(token), key_id=key_id, expires_s=expires_s))
    row = keys.by_id(connection, key_id)
    if row is not None:
        keys.log(connection, row.organisation_id, f"key:{row.name}", "dashboard.sign_in", key_id)
    return token


def find(connection: Connection, token: str) -> KeyRow | None:
    """The key of a session that holds, if the key still does."""
    t = tables.sessions
    now_s = time.time()
    key_id = connection.execute(
        sa.select(t.c.key_id).where(t.c.digest == _digest(token), t.c.expires_s > now_s)
    ).scalar()
    row = keys.by_id(connection, key_id) if key_id is not None else None
    return row if row is not None and row.valid(now_s) else None


def end(connection: Connection, token: str) -> None:
    """Ends a session, if there is one."""
    connection.execute(tables.sessions.delete().where(tables.sessions.c.digest == _digest(token)))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
