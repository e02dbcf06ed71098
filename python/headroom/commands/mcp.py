"""`headroom mcp`: an MCP server over standard input and output."""

from __future__ import annotations

import argparse

from headroom.commands import reading
from headroom.stores import open_store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `headroom mcp`."""
    parser.description = (
        "Serve the tools headroom_compress and headroom_retrieve to an MCP client, over standard\n"
        "input and output. Needs: pip install 'headroom-ai[mcp]'."
    )
    parser.add_argument(
        "--store",
        default=None,
        metavar="URL",
        help="where originals are kept: memory://, sqlite:///path, redis://host (default: HEADROOM_STORE, else memory)",
    )
    parser.add_argument("--owner", default="", metavar="NAME", help="whose originals they are (default: nobody's)")
    parser.add_argument(
        "-m", "--model", default=reading.DEFAULT_MODEL, help="model whose tokens count (default: %(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    """`headroom mcp`."""
    from headroom.mcp_server import make_server

    store = open_store(arguments.store)
    try:
        make_server(store, arguments.owner, arguments.model).run()
    finally:
        store.close()
    return 0
