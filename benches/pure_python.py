"""What `compress()` does to a log, in plain Python: the same idea of selection, without the framework
around it.

Not as careful as the core (no tracebacks, no kinds of failure, no budget); it shows what the choice of the
language costs. Templates by masking, one line of each, all severe lines, both ends, the lines that share
most with the question; everything else behind marks, and tokens counted before and after.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable

MASKED = re.compile(r"\b(?:0x)?[0-9a-fA-F]*\d[0-9a-fA-F.:-]*\b")
SEVERE = re.compile(r"\b(?:ERROR|FATAL|PANIC|CRITICAL|SEVERE|WARN(?:ING)?|[A-Z]\w*(?:Error|Exception))\b")
WORD = re.compile(r"\w{3,}")
FIRST, LAST, BEST = 3, 5, 10
"""Lines kept at the ends, and by their words."""


def compress_log(text: str, question: str, count: Callable[[str], int]) -> tuple[str, int, int]:
    """The text with marks, and its tokens before and after."""
    lines = text.split("\n")
    keep = set(range(FIRST)) | set(range(len(lines) - LAST, len(lines)))
    templates: set[str] = set()
    severe: set[str] = set()
    wanted = set(WORD.findall(question.lower()))
    matches: list[tuple[int, set[str]]] = []
    frequency: Counter[str] = Counter()
    for i, line in enumerate(lines):
        template = MASKED.sub("#", line)
        if template not in templates:
            templates.add(template)
            keep.add(i)
        if SEVERE.search(line) and template not in severe:
            severe.add(template)
            keep.add(i)
        shared = wanted & set(WORD.findall(line.lower()))
        if shared:
            matches.append((i, shared))
            frequency.update(shared)
    weight = {word: math.log(1 + len(lines) / n) for word, n in frequency.items()}
    matches.sort(key=lambda match: -sum(weight[word] for word in match[1]))
    keep.update(i for i, _ in matches[:BEST])
    out = _with_marks(lines, keep)
    return out, count(text), count(out)


def _with_marks(lines: list[str], keep: set[int]) -> str:
    out: list[str] = []
    at = 0
    while at < len(lines):
        if at in keep:
            out.append(lines[at])
            at += 1
            continue
        end = at
        while end < len(lines) and end not in keep:
            end += 1
        out.append(f"[… {end - at} lines {at + 1}-{end}]")
        at = end
    return "\n".join(out)
