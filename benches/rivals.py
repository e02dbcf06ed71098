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

Messages = list[dict[str, Any]]


class Cut:
    """Messages whose payload can be cut to any number of tokens; split, counted and ranked once."""

    def __init__(self, messages: Messages, question: str, count: Callable[[str], int]) -> None:
        self._messages = messages
        payload = [i for i, message in enumerate(messages) if is_payload(message)]
        self._fixed = sum(count(content(m)) for i, m in enumerate(messages) if i not in payload)
        self._units = [(i, unit) for i in payload for unit in split(messages[i]["content"])]
        self._costs = [count(unit) for _, unit in self._units]
        self._ranked = _by_bm25([unit for _, unit in self._units], question)

    def best_lines(self, budget: int) -> Messages:
        """The units that share most with the question, by BM25, while they fit."""
        return self._with(_while_they_fit(self._ranked, self._costs, budget - self._fixed))

    def head_and_tail(self, budget: int) -> Messages:
        """The first units and the last ones, half of the budget each."""
        left, order = budget - self._fixed, range(len(self._units))
        head = _while_they_fit(order, self._costs, left // 2, stop=True)
        rest = [i for i in reversed(order) if i not in head]
        return self._with(
            head | _while_they_fit(rest, self._costs, left - sum(self._costs[i] for i in head), stop=True)
        )

    def _with(self, keep: set[int]) -> Messages:
        out = copy.deepcopy(self._messages)
        texts: dict[int, list[str]] = {i: [] for i, _ in self._units}
        for number in sorted(keep):
            i, unit = self._units[number]
            texts[i].append(unit)
        for i, parts in texts.items():
            out[i]["content"] = "".join(parts)
        return out


def _by_bm25(units: Sequence[str], question: str) -> list[int]:
    """Indices of the units, the best first; in their order where none is better."""
    terms = [Counter(WORD.findall(unit.lower())) for unit in units]
    lengths = [sum(t.values()) for t in terms]
    mean = sum(lengths) / max(1, len(lengths)) or 1
    # Sorted: sums of floats must not depend on the order of a set, which differs from process to process.
    wanted = sorted(set(WORD.findall(question.lower())))
    found = Counter(word for t in terms for word in wanted if word in t)
    idf = {w: math.log(1 + (len(units) - n + 0.5) / (n + 0.5)) for w, n in found.items()}

    def score(i: int) -> float:
        norm = K1 * (1 - B + B * lengths[i] / mean)
        return sum(idf[w] * terms[i][w] * (K1 + 1) / (terms[i][w] + norm) for w in wanted if w in terms[i])

    scores = [score(i) for i in range(len(units))]
    return sorted(range(len(units)), key=lambda i: -scores[i])


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
