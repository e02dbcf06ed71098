"""What an agent's conversation costs with the provider's prompt caching on, compressed against uncompressed.

Every assistant message of a conversation is the answer to one request, which sends all messages before it. The
longest beginning of byte-identical messages that a request shares with the one before is billed as read from the
cache, the rest as written to it. A compressor that rewrites what it has already sent pays for it here. Requests are
compressed in a drawn order, so that nothing depends on an earlier call.
"""

from __future__ import annotations

import json
import os
import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import headroom
import peers
from quality_cases import Case, Messages
from quality_methods import MODEL, OURS, PEER, scorer
from quality_peers import CachedPeer

READ, WRITE = 0.1, 1.25
"""Price of cached reads and of writes relative to plain input: Anthropic's for five minutes."""
KIND = "trajectory"
"""The kind of cases that are an agent's conversation."""


@dataclass
class Bill:
    """Of the requests of conversations.

    Attributes:
        requests: how many.
        cost: in prices of a plain input token.
        tokens: sent in all, cached or not.
        rewrites: requests in which a message that had been sent before came out different.
    """

    requests: int = 0
    cost: float = 0.0
    tokens: int = 0
    rewrites: int = 0

    def add(self, other: Bill) -> None:
        """Adds the requests of another conversation."""
        self.requests += other.requests
        self.cost += other.cost
        self.tokens += other.tokens
        self.rewrites += other.rewrites


def conversations(cases: list[Case]) -> list[Case]:
    """Those of them that are."""
    return [case for case in cases if case.kind == KIND]


def cuts(case: Case) -> list[int]:
    """How many messages each request of a conversation sends."""
    ends = [i for i, message in enumerate(case.messages) if message["role"] == "assistant"]
    return [end for end in [*ends, len(case.messages)] if end]


def bill(requests: list[Messages]) -> Bill:
    """The bill of a conversation's requests, in their order."""
    count, out, before = scorer(), Bill(len(requests)), list[str]()
    for messages in requests:
        sent = [json.dumps(message) for message in messages]
        same = 0
        while same < min(len(before), len(sent)) and before[same] == sent[same]:
            same += 1
        tokens = [count.tokens([message]) for message in messages]
        out.cost += READ * sum(tokens[:same]) + WRITE * sum(tokens[same:])
        out.tokens += sum(tokens)
        out.rewrites += same < len(before)
        before = sent
    return out


def measure(cases: list[Case], with_peers: bool = True) -> dict[str, dict[str, Bill]]:
    """By set and by "" (uncompressed) or method, the bills of all its conversations."""
    talks = conversations(cases)
    out: dict[str, dict[str, Bill]] = {}

    def add(case: Case, method: str, one: Bill) -> None:
        out.setdefault(case.set, {}).setdefault(method, Bill()).add(one)

    if not talks:
        return out
    with ProcessPoolExecutor(min(os.cpu_count() or 1, len(talks)), get_context("spawn")) as pool:
        for case, (plain, ours) in zip(talks, pool.map(_bills, talks), strict=True):
            add(case, "", plain)
            add(case, OURS, ours)
    python = peers.install_headroom_ai() if with_peers else None
    if python is not None:
        with CachedPeer(PEER, peers.VERSION, python) as peer:
            for case in talks:
                sent = {end: peer.compress(case.messages[:end], MODEL)[0] for end in _drawn(case)}
                add(case, PEER, bill([sent[end] or case.messages[:end] for end in cuts(case)]))
    return out


def _bills(case: Case) -> tuple[Bill, Bill]:
    done = {end: headroom.compress(case.messages[:end], model=MODEL, max_threads=1).messages for end in _drawn(case)}
    return bill([case.messages[:end] for end in cuts(case)]), bill([done[end] for end in cuts(case)])


def _drawn(case: Case) -> list[int]:
    ends = cuts(case)
    return random.Random(case.id).sample(ends, len(ends))


def table(bills: dict[str, dict[str, Bill]]) -> str:
    """The bills in per cent of the uncompressed ones."""
    methods = [m for m in (OURS, PEER) if all(m in of_set for of_set in bills.values())]
    heads = [f"{name}: {what}" for name in methods for what in ("cost", "tokens", "rewrites")]
    lines = ["| | requests | " + " | ".join(heads) + " |", "|---|---:|" + "---:|" * len(heads)]
    whole: dict[str, Bill] = {}
    for of_set in bills.values():
        for method, one in of_set.items():
            whole.setdefault(method, Bill()).add(one)
    for name, of_set in [*bills.items(), ("**all**", whole)]:
        plain, cells = of_set[""], []
        for method in methods:
            one = of_set[method]
            cells += [f"{100 * one.cost / plain.cost:.1f}", f"{100 * one.tokens / plain.tokens:.1f}", str(one.rewrites)]
        lines.append(f"| {name} | {plain.requests:,} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
