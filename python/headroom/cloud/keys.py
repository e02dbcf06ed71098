"""Organisations and their keys: made, listed, rotated, revoked; each change in the audit log.

A key is `hdr_` + 12 characters to look it up by + 43 characters of secret (256 random bits). It is shown
once; the database has its prefix and its SHA-256. Functions take a connection and run in its transaction.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headroom.cloud import tables

ROLES = ("compress", "read", "admin")
"""compress: compress and retrieve; read: figures; admin: both, and the audit log."""
LOCAL_ORGANISATION = "local"
"""Whose requests those without a key are."""
NO_TEAM = "no team"
"""What those without a team are called, so that no team can be."""
PREFIX_CHARS = 12
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_KEY = re.compile(r"hdr_([a-z0-9]{12})[A-Za-z0-9_-]{43}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,63}")


class KeyProblem(ValueError):
    """What was asked for cannot be done; the message says why and what to do."""


@dataclass(frozen=True)
class KeyRow:
    """A key as the service knows it."""

    id: str
    organisation_id: str
    organisation: str
    hash_key: bytes
    name: str
    prefix: str
    digest: bytes
    role: str
    requests_per_minute: int | None
    max_body_bytes: int | None
    created_s: int
    expires_s: int | None
    revoked_s: int | None
    team: str | None

    def valid(self, now_s: float) -> bool:
        """True unless revoked or expired."""
        return (self.revoked_s is None or self.revoked_s > now_s) and (self.expires_s is None or self.expires_s > now_s)


def prefix_of(key: str) -> str | None:
    """The part to look a key up by; `None` if it has not the form of a key."""
    match = _KEY.fullmatch(key)
    return match[1] if match else None


def digest_of(key: str) -> bytes:
    """What the database has of a key."""
    return hashlib.sha256(key.encode()).digest()


_SELECT = sa.select(
    tables.keys, tables.organisations.c.name.label("organisation"), tables.organisations.c.hash_key
).join_from(tables.keys, tables.organisations)


def _rows(connection: Connection, *where: Any) -> list[KeyRow]:
    found = connection.execute(_SELECT.where(*where).order_by(tables.keys.c.created_s, tables.keys.c.id))
    return [KeyRow(**row) for row in found.mappings()]


def by_id(connection: Connection, id: str) -> KeyRow | None:
    """The key of this id, revoked or not."""
    return next(iter(_rows(connection, tables.keys.c.id == id)), None)


def by_prefixes(connection: Connection, prefixes: list[str]) -> list[KeyRow]:
    """The keys with these prefixes, revoked ones too."""
    return _rows(connection, tables.keys.c.prefix.in_(prefixes))


def any_exist(connection: Connection) -> bool:
    """True once a key was made, even if all were revoked since: a service never falls open again."""
    return connection.execute(sa.select(tables.keys.c.id).limit(1)).first() is not None


def organisation(connection: Connection, name: str, make: bool = False, actor: str = "") -> tuple[str, bytes]:
    """(id, hash key) of an organisation.

    Raises:
        KeyProblem: there is none of this name, or the name is not allowed.
    """
    t = tables.organisations
    row = connection.execute(sa.select(t.c.id, t.c.hash_key).where(t.c.name == name)).first()
    if row is not None:
        return row.id, row.hash_key
    if not make:
        raise KeyProblem(f"there is no organisation {name[:64]!r}; `headroom keys list` shows those that exist")
    _check_name("organisation", name)
    id, hash_key = "org_" + secrets.token_hex(8), secrets.token_bytes(32)
    connection.execute(t.insert().values(id=id, name=name, hash_key=hash_key, created_s=int(time.time())))
    log(connection, id, actor, "organisation.create", name)
    return id, hash_key


def create(
    connection: Connection,
    organisation_name: str,
    name: str,
    role: str,
    actor: str,
    requests_per_minute: int | None = None,
    max_body_bytes: int | None = None,
    expires_s: int | None = None,
    team: str | None = None,
) -> tuple[str, KeyRow]:
    """A new key: the only time that it is shown, and its row.

    Raises:
        KeyProblem: a name, team or role that is not allowed, or a name that is in use.
    """
    if role not in ROLES:
        raise KeyProblem(f"role {role[:32]!r} is not allowed; allowed: {', '.join(ROLES)}")
    _check_name("name", name)
    _check_team(team)
    for what, number in (("requests per minute", requests_per_minute), ("largest body", max_body_bytes)):
        if number is not None and not 0 < number < 1 << 31:
            raise KeyProblem(f"{what} {number} is not allowed; allowed: 1 to {(1 << 31) - 1}")
    organisation_id, _ = organisation(connection, organisation_name, make=True, actor=actor)
    if _active(connection, organisation_id, name):
        raise KeyProblem(f"{organisation_name} has a key {name!r} already; rotate or revoke it, or choose another name")
    prefix = "".join(secrets.choice(_ALPHABET) for _ in range(PREFIX_CHARS))
    key = f"hdr_{prefix}{secrets.token_urlsafe(32)}"
    id = "key_" + secrets.token_hex(8)
    row = {
        "id": id,
        "organisation_id": organisation_id,
        "name": name,
        "prefix": prefix,
        "digest": digest_of(key),
        "role": role,
        "requests_per_minute": requests_per_minute,
        "max_body_bytes": max_body_bytes,
        "created_s": int(time.time()),
        "expires_s": expires_s,
        "revoked_s": None,
        "team": team,
    }
    connection.execute(tables.keys.insert().values(row))
    log(connection, organisation_id, actor, "key.create", id, name=name, role=role, **({"team": team} if team else {}))
    made = by_id(connection, id)
    assert made is not None
    return key, made


def list_keys(connection: Connection, organisation_name: str | None = None) -> list[KeyRow]:
    """All keys, or those of one organisation, oldest first."""
    if organisation_name is None:
        return _rows(connection)
    organisation_id, _ = organisation(connection, organisation_name)
    return _rows(connection, tables.keys.c.organisation_id == organisation_id)


def revoke(connection: Connection, organisation_name: str, name: str, actor: str, at_s: int | None = None) -> KeyRow:
    """Ends a key, now or at a time.

    Raises:
        KeyProblem: there is no active key of this name.
    """
    organisation_id, active = _the_active(connection, organisation_name, name)
    at_s = int(time.time()) if at_s is None else at_s
    for row in active:
        connection.execute(sa.update(tables.keys).where(tables.keys.c.id == row.id).values(revoked_s=at_s))
        log(connection, organisation_id, actor, "key.revoke", row.id, name=name, at_s=at_s)
    return active[-1]


def set_team(connection: Connection, organisation_name: str, name: str, team: str | None, actor: str) -> KeyRow:
    """Puts a key into a team, or (`None`) out of its team. What was counted for it goes with it, and so do the keys
    that it took over from.

    Raises:
        KeyProblem: there is no active key of this name, or the team's name is not allowed.
    """
    _check_team(team)
    organisation_id, active = _the_active(connection, organisation_name, name)
    replaced = [
        row for row in _rows(connection, tables.keys.c.organisation_id == organisation_id)
        if row.name == _replaced_name(name, row.prefix)
    ]  # fmt: skip
    for row in (*replaced, *active):
        connection.execute(sa.update(tables.keys).where(tables.keys.c.id == row.id).values(team=team))
        log(connection, organisation_id, actor, "key.team", row.id, name=name, team=team or "")
    made = by_id(connection, active[-1].id)
    assert made is not None
    return made


def rotate(
    connection: Connection, organisation_name: str, name: str, actor: str, overlap_s: int = 0
) -> tuple[str, KeyRow]:
    """A new key with the old one's name, role, limits and team; the old one works for `overlap_s` more."""
    old = revoke(connection, organisation_name, name, actor, int(time.time()) + overlap_s)
    # Its name is free for the new one; the id tells them apart.
    connection.execute(
        sa.update(tables.keys).where(tables.keys.c.id == old.id).values(name=_replaced_name(name, old.prefix))
    )
    return create(
        connection, organisation_name, name, old.role, actor, old.requests_per_minute, old.max_body_bytes,
        old.expires_s, old.team,
    )  # fmt: skip


