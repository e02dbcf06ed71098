"""Policies of an organisation: listed, read, decided about, exported and imported; each change in the audit log.

What the routes and the dashboard call. Functions take a connection and run in its transaction. Versions are never
changed: a conversation that began with one keeps it.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from headroom.cloud import keys, tables
from headroom.cloud.errors import ServiceError
from headroom.cloud.learning import shared
from headroom.errors import InvalidOptionError
from headroom.learning import policy
from headroom.learning.evidence import WATCH, Evidence
from headroom.learning.policy import Field, Verdict

Mode = Literal["on", "observe", "off"]
MODES = ("on", "observe", "off")
"""on: learns and applies; observe: learns, applies nothing; off: neither."""
STATES = ("pinned", "forbidden", "auto")
MAX_DECISIONS = 5_000
"""Fields of one organisation that people may have decided about."""


def get_learning(connection: Connection, organisation_id: str, default: str) -> dict[str, Any]:
    """`{"mode": "on", "shared": false}`; the mode is the service's setting (`default`) until somebody chose one."""
    t = tables.learning_organisations
    row = connection.execute(sa.select(t.c.mode, t.c.shared).where(t.c.organisation_id == organisation_id)).first()
    return {"mode": row.mode, "shared": bool(row.shared)} if row else {"mode": default, "shared": False}


def set_learning(
    connection: Connection, organisation_id: str, actor: str, default: str, mode: str | None, shared: bool | None
) -> dict[str, Any]:
    """Switches learning, or whether this organisation takes part in what organisations share; `None` leaves it.

    Raises:
        ServiceError: 422, there is no such mode.
    """
    if mode is not None and mode not in MODES:
        raise ServiceError(422, "invalid_parameter", "There is no such mode.", given=mode[:20], allowed=list(MODES))
    now = get_learning(connection, organisation_id, default)
    new = {"mode": mode or now["mode"], "shared": now["shared"] if shared is None else shared}
    row = {"mode": new["mode"], "shared": int(new["shared"]), "updated_s": int(time.time())}
    statement = insert(connection, tables.learning_organisations).values(organisation_id=organisation_id, **row)
    connection.execute(statement.on_conflict_do_update(index_elements=["organisation_id"], set_=row))
    keys.log(connection, organisation_id, actor, "learning.switch", organisation_id, **new)
    return new


def list_policies(connection: Connection, organisation_id: str, default: str) -> dict[str, Any]:
    """The current policy in short: its version, and per tool and structure what is dropped.

    `{"version", "made", "mode", "shared", "tools": [{"tool", "structure", "conversations", "fields", "dropped": [path],
    "pinned": [path], "retrieved", "changes"}]}`, the tools that most conversations called first.
    """
    version, made_s, _ = latest(connection, organisation_id)
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for field, verdict in judged(connection, organisation_id):
        row = rows.setdefault(
            (field.tool, field.structure),
            {"tool": field.tool, "structure": field.structure, "conversations": 0, "fields": 0, "dropped": [],
             "pinned": [], "retrieved": 0, "changes": 0},
        )  # fmt: skip
        row["conversations"] = max(row["conversations"], round(verdict.evidence.present))
        row["fields"] += 1
        row["retrieved"] += round(verdict.evidence.retrieved)
        row["changes"] += verdict.evidence.changes
        if verdict.is_dropped:
            row["dropped"].append(field.path)
        elif verdict.state == "pinned":
            row["pinned"].append(field.path)
    return {
        "version": version,
        "made": iso(made_s),
        **get_learning(connection, organisation_id, default),
        "tools": sorted(rows.values(), key=lambda row: (-row["conversations"], row["tool"], row["structure"])),
    }


