"""The tool by which a model fetches what was left out, for any agent loop.

    tools = [..., retrieve_tool()]
    ...
    for call in message.tool_calls:
        if is_retrieve_call(call):
            messages.append(handle_tool_call(call, issued=result.originals))

A model's mistakes (bad arguments, an unknown hash) come back as a tool result that says what is wrong,
never as an exception.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container
from dataclasses import dataclass
from typing import Any, Literal

from headroom.errors import HeadroomError, InvalidMessagesError, InvalidOptionError
from headroom.retrieval import Part, Wanted, read_lines
from headroom.stores.keep import AnyStore, resolve
from headroom.stores.protocol import unknown

TOOL_NAME = "headroom_retrieve"

Format = Literal["openai", "anthropic", "responses"]

DESCRIPTION = (
    "Returns what was left out of a message. A mark like [… 40 lines 3-42] stands where something is missing; "
    'the message\'s [headroom_retrieve("<hash>") has the rest] gives the hash. With query only the parts that '
    "match, with lines only that range, else all of it."
)
PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "hash": {"type": "string"},
        "query": {"type": "string", "description": "words or identifiers to look for"},
        "lines": {"type": "string", "description": "line range of the original: 120-180"},
    },
    "required": ["hash"],
}

_HASH = re.compile(r"(?<![0-9a-f])[0-9a-f]{24}(?![0-9a-f])")


def retrieve_tool(format: Format = "openai") -> dict[str, Any]:
    """The definition of the tool `headroom_retrieve`, to stand in a request's `tools`.

    Args:
        format: "openai" (chat completions), "anthropic" (Messages) or "responses".

    Raises:
        InvalidOptionError: another format.
    """
    parameters = json.loads(json.dumps(PARAMETERS))
    if format == "openai":
        function = {"name": TOOL_NAME, "description": DESCRIPTION, "parameters": parameters}
        return {"type": "function", "function": function}
    if format == "anthropic":
        return {"name": TOOL_NAME, "description": DESCRIPTION, "input_schema": parameters}
    if format == "responses":
        # Strict is the default there, and would make every argument mandatory.
        flat = {"name": TOOL_NAME, "description": DESCRIPTION, "parameters": parameters, "strict": False}
        return {"type": "function", **flat}
    raise InvalidOptionError(f"format={str(format)[:40]!r} is not allowed; allowed: 'openai', 'anthropic', 'responses'")


def is_retrieve_call(call: Any) -> bool:
    """Whether a tool call, tool_use block or function_call item asks for `headroom_retrieve`."""
    function = _get(call, "function")
    name = _get(call if function is None else function, "name")
    return isinstance(name, str) and name.endswith(TOOL_NAME)


def handle_tool_call(
    call: Any,
    *,
    store: AnyStore = None,
    owner: str = "",
    issued: Container[str] | None = None,
) -> dict[str, Any]:
    """Answers a model's call of `headroom_retrieve`.

    Args:
        call: an OpenAI tool call, an Anthropic tool_use block or a Responses function_call, as a dict or an
            SDK's object.
        store: where the compression put the originals: a `Store`, its URL, or `None` for the process's own.
        owner: the owner that the compression was given.
        issued: the hashes that were given to this conversation (`CompressResult.originals`); others are
            unknown. `None` allows all of the owner's.

    Returns:
        What goes back to the model, in the dialect of the call: a tool message, a tool_result block (for the
        next user message's content) or a function_call_output item.

    Raises:
        InvalidMessagesError: `call` is none of these, or calls another tool.
        InvalidOptionError: `store` is not allowed.
    """
    asked = _Asked.read(call)
    found = resolve(store)
    try:
        wanted = asked.wanted(issued)
        return asked.answer(said(wanted.part(found.get(owner, wanted.hash))))
    except HeadroomError as error:
        return asked.answer(f"{TOOL_NAME}: {error}", is_error=True)


async def ahandle_tool_call(
    call: Any,
    *,
    store: AnyStore = None,
    owner: str = "",
    issued: Container[str] | None = None,
) -> dict[str, Any]:
    """`handle_tool_call` without blocking the event loop while the store is asked."""
    asked = _Asked.read(call)
    found = resolve(store)
    try:
        wanted = asked.wanted(issued)
        return asked.answer(said(wanted.part(await found.aget(owner, wanted.hash))))
    except HeadroomError as error:
        return asked.answer(f"{TOOL_NAME}: {error}", is_error=True)


def read_arguments(given: Any, issued: Container[str] | None = None) -> Wanted:
    """What a model asks for, from the arguments it wrote.

    Raises:
        HeadroomError: they cannot be used; the message is for the model to read.
    """
    if isinstance(given, (str, bytes)):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            given = None
    if not isinstance(given, dict):
        raise InvalidOptionError('the arguments must be a JSON object like {"hash": "0123456789abcdef01234567"}')
    hash_, query, lines = given.get("hash"), given.get("query"), given.get("lines")
    if isinstance(hash_, str):
        # Models also copy the whole mark.
        named = _HASH.search(hash_.lower())
        hash_ = named[0] if named else hash_
    if isinstance(query, str) and not query.strip():
        query = None
    if isinstance(lines, int) and not isinstance(lines, bool):
        lines = str(lines)
    if lines in ("", []):
        lines = None
    if lines is not None:
        # A range is exact; a query beside it would only narrow it by guess.
        lines, query = read_lines(lines), None
    wanted = Wanted.check(hash_, query, lines)
    if issued is not None and wanted.hash not in issued:
        raise unknown(wanted.hash)
    return wanted


def said(part: Part) -> str:
    """A part with words about what the query did not bring, where that is not plain to see."""
    if part.matches == 0:
        return f"{TOOL_NAME}: nothing matches the query; use other words, lines, or no query for all of it\n{part.text}"
    if part.matches is not None and part.matching > part.matches:
        more = part.matching - part.matches
        return f"{part.text.rstrip()}\n{TOOL_NAME}: {more} more match; narrow the query or ask for lines"
    return part.text


@dataclass(frozen=True)
class _Asked:
    """A call of the tool: its dialect, its id and its arguments as they came."""

    format: Format
    id: Any
    arguments: Any

    @classmethod
    def read(cls, call: Any) -> _Asked:
        if not is_retrieve_call(call):
            raise InvalidMessagesError(
                f"this is not a call of {TOOL_NAME}; pass an OpenAI tool call, an Anthropic tool_use block or a "
                "Responses function_call for which is_retrieve_call() is true"
            )
        function = _get(call, "function")
        if function is not None:
            return cls("openai", _get(call, "id"), _get(function, "arguments"))
        if _get(call, "type") == "function_call" or _get(call, "call_id") is not None:
            return cls("responses", _get(call, "call_id"), _get(call, "arguments"))
        return cls("anthropic", _get(call, "id"), _get(call, "input"))

    def wanted(self, issued: Container[str] | None) -> Wanted:
        return read_arguments(self.arguments, issued)

    def answer(self, text: str, is_error: bool = False) -> dict[str, Any]:
        if self.format == "openai":
            return {"role": "tool", "tool_call_id": self.id, "content": text}
        if self.format == "responses":
            return {"type": "function_call_output", "call_id": self.id, "output": text}
        block = {"type": "tool_result", "tool_use_id": self.id, "content": text}
        return {**block, "is_error": True} if is_error else block


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else getattr(value, key, None)
