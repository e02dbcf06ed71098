"""What a usage event says about a request beside its figures: provider, tools, kinds. Names only, bounded.

A scan skips over all texts (30 µs for 70 KB). Names come from clients, so their length and number are bounded
here and the number of different ones in usage/rollup.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

MAX_TOOLS = 16
MAX_CHARS = 64
MESSAGE = "(message)"
MODEL_ITEMS = frozenset({"function_call", "reasoning"})
"""Items of the Responses API that a model makes, beside messages of the role assistant."""

# First match wins; a prefix as LiteLLM writes it ("bedrock/…") goes before all of them.
PROVIDERS = (
    (re.compile(r"gpt|^o\d|chatgpt|davinci|codex"), "openai"),
    (re.compile(r"claude"), "anthropic"),
    (re.compile(r"gemini|gemma"), "google"),
    (re.compile(r"mistral|mixtral|codestral"), "mistral"),
    (re.compile(r"llama"), "meta"),
    (re.compile(r"deepseek"), "deepseek"),
    (re.compile(r"qwen"), "alibaba"),
    (re.compile(r"grok"), "xai"),
    (re.compile(r"command"), "cohere"),
)
_PREFIX = re.compile(r"[a-z0-9_.-]{2,32}")
_NAME = re.compile(r"[^\w.:/@+-]")


class _Function(msgspec.Struct):
    name: str = ""


class _Call(msgspec.Struct):
    function: _Function | None = None


class _Row(msgspec.Struct):
    role: str = ""
    type: str = ""
    name: str | None = None
    tool_calls: list[_Call] | None = None
    content: msgspec.Raw = msgspec.Raw(b"")


class _Block(msgspec.Struct):
    type: str = ""
    name: str | None = None


_rows = msgspec.json.Decoder(list[_Row])
_blocks = msgspec.json.Decoder(list[_Block])


def tools(messages: bytes) -> list[str]:
    """Names of the tools that were called or answered, each once, in order; none if a row has another shape."""
    found: dict[str, None] = {}
    try:
        for row in _rows.decode(messages):
            if row.name and (row.role in ("tool", "function") or row.type == "function_call"):
                found[clean(row.name)] = None
            for call in row.tool_calls or ():
                if call.function and call.function.name:
                    found[clean(call.function.name)] = None
            content = bytes(row.content) if row.role == "assistant" else b""
            if content[:1] == b"[":
                for block in _blocks.decode(content):
                    if block.type == "tool_use" and block.name:
                        found[clean(block.name)] = None
            if len(found) >= MAX_TOOLS:
                break
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []
    return list(found)[:MAX_TOOLS]


def newest_turn(messages: bytes) -> int:
    """Index of the first message after the model's last: what is before it was sent in an earlier request already."""
    try:
        rows = _rows.decode(messages)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return 0
    ends = (i for i in reversed(range(len(rows))) if rows[i].role == "assistant" or rows[i].type in MODEL_ITEMS)
    return next(ends, -1) + 1


def clean(name: str) -> str:
    """A name fit for a column and a log: no spaces or control characters, bounded."""
    return _NAME.sub("_", name[:MAX_CHARS])


def origin(tool: str) -> str:
    """The tool whose output an original is; a text of the user's has a name of its own."""
    return clean(tool) or MESSAGE


def provider(model: str) -> str:
    """Who offers a model, as far as its name says."""
    prefix, slash, rest = model.lower().partition("/")
    if slash and rest and _PREFIX.fullmatch(prefix):
        return prefix
    return next((name for pattern, name in PROVIDERS if pattern.search(prefix)), "other")


def kinds(transforms: Iterable[str]) -> list[str]:
    """The kinds of content that were compressed: "log" of "log:select"."""
    return list(dict.fromkeys(t.partition(":")[0] for t in transforms))


def model(name: str) -> str:
    """A model's name fit for a column."""
    return _NAME.sub("_", name[:200])
