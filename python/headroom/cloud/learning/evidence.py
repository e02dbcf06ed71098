"""Adds what conversations showed to the counts in the database, each conversation once, and renews the policy.

Clients send a conversation's history again with each request, to whichever worker. So a row per conversation says which
flags of which fields stand in the counts already; it is read and written in the transaction that counts, and only what
is new counts. A row is forgotten `pin_ttl_s` after its conversation's last request.
"""

from __future__ import annotations

import json
import time
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headroom.cloud import tables
from headroom.cloud.learning import policies, shared
from headroom.cloud.learning.policies import insert
from headroom.learning import policy
from headroom.learning.evidence import Evidence
from headroom.learning.learner import MIN_PRESENT, count
from headroom.learning.policy import MAX_STRUCTURES, MAX_TOOLS, Field
from headroom.learning.signals import Observed

Key = tuple[str, str, str, str]
"""Tool, structure, digest of the path, place."""


def fold(connection: Connection, organisation_id: str, key: bytes, seen: list[tuple[str, Observed]]) -> int | None:
    """Counts what is new about conversations.

    Args:
        connection: in a transaction.
        organisation_id: whose.
        key: the organisation's secret.
        seen: (conversation, its flags so far), in order.

    Returns:
        The number of the newest version, if the policy was looked at again.
    """
    policies.serialize(connection, organisation_id)
    now_s = int(time.time())
    counted = _counted(connection, organisation_id, [name for name, _ in seen])
    news: list[tuple[Key, str, int]] = []
    for name, observed in seen:
        known = counted.setdefault(name, {})
        for (tool, structure), flags in observed.items():
            before = known.setdefault(tool, {}).setdefault(structure, {})
            for (path, place), flag in flags.items():
                digest = policies.path_digest(key, path)
                had = before.get(digest + place, 0)
                if flag & ~had:
                    news.append(((tool, structure, digest, place), path, flag & ~had))
                    before[digest + place] = had | flag
    rows = _rows(connection, organisation_id, {(k[0], k[1]) for k, _, _ in news})
    elsewhere = shared.unused(connection, organisation_id)
    changed: dict[Key, str] = {}
    was_dropped: dict[Key, bool] = {}
    for k, path, new in news:
        if (k[0], k[1]) not in rows:
            continue
        evidence = rows[k[0], k[1]].setdefault(k, Evidence())
        if k not in changed and not k[3]:
            was_dropped[k] = _is_dropped(k, path, evidence, elsewhere)
        changed[k] = path
        count(evidence, new)
    _write(connection, organisation_id, {k: (path, rows[k[0], k[1]][k]) for k, path in changed.items()}, now_s)
    _remember(connection, organisation_id, {name: counted[name] for name, _ in seen}, now_s)
    for k, was in was_dropped.items():
        if was != _is_dropped(k, changed[k], rows[k[0], k[1]][k], elsewhere):
            return policies.renew(connection, organisation_id, "learned", "learning")
    return None


def _is_dropped(key: Key, path: str, evidence: Evidence, elsewhere: dict[Field, float]) -> bool:
    unused = elsewhere.get(Field(key[0], key[1], path), 0.0)
    return evidence.present >= MIN_PRESENT and policy.judge(path, evidence, None, unused).is_dropped


def _counted(connection: Connection, organisation_id: str, names: list[str]) -> dict[str, dict[str, Any]]:
    t = tables.learning_conversations
    rows = connection.execute(
        sa.select(t.c.conversation, t.c.counted).where(
            t.c.organisation_id == organisation_id, t.c.conversation.in_(names)
        )
    )
    return {row.conversation: json.loads(row.counted) for row in rows}


def _remember(connection: Connection, organisation_id: str, counted: dict[str, dict[str, Any]], now_s: int) -> None:
    t = tables.learning_conversations
    statement = insert(connection, t)
    statement = statement.on_conflict_do_update(
        index_elements=["organisation_id", "conversation"],
        set_={name: statement.excluded[name] for name in ("counted", "updated_s")},
    )
    rows = [
        {"organisation_id": organisation_id, "conversation": name, "counted": json.dumps(known), "updated_s": now_s}
        for name, known in sorted(counted.items())
    ]
    if rows:
        connection.execute(statement, rows)


def _rows(
    connection: Connection, organisation_id: str, wanted: set[tuple[str, str]]
) -> dict[tuple[str, str], dict[Key, Evidence]]:
    """The evidence of structures; of one that is new and one too many, nothing."""
    t = tables.learning_evidence
    mine = t.c.organisation_id == organisation_id
    found: dict[tuple[str, str], dict[Key, Evidence]] = {}
    for tool, structure in sorted(wanted):
        rows = connection.execute(sa.select(t).where(mine, t.c.tool == tool, t.c.structure == structure)).mappings()
        held = {
            (tool, structure, row["path_digest"], row["place"]): policies.evidence_of(row) for row in rows
        }  # fmt: skip
        if held or _has_room(connection, organisation_id, tool):
            found[tool, structure] = held
    return found


def _has_room(connection: Connection, organisation_id: str, tool: str) -> bool:
    t = tables.learning_evidence
    mine = t.c.organisation_id == organisation_id
    structures = sa.select(sa.func.count(sa.distinct(t.c.structure))).where(mine, t.c.tool == tool)
    held = connection.execute(structures).scalar_one()
    if held:
        return bool(held < MAX_STRUCTURES)
    tools = sa.select(sa.func.count(sa.distinct(t.c.tool))).where(mine)
    return bool(connection.execute(tools).scalar_one() < MAX_TOOLS)


def _write(connection: Connection, organisation_id: str, changed: dict[Key, tuple[str, Evidence]], now_s: int) -> None:
    t = tables.learning_evidence
    statement = insert(connection, t)
    keys = [c.name for c in t.primary_key]
    statement = statement.on_conflict_do_update(
        index_elements=keys, set_={c.name: statement.excluded[c.name] for c in t.columns if c.name not in keys}
    )
    rows = []
    for (tool, structure, digest, place), (path, e) in sorted(changed.items()):
        about = {"organisation_id": organisation_id, "tool": tool, "structure": structure}
        # A key that few conversations had may be data: nothing but its digest is written down.
        name = {"path_digest": digest, "place": place, "path": path if e.present >= MIN_PRESENT else None}
        counts = {"present": e.present, "seen": e.seen, "used": e.used, "retrieved": e.retrieved}
        rows.append({**about, **name, **counts, "quiet": e.quiet, "changes": e.changes, "updated_s": now_s})
    if rows:
        connection.execute(statement, rows)