def _replaced_name(name: str, prefix: str) -> str:
    """The name of a key after it was rotated: one that none can be given."""
    return f"{name[:40]} ({prefix})"


def _active(connection: Connection, organisation_id: str, name: str) -> list[KeyRow]:
    now = int(time.time())
    rows = _rows(connection, tables.keys.c.organisation_id == organisation_id, tables.keys.c.name == name)
    return [row for row in rows if row.revoked_s is None or row.revoked_s > now]


def _the_active(connection: Connection, organisation_name: str, name: str) -> tuple[str, list[KeyRow]]:
    """The organisation's id, and its active keys of this name: one, or two while one takes over.

    Raises:
        KeyProblem: there is none.
    """
    organisation_id, _ = organisation(connection, organisation_name)
    active = _active(connection, organisation_id, name)
    if not active:
        raise KeyProblem(f"{organisation_name} has no active key {name[:64]!r}; `headroom keys list` shows them")
    return organisation_id, active


def _check_team(team: str | None) -> None:
    if team is None:
        return
    _check_name("team", team)
    if team.lower() == NO_TEAM:
        raise KeyProblem(f"team {team!r} is not allowed; it is what keys without a team are shown as")


def _check_name(what: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise KeyProblem(f"{what} {name[:64]!r} is not allowed; allowed: 1 to 64 letters, digits, spaces and . _ -")


def log(
    connection: Connection, organisation_id: str | None, actor: str, action: str, subject: str, **detail: Any
) -> None:
    """One entry of the audit log."""
    connection.execute(
        tables.audit.insert().values(
            at_s=int(time.time()),
            organisation_id=organisation_id,
            actor=actor[:96],
            action=action,
            subject=subject[:96],
            detail=json.dumps(detail),
        )
    )


def audit_log(connection: Connection, organisation_id: str | None, limit: int = 200) -> list[dict[str, Any]]:
    """The newest entries first; of one organisation, or (`None`) of all."""
    query = sa.select(tables.audit).order_by(tables.audit.c.id.desc()).limit(limit)
    if organisation_id is not None:
        query = query.where(tables.audit.c.organisation_id == organisation_id)
    return [{**row, "detail": json.loads(row["detail"])} for row in connection.execute(query).mappings()]
