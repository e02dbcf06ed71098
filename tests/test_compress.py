"""`compress()` as its users call it: shapes, options, odd input, figures."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import asdict
from typing import Any

import conversations as c
import pytest
from headroom import (
    CompressConfig,
    HeadroomError,
    InvalidMessagesError,
    InvalidOptionError,
    compress,
    count_tokens,
)

LOG = c.REAL["postgresql.log"]
PRICES = c.REAL["model-prices.json"]


@pytest.mark.parametrize("dialect", sorted(c.DIALECTS))
def test_every_dialect_compresses(dialect: str) -> None:
    messages = c.DIALECTS[dialect]([("Which role was refused?", "{}", LOG)])
    result = compress(messages, model="gpt-4o")
    assert result.compression_ratio > 0.5
    assert [d.action for d in result.decisions].count("compressed") == 1
    assert "nobody_here" in json.dumps(result.messages)


@pytest.mark.parametrize("where", ["before", "after", "only"])
@pytest.mark.parametrize("name", ["postgresql.log", "model-prices.json"])
def test_one_user_message_with_a_large_payload(name: str, where: str) -> None:
    """The documentation's own example."""
    question = "Which role was refused, and what does gpt-4.1-mini cost?"
    content = {
        "before": f"{question}\n\n{c.REAL[name]}",
        "after": f"{c.REAL[name]}\n\n{question}",
        "only": c.REAL[name],
    }[where]
    result = compress([{"role": "user", "content": content}], model="bedrock/claude-sonnet")
    assert result.compression_ratio > 0.5
    new = result.messages[0]["content"]
    if where != "only":
        assert question in new
    errors = [line for line in c.REAL[name].splitlines() if "ERROR" in line or "FATAL" in line]
    assert [line for line in errors if line.split(" UTC ")[-1] not in new] == []


def test_figures_add_up() -> None:
    messages = c.chat([("Which role was refused?", "{}", LOG), ("And the prices?", "{}", PRICES)])
    result = compress(messages)
    assert result.tokens_before == sum(d.tokens_before for d in result.decisions)
    assert result.tokens_after == sum(d.tokens_after for d in result.decisions)
    assert result.tokens_saved == result.tokens_before - result.tokens_after
    assert result.compression_ratio == pytest.approx(result.tokens_saved / result.tokens_before)
    for message, decision in zip(result.messages, result.decisions, strict=True):
        if message["role"] == "tool":
            assert decision.tokens_after == count_tokens(message["content"])


def test_min_tokens_is_a_floor() -> None:
    messages = c.chat([("Which role was refused?", "{}", LOG)])
    total = compress(messages, min_tokens=0).tokens_before
    assert compress(messages, min_tokens=total + 1).tokens_saved == 0
    assert compress(messages, min_tokens=total).tokens_saved > 0


def test_config_and_keywords() -> None:
    messages = c.chat([("Which role was refused?", "{}", LOG)])
    lossless = compress(messages, config=CompressConfig(level="lossless"))
    assert lossless.messages == compress(messages, level="lossless").messages
    assert (
        compress(messages, config=CompressConfig(level="lossless"), level="balanced").tokens_saved
        > lossless.tokens_saved
    )


def test_unknown_option_names_the_allowed_ones() -> None:
    with pytest.raises(TypeError, match=r"'levle'; allowed: level, target_ratio"):
        compress([], levle="x")
    with pytest.raises(TypeError, match="CompressConfig"):
        compress([], config={"level": "balanced"})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"level": "max"}, "lossless"),
        ({"target_ratio": 0}, "target_ratio=0"),
        ({"target_ratio": 1.5}, "target_ratio=1.5"),
        ({"target_ratio": float("nan")}, "target_ratio=NaN"),
    ],
)
def test_bad_option_values(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidOptionError, match=said):
        compress([{"role": "user", "content": "x"}], **options)


@pytest.mark.parametrize("given", [None, "text", {"role": "user", "content": "x"}, 7, b"[]", object()])
def test_what_is_not_a_list_of_messages(given: Any) -> None:
    with pytest.raises(InvalidMessagesError, match="expected a list of messages") as caught:
        compress(given)
    assert isinstance(caught.value, HeadroomError)
    assert type(given).__name__ in str(caught.value)


DEEP = "[" * 100_000 + "]" * 100_000


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


