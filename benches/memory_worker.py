"""Peak memory of one `compress()` in a process of its own.

    python memory_worker.py FILE REQUESTS MAX_THREADS

REQUESTS is a JSON file: lists of messages that load what is loaded on first use, the last of them the one
that the text in FILE is put into. Prints bytes: resident with the library loaded and used, peak while the
text is read and compressed, the size of the text and of the Python string that holds it (a string with
one emoji in it takes four bytes for every character). Linux only (reads /proc/self/status).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import headroom


def status(field: str) -> int:
    """A memory figure of this process, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(field)


def main() -> None:
    path, requests, threads = sys.argv[1:]
    # Nothing else may be loaded or made here: memory that was free already would not count as used.
    messages = []
    for messages in json.loads(Path(requests).read_text("utf-8")):
        headroom.compress(messages)
    loaded = status("VmRSS")
    body = Path(path).read_text("utf-8")
    with_text = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from what is resident
    messages[-1]["content"] = body
    result = headroom.compress(messages, model_limit=10**9, max_threads=int(threads))
    out = {
        "loaded": loaded,
        "with_text": with_text,
        "peak": status("VmHWM"),
        "input": len(body.encode()),
        "string": sys.getsizeof(body),
        "saved": result.compression_ratio,
    }
    print(json.dumps(out))


if __name__ == "__main__":
    main()
