"""`headroom explain`: what would be kept and left out of a text or of messages, and why."""

from __future__ import annotations

import argparse
import os
import sys

from headroom import compress
from headroom.commands import reading


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `headroom explain`."""
    parser.description = (
        "Shows which blocks were seen in a text or in messages, what of them is kept and what is left\n"
        "out, in colour on a terminal."
    )
    reading.add_input(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints the explanation."""
    text = reading.read_input(arguments.file)
    parsed = None if arguments.text else reading.as_request(text)
    if isinstance(parsed, dict):
        arguments.model = arguments.model or parsed.get("model")
        parsed = parsed.get("messages", parsed.get("input"))
    messages = parsed if isinstance(parsed, list) else [{"role": "tool", "content": text}]
    result = compress(messages, arguments.model or reading.DEFAULT_MODEL, **reading.options(arguments))
    color = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    sys.stdout.write(result.explain(color=color))
    return 0
