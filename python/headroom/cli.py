"""The `headroom` command. Works from the bare wheel; colour where `rich` is installed and stderr is a terminal.

Exit codes: 0 done, 1 the input could not be used, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from headroom import CompressResult, HeadroomError, __version__, compress
from headroom.compression import compress_body

PROGRESS_AFTER_S = 1.0
"""Inputs that take longer than this get a sign of life on a terminal's stderr."""


class InputError(Exception):
    """The input cannot be read; the message says what was given and what to do."""


def build_parser() -> argparse.ArgumentParser:
    """The command line, as `--help` shows it."""
    parser = argparse.ArgumentParser(
        prog="headroom", description="Compress what an application sends to a language model."
    )
    parser.add_argument("--version", action="version", version=f"headroom {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    one = commands.add_parser(
        "compress",
        help="compress a file or standard input",
        description="Compress plain text (a tool output, a log, JSON, a document), a JSON list of messages, or a "
        "whole JSON request. The result goes to standard output; nothing is sent anywhere.",
    )
    _add_input(one)
    one.add_argument("-o", "--output", default=None, metavar="FILE", help="write the result there instead")
    one.add_argument("--json", action="store_true", help="print the result and its figures as one JSON object")
    one.add_argument("--stats", action="store_true", help="print figures to standard error")
    one.set_defaults(run=run_compress)
    two = commands.add_parser(
        "explain",
        help="show what would be kept and left out, and why",
        description="Shows which blocks were seen in a text or in messages, what of them is kept and what is left "
        "out, in colour on a terminal.",
    )
    _add_input(two)
    two.set_defaults(run=run_explain)
    return parser


def _add_input(one: argparse.ArgumentParser) -> None:
    """The options that both commands share."""
    one.add_argument(
        "file", nargs="?", default="-", metavar="FILE", help="input file, or - for standard input (default)"
    )
    one.add_argument(
        "-m", "--model", default=None, help="model that will read it (default: the request's own, or gpt-4o)"
    )
    one.add_argument(
        "-l",
        "--level",
        choices=("lossless", "balanced", "aggressive"),
        default="balanced",
        help="how far to go (default: balanced)",
    )
    one.add_argument("-q", "--query", default=None, metavar="TEXT", help="the question the text is read for")
    one.add_argument(
        "--target-ratio", type=float, default=None, metavar="R", help="share of the tokens to keep, 0 to 1"
    )
    one.add_argument("--text", action="store_true", help="take the input as plain text, even if it is a JSON request")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    arguments = build_parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except (InputError, HeadroomError) as error:
        print(f"headroom: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("headroom: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader has seen enough (`headroom … | head`). Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def read_input(name: str) -> bytes:
    """The bytes of a file or of standard input.

    Raises:
        InputError: it cannot be read.
    """
    try:
        if name == "-":
            if sys.stdin.isatty():
                print("headroom: reading standard input, end with Ctrl-D", file=sys.stderr)
            return sys.stdin.buffer.read()
        with open(name, "rb") as file:
            return file.read()
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror}") from error


def read_text(name: str) -> str:
    """The text of a file or of standard input.

    Raises:
        InputError: it cannot be read or is not UTF-8.
    """
    data = read_input(name)
    where = "standard input" if name == "-" else name
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InputError(
            f"{where} is not UTF-8 text (byte 0x{data[error.start]:02x} at {error.start}); "
            "convert it first, for example with iconv"
        ) from error


def run_explain(arguments: argparse.Namespace) -> int:
    """`headroom explain`."""
    text = read_text(arguments.file)
    parsed = None if arguments.text else as_request(text)
    if isinstance(parsed, dict):
        arguments.model = arguments.model or parsed.get("model")
        parsed = parsed.get("messages", parsed.get("input"))
    messages = parsed if isinstance(parsed, list) else [{"role": "tool", "content": text}]
    result = compress(messages, arguments.model or "gpt-4o", **_options(arguments))
    color = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    sys.stdout.write(result.explain(color=color))
    return 0


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"level": arguments.level, "target_ratio": arguments.target_ratio, "query": arguments.query}


def run_compress(arguments: argparse.Namespace) -> int:
    """`headroom compress`."""
    text = read_text(arguments.file)
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
    options = _options(arguments)
    parsed = None if arguments.text else as_request(text)
    if isinstance(parsed, dict):
        new, result = compress_body(text.encode(), arguments.model, **options)
        return "request", text if new is None else new.decode(), result
    model = arguments.model or "gpt-4o"
    if isinstance(parsed, list):
        result = compress(parsed, model, **options)
        return "messages", json.dumps(result.messages, ensure_ascii=False, indent=2) + "\n", result
    result = compress([{"role": "tool", "content": text}], model, **options)
    return "text", result.messages[0]["content"], result


def as_request(text: str) -> dict[str, Any] | list[Any] | None:
    """A JSON request (an object with `messages` or `input`), a list of messages, or neither."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, dict):
        held = value.get("messages", value.get("input"))
        return value if isinstance(held, list) or ("model" in value and isinstance(held, str)) else None
    is_messages = isinstance(value, list) and value and all(isinstance(m, dict) and ("role" in m) for m in value)
    return value if is_messages else None


def write_output(output: str, name: str | None) -> None:
    """Writes to a file or to standard output, bytes as they are."""
    if name is None or name == "-":
        sys.stdout.buffer.write(output.encode())
        return
    try:
        with open(name, "w", encoding="utf-8", newline="") as file:
            file.write(output)
    except OSError as error:
        raise InputError(f"cannot write {name}: {error.strerror}") from error


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


if __name__ == "__main__":
    sys.exit(main())
