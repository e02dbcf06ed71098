"""`headroom compress`: a text or a JSON request in, the same with fewer tokens out."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from headroom import CompressResult, compress
from headroom.commands import CommandError, reading
from headroom.compression import compress_body

PROGRESS_AFTER_S = 1.0
"""Inputs that take longer than this get a sign of life on a terminal's stderr."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `headroom compress`."""
    parser.description = (
        "Compress plain text (a tool output, a log, JSON, a document), a JSON list of messages, or a\n"
        "whole JSON request. The result goes to standard output; nothing is sent anywhere."
    )
    reading.add_input(parser)
    parser.add_argument("-o", "--output", default=None, metavar="FILE", help="write the result there instead")
    parser.add_argument("--json", action="store_true", help="print the result and its figures as one JSON object")
    parser.add_argument("--stats", action="store_true", help="print figures to standard error")


def run(arguments: argparse.Namespace) -> int:
    """`headroom compress`."""
    text = reading.read_input(arguments.file)
    started = time.perf_counter()
    with progress(f"compressing {len(text) / 1e6:,.1f} million characters"):
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
        body = (
            {"text": output}
            if shape == "text"
            else {"messages" if shape == "messages" else "request": json.loads(output)}
        )
        decisions = [asdict(d) for d in result.decisions]
        output = json.dumps({**body, **figures, "decisions": decisions}, ensure_ascii=False, indent=2) + "\n"
    write_output(output, arguments.output)
    if arguments.stats:
        print_stats(figures)
    return 0


def compress_input(text: str, arguments: argparse.Namespace) -> tuple[str, str, CompressResult]:
    """Compresses `text` as what it is: ("text" | "messages" | "request", output, result)."""
    options = reading.options(arguments)
    parsed = None if arguments.text else reading.as_request(text)
    if isinstance(parsed, dict):
        new, result = compress_body(text.encode(), arguments.model, **options)
        return "request", text if new is None else new.decode(), result
    model = arguments.model or reading.DEFAULT_MODEL
    if isinstance(parsed, list):
        result = compress(parsed, model, **options)
        return "messages", json.dumps(result.messages, ensure_ascii=False, indent=2) + "\n", result
    result = compress([{"role": "tool", "content": text}], model, **options)
    return "text", result.messages[0]["content"], result


def write_output(output: str, name: str | None) -> None:
    """Writes to a file or to standard output, bytes as they are."""
    if name is None or name == "-":
        sys.stdout.buffer.write(output.encode())
        return
    try:
        with open(name, "w", encoding="utf-8", newline="") as file:
            file.write(output)
    except OSError as error:
        raise CommandError(f"cannot write {name}: {error.strerror}") from error


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
        if sys.stderr.isatty() and "NO_COLOR" not in os.environ:
            from rich.console import Console

            Console(stderr=True, highlight=True).print(f"[bold green]headroom[/] {line}\n[dim]done: {done}[/]")
            return
    print(f"headroom: {line}\ndone: {done}", file=sys.stderr)


@contextlib.contextmanager
def progress(what: str) -> Iterator[None]:
    """Says what is going on, on a terminal, if it takes longer than `PROGRESS_AFTER_S`."""
    if not sys.stderr.isatty():
        yield
        return
    finished = threading.Event()

    def show() -> None:
        started = time.monotonic()
        wait = PROGRESS_AFTER_S
        while not finished.wait(wait):
            print(f"\r{what} … {time.monotonic() - started:.0f} s", end="", file=sys.stderr, flush=True)
            wait = 0.5
        if time.monotonic() - started > PROGRESS_AFTER_S:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()
