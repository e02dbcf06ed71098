"""Two simple ways to shorten a text to a budget of tokens: best lines by BM25, and first and last lines.

They are here to show what the tokens saved are worth: anyone can save half of them.
"""

from __future__ import annotations

import copy
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

K1, B = 1.2, 0.75
"""The usual constants of BM25."""
MIN_PAYLOAD_CHARS = 400
"""A shorter user message is an instruction and stays."""
LONG_LINE_CHARS = 400
"""Longer lines are split, so that a text of one line can be shortened at all."""

WORD = re.compile(r"[a-z0-9_]{2,}")
PIECE = re.compile(r".{1,200}(?:[\s,;]|$)|.{1,200}", re.DOTALL)

Count = Callable[[str], int]
Choose = Callable[[Sequence[str], Sequence[int], str, int], set[int]]


def shorten(
    messages: list[dict[str, Any]], question: str, budget: int, count: Count, choose: Choose
) -> list[dict[str, Any]]:
    """The messages with their payload cut to `budget` tokens in all."""
    out = copy.deepcopy(messages)
    payload = [m for m in out if is_payload(m)]
    left = budget - sum(count(content(m)) for m in out if not is_payload(m))
    units = [(m, unit) for m in payload for unit in split(m["content"])]
    costs = [count(unit) for _, unit in units]
    keep = choose([unit for _, unit in units], costs, question, left)
    for message in payload:
        message["content"] = "".join(unit for i, (m, unit) in enumerate(units) if m is message and i in keep)
    return out


def best_lines(units: Sequence[str], costs: Sequence[int], question: str, budget: int) -> set[int]:
    """The units that share most with the question, by BM25, while they fit."""
    terms = [Counter(WORD.findall(unit.lower())) for unit in units]
    lengths = [sum(t.values()) for t in terms]
    mean = sum(lengths) / max(1, len(lengths)) or 1
    wanted = set(WORD.findall(question.lower()))
    found = Counter(word for t in terms for word in wanted & t.keys())
    idf = {w: math.log(1 + (len(units) - n + 0.5) / (n + 0.5)) for w, n in found.items()}

    def score(i: int) -> float:
        norm = K1 * (1 - B + B * lengths[i] / mean)
        return sum(idf[w] * terms[i][w] * (K1 + 1) / (terms[i][w] + norm) for w in wanted & terms[i].keys())

    return _while_they_fit(sorted(range(len(units)), key=lambda i: (-score(i), i)), costs, budget)


def head_and_tail(units: Sequence[str], costs: Sequence[int], question: str, budget: int) -> set[int]:
    """The first units and the last ones, half of the budget each."""
    order = range(len(units))
    head = _while_they_fit(order, costs, budget // 2, stop=True)
    rest = [i for i in reversed(order) if i not in head]
    return head | _while_they_fit(rest, costs, budget - sum(costs[i] for i in head), stop=True)


def _while_they_fit(order: Sequence[int], costs: Sequence[int], budget: int, stop: bool = False) -> set[int]:
    keep: set[int] = set()
    for i in order:
        if costs[i] <= budget:
            keep.add(i)
            budget -= costs[i]
        elif stop:
            break
    return keep


def split(text: str) -> list[str]:
    """Lines with their ends; long ones in pieces."""
    out: list[str] = []
    for line in text.splitlines(keepends=True):
        out += PIECE.findall(line) if len(line) > LONG_LINE_CHARS else [line]
    return out


def is_payload(message: dict[str, Any]) -> bool:
    """Whether a message is what a compressor may cut: a tool's output or a long user message."""
    text = message.get("content")
    if not isinstance(text, str):
        return False
    return message["role"] == "tool" or (message["role"] == "user" and len(text) >= MIN_PAYLOAD_CHARS)


def content(message: dict[str, Any]) -> str:
    """All text of a message that is billed: its content and its tool calls."""
    text = message.get("content") or ""
    if isinstance(text, list):
        text = "\n".join(str(b.get("text") or b.get("content") or "") if isinstance(b, dict) else str(b) for b in text)
    calls = "".join(f"\n{c['function']['name']} {c['function']['arguments']}" for c in message.get("tool_calls") or [])
    return str(text) + calls
