"""The `headroom` command: finds the subcommand, runs it, and turns what goes wrong into a message and an exit code.

A subcommand is one line in `COMMANDS` and one module, which is imported only when its command is called (or its help
shown), so that what one command needs costs the others nothing. The module has two functions:

    add_arguments(parser: argparse.ArgumentParser) -> None
    run(arguments: argparse.Namespace) -> int                 the exit code

Whatever a person can mend is raised as `CommandError` or `HeadroomError`. Exit codes: 0 done, 1 the input could not
be used, 2 wrong usage, 130 interrupted. All works from the bare wheel.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

from headroom import HeadroomError, __version__
from headroom.commands import CommandError


class Command(NamedTuple):
    """One subcommand: its name, the module that does it, and its line in `headroom --help`."""

    name: str
    module: str
    help: str


COMMANDS = (
    Command("compress", "headroom.commands.compress", "compress a file or standard input"),
    Command("explain", "headroom.commands.explain", "show what would be kept and left out, and why"),
    Command("learn", "headroom.commands.learn", "learn from conversations what can be left out of tools' outputs"),
    Command("doctor", "headroom.commands.doctor", "tell what is installed and set, and whether it works"),
    Command("mcp", "headroom.commands.mcp", "serve compression and retrieval to an MCP client"),
    Command("serve", "headroom.commands.serve", "run the service that proxies share"),
    Command("keys", "headroom.commands.keys", "make, list, rotate and revoke keys of the service"),
    Command("stats", "headroom.commands.stats", "show what the service saved: the dashboard's overview"),
    Command("usage", "headroom.commands.usage", "export usage events of the service"),
    Command("migrate", "headroom.commands.migrate", "bring the service's database to a revision"),
)


def build_parser(chosen: str | None = None) -> argparse.ArgumentParser:
    """The command line; only the arguments of the subcommand `chosen` are filled in."""
    parser = argparse.ArgumentParser(
        prog="headroom",
        description="Compress what an application sends to a language model.",
        epilog="`headroom COMMAND --help` shows the options of a command.",
    )
    parser.add_argument("--version", action="version", version=f"headroom {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        one = commands.add_parser(
            command.name,
            help=command.help,
            description=command.help[0].upper() + command.help[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if command.name == chosen:
            module = importlib.import_module(command.module)
            module.add_arguments(one)
            one.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    if not given:
        build_parser().print_help(sys.stderr)
        return 2
    try:
        # No option of `headroom` itself takes a value, so the first other word is the subcommand.
        arguments = build_parser(next((word for word in given if not word.startswith("-")), None)).parse_args(given)
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except (CommandError, HeadroomError) as error:
        print(f"headroom: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("headroom: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader has seen enough (`headroom … | head`). Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


if __name__ == "__main__":
    sys.exit(main())
