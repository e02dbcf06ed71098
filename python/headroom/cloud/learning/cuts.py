"""Originals from which a policy dropped fields: whose retrieval says that a field was needed."""

from __future__ import annotations

import time
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headroom.cloud import tables
from headroom.cloud.learning import policies
from headroom.cloud.learning.policies import insert
from headroom.learning import policy


class Cut(NamedTuple):
    """What a hash stands for: an output of a tool in a conversation, under a version of the policy."""

    hash: str
    conversation: str
    tool: str
    structure: str
    version: int


def write(connection: Connection, organisation_id: str, cuts: list[Cut]) -> None:
    """Remembers cuts; the newest conversation counts for a text that several had."""
    t = tables.learning_cuts
    statement = insert(connection, t)
    statement = statement.on_conflict_do_update(
        index_elements=["organisation_id", "hash"],
        set_={c.name: statement.excluded[c.name] for c in t.columns if c.name not in ("organisation_id", "hash")},
    )
    now_s = int(time.time())
    rows = {cut.hash: {"organisation_id": organisation_id, **cut._asdict(), "made_s": now_s} for cut in cuts}
    if rows:
        connection.execute(statement, [rows[hash_] for hash_ in sorted(rows)])


def find(connection: Connection, organisation_id: str, hash_: str) -> tuple[Cut, list[str]] | None:
    """A cut and the fields that were dropped."""
    t = tables.learning_cuts
    row = connection.execute(
        sa.select(*(t.c[name] for name in Cut._fields)).where(t.c.organisation_id == organisation_id, t.c.hash == hash_)
    ).first()
    if row is None:
        return None
    cut = Cut(*row)
    _, _, document = policies.latest(connection, organisation_id, cut.version)
    dropped = policy.dropped(document) if document else {}
    return cut, dropped.get(cut.tool, {}).get(cut.structure, {}).get("drop", [])
