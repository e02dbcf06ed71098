"""Hashes in messages: by which a reader fetches what was left out."""

from __future__ import annotations

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
