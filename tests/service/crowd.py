"""Clients for the fault tests: many at once, each answer checked against what the library returns.

A client that gets no 200 tries again. What it keeps: every answer, every hash that was issued with the text that
must come back for it, and what was refused or lost.
"""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass, field
from typing import Any

import httpx
import payloads
from headroom import compress

TOKENS = ("alpha", "beta", "gamma", "delta", "omega", "sigma", "kappa")


def rows(salt: int) -> list[dict[str, Any]]:
    """One of a few conversations, so that what is right can be known beforehand."""
    made = payloads.chat()
    name = f"{TOKENS[salt % len(TOKENS)]}{salt}"
    made[1]["content"] = made[1]["content"].replace("payment", name)
    made[3]["content"] = payloads.search_output(files=40).replace("payment", name)
    return made


@dataclass
class Crowd:
    """What a number of clients saw."""

    url: str
    key: str
    conversations: int = 24
    answered: int = 0
    refused: dict[int, int] = field(default_factory=dict)
    lost: int = 0
    wrong: list[str] = field(default_factory=list)
    issued: dict[str, str] = field(default_factory=dict)
    tokens_before: int = 0
    slowest_s: float = 0.0
    stopping: bool = False

    def __post_init__(self) -> None:
        self.bodies = [
            json.dumps({"model": "gpt-4o", "messages": rows(i), "config": {"mode": "ccr"}}).encode()
            for i in range(self.conversations)
        ]
        self.texts = [rows(i)[3]["content"] for i in range(self.conversations)]
        # Hashes are keyed by a secret of the service; marks without one show the same content.
        made = [compress(rows(i), model="gpt-4o", retrieval=True) for i in range(self.conversations)]
        self.expected = [r.messages for r in made]
        self.hashes = [next(iter(r.originals), "") for r in made]

    @property
    def authorization(self) -> dict[str, str]:
        """The header with the key, if there is one."""
        return {"authorization": f"Bearer {self.key}"} if self.key else {}

    async def work(self, clients: int, seconds: float, timeout_s: float = 30.0) -> None:
        """Sends requests until the time is over."""
        end = asyncio.get_running_loop().time() + seconds
        limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
        async with httpx.AsyncClient(base_url=self.url, timeout=timeout_s, limits=limits, trust_env=False) as client:
            await asyncio.gather(*(self._one(client, i, end) for i in range(clients)))

    async def _one(self, client: httpx.AsyncClient, seed: int, end: float) -> None:
        loop = asyncio.get_running_loop()
        pick = random.Random(seed)
        headers = {"content-type": "application/json", **self.authorization}
        while loop.time() < end and not self.stopping:
            i = pick.randrange(self.conversations)
            start = loop.time()
            try:
                reply = await client.post("/v1/compress", content=self.bodies[i], headers=headers)
            except httpx.TimeoutException:
                self.wrong.append("hung")
                continue
            except (httpx.NetworkError, httpx.RemoteProtocolError):
                self.lost += 1
                await asyncio.sleep(0.05)
                continue
            self.slowest_s = max(self.slowest_s, loop.time() - start)
            if reply.status_code != 200:
                self.refused[reply.status_code] = self.refused.get(reply.status_code, 0) + 1
                if reply.status_code not in (429, 503):
                    self.wrong.append(f"status {reply.status_code}")
                await asyncio.sleep(0.05)
                continue
            self._check(i, reply.content)

    def _check(self, i: int, content: bytes) -> None:
        body = json.loads(content)
        self.answered += 1
        self.tokens_before += body["tokens_before"]
        text = json.dumps(body["messages"])
        for hash_ in body["ccr_hashes"]:
            self.issued[hash_] = self.texts[i]
        # The same in every answer, whatever broke behind the service; only the hash is the organisation's own.
        first = self.seen.setdefault(i, text)
        if text != first:
            self.wrong.append("two answers to one request differ")
        if [m["role"] for m in body["messages"]] != [m["role"] for m in self.expected[i]]:
            self.wrong.append("roles")
        if self.hashes[i] and len(text) != len(json.dumps(self.expected[i])):
            self.wrong.append("not what the library returns")

    seen: dict[int, str] = field(default_factory=dict)

    async def redeem(self) -> list[str]:
        """What is wrong with the hashes that were issued."""
        problems = []
        headers = self.authorization
        async with httpx.AsyncClient(base_url=self.url, timeout=30, trust_env=False) as client:
            for hash_, text in self.issued.items():
                reply = await client.get(f"/v1/retrieve/{hash_}", headers=headers)
                if reply.status_code != 200 or reply.json()["original_content"] != text:
                    problems.append(f"{hash_}: {reply.status_code}")
        return problems