def get_tool(connection: Connection, organisation_id: str, tool: str) -> dict[str, Any]:
    """The evidence of one tool.

    `{"tool", "version", "structures": [{"structure", "fields": [{"path", "state", "why", "conversations", "seen",
    "used", "retrieved", "use_at_most", "quiet", "changes"}], "records": [{"path", "place", "seen", "used"}]}]}`

    Raises:
        ServiceError: 404, nothing was learned about a tool of this name.
    """
    structures: dict[str, dict[str, Any]] = {}

    def of(structure: str) -> dict[str, Any]:
        return structures.setdefault(structure, {"structure": structure, "fields": [], "records": []})

    for field, verdict in judged(connection, organisation_id, tool):
        e = verdict.evidence
        more = {"conversations": round(e.present), "quiet": e.quiet, "changes": e.changes}
        of(field.structure)["fields"].append({"path": field.path, **verdict.as_json(), **more})
    t = tables.learning_evidence
    rows = connection.execute(
        sa.select(t).where(t.c.organisation_id == organisation_id, t.c.tool == tool, t.c.place != "", t.c.path != None)  # noqa: E711
    )
    for row in rows.mappings():
        about = {name: row[name] for name in ("path", "place")}
        of(row["structure"])["records"].append({**about, "seen": round(row["seen"]), "used": round(row["used"])})
    if not structures:
        raise ServiceError(
            404, "unknown_tool", "Nothing was learned about a tool of this name.", given=tool[:64],
            action="GET /v1/policies lists the tools.",
        )  # fmt: skip
    for about in structures.values():
        about["fields"].sort(key=lambda f: f["path"])
        about["records"].sort(key=lambda r: (r["path"], r["place"]))
    version, _, _ = latest(connection, organisation_id)
    return {"tool": tool, "version": version, "structures": [structures[name] for name in sorted(structures)]}


def set_state(
    connection: Connection, organisation_id: str, actor: str, tool: str, structure: str, path: str, state: str
) -> dict[str, Any]:
    """A person's decision about a field: "pinned" (always keep), "forbidden" (always drop), "auto" (by evidence).

    Returns:
        `{"version", "tool", "structure", "path", "state"}`: conversations that begin now have this version.

    Raises:
        ServiceError: 422, a name, path or state that is not allowed, or too many decisions.
    """
    if state not in STATES:
        raise ServiceError(422, "invalid_parameter", "There is no such state.", given=state[:20], allowed=list(STATES))
    try:
        policy.check({"headroom_policy": 1, "tools": {tool: {structure: {"drop": [path]}}}})
    except InvalidOptionError as problem:
        raise ServiceError(
            422, "invalid_parameter", f"The field cannot be named like this: {problem}",
            allowed="a tool of 1 to 64 characters, a structure of 16 hexadecimal digits, a path like $.records[].name",
            action="GET /v1/policies/{tool} lists structures and paths.",
        ) from None  # fmt: skip
    serialize(connection, organisation_id)
    _decide(connection, organisation_id, actor, Field(tool, structure, path), state)
    keys.log(connection, organisation_id, actor, f"policy.{state}", tool, structure=structure, path=path)
    version = renew(connection, organisation_id, state, actor)
    return {"version": version, "tool": tool, "structure": structure, "path": path, "state": state}


def export_policy(connection: Connection, organisation_id: str, version: int | None = None) -> dict[str, Any]:
    """The document of a version, the current one by default; of version 0 an empty one.

    Raises:
        ServiceError: 404, there is no such version.
    """
    newest, made_s, document = latest(connection, organisation_id, version)
    if version is not None and newest != version:
        raise ServiceError(404, "unknown_version", "There is no such version of the policy.", given=version)
    return document or policy.make((), newest, made_s)


