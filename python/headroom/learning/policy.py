"""A policy: which fields of which tools are dropped, on what evidence; a small versioned document.

    {"headroom_policy": 1, "version": 17, "made": "2026-11-26T03:00:00Z",
     "tools": {"search_flights": {"9f31c0d2a4b7e855": {
         "drop": ["$.flights[].fare_basis"],
         "fields": {"$.flights[].fare_basis": {"seen": 412, "used": 0, "retrieved": 0, "use_at_most": 0.0073,
                                               "state": "dropped", "why": "…"}}}}}}

The core reads `drop` alone. A structure is named by the digest of its containers (`headroom._core.json_structure`).
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from headroom.errors import InvalidOptionError
from headroom.learning import fields
from headroom.learning.evidence import USE_AT_MOST, Evidence, upper_bound

FORMAT = 1
LOSS_AT_MOST = 0.005
"""Share of all uses of a structure's fields that those which are dropped may have together, at the upper bound."""
MAX_TOOLS = 500
MAX_STRUCTURES = 64
"""Of one tool."""
MAX_NAME_CHARS = 64
MAX_DOCUMENT_BYTES = 4 << 20

State = Literal["dropped", "kept", "pinned", "forbidden"]
"""dropped and kept by evidence; pinned and forbidden by a person: always keep, always drop."""

_STRUCTURE = re.compile(r"[0-9a-f]{16}\Z")


class Field(NamedTuple):
    """Names a field: the tool, the digest of the structure, the path."""

    tool: str
    structure: str
    path: str


@dataclass(frozen=True)
class Verdict:
    """What is done with a field, and why."""

    state: State
    why: str
    evidence: Evidence

    @property
    def is_dropped(self) -> bool:
        """Whether the core drops it."""
        return self.state in ("dropped", "forbidden")

    def as_json(self) -> dict[str, Any]:
        """As it stands in the document."""
        e = self.evidence
        return {
            "seen": round(e.seen),
            "used": round(e.used),
            "retrieved": round(e.retrieved),
            "use_at_most": round(e.use_at_most, 4),
            "state": self.state,
            "why": self.why,
        }


def judge(path: str, evidence: Evidence, decided: str | None = None, unused_elsewhere: float = 0.0) -> Verdict:
    """What is done with a field.

    Args:
        path: the field's.
        evidence: what was seen of it.
        decided: "pinned" or "forbidden", if a person said so.
        unused_elsewhere: conversations without a use that the evidence of other organisations stands for.
    """
    if decided == "pinned":
        return Verdict("pinned", "pinned by a person", evidence)
    if decided == "forbidden":
        return Verdict("forbidden", "forbidden by a person", evidence)
    kept = fields.why_kept(path)
    if kept is not None:
        return Verdict("kept", kept, evidence)
    if evidence.seen == 0:
        return Verdict("kept", "whether it is used cannot be told from its values", evidence)
    known = evidence
    if unused_elsewhere and evidence.needed == 0:
        known = Evidence(seen=evidence.seen + unused_elsewhere, quiet=evidence.quiet)
    seen, needed = round(known.seen), round(known.needed)
    if known.use_at_most > USE_AT_MOST:
        why = f"{needed} of {seen} conversations used it; to be dropped, {100 * USE_AT_MOST:g} % at most must be sure"
        return Verdict("kept", why, evidence)
    if evidence.is_watched:
        return Verdict("kept", f"used {evidence.quiet + 1} conversations ago, watched", evidence)
    shared = f", {unused_elsewhere:g} of them other organisations'" if known is not evidence else ""
    why = f"{needed} of {seen} conversations used it{shared}: at most {100 * known.use_at_most:.2g} % do"
    return Verdict("dropped", why, evidence)


def judge_all(
    known: Iterable[tuple[Field, Evidence]],
    decided: Mapping[Field, str] | None = None,
    unused_elsewhere: Mapping[Field, float] | None = None,
) -> list[tuple[Field, Verdict]]:
    """What is done with all fields, in order: each by itself, and those of a structure together.

    Args:
        known: the fields and what was seen of them.
        decided: "pinned" or "forbidden", where a person said so.
        unused_elsewhere: as for `judge`.
    """
    structures: dict[tuple[str, str], list[tuple[Field, Verdict]]] = {}
    for field, evidence in sorted(known, key=lambda one: one[0]):
        verdict = judge(field.path, evidence, (decided or {}).get(field), (unused_elsewhere or {}).get(field, 0.0))
        structures.setdefault((field.tool, field.structure), []).append((field, verdict))
    return [one for fields_ in structures.values() for one in _within_budget(fields_)]


