"""Paths of fields, and what of them may be remembered.

A path is `$` for the root, `.name` for a member, `[]` for any element of an array, `.*` for any member of an object
whose keys are data; a name that is not a plain word is written `["…"]`. The core makes them
(`headroom._core.json_structure`).
"""

from __future__ import annotations

import json
import re

MAX_FIELDS = 300
"""Of one structure; the rest is not learned."""
MAX_PATH_CHARS = 240

_STEP = re.compile(r"\.[A-Za-z_][A-Za-z0-9_-]*|\.\*|\[\]|\[(\"(?:[^\"\\]|\\.)*\")\]")
# A name with a longer number in it, a long hexadecimal one, an address or a path is data rather than a field's name.
_DATA = re.compile(r"\d{4}|.@|/|\A(?=.*\d)[0-9a-fA-F-]{12,}\Z")
MAX_NAME_CHARS = 48

# The first of each are those that the core keeps as well (src/kinds/json/digest.rs), whatever a policy says.
IDENTIFIERS = (
    "name",
    "id",
    "key",
    "arn",
    "ids",
    "uuid",
    "guid",
    "hash",
    "sha",
    "slug",
    "ref",
    "token",
    "code",
    "number",
)
"""Ends of names whose values later calls are made with."""
NAMES = frozenset(("title", "login", "path", "filename"))
STATES = ("status", "state", "phase", "conclusion", "health", "severity", "level", "result", "priority", "type", "kind")
"""Parts of names that say how something stands."""
FAILURES = ("fail", "error", "critical", "fatal", "unhealthy", "denied", "exception", "crash", "timed_out")
"""Parts of names under which everything says what went wrong."""
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def is_path(path: object) -> bool:
    """Whether this is the path of a field."""
    if not isinstance(path, str) or not path.startswith("$") or not 1 < len(path) <= MAX_PATH_CHARS:
        return False
    at = 1
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            return False
        at = step.end()
    try:
        _names(path)
    except ValueError:
        return False
    return True


def last_name(path: str) -> str:
    """The name of the field, without what it stands in."""
    names = _names(path)
    return names[-1] if names else ""


def words(name: str) -> list[str]:
    """The words of a name, in lower case: `fareBasis_code` is fare, basis, code."""
    return [word.lower() for word in _WORDS.findall(name)]


def why_kept(path: str) -> str | None:
    """Why a field is kept whatever the evidence, or `None`."""
    names = [name.lower() for name in _names(path)]
    if any(word in name for name in names for word in FAILURES):
        return "says what went wrong"
    last = names[-1] if names else ""
    if last in NAMES or last.endswith(IDENTIFIERS):
        return "an identifier"
    if any(word in last for word in STATES):
        return "says how something stands"
    return None


def may_be_named(path: str) -> bool:
    """Whether a path may be remembered: all of its names look like names of fields, none like data."""
    return is_path(path) and not any(len(name) > MAX_NAME_CHARS or _DATA.search(name) for name in _names(path))


def _names(path: str) -> list[str]:
    steps = (step[0] for step in _STEP.finditer(path, 1) if step[0] not in ("[]", ".*"))
    return [str(json.loads(step[1:-1])) if step.startswith("[") else step[1:] for step in steps]
