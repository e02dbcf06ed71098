"""`headroom explain`: what would be kept and left out of a text or of messages, and why."""

from __future__ import annotations

import argparse
import shutil
import sys

from headroom import compress
from headroom.commands import reading, terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `headroom explain`."""
    parser.description = (
        "Shows which blocks were seen in a text or in the messages of a request, what of them would be\n"
        "kept, left out or written another way, and by which rules: the text itself, with the line\n"
        "numbers of the original. Nothing is written or sent."
    )
    parser.epilog = (
        "examples:\n"
        '  kubectl logs api | headroom explain --query "why did it fail?"\n'
        "  headroom explain request.json --full --color always | less -R"
    )
    reading.add_input(parser)
    parser.add_argument("--full", action="store_true", help="show long runs and long lines whole")
    terminal.add_color(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints the explanation."""
    text = reading.read_input(arguments.file)
    parsed = None if arguments.text else reading.as_request(text)
    if isinstance(parsed, dict):
        arguments.model = arguments.model or parsed.get("model")
        parsed = reading.messages_of(parsed)
    messages = [{"role": "tool", "content": text}] if parsed is None else parsed
    with terminal.progress(f"reading {len(text) / 1e6:,.1f} million characters"):
        result = compress(messages, arguments.model or reading.DEFAULT_MODEL, **reading.options(arguments))
        # Lines are cut where a person would see them wrapped; a file or a pager's pipe gets them whole.
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() and not arguments.full else None
        shown = result.explain(color=terminal.has_color(sys.stdout, arguments.color), full=arguments.full, width=width)
    sys.stdout.buffer.write(shown.encode("utf-8", "replace"))
    return 0
