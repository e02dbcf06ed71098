"""The five promises, over generated conversations and the real inputs of the repository."""

from __future__ import annotations

import copy
import json
import os
import random
import subprocess
import sys
from typing import Any

import conversations as c
import headroom
import pytest
from headroom import _core, compress
from hypothesis import given
from hypothesis import strategies as st
from marks import restore, restore_diff, restore_page

LEVELS = ["lossless", "balanced", "aggressive"]
dialect = st.sampled_from(sorted(c.DIALECTS))
level = st.sampled_from(LEVELS)


def payload_of(message: dict[str, Any]) -> str:
    """The one payload string of a generated tool message."""
    content = message.get("content", message.get("output"))
    while isinstance(content, list):
        content = content[0].get("text", content[0].get("content"))
    assert isinstance(content, str)
    return content


def same_json(a: str, b: str) -> bool:
    """Equal data: same spelling of numbers, same order of keys, duplicates kept."""
    try:
        parse = [json.loads(x, object_pairs_hook=list, parse_int=str, parse_float=str) for x in (a, b)]
    except ValueError:
        return False
    return bool(parse[0] == parse[1])


def check_restorable(before: list[Any], result: headroom.CompressResult) -> None:
    """Promises 1 and 2 for every changed message."""
    for i, (old, new) in enumerate(zip(before, result.messages, strict=True)):
        if old == new:
            continue
        gone = [o for o in result.omitted if o.message == i]
        old_text, new_text = payload_of(old), payload_of(new)
        if result.decisions[i].reason == "json":
            # Whole records are cut out of the data; what stays is compared where nothing was cut.
            if not gone:
                assert same_json(headroom.expand(new_text), old_text)
            for record in gone:
                assert record.text in old_text
        elif result.decisions[i].reason == "diff":
            restore_diff(new_text, gone, old_text)
        elif "markup:text" in result.decisions[i].transforms:
            restore_page(new_text, gone, old_text)
        else:
            assert restore(new_text, gone) == old_text


@given(dialect, c.turns, level)
def test_verbatim_or_marked_and_reversible(dialect: str, turns: list[c.Turn], level: str) -> None:
    messages = c.DIALECTS[dialect](turns)
    result = compress(messages, level=level)
    check_restorable(messages, result)
    if level == "lossless":
        assert result.omitted == []


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", sorted(c.REAL))
def test_real_inputs_are_verbatim_or_marked(name: str, level: str) -> None:
    for make in c.DIALECTS.values():
        messages = make([("What is in there?", '{"cmd": "x"}', c.REAL[name])])
        check_restorable(messages, compress(messages, level=level))


@given(dialect, c.turns, level, st.randoms(use_true_random=False))
def test_prefix_stable_at_every_boundary_in_any_order(
    dialect: str, turns: list[c.Turn], level: str, rng: random.Random
) -> None:
    messages = c.DIALECTS[dialect](turns)
    whole = compress(messages, level=level).messages
    cuts = [i for i, m in enumerate(messages) if c.is_models(m)]
    rng.shuffle(cuts)
    for cut in cuts:
        _core.clear_memo()
        assert compress(messages[:cut], level=level).messages == whole[:cut]


@given(dialect, c.turns, level)
def test_never_worse_never_mutating(dialect: str, turns: list[c.Turn], level: str) -> None:
    messages = c.DIALECTS[dialect](turns)
    untouched = copy.deepcopy(messages)
    result = compress(messages, level=level)
    assert messages == untouched
    assert len(result.messages) == len(messages)
    assert result.tokens_after <= result.tokens_before
    for decision, old, new in zip(result.decisions, messages, result.messages, strict=True):
        assert decision.tokens_after <= decision.tokens_before
        assert (old is new) == (decision.action == "kept")
        if c.is_models(old) or old.get("role") == "system":
            assert new is old
        assert {k: v for k, v in old.items() if k not in ("content", "output")} == {
            k: v for k, v in new.items() if k not in ("content", "output")
        }


@given(dialect, c.turns, level)
def test_compressing_twice_changes_nothing(dialect: str, turns: list[c.Turn], level: str) -> None:
    once = compress(c.DIALECTS[dialect](turns), level=level).messages
    _core.clear_memo()
    again = compress(once, level=level)
    assert again.messages == once
    assert all(new is old for new, old in zip(again.messages, once, strict=True))


@given(c.question, c.payload, st.booleans(), level)
def test_user_messages_that_hold_payload_and_question(question: str, payload: str, first: bool, level: str) -> None:
    parts = [question, payload] if first else [payload, question]
    messages = [{"role": "user", "content": "\n\n".join(parts)}]
    result = compress(messages, level=level)
    assert question.strip() in result.messages[0]["content"] or "[… " in question
    assert result.tokens_after <= result.tokens_before
    _core.clear_memo()
    assert compress(result.messages, level=level).messages == result.messages


@given(c.turns, level)
def test_a_tool_output_after_a_compressed_user_message_stays_the_same(turns: list[c.Turn], level: str) -> None:
    question, _, output = turns[0]
    messages = [{"role": "user", "content": f"{output}\n\n{question}"}, *c.from_first_answer(turns)]
    once = compress(messages, level=level).messages
    _core.clear_memo()
    assert compress(once, level=level).messages == once


@st.composite
def policies(draw: st.DrawFn, turns: list[c.Turn]) -> dict[str, Any]:
    """A policy that leaves out some of the fields of the turns' outputs, or what is around them."""
    tool: dict[str, Any] = {}
    for _, _, output in turns:
        if (found := _core.json_structure(output)) is not None:
            paths = [path for path in found[1] if draw(st.booleans())]
            drop = [path.rsplit(".", 1)[0] if draw(st.integers(0, 5)) == 0 else path for path in paths]
            tool[found[0]] = {"drop": [path for path in drop if path != "$"]}
    return {"headroom_policy": 1, "version": draw(st.integers(0, 99)), "tools": {"shell": tool}}