ODD = [
    None,
    7,
    "a string",
    [],
    {},
    {"role": "user"},
    {"role": "user", "content": 7},
    {"role": "user", "content": None},
    {"role": "user", "content": [7, None, "x", {"type": "text"}, {"type": "text", "text": 9}]},
    {"role": 5, "content": "x"},
    {"role": "alien", "content": "x" * 5000},
    {"role": "tool", "content": {"a": 1}},
    {"role": "tool", "tool_call_id": ["x"], "content": "y" * 3000},
    {"role": "tool", "content": "\ud800 lone surrogate " * 300},
    {"role": "tool", "content": "nul \x00 byte\n" * 300},
    {"role": "tool", "content": DEEP},
    {"role": "tool", "content": nested(500)},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "call_0", "function": {"name": "f", "arguments": ["a", 1]}}],
    },
    {"role": "assistant", "tool_calls": "none"},
    {"role": "assistant", "content": [{"type": "tool_use", "id": 4, "name": None, "input": nested(500)}]},
    {"type": "function_call_output", "call_id": "x", "output": 3},
    {"type": "item_reference", "id": "x"},
    {1: 2, "role": "user", "content": "x"},
]


@pytest.mark.parametrize("odd", ODD, ids=lambda m: repr(m)[:40])
def test_one_odd_message_affects_itself_only(odd: Any) -> None:
    good = c.chat([("Which role was refused?", "{}", LOG)])
    alone = compress(good)
    for messages in ([odd, *good], [*good, odd]):
        result = compress(messages)
        assert len(result.messages) == len(messages)
        at = messages.index(odd)
        assert result.decisions[at].reason
        rest = [m for i, m in enumerate(result.messages) if i != at]
        assert rest == alone.messages
        if not isinstance(odd, dict) or not isinstance(odd.get("content"), str):
            assert result.messages[at] is odd


def test_objects_of_clients_are_read_and_left_alone() -> None:
    class Model:
        """Like a pydantic message of a client library."""

        def model_dump(self) -> dict[str, Any]:
            call = {"id": "call_0", "function": {"name": "shell", "arguments": "{}"}}
            return {"role": "assistant", "content": None, "tool_calls": [call]}

    messages: list[Any] = c.chat([("Which role was refused?", "{}", LOG)])
    messages[2] = Model()
    result = compress(messages)
    assert result.messages[2] is messages[2]
    assert result.compression_ratio > 0.5


@pytest.mark.parametrize(
    "model",
    [
        "gpt-4o",
        "gpt-3.5-turbo",
        "bedrock/anthropic.claude-3",
        "azure/my-deployment",
        "openrouter/a/b",
        "ollama/llama3",
        "",
        "no such",
    ],
)
def test_every_model_name_counts_and_saves(model: str) -> None:
    result = compress(c.chat([("Which role was refused?", "{}", LOG)]), model=model)
    assert result.tokens_before > 1000
    assert result.compression_ratio > 0.5
    assert result.tokenizer


def test_a_file_that_the_conversation_has_edited_stays_whole() -> None:
    source = "\n\n".join(
        f'def step_{i}(order):\n    """Does step {i}."""\n'
        + "\n".join(f"    total_{k} = order.price({k}) * {i + k} + order.tax(total={k})" for k in range(12))
        + f"\n    return order.finish({i})"
        for i in range(20)
    )
    asked = ("What exactly does `step_7` do?", '{"cmd": "cat shop/orders.py"}', source)
    assert compress(c.chat([asked])).tokens_saved > 0
    edited = ("Change it.", '{"cmd": "sed -i s/tax/vat/ shop/orders.py"}', "")
    result = compress(c.chat([edited, asked]))
    assert result.messages[-1]["content"] == source


@pytest.mark.parametrize("sign", ["e", "é", "語", "😀"])
def test_what_was_left_out_is_cut_out_of_its_message(sign: str) -> None:
    """Characters of every width; the text is no copy of its own, and behaves as if it were."""
    log = "".join(f"2024-01-01 10:00:{i % 60:02} INFO {sign} worker {i % 7} is fine {sign}\n" for i in range(400))
    log = log.replace("worker 3 is fine", "worker 3 failed: timeout", 1)
    messages = [{"role": "user", "content": "Which worker failed?"}, {"role": "tool", "content": log}]
    result = compress(messages, model="gpt-4o")
    assert result.omitted
    at = 0
    for omitted in result.omitted:
        # In order, whole lines, as many as are said.
        at = log.index(omitted.text, at)
        assert omitted.text.count("\n") == omitted.count
        assert omitted.text.startswith("2024-01-01")
        assert omitted.text.endswith("\n")
        for same in (copy.copy(omitted), copy.deepcopy(omitted), pickle.loads(pickle.dumps(omitted))):
            assert (same, hash(same), repr(same)) == (omitted, hash(omitted), repr(omitted))
        assert asdict(omitted)["text"] == omitted.text
        assert not hasattr(omitted, "other")