def import_policy(connection: Connection, organisation_id: str, actor: str, document: Any) -> dict[str, Any]:
    """Takes over a document that was exported elsewhere, or written by `headroom learn` or a person.

    Evidence in it counts where it is more than this organisation's own; what people pinned or forbade stays decided; a
    path that is dropped without evidence is a person's decision, too. Nothing that is known here is forgotten.

    Returns:
        `{"version", "tools", "fields"}`: the new version, and how many of each were taken over.

    Raises:
        ServiceError: 422, this is no policy.
    """
    try:
        checked = policy.check(document)
    except InvalidOptionError as problem:
        raise ServiceError(
            422, "invalid_policy", str(problem), allowed="a document as GET /v1/policies/export gives it",
            action="Export one for an example; docs/policies.md has the format.",
        ) from None  # fmt: skip
    serialize(connection, organisation_id)
    key = hash_key(connection, organisation_id)
    taken = 0
    for tool, structures in checked["tools"].items():
        for structure, about in structures.items():
            known = about["fields"]
            for path in dict.fromkeys((*known, *about["drop"])):
                given = known.get(path)
                field = Field(tool, structure, path)
                state = given["state"] if given else "forbidden"
                if state in ("pinned", "forbidden"):
                    _decide(connection, organisation_id, actor, field, state)
                if given:
                    _adopt(connection, organisation_id, key, field, given)
                taken += 1
    keys.log(connection, organisation_id, actor, "policy.import", organisation_id, fields=taken)
    version = renew(connection, organisation_id, "imported", actor)
    return {"version": version, "tools": len(checked["tools"]), "fields": taken}


def versions(connection: Connection, organisation_id: str, limit: int = 50) -> list[dict[str, Any]]:
    """The newest versions first: `{"version", "made", "reason", "actor", "dropped"}`."""
    t = tables.learning_policies
    rows = connection.execute(
        sa.select(t).where(t.c.organisation_id == organisation_id).order_by(t.c.version.desc()).limit(limit)
    ).mappings()
    out = []
    for row in rows:
        dropped = policy.dropped(json.loads(row["document"]))
        count = sum(len(about["drop"]) for structures in dropped.values() for about in structures.values())
        out.append(
            {**{k: row[k] for k in ("version", "reason", "actor")}, "made": iso(row["made_s"]), "dropped": count}
        )
    return out


def latest(
    connection: Connection, organisation_id: str, version: int | None = None
) -> tuple[int, int, dict[str, Any] | None]:
    """(version, made, document) of the newest policy, or of `version`; (0, 0, None) if there is none."""
    t = tables.learning_policies
    query = sa.select(t.c.version, t.c.made_s, t.c.document).where(t.c.organisation_id == organisation_id)
    if version is not None:
        query = query.where(t.c.version == version)
    row = connection.execute(query.order_by(t.c.version.desc()).limit(1)).first()
    return (row.version, row.made_s, json.loads(row.document)) if row else (0, 0, None)


def newest(connection: Connection, organisation_id: str) -> int:
    """The newest version; 0 if there is none."""
    t = tables.learning_policies
    query = sa.select(sa.func.max(t.c.version)).where(t.c.organisation_id == organisation_id)
    return connection.execute(query).scalar() or 0


def judged(connection: Connection, organisation_id: str, tool: str | None = None) -> list[tuple[Field, Verdict]]:
    """Every field whose name is known, and what is done with it."""
    t, s = tables.learning_evidence, tables.learning_states
    mine = [t.c.organisation_id == organisation_id, t.c.place == "", t.c.path != None]  # noqa: E711
    theirs = [s.c.organisation_id == organisation_id]
    if tool is not None:
        mine.append(t.c.tool == tool)
        theirs.append(s.c.tool == tool)
    evidence = {
        Field(row["tool"], row["structure"], row["path"]): evidence_of(row)
        for row in connection.execute(sa.select(t).where(*mine)).mappings()
    }
    decided = {
        Field(row.tool, row.structure, row.path): row.state for row in connection.execute(sa.select(s).where(*theirs))
    }
    known = [(field, evidence.get(field, Evidence())) for field in {*evidence, *decided}]
    return policy.judge_all(known, decided, shared.unused(connection, organisation_id))


def renew(connection: Connection, organisation_id: str, reason: str, actor: str) -> int:
    """Writes a new version if the newest one would say something else; the number of the newest.

    Whoever calls this holds the organisation's lock (`serialize`).
    """
    number, _, before = latest(connection, organisation_id)
    now_s = int(time.time())
    document = policy.make(judged(connection, organisation_id), number + 1, now_s)
    decided = [_decisions(d) for d in (before or policy.make((), 0, 0), document)]
    if decided[0] == decided[1]:
        return number
    t = tables.learning_policies
    connection.execute(
        t.insert().values(
            organisation_id=organisation_id,
            version=number + 1,
            made_s=now_s,
            reason=reason,
            actor=actor[:96],
            document=json.dumps(document),
        )
    )
    return number + 1


