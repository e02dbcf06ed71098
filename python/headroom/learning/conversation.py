"""Reads a conversation in any of the three dialects: what tools answered, and what the assistant said after it.

Rows that are odd are left out; nothing here raises on what a client sent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from headroom.tools import TOOL_NAME

CALLS = frozenset({"function_call", "custom_tool_call", "local_shell_call", "computer_call", "mcp_call"})
OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output", "local_shell_call_output"})
MAX_TOOL_CHARS = 64


@dataclass(frozen=True)
class Output:
    """One text that a tool gave back.

    Attributes:
        row: index of the message.
        tool: the tool's name.
        text: what it said.
    """

    row: int
    tool: str
    text: str


@dataclass
class Turn:
    """Consecutive items of the assistant.

    Attributes:
        row: index of the first of them.
        texts: what it wrote and thought, and the arguments of its calls.
        answers: whether it said something and called nothing: it has what it needs.
    """

    row: int
    texts: list[str] = field(default_factory=list)
    wrote: bool = False
    called: bool = False

    @property
    def answers(self) -> bool:
        """Whether it wrote something and called nothing."""
        return self.wrote and not self.called


@dataclass(frozen=True)
class Fetched:
    """A call of `headroom_retrieve` and what it brought.

    Attributes:
        row: index of the message with the answer.
        query: what was asked for; empty for all of it.
        text: the answer.
    """

    row: int
    query: str
    text: str


@dataclass
class Conversation:
    """What matters of it, each in order."""

    outputs: list[Output] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    fetched: list[Fetched] = field(default_factory=list)


def read(messages: Sequence[Any]) -> Conversation:
    """The outputs of tools, and the assistant's turns."""
    found = Conversation()
    names: dict[str, str] = {}
    queries: dict[str, str] = {}
    turn: Turn | None = None
    for row, message in enumerate(messages):
        if not isinstance(message, dict):
            continue
        if is_assistant(message):
            if turn is None:
                turn = Turn(row)
                found.turns.append(turn)
            _read_assistant(message, turn, names, queries)
            continue
        turn = None
        for id_, name, text in _answers(message):
            tool = name or names.get(id_, "")
            if tool.endswith(TOOL_NAME):
                found.fetched.append(Fetched(row, queries.get(id_, ""), text))
            elif tool:
                found.outputs.append(Output(row, tool[:MAX_TOOL_CHARS], text))
    return found


def is_assistant(message: Any) -> bool:
    """Whether the model made this item; a turn of the others ends before it."""
    if not isinstance(message, dict):
        return False
    return message.get("role") == "assistant" or message.get("type") in CALLS or message.get("type") == "reasoning"


def up_to_first_output(messages: Sequence[Any]) -> Sequence[Any]:
    """The messages up to the end of the turn with the first output of a tool; all, if there is none.

    Agents with a fixed task begin alike; what their tools say tells them apart.
    """
    has_output = False
    for i, message in enumerate(messages):
        if is_assistant(message):
            if has_output:
                return messages[:i]
        elif isinstance(message, dict):
            has_output = has_output or next(_answers(message), None) is not None
    return messages


def digest(messages: Iterable[Any], key: bytes) -> str:
    """32 hexadecimal digits that stand for messages, however a client writes the same ones.

    Marks for provider caches move from request to request, SDKs add members that are null, and a text may come
    alone or as a list of one block: none of this changes the digest.
    """
    made = hashlib.blake2b(key=key[:64], digest_size=16)
    for message in messages:
        made.update(json.dumps(_plain(message), sort_keys=True, separators=(",", ":"), default=str).encode())
        made.update(b"\n")
    return made.hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        plain = {str(k): _plain(v) for k, v in value.items() if v is not None and k != "cache_control"}
        content = plain.get("content")
        if isinstance(content, str) and "role" in plain:
            plain["content"] = [{"text": content, "type": "text"}]
        return plain
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def _read_assistant(message: dict[str, Any], turn: Turn, names: dict[str, str], queries: dict[str, str]) -> None:
    def call(id_: Any, name: Any, arguments: Any) -> None:
        turn.called = True
        if not isinstance(name, str):
            return
        if isinstance(id_, str):
            names[id_] = name
        if name.endswith(TOOL_NAME):
            if isinstance(id_, str):
                queries[id_] = _query(arguments)
            # What it asks for is no use of what it has.
            return
        turn.texts.extend(_spoken(arguments))

    kind = message.get("type")
    if kind in CALLS:
        call(message.get("call_id") or message.get("id"), message.get("name") or kind, _arguments(message))
        return
    for calls in (message.get("tool_calls"), [{"function": message.get("function_call")}]):
        for one in calls if isinstance(calls, list) else ():
            function = one.get("function") if isinstance(one, dict) else None
            if isinstance(function, dict):
                call(one.get("id"), function.get("name"), function.get("arguments"))
    for name in ("content", "summary", "reasoning_content"):
        held = message.get(name)
        for block in [held] if isinstance(held, str) else held if isinstance(held, list) else ():
            if isinstance(block, str):
                turn.texts.append(block)
                turn.wrote = turn.wrote or bool(name == "content" and block.strip())
            elif isinstance(block, dict) and block.get("type") == "tool_use":
                call(block.get("id"), block.get("name"), block.get("input"))
            elif isinstance(block, dict):
                for part in ("text", "thinking"):
                    if isinstance(block.get(part), str):
                        turn.texts.append(block[part])
                        is_text = part == "text" and name == "content" and kind != "reasoning"
                        turn.wrote = turn.wrote or (is_text and bool(block[part].strip()))


def _arguments(message: dict[str, Any]) -> Any:
    return next((message[name] for name in ("arguments", "input", "action") if name in message), None)


def _spoken(arguments: Any) -> Iterator[str]:
    """The strings and numbers of a call's arguments, without their JSON."""
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments, parse_int=str, parse_float=str)
        except (ValueError, RecursionError):
            yield arguments
            return
    stack = [arguments]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            stack.extend(reversed(node.values()))
        elif isinstance(node, list):
            stack.extend(reversed(node))
        elif isinstance(node, (str, int, float)) and not isinstance(node, bool):
            yield str(node)


def _query(arguments: Any) -> str:
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            return ""
    query = arguments.get("query") if isinstance(arguments, dict) else None
    return query if isinstance(query, str) else ""


def _answers(message: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(id of the call, name of the tool if it is said, text) of every text that a tool gave back."""
    name = message.get("name") if isinstance(message.get("name"), str) else ""
    if message.get("role") in ("tool", "function"):
        for text in _texts(message.get("content")):
            yield str(message.get("tool_call_id", "")), str(name), text
    elif message.get("type") in OUTPUTS:
        for text in _texts(message.get("output")):
            yield str(message.get("call_id", "")), str(name), text
    elif isinstance(message.get("content"), list):
        for block in message["content"]:
            if isinstance(block, dict) and block.get("type") == "tool_result":
                for text in _texts(block.get("content")):
                    yield str(block.get("tool_use_id", "")), "", text


def _texts(content: Any) -> Iterator[str]:
    for block in [content] if isinstance(content, str) else content if isinstance(content, list) else ():
        text = block.get("text") if isinstance(block, dict) else block
        if isinstance(text, str):
            yield text
