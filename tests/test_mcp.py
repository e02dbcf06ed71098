"""`headroom mcp`, with the official SDK's client over standard input and output."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import conversations as c
import pytest
from headroom import retrieve
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

LOG = c.REAL["postgresql.log"]


def talk(use: Any, *arguments: str) -> None:
    """Runs `use(session)` against a server of its own."""

    async def run() -> None:
        words = ["-m", "headroom.cli", "mcp", *arguments]
        # Only what the SDK passes on by itself, and where this package is.
        environment = {**os.environ, "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        parameters = StdioServerParameters(command=sys.executable, args=words, env=environment)
        async with stdio_client(parameters) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            await use(session)

    asyncio.run(asyncio.wait_for(run(), 120))


async def call(session: Any, name: str, **arguments: Any) -> tuple[str, bool]:
    done = await session.call_tool(name, arguments)
    return "".join(part.text for part in done.content), bool(getattr(done, "is_error", getattr(done, "isError", None)))


def test_compress_and_retrieve(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"

    async def use(session: Any) -> None:
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        assert set(tools) == {"headroom_compress", "headroom_retrieve"}
        schema = tools["headroom_retrieve"].model_dump(by_alias=True)["inputSchema"]
        assert set(schema["properties"]) == {"hash", "query", "lines"}
        assert schema["required"] == ["hash"]

        text, failed = await call(session, "headroom_compress", text=LOG, query="which role was refused?")
        assert not failed
        assert len(text) < len(LOG) / 2
        assert "nobody_here" in text
        (hash_,) = re.findall(r'headroom_retrieve\("([0-9a-f]{24})"\)', text)
        assert await call(session, "headroom_retrieve", hash=hash_) == (LOG, False)
        lines = "".join(LOG.splitlines(keepends=True)[4:9])
        assert await call(session, "headroom_retrieve", hash=hash_, lines="5-9") == (lines, False)
        found, failed = await call(session, "headroom_retrieve", hash=hash_, query="nobody_here")
        assert not failed
        assert "nobody_here" in found
        assert "[… " in found

        for arguments, says in (
            ({"hash": "e" * 24}, "nothing is kept under hash"),
            ({"hash": "x"}, "is not a hash"),
            ({"hash": hash_, "lines": "999999-1000000"}, "behind the end"),
            ({"hash": [1]}, "hash"),
            ({}, "hash"),
        ):
            told, failed = await call(session, "headroom_retrieve", **arguments)
            assert failed
            assert says in told
        short = await call(session, "headroom_compress", text="short")
        assert short == ("short", False)
        # Another process with the same store and owner can fetch it; another owner cannot.
        assert retrieve(hash_, store=url, owner="ann") == LOG
        with pytest.raises(Exception, match="nothing is kept"):
            retrieve(hash_, store=url)

    talk(use, "--store", url, "--owner", "ann")


def test_without_a_word_originals_stay_in_the_process() -> None:
    async def use(session: Any) -> None:
        text, _ = await call(session, "headroom_compress", text=LOG, query="which role was refused?")
        (hash_,) = re.findall(r'headroom_retrieve\("([0-9a-f]{24})"\)', text)
        assert await call(session, "headroom_retrieve", hash=hash_) == (LOG, False)

    talk(use)


def test_a_wrong_store_ends_the_command() -> None:
    words = [sys.executable, "-m", "headroom.cli", "mcp", "--store", "nowhere://"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert "store scheme 'nowhere' is not allowed" in done.stderr
    assert done.stdout == ""
