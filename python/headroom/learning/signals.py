"""What a conversation shows about the fields of its tools' outputs: flags, per tool, structure and field.

An output's fields are seen once the assistant has answered after it (wrote, and called nothing), or has gone on for
`CLOSED_AFTER` turns; what it uses of it counts at once, also later. A value that stands in several fields counts for
all of them, and one that the assistant may know from elsewhere counts as well: both keep fields, which is the cautious
side. A field that was left out for this conversation is not seen, unless it was used or fetched all the same.

Not looked at: outputs that are not JSON (so no lines of logs), JSON inside strings, user texts. Cost: about 1 µs for
each character of the assistant and 1 to 5 µs for each value of an output.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from headroom._core import json_structure
from headroom.learning import fields
from headroom.learning.conversation import Conversation, read
from headroom.learning.fields import MAX_FIELDS
from headroom.learning.values import Sayings

PRESENT, SEEN, USED, RETRIEVED = 1, 2, 4, 8
"""Flags: the conversation had the field; could have shown its use; used it; fetched it after it was left out."""
CLOSED_AFTER = 8
"""Turns of the assistant after which an output that it did not use by then counts as not used."""
MAX_VALUES = 400
"""Of one field of one output: more say nothing new."""
MAX_OUTPUT_BYTES = 2 << 20
PLACES = ((0, 1, "0"), (1, 3, "1-2"), (3, 5, "3-4"), (5, 10, "5-9"), (10, 20, "10-19"), (20, 50, "20-49"))
LAST_PLACE = "50-"

Observed = dict[tuple[str, str], dict[tuple[str, str], int]]
"""(tool, structure) → (path, place) → flags. The place is "" for a field; for a record, where it stands."""
Hidden = dict[str, dict[str, dict[str, list[str]]]]
"""What was left out for a conversation: the `tools` of a policy."""


def observe(messages: Sequence[Any], hidden: Hidden | None = None) -> Observed:
    """The flags of a conversation, from all of its messages so far.

    Args:
        messages: in any of the three dialects.
        hidden: what the conversation's policy leaves out.
    """
    found: Observed = {}
    talk = read(messages)
    if not talk.outputs or not talk.turns:
        return found
    said = Sayings((turn.row, text) for turn in talk.turns for text in turn.texts)
    for output in talk.outputs:
        if talk.turns[-1].row < output.row:
            break
        read_output = structure_of(output.text)
        if read_output is None:
            continue
        structure, values = read_output
        dropped = set((hidden or {}).get(output.tool, {}).get(structure, {}).get("drop", ()))
        flags = found.setdefault((output.tool, structure), {})
        is_closed = _is_closed(talk, output.row)
        for path, held in values.items():
            flag = PRESENT | _use(said, held, output.row)
            if flag & SEEN and not flag & USED and (not is_closed or is_under(path, dropped)):
                flag &= ~SEEN
            flags[path, ""] = flags.get((path, ""), 0) | flag
        if is_closed:
            for key, flag in _records(said, values, output.row):
                flags[key] = flags.get(key, 0) | flag
        for fetched in talk.fetched:
            if fetched.row > output.row:
                for path in retrieved(output.text, fetched.query, fetched.text, dropped):
                    flags[path, ""] = flags.get((path, ""), 0) | PRESENT | SEEN | RETRIEVED
    return found


def structure_of(text: str) -> tuple[str, dict[str, list[str]]] | None:
    """(digest, values by field) of a text that is JSON; an array without objects is one field."""
    if len(text) > MAX_OUTPUT_BYTES or text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        found = json_structure(text)
    except UnicodeEncodeError:
        # Half a character, as JavaScript leaves it where it cuts a text.
        return None
    if found is None:
        return None
    values: dict[str, list[str]] = {}
    for path, held in found[1].items():
        while path.endswith("[]"):
            path = path[:-2]
        if path != "$" and (path in values or len(values) < MAX_FIELDS) and fields.may_be_named(path):
            values.setdefault(path, []).extend(held)
    return found[0], values


def retrieved(original: str, query: str, answer: str, dropped: Iterable[str]) -> set[str]:
    """The fields that somebody wanted who fetched an original, or a part of it.

    With a query, those whose name it says; else those left out whose values came back. Without one, all that were left
    out, if this is the original that came back.

    Args:
        original: the output, whole.
        query: what was asked for.
        answer: what came back.
        dropped: the fields that had been left out.
    """
    found = structure_of(original)
    if found is None:
        return set()
    gone = {path for path in found[1] if is_under(path, set(dropped))}
    if not query.strip():
        return gone if answer.strip() == original.strip() else set()
    asked = set(fields.words(query))
    named = {path for path in found[1] if asked.issuperset(fields.words(fields.last_name(path)) or [""])}
    if named:
        return named
    came = Sayings([(1, answer)])
    return {path for path in gone if any(came.has(value, 0) for value in found[1][path])}


def is_under(path: str, dropped: set[str]) -> bool:
    """Whether a field, or what it stands in, is among those left out."""
    return path in dropped or any(path.startswith(top) and path[len(top)] in ".[" for top in dropped)


def merge(into: Observed, more: Observed) -> None:
    """Adds the flags of another request of the same conversation."""
    for key, flags in more.items():
        mine = into.setdefault(key, {})
        for name, flag in flags.items():
            mine[name] = mine.get(name, 0) | flag


def _is_closed(talk: Conversation, row: int) -> bool:
    later = [turn for turn in talk.turns if turn.row > row]
    return len(later) >= CLOSED_AFTER or any(turn.answers for turn in later)


def _use(said: Sayings, held: list[str], row: int) -> int:
    flags = 0
    for value in dict.fromkeys(held[:MAX_VALUES]):
        found = said.has(value, row)
        if found:
            return SEEN | USED
        if found is not None:
            flags = SEEN
    return flags


def _records(said: Sayings, values: dict[str, list[str]], row: int) -> Iterator[tuple[tuple[str, str], int]]:
    """Which records of the outermost array were used, as far as values that stand in one of them alone say it."""
    arrays = {path.partition("[]")[0] for path in values if "[]" in path}
    for array in arrays:
        columns = [
            held
            for path, held in values.items()
            if path.startswith(array + "[].") and "[]" not in path[len(array) + 2 :]
        ]
        count = max(map(len, columns), default=0)
        if count < 2:
            continue
        # A column that some records lack says nothing about which one a value stands in.
        whole = [held for held in columns if len(held) == count and len(set(held)) == count]
        used = {i for held in whole for i, value in enumerate(held[:MAX_VALUES]) if said.has(value, row)}
        if whole:
            for first, end, place in (*PLACES, (50, count, LAST_PLACE)):
                if first < count:
                    yield (array + "[]", place), PRESENT | SEEN | (USED if used & set(range(first, end)) else 0)
