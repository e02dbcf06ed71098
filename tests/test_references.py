"""Back-references: lines that stand further up are not sent again, and their marks say where they stand."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import conversations as c
import pytest
from headroom import _core, compress
from marks import restore

SCRIPT = "\n".join(
    ["import shop", "", "cart = shop.Cart(owner='reviewer', region='north')"]
    + [f"cart.add(item='article-{i}', amount={i + 2}, price=round({i} * 1.19, 2))" for i in range(12)]
    + ["print(cart.total(), cart.tax(rate=0.19))", ""]
)
REFERENCE = re.compile(r"\[… (\d+) lines? (\d+)(?:-\d+)?: as in tool (call|output) (\d+), (\d+)(?:-(\d+))?\]")


def outputs(messages: list[dict[str, Any]]) -> list[str]:
    """The texts that tools returned, in order."""
    found = []
    for message in messages:
        if message.get("role") == "tool":
            found.append(message["content"])
        elif message.get("type") == "function_call_output":
            found.append(message["output"])
        elif isinstance(message.get("content"), list) and message["content"][0].get("type") == "tool_result":
            found.append(message["content"][0]["content"][0]["text"])
    return found


@pytest.mark.parametrize("dialect", sorted(c.DIALECTS))
def test_a_file_that_the_model_wrote_is_not_sent_back(dialect: str) -> None:
    written = f"cat <<'EOF' > total.py\n{SCRIPT}EOF"
    arguments = written if dialect == "anthropic" else json.dumps({"command": written})
    turns = [
        ("Fix the tax.", '{"command": "ls"}', "total.py"),
        ("", arguments, ""),
        ("", "{}", f"$ cat total.py\n{SCRIPT}$ "),
    ]
    messages = c.DIALECTS[dialect](turns)
    result = compress(messages)
    shown = outputs(result.messages)[-1]
    found = REFERENCE.search(shown)
    assert found is not None, shown
    count, _, sort, call, start, end = found.groups()
    assert (sort, call) == ("call", "2")
    assert shown.startswith("$ cat total.py\n[…")
    assert shown.endswith("]\n$ ")
    assert int(count) == int(end) - int(start) + 1 == SCRIPT.count("\n")
    there = written.split("\n")[int(start) - 1 : int(end)]
    assert "\n".join(there) + "\n" == SCRIPT
    at = len(messages) - 1
    assert restore(shown, [o for o in result.omitted if o.message == at]) == outputs(messages)[-1]
    assert compress(result.messages).messages == result.messages


def test_outputs_are_numbered_as_a_reader_counts_them() -> None:
    turns = [("Fix it.", "{}", ""), ("", "{}", "ok"), ("", "{}", SCRIPT), ("", "{}", ""), ("", "{}", f"{SCRIPT}\ndone")]
    shown = outputs(compress(c.chat(turns)).messages)
    assert shown[2] == SCRIPT
    assert f"as in tool output 3, 1-{SCRIPT.count(chr(10))}" in shown[-1]
    assert "same as tool output 3]" in outputs(compress(c.chat([*turns[:4], turns[2]])).messages)[-1]


def test_what_an_output_repeats_is_shown_once() -> None:
    dump = "\n".join(
        f"state {i}: Arguments(vararg=None, kwonlyargs=[], defaults=[Const.NoneType l.{i}],\n{SCRIPT}" for i in range(3)
    )
    messages = c.chat([("Why is the state wrong?", "{}", dump)])
    result = compress(messages)
    shown = outputs(result.messages)[0]
    assert shown.count("cart.add(item='article-7'") == 1
    assert re.findall(r"\[… 1[67] lines \d+-\d+: as (2-1[78])\]", shown) == ["2-18", "2-17"]
    assert all(f"state {i}: Arguments" in shown for i in range(3))
    assert restore(shown, result.omitted) == dump


def test_repetitions_one_after_the_other_are_one_mark() -> None:
    block = "retrying the connection to the ledger of the shop\n  the ledger of the shop answered with nothing\n"
    text = block * 40 + "the ledger is there, at 10.0.0.7\n"
    result = compress(c.chat([("Go on.", "{}", text)]))
    shown = outputs(result.messages)[0]
    assert "10.0.0.7" in shown
    assert restore(shown, result.omitted) == text


def test_references_stand_beside_what_a_log_leaves_out() -> None:
    turns = [("What went wrong?", "{}", SCRIPT + "\n"), ("", "{}", SCRIPT + "\n\n" + c.REAL["postgresql.log"])]
    messages = c.chat(turns)
    result = compress(messages)
    shown = outputs(result.messages)[1]
    assert REFERENCE.search(shown) is not None
    assert result.decisions[-1].reason == "log, echo"
    assert restore(shown, [o for o in result.omitted if o.message == len(messages) - 1]) == turns[1][2]
    assert compress(result.messages).messages == result.messages


def test_nothing_is_referred_to_at_level_lossless() -> None:
    messages = c.chat([("Fix it.", "{}", SCRIPT), ("", "{}", SCRIPT)])
    assert compress(messages, level="lossless").messages == messages


def test_what_is_remembered_belongs_to_its_place() -> None:
    """The same texts in other orders, with other calls between them and other limits, in one process."""
    texts = [lines(name, 40) for name in ("alpha", "beta")]
    texts += [texts[0] + texts[1], texts[1][: len(texts[1]) // 2] + texts[0]]
    rng = random.Random(7)
    requests = []
    for _ in range(40):
        outputs = [rng.choice(texts) for _ in range(rng.randint(1, 5))]
        requests.append((conversation(outputs, writes=rng.random() < 0.3), rng.choice([700, 2_000, 200_000])))

    def outcome(request: list[dict[str, Any]], limit: int) -> list[Any]:
        return compress(request, model="gpt-4o", model_limit=limit).messages

    warm = [outcome(*request) for request in requests]
    for request, seen in zip(requests, warm, strict=True):
        _core.clear_memo()
        assert outcome(*request) == seen
    assert any("as in tool output" in str(messages) for messages in warm)


def lines(name: str, count: int) -> str:
    return "".join(f"{name} line {i}: the {name} service answered request {i * 37} at once\n" for i in range(count))


def conversation(outputs: list[str], writes: bool) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "What does the service say?"}]
    for i, output in enumerate(outputs):
        arguments = json.dumps({"path": f"f{i}", "text": output if writes and i == 0 else ""})
        call = {"id": f"c{i}", "type": "function", "function": {"name": "read", "arguments": arguments}}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"c{i}", "content": output})
    return messages
