"""What a model answered, in LiteLLM's three shapes: its calls of our tool, and the turn with or without them.

Chat completions are `ModelResponse` objects, Anthropic messages are dicts, Responses are
`ResponsesAPIResponse` objects. Responses are LiteLLM's own objects that nobody else holds yet, so they are
changed in place.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeGuard

from headroom.tools import TOOL_NAME, Format

CHAT: Format = "openai"


def member(value: Any, name: str) -> Any:
    """A member of a dict or an attribute of an object."""
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)


def tool_name(tool: Any) -> Any:
    """The name in a tool definition of any dialect."""
    return member(member(tool, "function") or tool, "name")


def has_tool(tools: Any) -> bool:
    """Whether a list of definitions has a tool of our name."""
    return isinstance(tools, list) and any(tool_name(tool) == TOOL_NAME for tool in tools)


def is_redeemed_by_the_caller(tools: Any) -> bool:
    """Whether the caller gave `headroom.tools.retrieve_tool()` itself, and so answers its calls."""
    for tool in tools if isinstance(tools, list) else ():
        if tool_name(tool) == TOOL_NAME:
            schema = member(member(tool, "function") or tool, "parameters") or member(tool, "input_schema")
            # LiteLLM's guardrail has a tool of this name for a service's hashes; it knows no `lines`.
            return {"hash", "query", "lines"} <= set(member(schema, "properties") or ())
    return False


class Turn:
    """One answer of the model."""

    def __init__(self, response: Any) -> None:
        self.response = response
        self.dialect: Format = CHAT
        self._choices: Any = ()
        calls: Any
        if isinstance(response, dict):
            self.dialect = "anthropic"
            calls = [block for block in response.get("content") or () if member(block, "type") == "tool_use"]
        elif hasattr(response, "output"):
            self.dialect = "responses"
            calls = [item for item in response.output or () if str(member(item, "type")).endswith("_call")]
        else:
            self._choices = getattr(response, "choices", None) or ()
            messages = [getattr(choice, "message", None) for choice in self._choices]
            calls = [call for message in messages for call in getattr(message, "tool_calls", None) or ()]
        self.ours = [call for call in calls if tool_name(call) == TOOL_NAME]
        # Besides the caller's own calls: an answer in several versions cannot go on as one.
        self.others = len(calls) - len(self.ours) + max(0, len(self._choices) - 1)

    def as_blocks(self) -> list[dict[str, Any]]:
        """Our calls as Anthropic tool_use blocks, the one dialect whose answers say whether they are errors."""
        blocks = []
        for call in self.ours:
            function = member(call, "function")
            given = member(call, "input") if self.dialect == "anthropic" else member(function or call, "arguments")
            blocks.append({"type": "tool_use", "id": self._id(call), "name": TOOL_NAME, "input": given})
        return blocks

    def _id(self, call: Any) -> Any:
        return member(call, "call_id" if self.dialect == "responses" else "id")

    def exchange(self, answers: Sequence[str]) -> list[Any]:
        """The messages that continue the request: what the model said, and the answers to its calls."""
        ids = [self._id(call) for call in self.ours]
        pairs = list(zip(ids, answers, strict=True))
        if self.dialect == "anthropic":
            results = [{"type": "tool_result", "tool_use_id": id_, "content": text} for id_, text in pairs]
            said = {"role": "assistant", "content": self.response["content"]}
            return [said, {"role": "user", "content": results}]
        if self.dialect == "responses":
            said_items = [_dump(item) for item in self.response.output]
            return [
                *said_items,
                *({"type": "function_call_output", "call_id": id_, "output": text} for id_, text in pairs),
            ]
        # As LiteLLM documents it: the message itself goes back, with what a provider needs to see again.
        message = {"content": None, **_dump(self._choices[0].message)}
        return [message, *({"role": "tool", "tool_call_id": id_, "content": text} for id_, text in pairs)]

    def drop_ours(self) -> None:
        """Takes our calls out of the response. What ended for tools ends normally if none are left."""
        if not self.ours:
            return
        ours = {id(call) for call in self.ours}
        if self.dialect == "anthropic":
            self.response["content"] = [block for block in self.response["content"] if id(block) not in ours]
            if not self.others and self.response.get("stop_reason") == "tool_use":
                self.response["stop_reason"] = "end_turn"
        elif self.dialect == "responses":
            self.response.output = [item for item in self.response.output if id(item) not in ours]
        else:
            for choice in self._choices:
                calls = choice.message.tool_calls or ()
                left = [call for call in calls if id(call) not in ours]
                if len(left) == len(calls):
                    continue
                for position, call in enumerate(left):
                    if member(call, "index") is not None:
                        call.index = position
                choice.message.tool_calls = left or None
                if not left and choice.finish_reason == "tool_calls":
                    choice.finish_reason = "stop"

    def hide_tool(self) -> None:
        """Takes our tool out of the definitions that a Responses reply repeats."""
        tools = getattr(self.response, "tools", None)
        if self.dialect == "responses" and isinstance(tools, list):
            self.response.tools = [tool for tool in tools if tool_name(tool) != TOOL_NAME]


def call_fingerprint(block: dict[str, Any]) -> str:
    """Equal for calls that ask for the same, whatever their ids and spacing."""
    given = block["input"]
    if isinstance(given, (str, bytes)):
        try:
            given = json.loads(given)
        except ValueError:
            return str(given)
    return json.dumps(given, sort_keys=True, default=str)


def usage_of(response: Any) -> Any:
    """The usage of a response as nested plain values."""
    return _dump(member(response, "usage"))


def add_usage(response: Any, more: Any) -> None:
    """Adds the usage of an earlier round, each number to its own."""
    usage = member(response, "usage")
    if usage is not None and isinstance(more, dict):
        _add(usage, more)


def _add(total: Any, more: dict[str, Any]) -> None:
    for name, value in more.items():
        there = member(total, name)
        if isinstance(value, dict) and there is not None:
            _add(there, value)
        elif _is_number(value) and there is None:
            _set(total, name, value)
        elif _is_number(value) and _is_number(there):
            _set(total, name, there + value)
        elif isinstance(value, dict) and isinstance(total, dict):
            total[name] = value
    # LiteLLM's cost of cached tokens reads two private fields.
    private = getattr(total, "__pydantic_private__", None)
    for name in private or ():
        if name in ("_cache_creation_input_tokens", "_cache_read_input_tokens"):
            value = more.get(name[1:])
            if _is_number(value):
                setattr(total, name, (getattr(total, name) or 0) + value)


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _set(target: Any, name: str, value: Any) -> None:
    if isinstance(target, dict):
        target[name] = value
    else:
        setattr(target, name, value)


def _dump(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    return dump(exclude_none=True) if dump is not None else dict(value) if isinstance(value, dict) else value
