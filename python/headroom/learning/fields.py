"""Fields of a JSON document: their paths, their values, and what of their names may be remembered.

A path is `$` for the root, `.name` for a member, `[]` for any element of an array; a name that is not a plain word
is written `["…"]`. A field is a leaf: a member that holds a string, a number, a word, or an array without objects.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

MAX_DEPTH = 12
MAX_FIELDS = 300
"""Of one structure; the rest is not learned."""
MAX_PATH_CHARS = 240

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_STEP = re.compile(r"\.[A-Za-z_][A-Za-z0-9_-]*|\[\]|\[(\"(?:[^\"\\]|\\.)*\")\]")
# A name with a longer number in it, or a long hexadecimal one, is somebody's id rather than a field's name.
_DATA = re.compile(r"\d{4}|\A(?=.*\d)[0-9a-fA-F-]{12,}\Z")
MAX_NAME_CHARS = 48
MAP_MEMBERS = 3
"""So many members that are objects of the same keys: the object is a map, and its keys are data."""

IDENTIFIERS = frozenset(
    ("id", "ids", "uuid", "guid", "key", "code", "number", "ref", "reference", "token", "hash", "sha", "arn", "slug")
)
"""Last words of names whose values later calls are made with; a field of such a name is never dropped by evidence."""
STATES = frozenset(
    ("status", "state", "error", "errors", "message", "reason", "warning", "warnings", "success", "failed", "exit_code")
)
"""Names that say how something went; kept likewise."""
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


class Leaf(NamedTuple):
    """One value of a field.

    Attributes:
        path: the field's path.
        value: a string, `Number`, `True`, `False` or `None`; of an array each of its values is a leaf of its own.
        record: where the record stands in the outermost array of records, if in any.
    """

    path: str
    value: Any
    record: int | None


class Number(str):
    """A number as it is spelt."""

    __slots__ = ()


def parse(text: str) -> Any:
    """The value of a JSON text, numbers as they are spelt.

    Raises:
        ValueError: it is none.
    """
    try:
        return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def member(path: str, name: str) -> str:
    """The path of a member."""
    return f"{path}.{name}" if _PLAIN.match(name) else f"{path}[{json.dumps(name, ensure_ascii=False)}]"


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
    return True


def last_name(path: str) -> str:
    """The name of the field, without what it stands in."""
    names = [step[0] for step in _STEP.finditer(path, 1) if step[0] != "[]"]
    if not names:
        return ""
    return str(json.loads(names[-1][1:-1])) if names[-1].startswith("[") else names[-1][1:]


def words(name: str) -> list[str]:
    """The words of a name, in lower case: `fareBasis_code` is fare, basis, code."""
    return [word.lower() for word in _WORDS.findall(name)]


def why_kept(path: str) -> str | None:
    """Why a field is kept whatever the evidence, or `None`."""
    name = last_name(path)
    if name.lower() in STATES:
        return "says how something went"
    found = words(name)
    if found and (found[-1] in IDENTIFIERS or name.lower() in IDENTIFIERS):
        return "an identifier"
    return None


def leaves(value: Any) -> Iterator[Leaf]:
    """The values of all fields whose names may be remembered, in order."""
    return _walk("$", value, None, 0)


def _walk(path: str, value: Any, record: int | None, depth: int) -> Iterator[Leaf]:
    if depth > MAX_DEPTH or len(path) > MAX_PATH_CHARS:
        return
    if isinstance(value, dict):
        if is_map(value):
            return
        for name, child in value.items():
            if is_name(name):
                yield from _walk(member(path, name), child, record, depth + 1)
    elif isinstance(value, list):
        if _holds_objects(value):
            for i, child in enumerate(value):
                yield from _walk(path + "[]", child, i if record is None else record, depth + 1)
        elif path != "$":
            for child in _scalars(value):
                yield Leaf(path, child, record)
            if not value:
                yield Leaf(path, None, record)
    elif path != "$" and not path.endswith("[]"):
        yield Leaf(path, value, record)


def is_map(value: dict[str, Any]) -> bool:
    """Whether an object's keys are data: several members, all of them objects of the same keys."""
    if len(value) < MAP_MEMBERS or not all(isinstance(child, dict) for child in value.values()):
        return False
    children = iter(value.values())
    first = next(children).keys()
    return all(child.keys() == first for child in children)


def is_name(name: str) -> bool:
    """Whether a key is a field's name, as far as can be told, and no data."""
    return len(name) <= MAX_NAME_CHARS and bool(_PLAIN.match(name)) and not _DATA.search(name)


def _holds_objects(value: list[Any]) -> bool:
    return any(isinstance(child, dict) or (isinstance(child, list) and _holds_objects(child)) for child in value)


def _scalars(value: list[Any]) -> Iterator[Any]:
    for child in value:
        if isinstance(child, list):
            yield from _scalars(child)
        else:
            yield child
