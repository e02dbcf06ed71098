"""Cases of real text with known needs, and what a compression of one is worth.

A folder of cases holds `<set>.jsonl` or `<set>/cases.jsonl`, one case a line:

    {"id": "…", "kind": "log", "messages": [...], "question": "…" | null, "gold": ["…"], "gold_mode": "all" | "any"}

`messages` are OpenAI chat messages; `gold` are the strings of the payload that an answer needs: all of them, or any
one. A string is visible if it stands in the messages, case and white space aside. Nothing here asks the compressor:
tokens are counted by tiktoken, and strings are looked for in what came back.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import rivals

Messages = list[dict[str, Any]]

NO_QUESTION = "Go on."
"""Stands where a message was nothing but the question that is hidden."""
NEAR_BEFORE_CHARS = 80
"""The words that stand so near a gold string in the input are its context …"""
NEAR_AFTER_CHARS = 300
"""… and must stand so near it in the output, which may have moved them apart by a table's notation …"""
CONTEXT_SHARE = 3
"""… at least one in so many of them: an index of identifiers is not a context."""
INSTRUCTION_CHARS = 400
"""A shorter user message is an instruction, which nothing may touch."""

REMEMBERED = 1000
"""Texts whose count is remembered: more than the longest conversation has, few enough to hold."""

SPACE = re.compile(r"\s+")
WORD = re.compile(r"\w{3,}")


class CaseError(Exception):
    """A file of cases cannot be used; the message says where and why."""


@dataclass
class Case:
    """One case, and by method what was made of it."""

    set: str
    id: str
    kind: str
    messages: Messages
    question: str
    gold: list[str]
    is_any: bool
    scores: dict[str, Score] = field(default_factory=dict)

    def without_question(self) -> Messages:
        """The messages as an agent's later steps see them: the question stands nowhere, in no call either."""
        out = copy.deepcopy(self.messages)
        if not self.question:
            return out
        for message in out:
            text = message.get("content")
            if message["role"] == "user" and isinstance(text, str) and self.question in text:
                message["content"] = text.replace(self.question, "").strip() or NO_QUESTION
            for call in message.get("tool_calls") or []:
                for form in (self.question, json.dumps(self.question)[1:-1]):
                    call["function"]["arguments"] = call["function"]["arguments"].replace(form, "")
        return out


@dataclass(frozen=True)
class Score:
    """What one method made of one case.

    Attributes:
        before: tokens of what it was given.
        after: tokens of what it returned.
        kept: share of the gold strings that are visible (for "any": whether one is); None without gold.
        in_context: the same, of those that still have some of their context around them.
        asks: whether the question is still whole; None where there is none or it was hidden.
        touched: something that is not payload has changed.
        system: a system message has changed (which only a re-encoding without loss may do).
        error: what went wrong; the messages then count as they were.
    """

    before: int
    after: int
    kept: float | None
    in_context: float | None
    asks: bool | None
    touched: bool
    system: bool
    error: str = ""


def read(folder: Path, sets: list[str] | None = None, limit: int | None = None) -> Iterator[Case]:
    """The cases of a folder, at most `limit` of each set.

    Raises:
        CaseError: no cases, no such set, or a line that is none.
    """
    files = {p.stem: p for p in folder.glob("*.jsonl")} | {p.parent.name: p for p in folder.glob("*/cases.jsonl")}
    if not files:
        raise CaseError(f"no cases in {folder}: give a folder of <set>.jsonl or <set>/cases.jsonl")
    if missing := set(sets or ()) - files.keys():
        raise CaseError(f"no set {', '.join(sorted(missing))} in {folder}; there are {', '.join(sorted(files))}")
    for name in sorted(sets or files):
        with files[name].open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if limit and number > limit:
                    break
                yield _case(name, line, f"{files[name]}:{number}")


def _case(name: str, line: str, where: str) -> Case:
    try:
        row = json.loads(line)
        return Case(
            name,
            str(row.get("id", where)),
            row["kind"],
            list(row["messages"]),
            row.get("question") or "",
            [str(gold) for gold in row["gold"]],
            row.get("gold_mode", "all") == "any",
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CaseError(f"{where} is not a case: {error!r}") from error


def digest(cases: list[Case]) -> str:
    """Tells one collection of cases from another."""
    sha = hashlib.sha256()
    for c in cases:
        sha.update(json.dumps([c.set, c.id, c.messages, c.question, c.gold, c.is_any], sort_keys=True).encode())
    return sha.hexdigest()[:12]


class Scorer:
    """Counts tokens in one vocabulary, and gold."""

    def __init__(self, encoding: Any) -> None:
        # What a case's methods start from is counted thirty times, and much of what they return is the same again.
        self._count = lru_cache(REMEMBERED)(lambda text: len(encoding.encode_ordinary(text)))

    def tokens(self, messages: Messages) -> int:
        """Of all text that is billed: contents and tool calls."""
        return sum(self._count(rivals.content(m)) for m in messages)

    def score(self, case: Case, given: Messages, out: Messages | None, error: str = "") -> Score:
        """The score of `out`, made of `given` (the case's messages, or those without the question)."""
        result = given if out is None else out
        source, visible = (folded("\n".join(rivals.content(m) for m in ms)) for ms in (given, result))
        golds = [folded(gold) for gold in case.gold]
        hits = [gold in visible for gold in golds]
        near = [hit and (g not in source or in_context(g, source, visible)) for g, hit in zip(golds, hits, strict=True)]

        def share(found: list[bool]) -> float | None:
            if not found:
                return None
            return float(any(found)) if case.is_any else sum(found) / len(found)

        asks = folded(case.question) in visible if case.question and given is case.messages else None
        return Score(
            self.tokens(given),
            self.tokens(result),
            share(hits),
            share(near),
            asks,
            [protected(m) for m in result] != [protected(m) for m in given],
            [m for m in result if m.get("role") == "system"] != [m for m in given if m.get("role") == "system"],
            error,
        )


@lru_cache(64)
def folded(text: str) -> str:
    """Case and white space aside."""
    return SPACE.sub(" ", text).strip().lower()


def in_context(gold: str, source: str, visible: str) -> bool:
    """Whether `gold` stands in `visible` near some of the words that it stood near in `source`; all folded."""
    at = source.find(gold)
    end = at + len(gold)
    around = source[max(0, at - NEAR_BEFORE_CHARS) : at] + " " + source[end : end + NEAR_BEFORE_CHARS]
    words = set(WORD.findall(around)) - set(WORD.findall(gold))
    at = visible.find(gold)
    while at >= 0:
        here = WORD.findall(visible[max(0, at - NEAR_AFTER_CHARS) : at + len(gold) + NEAR_AFTER_CHARS])
        if not words or len(words.intersection(here)) * CONTEXT_SHARE >= len(words):
            return True
        at = visible.find(gold, at + 1)
    return False


def protected(message: dict[str, Any]) -> dict[str, Any]:
    """What of a message no compressor may change."""
    out = {key: value for key, value in message.items() if key != "content"}
    content, role = message.get("content"), message.get("role")
    if role == "assistant" or (role == "user" and isinstance(content, str) and len(content) < INSTRUCTION_CHARS):
        out["content"] = content
    elif isinstance(content, list):
        out["types"] = [b.get("type") if isinstance(b, dict) else type(b).__name__ for b in content]
    return out