def _within_budget(judged: list[tuple[Field, Verdict]]) -> list[tuple[Field, Verdict]]:
    """Keeps those of the fields to be dropped with which too much of all use would be lost, the most used ones.

    Fields of which no use was seen are not concerned.
    """
    total = sum(verdict.evidence.needed for _, verdict in judged)
    kept = set()
    lost = 0.0
    for field, verdict in sorted(judged, key=lambda one: one[1].evidence.needed):
        needed = verdict.evidence.needed
        if verdict.state == "dropped" and needed:
            if upper_bound(lost + needed, total) > LOSS_AT_MOST:
                kept.add(field)
            else:
                lost += needed
    why = f"used, and without it more than {100 * LOSS_AT_MOST:g} % of all that is used might be left out"
    return [(f, Verdict("kept", why, v.evidence) if f in kept else v) for f, v in judged]


def make(judged: Iterable[tuple[Field, Verdict]], version: int, made_s: float) -> dict[str, Any]:
    """The document."""
    tools: dict[str, Any] = {}
    for field, verdict in sorted(judged, key=lambda one: one[0]):
        structure = tools.setdefault(field.tool, {}).setdefault(field.structure, {"drop": [], "fields": {}})
        structure["fields"][field.path] = verdict.as_json()
        if verdict.is_dropped:
            structure["drop"].append(field.path)
    made = datetime.datetime.fromtimestamp(made_s, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"headroom_policy": FORMAT, "version": version, "made": made, "tools": tools}


def dropped(document: dict[str, Any], only: str | None = None) -> dict[str, dict[str, dict[str, list[str]]]]:
    """The `tools` of the document as the core reads them: what is dropped.

    Args:
        document: a policy.
        only: a state; only fields in it.
    """
    out: dict[str, dict[str, dict[str, list[str]]]] = {}
    for tool, structures in document["tools"].items():
        for structure, about in structures.items():
            known = about.get("fields", {})
            drop = [p for p in about["drop"] if only is None or known.get(p, {}).get("state") == only]
            if drop:
                out.setdefault(tool, {})[structure] = {"drop": drop}
    return out


def for_core(document: dict[str, Any], only: str | None = None) -> str | None:
    """The document as the core takes it, or `None` if nothing is dropped."""
    tools = dropped(document, only)
    if not tools:
        return None
    return json.dumps({"headroom_policy": FORMAT, "version": document["version"], "tools": tools})


def check(document: Any) -> dict[str, Any]:
    """A document from elsewhere, with no more in it than belongs there.

    Raises:
        InvalidOptionError: it is no policy; the message says where.
    """
    if not isinstance(document, dict) or document.get("headroom_policy") != FORMAT:
        raise _no_policy('"headroom_policy": 1 is missing', "a JSON object with headroom_policy, version, tools")
    version = document.get("version", 0)
    if type(version) is not int or not 0 <= version < 1 << 31:
        raise _no_policy("its version is no number", "0 to 2147483647")
    tools = document.get("tools")
    if not isinstance(tools, dict) or len(tools) > MAX_TOOLS:
        raise _no_policy("tools is no object, or has too many members", f"at most {MAX_TOOLS} tools by name")
    out: dict[str, Any] = {}
    for tool, structures in tools.items():
        if not 0 < len(tool) <= MAX_NAME_CHARS or not isinstance(structures, dict) or len(structures) > MAX_STRUCTURES:
            raise _no_policy("a tool is no object of structures", f"1 to {MAX_NAME_CHARS} characters, an object")
        for structure, about in structures.items():
            if not _STRUCTURE.match(structure) or not isinstance(about, dict):
                raise _no_policy("the name of a structure is no digest", "16 hexadecimal digits")
            out.setdefault(tool, {})[structure] = _check_structure(about)
    return {"headroom_policy": FORMAT, "version": version, "made": str(document.get("made", ""))[:20], "tools": out}


def _check_structure(about: dict[str, Any]) -> dict[str, Any]:
    drop, known = about.get("drop", []), about.get("fields", {})
    if not isinstance(drop, list) or not isinstance(known, dict) or len(drop) + len(known) > 2 * fields.MAX_FIELDS:
        raise _no_policy("drop is no list, or fields is no object", f"at most {fields.MAX_FIELDS} of each")
    for path in (*drop, *known):
        if not fields.is_path(path):
            raise _no_policy("a path is none", "$.name, $.records[].name")
    checked = {}
    for path, field in known.items():
        state = field.get("state") if isinstance(field, dict) else None
        counts = [field.get(name, 0) for name in ("seen", "used", "retrieved")] if state is not None else []
        if state not in ("dropped", "kept", "pinned", "forbidden") or not all(map(_is_count, counts)):
            raise _no_policy("a field has no state, or counts that are none", "dropped, kept, pinned, forbidden")
        seen, used, retrieved = counts
        checked[path] = {"state": state, "seen": seen, "used": used, "retrieved": retrieved}
    return {"drop": list(dict.fromkeys(drop)), "fields": checked}


def _is_count(number: Any) -> bool:
    return type(number) in (int, float) and 0 <= number <= 1e9


def _no_policy(what: str, allowed: str) -> InvalidOptionError:
    return InvalidOptionError(f"this is not a policy: {what}; allowed: {allowed}")
