"""`headroom compress`: a text or a JSON request in, the same with fewer tokens out.

What comes in as JSON messages or as a request goes out byte for byte as it came, but for the strings that changed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from dataclasses import asdict
from typing import Any

from headroom import CompressResult, compress
from headroom.commands import reading, terminal
from headroom.compression import compress_body


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `headroom compress`."""
    parser.description = (
        "Compresses plain text (a tool output, a log, JSON, a document), a JSON list of messages, or a\n"
        "whole JSON request. The result goes to standard output; nothing is sent anywhere."
    )
    parser.epilog = (
        "examples:\n"
        '  kubectl logs api | headroom compress --query "why did it fail?" --stats\n'
        "  headroom compress request.json --model claude-sonnet-4-5 -o smaller.json\n\n"
        "exit codes: 0 done (also if nothing could be saved), 1 the input cannot be used, 2 wrong usage"
    )
    reading.add_input(parser)
    parser.add_argument("-o", "--output", default=None, metavar="FILE", help="write the result there instead")
    parser.add_argument("--json", action="store_true", help="print the result and its figures as one JSON object")
    parser.add_argument("--stats", action="store_true", help="print figures to standard error")


def run(arguments: argparse.Namespace) -> int:
    """Reads, compresses, writes."""
    text = reading.read_input(arguments.file)
    started = time.perf_counter()
    with terminal.progress(f"compressing {len(text) / 1e6:,.1f} million characters"):
        shape, output, result = compress_input(text, arguments)
    seconds = time.perf_counter() - started
    figures: dict[str, Any] = {
        "input": shape,
        "tokens_before": result.tokens_before,
        "tokens_after": result.tokens_after,
        "tokens_saved": result.tokens_saved,
        "compression_ratio": round(result.compression_ratio, 4),
        "transforms_applied": result.transforms_applied,
        "tokenizer": result.tokenizer,
        "tokens_exact": result.tokens_exact,
        "seconds": round(seconds, 4),
    }
    if arguments.json:
        body = {shape: output if shape == "text" else json.loads(output)}
        decisions = [asdict(d) for d in _decisions(text, shape, result, arguments)]
        output = json.dumps({**body, **figures, "decisions": decisions}, ensure_ascii=False, indent=2) + "\n"
    reading.write_output(output, arguments.output)
    if arguments.stats:
        print_stats(figures)
    return 0


def compress_input(text: str, arguments: argparse.Namespace) -> tuple[str, str, CompressResult]:
    """Compresses `text` as what it is: ("text" | "messages" | "request", output, result)."""
    options = reading.options(arguments)
    parsed = None if arguments.text else reading.as_request(text)
    if parsed is None:
        result = compress([{"role": "tool", "content": text}], arguments.model or reading.DEFAULT_MODEL, **options)
        return "text", result.messages[0]["content"], result
    if isinstance(parsed, dict):
        new, result = compress_body(text.encode(), arguments.model, **options)
        return "request", text if new is None else new.decode(), result
    # A list of messages is the body of a request without the rest of it.
    before, after = ('{"messages":' if all("role" in m for m in parsed) else '{"input":'), "}"
    new, result = compress_body((before + text + after).encode(), arguments.model or reading.DEFAULT_MODEL, **options)
    return "messages", text if new is None else new.decode()[len(before) : -len(after)], result


def _decisions(text: str, shape: str, result: CompressResult, arguments: argparse.Namespace) -> list[Any]:
    """What was done to each message; bodies are compressed without a look at their messages one by one."""
    if shape == "text":
        return result.decisions
    parsed = reading.as_request(text)
    held = parsed.get("messages", parsed.get("input")) if isinstance(parsed, dict) else parsed
    messages = held if isinstance(held, list) else [{"role": "user", "content": held}]
    model = arguments.model or (parsed.get("model") if isinstance(parsed, dict) else None) or reading.DEFAULT_MODEL
    return compress(messages, model, **reading.options(arguments)).decisions


def print_stats(figures: dict[str, Any]) -> None:
    """Figures for a person, on standard error."""
    about = "" if figures["tokens_exact"] else "about "
    line = (
        f"{about}{figures['tokens_before']:,} → {figures['tokens_after']:,} tokens "
        f"({100 * figures['compression_ratio']:.1f} % saved) in {1000 * figures['seconds']:.1f} ms; "
        f"counted with {figures['tokenizer']}"
    )
    done = ", ".join(figures["transforms_applied"]) or "nothing"
    with contextlib.suppress(ImportError):
        if terminal.has_color(sys.stderr):
            from rich.console import Console

            out = Console(stderr=True, highlight=False, soft_wrap=True)
            out.print(f"[bold green]headroom[/] {line}\n[dim]done: {done}[/]")
            return
    print(f"headroom: {line}\ndone: {done}", file=sys.stderr)
