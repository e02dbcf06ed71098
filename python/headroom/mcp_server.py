"""An MCP server with two tools, for clients that speak the Model Context Protocol (extra `mcp`, official SDK).

- `headroom_compress`: a text in, the same text with fewer tokens out; what was left out is kept in the store.
- `headroom_retrieve`: what was left out, by the hash in a mark, also of compressions by other processes that
  use the same store and owner.

Errors come back as results that the model can read.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Literal

from headroom import __version__
from headroom.compression import compress
from headroom.errors import HeadroomError, InvalidOptionError
from headroom.stores.protocol import Store
from headroom.tools import DESCRIPTION, TOOL_NAME, read_arguments, said

COMPRESS_NAME = "headroom_compress"
COMPRESS_DESCRIPTION = (
    "Compresses a long text (log, JSON, search results, code, document) for reading: what the question does not "
    "concern is left out behind marks like [… 40 lines 3-42], and headroom_retrieve brings it back."
)
INSTRUCTIONS = (
    "Give long outputs to headroom_compress before reading them, with your question. Where a mark hides something "
    "you need, call headroom_retrieve with the hash in the text."
)


def make_server(store: Store, owner: str = "", model: str = "gpt-4o") -> Any:
    """The server; `run()` serves standard input and output.

    Args:
        store: where originals go and come from.
        owner: whose they are.
        model: the model whose tokens count.

    Raises:
        InvalidOptionError: the SDK is not installed.
    """

    server_class, tool_error = _sdk()

    async def headroom_retrieve(hash: str, query: str | None = None, lines: str | None = None) -> str:
        try:
            wanted = read_arguments({"hash": hash, "query": query, "lines": lines})
            return said(wanted.part(await store.aget(owner, wanted.hash)))
        except HeadroomError as error:
            # The SDK hides the words of any other exception from the model.
            raise tool_error(str(error)) from None

    async def headroom_compress(
        text: str,
        query: str | None = None,
        level: Literal["lossless", "balanced", "aggressive"] = "balanced",
    ) -> str:
        def run() -> str:
            options: dict[str, Any] = {"level": level, "query": query, "store": store, "owner": owner}
            result = compress([{"role": "tool", "content": text}], model, retrieval=True, **options)
            return str(result.messages[0]["content"])

        return await asyncio.to_thread(run)

    server = server_class("headroom", instructions=INSTRUCTIONS)
    # Plain text: structured output would send every result twice.
    server.add_tool(headroom_retrieve, name=TOOL_NAME, description=DESCRIPTION, structured_output=False)
    server.add_tool(headroom_compress, name=COMPRESS_NAME, description=COMPRESS_DESCRIPTION, structured_output=False)
    return server


def _sdk() -> tuple[Any, type[Exception]]:
    """The SDK's server and its exception for what a model may read: `MCPServer` since 2.0, `FastMCP` before."""
    try:
        from mcp.server.mcpserver import MCPServer
        from mcp.server.mcpserver.exceptions import ToolError
    except ImportError:
        pass
    else:
        return partial(MCPServer, version=__version__), ToolError
    try:
        from mcp.server.fastmcp import FastMCP
        from mcp.server.fastmcp.exceptions import ToolError as OldToolError
    except ImportError:
        raise InvalidOptionError(
            "the MCP server needs a package that is not installed; run: pip install 'headroom-ai[mcp]'"
        ) from None
    return FastMCP, OldToolError
