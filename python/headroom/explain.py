"""Says in plain text what a compression saw, kept and left out, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headroom.compression import CompressResult, Decision, Omitted

MARK = re.compile(r"\[… \d+ [a-z]+ \d[^\n\]]*\]")
"""A mark, as the core writes it; only used to show it in its place."""
MAX_SHOWN_LINES = 12
"""Of each omitted run so many lines are shown, from its start and its end."""

GREEN, RED, DIM, BOLD, RESET = "\033[32m", "\033[31m", "\033[2m", "\033[1m", "\033[0m"


def explain(result: CompressResult, color: bool = False) -> str:
    """The whole explanation; see `CompressResult.explain`."""
    about = "" if result.tokens_exact else "about "
    lines = [
        f"{BOLD}{about}{result.tokens_before:,} → {result.tokens_after:,} tokens, "
        f"{100 * result.compression_ratio:.1f} % saved{RESET}, counted with {result.tokenizer}"
    ]
    if result.over_limit:
        lines.append(f"{RED}{result.over_limit:,} tokens more than model_limit allows{RESET}")
    for decision in result.decisions:
        lines += _message(result, decision)
    text = "\n".join(lines) + "\n"
    return text if color else re.sub("\033\\[[0-9;]*m", "", text)


def _message(result: CompressResult, decision: Decision) -> Iterator[str]:
    original = result.original[decision.message]
    role = (original.get("role") or original.get("type")) if isinstance(original, dict) else type(original).__name__
    yield ""
    yield (
        f"{BOLD}message {decision.message} ({role}){RESET}: {decision.action}, {decision.reason}; "
        f"{decision.tokens_before:,} → {decision.tokens_after:,} tokens"
    )
    gone = [o for o in result.omitted if o.message == decision.message]
    for path in dict.fromkeys(b.path for b in decision.blocks):
        old, new = (_at(m[decision.message], path) for m in (result.original, result.messages))
        for block in (b for b in decision.blocks if b.path == path):
            first = old.encode()[: block.start_byte].count(b"\n") + 1
            last = first + max(old.encode()[block.start_byte : block.end_byte].rstrip(b"\n").count(b"\n"), 0)
            what = block.kind or "text"
            why = block.why or f"{block.tokens_before:,} → {block.tokens_after:,} tokens"
            yield f"  lines {first}-{last}: {what}; {why}"
        if old != new:
            yield from _changed(new, gone)


def _at(message: Any, path: tuple[str | int, ...]) -> str:
    for step in path:
        message = message[step]
    return str(message)


def _changed(text: str, gone: list[Omitted]) -> Iterator[str]:
    """The new text, with what was left out below each mark."""
    left = iter(gone)
    for line in text.splitlines():
        yield f"  {GREEN}  {line}{RESET}"
        for _ in MARK.findall(line):
            omitted = next(left, None)
            if omitted is None:
                continue
            hidden = omitted.text.splitlines()
            shown = (
                hidden
                if len(hidden) <= MAX_SHOWN_LINES
                else [*hidden[: MAX_SHOWN_LINES // 2], None, *hidden[-MAX_SHOWN_LINES // 2 :]]
            )
            for item in shown:
                if item is None:
                    yield f"  {DIM}- … {len(hidden) - MAX_SHOWN_LINES} more{RESET}"
                else:
                    yield f"  {RED}- {item}{RESET}"
