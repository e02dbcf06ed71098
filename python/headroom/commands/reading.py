"""What the commands on a text share: options, reading and writing, and telling a request from plain text."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from headroom.commands import CommandError

DEFAULT_MODEL = "gpt-4o"

ROLES = {"system", "developer", "user", "assistant", "tool", "function"}
"""Roles of messages in all three dialects."""
ITEMS = {"message", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output", "reasoning"}
"""Types of Responses input items, of which most have no role."""


def add_input(parser: argparse.ArgumentParser) -> None:
    """The options that say what is compressed, for whom and how far."""
    parser.add_argument(
        "file", nargs="?", default="-", metavar="FILE", help="input file, or - for standard input (default)"
    )
    parser.add_argument(
        "-m",
        "--model",
        default=None,
        help=f"model that will read it (default: the request's own, or {DEFAULT_MODEL})",
    )
    parser.add_argument(
        "-l",
        "--level",
        choices=("lossless", "balanced", "aggressive"),
        default="balanced",
        help="how far to go (default: balanced)",
    )
    parser.add_argument("-q", "--query", default=None, metavar="TEXT", help="the question the text is read for")
    parser.add_argument(
        "--target-ratio", type=float, default=None, metavar="R", help="share of the tokens to keep, above 0, at most 1"
    )
    parser.add_argument(
        "--model-limit",
        type=int,
        default=200_000,
        metavar="N",
        help="context window in tokens; what exceeds it is squeezed further, oldest first (default: 200000)",
    )
    parser.add_argument(
        "--policy", default=None, metavar="POLICY", help="file that says which fields of tool outputs may be left out"
    )
    parser.add_argument(
        "--text", action="store_true", help="take the input as plain text, even if it is a JSON request"
    )


def read_input(name: str) -> str:
    """The text of a file or of standard input.

    Raises:
        CommandError: it cannot be read or is not UTF-8.
    """
    where = "standard input" if name == "-" else name
    try:
        if name == "-":
            if sys.stdin.isatty():
                print("headroom: reading standard input, end with Ctrl-D", file=sys.stderr)
            data = sys.stdin.buffer.read()
        else:
            with open(name, "rb") as file:
                data = file.read()
        return data.decode()
    except OSError as error:
        raise CommandError(f"cannot read {where}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(
            f"{where} is not UTF-8 text (byte 0x{data[error.start]:02x} at {error.start}); "
            "convert it first, for example with iconv"
        ) from error


def write_output(output: str, name: str | None) -> None:
    """Writes to a file or to standard output, bytes as they are."""
    if name is None or name == "-":
        sys.stdout.buffer.write(output.encode())
        return
    try:
        with open(name, "w", encoding="utf-8", newline="") as file:
            file.write(output)
    except OSError as error:
        raise CommandError(f"cannot write {name}: {error.strerror}") from error


def options(arguments: argparse.Namespace) -> dict[str, Any]:
    """The arguments of `compress` that the command line sets."""
    names = ("level", "target_ratio", "query", "model_limit", "policy")
    return {name: getattr(arguments, name) for name in names}


def as_request(text: str) -> dict[str, Any] | list[Any] | None:
    """A JSON request (an object with `messages` or `input`), a list of messages, or neither."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, dict):
        held = value.get("messages", value.get("input"))
        return value if isinstance(held, list) or ("model" in value and isinstance(held, str)) else None
    return value if isinstance(value, list) and value and all(map(_is_message, value)) else None


def _is_message(item: Any) -> bool:
    """A message of a chat, or an item of a Responses input; a record of something else may have a role, too."""
    if not isinstance(item, dict):
        return False
    if item.get("role") in ROLES:
        return "content" in item or "tool_calls" in item or "function_call" in item
    return item.get("type") in ITEMS


def messages_of(request: dict[str, Any]) -> list[Any]:
    """The messages of a request in any of the three dialects, its system text first."""
    held = request.get("messages", request.get("input"))
    system = request.get("system", request.get("instructions"))
    first = [{"role": "system", "content": system}] if system else []
    return first + (held if isinstance(held, list) else [{"role": "user", "content": held}])