def _decisions(document: dict[str, Any]) -> dict[tuple[str, str, str], str]:
    """What a document decides; counts alone make no new version."""
    return {
        (tool, structure, path): about["state"]
        for tool, structures in document["tools"].items()
        for structure, held in structures.items()
        for path, about in held["fields"].items()
        if about["state"] != "kept"
    }


def _decide(connection: Connection, organisation_id: str, actor: str, field: Field, state: str) -> None:
    t = tables.learning_states
    key = {
        "organisation_id": organisation_id,
        "tool": field.tool,
        "structure": field.structure,
        "path_digest": path_digest(hash_key(connection, organisation_id), field.path),
    }
    if state == "auto":
        connection.execute(t.delete().where(*(t.c[name] == value for name, value in key.items())))
        return
    held = connection.execute(
        sa.select(sa.func.count()).select_from(t).where(t.c.organisation_id == organisation_id)
    ).scalar_one()
    if held >= MAX_DECISIONS:
        raise ServiceError(422, "too_many_decisions", "Too many fields are decided about.", allowed=MAX_DECISIONS)
    row = {"path": field.path, "state": state, "actor": actor[:96], "at_s": int(time.time())}
    statement = insert(connection, t).values(**key, **row)
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=row))


def _adopt(connection: Connection, organisation_id: str, key: bytes, field: Field, given: dict[str, Any]) -> None:
    t = tables.learning_evidence
    where = {
        "organisation_id": organisation_id,
        "tool": field.tool,
        "structure": field.structure,
        "path_digest": path_digest(key, field.path),
        "place": "",
    }
    row = connection.execute(sa.select(t).where(*(t.c[name] == value for name, value in where.items()))).mappings()
    have = row.first()
    if given["seen"] <= (have["seen"] if have is not None else 0):
        return
    counts = {name: float(given[name]) for name in ("seen", "used", "retrieved")}
    needed = counts["used"] + counts["retrieved"]
    values = {
        **counts,
        "path": field.path,
        "present": max(counts["seen"], have["present"] if have else 0.0),
        # When it was last used is not in the document; that it was dropped there says: not lately.
        "quiet": int(counts["seen"]) if not needed else WATCH if given["state"] == "dropped" else 0,
        "changes": have["changes"] if have else 0,
        "updated_s": int(time.time()),
    }
    statement = insert(connection, t).values(**where, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=list(where), set_=values))


def evidence_of(row: Any) -> Evidence:
    """The counts of a row of `learning_evidence`."""
    names = ("present", "seen", "used", "retrieved", "quiet", "changes")
    return Evidence(*(row[name] for name in names))


def hash_key(connection: Connection, organisation_id: str) -> bytes:
    """The organisation's secret that keys digests."""
    t = tables.organisations
    found: bytes = connection.execute(sa.select(t.c.hash_key).where(t.c.id == organisation_id)).scalar_one()
    return found


def path_digest(key: bytes, path: str) -> str:
    """What stands for a path while too few conversations had it for its name to be written down."""
    return hashlib.blake2b(path.encode("utf-8", "surrogatepass"), key=key, digest_size=8).hexdigest()


def serialize(connection: Connection, organisation_id: str) -> None:
    """Holds others that change what is learned of this organisation, until the transaction ends.

    SQLite has one writer anyway (database.py).
    """
    if connection.dialect.name == "postgresql":
        number = int.from_bytes(hashlib.blake2b(organisation_id.encode(), digest_size=8).digest(), "big", signed=True)
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))


def insert(connection: Connection, table: sa.Table) -> Any:
    """An insert that knows `on_conflict_do_…`."""
    return (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(table)


def iso(at_s: int) -> str | None:
    """A time as it stands in documents; `None` if never."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_s)) if at_s else None
