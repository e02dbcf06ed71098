"""What the commands on a text share: the options, reading the input, and telling a request from plain text."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from headroom.commands import CommandError

DEFAULT_MODEL = "gpt-4o"


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


def options(arguments: argparse.Namespace) -> dict[str, Any]:
    """The fields of `CompressConfig` that the command line sets."""
    return {"level": arguments.level, "target_ratio": arguments.target_ratio, "query": arguments.query}


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
    is_messages = isinstance(value, list) and value and all(isinstance(m, dict) and ("role" in m) for m in value)
    return value if is_messages else None
