"""What commands say to a person: whether in colour, and that they are still at work."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import TextIO

PROGRESS_AFTER_S = 1.0
"""Whatever takes longer than this gives a sign of life on a terminal's stderr."""
PROGRESS_EVERY_S = 0.5


def add_color(parser: argparse.ArgumentParser) -> None:
    """The option that overrides what `has_color` finds."""
    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="colours; auto: on a terminal, unless NO_COLOR is set",
    )


def has_color(stream: TextIO, wanted: str = "auto") -> bool:
    """Whether to write colours to `stream`: see https://no-color.org."""
    if wanted != "auto":
        return wanted == "always"
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


@contextlib.contextmanager
def progress(what: str) -> Iterator[None]:
    """Says on a terminal what is going on and for how long, once it takes longer than `PROGRESS_AFTER_S`."""
    if not sys.stderr.isatty():
        yield
        return
    finished = threading.Event()

    def show() -> None:
        started = time.monotonic()
        wait, has_shown = PROGRESS_AFTER_S, False
        while not finished.wait(wait):
            print(f"\r{what} … {time.monotonic() - started:.0f} s", end="", file=sys.stderr, flush=True)
            wait, has_shown = PROGRESS_EVERY_S, True
        if has_shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()
