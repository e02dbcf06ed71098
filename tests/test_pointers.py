"""Hashes in messages: by which a reader fetches what was left out."""

from __future__ import annotations

import json
import re

import conversations as c
import pytest
from headroom import _core, compress
from hypothesis import given

POINTER = re.compile(r'\[headroom_retrieve\("([0-9a-f]{24})"\) has the rest\]')


@pytest.mark.parametrize("dialect", sorted(c.DIALECTS))
def test_one_hash_per_message_and_what_it_stands_for(dialect: str) -> None:
    messages = c.DIALECTS[dialect]([("Which role was refused?", "{}", text) for text in c.REAL.values()])
    plain = compress(messages)
    result = compress(messages, retrieval=True)
    assert POINTER.findall(str(plain.messages)) == []
    found = POINTER.findall(str(result.messages))
    assert found
    assert sorted(found) == sorted(result.originals)
    for i, message in enumerate(result.messages):
        hashes = POINTER.findall(str(message))
        assert len(hashes) == int(any(o.message == i for o in result.omitted))
        for hash_ in hashes:
            assert result.originals[hash_] in c.strings(messages[i])
    assert result.tokens_after > plain.tokens_after


def test_a_key_changes_the_hashes_and_nothing_else() -> None:
    messages = c.chat([("Which role was refused?", "{}", c.REAL["postgresql.log"])])
    plain, keyed = (
        compress(messages, retrieval=True),
        compress(messages, retrieval=True, retrieval_key=b"secret"),
    )
    assert set(plain.originals).isdisjoint(keyed.originals)
    assert list(plain.originals.values()) == list(keyed.originals.values())
    assert POINTER.sub("", str(plain.messages)) == POINTER.sub("", str(keyed.messages))
    assert "secret" not in repr(keyed)


@given(c.turns)
def test_the_promises_hold_with_hashes(turns: list[c.Turn]) -> None:
    messages = [{"role": "user", "content": f"{turns[0][2]}\n\n{turns[0][0]}"}, *c.from_first_answer(turns)]
    result = compress(messages, retrieval=True)
    assert result.tokens_after <= result.tokens_before
    _core.clear_memo()
    assert compress(result.messages, retrieval=True).messages == result.messages
    cut = max(i for i, m in enumerate(messages) if c.is_models(m))
    assert compress(messages[:cut], retrieval=True).messages == result.messages[:cut]


LABEL = re.compile(r"\[… \d+ lines? (\d+)(?:-(\d+))?: as in tool output (\d+), (\d+)(?:-(\d+))?\]")


def said(i: int) -> str:
    """A line of a tool's output that is worth a reference."""
    return f"step {i} of the nightly job copied the parts of ledger {i * 7} into the archive of shop {i % 3}"


def test_references_hold_where_a_hash_would_cost_more_than_it_brings() -> None:
    # Saves fewer tokens than a hash takes, so it stays whole.
    first = "\n".join([*map(said, range(6)), said(2), said(3), *map(said, range(6, 12))])
    second = "\n".join([said(90), *map(said, range(20, 32)), *map(said, range(4, 12)), said(91)])
    messages = c.chat([("Go on.", "{}", first), ("", "{}", second)])
    assert LABEL.search(first) is None
    result = compress(messages, retrieval=True)
    shown = [m["content"] for m in result.messages if m["role"] == "tool"]
    assert shown[0] == first
    labels = list(LABEL.finditer(shown[1]))
    assert labels
    for label in labels:
        own, own_end, output, there, there_end = (int(group or 0) for group in label.groups())
        assert output == 1
        above = shown[0].split("\n")[there - 1 : there_end or there]
        assert above == second.split("\n")[own - 1 : own_end or own]


def test_the_hash_of_an_output_stands_at_its_end() -> None:
    # Elsewhere it would move the lines by whose numbers later outputs refer to them.
    records = json.dumps([{"id": n, "name": f"article {n}", "price": n * 3} for n in range(60)], indent=1)
    output = "\n".join([*map(said, range(6)), c.REAL["postgresql.log"], records, *map(said, range(20, 32))])
    for text in (output, f"{records}\n{output}\n{records}\n"):
        shown = compress(c.chat([("Was a role refused?", "{}", text)]), retrieval=True).messages[-1]["content"]
        found = list(POINTER.finditer(shown))
        assert len(found) == 1
        assert shown[found[0].end() :] in ("", "\n")