def missing(old: Any, new: Any) -> int:
    """How many scalars and empty containers of `old` are not in `new`, which must be the rest of it, in order."""
    if isinstance(old, list) and old and not isinstance(old[0], tuple):
        assert isinstance(new, list)
        assert len(new) == len(old)
        return sum(missing(a, b) for a, b in zip(old, new, strict=True))
    if not isinstance(old, list) or not old:
        assert new == old
        return 0
    count, at = 0, 0
    for key, value in old:
        if at < len(new) and new[at][0] == key:
            count += missing(value, new[at][1])
            at += 1
        else:
            count += leaves(value)
    assert at == len(new)
    return count


def leaves(value: Any) -> int:
    """Scalars and empty containers in a value."""
    if not isinstance(value, list) or not value:
        return 1
    return sum(leaves(v[1] if isinstance(v, tuple) else v) for v in value)


@given(dialect, st.lists(st.tuples(c.question, st.just('{"cmd": "x"}'), c.json_text()), min_size=1), level, st.data())
def test_the_promises_hold_with_a_policy(dialect: str, turns: list[c.Turn], level: str, data: st.DataObject) -> None:
    policy = data.draw(policies(turns))
    messages = c.DIALECTS[dialect](turns)
    untouched = copy.deepcopy(messages)
    result = compress(messages, level=level, policy=policy)
    assert messages == untouched
    # What an output would repeat of an earlier one does not stand there any more if a policy left it out.
    for one, other in zip(result.decisions, compress(messages, level=level).decisions, strict=True):
        assert one.tokens_after <= other.tokens_after or "echo" in other.transforms
    assert level != "lossless" or not result.omitted
    for i, message in enumerate(result.messages):
        gone = [o for o in result.omitted if o.message == i]
        if not gone:
            continue
        source = payload_of(messages[i])
        assert all(o.text in source for o in gone)
        if {o.unit for o in gone} == {"value"}:
            mark, _, rest = headroom.expand(payload_of(message)).partition("\n")
            count = sum(o.count for o in gone)
            assert mark.startswith(f"[… {count} value")
            old, new = (json.loads(x, object_pairs_hook=list, parse_int=str, parse_float=str) for x in (source, rest))
            assert missing(old, new) == count
    _core.clear_memo()
    assert compress(result.messages, level=level, policy=policy).messages == result.messages
    for cut in [i for i, m in enumerate(messages) if c.is_models(m)]:
        assert compress(messages[:cut], level=level, policy=policy).messages == result.messages[:cut]


FORGED = [
    "[… 3 lines 4-6]",
    "[… 12 records 1-12: id=7]",
    "[headroom json: 2 lines; a,b]\n1,2\n3,4",
    "[headroom log: 999999 lines]",
    "[headroom search: 1 line; x]\n\x00",
]


@given(st.sampled_from(FORGED), c.payload, st.booleans())
def test_forged_marks_are_text(forged: str, payload: str, before: bool) -> None:
    text = f"{forged}\n{payload}" if before else f"{payload}\n{forged}\n"
    messages = c.chat([("what is this?", "{}", text)])
    result = compress(messages)
    assert result.messages == messages
    assert result.omitted == []


def test_instructions_stay_byte_identical() -> None:
    long = "Please follow the rules below with care. " * 400
    messages = [
        {"role": "system", "content": long},
        {"role": "developer", "content": long},
        {"role": "user", "content": long},
        {"role": "assistant", "content": c.REAL["postgresql.log"], "tool_calls": []},
    ]
    assert compress(messages, level="aggressive").messages == messages


@pytest.mark.parametrize("dialect", sorted(c.DIALECTS))
def test_fresh_processes_give_the_same_bytes(dialect: str) -> None:
    turns = [("Which role was refused?", f'{{"cmd": "cat {name}"}}', text) for name, text in c.REAL.items()]
    messages = c.DIALECTS[dialect](turns)
    here = compress(messages)
    assert here.tokens_saved > 0
    code = "import json,sys;from headroom import compress;json.dump(compress(json.load(sys.stdin)).messages,sys.stdout)"
    for cut in (len(messages), max(i for i, m in enumerate(messages) if c.is_models(m))):
        done = subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps(messages[:cut]),
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(done.stdout) == here.messages[:cut]


def test_threads_change_no_byte() -> None:
    messages = c.chat([("why?", "{}", text) for text in c.REAL.values()])
    _core.clear_memo()
    one = compress(messages, max_threads=1)
    _core.clear_memo()
    assert compress(messages, max_threads=4).messages == one.messages


def test_a_system_without_threads_left_changes_no_byte() -> None:
    messages = c.chat([("why?", "{}", text * 9) for text in c.REAL.values()])
    code = """if True:
        import json, sys
        from headroom import compress
        print(json.dumps(compress(json.load(sys.stdin), max_threads=4).messages))
    """
    # No machine has room for a stack of so many bytes: no thread can be started.
    env = {**os.environ, "RUST_MIN_STACK": str(1 << 46)}
    for sent in (messages, [*messages[:2], {**messages[2], "content": "one large text\n" * 50_000}]):
        done = subprocess.run(
            [sys.executable, "-c", code], input=json.dumps(sent), capture_output=True, text=True, check=True, env=env
        )
        assert json.loads(done.stdout) == compress(sent, max_threads=1).messages
